"""`correspondents`: the addresses that messages from the user went to, how many of them, and when the last one did.

`pipeline.correspondents` brings it up to date. Addresses are spelled as `pipeline.addressing.canonical` has them. What
the user wrote counts though it was deleted since. What lies among sent mail is from the user, whatever address it
names: nobody configures them all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable

from mailsync.record import record
from mailsync.store import envelopes

_CURSOR = "correspondents:"
SENT = """EXISTS (SELECT 1 FROM messages m JOIN folders f ON f.id = m.folder_id WHERE m.content_id = e.content_id
    AND (f.special_use = '\\Sent' OR EXISTS (SELECT 1 FROM message_labels g JOIN labels l ON l.id = g.label_id
                                             WHERE g.message_id = m.id AND l.name = '\\Sent')))"""
"""Of a content `e`: it lies among sent mail, or Gmail says so."""


@record(frozen=True)
class Written:
    """What went to an address: messages, and the date of the last one in Unix seconds, None if none was dated."""

    messages: int
    last_date: int | None


def written_to(connection: sqlite3.Connection) -> frozenset[str]:
    """Every address that the user has written to."""
    return frozenset(row[0] for row in connection.execute("SELECT address FROM correspondents"))


def known(connection: sqlite3.Connection) -> dict[str, Written]:
    """The same, with what went there."""
    return {row[0]: Written(row[1], row[2]) for row in connection.execute("SELECT * FROM correspondents")}


def wrote(connection: sqlite3.Connection, identifiers: Iterable[str], is_mine: Callable[[str], bool]) -> frozenset[str]:
    """Those of these Message-IDs that messages from the user have; `is_mine` tells an address of the user."""
    rows = connection.execute(
        f"""SELECT e.message_id, e.from_addr, {SENT} FROM envelopes e
            WHERE e.message_id IN (SELECT value FROM json_each(?))""",
        (json.dumps([one for one in identifiers if one]),),
    )
    return frozenset(row[0] for row in rows if row[2] or is_mine(row[1]))


def answered(connection: sqlite3.Connection, identifier: str, is_mine: Callable[[str], bool]) -> bool:
    """The user answered the message with this Message-ID, as far as that is known here; `is_mine` as for `wrote`."""
    rows = connection.execute(
        f"""SELECT e.from_addr, {SENT} FROM envelopes a JOIN documents d ON d.content_id = a.content_id
            JOIN documents o ON o.thread_id = d.thread_id AND instr(o.refs, a.message_id)
            JOIN envelopes e ON e.content_id = o.content_id WHERE a.message_id = ?""",
        (identifier,),
    )
    return any(row[1] or is_mine(row[0]) for row in rows)


# -- bringing it up to date -------------------------------------------------------------------------------------------


def cursor(connection: sqlite3.Connection, name: str) -> int:
    """The last content that was looked at for `name`, which stands for the user's addresses; 0 before the first."""
    return envelopes.cursor(connection, _CURSOR + name)


def senders_after(connection: sqlite3.Connection, position: int, limit: int) -> list[tuple[int, str, int | None, bool]]:
    """(content id, address of the sender, date, among sent mail) of up to `limit` contents above `position` that have
    an envelope."""
    return connection.execute(
        f"""SELECT e.content_id, e.from_addr, e.date, {SENT} FROM envelopes e
            WHERE e.content_id > ? ORDER BY e.content_id LIMIT ?""",
        (position, limit),
    ).fetchall()


def add(
    connection: sqlite3.Connection, name: str, first: int, last: int, found: Iterable[tuple[str, int | None]]
) -> bool:
    """Count (address, date) that contents after `first` up to `last` went to; False if someone else did already.

    With the first ones of a new `name` all that was counted for another is forgotten.
    """
    if cursor(connection, name) != first:
        return False
    if not first:
        connection.execute("DELETE FROM correspondents")
        connection.execute("DELETE FROM cursors WHERE name LIKE ? || '%'", (_CURSOR,))
    connection.executemany(
        """INSERT INTO correspondents (address, messages, last_date) VALUES (?, 1, ?)
           ON CONFLICT (address) DO UPDATE SET messages = messages + 1,
               last_date = coalesce(max(last_date, excluded.last_date), last_date, excluded.last_date)""",
        found,
    )
    envelopes.move_cursor(connection, _CURSOR + name, last)
    return True
