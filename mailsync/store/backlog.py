"""The contents that the index has yet to go through, also for the processes that parse, where a Store is too much."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mailsync.store.codec import unpack_many


def opened(path: str) -> sqlite3.Connection:
    """A connection that only reads, for a process that has no Store: `whole` is what it is for."""
    connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
    connection.execute("PRAGMA query_only = 1")
    connection.execute("PRAGMA cache_size = -512")
    return connection


def whole(connection: sqlite3.Connection, content_ids: Sequence[int]) -> list[tuple[int, bytes | None]]:
    """(id, bytes; None if damaged) of those contents that are stored, ascending; all at one moment."""
    connection.execute("BEGIN")
    try:
        rows = connection.execute(
            f"SELECT id, size, body FROM contents WHERE id IN ({', '.join('?' * len(content_ids))}) ORDER BY id",
            content_ids,
        ).fetchall()
        bodies = unpack_many(connection, [(row[2], row[1]) for row in rows])
    finally:
        connection.execute("COMMIT")
    return [(row[0], body) for row, body in zip(rows, bodies, strict=True)]


def sizes_after(connection: sqlite3.Connection, position: int, last: int, limit: int) -> list[tuple[int, int]]:
    """(id, raw size) of up to `limit` contents with an id above `position` and up to `last`, ascending."""
    return connection.execute(
        "SELECT id, size FROM contents WHERE id > ? AND id <= ? ORDER BY id LIMIT ?", (position, last, limit)
    ).fetchall()


def sizes(connection: sqlite3.Connection, content_ids: Sequence[int]) -> list[tuple[int, int]]:
    """(id, raw size) of those contents that are stored, ascending."""
    marks = ", ".join("?" * len(content_ids))
    return connection.execute(
        f"SELECT id, size FROM contents WHERE id IN ({marks}) ORDER BY id", list(content_ids)
    ).fetchall()
