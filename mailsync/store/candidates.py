"""What the mirror knows of messages that a clean-up may propose. Reads only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from mailsync.store import documents, onestep

_UNSURE = """CASE WHEN m.content_id IS NULL OR m.withheld <> '' THEN 'its bytes are not here'
    WHEN f.uidvalidity IS NULL OR f.first_sync_at IS NULL THEN 'its folder was never mirrored wholly'
    WHEN f.gone_at IS NOT NULL THEN 'its folder is gone from the server'
    WHEN f.error IS NOT NULL THEN 'the last sync of its folder failed'
    WHEN d.id IS NULL THEN 'it is not indexed'
    WHEN EXISTS (SELECT 1 FROM quarantine q WHERE q.resolved_at IS NULL AND (q.content_id = m.content_id
        OR (q.folder_id = m.folder_id AND q.uid = m.uid))) THEN 'it is in quarantine' ELSE '' END"""
_COLUMNS = f"""m.id, f.id, m.uid, coalesce(m.content_id, 0), c.digest, m.size, m.flags, m.keywords, m.internaldate,
    e.date, coalesce(e.message_id, ''), coalesce(e.from_addr, ''), coalesce(e.subject, ''),
    coalesce(d.features, 0), coalesce(d.traits, 0), {_UNSURE}"""
_JOINS = """messages m JOIN folders f ON f.id = m.folder_id LEFT JOIN contents c ON c.id = m.content_id
    LEFT JOIN envelopes e ON e.content_id = m.content_id LEFT JOIN documents d ON d.content_id = m.content_id"""

MOST_ALIKE = 1000
"""Messages with one Message-ID that are looked at: one that more have is a broken program's."""


class Row(NamedTuple):
    """A message. Dates in Unix seconds, `size` in bytes, `features` and `traits` as the index noted them. `doubt` says
    why the mirror is not sure of it, "" where it is; one without its bytes has no `digest` and the `content_id` 0."""

    id: int
    folder_id: int
    uid: int
    content_id: int
    digest: bytes | None
    size: int
    flags: int
    keywords: str
    internaldate: int | None
    date: int | None
    identifier: str
    sender: str
    subject: str
    features: int
    traits: int
    doubt: str


class Folder(NamedTuple):
    """A folder of an account."""

    id: int
    name: str
    raw_name: bytes
    special_use: str
    uidvalidity: int
    messages: int


def folders(connection: sqlite3.Connection, account: str) -> list[Folder]:
    """The folders of an account that were mirrored once."""
    rows = connection.execute(
        """SELECT f.id, f.name, f.raw_name, f.special_use, f.uidvalidity, f.messages FROM folders f
           JOIN accounts a ON a.id = f.account_id
           WHERE a.name = ? AND f.uidvalidity IS NOT NULL AND f.gone_at IS NULL ORDER BY f.id""",
        (account,),
    )
    return [Folder(*row) for row in rows]


def rows(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Row]:
    """These messages in their order; those that are gone are left out."""
    chosen = ",".join(str(int(ident)) for ident in ids)
    found = connection.execute(f"SELECT {_COLUMNS} FROM {_JOINS} WHERE m.id IN ({chosen})")
    known = {row[0]: Row(*row) for row in found}
    return [known[ident] for ident in ids if ident in known]


def unseen(connection: sqlite3.Connection, version: int) -> int:
    """How many contents this version of the index has yet to go through: what it notices is not known of them."""
    row = connection.execute(
        """SELECT count(*) FROM contents c WHERE id > ?1
           AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.content_id = c.id AND d.version >= ?2)""",
        (documents.cursor(connection, version), version),
    ).fetchone()
    return int(row[0])


