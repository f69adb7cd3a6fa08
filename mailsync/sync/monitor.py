"""Watching a folder: IDLE (RFC 2177) on a connection of its own, NOOP where the server has no IDLE.

Arrivals are fetched on the watching connection itself, which is open, signed in and has the folder selected: no other
path is shorter. After a reconnect everything is compared, since nobody knows what was missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from mailsync.config.selection import is_selected
from mailsync.errors import FolderDoubt, Interrupted, MailsyncError
from mailsync.imap.session import Session
from mailsync.store import accounts, folders
from mailsync.sync.account import AccountMirror
from mailsync.sync.folder import FolderSync

REIDLE_SECONDS = 9.5 * 60
"""Below what routers and servers tolerate in silence (RFC 2177 allows 29 minutes)."""
POLL_SECONDS = 30.0
"""Between two NOOPs where there is no IDLE."""
BACKOFF_SECONDS = (1.0, 300.0)
"""The first and the longest pause before a reconnect; doubled each time, with jitter."""


@dataclass(slots=True)
class Monitor:
    """Watches one folder of an account until cancelled.

    `stopping` is asked between two steps. A failure that only a person can mend (`retry == "never"`) ends `run`.
    """

    mirror: AccountMirror
    folder_name: str
    stopping: Callable[[], bool] = lambda: False
    session: Session | None = field(default=None, init=False)

    async def run(self) -> None:
        pause = BACKOFF_SECONDS[0]
        while not self.stopping():
            started = asyncio.get_running_loop().time()
            try:
                await self._watch()
                return
            except Interrupted:
                return
            except MailsyncError as error:
                self.mirror.resting = "disconnected"
                if error.scope in ("account", "engine"):
                    await self.mirror.note_failure(error)
                if error.retry == "never":
                    return
            if asyncio.get_running_loop().time() - started > BACKOFF_SECONDS[1]:
                pause = BACKOFF_SECONDS[0]
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))
            pause = min(pause * 2, BACKOFF_SECONDS[1])

    async def _watch(self) -> None:
        folder = await self._folder()
        if folder is None:
            return
        async with self._connected() as session:
            await self._reconcile(session, folder)
            pushes = "IDLE" in session.capabilities
            watch = "idle" if pushes else "poll"
            await self.mirror.store.awrite(lambda connection: folders.set_watch(connection, folder.id, watch))
            self.mirror.resting = "watching"
            await self.mirror.set_state("watching")
            try:
                while not self.stopping():
                    if pushes:
                        await session.idle(REIDLE_SECONDS)
                    else:
                        await asyncio.sleep(POLL_SECONDS)
                        await session.noop()
                    await self._react(session, folder)
            finally:
                self.mirror.resting = "disconnected"
                await self.mirror.store.awrite(lambda connection: folders.set_watch(connection, folder.id, ""))

    async def _folder(self) -> folders.Folder | None:
        present = await self.mirror.store.aread(lambda c: folders.present(c, self.mirror.account_id))
        return present.get(self.folder_name)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Session]:
        session = self.session = await self.mirror.connect()
        try:
            yield session
        finally:
            self.session = None
            session.close()

    async def _react(self, session: Session, folder: folders.Folder) -> None:
        box = session.mailbox
        if box is None or not (box.arrived or box.disturbed):
            return
        if box.disturbed:
            await self._reconcile(session, folder)
            return
        async with self.mirror.locks[folder.id]:
            await self._task(folder).arrivals(session)

    async def _reconcile(self, session: Session, folder: folders.Folder) -> None:
        store = self.mirror.store
        async with self.mirror.locks[folder.id]:
            try:
                await self._task(folder).run(session)
            except FolderDoubt as doubt:
                text, hint = str(doubt), doubt.hint
                if session.mailbox is None:
                    raise
                # Nothing was changed, and arrivals can be watched for all the same.
                await store.awrite(lambda connection: folders.fail_sync(connection, folder.id, text, hint))

    def _task(self, folder: folders.Folder) -> FolderSync:
        mirror = self.mirror
        return FolderSync(mirror.store, mirror.name, mirror.account_id, folder, mirror.now, stopping=self.stopping)


async def watched_folders(mirror: AccountMirror) -> list[str]:
    """The mirrored folders that the account's `watch` selects, no more than it has connections to spare.

    None while the account waits for a person (sign-in, consent): a refused password is not tried again and again.
    """
    config = mirror.config
    if await mirror.store.aread(lambda connection: accounts.waits_for_person(connection, mirror.name)):
        return []
    present = await mirror.store.aread(lambda connection: folders.present(connection, mirror.account_id))
    names = [
        folder.name
        for folder in present.values()
        if folder.first_sync_at is not None
        and is_selected(folder.name, folder.special_use, config.folders.include, config.folders.exclude)
        and is_selected(folder.name, folder.special_use, config.watch, ())
    ]
    return names[: mirror.watchers]
