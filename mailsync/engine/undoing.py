"""What a job of kind `undo` comes to: what a clean-up did is taken back, and the mirror brought up to date."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mailsync.engine.applying import Resync, concluded
from mailsync.errors import MailsyncError
from mailsync.jobs.queue import Outcome
from mailsync.store import cleanup_undo
from mailsync.store.jobs import Job

if TYPE_CHECKING:
    from mailsync.cleanup.recheck import Judge
    from mailsync.sync.account import AccountMirror


async def undone(
    mirror: AccountMirror, job: Job, stopping: Callable[[], bool], judge: Judge, share: float, resync: Resync
) -> Outcome:
    """Take back what was approved of, or do it again. Stopped by the engine's end, it goes on with the next one."""
    from mailsync.cleanup.undo import Undo

    async def all_of_it() -> None:
        await resync(())

    undo = Undo(mirror, job, stopping, all_of_it, judge, share)
    failure: MailsyncError | None = None
    try:
        await undo.run()
    except MailsyncError as error:
        failure = error
    outcome = await concluded(undo.execution, undo.run_id, failure, resync)
    if not outcome.unfinished:
        await mirror.store.awrite(partial(cleanup_undo.settle, run_id=undo.run_id))
    return outcome
