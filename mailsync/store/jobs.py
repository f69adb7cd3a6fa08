"""`jobs` and `job_events`: what front ends ask of the engine, and how far it is.

    pending --claim--> running --finish--> completed | failed | cancelled --retry--> pending
       ^                  |
       `-- requeue, retry_later, reclaim

A claim is a lease: `attempt` grows with each, and only who holds the newest one can end the job. Events are only ever
added, counters only ever grow (triggers see to both).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from mailsync.errors import NotFound, UsageError
from mailsync.model import JobStatus
from mailsync.record import record
from mailsync.store.job_kinds import CHANGING, KINDS, LONG, SYNCS

ASKED = 10
"""The priority of what a person waits for; 0 is what was planned."""
BACKGROUND = -10
"""The priority of what may wait for everything else."""
LONGEST_WAIT = 900.0
"""Seconds between two attempts, at most."""
PROGRESS_SECONDS = 1.0
"""Between two events that tell of progress; counters are written each time."""
PROGRESS_SHARE = 100
"""A job that runs for long tells of it less often: once in this part of the time it has taken."""
KEPT_SECONDS = 7 * 24 * 3600.0
"""Jobs that ended are remembered so long."""
PLANNED_KEPT_SECONDS = 3600.0
"""Planned syncs that went well are remembered so long: there are hundreds a day."""


@record(frozen=True)
class Job:
    """A job as stored; times are Unix seconds. `result` is the document its handler produced, with the `exit_code` for
    a command. `total`, `processed` and `failed` count messages. `worker` names the process that runs it."""

    id: int
    kind: str
    account: str | None
    params: dict[str, Any]
    status: JobStatus
    error: str | None
    error_hint: str | None
    result: dict[str, Any] | None
    cancel_requested: bool
    priority: int
    total: int
    processed: int
    failed: int
    attempt: int
    max_attempts: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    heartbeat_at: float | None
    not_before: float
    backoff: float
    worker: str | None
    approved_by: str | None

    @property
    def ended(self) -> bool:
        return self.status not in ("pending", "running")


COLUMNS = ", ".join(Job.__match_args__)


@record(frozen=True)
class Event:
    """Something that happened to a job; `seq` counts from 1 within it."""

    seq: int
    at: float
    type: str
    data: dict[str, Any]


def made(row: sqlite3.Row) -> Job:
    """A job from a row of `COLUMNS`."""
    values = dict(row)
    values["params"] = json.loads(row["params"])
    values["result"] = json.loads(row["result"]) if row["result"] else None
    values["cancel_requested"] = bool(row["cancel_requested"])
    return Job(**values)


# -- asking ----------------------------------------------------------------------------------------------------


def insert(
    connection: sqlite3.Connection,
    kind: str,
    at: float,
    *,
    account: str | None = None,
    params: dict[str, Any] | None = None,
    priority: int = 0,
    max_attempts: int = 1,
    backoff: float = 0.0,
) -> int:
    """Ask for a job; returns its id. A higher priority is claimed first.

    `max_attempts` above 1 has it run again when the process that ran it was killed, and with `backoff` (seconds,
    doubled with each attempt) when it failed for a reason that may pass. `params` hold no secrets and no addresses.
    """
    if kind in CHANGING and account is None:
        raise ValueError(f"a job of kind {kind} is about one account")
    cursor = connection.execute(
        """INSERT INTO jobs (kind, account, params, priority, max_attempts, backoff, created_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (kind, account, json.dumps(params or {}), priority, max_attempts, backoff, at),
    )
    assert cursor.lastrowid is not None
    add_event(connection, cursor.lastrowid, at, "created", {})
    return cursor.lastrowid


def approve(connection: sqlite3.Connection, job_id: int, approved_by: str | None, total: int) -> None:
    """Who approved of a job that changes a server, None for one that only looks; it is about `total` messages."""
    connection.execute("UPDATE jobs SET approved_by = ?, total = ? WHERE id = ?", (approved_by, total, job_id))


def request_cancel(connection: sqlite3.Connection, job_id: int, at: float) -> None:
    """Cancel a pending job at once, ask a running one to stop at its next step."""
    waiting = connection.execute(
        "UPDATE jobs SET status = 'cancelled', finished_at = ? WHERE id = ? AND status = 'pending'", (at, job_id)
    )
    if waiting.rowcount:
        return add_event(connection, job_id, at, "cancelled", {})
    asked = connection.execute(
        "UPDATE jobs SET cancel_requested = 1 WHERE id = ? AND status = 'running' AND NOT cancel_requested", (job_id,)
    )
    if asked.rowcount:
        add_event(connection, job_id, at, "cancel_requested", {})
    return None


