"""`threads`: the connected parts of the graph that messages make; `pipeline.threads` says what joins them.

    thread_nodes     a message id, or a thread of a server, as a number -> the thread it belongs to
    thread_subjects  what a document offers (even) and demands (odd) by its subject -> the document

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

from mailsync.model import SUBJECT_BITS, SUBJECT_PERIOD

Keys: TypeAlias = tuple[int, tuple[int, ...], tuple[int, ...]]
"""`pipeline.threads.Keys`, or the same as a plain tuple."""


def assign(connection: sqlite3.Connection, batch: Sequence[tuple[int, int, Keys]]) -> list[int]:
    """The thread of each new document, given as (document id, content id, keys); call it before they are stored.

    Threads that turn out to be one are made one, new ones are made, and the counts are right behind it; the dates are
    by `settle`. Where every server that has the message says what thread it is in, its references do not count.
    A few statements, however large the batch; of hostile ones the cost is linear, whatever they have in common.
    """
    parts = _Parts()
    nodes = _nodes(connection, batch)
    for thread, node in _pairs(connection, "SELECT thread_id, node FROM thread_nodes WHERE node IN", nodes):
        parts.join(thread, *nodes[node])
    for holders in nodes.values():
        parts.join(*holders)
    _join_subjects(connection, parts, batch)
    found = _named(connection, parts, len(batch))
    connection.executemany(
        "INSERT INTO thread_nodes (node, thread_id) VALUES (?1, ?2) ON CONFLICT (node) DO UPDATE SET thread_id = ?2 "
        "WHERE thread_id <> ?2",
        [(node, found[-1 - holders[0]]) for node, holders in sorted(nodes.items())],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO thread_subjects (key, document_id) VALUES (?, ?)",
        sorted((key, document) for document, _, (_, _, subjects) in batch for key in subjects),
    )
    return found


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


class _Parts:
    """Disjoint sets of threads (positive numbers) and of documents of the batch (-1, -2, ...)."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def of(self, one: int) -> int:
        above = self._above
        while (next_one := above.setdefault(one, one)) != one:
            above[one] = one = above[next_one]
        return one

    def join(self, first: int, *others: int) -> None:
        root = self.of(first)
        for other in others:
            self._above[self.of(other)] = root

    def groups(self, batch: int) -> dict[int, tuple[list[int], list[int]]]:
        """By one of their members: the threads and the documents of each set."""
        found: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for one in range(-batch, 0):
            self._above.setdefault(one, one)
        for one in list(self._above):
            found[self.of(one)][one < 0].append(one)
        return found


def _nodes(connection: sqlite3.Connection, batch: Sequence[tuple[int, int, Keys]]) -> dict[int, list[int]]:
    """Which documents of the batch, as in _Parts, bring each node."""
    given = _servers(connection, [content for _, content, _ in batch])
    nodes: dict[int, list[int]] = defaultdict(list)
    for number, (_, content, (own, references, _)) in enumerate(batch):
        servers = given.get(content, ())
        if own:
            nodes[own].append(-1 - number)
        if 0 in servers or not servers:
            for one in references:
                nodes[one].append(-1 - number)
        for one in servers:
            if one:
                nodes[one].append(-1 - number)
    return nodes


def _servers(connection: sqlite3.Connection, content_ids: Sequence[int]) -> dict[int, set[int]]:
    """The nodes of the server's threads these contents are in; 0 is among them for a copy whose server told none."""
    found: dict[int, set[int]] = defaultdict(set)
    for table in ("messages", "removed_messages"):
        for content, account, thread in connection.execute(
            f"""SELECT DISTINCT m.content_id, f.account_id, m.threadid FROM json_each(?) j
                CROSS JOIN {table} m ON m.content_id = j.value JOIN folders f ON f.id = m.folder_id""",
            (json.dumps(content_ids),),
        ):
            found[content].add(0 if thread is None else _server_node(account, thread))
    return found


def _server_node(account_id: int, threadid: str) -> int:
    told = blake2b(f"thread\0{account_id}\0{threadid}".encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(told) >> 1 or 1


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
    if not offers and not demands:
        return
    one = """SELECT d.thread_id, j.value FROM json_each(?) j JOIN documents d ON d.id =
             (SELECT s.document_id FROM thread_subjects s CROSS JOIN documents ON documents.id = s.document_id
              WHERE s.key = j.value + {} LIMIT 1)"""
    both = offers.keys() | demands.keys()
    demanded = {key: thread for thread, key in _pairs(connection, one.format(1), both, bare=True)}
    wanted = demanded.keys() | demands.keys()
    offered = {key: thread for thread, key in _pairs(connection, one.format(0), wanted, bare=True)}
    alone = []
    for key in wanted:
        if key in demanded and key in offered:
            parts.join(demanded[key], offered[key], *offers.get(key, ()), *demands.get(key, ()))
        elif key in offers or (key in offered and key in demands):
            parts.join(*offers.get(key, ()), *demands.get(key, ()))
            if key in demanded or key in offered:
                alone.append(key | (key in demanded))
    every = """SELECT d.thread_id, s.key FROM json_each(?) j CROSS JOIN thread_subjects s ON s.key = j.value
               JOIN documents d ON d.id = s.document_id"""
    for thread, key in _pairs(connection, every, alone, bare=True):
        parts.join(thread, (offers.get(key & ~1) or demands[key & ~1])[0])


def _named(connection: sqlite3.Connection, parts: _Parts, batch: int) -> list[int]:
    """The thread ids of the documents of the batch, threads merged and made."""
    groups = parts.groups(batch)
    sizes = dict(
        _pairs(
            connection,
            "SELECT id, messages FROM threads WHERE id IN",
            {one for threads, _ in groups.values() if len(threads) > 1 for one in threads},
        )
    )
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'threads'").fetchone()
    next_id = row[0] if row else 0
    found = [0] * batch
    new: list[tuple[int, int]] = []
    grown: list[tuple[int, int]] = []
    merged: list[tuple[int, int]] = []
    for threads, documents in groups.values():
        if threads:
            winner = max(threads, key=lambda one: (sizes.get(one, 0), -one))
            losers = [one for one in threads if one != winner]
            merged += [(winner, one) for one in losers]
            grown.append((len(documents) + sum(sizes[one] for one in losers), winner))
        else:
            next_id += 1
            winner = next_id
            new.append((winner, len(documents)))
        for one in documents:
            found[-1 - one] = winner
    connection.executemany("INSERT INTO threads (id, messages) VALUES (?, ?)", new)
    connection.executemany("UPDATE threads SET messages = messages + ? WHERE id = ?", grown)
    for table in ("documents", "thread_nodes"):
        connection.executemany(f"UPDATE {table} SET thread_id = ? WHERE thread_id = ?", merged)
    connection.executemany("DELETE FROM threads WHERE id = ?", [(loser,) for _, loser in merged])
    return found


def _pairs(
    connection: sqlite3.Connection, query: str, numbers: Collection[int], *, bare: bool = False
) -> list[tuple[int, int]]:
    """The two columns of a query that is about these numbers; none without any."""
    if not numbers:
        return []
    inside = query if bare else f"{query} (SELECT value FROM json_each(?))"
    return [(row[0], row[1]) for row in connection.execute(inside, (json.dumps(list(numbers)),))]
