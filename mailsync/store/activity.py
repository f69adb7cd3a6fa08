"""`activity`: what happened lately, one row a batch, for `watch` and the dashboard. Bounded; not an audit trail."""

from __future__ import annotations

import sqlite3

from mailsync.record import record

UIDS_LENGTH = 4000
"""Characters of a sequence set worth keeping: who would read more looks at the rows themselves."""
KEPT = 10_000
"""Rows. Enough for days of ordinary mail; a screen shows the last few dozen."""


_COLUMNS = "seq, at, account, folder, type, count, bytes, uids, detail"


@record(frozen=True)
class Entry:
    """One happening. `type`: new, flags, removed, folder_added, folder_removed, error, state, note, doubt
    (an answer of the server's that was not believed before a second one), quarantined, released, discarded.

    `uids` is a sequence set ("4:7,9") of the messages it is about, `bytes` their raw size.
    """

    seq: int
    at: float
    account: str
    folder: str
    type: str
    count: int
    bytes: int
    uids: str
    detail: str


def add(
    connection: sqlite3.Connection,
    at: float,
    account: str,
    folder: str,
    kind: str,
    *,
    count: int = 0,
    size: int = 0,
    uids: str = "",
    detail: str = "",
) -> None:
    cursor = connection.execute(
        "INSERT INTO activity (at, account, folder, type, count, bytes, uids, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (at, account, folder, kind, count, size, uids if len(uids) <= UIDS_LENGTH else "", detail),
    )
    seq = cursor.lastrowid or 0
    if seq % 500 == 0:
        connection.execute("DELETE FROM activity WHERE seq <= ?", (seq - KEPT,))


def after(connection: sqlite3.Connection, seq: int, limit: int = 1000) -> list[Entry]:
    """Entries with a higher `seq`, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM activity WHERE seq > ? ORDER BY seq LIMIT ?",
        (seq, limit),
    )
    return [Entry(*row) for row in rows]


def latest(connection: sqlite3.Connection, limit: int) -> list[Entry]:
    """The newest entries, newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM activity ORDER BY seq DESC LIMIT ?",
        (limit,),
    )
    return [Entry(*row) for row in rows]


def last_seq(connection: sqlite3.Connection) -> int:
    """The number of the newest entry, 0 when there is none."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM activity").fetchone()[0])
