"""One folder, one connection: ask, plan, carry out, commit.

Every step may be killed and run again. Rows are committed batch by batch, newest mail first, each batch with the
counters it changes; the rows themselves are the checkpoint of what is under way. The checkpoint of the whole folder
(UIDNEXT, HIGHESTMODSEQ) follows them, never before, and holds the numbers of the EXAMINE that came before the
questions, so whatever happens meanwhile is seen by the next sync.
"""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from mailsync.errors import FolderDoubt, Interrupted
from mailsync.imap.session import Mailbox, Session
from mailsync.imap.uidset import UidSet
from mailsync.model import FolderResult, split_flags
from mailsync.store import activity, folders, messages, quarantine
from mailsync.store.database import Store
from mailsync.sync import guard, plan
from mailsync.sync.download import Download
from mailsync.sync.plan import Changes, FlagState, Numbers

ROUNDS = 3
"""Times a folder is gone over again at once because it changed under our hands."""


@dataclass(slots=True)
class FolderSync:
    """The sync of one folder; keep it across reconnects, it remembers what made the connection fail.

    `now` gives Unix seconds; `stopping` is asked between batches.
    """

    store: Store
    account: str
    account_id: int
    folder: folders.Folder
    now: Callable[[], float] = time.time
    full: bool = False
    dry_run: bool = False
    stopping: Callable[[], bool] = lambda: False
    result: FolderResult = field(init=False)
    download: Download = field(init=False)

    def __post_init__(self) -> None:
        self.result = FolderResult(self.folder.name)
        self.download = Download(
            self.store, self.account, self.account_id, self.folder, self.result, self.now, self.stopping
        )

    async def run(self, session: Session) -> FolderResult:
        """Bring the mirror of the folder up to date. Raises FolderDoubt, CommandRefused, Unreachable ..."""
        started = time.monotonic()
        try:
            for number in range(ROUNDS):
                # Whatever disturbed the round before may have no MODSEQ to tell of it.
                box = await self._round(session, compare=self.full or number > 0)
                self.full = False
                if self.dry_run or not (box.arrived or box.disturbed) or self.stopping():
                    break
            return self.result
        finally:
            self.result.seconds += time.monotonic() - started

    async def _round(self, session: Session, *, compare: bool) -> Mailbox:
        folder = await self.store.aread(lambda connection: folders.get(connection, self.folder.id))
        box = await session.examine(folder.raw_name)
        server = await self._numbers(session, box)
        stored = Numbers(folder.uidvalidity, folder.uidnext, folder.highestmodseq, folder.messages)
        strategy = plan.choose(
            stored,
            server,
            complete=folder.first_sync_at is not None and folder.uidnext is not None,
            held=folder.messages,
            full=compare,
        )
        self.result.uidvalidity = server.uidvalidity
        if self.result.strategy in (None, "unchanged"):
            self.result.strategy = strategy
        if strategy == "unchanged":
            # Quarantined messages may be due all the same.
            due = await self.store.aread(lambda c: quarantine.due(c, folder.id, self.now()))
            if due and not self.dry_run:
                await self.download.run(session, UidSet.from_uids(due))
            await self._finish(server)
            return box
        if strategy == "uidvalidity_reset":
            await self._reset(session, folder, server)
        held = await self.store.aread(lambda connection: messages.known(connection, folder.id))
        if strategy == "uidvalidity_reset" and self.dry_run:
            held = messages.Known(array("I"), array("B"), [], [])
        changes = await self._changes(session, box, held)
        if self.dry_run:
            self.result.new += len(changes.fetch)
            self.result.changed += len(changes.reflag)
            self.result.deleted += len(changes.remove)
            return box
        await self.store.awrite(
            lambda c: folders.start_sync(c, folder.id, server.uidvalidity or 0, server.messages, strategy)
        )
        await self._apply(changes)
        await self.download.run(session, changes.fetch)
        if self.stopping():
            raise Interrupted
        await self._finish(server)
        return await self._counted(session)

    async def _counted(self, session: Session) -> Mailbox:
        """The open folder; FolderDoubt when the mirror counts otherwise than the server and nothing explains it."""
        box = session.mailbox
        assert box is not None
        held = (await self.store.aread(lambda connection: folders.get(connection, self.folder.id))).messages
        if held != box.exists:
            await session.noop()  # what happened meanwhile may wait to be told
            if held != box.exists and not (box.arrived or box.disturbed):
                raise FolderDoubt(
                    f"the mirror holds {held} of {box.exists} messages: the server's answers contradict each other",
                    hint="run the sync again; if this stays, check the folder in another mail program",
                )
        return box

    async def _numbers(self, session: Session, box: Mailbox) -> Numbers:
        """The numbers of the folder just opened; a server that leaves UIDNEXT out of EXAMINE is asked by STATUS."""
        uidvalidity, uidnext = box.uidvalidity, box.uidnext
        if not uidvalidity or uidnext is None:
            status = await session.status(self.folder.raw_name) or {}
            uidvalidity = uidvalidity or status.get("UIDVALIDITY")
            uidnext = uidnext if uidnext is not None else status.get("UIDNEXT")
        if not uidvalidity:
            raise FolderDoubt(
                "the server gives this folder no UIDVALIDITY, so its messages cannot be told apart reliably",
                hint="exclude the folder, or ask the server's operator",
            )
        return Numbers(uidvalidity, uidnext, box.highestmodseq, box.exists)

    async def _reset(self, session: Session, folder: folders.Folder, server: Numbers) -> None:
        """A new UIDVALIDITY, seen twice, makes the old rows meaningless (RFC 4549 section 4.1); content is kept."""
        again = await session.examine(folder.raw_name)
        if again.uidvalidity != server.uidvalidity:
            raise FolderDoubt(
                "the server gave two different UIDVALIDITY values in a row; nothing was changed",
                hint="run the sync again later",
            )
        if self.dry_run:
            self.result.deleted += folder.messages
            return
        at = self.now()

        def restart(connection: sqlite3.Connection) -> int:
            assert server.uidvalidity is not None
            removed = messages.remove(connection, folder.id, None, at, "uidvalidity")
            quarantine.settle(connection, folder.id, at)
            folders.restart(connection, folder.id, server.uidvalidity)
            activity.add(connection, at, self.account, folder.name, "removed", count=removed, detail="new UIDVALIDITY")
            return removed

        self.result.deleted += await self.store.awrite(restart)

    async def _changes(self, session: Session, box: Mailbox, held: messages.Known) -> Changes:
        if not box.exists and not held.uids:
            return Changes()
        if not held.uids:
            return plan.only_new(held.uids, await self._listing(session, box))
        exists_before = box.exists
        # 1:* in an empty folder is an error to some servers.
        on_server = await self._flags(session) if box.exists else {}
        if len(on_server) < exists_before:
            # Some answers are missing: SEARCH says which messages there are, their flags stay as they were.
            for uid in await self._listing(session, box):
                on_server.setdefault(uid, None)
        due = await self.store.aread(lambda c: quarantine.due(c, self.folder.id, self.now()))
        retry = due.union(held.without_content) if self.full else due.intersection(held.without_content)
        changes = plan.compare(held.uids, held.flags, held.keywords, on_server, retry)
        reason = guard.doubt(held=len(held.uids), removals=len(changes.remove), told=len(on_server), exists=box.exists)
        if reason:
            changes.remove = await self._confirm(session, changes.remove)
        return changes

    async def _listing(self, session: Session, box: Mailbox) -> UidSet:
        """All UIDs: by SEARCH, and where that does not agree with EXISTS by FETCH."""
        if not box.exists:
            return UidSet()
        listed = await session.search_uids()
        if len(listed) != box.exists:
            fetched = UidSet.from_uids(await self._flags(session))
            if len(fetched) == box.exists or guard.plausible_listing(listed, box.exists):
                listed = fetched
            listed |= fetched
            reason = guard.plausible_listing(listed, box.exists)
            if reason:
                raise FolderDoubt(f"the server's answers contradict each other: {reason}", hint="sync again later")
        return listed

    async def _flags(self, session: Session) -> dict[int, FlagState | None]:
        """UID and flags of every message of the open folder."""
        found: dict[int, FlagState | None] = {}
        splits: dict[tuple[str, ...], FlagState] = {}
        async for batch in session.fetch([UidSet.parse("1:*")], "UID FLAGS", 1 << 20):
            for answer in batch:
                assert answer.uid is not None
                if answer.flags is None:
                    found.setdefault(answer.uid, None)
                    continue
                state = splits.get(answer.flags)
                if state is None:
                    state = splits[answer.flags] = split_flags(answer.flags)
                found[answer.uid] = state
        return found

    async def _confirm(self, session: Session, removals: UidSet) -> UidSet:
        """Ask differently before rows go: a fresh EXAMINE and UID SEARCH must agree with each other."""
        box = await session.examine(self.folder.raw_name)
        search = await session.search_uids() if box.exists else UidSet()
        return guard.confirmed(removals, search, box.exists)

    async def _apply(self, changes: Changes) -> None:
        if not changes.reflag and not changes.remove:
            return
        at = self.now()
        folder_id = self.folder.id

        def write(connection: sqlite3.Connection) -> tuple[int, int]:
            changed = removed = 0
            if changes.reflag:
                changed = messages.set_flags(connection, folder_id, changes.reflag)
                uids = UidSet.from_uids(uid for uid, _, _ in changes.reflag)
                self._tell(connection, at, "flags", changed, uids)
            if changes.remove:
                removed = messages.remove(connection, folder_id, changes.remove, at, "expunged")
                quarantine.settle(connection, folder_id, at)
                self._tell(connection, at, "removed", removed, changes.remove)
            return changed, removed

        changed, removed = await self.store.awrite(write)
        self.result.changed += changed
        self.result.deleted += removed

    def _tell(self, connection: sqlite3.Connection, at: float, kind: str, count: int, uids: UidSet) -> None:
        if count:
            activity.add(connection, at, self.account, self.folder.name, kind, count=count, uids=str(uids))

    async def _finish(self, server: Numbers) -> None:
        assert server.uidvalidity is not None
        checkpoint = folders.Checkpoint(server.uidvalidity, server.uidnext, server.highestmodseq, server.messages)
        strategy = self.result.strategy or "unchanged"
        at = self.now()
        durable = bool(self.result.new or self.result.changed or self.result.deleted)
        await self.store.awrite(
            lambda c: folders.finish_sync(c, self.folder.id, checkpoint, strategy, at), durable=durable
        )

    async def arrivals(self, session: Session) -> FolderResult:
        """Fetch only what is new in the folder that `session` has open: the quick answer to a push of EXISTS.

        The stored HIGHESTMODSEQ does not move, so the next full sync still compares everything.
        """
        box = session.mailbox
        assert box is not None
        stored = (await self.store.aread(lambda c: folders.get(c, self.folder.id))).uidvalidity
        if stored != box.uidvalidity:
            return await self.run(session)  # a sync has found another folder under this name
        box.arrived = False
        started = time.monotonic()
        first = await self.store.aread(lambda connection: messages.next_uid(connection, self.folder.id))
        got = await self.download.above(session, first)
        if got.max is not None:
            highest, exists = got.max, box.exists
            await self.store.awrite(
                lambda c: folders.note_arrivals(c, self.folder.id, highest + 1, exists), durable=True
            )
        self.result.uidvalidity = box.uidvalidity
        self.result.strategy = "scan"
        self.result.seconds += time.monotonic() - started
        return self.result
