"""Readings for a message list whose threads are folded: one line a thread."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailsync.model import Flag
from mailsync.store import listing, onestep

SHARED = 20_000
"""Messages that are looked at for the lines of one page."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A line of the list: a thread, wherever its messages are. A message in several folders counts once.

    `head` is its newest message in the list, `people` who wrote, by their first words in it.
    """

    id: int
    head: listing.Row
    messages: int
    unread: int
    flagged: bool
    has_attachments: bool
    people: tuple[str, ...]


def mark(connection: sqlite3.Connection) -> tuple[int, ...]:
    """Changes whenever a thread may have got, lost or passed on a message."""
    row = connection.execute(
        """SELECT (SELECT count(*) FROM documents), (SELECT coalesce(max(id), 0) FROM documents),
                  (SELECT count(*) FROM threads), (SELECT coalesce(max(id), 0) FROM threads)"""
    ).fetchone()
    return tuple(row)


def threads_of(connection: sqlite3.Connection, ids: Sequence[int]) -> array[int]:
    """The thread of each of these messages, 0 for one that is in none yet."""
    found = array("q")
    for start in range(0, len(ids), listing.CHUNK):
        chosen = ",".join(map(str, ids[start : start + listing.CHUNK]))
        found.extend(
            onestep.column(
                connection,
                """SELECT coalesce(d.thread_id, 0) FROM json_each(?) j LEFT JOIN messages m ON m.id = j.value
                   LEFT JOIN documents d ON d.content_id = m.content_id ORDER BY j.key""",
                (f"[{chosen}]",),
            )
        )
    return found


def page(connection: sqlite3.Connection, wanted: Iterable[tuple[int, int]]) -> dict[int, Conversation]:
    """The lines of these threads by id, each given with the message that stands for it; absent where that is gone."""
    heads = dict(wanted)
    rows = listing.page(connection, list(heads.values()))
    chosen = ",".join(str(int(ident)) for ident in heads)
    inside: dict[int, list[list[object]]] = {}
    for row in onestep.rows(
        connection,
        6,
        f"""SELECT d.thread_id, d.id, m.flags, coalesce(e.from_name, ''), coalesce(e.from_addr, ''),
                   coalesce(e.has_attachments, 0)
            FROM documents d JOIN messages m ON m.content_id = d.content_id
            LEFT JOIN envelopes e ON e.content_id = d.content_id
            WHERE d.thread_id IN ({chosen}) ORDER BY d.id LIMIT {SHARED}""",
    ):
        inside.setdefault(row[0], []).append(row)
    found = {}
    for ident, head in heads.items():
        if (row_of_head := rows.get(head)) is not None:
            found[ident] = _line(ident, row_of_head, inside.get(ident, []))
    return found


def _line(ident: int, head: listing.Row, inside: list[list[object]]) -> Conversation:
    unread, flags, attached = set(), 0, bool(head.has_attachments)
    for _, document, flag, _, _, has_attachments in inside:
        assert isinstance(flag, int)
        if not flag & Flag.SEEN:
            unread.add(document)
        flags |= flag
        attached |= bool(has_attachments)
    people = dict.fromkeys(str(name or address) for *_, name, address, _ in inside)
    return Conversation(
        ident,
        head,
        len({row[1] for row in inside}) or 1,
        len(unread),
        bool(flags & Flag.FLAGGED),
        attached,
        tuple(name for name in people if name),
    )