def retry(connection: sqlite3.Connection, job_id: int, at: float) -> None:
    """Put a job that failed or was cancelled back into the queue. NotFound, or UsageError where that cannot be."""
    job = get(connection, job_id)
    if job is None:
        raise NotFound(f"no job {job_id}", hint="`mailsync jobs list` shows them")
    require_retriable(job)
    connection.execute(
        """UPDATE jobs SET status = 'pending', finished_at = NULL, result = NULL, error = NULL, error_hint = NULL,
                           cancel_requested = 0, not_before = 0, worker = NULL, priority = max(priority, ?),
                           max_attempts = max(max_attempts, attempt + 2)
           WHERE id = ?""",
        (ASKED, job_id),
    )
    add_event(connection, job_id, at, "retried", {})


def require_retriable(job: Job) -> None:
    """UsageError where a job cannot be put back."""
    if job.status not in ("failed", "cancelled"):
        raise UsageError(f"job {job.id} is {job.status}", hint="one that failed or was cancelled can be tried again")
    if job.kind not in KINDS or KINDS[job.kind].here:
        raise UsageError(f"job {job.id} was done by the command itself", hint=f"run mailsync {job.kind} again")


# -- carrying out ----------------------------------------------------------------------------------------------


def claim(connection: sqlite3.Connection, at: float, worker: str = "", *, long: int = 1) -> Job | None:
    """Take the next pending job and mark it running by `worker`; see `next_id`."""
    number = next_id(connection, at, long)
    return take(connection, number, at, worker) if number is not None else None


def next_id(connection: sqlite3.Connection, at: float, long: int) -> int | None:
    """Which pending job comes next.

    Passed over are those that are not due yet, those that change an account that is being changed, syncs of an account
    that is being synced, and long ones while `long` of them run.
    """
    row = connection.execute(
        f"""SELECT id FROM jobs j WHERE status = 'pending' AND not_before <= ?
            AND NOT (kind IN {CHANGING} AND EXISTS (SELECT 1 FROM jobs r WHERE r.status = 'running'
                     AND r.kind IN {CHANGING} AND r.account = j.account))
            AND NOT (kind IN {SYNCS} AND EXISTS (SELECT 1 FROM jobs r WHERE r.status = 'running'
                     AND r.kind IN {SYNCS} AND r.account = j.account))
            AND NOT (kind IN {LONG} AND ? <= (SELECT count(*) FROM jobs r WHERE r.status = 'running'
                     AND r.kind IN {LONG}))
            ORDER BY priority DESC, id LIMIT 1""",
        (at, long),
    ).fetchone()
    return int(row[0]) if row else None


def take(connection: sqlite3.Connection, job_id: int, at: float, worker: str) -> Job | None:
    """Mark a pending job running by `worker`."""
    connection.execute(
        """UPDATE jobs SET status = 'running', started_at = ?, heartbeat_at = ?, worker = ?, attempt = attempt + 1
           WHERE id = ? AND status = 'pending'""",
        (at, at, worker, job_id),
    )
    job = get(connection, job_id)
    if job is not None:
        add_event(connection, job_id, at, "started", {"attempt": job.attempt})
    return job


def heartbeat(connection: sqlite3.Connection, leases: dict[int, int], at: float) -> None:
    """A worker is alive and at these jobs (id: attempt)."""
    connection.executemany(
        "UPDATE jobs SET heartbeat_at = ? WHERE id = ? AND attempt = ? AND status = 'running'",
        [(at, *lease) for lease in leases.items()],
    )


def wanted(connection: sqlite3.Connection, leases: dict[int, int]) -> dict[int, bool]:
    """Of these jobs (id: attempt) those that are still held by that attempt, and whether they shall go on."""
    rows = connection.execute("SELECT id, attempt, cancel_requested FROM jobs WHERE status = 'running'").fetchall()
    return {row[0]: not row[2] for row in rows if leases.get(row[0]) == row[1]}


def progress(
    connection: sqlite3.Connection, job_id: int, processed: int, failed: int, at: float, *, total: int | None = None
) -> None:
    """A running job is so far, in messages; told as an event once in a while."""
    row = connection.execute(
        """UPDATE jobs SET processed = max(processed, ?), failed = max(failed, ?), total = coalesce(?, total),
                           heartbeat_at = ? WHERE id = ? AND status = 'running'
           RETURNING started_at, processed, failed, total""",
        (processed, failed, total, at, job_id),
    ).fetchone()
    if row is None:
        return
    rest = max(PROGRESS_SECONDS, (at - row[0]) / PROGRESS_SHARE)
    recent = connection.execute(
        """SELECT 1 FROM (SELECT type, at FROM job_events WHERE job_id = ? ORDER BY seq DESC LIMIT 1)
           WHERE type = 'progress' AND at > ?""",
        (job_id, at - rest),
    ).fetchone()
    if recent is None:
        add_event(connection, job_id, at, "progress", {"processed": row[1], "failed": row[2], "total": row[3]})


