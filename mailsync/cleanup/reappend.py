"""What an undo finds nowhere on the server is put there once more from the mirror: bytes, flags, keywords and date.

It is a restore, as `sync.restore` does it, within the job of the undo: what is there already is left alone, what was
begun and has no answer is looked for first. Before that somebody has to have synced, so that a message which a person
has put somewhere else meanwhile is known to be there, and stays there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial

from mailsync.imap.names import decode_name
from mailsync.record import record
from mailsync.store import cleanup_returns, cleanup_runs
from mailsync.store.cleanup_runs import Result, Row, Run
from mailsync.store.restores import Frozen
from mailsync.sync.account import AccountMirror
from mailsync.text import safe_text

OPEN: tuple[cleanup_runs.State, ...] = ("waiting", "begun")


@record
class Reappending:
    """Puts messages of an undo back. `run` and its journal are in the store of `mirror`."""

    mirror: AccountMirror
    run: Run
    job_id: int
    stopping: Callable[[], bool]
    settled: int = field(default=0, init=False)
    """Messages that have a result."""

    async def resume(self) -> None:
        """Come to the end of lists that were begun before a kill. Raises MailsyncError for what concerns all."""
        for frozen in await self.mirror.store.aread(lambda connection: cleanup_returns.begun(connection, self.job_id)):
            await self._carry_out(frozen)

    async def put_back(self, rows: Sequence[Row]) -> None:
        """Put back what was not found where it had been left; rows that belong nowhere are none of these."""
        mirror = self.mirror
        left = await mirror.store.aread(partial(cleanup_returns.elsewhere, account_id=mirror.account_id, rows=rows))
        results = [
            Result(row.number, "skipped", row.before, row.before, f"it is in {safe_text(left[row.number], 80)} now")
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
            last: int | None = -1
            while last is not None:
                page = partial(cleanup_returns.outcomes, run_id=self.run.id, restore_id=frozen.id, after=last)
                last, results = await mirror.store.aread(page)
                await self._settle(results)

    async def _settle(self, results: Sequence[Result]) -> None:
        at = self.mirror.now()
        self.settled += len(results)
        await self.mirror.store.awrite(partial(cleanup_runs.settle, run_id=self.run.id, results=results, at=at))
