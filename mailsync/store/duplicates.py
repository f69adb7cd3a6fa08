"""The same message more than once: its copies in other folders, which share one content, and its other versions.

A version has the same Message-ID and other bytes: lists and gateways add fields and footers to what the sender kept.
"""

from __future__ import annotations

import sqlite3

from mailsync.privacy.consent import EMAIL_READ
from mailsync.record import record

LISTED = 50
"""Of either, at most; a Message-ID that thousands share is a broken program's."""


@record(frozen=True)
class Place:
    """Where a message is, by its id; `size` in bytes, `digest` the SHA-256 of these."""

    id: int
    account: str
    folder: str
    uid: int
    size: int
    digest: bytes


@record(frozen=True)
class Duplicates:
    """`copies` by folder: the same bytes elsewhere. `versions`, one place of each: other bytes of one Message-ID."""

    copies: list[Place]
    versions: list[Place]


_SELECT = """SELECT {} AS id, a.name, f.name, m.uid, c.size, c.digest FROM messages m
JOIN folders f ON f.id = m.folder_id JOIN accounts a ON a.id = f.account_id JOIN contents c ON c.id = m.content_id
JOIN consents s ON s.account = a.name AND s.scope = :scope AND s.revoked_at IS NULL WHERE {} ORDER BY {} LIMIT :limit"""
_COPIES = _SELECT.format("m.id", "m.content_id = :content AND m.id <> :message", "a.position, f.name, m.uid")
_VERSIONS = _SELECT.format(
    "min(m.id)",
    """m.content_id IN (SELECT content_id FROM envelopes WHERE content_id <> :content AND message_id <> ''
       AND message_id = (SELECT message_id FROM envelopes WHERE content_id = :content)) GROUP BY m.content_id""",
    "id",
)


def of(connection: sqlite3.Connection, message_id: int) -> Duplicates:
    """The duplicates of a message in accounts whose mail may be read; none of one whose bytes are not here."""
    row = connection.execute(
        """SELECT content_id FROM messages WHERE id = ?1
           UNION ALL SELECT content_id FROM removed_messages WHERE id = ?1""",
        (message_id,),
    ).fetchone()
    if row is None or row[0] is None:
        return Duplicates([], [])
    asked = {"content": row[0], "message": message_id, "scope": EMAIL_READ, "limit": LISTED}
    copies, versions = (connection.execute(query, asked).fetchall() for query in (_COPIES, _VERSIONS))
    return Duplicates([Place(*one) for one in copies], [Place(*one) for one in versions])
