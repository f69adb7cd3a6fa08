"""Messages found again: rows that an arrival may be, rows taken over by another folder, rows under new UIDs."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

from mailsync.record import record
from mailsync.store import contents, messages, reunion, threads

PORTION = 2000
"""Rows that a statement changes at most."""


@record(frozen=True)
class Found:
    """A row that has what an arrival (by its index) has; `gone` when it has left its folder."""

    arrival: int
    row: int
    content: int
    gone: bool


@record(frozen=True)
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
    threads.arrived(connection, folder_id)
    held = connection.execute(
        """SELECT uid FROM messages WHERE folder_id = ? AND content_id IS NOT NULL
           AND uid IN (SELECT uid FROM temp.chosen)""",
        (folder_id,),
    ).fetchall()
    messages.recount(connection, folder_id)
    return [row[0] for row in held]


@record(frozen=True)
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


@record
class Rekeyed:
    """Rows under a new UIDVALIDITY, in order of their old UIDs: parallel sequences, and by index what few rows need."""

    ids: Sequence[int]
    old: Sequence[int]
    new: Sequence[int]
    state: Callable[[int], tuple[int, str]]
    """System flag bits and keywords."""
    names: Callable[[int], tuple[str | None, str | None]] | None
    """EMAILID and THREADID; None where the server has none."""


def rekey(connection: sqlite3.Connection, folder_id: int, rows: Rekeyed, at: float) -> tuple[int, int]:
    """Give these rows their new UIDs in place; all others of the folder are removed as of the old UIDVALIDITY.

    Returns (rows whose flags changed, rows removed). The caller moves the folder to the new UIDVALIDITY after it.
    Statements a row and portions of rows, since SQLite would keep every page that one statement for all of them changes
    in memory.
    """
    gone = array("I", _others(connection, folder_id, iter(rows.old)))
    removed = sum(
        messages.remove(connection, folder_id, gone[start : start + PORTION], at, "uidvalidity")
        for start in range(0, len(gone), PORTION)
    )
    where = f"WHERE id = ?1 AND folder_id = {folder_id:d}"
    changed = connection.executemany(
        f"UPDATE messages SET flags = ?2, keywords = ?3 {where} AND (flags <> ?2 OR keywords <> ?3)",
        ((number, *rows.state(n)) for n, number in enumerate(rows.ids)),
    ).rowcount
    if rows.names is not None:
        connection.executemany(
            f"""UPDATE messages SET emailid = coalesce(?2, emailid), threadid = coalesce(?3, threadid) {where}
                AND (coalesce(?2, emailid) IS NOT emailid OR coalesce(?3, threadid) IS NOT threadid)""",
            ((number, *rows.names(n)) for n, number in enumerate(rows.ids)),
        )
    _in_portions(connection, "modseq = NULL", f"folder_id = {folder_id:d} AND modseq IS NOT NULL")
    _renumber(connection, folder_id, rows)
    messages.recount(connection, folder_id)
    return max(changed, 0), removed


def _others(connection: sqlite3.Connection, folder_id: int, kept: Iterator[int]) -> Iterator[int]:
    """UIDs of the folder that are not among `kept`, which ascend."""
    next_kept = next(kept, None)
    for (uid,) in connection.execute("SELECT uid FROM messages WHERE folder_id = ? ORDER BY uid", (folder_id,)):
        while next_kept is not None and next_kept < uid:
            next_kept = next(kept, None)
        if uid != next_kept:
            yield uid


def _renumber(connection: sqlite3.Connection, folder_id: int, rows: Rekeyed) -> None:
    """The new UIDs. They overlap the old ones, and no row may have the UID of another for a moment: those that become
    lower from below, those that become higher from above, and what is in the way of it by way of a negative number."""
    ids, old, new = rows.ids, rows.old, rows.new
    lower = ((ids[n], new[n]) for n in range(len(ids)) if new[n] < old[n])
    higher = ((ids[n], new[n]) for n in reversed(range(len(ids))) if new[n] > old[n])
    rest = chain(lower, higher)
    where = f"WHERE id = ?1 AND folder_id = {folder_id:d}"
    while portion := list(islice(rest, PORTION)):
        moved = connection.executemany(f"UPDATE OR IGNORE messages SET uid = ?2 {where}", portion).rowcount
        if moved != len(portion):
            connection.executemany(f"UPDATE messages SET uid = -?2 {where} AND uid <> ?2", portion)
    _in_portions(connection, "uid = -uid", f"folder_id = {folder_id:d} AND uid < 0")


def _in_portions(connection: sqlite3.Connection, change: str, condition: str) -> None:
    """Change all rows that meet the condition, and do not after it."""
    portion = f"SELECT id FROM messages WHERE {condition} LIMIT {PORTION}"
    while connection.execute(f"UPDATE messages SET {change} WHERE id IN ({portion})").rowcount:
        continue
