"""Undo: what runs of a clean-up did is taken back, backwards through the journal, or done again.

    lists of a killed run -> what was begun: look -> where is it now? -> the executor, there and back
                                                                      `-> nowhere: from the mirror

It is a run with a journal of its own, and the executor is that of a clean-up: a row takes its message from where the
journal says it is to where it was, by the same commands, killed and resumed the same way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import field
from functools import partial

from mailsync.cleanup.execution import Execution
from mailsync.cleanup.locating import Locating
from mailsync.cleanup.reappend import Reappending
from mailsync.imap.names import decode_name
from mailsync.record import record
from mailsync.store import cleanup_runs, cleanup_undo
from mailsync.store.cleanup_undo import Planned
from mailsync.store.jobs import Job
from mailsync.sync.account import AccountMirror


@record
class Undo:
    """One undo on its way. `resync` has the mirror see what the server has, all of the account."""

    mirror: AccountMirror
    job: Job
    stopping: Callable[[], bool]
    resync: Callable[[], Awaitable[None]]
    execution: Execution = field(init=False)

    def __post_init__(self) -> None:
        approved = partial(
            cleanup_undo.require, run_id=self.run_id, account=self.mirror.name, digest=str(self.job.params["hash"])
        )
        self.execution = Execution(self.mirror, self.job, approved, self.stopping)

    @property
    def run_id(self) -> int:
        return int(self.job.params["run"])

    async def run(self) -> None:
        """Do it; what became of each message is in the store. MailsyncError for what concerns all of it."""
        run = await self.mirror.store.aread(self.execution.approved)
        reappending = Reappending(self.mirror, run, self.job.id, self.stopping, self.execution.allowed)
        try:
            await reappending.resume()
            await self._prepare()
            await self.execution.carry_out()
            if self.execution.lost:
                await self.resync()
                await reappending.put_back(self.execution.lost)
        finally:
            self.execution.checked += reappending.settled

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
