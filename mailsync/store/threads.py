"""`threads`: the connected parts of the graph that messages make; `pipeline.threads` says what joins them.

    thread_nodes     a message id, or a thread of a server, as a number -> the thread it belongs to
    thread_subjects  what a document offers (even) and demands (odd) by its subject -> the document
    thread_hints     contents of which a server told something after their documents were made

A document that touches several threads makes them one, under the id of the largest: what changes its thread id does so
in one at least twice as large, so that n messages are never moved more than n log n times.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import TypeAlias

from mailsync.record import record

SUBJECT_PERIOD = 30 * 86400
"""Seconds: messages are joined by their subject within the same or neighbouring periods of that length."""
SUBJECT_BITS = 52
"""A key of `thread_subjects` is the number of its period and a hash of so many bits: those of a time lie together."""

Keys: TypeAlias = tuple[int, tuple[int, ...], tuple[int, ...]]
"""`pipeline.threads.Keys`, or the same as a plain tuple."""


def assign(connection: sqlite3.Connection, batch: Sequence[tuple[int, int, Keys]]) -> list[int]:
    """The thread of each new document, given as (document id, content id, keys); call it before they are stored.

    Threads that turn out to be one are made one, new ones are made, and the counts are right behind it; the dates are
    by `settle`. Where every server that has the message says what thread it is in, its references do not count.
    A few statements, however large the batch; of hostile ones the cost is linear, whatever they have in common.
    """
    found = _join(connection, batch)
    connection.executemany(
        "INSERT OR IGNORE INTO thread_subjects (key, document_id) VALUES (?, ?)",
        sorted([(key, document) for document, _, (_, _, subjects) in batch for key in subjects]),
    )
    return found


def arrived(connection: sqlite3.Connection, folder_id: int) -> None:
    """Have `catch_up` look at the rows that a folder gained just now (temp.chosen holds their UIDs), where they are
    copies of documents and a server told of any copy what thread it is in."""
    connection.execute(
        """INSERT OR IGNORE INTO thread_hints (content_id) SELECT m.content_id FROM temp.chosen c
           JOIN messages m ON m.folder_id = ? AND m.uid = c.uid
           WHERE EXISTS (SELECT 1 FROM documents d WHERE d.content_id = m.content_id)
           AND EXISTS (SELECT 1 FROM messages o WHERE o.content_id = m.content_id AND o.threadid IS NOT NULL)""",
        (folder_id,),
    )


def catch_up(connection: sqlite3.Connection, limit: int) -> int:
    """Join threads by what servers told, or did not tell, of copies that came after their documents were made.

    How many contents it looked at, `limit` at most; 0 when that is done.
    """
    rows = connection.execute(
        """SELECT h.content_id, d.id, d.thread_id, d.refs FROM thread_hints h
           LEFT JOIN documents d ON d.content_id = h.content_id LIMIT ?""",
        (limit,),
    ).fetchall()
    there = [row for row in rows if row[1] is not None]
    batch = [(row[1], row[0], (0, tuple([node(one) for one in row[3].split()]), ())) for row in there]
    settle(connection, _join(connection, batch, [row[2] for row in there]))
    connection.executemany("DELETE FROM thread_hints WHERE content_id = ?", [(row[0],) for row in rows])
    return len(rows)


def is_behind(connection: sqlite3.Connection) -> bool:
    """`catch_up` has work to do."""
    return connection.execute("SELECT 1 FROM thread_hints LIMIT 1").fetchone() is not None


def settle(connection: sqlite3.Connection, thread_ids: Iterable[int]) -> None:
    """Have these threads know their first and last dates, now that their documents are stored."""
    inside = "FROM documents WHERE thread_id = threads.id AND id > 255 ORDER BY id"
    connection.execute(
        f"""UPDATE threads SET first_date = (SELECT id >> 8 {inside} LIMIT 1),
                               last_date = (SELECT id >> 8 {inside} DESC LIMIT 1)
            WHERE id IN (SELECT value FROM json_each(?))""",
        (json.dumps(list(set(thread_ids))),),
    )


def forget(connection: sqlite3.Connection, document_ids: Iterable[int]) -> None:
    """Delete what is kept of the subjects of documents that are gone; their threads know already."""
    gone = sorted(document_ids)
    connection.executemany(
        "DELETE FROM thread_subjects WHERE key >= ? AND key < ? AND document_id IN (SELECT value FROM json_each(?))",
        [
            ((period - 1) << SUBJECT_BITS, (period + 2) << SUBJECT_BITS, json.dumps(list(of_period)))
            for period, of_period in groupby(gone, lambda one: (one >> 8) // SUBJECT_PERIOD)
        ],
    )


def name(thread_id: int) -> str:
    """How a thread is named to people and in documents: "t12"."""
    return f"t{thread_id}"


def number(named: str) -> int:
    """The inverse of `name`; 0 for what is no name of a thread."""
    digits = named[1:19] if named[:1] == "t" and len(named) < 20 else ""
    return int(digits) if digits.isascii() and digits.isdecimal() else 0


@record(frozen=True)
class Copy:
    """Where a message of a thread is, or was: `removed_at`, in Unix seconds, once it is gone from the server."""

    id: int
    account: str
    folder: str
    uid: int
    flags: int
    keywords: str
    removed_at: float | None


@record(frozen=True)
class Member:
    """A message of a thread, with where it is: present copies first. `date` in Unix seconds, 0 if unknown."""

    document_id: int
    date: int
    message_id: str
    references: tuple[str, ...]
    """The oldest first, In-Reply-To among them."""
    subject: str
    from_name: str
    from_addr: str
    copies: tuple[Copy, ...]


def of_message(connection: sqlite3.Connection, message_id: int) -> int | None:
    """The thread of a message, also of one that is only kept because it was deleted; None while it is in none."""
    row = connection.execute(
        """SELECT thread_id FROM documents WHERE content_id IN (SELECT content_id FROM messages WHERE id = ?1
           UNION SELECT content_id FROM removed_messages WHERE id = ?1)""",
        (message_id,),
    ).fetchone()
    return row[0] if row else None


def messages(connection: sqlite3.Connection, thread_id: int) -> list[Member]:
    """The messages of a thread by date; none of a thread that is not there."""
    copies: dict[int, list[Copy]] = defaultdict(list)
    for table, removed in (("messages", "NULL"), ("removed_messages", "m.removed_at")):
        for document, *found in connection.execute(
            f"""SELECT d.id, m.id, a.name, f.name, m.uid, m.flags, m.keywords, {removed}
                FROM documents d CROSS JOIN {table} m ON m.content_id = d.content_id
                JOIN folders f ON f.id = m.folder_id JOIN accounts a ON a.id = f.account_id
                WHERE d.thread_id = ? ORDER BY m.id""",
            (thread_id,),
        ):
            copies[document].append(Copy(*found))
    rows = connection.execute(
        """SELECT d.id, d.id >> 8, coalesce(e.message_id, ''), d.refs, coalesce(e.subject, ''),
                  coalesce(e.from_name, ''), coalesce(e.from_addr, '')
           FROM documents d LEFT JOIN envelopes e ON e.content_id = d.content_id WHERE d.thread_id = ? ORDER BY d.id""",
        (thread_id,),
    )
    return [
        Member(row[0], row[1], row[2], tuple(row[3].split()), row[4], row[5], row[6], tuple(copies[row[0]]))
        for row in rows
    ]


def node(message_id: str) -> int:
    """The node of a message id: a hash of 63 bits, never 0."""
    return int.from_bytes(blake2b(message_id.encode("utf-8", "replace"), digest_size=8).digest()) >> 1 or 1


def _join(
    connection: sqlite3.Connection, batch: Sequence[tuple[int, int, Keys]], present: Sequence[int] = ()
) -> list[int]:
    """As `assign`; `present` are the threads of the documents when these are there already."""
    parts = _Parts()
    for number, thread in enumerate(present):
        parts.join(thread, -1 - number)
    nodes = _nodes(connection, batch)
    known = dict(
        _pairs(connection, "SELECT node, thread_id FROM thread_nodes WHERE node IN (SELECT value FROM {})", nodes)
    )
    for one, holders in nodes.items():
        if one in known:
            parts.join(known[one], *holders)
        elif len(holders) > 1:
            parts.join(*holders)
    _join_subjects(connection, parts, batch)
    found = _named(connection, parts, len(batch), counted=not present)
    connection.executemany(
        "INSERT INTO thread_nodes (node, thread_id) VALUES (?, ?)",
        [(one, found[-1 - nodes[one][0]]) for one in sorted(nodes.keys() - known.keys())],
    )
    return found


class _Parts:
    """Disjoint sets of threads (positive numbers) and of documents of the batch (-1, -2, ...); what was joined to
    nothing is in none."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def _of(self, one: int) -> int:
        above = self._above
        while (next_one := above.setdefault(one, one)) != one:
            above[one] = one = above[next_one]
        return one

    def join(self, first: int, *others: int) -> None:
        root = self._of(first)
        for other in others:
            self._above[self._of(other)] = root

    def groups(self) -> list[tuple[list[int], list[int]]]:
        """The threads and the documents of each set."""
        found: dict[int, tuple[list[int], list[int]]] = {}
        for one in list(self._above):
            root = self._of(one)
            if root not in found:
                found[root] = ([], [])
            found[root][one < 0].append(one)
        return list(found.values())


