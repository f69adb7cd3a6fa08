"""`contents`: each distinct message once, by the SHA-256 of its bytes, as one zstd frame; `dictionaries` for these."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import islice

from mailsync.errors import StoreError
from mailsync.store.codec import HEAD, Packed, dictionary_of, unpack, unpack_head, unpack_many, unpack_section

PAGE_BYTES = 1 << 19
"""Raw bytes a page of `frames_after` holds at most, and a message more."""


def add(connection: sqlite3.Connection, packed: Packed) -> int:
    """Store those of `packed` that are not stored yet; returns how many these were.

    StoreError when a purge has replaced their dictionary since they were packed: they are fetched again.
    """
    _have_dictionary(connection, packed)
    cursor = connection.executemany(
        "INSERT INTO contents (digest, size, body) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING",
        zip(packed.digests, packed.sizes, packed.frames, strict=True),
    )
    return cursor.rowcount


def replace(connection: sqlite3.Connection, content_ids: Sequence[int], packed: Packed) -> None:
    """Store contents under other frames; those that are gone stay so."""
    _have_dictionary(connection, packed)
    connection.executemany("UPDATE contents SET body = ? WHERE id = ?", zip(packed.frames, content_ids, strict=True))


def _have_dictionary(connection: sqlite3.Connection, packed: Packed) -> None:
    if packed.dictionary:
        connection.execute("INSERT OR IGNORE INTO dictionaries (id, data) VALUES (?, ?)", packed.dictionary)
    elif packed.needs and not connection.execute("SELECT 1 FROM dictionaries WHERE id = ?", (packed.needs,)).fetchone():
        raise StoreError(
            "the compression dictionary was replaced by a purge", hint="run it again", scope="account", retry="backoff"
        )


def forget_dictionaries(connection: sqlite3.Connection, retired: Set[int], after: int) -> bool:
    """Delete dictionaries, which no content up to the id `after` needs; False when a later one does."""
    later = connection.execute("SELECT substr(body, 1, 18) FROM contents WHERE id > ?", (after,))
    if any(dictionary_of(row[0]) in retired for row in later):
        return False
    connection.executemany("DELETE FROM dictionaries WHERE id = ?", [(number,) for number in retired])
    return True


def dictionary(connection: sqlite3.Connection) -> bytes | None:
    """The compression dictionary for new contents, None before one was learned."""
    row = connection.execute("SELECT data FROM dictionaries ORDER BY rowid DESC LIMIT 1").fetchone()
    return row[0] if row else None


def load(connection: sqlite3.Connection, content_id: int) -> bytes | None:
    """The exact bytes of one message, None if that content is not stored."""
    row = connection.execute("SELECT size, body FROM contents WHERE id = ?", (content_id,)).fetchone()
    return unpack(connection, row[1], row[0]) if row else None


def section(connection: sqlite3.Connection, content_id: int, start: int, end: int) -> Iterator[bytes]:
    """The bytes of one message from `start` to `end`, piece by piece, of which none is held longer than the next.

    StoreError when the message is damaged or not stored.
    """
    try:
        frame = connection.blobopen("contents", "body", content_id, readonly=True)
    except sqlite3.OperationalError as error:
        raise StoreError("a message is not stored any more") from error
    with frame:
        yield from unpack_section(connection, frame, start, end)


def heads_of(connection: sqlite3.Connection, content_ids: Iterable[int]) -> Iterator[tuple[int, bytes | None]]:
    """(id, first `HEAD` bytes; None if damaged) for each of these contents that is stored, page by page."""
    for ids in _portions(content_ids, 200):
        rows = connection.execute(
            f"SELECT id, size, iif(size > ?1, substr(body, 1, ?1), body) FROM contents WHERE id IN ({ids})", (HEAD,)
        )
        page: list[tuple[int, int, bytes]] = []
        total = 0
        for row in rows:
            page.append((row[0], row[1], row[2]))
            total += min(row[1], HEAD)
            if total > PAGE_BYTES:
                yield from heads(connection, page)
                page, total = [], 0
        yield from heads(connection, page)


def _portions(numbers: Iterable[int], size: int) -> Iterator[str]:
    """The numbers as lists for SQL, so many at a time."""
    rest = iter(numbers)
    while portion := ",".join(f"{number:d}" for number in islice(rest, size)):
        yield portion


def frames_after(connection: sqlite3.Connection, position: int, limit: int) -> list[tuple[int, int, bytes]]:
    """Up to `limit` contents with an id above `position`, ascending: (id, raw size, start of the frame), for `heads`.

    A page ends with the content that takes it past PAGE_BYTES.
    """
    rows = connection.execute(
        "SELECT id, size, iif(size > ?1, substr(body, 1, ?1), body) FROM contents WHERE id > ?2 ORDER BY id LIMIT ?3",
        (HEAD, position, limit),
    )
    page, total = [], 0
    for row in rows:
        page.append((row[0], row[1], row[2]))
        total += min(row[1], HEAD)
        if total > PAGE_BYTES:
            break
    return page


def whole_after(connection: sqlite3.Connection, position: int, limit: int, size: int) -> list[tuple[int, int, bytes]]:
    """Up to `limit` contents with an id above `position`, ascending: (id, raw size, frame); about `size` raw bytes."""
    page, total = [], 0
    for row in connection.execute(
        "SELECT id, size, body FROM contents WHERE id > ? ORDER BY id LIMIT ?", (position, limit)
    ):
        page.append((row[0], row[1], row[2]))
        total += row[1]
        if total > size:
            break
    return page


def heads(connection: sqlite3.Connection, page: list[tuple[int, int, bytes]]) -> list[tuple[int, bytes | None]]:
    """(id, first `HEAD` bytes of the message; None if damaged) for each of `page`, in bulk."""
    short = unpack_many(connection, [(frame, size) for _, size, frame in page if size <= HEAD])
    whole = iter(short)
    return [(number, next(whole) if size <= HEAD else _head(connection, frame)) for number, size, frame in page]


def _head(connection: sqlite3.Connection, frame: bytes) -> bytes | None:
    try:
        return unpack_head(connection, frame)
    except StoreError:
        return None
