"""Undo: what runs of a clean-up did is taken back, backwards through the journal, or done again.

    lists of a killed run -> what was begun: look -> where is it now? -> the executor, there and back
                                                                      `-> nowhere: from the mirror

It is a run with a journal of its own, and the executor is that of a clean-up: a row takes its message from where the
journal says it is to where it was, by the same commands, killed and resumed the same way. What is done again is a
clean-up in this, too, that the judge is asked for each message, and that what is nowhere is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import field
from functools import partial

from mailsync.cleanup.execution import Execution
from mailsync.cleanup.locating import Locating
from mailsync.cleanup.reappend import Reappending
from mailsync.cleanup.recheck import Judge
from mailsync.imap.names import decode_name
from mailsync.record import record
from mailsync.store import cleanup_returns, cleanup_runs, cleanup_undo
from mailsync.store.cleanup_runs import Result
from mailsync.store.cleanup_undo import Planned
from mailsync.store.jobs import Job
from mailsync.sync.account import AccountMirror

GONE = "it is not there any more"


@record
class Undo:
    """One undo on its way. `resync` has the mirror see what the server has, all of the account.

    `judge` and `share` are for what is done again, as `Execution` has them.
    """

    mirror: AccountMirror
    job: Job
    stopping: Callable[[], bool]
    resync: Callable[[], Awaitable[None]]
    judge: Judge
    share: float
    execution: Execution = field(init=False)

    def __post_init__(self) -> None:
        approved = partial(
            cleanup_undo.require, run_id=self.run_id, account=self.mirror.name, digest=str(self.job.params["hash"])
        )
        self.execution = Execution(self.mirror, self.job, approved, self.stopping, share=self.share)

    @property
    def run_id(self) -> int:
        return int(self.job.params["run"])

    async def run(self) -> None:
        """Do it; what became of each message is in the store. MailsyncError for what concerns all of it."""
        store, execution = self.mirror.store, self.execution
        run = await store.aread(execution.approved)
        again = await store.aread(partial(cleanup_undo.goes_forward, run=run))
        if again:
            await self.resync()
            await asyncio.to_thread(self.judge.learn, store)
            execution.judge = self.judge
        reappending = Reappending(self.mirror, run, self.job.id, self.stopping, execution.allowed)
        try:
            await reappending.resume()
            await self._prepare()
            await execution.carry_out()
            if again:
                gone = [Result(row.number, "gone", row.before, None, GONE) for row in execution.lost]
                await execution.settle(gone)
            elif execution.lost:
                await self.resync()
                relocate = partial(cleanup_returns.relocate, run_id=self.run_id, account_id=self.mirror.account_id)
                if await store.awrite(partial(relocate, rows=list(execution.lost))):
                    await execution.carry_out()
                await reappending.put_back(execution.lost)
        finally:
            execution.checked += reappending.settled

    async def _prepare(self) -> None:
        """Have the rows name places that are true now."""
        mirror, store = self.mirror, self.mirror.store
        for earlier in await store.aread(partial(cleanup_undo.unresolved, run_id=self.run_id)):
            looked_at = partial(cleanup_runs.get, run_id=earlier)
            await Execution(mirror, self.job, looked_at, self.stopping).look_back()
        await store.awrite(partial(cleanup_undo.resolve, run_id=self.run_id, at=mirror.now()))
        try:
            await mirror.begin(asked=True)
            async with mirror.pool.session() as session:
                await Locating(mirror, self.run_id, self.resync).run(session)
        except BaseException:
            await mirror.end()
            raise


def ways(planned: Planned) -> list[tuple[str | None, str | None, int]]:
    """How many messages go from which folder to which, most first; None stands for nowhere on the server."""

    def named(folder: bytes | None) -> str | None:
        return None if folder is None else decode_name(folder)

    told = [(named(here), named(there), count) for (here, there), count in planned.ways.items()]
    return sorted(told, key=lambda way: (-way[2], way[0] or "", way[1] or ""))
