"""How far push can be trusted, by folder: the counters of `folders`, and how each folder is watched."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


def counts(connection: sqlite3.Connection, account_id: int) -> dict[str, tuple[int, int, float | None]]:
    """By folder name: arrivals that push told of, arrivals it missed, and since when they are counted."""
    rows = connection.execute(
        "SELECT name, pushed, missed, pushed_since FROM folders WHERE account_id = ? AND gone_at IS NULL", (account_id,)
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def add(
    connection: sqlite3.Connection, account_id: int, name: str, at: float, *, pushed: int = 0, missed: int = 0
) -> None:
    """Count arrivals of a folder."""
    connection.execute(
        """UPDATE folders SET pushed = pushed + ?, missed = missed + ?, pushed_since = coalesce(pushed_since, ?)
           WHERE account_id = ? AND name = ?""",
        (pushed, missed, at, account_id, name),
    )


def start_over(connection: sqlite3.Connection, account_id: int, names: Iterable[str], at: float) -> None:
    """Count from zero."""
    connection.executemany(
        "UPDATE folders SET pushed = 0, missed = 0, pushed_since = ? WHERE account_id = ? AND name = ?",
        [(at, account_id, name) for name in names],
    )


def set_watches(connection: sqlite3.Connection, account_id: int, watches: Iterable[tuple[str, str]]) -> None:
    """How changes are learned of, as (folder, 'notify', 'idle' or 'poll'); other folders: on schedule only ('')."""
    connection.execute("UPDATE folders SET watch = '' WHERE account_id = ? AND watch <> ''", (account_id,))
    connection.executemany(
        "UPDATE folders SET watch = ? WHERE account_id = ? AND name = ?",
        [(watch, account_id, name) for name, watch in watches],
    )


def sync_waits(connection: sqlite3.Connection, account: str) -> bool:
    """True when a sync of the whole account has yet to begin: it will see what is told now."""
    row = connection.execute(
        "SELECT 1 FROM jobs WHERE kind IN ('sync', 'backfill') AND account = ? AND status = 'pending'", (account,)
    ).fetchone()
    return row is not None
