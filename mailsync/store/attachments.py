"""`attachments`: what each content carries beside its text, and where in its bytes; the bytes stay in `contents`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from mailsync.record import record

Row = tuple[int, str, str, int, bytes, int, int, str]
"""Number, name, type, size in bytes, SHA-256, start and end in the content, encoding: as `pipeline.attachments` has
them."""


@record(frozen=True)
class Attachment:
    """One attachment of a content: `number` counts from 1, `size` is in bytes, decoded, `digest` the SHA-256 of these.

    `start`, `end` and `encoding` say how it is taken out of the content. `name` is the sender's and not a path.
    """

    number: int
    name: str
    type: str
    size: int
    digest: bytes
    start: int
    end: int
    encoding: str


def add(connection: sqlite3.Connection, batch: Iterable[tuple[int, Sequence[Row]]]) -> None:
    """Put these rows in place of what was known of each content, given by its id."""
    batch = list(batch)
    connection.executemany("DELETE FROM attachments WHERE content_id = ?", [(content_id,) for content_id, _ in batch])
    connection.executemany(
        """INSERT INTO attachments (content_id, number, name, type, size, digest, start, end, encoding)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [(content_id, *row) for content_id, rows in batch for row in rows],
    )


def of(connection: sqlite3.Connection, content_id: int) -> list[Attachment] | None:
    """The attachments of a content by their number; None while nobody has looked, or its parser could not."""
    rows = connection.execute(
        """SELECT number, name, type, size, digest, start, end, encoding FROM attachments WHERE content_id = ?
           ORDER BY number""",
        (content_id,),
    ).fetchall()
    if (
        not rows
        and connection.execute("SELECT 1 FROM documents WHERE content_id = ?", (content_id,)).fetchone() is None
    ):
        return None
    return [Attachment(*row) for row in rows]
