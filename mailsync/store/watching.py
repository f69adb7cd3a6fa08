"""What `watch` tells: the messages an entry of `activity` is about, and how folders are watched."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mailsync.record import record
from mailsync.store.activity import Entry


@record(frozen=True)
class Arrived:
    """A message by its row: subject and sender are None as long as its header has not been read."""

    id: str
    uid: int
    size: int
    subject: str | None
    from_name: str | None
    from_addr: str | None


def messages(connection: sqlite3.Connection, entry: Entry, uids: Sequence[int]) -> list[Arrived]:
    """The messages `uids` of the entry's folder that are there, by UID."""
    marks = ",".join("?" * len(uids))
    rows = connection.execute(
        f"""SELECT m.id, m.uid, m.size, e.subject, e.from_name, e.from_addr
            FROM messages m JOIN folders f ON f.id = m.folder_id JOIN accounts a ON a.id = f.account_id
            LEFT JOIN envelopes e ON e.content_id = m.content_id
            WHERE a.name = ? AND f.name = ? AND m.uid IN ({marks}) ORDER BY m.uid""",
        (entry.account, entry.folder, *uids),
    )
    return [Arrived(str(row[0]), *row[1:]) for row in rows]


def ways(connection: sqlite3.Connection, account: str) -> dict[str, list[str]]:
    """Names of the folders of an account that are watched now, by 'notify', 'idle' or 'poll'."""
    found: dict[str, list[str]] = {}
    rows = connection.execute(
        """SELECT f.watch, f.name FROM folders f JOIN accounts a ON a.id = f.account_id
           WHERE a.name = ? AND f.watch <> '' AND f.gone_at IS NULL ORDER BY f.name""",
        (account,),
    )
    for watch, name in rows:
        found.setdefault(watch, []).append(name)
    return found
