"""Looking at a database without opening it for work: nothing is created, migrated or changed."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

from mailsync.record import record
from mailsync.store.health import damage

STEPS = 10_000
"""Instructions of SQLite's machine between two looks at the clock."""
BUSY_SECONDS = 2.0


@record(frozen=True)
class Inspected:
    """`schema_version` 0: not one of ours. `damage` is the first fault, "" for none, None where time did not suffice.

    `newest` is the latest time that is on record (Unix seconds), None without any.
    """

    schema_version: int
    damage: str | None
    newest: float | None


def inspect(path: Path, seconds: float) -> Inspected:
    """Read the database at `path` for up to `seconds`. Raises sqlite3.Error."""
    deadline = time.monotonic() + seconds
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        newest = _newest(connection) if version else None
        connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        try:
            return Inspected(version, damage(connection), newest)
        except sqlite3.OperationalError:
            if time.monotonic() <= deadline:
                raise
            return Inspected(version, None, newest)


def _newest(connection: sqlite3.Connection) -> float | None:
    row = connection.execute(
        """SELECT max(at) FROM (SELECT max(last_sync_at) AS at FROM accounts
           UNION ALL SELECT max(state_since) FROM accounts UNION ALL SELECT max(last_sync_at) FROM folders
           UNION ALL SELECT max(granted_at) FROM consents)"""
    ).fetchone()
    return None if row[0] is None else float(row[0])
