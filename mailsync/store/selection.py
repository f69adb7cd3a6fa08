"""What of a folder is deliberately not mirrored, or only listed: `folders.outside`, `messages.withheld`.

The rows of `messages` and the UIDs of `outside` together are the folder on the server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mailsync.record import record
from mailsync.store import messages

TOO_LARGE = "too large"


@record(frozen=True)
class Withheld:
    """Where the bytes of a message are that were left on the server."""

    account: str
    folder_id: int
    uidvalidity: int | None
    uid: int


def read(connection: sqlite3.Connection, folder_id: int) -> tuple[str, str]:
    """(UIDs left outside, as IMAP set text; fingerprint of the selection they were left out under)."""
    row = connection.execute("SELECT outside, selection FROM folders WHERE id = ?", (folder_id,)).fetchone()
    return row[0], row[1]


def older_than(connection: sqlite3.Connection, folder_id: int, moment: float) -> str:
    """UIDs of messages with an INTERNALDATE before `moment` (Unix seconds), as IMAP set text."""
    row = connection.execute(
        "SELECT group_concat(uid) FROM messages WHERE folder_id = ? AND internaldate < ?", (folder_id, moment)
    ).fetchone()
    return row[0] or ""


def withheld(connection: sqlite3.Connection, folder_id: int, size: int | None) -> str:
    """UIDs of messages listed without their bytes and not larger than `size` (None: any), as IMAP set text."""
    row = connection.execute(
        """SELECT group_concat(uid) FROM messages
           WHERE folder_id = ?1 AND withheld <> '' AND size <= coalesce(?2, size)""",
        (folder_id, size),
    ).fetchone()
    return row[0] or ""


def withhold(
    connection: sqlite3.Connection,
    folder_id: int,
    listed: Sequence[tuple[int, int, str, int | None, int]],
    at: float,
) -> None:
    """Rows (uid, flags, keywords, internaldate, size) of messages whose bytes are to stay on the server."""
    connection.executemany(
        f"""INSERT INTO messages (folder_id, uid, flags, keywords, internaldate, size, created_at, withheld)
            VALUES ({folder_id:d}, ?, ?, ?, ?, ?, {float(at)!r}, '{TOO_LARGE}')
            ON CONFLICT (folder_id, uid) DO NOTHING""",
        listed,
    )
    messages.recount(connection, folder_id)


def conclude(connection: sqlite3.Connection, folder_id: int, selection: str, max_size: int | None) -> None:
    """All of the folder is as this selection wants it; what is not larger than `max_size` is not withheld any more."""
    if read(connection, folder_id)[1] == selection:
        return
    connection.execute("UPDATE folders SET selection = ? WHERE id = ?", (selection, folder_id))
    connection.execute(
        "UPDATE messages SET withheld = '' WHERE folder_id = ?1 AND withheld <> '' AND size <= coalesce(?2, size)",
        (folder_id, max_size),
    )


def find_withheld(connection: sqlite3.Connection, message_id: int) -> Withheld | None:
    """Where the bytes of a withheld message can be had; None for any other message."""
    row = connection.execute(
        """SELECT a.name, f.id, f.uidvalidity, m.uid FROM messages m JOIN folders f ON f.id = m.folder_id
           JOIN accounts a ON a.id = f.account_id WHERE m.id = ? AND m.withheld <> '' AND m.content_id IS NULL""",
        (message_id,),
    ).fetchone()
    return Withheld(*row) if row else None
