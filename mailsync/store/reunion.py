"""A message that left one folder and came to another keeps its id, whichever of the two is looked at first.

Rows are told to be the same message by content and INTERNALDATE. `arrived` and `left` run in the transaction that
stored or removed the rows they are about: temp.chosen holds the UIDs of those, temp.leaving the ids of these.

An arrival is a copy of what another folder was seen to have after it came; until then it may be what has moved there.
Folders in that doubt are in temp.originals.
"""

from __future__ import annotations

import sqlite3


def arrived(connection: sqlite3.Connection, folder_id: int, at: float) -> int:
    """Give rows added just now (temp.chosen, created `at`) the ids of messages that were removed before; how many."""
    rows = connection.execute(
        """SELECT m.id, r.id FROM temp.chosen c JOIN messages m ON m.folder_id = ?1 AND m.uid = c.uid
           JOIN removed_messages r ON r.content_id = m.content_id AND r.internaldate IS m.internaldate
           JOIN folders f ON f.id = r.folder_id
           WHERE f.account_id = (SELECT account_id FROM folders WHERE id = ?1)
             AND abs(m.created_at - ?2) < 0.001 AND r.id < m.id
           ORDER BY m.uid, r.removed_at DESC, r.id DESC""",
        (folder_id, at),
    ).fetchall()
    pairs = _one_to_one(rows)
    connection.executemany(
        """UPDATE messages SET id = ?2, created_at = (SELECT created_at FROM removed_messages WHERE id = ?2)
           WHERE id = ?1""",
        pairs,
    )
    connection.executemany("DELETE FROM removed_messages WHERE id = ?2 AND ?1", pairs)
    _doubt(connection, folder_id, at)
    return len(pairs)


def _doubt(connection: sqlite3.Connection, folder_id: int, at: float) -> None:
    _make_originals(connection)
    connection.execute(
        """INSERT OR REPLACE INTO temp.originals
           SELECT DISTINCT o.folder_id, ?2 FROM temp.chosen c JOIN messages m ON m.folder_id = ?1 AND m.uid = c.uid
           JOIN messages o ON o.content_id = m.content_id AND o.internaldate IS m.internaldate AND o.id < m.id
           JOIN folders f ON f.id = o.folder_id
           WHERE o.folder_id <> ?1 AND f.account_id = (SELECT account_id FROM folders WHERE id = ?1)
             AND abs(m.created_at - ?2) < 0.001""",
        (folder_id, at),
    )


def _make_originals(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS originals (folder_id INTEGER PRIMARY KEY, copied_at REAL)")


def take_doubtful(connection: sqlite3.Connection, account_id: int) -> list[int]:
    """Folders that were not looked at since another one of the account gained what may be copies of their messages.
    They are told once, and not after the process has ended."""
    _make_originals(connection)
    mine = "SELECT id FROM folders WHERE account_id = ?"
    rows = connection.execute(
        f"""SELECT o.folder_id FROM temp.originals o JOIN folders f ON f.id = o.folder_id
            WHERE f.id IN ({mine}) AND f.gone_at IS NULL AND o.copied_at >= f.last_sync_at ORDER BY f.id""",
        (account_id,),
    ).fetchall()
    connection.execute(f"DELETE FROM temp.originals WHERE folder_id IN ({mine})", (account_id,))
    return [row[0] for row in rows]


def confirm(connection: sqlite3.Connection, folder_id: int, at: float) -> None:
    """The folder still had all its messages at that moment (Unix seconds)."""
    connection.execute("UPDATE folders SET last_sync_at = max(last_sync_at, ?) WHERE id = ?", (at, folder_id))


def left(connection: sqlite3.Connection, folder_id: int) -> int:
    """Messages just removed (temp.leaving) that another folder has gained since this one was last seen to have them
    have moved there: the new row takes the old id. Returns how many; they are in `removed_messages` no more."""
    rows = connection.execute(
        """SELECT m.id, r.id FROM temp.leaving l CROSS JOIN removed_messages r ON r.id = l.id
           JOIN folders f ON f.id = ?1
           JOIN messages m ON m.content_id = r.content_id AND m.internaldate IS r.internaldate AND m.id > r.id
           JOIN folders g ON g.id = m.folder_id
           WHERE r.content_id IS NOT NULL AND g.account_id = f.account_id
             AND m.folder_id <> ?1 AND m.created_at >= f.last_sync_at
           ORDER BY r.uid, m.id DESC""",
        (folder_id,),
    ).fetchall()
    pairs = _one_to_one(rows)
    if not pairs:
        return 0
    # message_labels refer to ids; what they refer to is whole again at the end of the transaction.
    connection.execute("PRAGMA defer_foreign_keys = 1")
    connection.executemany("UPDATE message_labels SET message_id = ?2 WHERE message_id = ?1", pairs)
    connection.executemany(
        """UPDATE messages SET id = ?2, created_at = (SELECT created_at FROM removed_messages WHERE id = ?2)
           WHERE id = ?1""",
        pairs,
    )
    connection.executemany("DELETE FROM removed_messages WHERE id = ?2 AND ?1", pairs)
    return len(pairs)


def _one_to_one(rows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(new id, old id) pairs in the order given, each id once."""
    taken: set[int] = set()
    pairs = []
    for new, old in rows:
        if new not in taken and old not in taken:
            taken |= {new, old}
            pairs.append((new, old))
    return pairs
