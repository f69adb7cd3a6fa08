"""What the mirror holds of a folder, as sets of UIDs in IMAP text ("1,2,3", in no order): made whole inside SQLite.

A folder of 100,000 messages is one string of 700 kB and not 100,000 rows, which would cost ten times as much.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from mailsync.record import record


@record(frozen=True)
class FlagText:
    """UIDs by flag; `unseen` are those without `\\Seen`. `keywords` has one entry a combination, joined by a space."""

    total: int
    unseen: str
    answered: str
    flagged: str
    deleted: str
    draft: str
    keywords: dict[str, str]


def uids(connection: sqlite3.Connection, folder_id: int) -> str:
    """Every UID."""
    row = connection.execute("SELECT group_concat(uid) FROM messages WHERE folder_id = ?", (folder_id,)).fetchone()
    return row[0] or ""


def within(connection: sqlite3.Connection, folder_id: int, ranges: Iterable[tuple[int, int]]) -> str:
    """The UIDs held that lie in one of the inclusive `ranges`; these may be far wider than the folder."""
    found = (
        connection.execute(
            "SELECT group_concat(uid) FROM messages WHERE folder_id = ? AND uid BETWEEN ? AND ?", (folder_id, low, high)
        ).fetchone()[0]
        for low, high in ranges
    )
    return ",".join(filter(None, found))


def newest(connection: sqlite3.Connection, folder_id: int, count: int) -> int | None:
    """The smallest UID of the newest `count` messages; None where there are not as many."""
    row = connection.execute(
        "SELECT uid FROM messages WHERE folder_id = ? ORDER BY uid DESC LIMIT 1 OFFSET ?", (folder_id, count - 1)
    ).fetchone()
    return row[0] if row else None


def waiting(connection: sqlite3.Connection, folder_id: int) -> str:
    """UIDs whose bytes could not be had yet; those left on the server on purpose are not among them."""
    row = connection.execute(
        "SELECT group_concat(uid) FROM messages WHERE folder_id = ? AND content_id IS NULL AND withheld = ''",
        (folder_id,),
    ).fetchone()
    return row[0] or ""


def flags(connection: sqlite3.Connection, folder_id: int) -> FlagText:
    """UIDs by flag. What is read and nothing else, as most mail is, is counted only."""
    total = connection.execute("SELECT count(*) FROM messages WHERE folder_id = ?", (folder_id,)).fetchone()[0]
    groups = connection.execute(
        """SELECT flags, keywords, group_concat(uid) FROM messages
           WHERE folder_id = ? AND (flags <> 1 OR keywords <> '') GROUP BY flags, keywords""",
        (folder_id,),
    ).fetchall()

    def joined(bit: int, value: int) -> str:
        return ",".join(uids for bits, _, uids in groups if bits & bit == value)

    keywords: dict[str, str] = {}
    for _, words, uids in groups:
        if words:
            keywords[words] = f"{keywords[words]},{uids}" if words in keywords else uids
    return FlagText(total, joined(1, 0), joined(2, 2), joined(4, 4), joined(8, 8), joined(16, 16), keywords)


def states(
    connection: sqlite3.Connection, folder_id: int, ranges: Iterable[tuple[int, int]] | None = None
) -> dict[tuple[int, str], str]:
    """UIDs by (system flag bits, keywords): of the whole folder, or of those in one of `ranges`."""
    found: dict[tuple[int, str], str] = {}
    for low, high in [(0, 1 << 32)] if ranges is None else ranges:
        rows = connection.execute(
            """SELECT flags, keywords, group_concat(uid) FROM messages WHERE folder_id = ? AND uid BETWEEN ? AND ?
               GROUP BY flags, keywords""",
            (folder_id, low, high),
        )
        for bits, words, text in rows:
            state = (bits, words)
            found[state] = f"{found[state]},{text}" if state in found else text
    return found
