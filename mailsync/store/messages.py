"""`messages`: one row per folder and UID; `removed_messages`: those gone from the server, kept for a while.

Every function keeps the folder's counters exact in the same transaction. Sets of UIDs travel through a temporary
table, so that one statement does what would otherwise be a statement a message.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from itertools import repeat

from mailsync.errors import StoreError
from mailsync.record import record
from mailsync.store import contents, quarantine, reunion, threads
from mailsync.store.codec import Packed


@record
class Arrivals:
    """Fetched messages: parallel lists, one entry a message."""

    uids: list[int]
    flags: list[int]
    keywords: list[str]
    internaldates: list[int | None]
    modseqs: list[int | None]
    packed: Packed
    emailids: list[str | None] = field(default_factory=list)
    """EMAILID or X-GM-MSGID; empty where the server has none. So for `threadids`."""
    threadids: list[str | None] = field(default_factory=list)


@record
class Known:
    """What the mirror holds of a folder, by ascending UID: parallel sequences."""

    uids: array[int]
    flags: array[int]
    keywords: list[str]
    without_content: list[int]
    """UIDs whose bytes could not be had yet."""


def add(connection: sqlite3.Connection, folder_id: int, arrivals: Arrivals, at: float) -> int:
    """Store fetched messages; returns how many rows are new. A row already there gains its content if it had none.

    A message that was removed from another folder of the account comes back under its id.
    """
    stored = contents.add(connection, arrivals.packed)
    before = connection.total_changes
    # A subquery in VALUES and not INSERT ... SELECT: that form keeps a statement journal, a copy of every page it
    # touches, for each row, and takes three times as long.
    connection.executemany(
        f"""INSERT INTO messages (folder_id, uid, content_id, flags, keywords, internaldate, size, modseq, emailid,
                                  threadid, created_at)
            VALUES ({folder_id:d}, ?, (SELECT id FROM contents WHERE digest = ?), ?, ?, ?, ?, ?, ?, ?, {float(at)!r})
            ON CONFLICT (folder_id, uid) DO NOTHING""",
        zip(
            arrivals.uids,
            arrivals.packed.digests,
            arrivals.flags,
            arrivals.keywords,
            arrivals.internaldates,
            arrivals.packed.sizes,
            arrivals.modseqs,
            arrivals.emailids or repeat(None, len(arrivals.uids)),
            arrivals.threadids or repeat(None, len(arrivals.uids)),
            strict=True,
        ),
    )
    added = connection.total_changes - before
    if added == len(arrivals.uids):
        unread = sum(1 for bits in arrivals.flags if not bits & 1)
        connection.execute(
            "UPDATE folders SET messages = messages + ?, unread = unread + ?, bytes = bytes + ? WHERE id = ?",
            (added, unread, sum(arrivals.packed.sizes), folder_id),
        )
    else:
        _complete(connection, folder_id, arrivals, at)
        recount(connection, folder_id)
    if stored < len(arrivals.uids):
        fill_chosen(connection, arrivals.uids)
        reunion.arrived(connection, folder_id, at)
        quarantine.arrived(connection, folder_id)
        threads.arrived(connection, folder_id)
    return added


def _complete(connection: sqlite3.Connection, folder_id: int, arrivals: Arrivals, at: float) -> None:
    connection.executemany(
        """UPDATE messages SET content_id = (SELECT id FROM contents WHERE digest = ?), size = ?,
                  internaldate = coalesce(?, internaldate), flags = ?, keywords = ?, withheld = ''
           WHERE folder_id = ? AND uid = ? AND content_id IS NULL""",
        (
            (digest, size, when, flags, keywords, folder_id, uid)
            for digest, size, when, flags, keywords, uid in zip(
                arrivals.packed.digests,
                arrivals.packed.sizes,
                arrivals.internaldates,
                arrivals.flags,
                arrivals.keywords,
                arrivals.uids,
                strict=True,
            )
        ),
    )
    quarantine.fetched(connection, folder_id, arrivals.uids, at)


def add_without_content(
    connection: sqlite3.Connection,
    folder_id: int,
    rows: Sequence[tuple[int, int, str, int | None, int]],
    at: float,
) -> None:
    """Rows (uid, flags, keywords, internaldate, announced size) of messages whose bytes the server does not give."""
    connection.executemany(
        f"""INSERT INTO messages (folder_id, uid, flags, keywords, internaldate, size, created_at)
            VALUES ({folder_id:d}, ?, ?, ?, ?, ?, {float(at)!r}) ON CONFLICT (folder_id, uid) DO NOTHING""",
        rows,
    )
    recount(connection, folder_id)


def set_flags(connection: sqlite3.Connection, folder_id: int, changes: Iterable[tuple[int, int, str]]) -> int:
    """Apply (uid, flags, keywords); returns how many rows really changed."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS reflagged (uid INTEGER PRIMARY KEY, flags INT, keywords TEXT)")
    connection.execute("DELETE FROM temp.reflagged")
    connection.executemany("INSERT OR REPLACE INTO temp.reflagged VALUES (?, ?, ?)", changes)
    connection.execute(
        """DELETE FROM temp.reflagged WHERE NOT EXISTS (
               SELECT 1 FROM messages m WHERE m.folder_id = ? AND m.uid = reflagged.uid
               AND (m.flags <> reflagged.flags OR m.keywords <> reflagged.keywords))""",
        (folder_id,),
    )
    connection.execute(
        """UPDATE folders SET unread = unread + (
               SELECT coalesce(sum((r.flags & 1 = 0) - (m.flags & 1 = 0)), 0)
               FROM temp.reflagged r CROSS JOIN messages m ON m.folder_id = folders.id AND m.uid = r.uid)
           WHERE id = ?""",
        (folder_id,),
    )
    cursor = connection.execute(
        """UPDATE messages SET (flags, keywords) = (
               SELECT r.flags, r.keywords FROM temp.reflagged r WHERE r.uid = messages.uid)
           WHERE folder_id = ? AND uid IN (SELECT uid FROM temp.reflagged)""",
        (folder_id,),
    )
    return cursor.rowcount


