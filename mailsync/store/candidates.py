"""What the mirror knows of messages that a clean-up may propose. Reads only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import NamedTuple

from mailsync.store import onestep

_UNSURE = """CASE WHEN m.content_id IS NULL OR m.withheld <> '' THEN 'its bytes are not here'
    WHEN f.uidvalidity IS NULL OR f.first_sync_at IS NULL THEN 'its folder was never mirrored wholly'
    WHEN f.error IS NOT NULL THEN 'the last sync of its folder failed'
    WHEN d.id IS NULL THEN 'it is not indexed'
    WHEN EXISTS (SELECT 1 FROM quarantine q WHERE q.resolved_at IS NULL AND (q.content_id = m.content_id
        OR (q.folder_id = m.folder_id AND q.uid = m.uid))) THEN 'it is in quarantine' ELSE '' END"""
_COLUMNS = f"""m.id, f.id, m.uid, coalesce(m.content_id, 0), c.digest, m.size, m.flags, m.keywords, m.internaldate,
    e.date, coalesce(e.message_id, ''), coalesce(e.from_addr, ''), coalesce(e.subject, ''),
    coalesce(d.features, 0), coalesce(d.traits, 0), {_UNSURE}"""
_JOINS = """messages m JOIN folders f ON f.id = m.folder_id LEFT JOIN contents c ON c.id = m.content_id
    LEFT JOIN envelopes e ON e.content_id = m.content_id LEFT JOIN documents d ON d.content_id = m.content_id"""


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


def authors(connection: sqlite3.Connection, identifiers: Collection[str]) -> list[str]:
    """The addresses that the messages with these Message-IDs are from, as far as they are known here."""
    return onestep.column(
        connection,
        """SELECT DISTINCT from_addr FROM envelopes
           WHERE message_id <> '' AND message_id IN (SELECT value FROM json_each(?))""",
        (json.dumps([*identifiers]),),
    )


def folders(connection: sqlite3.Connection, account: str) -> list[Folder]:
    """The folders of an account that were mirrored once."""
    rows = connection.execute(
        """SELECT f.id, f.name, f.raw_name, f.special_use, f.uidvalidity, f.messages FROM folders f
           JOIN accounts a ON a.id = f.account_id WHERE a.name = ? AND f.uidvalidity IS NOT NULL ORDER BY f.id""",
        (account,),
    )
    return [Folder(*row) for row in rows]


def rows(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Row]:
    """These messages in their order; those that are gone are left out."""
    chosen = ",".join(str(int(ident)) for ident in ids)
    found = connection.execute(f"SELECT {_COLUMNS} FROM {_JOINS} WHERE m.id IN ({chosen})")
    known = {row[0]: Row(*row) for row in found}
    return [known[ident] for ident in ids if ident in known]
