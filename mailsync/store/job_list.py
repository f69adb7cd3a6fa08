"""Looking at the job queue: pages of it, what happened to a job, how many there are.

Pages are bounded and follow indexes, so that a queue of thousands costs a screen no more than one of ten.
"""

from __future__ import annotations

import json
import sqlite3

from mailsync.store.jobs import COLUMNS, Event, Job, made

_ORDERS = (
    ("status = 'running'", "started_at, id"),
    ("status = 'pending'", "priority DESC, id"),
    ("finished_at IS NOT NULL", "finished_at DESC, id DESC"),
)
"""What runs, the longest first; what waits, the next first; what has ended, the newest first."""
ACTIVE = 2
_FAILED = (("finished_at IS NOT NULL AND status = 'failed'", "finished_at DESC, id DESC"),)


def page(
    connection: sqlite3.Connection,
    limit: int,
    offset: int = 0,
    *,
    active: bool = False,
    failed: bool = False,
    account: str | None = None,
) -> list[Job]:
    """So many jobs from the `offset`-th on, without their results; only those that run or wait if `active`, only those
    that failed if `failed`."""
    found: list[Job] = []
    columns = COLUMNS.replace(" result,", " NULL AS result,")
    for where, order in _FAILED if failed else _ORDERS[: ACTIVE if active else None]:
        if account is not None:
            where += " AND account = :account"
        rows = connection.execute(
            f"SELECT {columns} FROM jobs WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset",
            {"account": account, "limit": limit - len(found), "offset": offset},
        ).fetchall()
        found += map(made, rows)
        if len(found) == limit:
            break
        if offset:
            there = connection.execute(f"SELECT count(*) FROM jobs WHERE {where}", {"account": account}).fetchone()[0]
            offset = max(0, offset - there)
    return found


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many jobs there are of each status; statuses without any are missing."""
    return dict(connection.execute("SELECT status, count(*) FROM jobs GROUP BY status").fetchall())


def events(connection: sqlite3.Connection, job_id: int, after: int = 0, limit: int = 1000) -> list[Event]:
    """What happened to a job after the event number `after`, oldest first."""
    rows = connection.execute(
        "SELECT seq, at, type, data FROM job_events WHERE job_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        (job_id, after, limit),
    )
    return [Event(row[0], row[1], row[2], json.loads(row[3])) for row in rows]
