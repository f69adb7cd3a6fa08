"""A few connections to one account: opened when needed, reused, never more than the ceiling."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from mailsync.errors import MailsyncError
from mailsync.imap.session import Session


class Pool:
    """At most `ceiling` sessions at a time, made by `connect`; logins happen one at a time."""

    def __init__(self, connect: Callable[[], Awaitable[Session]], ceiling: int) -> None:
        self.ceiling = ceiling
        self._connect = connect
        self._slots = asyncio.Semaphore(ceiling)
        self._idle: list[Session] = []
        self._login = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A session for the length of the block; one that failed inside it is not used again."""
        async with self._slots:
            session = self._take() or await self._open()
            try:
                yield session
            except MailsyncError:
                raise
            except BaseException:
                session.close()  # cancelled or broken in an unknown place: its state is not known
                raise
            finally:
                if session.closed is None:
                    self._idle.append(session)

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
