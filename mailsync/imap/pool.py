"""A few connections to one account: opened when needed, reused, never more than the ceiling."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from mailsync.errors import MailsyncError, Unreachable
from mailsync.imap.session import Session


class Pool:
    """At most `ceiling` sessions at a time, made by `connect`; logins happen one at a time.

    A server that refuses one more while others are in use allows fewer than we thought: the ceiling comes down to what
    it allows until `close()`, and whoever wanted one more waits for one of those.
    """

    def __init__(self, connect: Callable[[], Awaitable[Session]], ceiling: int) -> None:
        self.ceiling = self._most = ceiling
        self._connect = connect
        self._slots = asyncio.Semaphore(ceiling)
        self._in_use = 0
        self._idle: list[Session] = []
        self._login = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A session for the length of the block; one that failed inside it is not used again."""
        async with self._slots:
            session = await self._get()
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
                    self._idle.append(session)

    async def _get(self) -> Session:
        while True:
            try:
                return self._take() or await self._open()
            except Unreachable:
                if not self._in_use:
                    raise
                # The slot in hand is not given back; the next one that is becomes ours.
                self.ceiling -= 1
                await self._slots.acquire()

    def _take(self) -> Session | None:
        while self._idle:
            session = self._idle.pop()
            if session.closed is None:
                return session
        return None

    async def _open(self) -> Session:
        async with self._login:
            return self._take() or await self._connect()

    async def close(self) -> None:
        """Log out of what is idle."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(session.logout() for session in idle if session.closed is None))
        if not self._in_use and self.ceiling < self._most:
            self.ceiling, self._slots = self._most, asyncio.Semaphore(self._most)