def finish(
    connection: sqlite3.Connection,
    job_id: int,
    status: JobStatus,
    at: float,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
    hint: str | None = None,
    attempt: int | None = None,
) -> bool:
    """A job ended as `completed`, `failed` or `cancelled`. With `attempt`, only if that one still has it."""
    ended = connection.execute(
        """UPDATE jobs SET status = ?, finished_at = ?, result = ?, error = ?, error_hint = ?
           WHERE id = ? AND (? IS NULL OR (attempt = ? AND status = 'running'))""",
        (status, at, json.dumps(result) if result is not None else None, error, hint, job_id, attempt, attempt),
    )
    if ended.rowcount:
        add_event(connection, job_id, at, status, {"error": error} if error else {})
    return bool(ended.rowcount)


def retry_later(connection: sqlite3.Connection, job: Job, at: float, error: str | None, hint: str | None) -> float:
    """An attempt failed and is not the last one; returns when the next is due."""
    due = at + min(job.backoff * 2.0 ** min(job.attempt - 1, 20), LONGEST_WAIT)
    again = connection.execute(
        """UPDATE jobs SET status = 'pending', worker = NULL, not_before = ?, error = ?, error_hint = ?
           WHERE id = ? AND attempt = ? AND status = 'running'""",
        (due, error, hint, job.id, job.attempt),
    )
    if again.rowcount:
        data = {"error": error, "attempt": job.attempt, "of": job.max_attempts, "due": due}
        add_event(connection, job.id, at, "retrying", data)
    return due


def requeue(connection: sqlite3.Connection, job_id: int, at: float, attempt: int | None = None) -> None:
    """The engine ends before the job did: the next one goes on with it."""
    again = connection.execute(
        """UPDATE jobs SET status = 'pending', worker = NULL
           WHERE id = ? AND status = 'running' AND (? IS NULL OR attempt = ?)""",
        (job_id, attempt, attempt),
    )
    if again.rowcount:
        add_event(connection, job_id, at, "requeued", {})


def reclaim(connection: sqlite3.Connection, at: float, gone: Callable[[str, float], bool]) -> int:
    """What processes that were killed left running: run again where attempts are left, failed where not.

    `gone(worker, heartbeat_at)` tells whether a process is no more; one that lives keeps its jobs, however long it is
    silent. Returns how many jobs were taken away.
    """
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM jobs WHERE status = 'running' ORDER BY id"  # few: no more than workers
    ).fetchall()
    taken = 0
    for job in map(made, rows):
        if not gone(job.worker or "", job.heartbeat_at or 0.0):
            continue
        taken += 1
        add_event(connection, job.id, at, "reclaimed", {"attempt": job.attempt})
        if job.cancel_requested:
            finish(connection, job.id, "cancelled", at)
        elif job.attempt < job.max_attempts:
            requeue(connection, job.id, at)
        else:
            finish(connection, job.id, "failed", at, error="the process that ran it was killed")
    return taken


def abandon(connection: sqlite3.Connection, at: float) -> None:
    """A new engine begins: who asked for a single attempt that nobody took yet has ended with the one before."""
    rows = connection.execute("SELECT id FROM jobs WHERE status = 'pending' AND max_attempts = 1").fetchall()
    for (job_id,) in rows:
        finish(connection, job_id, "failed", at, error="the engine was killed")


def add_event(connection: sqlite3.Connection, job_id: int, at: float, kind: str, data: dict[str, Any]) -> None:
    connection.execute(
        """INSERT INTO job_events (job_id, seq, at, type, data)
           SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4 FROM job_events WHERE job_id = ?1""",
        (job_id, at, kind, json.dumps(data)),
    )


def prune(connection: sqlite3.Connection, at: float) -> None:
    """Forget jobs that ended long ago, and planned syncs that went well sooner."""
    connection.execute("DELETE FROM jobs WHERE finished_at < ?", (at - KEPT_SECONDS,))
    connection.execute(
        f"""DELETE FROM jobs WHERE finished_at < ? AND status = 'completed' AND kind IN {SYNCS}
            AND json_extract(params, '$.scheduled')""",
        (at - PLANNED_KEPT_SECONDS,),
    )


# -- looking ---------------------------------------------------------------------------------------------------


def get(connection: sqlite3.Connection, job_id: int) -> Job | None:
    row = connection.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return made(row) if row is not None else None


def processed(connection: sqlite3.Connection, job_id: int) -> int:
    """How far a job is, in messages."""
    row = connection.execute("SELECT processed FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return int(row[0]) if row else 0


def pending_sync(connection: sqlite3.Connection, account: str) -> bool:
    """True while a sync of this account waits or runs."""
    row = connection.execute(
        f"SELECT 1 FROM jobs WHERE kind IN {SYNCS} AND account = ? AND status IN ('pending', 'running')", (account,)
    ).fetchone()
    return row is not None


def is_cancelled(connection: sqlite3.Connection, job_id: int) -> bool:
    """True when someone asked a running job to stop."""
    row = connection.execute("SELECT cancel_requested FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return row is not None and bool(row[0])
