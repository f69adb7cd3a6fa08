"""One folder, one connection: ask, plan, carry out, commit.

Every step may be killed and run again. Rows are committed batch by batch, newest mail first, each batch with the
counters it changes; the rows themselves are the checkpoint of what is under way. The checkpoint of the whole folder
(UIDNEXT, HIGHESTMODSEQ) follows them, never before, and holds the numbers of the EXAMINE that came before the
questions, so whatever happens meanwhile is seen by the next sync.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import field

from mailsync.errors import FolderDoubt, Interrupted
from mailsync.imap.session import Mailbox, Session
from mailsync.imap.uidset import EMPTY, MAX_UID, UidSet
from mailsync.model import FolderResult
from mailsync.record import record
from mailsync.store import certificates, folders
from mailsync.store.database import Store
from mailsync.sync import download, guard, plan
from mailsync.sync.ahead import opened
from mailsync.sync.carrier import Carrier
from mailsync.sync.certify import certify
from mailsync.sync.download import Download
from mailsync.sync.gmail import keep_labels
from mailsync.sync.plan import Changes, Choice, Modseq, Numbers
from mailsync.sync.questions import Questions
from mailsync.sync.scope import Scope

ROUNDS = 3
"""Times a folder is gone over again at once because it changed under our hands."""
SMALL = 400
"""Messages of a folder that are fetched in the round trip that opens it."""
HANDFUL = 3
"""Arrivals told by a push that are fetched at once, without a look at what they are."""
BUSY_SCAN_SECONDS = 30 * 60.0
QUIET_SCAN_SECONDS = 86_400.0
"""Between two comparisons of all flags by scheduled syncs, where only comparing can tell: for a folder that changes,
and for one that does not."""


@record
class FolderSync:
    """The sync of one folder; keep it across reconnects, it remembers what made the connection fail.

    `now` gives Unix seconds; `stopping` is asked between batches. `scheduled`: no person waits for it. `scope` is the
    selection of messages, `status` what STATUS said of the folder just now.
    """

    store: Store
    account: str
    account_id: int
    folder: folders.Folder
    now: Callable[[], float] = time.time
    full: bool = False
    dry_run: bool = False
    stopping: Callable[[], bool] = lambda: False
    scheduled: bool = False
    scope: Scope | None = None
    status: Numbers | None = None
    result: FolderResult = field(init=False)
    download: Download = field(init=False)
    _carrier: Carrier = field(init=False)
    _choice: Choice = field(default_factory=lambda: Choice("unchanged", ""), init=False)
    _hurried: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.result = FolderResult(self.folder.name)
        self.download = Download(
            self.store, self.account, self.account_id, self.folder, self.result, self.now, self.stopping
        )
        self._carrier = Carrier(
            self.store,
            self.account,
            self.account_id,
            self.folder,
            self.result,
            self.now,
            self.stopping,
            self.scope,
            self.download,
            self.dry_run,
        )

    async def run(self, session: Session) -> FolderResult:
        """Bring the mirror of the folder up to date. Raises FolderDoubt, CommandRefused, Unreachable ..."""
        started = time.monotonic()
        try:
            for _ in range(ROUNDS):
                box = await self._opened_with_all(session) or await self._round(session)
                self.full = False
                if self.dry_run or not (box.arrived or box.disturbed) or self.stopping():
                    break
            return self.result
        finally:
            self.result.seconds += time.monotonic() - started

    async def _opened_with_all(self, session: Session) -> Mailbox | None:
        """The first sync of a small folder in one round trip; None where it is none, or did not give everything."""
        status, folder = self.status, self.folder
        fresh = folder.uidvalidity is None and folder.first_sync_at is None and not folder.messages
        if self._hurried or self.dry_run or not fresh or status is None or not 0 < status.messages <= SMALL:
            return None
        self._hurried = True
        if (self.scope is not None and self.scope.active) or await self._carrier.may_know_arrivals():
            return None
        opening = await session.begin_examine_fetch(
            folder.raw_name, "1:*", download.items(session.capabilities), download.BATCH_BYTES
        )
        box = await opening.box()
        server = Numbers(box.uidvalidity, box.uidnext, _highestmodseq(session, box), box.exists)
        if not server.uidvalidity or server.uidnext is None:
            async for _ in opening.stream:
                continue
            return None
        self._chosen(Choice("first", "no earlier sync of this folder finished"), server)
        started = self.store.write(self._carrier.start(self._choice, server))
        got = await self.download.consume(opening.stream)
        await asyncio.wrap_future(started)
        if len(got) != box.exists or self.stopping():
            return None
        await self._carrier.settle_flags(session, Questions(self.store, session, folder, box, self.now))
        await keep_labels(session, self.store, self.account_id, folder.id, new=got)
        await self._finish(session, server)
        return await self._counted(session)

    async def _round(self, session: Session) -> Mailbox:
        folder = await self.store.aread(lambda connection: folders.get(connection, self.folder.id))
        complete = folder.first_sync_at is not None and folder.uidnext is not None
        since = None
        if complete and not self.full and folder.uidvalidity and folder.highestmodseq:
            since = (folder.uidvalidity, folder.highestmodseq)
        ahead = None
        if complete:
            searches = not (self.full or self.scheduled)
            box, ahead = await opened(self.store, session, folder, self.status, since=since, searches=searches)
        else:
            box = await session.examine(folder.raw_name)
        server = await self._numbers(session, box)
        questions = Questions(self.store, session, folder, box, self.now, ahead)
        held = folder.messages + len(questions.outside)
        stored = Numbers(folder.uidvalidity, folder.uidnext, folder.highestmodseq, held)
        choice = plan.decide(
            stored, server, complete=complete, held=held, full=self.full, modseq=_modseq(session, since)
        )
        choice = await self._doubted_identity(session, folder, choice, questions)
        self._chosen(choice, server)
        if choice.strategy == "uidvalidity_reset":
            return await self._reset(session, folder, server)
        admitted = EMPTY
        reselected = self.scope is not None and self.scope.fingerprint != folder.selection
        if self.scope is not None and reselected and (folder.messages or folder.outside):
            if complete:
                choice = Choice("scan", "the selection of messages has changed")
                self._chosen(choice, server)
            admitted = await self.scope.apply(session, self.store, folder.id)
            folder = await self.store.aread(lambda connection: folders.get(connection, self.folder.id))
            questions = Questions(self.store, session, folder, box, self.now)
        due = await questions.due(everything=self.full)
        if choice.strategy == "unchanged" and not due:
            await self._finish(session, server)
            return box
        changes = await self._changes(questions, choice, folder, stored, server)
        changes.fetch |= (due | admitted) - changes.remove
        await self._carrier.report(questions.doubts)
        if self.dry_run:
            from mailsync.sync.preview import foresee

            await foresee(session, self.scope, changes.fetch - due, self.result, changes.fetch & due)
            self.result.changed += len(changes.reflag)
            self.result.deleted += len(changes.remove)
            return box
        await self.store.awrite(self._carrier.start(self._choice, server))
        await self._carrier.apply(changes, questions.outside if str(questions.outside) != folder.outside else None)
        await self._carrier.fetch(session, changes.fetch, known=due | admitted)
        await self._carrier.settle_flags(session, questions)
        if self.stopping():
            raise Interrupted
        by_modseq = stored.highestmodseq if choice.strategy == "condstore" and not reselected else None
        relabelled = await keep_labels(
            session, self.store, self.account_id, folder.id, since=by_modseq, new=changes.fetch
        )
        self.result.changed += relabelled
        # Gmail moves HIGHESTMODSEQ before the change can be seen: what is found now is asked about once more.
        lags = bool(changes or relabelled) and choice.strategy == "condstore" and "X-GM-EXT-1" in session.capabilities
        checkpoint = (
            Numbers(server.uidvalidity, server.uidnext, stored.highestmodseq, server.messages) if lags else server
        )
        full_scan = questions.looked_at_all and choice.strategy in ("first", "scan")
        await self._finish(session, checkpoint, full_scan=full_scan)
        return await self._counted(session)

    def _chosen(self, choice: Choice, server: Numbers) -> None:
        self._choice = choice
        self.result.uidvalidity = server.uidvalidity
        if self.result.strategy in (None, "unchanged"):
            self.result.strategy = choice.strategy

    async def _changes(
        self, questions: Questions, choice: Choice, folder: folders.Folder, stored: Numbers, server: Numbers
    ) -> Changes:
        match choice.strategy:
            case "unchanged":
                return Changes()
            case "first":
                return await questions.first()
            case "qresync":
                return await questions.qresync()
            case "condstore":
                return await questions.condstore(stored.highestmodseq or 0)
            case _:
                recent = self.scheduled and server.highestmodseq is None and not self._flags_due(folder, stored, server)
                return await questions.scan(stored, full=self.full, recent=recent)

    def _flags_due(self, folder: folders.Folder, stored: Numbers, server: Numbers) -> bool:
        """All flags are to be compared by this scheduled sync."""
        if folder.full_scan_at is None:
            return True
        quiet = (stored.uidnext, stored.messages) == (server.uidnext, server.messages)
        pause = QUIET_SCAN_SECONDS if quiet else BUSY_SCAN_SECONDS
        return not 0 <= self.now() - folder.full_scan_at < pause

    async def _doubted_identity(
        self, session: Session, folder: folders.Folder, choice: Choice, questions: Questions
    ) -> Choice:
        """Where UIDVALIDITY never changes, whatever happens, a sample has to tell that UIDs are what they were."""
        if not session.quirks.fixed_uidvalidity or choice.strategy in ("first", "uidvalidity_reset"):
            return choice
        from mailsync.sync.reset import same_messages

        if await same_messages(self.store, session, folder, await questions.held()):
            return choice
        return Choice("uidvalidity_reset", "messages are not what their UIDs say, though UIDVALIDITY is as it was")

    async def _reset(self, session: Session, folder: folders.Folder, server: Numbers) -> Mailbox:
        from mailsync.sync.reset import Reset  # rare, and long

        reset = Reset(self.store, self.account, folder, self.result, self.now)
        try:
            there = await reset.run(session, server, dry_run=self.dry_run)
        finally:
            await self._carrier.report(reset.doubts)
        box = session.mailbox
        assert box is not None
        if self.dry_run:
            self.result.new += len(there)
            return box
        folder = await self.store.aread(lambda connection: folders.get(connection, self.folder.id))
        questions = Questions(self.store, session, folder, box, self.now)
        listed = there if len(there) == box.exists else await questions.listing()
        await self.store.awrite(self._carrier.start(self._choice, server))
        wanted = listed - await questions.held()
        await self._carrier.fetch(session, wanted, known=EMPTY, strange=reset.contradicted)
        await self._carrier.settle_flags(session, questions)
        if self.stopping():
            raise Interrupted
        await keep_labels(session, self.store, self.account_id, folder.id, new=listed)
        await self._finish(session, server, full_scan=True)
        return await self._counted(session)

    # -- numbers -----------------------------------------------------------------------------------------------

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
        return Numbers(uidvalidity, uidnext, _highestmodseq(session, box), box.exists)

    async def _counted(self, session: Session) -> Mailbox:
        """The open folder; FolderDoubt when the mirror counts otherwise than the server and nothing explains it."""
        box = session.mailbox
        assert box is not None
        folder = await self.store.aread(lambda connection: folders.get(connection, self.folder.id))
        held = folder.messages + len(UidSet.parse(folder.outside))
        limited = session.quirks.window and "UIDONLY" not in session.enabled
        if held != box.exists and not (limited and held > box.exists):
            await session.noop()  # what happened meanwhile may wait to be told
            if held != box.exists and not (box.arrived or box.disturbed):
                raise FolderDoubt(
                    f"the mirror holds {held} of {box.exists} messages: the server's answers contradict each other",
                    hint=guard.AGAIN,
                )
        return box

    async def _finish(self, session: Session, server: Numbers, *, full_scan: bool = False) -> None:
        if self.dry_run:
            return
        assert server.uidvalidity is not None
        checkpoint = folders.Checkpoint(server.uidvalidity, server.uidnext, server.highestmodseq, server.messages)
        strategy, why = self.result.strategy or "unchanged", self._choice.why
        at, folder_id = self.now(), self.folder.id
        mailboxid = session.mailbox.mailboxid if session.mailbox is not None else ""

        changed = bool(self.result.new or self.result.deleted or self.result.quarantined)
        changed = changed or strategy == "uidvalidity_reset"

        def write(connection: sqlite3.Connection) -> bool:
            folders.finish_sync(
                connection, folder_id, checkpoint, strategy, at, why=why, full_scan=full_scan, mailboxid=mailboxid
            )
            if self.scope is not None:
                self.scope.conclude(connection, folder_id)
            return not changed and bool(certificates.renew(connection, [folder_id], at))

        if not await self.store.awrite(write, durable=changed or bool(self.result.changed)):
            await certify(self.store, folder_id, at)

    # -- what is pushed ----------------------------------------------------------------------------------------

    async def arrivals(self, session: Session) -> FolderResult:
        """Fetch only what is new in the folder that `session` has open: the quick answer to a push of EXISTS.

        The stored HIGHESTMODSEQ does not move, so the next full sync still compares everything.
        """
        box = session.mailbox
        assert box is not None
        folder, first = await self.store.aread(
            lambda c: (folders.get(c, self.folder.id), folders.next_uid(c, self.folder.id))
        )
        if folder.uidvalidity != box.uidvalidity:
            return await self.run(session)  # a sync has found another folder under this name
        box.arrived = False
        started = time.monotonic()
        news = box.exists - folder.messages - len(UidSet.parse(folder.outside))
        if news > HANDFUL or (self.scope is not None and self.scope.active):
            got = await session.search(f"UID {first}:*") & UidSet([(first, MAX_UID)]) if first <= MAX_UID else EMPTY
            await self._carrier.fetch(session, got, known=EMPTY)
        else:
            got = await self.download.above(session, first)
        if got.max is not None:
            await keep_labels(session, self.store, self.account_id, folder.id, uids=got, new=got)
            highest, exists = got.max, box.exists
            await self.store.awrite(
                lambda c: folders.note_arrivals(c, self.folder.id, highest + 1, exists), durable=True
            )
        self.result.uidvalidity = box.uidvalidity
        self.result.strategy = self.result.strategy or "scan"
        self.result.seconds += time.monotonic() - started
        return self.result

    async def pushed(self, session: Session) -> FolderResult:
        """Carry out what the server has pushed about the open folder: flags, VANISHED, arrivals, without a rescan.

        What cannot be told from it alone (EXPUNGE by sequence number, a mass disappearance, a count that does not
        come out) is looked at by `run`. The stored HIGHESTMODSEQ does not move: the next sync is told it again.
        """
        box = session.mailbox
        assert box is not None
        folder = await self.store.aread(lambda connection: folders.get(connection, self.folder.id))
        if box.unexplained or box.expunged or folder.uidvalidity != box.uidvalidity or folder.first_sync_at is None:
            return await self.run(session)
        started = time.monotonic()
        vanished, flagged = box.take_pushed()
        questions = Questions(self.store, session, folder, box, self.now)
        changes = await questions.pushed(vanished, flagged)
        if changes is None:
            return await self.run(session)
        outside = questions.outside if str(questions.outside) != folder.outside else None
        await self._carrier.apply(changes, outside)
        self.result.uidvalidity = box.uidvalidity
        self.result.strategy = self.result.strategy or _modseq(session, (0, 0)) or "scan"
        self.result.seconds += time.monotonic() - started
        if box.arrived:
            await self.arrivals(session)
        after = await self.store.aread(lambda connection: folders.get(connection, self.folder.id))
        if after.messages + len(questions.outside) != box.exists and not box.arrived:
            return await self.run(session)
        return self.result


def _modseq(session: Session, since: tuple[int, int] | None) -> Modseq:
    """What the server can tell of the time since the checkpoint that the folder was opened with."""
    if since is not None and "QRESYNC" in session.enabled and "QRESYNC" in session.capabilities:
        return "qresync"
    return "condstore" if "CONDSTORE" in session.capabilities and session.quirks.trust_modseq else ""


def _highestmodseq(session: Session, box: Mailbox) -> int | None:
    """HIGHESTMODSEQ, but not of a server that shows one without the capability: Yahoo's answers no CHANGEDSINCE."""
    return box.highestmodseq if _modseq(session, None) else None