def _nodes(connection: sqlite3.Connection, batch: Sequence[tuple[int, int, Keys]]) -> dict[int, list[int]]:
    """Which documents of the batch, as in _Parts, bring each node."""
    given = _servers(connection, [content for _, content, _ in batch])
    nodes: dict[int, list[int]] = {}
    for number, (_, content, (own, references, _)) in enumerate(batch):
        brought = {own, *references}
        if content in given:
            brought = {own, *given[content], *(references if 0 in given[content] else ())}
        brought.discard(0)
        for one in brought:
            nodes.setdefault(one, []).append(-1 - number)
    return nodes


def _servers(connection: sqlite3.Connection, content_ids: Collection[int]) -> dict[int, set[int]]:
    """The nodes of the server's threads that contents are in, of those that are in any; 0 is among them when there is
    a copy whose server told none."""
    found: dict[int, set[int]] = defaultdict(set)
    query = """SELECT m.content_id, f.account_id, m.threadid FROM {{}} CROSS JOIN {} m ON m.content_id = value
               CROSS JOIN folders f ON f.id = m.folder_id WHERE m.threadid IS {} NULL"""
    for table in ("messages", "removed_messages"):
        for content, account, thread in _rows(connection, query.format(table, "NOT"), content_ids):
            found[content].add(node(f"{account} {thread}"))  # no message id has a blank
    for table in ("messages", "removed_messages"):
        for content, _, _ in _rows(connection, query.format(table, ""), list(found)):
            found[content].add(0)
    return found


