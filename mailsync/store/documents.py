"""`documents` with their words, texts and attachments: what the pipeline made of contents, found again by search.

Ids are the second a message is dated, times 256, and a number among those of that second: see `schema_documents`.

How far the pipeline has come is the cursor `index:VERSION`: contents up to it have a document of that version, or are
set aside. There is one such cursor; a higher version begins at 0 and puts its documents in the place of the old ones.
While the cursor `clearing` is there, words are gone already, and the rest of what was made follows them in steps.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence, Set
from typing import Any, NamedTuple, TypeAlias

import zstandard

from mailsync.store import attachments, backlog, envelopes, quarantine, schema_documents, threads

COLUMNS = ("subject", "from", "to", "cc", "body", "filename", "list")
"""Of the index `words`, in order; a document's texts come in the same."""
SHIFT = 8
"""A document's id is its second, shifted so far, and a number in the bits below."""
LEVEL = 1
"""Of compression, for texts."""
_NUMBERS = 1 << SHIFT
_LAST = 2**63 - 1
_CLEARING = "clearing"
_UNTIDY = "untidy"
_SETTINGS = {"crisismerge": 64, "pgsz": 8000, "hashsize": 8 << 20}
"""Of the index: pieces of a level that are put together in one go, bytes of a page (one fits one of ours), and of what
is held in memory before it becomes a piece: fewer pieces are a smaller index, and quicker to search."""
_DELETED, _MERGING = 1, 2
"""Values of the cursor `untidy`: words were taken out of the index since its pieces were last made one; or only too
many pieces are left."""

_local = threading.local()

Texts: TypeAlias = tuple[str, str, str, str, str, str, str]
_LIST = ", ".join(f'"{name}"' for name in COLUMNS)
_INSERT = f"INSERT INTO words (rowid, {_LIST}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_DELETE = f"INSERT INTO words (words, rowid, {_LIST}) VALUES ('delete', ?, ?, ?, ?, ?, ?, ?, ?)"


class Document(NamedTuple):
    """What is to be stored of a content."""

    content_id: int
    texts: Texts
    date: int | None
    """Unix seconds; without it the first INTERNALDATE of its messages counts, then 0."""
    references: Sequence[str]
    """Message ids, the oldest first."""
    traits: int
    features: int
    attachments: Sequence[attachments.Row]
    keys: threads.Keys
    packed: bytes
    """The texts, by `pack`."""


def pack(texts: Texts) -> bytes:
    """Texts as they are kept."""
    compressor: Any = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False)
    whole = "\0".join(texts)
    if whole.count("\0") >= len(COLUMNS):  # to the index it is a blank
        whole = "\0".join(text.replace("\0", " ") for text in texts)
    packed: bytes = compressor.compress(whole.encode())
    return packed


