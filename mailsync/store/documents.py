"""`documents` with their words, texts and attachments: what the pipeline made of contents, found again by search.

Ids are the second a message is dated, times 256, and a number among those of that second: see `schema_documents`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import zstandard

from mailsync.store import attachments

COLUMNS = ("subject", "from", "to", "cc", "body", "filename", "list")
"""Of the index `words`, in order; a document's texts come in the same."""
SHIFT = 8
"""A document's id is its second, shifted so far, and a number in the bits below."""
_NUMBERS = 1 << SHIFT

Texts: TypeAlias = tuple[str, str, str, str, str, str, str]
_LIST = ", ".join(f'"{name}"' for name in COLUMNS)
_INSERT = f"INSERT INTO words (rowid, {_LIST}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_DELETE = f"INSERT INTO words (words, rowid, {_LIST}) VALUES ('delete', ?, ?, ?, ?, ?, ?, ?, ?)"


class Document(NamedTuple):
    """What is to be stored of a content."""

    content_id: int
    date: int | None
    """Unix seconds; without it the first INTERNALDATE of its messages counts, then 0."""
    texts: Texts
    references: Sequence[str]
    """Message ids, the oldest first."""
    traits: int
    attachments: Sequence[attachments.Row]


def add(connection: sqlite3.Connection, batch: Iterable[Document], version: int) -> list[int]:
    """Store documents, in the place of those their contents had; the ids in the order of `batch`.

    Contents that are gone meanwhile are passed over, with id 0.
    """
    batch = list(batch)
    there = _there(connection, [one.content_id for one in batch])
    connection.executemany(
        "DELETE FROM documents WHERE content_id = ?", [(number,) for number in there if there[number]]
    )
    dated = [(_second(connection, one), number) for number, one in enumerate(batch) if one.content_id in there]
    dated.sort()  # the index writes out what it holds whenever an id is smaller than the one before
    ids = [0] * len(batch)
    allocated = _allocate(connection, [second for second, _ in dated])
    placed = sorted((found, number) for found, (_, number) in zip(allocated, dated, strict=True))
    pack = zstandard.ZstdCompressor(level=1).compress
    for found, number in placed:
        ids[number] = found
        one = batch[number]
        thread = connection.execute(
            "INSERT INTO threads (messages, first_date, last_date) VALUES (1, ?1, ?1)", (found >> SHIFT,)
        ).lastrowid
        connection.execute(
            "INSERT INTO documents (id, content_id, thread_id, version, traits, refs) VALUES (?, ?, ?, ?, ?, ?)",
            (found, one.content_id, thread, version, one.traits, " ".join(one.references)),
        )
    chosen = [(found, batch[number]) for found, number in placed]
    connection.executemany(_INSERT, ((found, *one.texts) for found, one in chosen))
    connection.executemany(
        "INSERT INTO document_texts (id, text) VALUES (?, ?)",
        ((found, pack("\0".join(one.texts).encode())) for found, one in chosen),
    )
    attachments.add(connection, [(one.content_id, one.attachments) for _, one in chosen])
    return ids


def texts(connection: sqlite3.Connection, ids: Iterable[int]) -> dict[int, Texts]:
    """What was indexed of these documents, by id; those that are not there are left out."""
    found = {}
    for number in ids:
        row = connection.execute("SELECT text FROM document_texts WHERE id = ?", (number,)).fetchone()
        if row is not None:
            found[number] = _unpacked(row[0])
    return found


def forget(connection: sqlite3.Connection, limit: int) -> int:
    """Take the words of up to `limit` documents that are gone out of the index; how many it did."""
    stale = connection.execute("SELECT id FROM stale_documents ORDER BY id LIMIT ?", (limit,)).fetchall()
    ids = [row[0] for row in stale]
    connection.executemany(_DELETE, ((number, *one) for number, one in texts(connection, ids).items()))
    for table in ("document_texts", "stale_documents"):
        connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(number,) for number in ids])
    return len(ids)


def clear(connection: sqlite3.Connection) -> None:
    """Delete all that was made of contents; their words, too."""
    connection.execute("DELETE FROM documents")
    for table in ("attachments", "thread_nodes", "threads", "document_texts", "stale_documents"):
        connection.execute(f"DELETE FROM {table}")
    connection.execute("INSERT INTO words (words) VALUES ('delete-all')")


def progress(connection: sqlite3.Connection) -> tuple[int, int]:
    """(contents that have a document, contents)."""
    row = connection.execute("SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM contents)").fetchone()
    return row[0], row[1]


def _there(connection: sqlite3.Connection, content_ids: Sequence[int]) -> dict[int, bool]:
    """Those contents that are stored, and whether they have a document."""
    marks = ", ".join("?" * len(content_ids))
    rows = connection.execute(
        f"""SELECT c.id, d.id IS NOT NULL FROM contents c LEFT JOIN documents d ON d.content_id = c.id
            WHERE c.id IN ({marks})""",
        list(content_ids),
    )
    return {row[0]: bool(row[1]) for row in rows}


def _second(connection: sqlite3.Connection, one: Document) -> int:
    if one.date is not None:
        return one.date
    row = connection.execute(
        "SELECT min(internaldate) FROM messages WHERE content_id = ?", (one.content_id,)
    ).fetchone()
    return int(row[0] or 0)


def _allocate(connection: sqlite3.Connection, seconds: Sequence[int]) -> list[int]:
    """An unused id for each of `seconds`, in the first one from it on that has a number left."""
    free: dict[int, int] = {}
    """By second: the next number in it."""
    moved: dict[int, int] = {}
    """By a full second: the first that may not be."""
    ids = []
    for second in seconds:
        passed = []
        while True:
            if second in moved:
                passed.append(second)
                second = moved[second]
                continue
            if second not in free:
                row = connection.execute(
                    "SELECT max(id) FROM document_texts WHERE id >= ? AND id < ?",
                    (second << SHIFT, (second + 1) << SHIFT),
                ).fetchone()
                free[second] = 0 if row[0] is None else (row[0] & (_NUMBERS - 1)) + 1
            if free[second] < _NUMBERS:
                break
            moved[second] = second + 1
        for one in passed:
            moved[one] = second
        ids.append((second << SHIFT) + free[second])
        free[second] += 1
    return ids


def _unpacked(frame: bytes) -> Texts:
    subject, sender, to, cc, body, filename, of_list = (
        zstandard.ZstdDecompressor().decompress(frame).decode().split("\0")
    )
    return subject, sender, to, cc, body, filename, of_list
