"""Carries a plan out: flags and removals in one transaction, then bodies, then what changed under our hands."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.model import FolderResult
from mailsync.record import record
from mailsync.store import accounts, activity, folders, messages, quarantine
from mailsync.store.database import Store
from mailsync.sync.download import Download
from mailsync.sync.plan import Changes, Choice, Numbers
from mailsync.sync.questions import PIECE, Questions
from mailsync.sync.scope import Scope


@record
class Carrier:
    """The hands of one folder's sync; what it did is added to `result`. `scope` is the selection of messages."""

    store: Store
    account: str
    account_id: int
    folder: folders.Folder
    result: FolderResult
    now: Callable[[], float]
    stopping: Callable[[], bool]
    scope: Scope | None
    download: Download
    dry_run: bool

    async def may_know_arrivals(self) -> bool:
        """The account was mirrored before: what is new in one folder may be known from another."""
        return await self.store.aread(lambda c: accounts.was_synced(c, self.account))

    def start(self, choice: Choice, server: Numbers) -> Callable[[sqlite3.Connection], None]:
        """To be written before the first row: the sync begins."""

        def write(connection: sqlite3.Connection) -> None:
            folders.start_sync(
                connection, self.folder.id, server.uidvalidity or 0, server.messages, choice.strategy, choice.why
            )

        return write

    async def apply(self, changes: Changes, outside: UidSet | None) -> None:
        """Flags and removals; `outside`: what is left of the messages that are not mirrored."""
        if not changes.reflag and not changes.remove and outside is None:
            return
        at = self.now()
        folder_id = self.folder.id

        def write(connection: sqlite3.Connection) -> tuple[int, int]:
            changed = removed = 0
            if outside is not None:
                folders.note_outside(connection, folder_id, str(outside))
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

    async def fetch(self, session: Session, wanted: UidSet, *, known: UidSet, strange: bool = False) -> None:
        """Have the bytes of `wanted`. `known` of them have a row; `strange` ones may look like what is here, and are
        not."""
        strangers = wanted - known
        if strangers and self.scope is not None:
            strangers = await self.scope.settle(session, self.store, self.folder.id, strangers, self.result)
        if strangers and not strange and await self.may_know_arrivals():
            from mailsync.sync.moves import Moves  # nothing is known from elsewhere in most syncs

            moves = Moves(self.store, self.account, self.account_id, self.folder, self.result, self.now)
            strangers = await moves.take(session, strangers)
            await self.report(moves.doubts)
        await self.download.run(session, strangers | (wanted & known))

    async def settle_flags(self, session: Session, questions: Questions) -> None:
        """Ask again for the flags of messages that changed while they were fetched."""
        unsure = self.download.take_unsure()
        if unsure and not self.stopping():
            told = await questions.told(unsure.split(PIECE))
            reflag = [(uid, *state) for state, uids in told.states.items() for uid in uids & unsure]
            await self.apply(Changes(reflag=reflag), None)

    def _tell(self, connection: sqlite3.Connection, at: float, kind: str, count: int, uids: UidSet) -> None:
        if count:
            activity.add(connection, at, self.account, self.folder.name, kind, count=count, uids=str(uids))

    async def report(self, doubts: list[str]) -> None:
        """What was doubted is told, whatever became of it."""
        if doubts and not self.dry_run:
            at, name = self.now(), self.folder.name

            def write(connection: sqlite3.Connection) -> None:
                for doubt in doubts:
                    activity.add(connection, at, self.account, name, "doubt", detail=doubt)

            await self.store.awrite(write)