def noticed(connection: sqlite3.Connection, ids: Sequence[int], features: int) -> list[int]:
    """Those of these messages in which the index noticed one of some `features`, in their order."""
    chosen = ",".join(str(int(ident)) for ident in ids)
    found = onestep.column(
        connection,
        f"""SELECT m.id FROM messages m JOIN documents d ON d.content_id = m.content_id
            WHERE m.id IN ({chosen}) AND d.features & ?""",
        (features,),
    )
    there = frozenset(found)
    return [ident for ident in ids if ident in there]


def alike(connection: sqlite3.Connection, account: str) -> list[list[int]]:
    """Messages of a folder that have the same bytes, or the same Message-ID, as groups of ids; two at least."""
    groups = onestep.rows(
        connection,
        1,
        """SELECT json_group_array(m.id) FROM messages m JOIN folders f ON f.id = m.folder_id
           JOIN accounts a ON a.id = f.account_id JOIN envelopes e ON e.content_id = m.content_id
           WHERE a.name = ? GROUP BY m.folder_id, iif(e.message_id = '', m.content_id, e.message_id)
           HAVING count(*) BETWEEN 2 AND ? ORDER BY min(m.id)""",
        (account, MOST_ALIKE),
    )
    return [sorted(json.loads(group)) for (group,) in groups]


def loud(connection: sqlite3.Connection, account: str, least: int, share: float) -> dict[str, tuple[int, int]]:
    """Senders of `least` messages or more in an account of which at most that share was read: (messages, read)."""
    rows = onestep.rows(
        connection,
        3,
        """SELECT lower(e.from_addr), count(*), sum(m.flags & 1) FROM messages m JOIN folders f ON f.id = m.folder_id
           JOIN accounts a ON a.id = f.account_id JOIN envelopes e ON e.content_id = m.content_id
           WHERE a.name = ? AND e.from_addr <> ''
           GROUP BY 1 HAVING count(*) >= ? AND sum(m.flags & 1) <= count(*) * ?""",
        (account, least, share),
    )
    return {sender: (messages, read) for sender, messages, read in rows}


def accounts_of(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[str, list[int]]:
    """These messages by account; those that are gone are left out."""
    found: dict[str, list[int]] = {}
    for name, ident in onestep.rows(
        connection,
        2,
        """SELECT a.name, m.id FROM messages m JOIN folders f ON f.id = m.folder_id
           JOIN accounts a ON a.id = f.account_id WHERE m.id IN (SELECT value FROM json_each(?))""",
        (json.dumps([*ids]),),
    ):
        found.setdefault(name, []).append(ident)
    return found


def drawn(connection: sqlite3.Connection, cleanup_id: int) -> list[list[Any]]:
    """What a sample is drawn by, of every message of a list: number, list or sender, date, confidence."""
    return onestep.rows(
        connection,
        4,
        """SELECT number, iif(list_id = '', sender, list_id), coalesce(date, internaldate, 0), confidence
           FROM cleanup_items WHERE cleanup_id = ? ORDER BY number""",
        (cleanup_id,),
    )


def doubled(connection: sqlite3.Connection, ids: Sequence[int], cleanup_id: int) -> frozenset[int]:
    """Those of these messages that have a copy in their folder, by bytes or Message-ID, which is not on that list."""
    found = onestep.column(
        connection,
        """SELECT m.id FROM messages m JOIN envelopes e ON e.content_id = m.content_id
           WHERE m.id IN (SELECT value FROM json_each(?1)) AND EXISTS (
               SELECT 1 FROM envelopes g JOIN messages o ON o.content_id = g.content_id
               WHERE (g.content_id = e.content_id OR (e.message_id <> '' AND g.message_id = e.message_id))
               AND o.folder_id = m.folder_id AND o.id <> m.id AND NOT o.flags & 8 AND NOT EXISTS (
                   SELECT 1 FROM cleanup_items i
                   WHERE i.cleanup_id = ?2 AND i.message_id = o.id AND NOT i.excluded))""",
        (json.dumps([*ids]), cleanup_id),
    )
    return frozenset(found)
