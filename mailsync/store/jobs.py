"""`jobs` and `job_events`: what front ends ask of the engine, and how far it is."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from mailsync.model import JobStatus
from mailsync.record import record


@record(frozen=True)
class Job:
    """A job as stored. `result` is the document its handler produced, with the `exit_code` for a command."""

    id: int
    kind: str
    account: str | None
    params: dict[str, Any]
    status: JobStatus
    error: str | None
    error_hint: str | None
    result: dict[str, Any] | None
    cancel_requested: bool


def insert(
    connection: sqlite3.Connection,
    kind: str,
    at: float,
    *,
    account: str | None = None,
    params: dict[str, Any] | None = None,
    priority: int = 0,
    max_attempts: int = 1,
) -> int:
    """Ask for a job; returns its id. A higher priority is claimed first.

    `max_attempts` above 1 has it run again when the engine that ran it was killed.
    """
    cursor = connection.execute(
        "INSERT INTO jobs (kind, account, params, priority, max_attempts, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (kind, account, json.dumps(params or {}), priority, max_attempts, at),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def claim(connection: sqlite3.Connection, at: float) -> Job | None:
    """Take the next pending job and mark it running."""
    row = connection.execute(
        "SELECT id FROM jobs WHERE status = 'pending' ORDER BY priority DESC, id LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    connection.execute(
        "UPDATE jobs SET status = 'running', started_at = ?, heartbeat_at = ?, attempt = attempt + 1 WHERE id = ?",
        (at, at, row[0]),
    )
    add_event(connection, row[0], at, "started", {})
    return get(connection, row[0])


def get(connection: sqlite3.Connection, job_id: int) -> Job | None:
    row = connection.execute(
        """SELECT id, kind, account, params, status, error, error_hint, result, cancel_requested
           FROM jobs WHERE id = ?""",
        (job_id,),
    ).fetchone()
    if row is None:
        return None
    return Job(
        row["id"],
        row["kind"],
        row["account"],
        json.loads(row["params"]),
        row["status"],
        row["error"],
        row["error_hint"],
        json.loads(row["result"]) if row["result"] else None,
        bool(row["cancel_requested"]),
    )


def finish(
    connection: sqlite3.Connection,
    job_id: int,
    status: JobStatus,
    at: float,
    *,
    result: dict[str, Any] | None = None,
    error: str | None = None,
    hint: str | None = None,
) -> None:
    """A running job ended as `completed`, `failed` or `cancelled`."""
    connection.execute(
        "UPDATE jobs SET status = ?, finished_at = ?, result = ?, error = ?, error_hint = ? WHERE id = ?",
        (status, at, json.dumps(result) if result is not None else None, error, hint, job_id),
    )
    add_event(connection, job_id, at, status, {"error": error} if error else {})


def approve(connection: sqlite3.Connection, job_id: int, approved_by: str | None, total: int) -> None:
    """Who approved of a job that changes a server, None for one that only looks; it is about `total` messages."""
    connection.execute("UPDATE jobs SET approved_by = ?, total = ? WHERE id = ?", (approved_by, total, job_id))


def progress(connection: sqlite3.Connection, job_id: int, processed: int, failed: int, at: float) -> None:
    """A running job is so far, in messages."""
    connection.execute(
        "UPDATE jobs SET processed = ?, failed = ?, heartbeat_at = ? WHERE id = ?", (processed, failed, at, job_id)
    )


def processed(connection: sqlite3.Connection, job_id: int) -> int:
    """How far a job is, in messages."""
    row = connection.execute("SELECT processed FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return int(row[0]) if row else 0


def requeue(connection: sqlite3.Connection, job_id: int, at: float) -> None:
    """The engine ends before the job did: the next one goes on with it."""
    connection.execute("UPDATE jobs SET status = 'pending' WHERE id = ? AND status = 'running'", (job_id,))
    add_event(connection, job_id, at, "requeued", {})


def add_event(connection: sqlite3.Connection, job_id: int, at: float, kind: str, data: dict[str, Any]) -> None:
    connection.execute(
        """INSERT INTO job_events (job_id, seq, at, type, data)
           SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4 FROM job_events WHERE job_id = ?1""",
        (job_id, at, kind, json.dumps(data)),
    )


def requeue_orphans(connection: sqlite3.Connection, at: float) -> None:
    """What a killed engine left behind: run again where attempts are left, failed where not.

    A job with a single attempt that nobody claimed yet was asked for by whoever died with that engine, too.
    """
    connection.execute("UPDATE jobs SET status = 'pending' WHERE status = 'running' AND attempt < max_attempts")
    connection.execute(
        """UPDATE jobs SET status = 'failed', finished_at = ?, error = 'the engine was killed'
           WHERE status = 'running' OR (status = 'pending' AND max_attempts = 1)""",
        (at,),
    )


def request_cancel(connection: sqlite3.Connection, job_id: int, at: float) -> None:
    """Cancel a pending job at once, ask a running one to stop at its next step."""
    connection.execute(
        "UPDATE jobs SET status = 'cancelled', finished_at = ? WHERE id = ? AND status = 'pending'", (at, job_id)
    )
    connection.execute("UPDATE jobs SET cancel_requested = 1 WHERE id = ? AND status = 'running'", (job_id,))


def pending_sync(connection: sqlite3.Connection, account: str) -> bool:
    """True while a sync of this account waits or runs."""
    row = connection.execute(
        "SELECT 1 FROM jobs WHERE kind = 'sync' AND account = ? AND status IN ('pending', 'running')", (account,)
    ).fetchone()
    return row is not None


def prune(connection: sqlite3.Connection, before: float) -> None:
    """Forget finished jobs older than `before` (Unix seconds)."""
    connection.execute("DELETE FROM jobs WHERE finished_at < ?", (before,))


def waiting(connection: sqlite3.Connection) -> bool:
    """True when a job waits to be claimed."""
    return connection.execute("SELECT 1 FROM jobs WHERE status = 'pending' LIMIT 1").fetchone() is not None


def is_cancelled(connection: sqlite3.Connection, job_id: int) -> bool:
    """True when someone asked a running job to stop."""
    row = connection.execute("SELECT cancel_requested FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return row is not None and bool(row[0])
