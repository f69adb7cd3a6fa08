"""A few connections to one account: opened when needed, kept for a while, never more than the ceiling."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from mailsync.errors import MailsyncError, Unreachable
from mailsync.imap.session import Session

STALE_SECONDS = 60.0
"""A session unused for longer is asked whether it still works before it is given out: routers forget, laptops sleep."""
PROBE_SECONDS = 5.0
"""For that answer. A dead line would be silent for minutes."""


class Pool:
    """At most `ceiling` sessions at a time, made by `connect`; logins happen one at a time.

    What is not in use waits `keep` seconds after `rest()` for the next user; 0 logs out at once. `now` gives Unix
    seconds: a suspended machine's monotonic clock stands still, its connections do not survive for that.

    A server that refuses one more while others are in use allows fewer than we thought: the ceiling comes down to what
    it allows until everything rests, and whoever wanted one more waits for one of those.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Session]],
        ceiling: int,
        *,
        keep: float = 0.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ceiling = self._most = ceiling
        self.keep = keep
        self._connect = connect
        self._now = now
        self._slots = asyncio.Semaphore(ceiling)
        self._users = 0
        """Those that hold a slot; `_in_use` of them a session."""
        self._in_use = 0
        self._idle: list[tuple[Session, float]] = []
        """With the moment since when; the last used is the first to be used again."""
        self._login = asyncio.Lock()
        self._closer: asyncio.Task[None] | None = None

    def limit(self, most: int) -> None:
        """At most so many, from the next moment on at which nobody has one."""
        self._most = most
        self._reset()

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A session for the length of the block; one that failed inside it is not used again."""
        async with self._slots:
            self._users += 1
            try:
                async with self._held(await self._get()) as session:
                    yield session
            finally:
                self._users -= 1
        if self._most < self.ceiling:
            self._reset()

    @contextlib.asynccontextmanager
    async def _held(self, session: Session) -> AsyncIterator[Session]:
        self._in_use += 1
        try:
            yield session
        except MailsyncError:
            raise
        except BaseException:
            session.close()  # cancelled or broken in an unknown place: its state is not known
            raise
        finally:
            self._in_use -= 1
            if session.closed is None:
                self._idle.append((session, self._now()))

    async def _get(self) -> Session:
        while True:
            try:
                return await self._take() or await self._open()
            except Unreachable:
                if not self._in_use:
                    raise
                # The slot in hand is not given back; the next one that is becomes ours.
                self.ceiling -= 1
                await self._slots.acquire()

    async def _take(self) -> Session | None:
        while self._idle:
            session, since = self._idle.pop()
            if not session.remaining(self._now()):
                await session.logout()
            elif session.closed is None and (0 <= self._now() - since <= STALE_SECONDS or await _answers(session)):
                return session
        return None

    async def _open(self) -> Session:
        async with self._login:
            return await self._take() or await self._connect()

    async def rest(self) -> None:
        """Nobody needs a session for now: log out, at once or when `keep` seconds have passed without a user.

        At once means that nobody waits for the answer: the command that wanted the session is over.
        """
        if not self.keep:
            for session in self._emptied():
                await session.leave()
            return
        self._reset()
        if self._idle and self._closer is None:
            self._closer = asyncio.create_task(self._close_later())

    async def _close_later(self) -> None:
        try:
            while self._idle:
                oldest = min(since for _, since in self._idle)
                await asyncio.sleep(max(self.keep - (self._now() - oldest), 0.05))
                expired = [pair for pair in self._idle if not 0 <= self._now() - pair[1] < self.keep]
                self._idle = [pair for pair in self._idle if pair not in expired]
                await _log_out([session for session, _ in expired])
        finally:
            if self._closer is asyncio.current_task():
                self._closer = None

    async def close(self) -> None:
        """Log out of what is idle, at once."""
        await _log_out(self._emptied())

    def _emptied(self) -> list[Session]:
        """What was idle, and is the pool's no more."""
        if self._closer is not None:
            self._closer.cancel()
            self._closer = None
        idle, self._idle = self._idle, []
        self._reset()
        return [session for session, _ in idle]

    def _reset(self) -> None:
        if not self._users and self.ceiling != self._most:
            self.ceiling, self._slots = self._most, asyncio.Semaphore(self._most)


async def _answers(session: Session) -> bool:
    """True when the session is alive; it is closed when not."""
    with contextlib.suppress(MailsyncError, TimeoutError):
        async with asyncio.timeout(PROBE_SECONDS):
            await session.noop()
        return session.closed is None
    session.close()
    return False


async def _log_out(sessions: list[Session]) -> None:
    await asyncio.gather(*(session.logout() for session in sessions if session.closed is None))
