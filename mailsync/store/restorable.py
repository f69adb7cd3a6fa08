"""What may go on a list of messages to restore, and which of a list a folder of the server has already, as far as the
mirror and earlier lists know."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from mailsync.record import record
from mailsync.store import contents


@record(frozen=True)
class Candidate:
    """A message that may go on a list; `gone` (Unix seconds) when it has left its folder."""

    id: int
    folder_id: int
    digest: bytes
    size: int
    flags: int
    keywords: str
    internaldate: int | None
    gone: float | None


def sources(connection: sqlite3.Connection) -> list[tuple[int, str, str, str, str, bool]]:
    """Every folder that was ever mirrored: (id, account, name, delimiter, special use, is there), by account, name."""
    rows = connection.execute(
        """SELECT f.id, a.name, f.name, f.delimiter, f.special_use, f.gone_at IS NULL FROM folders f
           JOIN accounts a ON a.id = f.account_id ORDER BY a.name, f.name"""
    )
    return [(row[0], row[1], row[2], row[3], row[4], bool(row[5])) for row in rows]


def present(connection: sqlite3.Connection, folder_id: int) -> Iterator[Candidate]:
    """The messages of a folder whose bytes are kept, by UID."""
    rows = connection.execute(
        """SELECT m.id, m.folder_id, c.digest, c.size, m.flags, m.keywords, m.internaldate, NULL
           FROM messages m JOIN contents c ON c.id = m.content_id WHERE m.folder_id = ? ORDER BY m.uid""",
        (folder_id,),
    )
    return (Candidate(*row) for row in rows)


def removed(connection: sqlite3.Connection, folder_id: int, since: float) -> Iterator[Candidate]:
    """The messages that have left a folder since then and are not in it any more. What came back and left again is told
    once, what was there twice at a time is told twice."""
    rows = connection.execute(
        """SELECT r.id, r.folder_id, c.digest, c.size, r.flags, r.keywords, r.internaldate, r.removed_at
           FROM removed_messages r JOIN contents c ON c.id = r.content_id
           WHERE r.folder_id = ?1 AND r.removed_at >= ?2
             AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.content_id = r.content_id AND m.folder_id = ?1)
             AND NOT EXISTS (SELECT 1 FROM removed_messages s WHERE s.content_id = r.content_id AND s.folder_id = ?1
                             AND s.created_at >= r.removed_at)
           ORDER BY r.uid""",
        (folder_id, since),
    )
    return (Candidate(*row) for row in rows)


def held(
    connection: sqlite3.Connection, account_id: int, raw_name: bytes, uidvalidity: int, digests: Iterable[bytes]
) -> list[tuple[bytes, int]]:
    """(digest, UID) where the folder had these contents by the mirror, or took them from an earlier list."""
    found: list[tuple[bytes, int]] = []
    for digest in digests:
        rows = connection.execute(
            """SELECT m.uid FROM contents c JOIN messages m ON m.content_id = c.id JOIN folders f ON f.id = m.folder_id
               WHERE c.digest = ?1 AND f.account_id = ?2 AND f.raw_name = ?3 AND f.uidvalidity = ?4
               UNION
               SELECT i.uid FROM restore_items i JOIN restores r ON r.id = i.restore_id
               JOIN restore_folders f ON f.restore_id = i.restore_id AND f.number = i.folder
               WHERE i.digest = ?1 AND i.uidvalidity = ?4 AND i.uid IS NOT NULL AND r.account_id = ?2
                 AND f.raw_name = ?3""",
            (digest, account_id, raw_name, uidvalidity),
        )
        found += [(digest, row[0]) for row in rows]
    return found


def others(
    connection: sqlite3.Connection,
    restore_id: int,
    folder: int,
    uidvalidity: int | None,
    account_id: int,
    raw_name: bytes,
) -> list[int]:
    """UIDs under which the mirror has had the very bytes of messages of a list, before the list was made, as messages
    that are not on it."""
    rows = connection.execute(
        """SELECT m.uid FROM restore_items i JOIN contents c ON c.digest = i.digest
           JOIN messages m ON m.content_id = c.id JOIN folders f ON f.id = m.folder_id
           WHERE i.restore_id = ?1 AND i.folder = ?2 AND f.account_id = ?4 AND f.raw_name = ?5 AND f.uidvalidity = ?3
             AND m.created_at < (SELECT created_at FROM restores WHERE id = ?1)
             AND m.id NOT IN (SELECT message_id FROM restore_items WHERE restore_id = ?1)""",
        (restore_id, folder, uidvalidity, account_id, raw_name),
    )
    return [row[0] for row in rows]


def heads(connection: sqlite3.Connection, digests: Iterable[bytes]) -> dict[bytes, bytes]:
    """How the messages with these digests begin, of those that are kept."""
    ids = {
        row[0]: one
        for one in digests
        if (row := connection.execute("SELECT id FROM contents WHERE digest = ?", (one,)).fetchone()) is not None
    }
    return {ids[number]: head for number, head in contents.heads_of(connection, ids) if head is not None}


def raw(connection: sqlite3.Connection, digest: bytes) -> bytes | None:
    """The bytes with this digest; None when they are not kept any more."""
    row = connection.execute("SELECT id FROM contents WHERE digest = ?", (digest,)).fetchone()
    return contents.load(connection, row[0]) if row is not None else None
