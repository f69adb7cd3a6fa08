"""Messages found again: rows that an arrival may be, rows taken over by another folder, rows under new UIDs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mailsync.store import contents, messages, reunion


@dataclass(frozen=True, slots=True)
class Found:
    """A row that has what an arrival (by its index) has; `gone` when it has left its folder."""

    arrival: int
    row: int
    content: int
    gone: bool


@dataclass(frozen=True, slots=True)
class Adopted:
    """An arrival that was not downloaded: `row` is the id it keeps if that has left its folder; else it gets one."""

    uid: int
    row: int | None
    content: int
    flags: int
    keywords: str
    internaldate: int | None
    emailid: str | None
    threadid: str | None


def by_emailid(connection: sqlite3.Connection, account_id: int, emailids: Sequence[str | None]) -> list[Found]:
    """Rows with one of these EMAILIDs in any folder of the account, with their content."""
    wanted = json.dumps(emailids)
    rows = connection.execute(
        """WITH arrived AS (SELECT key AS n, value AS emailid FROM json_each(?1) WHERE value IS NOT NULL)
           SELECT n, m.id, m.content_id, 0 FROM arrived a CROSS JOIN messages m ON m.emailid = a.emailid
           JOIN folders f ON f.id = m.folder_id WHERE f.account_id = ?2 AND m.content_id IS NOT NULL
           UNION ALL
           SELECT n, r.id, r.content_id, 1 FROM arrived a CROSS JOIN removed_messages r ON r.emailid = a.emailid
           JOIN folders f ON f.id = r.folder_id WHERE f.account_id = ?2 AND r.content_id IS NOT NULL""",
        (wanted, account_id),
    )
    return [Found(row[0], row[1], row[2], bool(row[3])) for row in rows]


def by_date(
    connection: sqlite3.Connection, account_id: int, folder_id: int, dated: Sequence[tuple[int | None, int | None]]
) -> list[Found]:
    """Rows with one of these (INTERNALDATE, size) outside the folder, or gone from any; a size of None fits all."""
    wanted = json.dumps(dated)
    rows = connection.execute(
        """WITH arrived AS (SELECT key AS n, value ->> 0 AS date, value ->> 1 AS size FROM json_each(?1))
           SELECT n, m.id, m.content_id, 0 FROM arrived a CROSS JOIN folders f
           CROSS JOIN messages m ON m.folder_id = f.id AND m.internaldate = a.date
           WHERE f.account_id = ?2 AND f.id <> ?3 AND coalesce(a.size, m.size) = m.size AND m.content_id IS NOT NULL
           UNION ALL
           SELECT n, r.id, r.content_id, 1 FROM arrived a JOIN removed_messages r ON r.internaldate = a.date
           JOIN folders f ON f.id = r.folder_id
           WHERE f.account_id = ?2 AND coalesce(a.size, r.size) = r.size AND r.content_id IS NOT NULL""",
        (wanted, account_id, folder_id),
    )
    return [Found(row[0], row[1], row[2], bool(row[3])) for row in rows]


def marks(connection: sqlite3.Connection, ids: Iterable[int], mark: Callable[[bytes], int]) -> dict[int, int]:
    """`mark` of the first bytes of each of these contents; a damaged one has none."""
    return {number: mark(head) for number, head in contents.heads_of(connection, ids) if head is not None}


def adopt(connection: sqlite3.Connection, folder_id: int, adopted: Sequence[Adopted], at: float) -> list[int]:
    """Add rows for messages whose content is here already; returns the UIDs that are held then.

    What changed meanwhile decides for itself: an id that is taken again is not taken, content that is gone leaves the
    message to be downloaded.
    """
    connection.executemany(
        f"""INSERT INTO messages (id, folder_id, uid, content_id, flags, keywords, internaldate, size, created_at,
                                  emailid, threadid)
            SELECT r.id, {folder_id:d}, ?, r.content_id, ?, ?, ?, r.size, r.created_at, ?, ? FROM removed_messages r
            WHERE r.id = ? AND r.content_id = ? ON CONFLICT DO NOTHING""",
        [
            (o.uid, o.flags, o.keywords, o.internaldate, o.emailid, o.threadid, o.row, o.content)
            for o in adopted
            if o.row is not None
        ],
    )
    connection.executemany(
        "DELETE FROM removed_messages WHERE id = ?1 AND EXISTS (SELECT 1 FROM messages m WHERE m.id = ?1)",
        [(one.row,) for one in adopted if one.row is not None],
    )
    connection.executemany(
        f"""INSERT INTO messages (folder_id, uid, content_id, flags, keywords, internaldate, size, created_at, emailid,
                                  threadid)
            SELECT {folder_id:d}, ?, c.id, ?, ?, ?, c.size, {float(at)!r}, ?, ? FROM contents c WHERE c.id = ?
            ON CONFLICT (folder_id, uid) DO NOTHING""",
        [(o.uid, o.flags, o.keywords, o.internaldate, o.emailid, o.threadid, o.content) for o in adopted],
    )
    messages.fill_chosen(connection, (one.uid for one in adopted))
    reunion.arrived(connection, folder_id, at)  # an original may have left its folder since it was found there
    held = connection.execute(
        """SELECT uid FROM messages WHERE folder_id = ? AND content_id IS NOT NULL
           AND uid IN (SELECT uid FROM temp.chosen)""",
        (folder_id,),
    ).fetchall()
    messages.recount(connection, folder_id)
    return [row[0] for row in held]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a folder as it is told again; `emailid` '' for none."""

    id: int
    uid: int
    content: int
    internaldate: int | None
    size: int
    emailid: str


