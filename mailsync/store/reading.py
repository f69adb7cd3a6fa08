"""Messages as the commands read them: one by its id, or all of some folders in order."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailsync.store import contents


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message with where it is, or was: `removed_at` (Unix seconds) is set once it is gone from the server.

    `internaldate` in Unix seconds, `size` in bytes as announced or stored, `digest` the SHA-256 of its bytes; `digest`
    and `content_id` are None for a message whose bytes could not be had, and `problem` says why where that is known.
    """

    id: int
    account: str
    folder: str
    uidvalidity: int | None
    uid: int
    flags: int
    keywords: str
    internaldate: int | None
    size: int
    content_id: int | None
    digest: bytes | None
    removed_at: float | None
    problem: str


_COLUMNS = (
    "m.id, a.name, f.name, {}, m.uid, m.flags, m.keywords, m.internaldate, m.size, m.content_id, c.digest, {}, {}"
)
_JOINS = """JOIN folders f ON f.id = m.folder_id JOIN accounts a ON a.id = f.account_id
            LEFT JOIN contents c ON c.id = m.content_id"""
_PROBLEM = """iif(m.content_id IS NULL, coalesce((SELECT q.error FROM quarantine q WHERE q.folder_id = m.folder_id
              AND q.uid = m.uid AND q.resolved_at IS NULL ORDER BY q.id DESC LIMIT 1), ''), '')"""
_PRESENT = f"SELECT {_COLUMNS.format('f.uidvalidity', 'NULL', _PROBLEM)} FROM messages m {_JOINS}"
_REMOVED = f"SELECT {_COLUMNS.format('m.uidvalidity', 'm.removed_at', repr(''))} FROM removed_messages m {_JOINS}"


def find(connection: sqlite3.Connection, message_id: int) -> StoredMessage | None:
    """The message with this id, also while it is only kept because it was deleted; None if there is none."""
    for query in (_PRESENT, _REMOVED):
        row = connection.execute(f"{query} WHERE m.id = ?", (message_id,)).fetchone()
        if row is not None:
            return StoredMessage(*row)
    return None


def raw(connection: sqlite3.Connection, message: StoredMessage) -> bytes | None:
    """The exact bytes of a message; None if they could not be had."""
    return contents.load(connection, message.content_id) if message.content_id is not None else None


def page(connection: sqlite3.Connection, folder_ids: Sequence[int], after: int, limit: int) -> Iterator[StoredMessage]:
    """Up to `limit` messages of these folders with an id above `after`, by ascending id."""
    marks = ", ".join("?" * len(folder_ids))
    rows = connection.execute(
        f"{_PRESENT} WHERE m.folder_id IN ({marks}) AND m.id > ? ORDER BY m.id LIMIT ?", (*folder_ids, after, limit)
    )
    return (StoredMessage(*row) for row in rows.fetchall())


def folder_page(connection: sqlite3.Connection, folder_id: int, after: int, limit: int) -> Iterator[StoredMessage]:
    """Up to `limit` messages of one folder with a UID above `after`, by ascending UID."""
    rows = connection.execute(
        f"{_PRESENT} WHERE m.folder_id = ? AND m.uid > ? ORDER BY m.uid LIMIT ?", (folder_id, after, limit)
    )
    return (StoredMessage(*row) for row in rows.fetchall())


def folders_of(connection: sqlite3.Connection, message_ids: Sequence[int]) -> set[int]:
    """The folders that hold these messages."""
    found: set[int] = set()
    for at in range(0, len(message_ids), 10_000):
        chosen = json.dumps(list(message_ids[at : at + 10_000]))
        rows = connection.execute(
            "SELECT DISTINCT folder_id FROM messages WHERE id IN (SELECT value FROM json_each(?))", (chosen,)
        )
        found.update(row[0] for row in rows)
    return found