def _join_subjects(connection: sqlite3.Connection, parts: _Parts, batch: Sequence[tuple[int, int, Keys]]) -> None:
    """Join those that offer what others demand.

    As soon as an offer and a demand of one number are stored, all that offer or demand it are in one thread: one of
    each is enough to know. Only while there are offers alone or demands alone all are read, when the first of the
    others comes: so each is read once.
    """
    offers: dict[int, list[int]] = defaultdict(list)
    demands: dict[int, list[int]] = defaultdict(list)
    for number, (_, _, (_, _, subjects)) in enumerate(batch):
        for key in subjects:
            (demands if key & 1 else offers)[key & ~1].append(-1 - number)
    one = """SELECT value, d.thread_id FROM {{}} JOIN documents d ON d.id =
             (SELECT s.document_id FROM thread_subjects s CROSS JOIN documents ON documents.id = s.document_id
              WHERE s.key = value + {} LIMIT 1)"""
    demanded = dict(_pairs(connection, one.format(1), offers.keys() | demands.keys()))
    wanted = demanded.keys() | demands.keys()
    offered = dict(_pairs(connection, one.format(0), wanted))
    alone = []
    for key in wanted:
        both = (*offers.get(key, ()), *demands.get(key, ()))
        if key in demanded and key in offered:
            parts.join(demanded[key], offered[key], *both)
        elif key in offers or (key in offered and key in demands):
            parts.join(*both)
            if key in demanded or key in offered:
                alone.append(key | (key in demanded))
    every = """SELECT s.key, d.thread_id FROM {} CROSS JOIN thread_subjects s ON s.key = value
               CROSS JOIN documents d ON d.id = s.document_id"""
    for key, thread in _pairs(connection, every, alone):
        parts.join(thread, (offers.get(key & ~1) or demands[key & ~1])[0])


def _named(connection: sqlite3.Connection, parts: _Parts, batch: int, *, counted: bool) -> list[int]:
    """The thread ids of the documents of the batch, threads merged and made; `counted` are the documents in them."""
    groups = parts.groups()
    several = [one for threads, _ in groups if len(threads) > 1 for one in threads]
    sizes = dict(_pairs(connection, "SELECT t.id, t.messages FROM {} CROSS JOIN threads t ON t.id = value", several))
    found = [0] * batch
    grown: list[tuple[int, int]] = []
    merged: list[tuple[int, int]] = []
    new: list[list[int]] = []
    for threads, documents in groups:
        if not threads:
            new.append(documents)
            continue
        winner = max(threads, key=lambda one: (sizes.get(one, 0), -one))
        losers = [one for one in threads if one != winner]
        merged += [(winner, one) for one in losers]
        grown.append((len(documents) * counted + sum(sizes[one] for one in losers), winner))
        for one in documents:
            found[-1 - one] = winner
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'threads'").fetchone()
    before = row[0] if row else 0
    made: list[tuple[int, int]] = []
    joined = {one for documents in new for one in documents}
    new += [[-1 - number] for number, thread in enumerate(found) if not thread and -1 - number not in joined]
    for next_id, documents in enumerate(new, before + 1):
        made.append((next_id, len(documents)))
        for one in documents:
            found[-1 - one] = next_id
    connection.executemany("INSERT INTO threads (id, messages) VALUES (?, ?)", made)
    connection.executemany("UPDATE threads SET messages = messages + ? WHERE id = ?", grown)
    for table in ("documents", "thread_nodes"):
        connection.executemany(f"UPDATE {table} SET thread_id = ? WHERE thread_id = ?", merged)
    connection.executemany("DELETE FROM threads WHERE id = ?", [(loser,) for _, loser in merged])
    return found


def _rows(connection: sqlite3.Connection, query: str, numbers: Collection[int]) -> list[tuple[int, int, str]]:
    """A query that has {} where the numbers belong, as a table with the column `value`; no rows without any."""
    if not numbers:
        return []
    return connection.execute(query.format("json_each(?)"), (json.dumps(list(numbers)),)).fetchall()


def _pairs(connection: sqlite3.Connection, query: str, numbers: Collection[int]) -> list[tuple[int, int]]:
    return [(row[0], row[1]) for row in _rows(connection, query, numbers)]