def rows(connection: sqlite3.Connection, folder_id: int, above: int, limit: int) -> list[Row]:
    """Up to `limit` rows with content and a UID above `above`, by ascending UID."""
    found = connection.execute(
        """SELECT id, uid, content_id, internaldate, size, coalesce(emailid, '') FROM messages
           WHERE folder_id = ? AND uid > ? AND content_id IS NOT NULL ORDER BY uid LIMIT ?""",
        (folder_id, above, limit),
    )
    return [Row(*row) for row in found]


Rekeyed = tuple[int, int, int, str, str | None, str | None]
"""(messages.id, new UID, system flags, keywords, EMAILID, THREADID)."""


def rekey(
    connection: sqlite3.Connection, folder_id: int, rekeyed: Callable[[], Iterable[Rekeyed]], at: float
) -> tuple[int, int]:
    """Give these rows their new UIDs in place; all others of the folder are removed as of the old UIDVALIDITY.

    Returns (rows whose flags changed, rows removed). The caller moves the folder to the new UIDVALIDITY after it.
    Statements a row, since one statement for all would hold all rows in memory.
    """
    changed = connection.executemany(
        f"""UPDATE messages SET flags = ?2, keywords = ?3
            WHERE id = ?1 AND folder_id = {folder_id:d} AND (flags <> ?2 OR keywords <> ?3)""",
        ((row[0], row[2], row[3]) for row in rekeyed()),
    ).rowcount
    # By way of negative numbers: new UIDs overlap the old ones, and no row may have the UID of another for a moment.
    connection.executemany(
        f"""UPDATE messages SET uid = -?2, modseq = NULL, emailid = coalesce(?3, emailid),
                   threadid = coalesce(?4, threadid) WHERE id = ?1 AND folder_id = {folder_id:d}""",
        ((row[0], row[1], row[4], row[5]) for row in rekeyed()),
    )
    lost = connection.execute("SELECT uid FROM messages WHERE folder_id = ? AND uid > 0", (folder_id,)).fetchall()
    removed = messages.remove(connection, folder_id, (row[0] for row in lost), at, "uidvalidity")
    connection.execute("UPDATE messages SET uid = -uid WHERE folder_id = ? AND uid < 0", (folder_id,))
    messages.recount(connection, folder_id)
    return max(changed, 0), removed
