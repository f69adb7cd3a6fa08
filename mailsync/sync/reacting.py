"""What is done about a folder of which push told something.

`Reactor` brings one folder's mirror up to what was told, on a connection that is at hand; `Worker` has one at hand;
`Dispatcher` decides when. The folder's lock makes push and scheduled syncs take turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from mailsync.errors import FolderDoubt, MailsyncError
from mailsync.imap.session import Session
from mailsync.imap.uidset import MAX_UID, UidSet
from mailsync.store import folders, jobs, pushes
from mailsync.sync import download
from mailsync.sync.account import AccountMirror, proves_unchanged
from mailsync.sync.folder import HANDFUL, FolderSync
from mailsync.sync.plan import Numbers
from mailsync.sync.push import Gathering, Ledger

Take = Callable[[], AbstractAsyncContextManager[Session]]
Status = dict[str, int]
"""STATUS items by name."""

RETAKE_SECONDS = 5.0
"""Between two attempts to have a connection at hand."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A folder as mirrored; what arrives has at least the UID `next_uid`."""

    folder: folders.Folder
    next_uid: int


@dataclass(frozen=True, slots=True)
class _Arrivals:
    """The lowest UID that is new, and how many messages the folder then has, where the server said so."""

    first: int
    messages: int | None


@dataclass(slots=True)
class Reactor:
    """Acts on what is told of one account's folders. A folder's own failure is noted with it and goes no further."""

    mirror: AccountMirror
    ledger: Ledger
    stopping: Callable[[], bool]

    def seconds(self, session: Session, most: float) -> float:
        """How long to listen on a connection at a time; 0 when it is to be another one, since its token ends."""
        return min(session.remaining(self.mirror.now()), most)

    async def told(self, name: str, status: Status, take: Take, *, arrived: bool | None = None) -> bool:
        """The server gave these numbers for a folder that need not be open anywhere. True when mail had arrived.

        Then only the arrivals were fetched: whatever else changed is seen when it is told again. Where the numbers are
        not known, `arrived` says which it is.
        """
        known = await self._known(name)
        if known is None or proves_unchanged(known.folder, numbers_of(status)):
            return False
        if arrived is None:
            arrived = _arrived(known.folder, status)
        task = self._task(known.folder, scheduled=True)
        try:
            await self._act(task, take, _Arrivals(known.next_uid, status.get("MESSAGES")) if arrived else None)
        except MailsyncError as error:
            await self._failed(known.folder, error)
        await self._count(task)
        return arrived

    async def _act(self, task: FolderSync, take: Take, arrivals: _Arrivals | None) -> None:
        for attempt in range(2):
            await self.mirror.check_consent()
            lock = self.mirror.locks[task.folder.id]
            if waits := lock.locked():
                async with lock:  # a sync may take long: no connection is kept waiting for it
                    pass
            async with take() as session, lock:
                try:
                    if waits or attempt or arrivals is None:
                        await task.run(session)  # a sync has been there meanwhile, or not all is known
                    else:
                        await self._fetch(session, task, arrivals)
                    return
                except MailsyncError:
                    if session.closed is None or attempt:
                        raise
                    # A connection that had waited was dead: the next one is not.

    async def _fetch(self, session: Session, task: FolderSync, arrivals: _Arrivals) -> None:
        """Have what arrived; a handful in the very round trip that opens the folder."""
        folder = task.folder
        first, messages = arrivals.first, arrivals.messages
        handful = messages is None or 0 < messages - folder.messages <= HANDFUL
        labels = "X-GM-EXT-1" in session.capabilities
        if not handful or first > MAX_UID or labels or self.mirror.scope(folder).active:
            await session.examine(folder.raw_name)
            await task.arrivals(session)
            return
        opening = await session.begin_examine_fetch(
            folder.raw_name, UidSet([(first, MAX_UID)]), download.items(session.capabilities), download.BATCH_BYTES
        )
        box = await opening.box()
        if box.uidvalidity != folder.uidvalidity:
            async for _ in opening.stream:
                continue
            await task.run(session)
            return
        highest, exists = (await task.download.consume(opening.stream)).max, box.exists
        if highest is None:
            await task.run(session)  # gone again, or held back: only a whole look moves the numbers on
            return
        await self.mirror.store.awrite(lambda c: folders.note_arrivals(c, folder.id, highest + 1, exists), durable=True)

    async def pushed(self, session: Session, folder: folders.Folder) -> None:
        """Something was told of the folder that `session` has open."""
        box = session.mailbox
        if box is None or not (box.arrived or box.disturbed):
            return
        if box.arrived:
            self.ledger.told(folder.name, time.monotonic())
        await self.mirror.check_consent()
        task = self._task(folder)
        try:
            async with self.mirror.locks[folder.id]:
                await task.pushed(session)
        except FolderDoubt as doubt:
            if session.mailbox is None:
                raise
            await self._failed(folder, doubt)
        await self._count(task)

    async def reconcile(self, session: Session, folder: folders.Folder) -> None:
        """Compare everything, and have the folder open."""
        await self.mirror.check_consent()
        try:
            async with self.mirror.locks[folder.id]:
                await self._task(folder, scheduled=True).run(session)
        except FolderDoubt as doubt:
            if session.mailbox is None:
                raise
            # Nothing was changed, and arrivals can be watched for all the same.
            await self._failed(folder, doubt)

    async def refresh(self) -> None:
        """The folders themselves changed: a sync of the account lists them anew."""
        mirror = self.mirror

        def write(connection: sqlite3.Connection) -> None:
            if not pushes.sync_waits(connection, mirror.name):
                jobs.insert(connection, "sync", mirror.now(), account=mirror.name, params={"scheduled": True})

        await mirror.store.awrite(write)

    async def folder(self, name: str) -> folders.Folder | None:
        """The folder of this name, if there is one."""
        known = await self._known(name)
        return known.folder if known is not None else None

    async def _known(self, name: str) -> _Known | None:
        def read(connection: sqlite3.Connection) -> _Known | None:
            folder = folders.present(connection, self.mirror.account_id).get(name)
            return _Known(folder, folders.next_uid(connection, folder.id)) if folder is not None else None

        return await self.mirror.store.aread(read)

    async def _failed(self, folder: folders.Folder, error: MailsyncError) -> None:
        if error.scope in ("account", "engine"):
            raise error
        text, hint = str(error), error.hint
        await self.mirror.store.awrite(lambda connection: folders.fail_sync(connection, folder.id, text, hint))

    async def _count(self, task: FolderSync) -> None:
        new, mirror = task.result.new, self.mirror
        if new:
            at = mirror.now()
            await mirror.store.awrite(lambda c: pushes.add(c, mirror.account_id, task.folder.name, at, pushed=new))

    def _task(self, folder: folders.Folder, *, scheduled: bool = False) -> FolderSync:
        return self.mirror.task(folder, scheduled=scheduled, stopping=self.stopping)


