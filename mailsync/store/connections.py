"""`connections`: the live connections of the running engine, for screens in any process. Empty without an engine."""

from __future__ import annotations

import sqlite3

from mailsync.record import record


@record(frozen=True)
class Row:
    """One connection; times in Unix seconds.

    `purpose` is what it is for ('sync', 'watch', 'check'), `state` one of IMAP's (authenticated, selected, idle ...),
    `folder` what it has open, `received` the bytes that came, `detail` one line more.
    """

    id: int
    account: str
    purpose: str
    state: str
    folder: str
    compressed: bool
    opened_at: float
    changed_at: float
    received: int
    detail: str


def add(connection: sqlite3.Connection, account: str, purpose: str, state: str, at: float) -> int:
    """A connection was opened; its id."""
    cursor = connection.execute(
        "INSERT INTO connections (account, purpose, state, opened_at, changed_at) VALUES (?, ?, ?, ?, ?)",
        (account, purpose, state, at, at),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def note(
    connection: sqlite3.Connection,
    row_id: int,
    at: float,
    *,
    purpose: str,
    state: str,
    folder: str,
    compressed: bool,
    received: int,
    detail: str = "",
) -> None:
    """What it is at now. `changed_at` moves only when its state or its folder did."""
    connection.execute(
        """UPDATE connections SET changed_at = iif(state = ?2 AND folder = ?3, changed_at, ?1), purpose = ?7,
                  state = ?2, folder = ?3, compressed = ?4, received = ?5, detail = ?6 WHERE id = ?8""",
        (at, state, folder, compressed, received, detail, purpose, row_id),
    )


def remove(connection: sqlite3.Connection, row_id: int) -> None:
    connection.execute("DELETE FROM connections WHERE id = ?", (row_id,))


def clear(connection: sqlite3.Connection) -> None:
    """An engine starts or has stopped: nothing is connected."""
    connection.execute("DELETE FROM connections")


def listing(connection: sqlite3.Connection) -> list[Row]:
    """Every live connection, by account, oldest first."""
    rows = connection.execute(
        """SELECT id, account, purpose, state, folder, compressed, opened_at, changed_at, received, detail
           FROM connections ORDER BY account, id"""
    )
    return [
        Row(number, account, purpose, state, folder, bool(compressed), *others)
        for number, account, purpose, state, folder, compressed, *others in rows
    ]
