"""Carries out a list of messages to be put back on a server, as it was approved.

    LIST -> for each folder: CREATE where it is missing, SELECT, what is there already?
         -> batches: consent and journal -> APPEND -> what the server said

The one place that changes a server. Consent is asked for in the transaction that notes what is about to be sent. It may
be killed between any two steps: what was begun and has no result is looked for before anything is sent.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial
from typing import Any

from mailsync.errors import MailsyncError, ProtocolError, Throttled, Unreachable
from mailsync.privacy.consent import EMAIL_READ, MAILBOX_ACCESS, MAILBOX_MODIFY
from mailsync.record import record
from mailsync.store import audit, consents, jobs, restores
from mailsync.store.database import Store
from mailsync.store.restores import Frozen, Item, Result
from mailsync.sync.account import AccountMirror
from mailsync.sync.putting import Putting

LOSSES = 4
"""Connections in a row that may be lost without an answer to any APPEND: one message alone costs up to three."""
PAUSE_SECONDS = 0.2
"""Before another connection; longer where none led to anything."""


@record
class Restoration:
    """One list on its way to the server of `mirror`; `hash` is that of the list that was approved."""

    mirror: AccountMirror
    restore_id: int
    hash: str
    job_id: int
    stopping: Callable[[], bool]
    dry_run: bool = False
    strict: bool = False
    """What the mirror has had in a folder under another id is another message, even where the bytes are the same."""
    earlier: tuple[int, int] = (0, 0)
    """Messages that the job was done with before it came to the list, and those of them that failed."""
    permitted: Store = field(init=False)
    """The store, but nothing is written without consent to change the mailbox at that very moment."""
    done: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    together: bool = field(default=True, init=False)
    """A batch may go in one command."""
    careful: bool = field(default=False, init=False)
    """The server has misunderstood a literal that did not wait."""
    answered: int = field(default=0, init=False)
    suspects: Counter[int] = field(default_factory=Counter, init=False)
    """Items that were on their way when a connection was lost are sent alone; how many it cost then."""

    def __post_init__(self) -> None:
        name = self.mirror.name
        self.permitted = self.mirror.store.guarded(
            lambda connection: consents.require(connection, name, [MAILBOX_ACCESS, MAILBOX_MODIFY])
        )

    @property
    def store(self) -> Store:
        return self.mirror.store

    async def run(self) -> None:
        """Carry the list out; what became of each message is in the store. MailsyncError for what concerns all."""
        frozen = await self.store.aread(self._approved)
        settled = Counter[str]()
        for folder in frozen.folders:
            settled.update(folder.states)
        self.done = self.earlier[0] + frozen.messages - settled["waiting"] - settled["begun"]
        self.failed = self.earlier[1] + settled["failed"]
        outcome = "ok"
        try:
            await self.mirror.begin(asked=True)
            await self._reconnecting()
        except MailsyncError as error:
            outcome = type(error).__name__
            raise
        finally:
            await self.mirror.end()
            if not self.mirror.syncing:
                await self.mirror.set_state(self.mirror.resting)
            if not self.dry_run:
                await self.store.awrite(partial(self._end, outcome=outcome))

    def _approved(self, connection: sqlite3.Connection) -> Frozen:
        """The list, if it is the one that somebody has seen."""
        frozen = restores.get(connection, self.restore_id)
        if not self.hash == frozen.hash == restores.digest(connection, self.restore_id):
            raise MailsyncError("the list is not the one that was approved", hint="run mailsync restore again")
        if frozen.account != self.mirror.name or (frozen.approved_by is None and not self.dry_run):
            raise MailsyncError("nobody has approved of this list", hint="run mailsync restore again")
        return frozen

    def _end(self, connection: sqlite3.Connection, *, outcome: str) -> None:
        at = self.mirror.now()
        states = Counter[str]()
        for folder in restores.get(connection, self.restore_id).folders:
            states.update(folder.states)
        left = states["waiting"] + states["begun"]
        if not left:
            restores.finish(connection, self.restore_id, at)
        facts: dict[str, Any] = {
            "list": self.hash,
            "restored": states["restored"],
            "present": states["present"],
            "failed": states["failed"],
            "left": left,
        }
        partly = "partly" if states["failed"] and outcome == "ok" else outcome
        audit.record(connection, "restore_ended", at=at, account=self.mirror.name, outcome=partly, **facts)

    async def allowed(self) -> None:
        """ConsentMissing unless the mailbox may be changed now."""
        await self.permitted.awrite(lambda connection: None)

    # -- connections -------------------------------------------------------------------------------------------

    async def _reconnecting(self) -> None:
        losses = 0
        while True:
            before = self.answered
            try:
                async with self.mirror.pool.session() as session:
                    await Putting(self, session).run()
                return
            except (Unreachable, ProtocolError) as error:
                if isinstance(error, Throttled):
                    await self.mirror.note_failure(error)
                    raise
                if isinstance(error, ProtocolError):  # the simpler way
                    self.careful, self.together = self.careful or not self.together, False
                losses = 0 if self.answered > before else losses + 1
                if losses >= LOSSES:
                    raise
            await asyncio.sleep(PAUSE_SECONDS * 4**losses)

    # -- the journal -------------------------------------------------------------------------------------------

    def begin(self, connection: sqlite3.Connection, sources: frozenset[str], batch: Sequence[Item]) -> None:
        """Note what is about to be sent. ConsentMissing unless it may still be read, and sent there."""
        for name in sources:
            consents.require(connection, name, [EMAIL_READ])
        validity, uidnext = batch[0].uidvalidity, batch[0].uidnext
        restores.begin(connection, self.restore_id, [item.number for item in batch], validity, uidnext)

    def settle(self, connection: sqlite3.Connection, results: Sequence[Result], size: int, *, sent: bool) -> None:
        """Note what became of messages; of what was changed on the server the audit trail tells."""
        at = self.mirror.now()
        restores.settle(connection, self.restore_id, results)
        states = Counter(one.state for one in results)
        if sent:
            facts: dict[str, Any] = {"messages": states["restored"], "failed": states["failed"], "bytes": size}
            audit.record(connection, "restored", at=at, account=self.mirror.name, **facts)
        self.done += len(results)
        self.failed += states["failed"]
        jobs.progress(connection, self.job_id, self.done, self.failed, at)
