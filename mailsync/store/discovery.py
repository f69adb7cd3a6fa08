"""`folders` as LIST changes them: renamed, deselected, selected again."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from mailsync.record import record
from mailsync.store import messages


@record(frozen=True)
class Sample:
    """A mirrored message by which a folder is known again: `content` is the id of its bytes."""

    uid: int
    internaldate: int | None
    content: int


def mailboxids(connection: sqlite3.Connection, account_id: int) -> dict[str, str]:
    """MAILBOXID by name of the present folders that have one."""
    rows = connection.execute(
        "SELECT name, mailboxid FROM folders WHERE account_id = ? AND gone_at IS NULL AND mailboxid <> ''",
        (account_id,),
    )
    return dict(rows.fetchall())


def set_mailboxids(connection: sqlite3.Connection, account_id: int, by_name: Mapping[str, str]) -> None:
    connection.executemany(
        f"UPDATE folders SET mailboxid = ?1 WHERE account_id = {account_id:d} AND name = ?2 AND mailboxid <> ?1",
        [(mailboxid, name) for name, mailboxid in by_name.items()],
    )


def other_selections(connection: sqlite3.Connection, account_id: int, selection: str) -> set[int]:
    """Ids of the present folders whose messages were selected otherwise."""
    rows = connection.execute(
        "SELECT id FROM folders WHERE account_id = ? AND selection <> ? AND gone_at IS NULL", (account_id, selection)
    )
    return {row[0] for row in rows}


def sample(connection: sqlite3.Connection, folder_id: int, count: int) -> list[Sample]:
    """The newest `count` messages of a folder that have their bytes, and as many of the others."""
    rows = connection.execute(
        """SELECT * FROM (SELECT uid, internaldate, content_id FROM messages WHERE folder_id = ?1
                          AND content_id IS NOT NULL ORDER BY uid DESC LIMIT ?2)
           UNION
           SELECT * FROM (SELECT uid, internaldate, content_id FROM messages WHERE folder_id = ?1
                          AND content_id IS NOT NULL ORDER BY random() LIMIT ?2)""",
        (folder_id, count),
    )
    return [Sample(*row) for row in rows]


def rename(connection: sqlite3.Connection, account_id: int, renamed: Sequence[tuple[int, str, bytes]]) -> None:
    """Rows by id take new names: (id, name, raw name). A folder that is gone and had the name lends its removed mail.

    Several at once may trade names.
    """
    connection.executemany(
        "UPDATE folders SET name = '/' || id || '/' || name WHERE id = ?", [(r[0],) for r in renamed]
    )
    for folder_id, name, raw_name in renamed:
        gone = connection.execute(
            "SELECT id FROM folders WHERE account_id = ? AND name = ? AND gone_at IS NOT NULL", (account_id, name)
        ).fetchone()
        if gone:
            connection.execute("UPDATE removed_messages SET folder_id = ? WHERE folder_id = ?", (folder_id, gone[0]))
            connection.execute("DELETE FROM folders WHERE id = ?", (gone[0],))
        connection.execute("UPDATE folders SET name = ?, raw_name = ? WHERE id = ?", (name, raw_name, folder_id))


def restore(connection: sqlite3.Connection, account_id: int, name: str, uidvalidity: int, reason: str) -> int:
    """Give a folder that is gone its messages back that were removed for `reason`; returns how many.

    Only under the UIDVALIDITY they were removed under; the folder keeps it, and the next sync compares everything.
    """
    row = connection.execute(
        "SELECT id FROM folders WHERE account_id = ? AND name = ? AND gone_at IS NOT NULL", (account_id, name)
    ).fetchone()
    if row is None:
        return 0
    restored = messages_back(connection, row[0], uidvalidity, reason)
    if restored:
        connection.execute("UPDATE folders SET uidvalidity = ? WHERE id = ?", (uidvalidity, row[0]))
    return restored


def messages_back(connection: sqlite3.Connection, folder_id: int, uidvalidity: int, reason: str) -> int:
    """Rows of `removed_messages` that have their bytes are `messages` again, with their ids; returns how many."""
    connection.execute(
        """INSERT OR IGNORE INTO messages (id, folder_id, uid, content_id, flags, keywords, internaldate, size,
                                           created_at, emailid, threadid)
           SELECT id, folder_id, uid, content_id, flags, keywords, internaldate, size, created_at, emailid, threadid
           FROM removed_messages
           WHERE folder_id = ? AND uidvalidity = ? AND reason = ? AND content_id IS NOT NULL""",
        (folder_id, uidvalidity, reason),
    )
    restored = connection.execute("SELECT changes()").fetchone()[0]
    connection.execute(
        """DELETE FROM removed_messages WHERE folder_id = ? AND uidvalidity = ? AND reason = ?
           AND id IN (SELECT id FROM messages)""",
        (folder_id, uidvalidity, reason),
    )
    messages.recount(connection, folder_id)
    return int(restored)
