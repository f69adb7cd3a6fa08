"""`envelopes`: the header fields a list shows, one row a content; `cursors`: how far a pipeline stage has come."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

Row = tuple[int, int | None, str, str, str, str, str, str, bool]
"""(content id, date in Unix seconds, message id, subject, from name, from address, to, cc, has attachments)."""


def add(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    connection.executemany("INSERT OR REPLACE INTO envelopes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def cursor(connection: sqlite3.Connection, name: str) -> int:
    """The last content id that the stage `name` has seen, 0 before its first run."""
    row = connection.execute("SELECT position FROM cursors WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def move_cursor(connection: sqlite3.Connection, name: str, position: int) -> None:
    connection.execute("INSERT OR REPLACE INTO cursors (name, position) VALUES (?, ?)", (name, position))