def add(connection: sqlite3.Connection, batch: Iterable[Document], version: int) -> dict[int, int]:
    """Store documents, in the place of those their contents had; the ids by content.

    Contents that are gone meanwhile are passed over.
    """
    there = {one.content_id: one for one in batch}
    marks = ", ".join("?" * len(there))
    rows = connection.execute(
        f"""SELECT c.id, d.id FROM contents c LEFT JOIN documents d ON d.content_id = c.id WHERE c.id IN ({marks})""",
        list(there),
    ).fetchall()
    old = [row[1] for row in rows if row[1] is not None]
    connection.executemany("DELETE FROM documents WHERE id = ?", [(number,) for number in old])
    _forget(connection, old)
    dated = sorted((_second(connection, there[row[0]]), row[0]) for row in rows)
    # Sorted, since the index writes out what it holds whenever an id is smaller than the one before.
    placed = sorted(zip(_allocate(connection, [second for second, _ in dated]), (one for _, one in dated), strict=True))
    chosen = [(number, there[content_id]) for number, content_id in placed]
    thread_ids = threads.assign(connection, [(number, one.content_id, one.keys) for number, one in chosen])
    connection.executemany(
        """INSERT INTO documents (id, content_id, thread_id, version, traits, features, refs)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        [
            (number, one.content_id, thread, version, one.traits, one.features, " ".join(one.references))
            for (number, one), thread in zip(chosen, thread_ids, strict=True)
        ],
    )
    threads.settle(connection, thread_ids)
    connection.executemany(_INSERT, [(number, *one.texts) for number, one in chosen])
    connection.executemany(
        "INSERT INTO document_texts (id, text) VALUES (?, ?)", [(number, one.packed) for number, one in chosen]
    )
    attachments.add(connection, [(one.content_id, one.attachments) for _, one in chosen])
    connection.executemany(
        "UPDATE envelopes SET has_attachments = ?1 WHERE content_id = ?2 AND has_attachments <> ?1",
        [(bool(one.attachments), one.content_id) for _, one in chosen],
    )
    return {one.content_id: number for number, one in chosen}


def texts(connection: sqlite3.Connection, ids: Iterable[int]) -> dict[int, Texts]:
    """What was indexed of these documents, by id; those that are not there are left out."""
    unpack = zstandard.ZstdDecompressor().decompress
    found = {}
    for number in ids:
        row = connection.execute("SELECT text FROM document_texts WHERE id = ?", (number,)).fetchone()
        if row is not None:
            found[number] = _split(unpack(row[0]))
    return found


def forget(connection: sqlite3.Connection, limit: int) -> int:
    """Take the words of up to `limit` documents that are gone out of the index; how many it did."""
    rows = connection.execute("SELECT id FROM stale_documents ORDER BY id LIMIT ?", (limit,)).fetchall()
    _forget(connection, [row[0] for row in rows])
    return len(rows)


def has_stale(connection: sqlite3.Connection) -> bool:
    """`forget` has work to do."""
    return connection.execute("SELECT 1 FROM stale_documents LIMIT 1").fetchone() is not None


def _forget(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    if ids and not clearing(connection):
        connection.executemany(_DELETE, [(number, *one) for number, one in sorted(texts(connection, ids).items())])
        envelopes.move_cursor(connection, _UNTIDY, _DELETED)
    threads.forget(connection, ids)
    for table in ("document_texts", "stale_documents"):
        connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(number,) for number in ids])


# -- how far it has come ----------------------------------------------------------------------------------------------


def cursor(connection: sqlite3.Connection, version: int) -> int:
    """The last content that this version has seen, 0 before its first."""
    return envelopes.cursor(connection, f"index:{version}")


def move_cursor(connection: sqlite3.Connection, version: int, position: int) -> None:
    connection.execute("DELETE FROM cursors WHERE name LIKE 'index:%' AND name <> ?", (f"index:{version}",))
    envelopes.move_cursor(connection, f"index:{version}", position)


def is_work(connection: sqlite3.Connection, version: int, at: float, *, tidy: bool) -> bool:
    """There is something that the index wants done; `tidy` counts what can wait."""
    last, here = envelopes.cursor(connection, quarantine.ENVELOPE), cursor(connection, version)
    return (
        (last > here and bool(backlog.sizes_after(connection, here, last, 1)))
        or clearing(connection)
        or has_stale(connection)
        or threads.is_behind(connection)
        or bool(quarantine.due(connection, version, at, 1))
        or (tidy and is_untidy(connection))
    )


def is_new(connection: sqlite3.Connection, version: int) -> bool:
    """There are contents that this version has not seen, whether they have an envelope or not."""
    return bool(backlog.sizes_after(connection, cursor(connection, version), _LAST, 1))


def progress(connection: sqlite3.Connection) -> tuple[int, int]:
    """(contents that were gone through, contents)."""
    row = connection.execute("SELECT position FROM cursors WHERE name LIKE 'index:%'").fetchone()
    # By the index of the digests: the table itself has the messages between its ids.
    row = connection.execute(
        "SELECT coalesce(sum(id <= ?), 0), count(*) FROM contents INDEXED BY sqlite_autoindex_contents_1",
        (row[0] if row else 0,),
    ).fetchone()
    return row[0], row[1]


def clear(connection: sqlite3.Connection) -> None:
    """Begin anew: no word is found any more; `clear_some` does the rest."""
    if _has_old_words(connection):
        connection.execute("INSERT INTO words (words) VALUES ('delete-all')")  # few: it was begun anew just now
    else:
        connection.execute("ALTER TABLE words RENAME TO words_old")
        connection.execute(schema_documents.WORDS)
    connection.execute("DELETE FROM cursors WHERE name LIKE 'index:%'")
    envelopes.move_cursor(connection, _CLEARING, 1)


def clearing(connection: sqlite3.Connection) -> bool:
    """`clear_some` has work to do, before anything is added."""
    return bool(envelopes.cursor(connection, _CLEARING))


def clear_some(connection: sqlite3.Connection, limit: int) -> int:
    """Delete up to `limit` rows of what was made of contents; 0 when that was all."""
    old = _has_old_words(connection)
    for table, key, which in (*_MADE, *(_OLD_WORDS if old else ())):
        gone = connection.execute(
            f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {which} LIMIT ?)", (limit,)
        ).rowcount
        if gone:
            return gone
    if old:
        connection.execute("DROP TABLE words_old")
    connection.execute("DELETE FROM cursors WHERE name = ?", (_CLEARING,))
    return 0


def _has_old_words(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'words_old'").fetchone() is not None


_MADE = (
    ("documents", "id", "true"),
    ("document_texts", "id", "true"),
    ("stale_documents", "id", "true"),
    ("attachments", "id", "true"),
    ("thread_nodes", "node", "true"),
    ("thread_subjects", "key, document_id", "true"),
    ("thread_hints", "content_id", "true"),
    ("threads", "id", "true"),
)
"""Tables, their keys, and which rows."""
_OLD_WORDS = (
    ("words_old_data", "id", "id > 10"),  # below are what the table does not open without
    ("words_old_idx", "segid, term", "true"),
    ("words_old_docsize", "id", "true"),
)


# -- the index itself -------------------------------------------------------------------------------------------------


def set_merging(connection: sqlite3.Connection, on: bool) -> None:
    """Whether writing puts pieces of the index together as it goes: half of the time it takes. Without it `tidy` does.

    Never more than a little at a time: `crisismerge` puts all pieces of a level together at once.
    """
    there = dict(connection.execute("SELECT k, v FROM words_config").fetchall())
    for name, value in (("automerge", 4 if on else 0), *_SETTINGS.items()):
        if there.get(name) != value:
            connection.execute("INSERT INTO words (words, rank) VALUES (?, ?)", (name, value))
    if not on:
        envelopes.move_cursor(connection, _UNTIDY, envelopes.cursor(connection, _UNTIDY) or _MERGING)


def is_untidy(connection: sqlite3.Connection) -> bool:
    """`tidy` has work to do."""
    return bool(envelopes.cursor(connection, _UNTIDY))


def tidy(connection: sqlite3.Connection, pages: int) -> bool:
    """Put pieces of the index together, writing about so many pages; False when there is nothing left to do.

    Where words were taken out all pieces become one, since they are in the older ones until then.
    """
    begin = envelopes.cursor(connection, _UNTIDY) == _DELETED
    before = connection.total_changes
    connection.execute("INSERT INTO words (words, rank) VALUES ('merge', ?)", (-pages if begin else pages,))
    if begin:
        envelopes.move_cursor(connection, _UNTIDY, _MERGING)
    elif connection.total_changes - before < 2:
        connection.execute("DELETE FROM cursors WHERE name = ?", (_UNTIDY,))
        return False
    return True


# -- ids --------------------------------------------------------------------------------------------------------------


def _second(connection: sqlite3.Connection, one: Document) -> int:
    if one.date is not None:
        return one.date
    row = connection.execute(
        """SELECT coalesce((SELECT min(internaldate) FROM messages WHERE content_id = ?1),
                           (SELECT min(internaldate) FROM removed_messages WHERE content_id = ?1), 0)""",
        (one.content_id,),
    ).fetchone()
    return int(row[0])


def _allocate(connection: sqlite3.Connection, seconds: Sequence[int]) -> list[int]:
    """An unused id for each of `seconds`, in the first one from it on that has a number left."""
    free = _free(connection, set(seconds))
    moved: dict[int, int] = {}
    """By a full second: the first that may not be."""
    ids = []
    for second in seconds:
        passed = []
        while free[second] >= _NUMBERS:
            passed.append(second)
            second = moved.get(second, second + 1)
            if second not in free:
                free |= _free(connection, {second})
        for one in passed:
            moved[one] = second
        ids.append((second << SHIFT) + free[second])
        free[second] += 1
    return ids


def _free(connection: sqlite3.Connection, seconds: Set[int]) -> dict[int, int]:
    """The next number in each of these seconds."""
    rows = connection.execute(
        """SELECT value, (SELECT max(id) FROM document_texts WHERE id >= value << ?2 AND id < (value + 1) << ?2)
           FROM json_each(?1)""",
        (json.dumps(list(seconds)), SHIFT),
    )
    return {second: 0 if last is None else (last & (_NUMBERS - 1)) + 1 for second, last in rows}


def _split(whole: bytes) -> Texts:
    subject, sender, to, cc, body, filename, of_list = whole.decode().split("\0")
    return subject, sender, to, cc, body, filename, of_list