def remove(connection: sqlite3.Connection, folder_id: int, uids: Iterable[int] | None, at: float, reason: str) -> int:
    """Move rows (all of the folder for None) to `removed_messages`; their content stays. Returns how many.

    A message that another folder of the account has gained meanwhile lives on there under its id.
    """
    if uids is None:
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS chosen (uid INTEGER PRIMARY KEY)")
        connection.execute("DELETE FROM temp.chosen")
        connection.execute("INSERT INTO temp.chosen SELECT uid FROM messages WHERE folder_id = ?", (folder_id,))
    else:
        fill_chosen(connection, uids)
    where = "folder_id = ? AND uid IN (SELECT uid FROM temp.chosen)"
    connection.execute(
        f"""INSERT OR REPLACE INTO removed_messages (id, folder_id, uidvalidity, uid, content_id, flags, keywords,
                internaldate, size, created_at, removed_at, reason, emailid, threadid)
            SELECT id, folder_id, (SELECT uidvalidity FROM folders f WHERE f.id = folder_id), uid, content_id, flags,
                keywords, internaldate, size, created_at, {float(at)!r}, ?, emailid, threadid
            FROM messages WHERE {where}""",
        (reason, folder_id),
    )
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS leaving (id INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM temp.leaving")
    connection.execute(f"INSERT INTO temp.leaving SELECT id FROM messages WHERE {where}", (folder_id,))
    connection.execute(
        f"""UPDATE folders SET (messages, unread, bytes) = (
                SELECT folders.messages - count(*), folders.unread - coalesce(sum(flags & 1 = 0), 0),
                       folders.bytes - coalesce(sum(size), 0)
                FROM messages WHERE {where}) WHERE id = ?""",
        (folder_id, folder_id),
    )
    removed = connection.execute(f"DELETE FROM messages WHERE {where}", (folder_id,)).rowcount
    reunion.left(connection, folder_id)
    return removed


def recount(connection: sqlite3.Connection, folder_id: int) -> None:
    """Set the folder's counters from its rows."""
    connection.execute(
        """UPDATE folders SET (messages, unread, bytes) = (
               SELECT count(*), coalesce(sum(flags & 1 = 0), 0), coalesce(sum(size), 0)
               FROM messages WHERE folder_id = folders.id) WHERE id = ?""",
        (folder_id,),
    )


def known(connection: sqlite3.Connection, folder_id: int) -> Known:
    """What the mirror holds of a folder."""
    found = Known(array("I"), array("B"), [], [])
    rows = connection.execute(
        "SELECT uid, flags, keywords, content_id IS NULL FROM messages WHERE folder_id = ? ORDER BY uid", (folder_id,)
    )
    rows.row_factory = None
    for uid, flags, keywords, empty in rows:
        found.uids.append(uid)
        found.flags.append(flags)
        found.keywords.append(keywords)
        if empty:
            found.without_content.append(uid)
    return found


def differing(connection: sqlite3.Connection, folder_id: int, bodies: Mapping[int, bytes]) -> list[int]:
    """Those UIDs of `bodies` whose stored bytes are other ones, or cannot be read back."""
    found = []
    for uid, body in bodies.items():
        row = connection.execute(
            "SELECT content_id FROM messages WHERE folder_id = ? AND uid = ?", (folder_id, uid)
        ).fetchone()
        try:
            stored = contents.load(connection, row[0]) if row else None
        except StoreError:
            stored = None
        if stored != body:
            found.append(uid)
    return found


def purge_removed(
    connection: sqlite3.Connection, before: float, undo_since: float = math.inf, limit: int = 5000
) -> int:
    """Forget up to `limit` messages removed before `before` (Unix seconds), with content nobody else refers to.

    What a clean-up was about stays if it was removed after `undo_since`: an undo may have to put it back.
    """
    rows = connection.execute(
        "SELECT id, content_id FROM removed_messages WHERE removed_at < ? ORDER BY removed_at LIMIT ?",
        (min(before, undo_since), limit),
    ).fetchall()
    if undo_since < before and len(rows) < limit:
        rows += _not_kept(connection, before, undo_since, limit - len(rows))
    connection.executemany("DELETE FROM removed_messages WHERE id = ?", [(row[0],) for row in rows])
    quarantine.forget(connection, (row[1] for row in rows if row[1] is not None))
    connection.executemany(
        """DELETE FROM contents WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM messages WHERE content_id = ?1)
           AND NOT EXISTS (SELECT 1 FROM removed_messages WHERE content_id = ?1)
           AND NOT EXISTS (SELECT 1 FROM quarantine WHERE content_id = ?1)""",
        [(row[1],) for row in rows if row[1] is not None],
    )
    return len(rows)


def _not_kept(connection: sqlite3.Connection, before: float, undo_since: float, limit: int) -> list[sqlite3.Row]:
    """Those removed between the two that no clean-up was about. What is kept is looked at once: the cursor passes it,
    and it is old enough one day."""
    rows = connection.execute(
        """SELECT id, content_id FROM removed_messages r
           WHERE removed_at >= max(?1, coalesce((SELECT position FROM cursors WHERE name = 'removed_messages'), 0))
             AND removed_at < ?2 AND NOT EXISTS (
                 SELECT 1 FROM contents c JOIN cleanup_items i ON i.digest = c.digest
                 JOIN cleanup_runs u ON u.cleanup_id = i.cleanup_id WHERE c.id = r.content_id)
           ORDER BY removed_at LIMIT ?3""",
        (undo_since, before, limit),
    ).fetchall()
    if len(rows) < limit:
        connection.execute("INSERT OR REPLACE INTO cursors VALUES ('removed_messages', ?)", (int(before),))
    return rows


def fill_chosen(connection: sqlite3.Connection, uids: Iterable[int]) -> None:
    """Put `uids` into the temporary table `chosen`."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS chosen (uid INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM temp.chosen")
    connection.executemany("INSERT OR IGNORE INTO temp.chosen VALUES (?)", ((uid,) for uid in uids))
