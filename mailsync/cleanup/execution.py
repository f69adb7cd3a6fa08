"""Carries out a run: a list of messages that a person approved of, there or back again.

    approved? -> connections, until all is done -> what each message came to -> completed | interrupted

Consent, and that the job is still ours, are asked in the transaction that notes what is about to be sent; that is on
the disk before anything is. What stops a run leaves it as it is: what was done can be undone, the rest was not touched.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import field
from functools import partial
from typing import Any

from mailsync.cleanup import breaker
from mailsync.cleanup.acting import Going
from mailsync.cleanup.breaker import Stopped
from mailsync.cleanup.carrying import Carrying
from mailsync.cleanup.looking import Looking
from mailsync.cleanup.recheck import Judge
from mailsync.errors import Interrupted, MailsyncError, ProtocolError, Throttled, Unreachable
from mailsync.imap.session import Session
from mailsync.privacy.consent import EMAIL_READ, MAILBOX_ACCESS, MAILBOX_MODIFY
from mailsync.record import record, replace
from mailsync.store import audit, cleanup_runs, consents, jobs
from mailsync.store.cleanup_runs import Measure, Result, Row, Run
from mailsync.store.database import Store
from mailsync.store.jobs import Job
from mailsync.sync.account import AccountMirror

LOSSES = 4
"""Connections in a row that may be lost without a result for any message."""
PAUSE_SECONDS = 0.2
"""Before another connection; longer where none led to anything."""


@record
class Execution:
    """One run on its way. `approved` gives it, or raises where it is not the one that somebody approved of.

    `judge` knows what is never touched; None where what was done is taken back. `share` is `cleanup.max_share`.
    """

    mirror: AccountMirror
    job: Job
    approved: Callable[[sqlite3.Connection], Run]
    stopping: Callable[[], bool]
    judge: Judge | None = None
    share: float = 1.0
    run: Run = field(init=False)
    permitted: Store = field(init=False)
    """The store, but nothing is written without consent, and unless the job is ours, at that very moment."""
    lost: list[Row] = field(default_factory=list, init=False)
    """Rows of an undo whose messages are not where they were left; nothing was done to them."""
    unsure: dict[int, str] = field(default_factory=dict, init=False)
    """Numbers of rows that were sent and not done, with what the server said, if anything."""
    checked: int = field(default=0, init=False)
    disagreeing: int = field(default=0, init=False)
    stop: str = field(default="", init=False)
    """Why nothing more may be done."""
    _measures: dict[str, Measure] = field(default_factory=dict, init=False)
    _settled: int = field(default=0, init=False)
    """Rows that have a result, of those `_failed`."""
    _failed: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.permitted = self.mirror.store.guarded(self._permit)

    @property
    def store(self) -> Store:
        return self.mirror.store

    @property
    def disagreement(self) -> str:
        """Why the breaker stops the run, "" while it does not."""
        return breaker.disagrees(self.checked, self.disagreeing) if self.judge is not None else ""

    async def carry_out(self) -> None:
        """Do it; what became of each message is in the store. MailsyncError for what concerns all of it."""
        self.run = await self.permitted.awrite(self._begin_run)
        outcome = "ok"
        try:
            await self._connected(lambda session: Carrying(self, session).run())
        except MailsyncError as error:
            outcome = type(error).__name__
            raise
        finally:
            await self.store.awrite(partial(self._end, outcome=outcome))

    async def look_back(self) -> None:
        """Learn what became of the rows of an earlier run that were begun; nothing is changed on the server.

        `approved` gives that run. MailsyncError where it cannot be learned now.
        """
        self.run = await self.store.aread(self.approved)
        await self._connected(lambda session: Looking(self, session).run())

    def _begin_run(self, connection: sqlite3.Connection) -> Run:
        run = self.approved(connection)
        cleanup_runs.start(connection, run.id)
        found = cleanup_runs.measures(connection, run.cleanup_id, self.mirror.now())
        self._measures = {one.folder: one for one in found}
        counts = cleanup_runs.counts(connection, run.id)
        self._settled = sum(count for state, count in counts.items() if state not in ("waiting", "begun"))
        self._failed = counts.get("failed", 0)
        return run

    def _end(self, connection: sqlite3.Connection, *, outcome: str) -> None:
        facts: dict[str, Any] = {"list": self.run.hash, "run": self.run.kind}
        facts |= cleanup_runs.counts(connection, self.run.id)
        partly = "partly" if facts.get("failed") and outcome == "ok" else outcome
        at = self.mirror.now()
        audit.record(connection, "cleanup_ended", at=at, account=self.mirror.name, outcome=partly, **facts)

    def _permit(self, connection: sqlite3.Connection) -> None:
        consents.require(connection, self.mirror.name, [MAILBOX_ACCESS, EMAIL_READ, MAILBOX_MODIFY])
        job = self.job
        if not jobs.wanted(connection, {job.id: job.attempt}).get(job.id):
            raise Interrupted("the job was cancelled, or is somebody else's by now")

    async def allowed(self) -> None:
        """ConsentMissing unless the mailbox may be changed now; Interrupted unless the job is ours."""
        await self.permitted.awrite(lambda connection: None)

    # -- connections -------------------------------------------------------------------------------------------

    async def _connected(self, work: Callable[[Session], Awaitable[None]]) -> None:
        """Do it on a connection, and on another where that is lost."""
        mirror = self.mirror
        try:
            await mirror.begin(asked=True)
            await self._reconnecting(work)
        finally:
            await mirror.end()
            if not mirror.syncing:
                await mirror.set_state(mirror.resting)

    async def _reconnecting(self, work: Callable[[Session], Awaitable[None]]) -> None:
        losses = 0
        while True:
            before = self._settled
            self.lost.clear()
            try:
                async with self.mirror.pool.session() as session:
                    await work(session)
                return
            except (Unreachable, ProtocolError) as error:
                if isinstance(error, Throttled):
                    await self.mirror.note_failure(error)
                    raise
                losses = 0 if self._settled > before else losses + 1
                if losses >= LOSSES:
                    raise
            await asyncio.sleep(PAUSE_SECONDS * 4**losses)

    # -- the breaker -------------------------------------------------------------------------------------------

    def measure(self, folder: str, touched: int, messages: int) -> None:
        """Hold what is about to be done in a folder against the measure, as the folder is now."""
        known = self._measures.get(folder)
        if self.judge is None or self.run.large or known is None:
            return
        beyond = breaker.excess([replace(known, touched=touched, messages=messages)], self.share)
        if beyond:
            self.stop = self.stop or f"{beyond[0]}, and nobody has said that it is meant"

    # -- the journal -------------------------------------------------------------------------------------------

    async def begin(self, rows: Sequence[Row], results: Sequence[Result]) -> None:
        """Note what is about to be sent, on the disk, and what is left out. Raises as `allowed` does."""

        def write(connection: sqlite3.Connection) -> None:
            if cleanup_runs.begin(connection, self.run.id, rows, self.mirror.now()) != len(rows):
                raise Stopped("the journal is not what it was: somebody else writes it")

        await self.settle(results)
        if rows:
            await self.permitted.awrite(write, durable=True)

    async def noted(self, some: Sequence[Going]) -> None:
        """Note on the disk how far rows have come, before more is done to them."""
        at, results = self.mirror.now(), [one.result for one in some]
        note = partial(cleanup_runs.settle, run_id=self.run.id, results=results, at=at)
        await self.store.awrite(note, durable=True)

    async def settle(self, results: Sequence[Result]) -> None:
        """Note what became of messages; of what was changed on the server the audit trail tells."""
        if not results:
            return

        def write(connection: sqlite3.Connection) -> None:
            at = self.mirror.now()
            cleanup_runs.settle(connection, self.run.id, results, at)
            states = Counter(one.state for one in results if one.before != one.after)
            if states["done"]:
                facts: dict[str, Any] = {"messages": states["done"], "run": self.run.kind}
                audit.record(connection, "cleaned", at=at, account=self.mirror.name, **facts)
            jobs.progress(connection, self.job.id, self._settled, self._failed, at)

        self._settled += sum(one.state not in ("waiting", "begun") for one in results)
        self._failed += sum(one.state == "failed" for one in results)
        await self.store.awrite(write)

    async def made(self) -> None:
        """A folder was made."""
        at, account = self.mirror.now(), self.mirror.name
        await self.store.awrite(partial(audit.record, action="cleaned", at=at, account=account, folders=1))
