"""What an undo finds nowhere on the server is put there once more from the mirror: bytes, flags, keywords and date.

It is a restore, as `sync.restore` does it, within the job of the undo: what is there already is left alone, what was
begun and has no answer is looked for first. Before that somebody has to have synced, so that a message which a person
has put somewhere else meanwhile is known to be there, and stays there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import field
from functools import partial

from mailsync.cleanup.acting import Acting, Going, select
from mailsync.cleanup.changes import Change
from mailsync.imap.names import decode_name
from mailsync.imap.session import Session
from mailsync.record import record, replace
from mailsync.store import cleanup_returns, cleanup_runs
from mailsync.store.cleanup_returns import PUT_BACK
from mailsync.store.cleanup_runs import Result, Row, Run
from mailsync.store.restores import Frozen
from mailsync.sync.account import AccountMirror

OPEN: tuple[cleanup_runs.State, ...] = ("waiting", "begun")
BATCH = 100
"""Messages that get their labels at a time."""


@record
class Reappending:
    """Puts messages of an undo back. `run` and its journal are in the store of `mirror`."""

    mirror: AccountMirror
    run: Run
    job_id: int
    stopping: Callable[[], bool]
    allowed: Callable[[], Awaitable[None]]
    """Raises unless the mailbox may be changed now."""
    settled: int = field(default=0, init=False)
    """Messages that have a result."""

    async def resume(self) -> None:
        """Come to the end of lists that were begun before a kill. Raises MailsyncError for what concerns all."""
        lists = await self.mirror.store.aread(partial(cleanup_returns.begun, job_id=self.job_id))
        for frozen, finished in lists:
            await (self._take_over(frozen) if finished else self._carry_out(frozen))
        await self._label()

    async def put_back(self, rows: Sequence[Row]) -> None:
        """Put back what was not found where it had been left; rows that belong nowhere are none of these."""
        mirror = self.mirror
        read = partial(cleanup_returns.elsewhere, run=self.run, account_id=mirror.account_id, rows=rows)
        left = await mirror.store.aread(read)
        results = [
            Result(row.number, "skipped", row.before, row.before, left[row.number])
            for row in rows
            if row.number in left
        ]
        if results:
            await self._settle(results)
        lost = [
            (row, decode_name(row.after.folder)) for row in rows if row.number not in left and row.after is not None
        ]
        if lost:
            freeze = partial(cleanup_returns.freeze, run=self.run, rows=lost, job_id=self.job_id, at=mirror.now())
            await self._carry_out(await mirror.store.awrite(freeze))
            await self._label()

    async def _carry_out(self, frozen: Frozen) -> None:
        from mailsync.sync.restore import Restoration

        mirror = self.mirror
        counts = await mirror.store.aread(partial(cleanup_runs.counts, run_id=self.run.id))
        done = sum(counts.values()) - sum(counts.get(state, 0) for state in OPEN)
        restoration = Restoration(
            mirror,
            frozen.id,
            frozen.hash,
            self.job_id,
            self.stopping,
            strict=True,
            earlier=(done, counts.get("failed", 0)),
        )
        try:
            await restoration.run()
        finally:
            await self._take_over(frozen)

    async def _take_over(self, frozen: Frozen) -> None:
        """What the list knows of messages is noted in the journal of the run."""
        last: int | None = -1
        while last is not None:
            page = partial(cleanup_returns.outcomes, run_id=self.run.id, restore_id=frozen.id, after=last)
            last, results = await self.mirror.store.aread(page)
            await self._settle(results)

    async def _label(self) -> None:
        """Give what was put back its labels (of Gmail): an APPEND cannot."""
        mirror = self.mirror
        found = await mirror.store.aread(partial(cleanup_returns.unlabelled, run_id=self.run.id))
        if not found:
            return
        try:
            await mirror.begin(asked=True)
            async with mirror.pool.session() as session:
                for (folder, uidvalidity), rows in found.items():
                    await self.allowed()
                    same = (await select(session, folder)).uidvalidity == uidvalidity
                    for at in range(0, len(rows), BATCH):
                        await self._label_some(session, rows[at : at + BATCH], same=same)
        finally:
            await mirror.end()

    async def _label_some(self, session: Session, rows: Sequence[Row], *, same: bool) -> None:
        going = [
            Going(row, row.after.uid, Change(label=row.after.labels or ()), row.after, row.after)
            for row in rows
            if same and row.after is not None and row.after.uid is not None
        ]
        await Acting(session, {}, _nothing, _nothing).run(going, lambda: None)
        why = {one.row.number: one.why for one in going}
        results: list[Result] = []
        for row in rows:
            trouble = why.get(row.number, "nobody knows its UID")
            after = replace(row.after, labels=()) if row.after is not None and trouble else row.after
            told = f"{PUT_BACK}, without its labels: {trouble}" if trouble else PUT_BACK
            results.append(Result(row.number, "done", row.before, after, told))
        await self._settle(results)

    async def _settle(self, results: Sequence[Result]) -> None:
        at = self.mirror.now()
        self.settled += sum(one.state != "begun" for one in results)
        await self.mirror.store.awrite(partial(cleanup_runs.settle, run_id=self.run.id, results=results, at=at))


async def _nothing(what: object) -> None:
    """No folder is made, and nothing is noted on the way."""
    del what
