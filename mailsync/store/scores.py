"""`scores`, `origins`, `unscored`, `triage`: what the stage of triage has made of documents, and what it has yet to do.

It takes from `unscored`, the newest first. What it goes by (the weights, and a stamp for all that it depends on) is
kept beside, so that whoever asks adds the rest by the same weights: see `triage`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mailsync.record import record

_STAMP, _WEIGHTS, _LEARN = "stamp", "weights", "learn"
MINE, LISTED = 8, 16
"""Bits of `known`, as in `pipeline.scores`."""
NEWEST = 20
"""Documents of an origin that tell what the user does with it."""
AWAY = ("\\Archive", "\\All", "\\Trash")
"""Special uses of folders that a person puts messages away to."""


class Waiting(NamedTuple):
    """A document to be scored: bits of `pipeline.features`, and the address of its author as it was sent."""

    id: int
    features: int
    sender: str


class Row(NamedTuple):
    """A document that was scored; `origin` and `sender` are names."""

    id: int
    points: float
    known: int
    origin: str
    sender: str


@record(frozen=True)
class Terms:
    """What scores go by: the stamp of all that a scored document depends on, the weights by name, whether to learn."""

    stamp: str
    weights: Mapping[str, float]
    learn: bool


def terms(connection: sqlite3.Connection) -> Terms | None:
    """None where nothing was ever scored."""
    found = dict(connection.execute("SELECT name, value FROM triage").fetchall())
    return Terms(found[_STAMP], json.loads(found[_WEIGHTS]), found[_LEARN] == "1") if found else None


def is_work(connection: sqlite3.Connection, stamp: str) -> bool:
    """There are documents to be scored, or all of them by other terms."""
    known = terms(connection)
    if known is None or known.stamp != stamp:
        return connection.execute("SELECT 1 FROM documents LIMIT 1").fetchone() is not None
    return connection.execute("SELECT 1 FROM unscored LIMIT 1").fetchone() is not None


def begin(connection: sqlite3.Connection, wanted: Terms) -> None:
    """Score everything anew, by other terms."""
    for table in ("scores", "origins", "unscored", "triage"):
        connection.execute(f"DELETE FROM {table}")
    connection.execute("INSERT INTO unscored (id) SELECT id FROM documents")
    connection.executemany(
        "INSERT INTO triage (name, value) VALUES (?, ?)",
        [(_STAMP, wanted.stamp), (_WEIGHTS, json.dumps(dict(wanted.weights))), (_LEARN, str(int(wanted.learn)))],
    )


def waiting(connection: sqlite3.Connection, limit: int) -> list[Waiting]:
    """The next documents to be scored, the newest first."""
    rows = connection.execute(
        """SELECT u.id, d.features, coalesce(e.from_addr, '') FROM unscored u JOIN documents d ON d.id = u.id
           LEFT JOIN envelopes e ON e.content_id = d.content_id ORDER BY u.id DESC LIMIT ?""",
        (limit,),
    )
    return [Waiting(*row) for row in rows]


def left(connection: sqlite3.Connection) -> int:
    """How many documents wait for their score."""
    row = connection.execute("SELECT count(*) FROM unscored").fetchone()
    return int(row[0])


def add(connection: sqlite3.Connection, stamp: str, rows: Iterable[Row], *, learn: bool) -> None:
    """Store the scores of documents that waited for them; not where the terms, or the documents, are others by now.

    `learn` looks at what the user does with the newest messages of each origin.
    """
    current = terms(connection)
    if current is None or current.stamp != stamp:
        return
    still = "DELETE FROM unscored WHERE id = ?"
    there = [row for row in rows if connection.execute(still, (row.id,)).rowcount]
    ids = {}
    for name in sorted({name for row in there for name in (row.origin, row.sender)}):
        found = connection.execute("SELECT id FROM origins WHERE name = ?", (name,)).fetchone()
        if found is None:
            found = connection.execute(
                """INSERT INTO origins (name, written)
                   VALUES (?1, coalesce((SELECT messages FROM correspondents WHERE address = ?1), 0)) RETURNING id""",
                (name,),
            ).fetchone()
        ids[name] = found[0]
    connection.executemany(
        "INSERT OR REPLACE INTO scores (id, points, known, origin, sender) VALUES (?, ?, ?, ?, ?)",
        [(row.id, row.points, row.known, ids[row.origin], ids[row.sender]) for row in there],
    )
    if learn:
        away = is_away(connection, "m")
        connection.executemany(
            "UPDATE origins SET messages = ?, answered = ?, ignored = ? WHERE id = ?",
            [
                (*_habits(connection, origin, away), origin)
                for origin in sorted({ids[row.origin] for row in there if not row.known & MINE})
            ],
        )


def _habits(connection: sqlite3.Connection, origin: int, away: str) -> tuple[int, int, int]:
    """Of its newest messages: how many there are, were answered, were put away or deleted before anybody read them."""
    row: tuple[int, int, int] = connection.execute(
        f"""WITH newest AS MATERIALIZED (
                SELECT s.id, s.known, d.content_id, d.thread_id FROM scores s JOIN documents d ON d.id = s.id
                WHERE s.origin = ? AND NOT s.known & {MINE} ORDER BY s.id DESC LIMIT {NEWEST}),
            copies AS (
                SELECT n.id, m.flags, {away} AS away
                FROM newest n JOIN messages m ON m.content_id = n.content_id
                UNION ALL
                SELECT n.id, r.flags, 1 FROM newest n JOIN removed_messages r ON r.content_id = n.content_id
                WHERE r.reason <> 'uidvalidity')
            SELECT count(*), coalesce(sum(answered), 0), coalesce(sum(ignored AND NOT answered), 0) FROM (
                SELECT max(c.flags & 2 > 0) OR (NOT n.known & {LISTED} AND EXISTS (
                           SELECT 1 FROM documents o JOIN scores p ON p.id = o.id
                           WHERE o.thread_id = n.thread_id AND o.id > n.id AND p.known & {MINE})) AS answered,
                       min(c.flags & 1 = 0 AND c.away) AS ignored
                FROM newest n JOIN copies c ON c.id = n.id GROUP BY n.id)""",
        (origin,),
    ).fetchone()
    return row


def is_away(connection: sqlite3.Connection, alias: str) -> str:
    """A condition on a row of `messages`: it is where messages are put away to, and not in the inbox by its labels."""
    folders = ", ".join(
        str(number) for number, use in connection.execute("SELECT id, special_use FROM folders") if use in AWAY
    )
    inboxes = ", ".join(str(row[0]) for row in connection.execute("SELECT id FROM labels WHERE name = '\\Inbox'"))
    labelled = (
        f""" AND NOT EXISTS (SELECT 1 FROM message_labels l WHERE l.message_id = {alias}.id
                             AND l.label_id IN ({inboxes}))"""
        if inboxes
        else ""
    )
    return f"({alias}.folder_id IN ({folders}){labelled})"


def forget(connection: sqlite3.Connection) -> None:
    """Begin anew, whoever the user is now: no address out of mail that was purged stays."""
    for table in ("triage", "scores", "origins", "correspondents"):
        connection.execute(f"DELETE FROM {table}")
    connection.execute("DELETE FROM cursors WHERE name LIKE 'correspondents:%'")
