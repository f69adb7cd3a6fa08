"""`contents`: each distinct message once, by the SHA-256 of its bytes, as one zstd frame; `dictionaries` for these."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from mailsync.errors import StoreError
from mailsync.store.codec import HEAD, Packed, unpack, unpack_head


def add(connection: sqlite3.Connection, packed: Packed) -> None:
    """Store those of `packed` that are not stored yet."""
    if packed.dictionary:
        connection.execute("INSERT OR IGNORE INTO dictionaries (id, data) VALUES (?, ?)", packed.dictionary)
    connection.executemany(
        "INSERT INTO contents (digest, size, body) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING",
        zip(packed.digests, packed.sizes, packed.frames, strict=True),
    )


def dictionary(connection: sqlite3.Connection) -> bytes | None:
    """The compression dictionary for new contents, None before one was learned."""
    row = connection.execute("SELECT data FROM dictionaries ORDER BY rowid DESC LIMIT 1").fetchone()
    return row[0] if row else None


def load(connection: sqlite3.Connection, content_id: int) -> bytes | None:
    """The exact bytes of one message, None if that content is not stored."""
    row = connection.execute("SELECT size, body FROM contents WHERE id = ?", (content_id,)).fetchone()
    return unpack(connection, row[1], row[0]) if row else None


def heads_after(connection: sqlite3.Connection, position: int, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Up to `limit` contents with an id above `position`, ascending, as (id, first `HEAD` bytes; None if damaged)."""
    rows = connection.execute(
        "SELECT id, size, iif(size > ?1, substr(body, 1, ?1), body) FROM contents WHERE id > ?2 ORDER BY id LIMIT ?3",
        (HEAD, position, limit),
    )
    for content_id, size, frame in rows:
        try:
            yield content_id, unpack(connection, frame, size) if size <= HEAD else unpack_head(connection, frame)
        except StoreError:
            yield content_id, None
