"""What a job of kind `cleanup_apply` comes to: an approved list carried out, and the mirror brought up to date."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mailsync.errors import Interrupted, MailsyncError
from mailsync.jobs.queue import Outcome
from mailsync.store import cleanup_returns, cleanup_runs, cleanups, folders, jobs
from mailsync.store.cleanup_runs import Run
from mailsync.store.jobs import Job

if TYPE_CHECKING:
    from mailsync.cleanup.execution import Execution
    from mailsync.cleanup.recheck import Judge
    from mailsync.sync.account import AccountMirror

Resync = Callable[[Sequence[str]], Awaitable[None]]
"""Has the mirror see what folders hold now, all of the account for none."""


async def applied(
    mirror: AccountMirror, job: Job, stopping: Callable[[], bool], judge: Judge, share: float, resync: Resync
) -> Outcome:
    """Carry an approved list out. Stopped by the end of the engine, it goes on with the next one.

    The mirror sees first what the folders of the list hold now, and what was sent since: the judge asks it.
    """
    from mailsync.cleanup.execution import Execution

    number, digest = int(job.params["run"]), str(job.params["hash"])
    approved = partial(cleanup_runs.require, run_id=number, account=mirror.name, digest=digest)
    run = Execution(mirror, job, approved, stopping, judge, share)
    failure: MailsyncError | None = None
    try:
        approval = await mirror.store.aread(approved)
        await resync(await mirror.store.aread(partial(_telling, approval=approval, account_id=mirror.account_id)))
        await asyncio.to_thread(judge.learn, mirror.store)
        await run.carry_out()
    except MailsyncError as error:
        failure = error
    return await concluded(run, number, failure, resync)


async def concluded(run: Execution, number: int, failure: MailsyncError | None, resync: Resync) -> Outcome:
    """The end of a run: what came of it is noted, and seen in the mirror."""
    mirror, job, store = run.mirror, run.job, run.mirror.store
    goes_on = isinstance(failure, Interrupted) and not await store.aread(partial(jobs.is_cancelled, job_id=job.id))
    counts = await store.aread(partial(cleanup_runs.counts, run_id=number))
    left = counts.get("waiting", 0) + counts.get("begun", 0)
    if failure is None and left:
        failure = MailsyncError(f"{left:,} messages have no result", hint="the server did not tell what became of them")
    if not goes_on:
        stopped = str(failure) if failure is not None else ""
        await store.awrite(partial(cleanup_runs.finish, run_id=number, at=mirror.now(), stopped=stopped))
        names = await store.aread(partial(_touched, run_id=number, account_id=mirror.account_id))
        if names is not None and (run.checked or failure is None):
            await resync(names)
            await store.awrite(partial(cleanup_returns.same_ids, run_id=number))
    document: dict[str, Any] = {
        "ok": failure is None,
        "exit_code": failure.exit_code if failure else 0,
        "run": number,
        "results": counts,
    }
    return Outcome(
        failure is None,
        document,
        str(failure) if failure else None,
        failure.hint if failure else None,
        unfinished=goes_on,
        passing=failure is not None and failure.retry == "backoff",
    )


def _telling(connection: sqlite3.Connection, *, approval: Run, account_id: int) -> list[str]:
    """The folders that tell whether a list still holds."""
    listed = {one.folder_id for one in cleanups.folders_of(connection, approval.cleanup_id)}
    known = folders.present(connection, account_id).values()
    return [one.name for one in known if one.id in listed or one.special_use == "\\Sent"]


def _touched(connection: sqlite3.Connection, *, run_id: int, account_id: int) -> list[str] | None:
    """The folders to sync after a run: those of the mirror that it changed, all where it made one; None for none."""
    touched = cleanup_runs.touched(connection, run_id)
    known = {one.raw_name: one.name for one in folders.present(connection, account_id).values()}
    if not touched:
        return None
    return [known[name] for name in touched] if all(name in known for name in touched) else []