class Worker:
    """A signed-in connection at hand, so that acting on a push costs no sign-in. It is one of the account's pool.

    While it is busy, and on accounts with a single connection to spare, the pool lends another.
    """

    def __init__(self, mirror: AccountMirror, ready: Callable[[], bool]) -> None:
        self._mirror = mirror
        self._ready = ready
        self._session: Session | None = None
        self._turn = asyncio.Lock()
        self._used = asyncio.Event()

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A session for the length of the block."""
        held = self._session
        if held is None or held.closed is not None or self._turn.locked() or not self._remaining(held):
            async with self._mirror.pool.session() as lent:
                yield lent
            return
        async with self._turn:
            try:
                yield held
            except MailsyncError:
                raise
            except BaseException:
                held.close()  # cancelled or broken in an unknown place: its state is not known
                raise
            finally:
                self._used.set()

    def _remaining(self, session: Session) -> float:
        return session.remaining(self._mirror.now())

    def close(self) -> None:
        """The connection is not to be trusted any more; another is taken."""
        if self._session is not None:
            self._session.close()
            self._used.set()

    async def keep(self) -> None:
        """Have the connection at hand until cancelled, as soon as `ready()`: a first sync needs all there are."""
        pool = self._mirror.pool
        while True:
            if self._ready() and pool.ceiling > 1:
                with contextlib.suppress(MailsyncError):  # whoever needs a connection will tell
                    async with pool.session() as session:
                        alive = await self._hold(session)
                    if alive:  # given back for a moment: the pool may have to become smaller
                        continue
            await asyncio.sleep(RETAKE_SECONDS)

    async def _hold(self, session: Session) -> bool:
        """Until the connection breaks (False), or it is time to let it say something."""
        self._session = session
        self._used.clear()
        try:
            async with asyncio.timeout(min(session.quirks.reidle, self._remaining(session))):
                while session.closed is None:
                    await self._used.wait()
                    self._used.clear()
            return False
        except TimeoutError:
            async with self._turn:
                await session.noop()
            return True
        finally:
            self._session = None


class Dispatcher:
    """Runs `act(name)` for folders of which something is told: at once, or gathered (see `push.Gathering`)."""

    def __init__(self, act: Callable[[str], Awaitable[None]]) -> None:
        self._act = act
        self._gathering = Gathering()
        self._wake = asyncio.Event()

    def note(self, name: str) -> None:
        """Something was told of the folder."""
        self._gathering.note(name, time.monotonic())
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled; raises what `act` raises."""
        acting: set[asyncio.Task[None]] = set()
        woken: asyncio.Task[bool] | None = None
        try:
            while True:
                for name in self._gathering.take(time.monotonic()):
                    acting.add(asyncio.create_task(self._one(name)))
                woken = woken or asyncio.create_task(self._wake.wait())
                seconds = self._gathering.seconds(time.monotonic())
                done, _ = await asyncio.wait({woken, *acting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                if woken in done:
                    woken = None
                    self._wake.clear()
                for task in done & acting:
                    acting.discard(task)
                    task.result()
        finally:
            left = [task for task in (woken, *acting) if task is not None]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _one(self, name: str) -> None:
        try:
            await self._act(name)
        finally:
            self._gathering.done(name, time.monotonic())


def numbers_of(status: Status) -> Numbers:
    """The numbers of a folder as STATUS gives them."""
    return Numbers(
        status.get("UIDVALIDITY") or None,
        status.get("UIDNEXT"),
        status.get("HIGHESTMODSEQ") or None,
        status.get("MESSAGES", -1),
    )


def _arrived(folder: folders.Folder, status: Status) -> bool:
    """True when there is mail with higher UIDs than any that was mirrored, in a folder that was mirrored whole."""
    validity = status.get("UIDVALIDITY", folder.uidvalidity)
    same = validity == folder.uidvalidity and folder.first_sync_at is not None
    return same and status.get("UIDNEXT", 0) > (folder.uidnext or 0)
