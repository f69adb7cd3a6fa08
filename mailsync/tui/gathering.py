"""Readings for the message list, in a thread worker: what its rows are, and the lines of those in view.

A row has a key: the id of its message, or minus the id of a thread whose line it is. `heads` has the message that each
row stands for; of a thread, the newest one in the list.
"""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mailsync.privacy.consent import EMAIL_READ
from mailsync.store import consents, conversations, listing, threads
from mailsync.store.conversations import Conversation
from mailsync.tui.sources import Source

PAGE = 200
"""Messages a reading."""
clock: Callable[[], float] = time.monotonic
"""What a reading is timed by."""
BEGINNING = 2_000
"""Messages whose threads are shown before those of a longer list are known."""
LineOf = listing.Row | Conversation


@dataclass(frozen=True, slots=True)
class View:
    """How a list is shown: whether its threads are folded, and which of them are open."""

    threaded: bool = False
    open: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Member:
    """A message in an open thread: the depth it stands at, from 0, and its folder, empty for one of the list."""

    depth: int
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a list as they were read. In a list without threads, `keys` and `heads` are `ids` itself."""

    ids: array[int]
    """The messages that are listed, newest first."""
    keys: array[int]
    heads: array[int]
    view: View = View()
    folded: tuple[array[int], array[int]] | None = None
    """Keys and heads with every thread closed."""
    members: Mapping[int, Member] = field(default_factory=dict)
    """The messages of the open threads."""

    @classmethod
    def flat(cls, ids: array[int]) -> Rows:
        return cls(ids, ids, ids)


@dataclass(slots=True)
class Wish:
    """What is to be read. `rows` is None when nothing is known of the list yet, `seen` what it was read from."""

    source: Source
    generation: int
    view: View
    rows: Rows | None
    seen: object | None
    look: bool
    """Whether the list changed is to be found out."""
    wanted: Sequence[tuple[int, int]] = ()
    """(key, head) of the rows whose lines are to be read."""
    anchor: int = 0
    """The message under the cursor, or that it shall come to, whose row is told when the list or its view is new."""


@dataclass(slots=True)
class Reading:
    """What was read. `complete` is False for the beginning of a long list; `seen` is None where nobody looked."""

    rows: Rows
    seen: object | None
    lines: dict[int, LineOf]
    complete: bool = True
    follow: int | None = None
    """The key of the row that the cursor goes to, where the view is another one."""
    seconds: float = 0.0
    note: str = ""


def gather(connection: sqlite3.Connection, wish: Wish) -> Iterator[Reading]:
    """The reading that was wished for; of a long list that is new, its beginning first."""
    started = clock()
    seen, moved = None, False
    ids = wish.rows.ids if wish.rows is not None else None
    if wish.rows is None or wish.look:
        now = (wish.source.horizon(connection), conversations.mark(connection) if wish.view.threaded else ())
        before = wish.seen if isinstance(wish.seen, tuple) else None
        if ids is not None:
            ids = wish.source.extended(connection, ids, before[0], now[0]) if before is not None else None
        if ids is None:
            ids = array("q")
            for chunk in wish.source.chunks(connection):
                ids.extend(chunk)
                if wish.rows is None and PAGE <= len(ids) == len(chunk):
                    yield _beginning(connection, wish, ids[:], None)
            if wish.rows is not None and ids == wish.rows.ids:
                ids = wish.rows.ids
        moved = before is None or before[1] != now[1]
        seen = now
    assert ids is not None
    folding = wish.view.threaded and wish.rows is not None and not wish.rows.view.threaded
    if folding and len(ids) > BEGINNING + PAGE and wish.anchor in ids[:BEGINNING]:
        # Whoever looks at the newest mail sees its threads at once, whatever it takes to fold the rest.
        yield _beginning(connection, wish, ids[: BEGINNING + PAGE], wish.anchor)
    rows = _rows(connection, wish, ids, moved=moved)
    follow = None
    if wish.anchor and (wish.rows is None or wish.view != wish.rows.view):
        follow = _key_of(connection, rows, wish.anchor)
    lines = read_lines(connection, wish.wanted or _first(rows))
    note = wish.source.note(connection) if seen is not None else ""
    yield Reading(rows, seen, lines, follow=follow, seconds=clock() - started, note=note)


def _beginning(connection: sqlite3.Connection, wish: Wish, ids: array[int], anchor: int | None) -> Reading:
    rows = _rows(connection, replace(wish, rows=None), ids, moved=True)
    follow = _key_of(connection, rows, anchor) if anchor else None
    return Reading(rows, None, read_lines(connection, _first(rows)), complete=False, follow=follow)


def _first(rows: Rows) -> list[tuple[int, int]]:
    return list(zip(rows.keys[:PAGE], rows.heads[:PAGE], strict=True))


def _rows(connection: sqlite3.Connection, wish: Wish, ids: array[int], *, moved: bool) -> Rows:
    """The rows of a list; those that are known where nothing changed. Messages may have `moved` between threads."""
    known = wish.rows
    if not wish.view.threaded:
        return known if known is not None and ids is known.ids and not known.view.threaded else Rows.flat(ids)
    folded = known.folded if known is not None and ids is known.ids and not moved else None
    if folded is None:
        folded = _folded(ids, conversations.threads_of(connection, ids))
        if known is not None and known.folded == folded:
            folded = known.folded
    if known is not None and folded is known.folded and wish.view == known.view and not moved:
        return known
    keys, heads, members = _opened(connection, folded, wish.view.open)
    if known is not None and (keys, heads, members) == (known.keys, known.heads, known.members):
        keys, heads = known.keys, known.heads
    return Rows(ids, keys, heads, wish.view, folded, members)


def _folded(ids: array[int], threads: array[int]) -> tuple[array[int], array[int]]:
    """A row for each thread where its newest message stands, and for each message that is in none yet."""
    keys, heads = array("q"), array("q")
    seen: set[int] = set()
    for ident, thread in zip(ids, threads, strict=True):
        if thread not in seen:
            keys.append(-thread or ident)
            heads.append(ident)
            if thread:
                seen.add(thread)
    return keys, heads


def _opened(
    connection: sqlite3.Connection, folded: tuple[array[int], array[int]], wanted: frozenset[int]
) -> tuple[array[int], array[int], dict[int, Member]]:
    keys, heads = folded
    members: dict[int, Member] = {}
    places = sorted(((keys.index(-thread), thread) for thread in wanted if -thread in keys), reverse=True)
    for place, thread in places:
        inside = _members(connection, thread, heads[place])
        more = array("q", inside)
        keys = keys[: place + 1] + more + keys[place + 1 :]
        heads = heads[: place + 1] + more + heads[place + 1 :]
        members |= inside
    return keys, heads, members


def _members(connection: sqlite3.Connection, thread: int, head: int) -> dict[int, Member]:
    """The messages of a thread in the order they are shown, the one in the list where a message is in several folders.

    Those that may not be read, and those that are gone from the server, are left out.
    """
    from mailsync.pipeline.threads import Leaf, tree

    readable = frozenset(consents.allowing(connection, EMAIL_READ))
    inside = []
    for one in threads.messages(connection, thread):
        copies = [copy for copy in one.copies if copy.removed_at is None and copy.account in readable]
        if copies:
            inside.append((one, copies))
    home = next((copy.folder for _, copies in inside for copy in copies if copy.id == head), "")
    found: dict[int, Member] = {}
    for line in tree([Leaf(one.message_id, one.references, one.subject, one.date) for one, _ in inside]):
        if line.number is not None:
            copies = inside[line.number][1]
            copy = next((copy for copy in copies if copy.folder == home), copies[0])
            found[copy.id] = Member(line.depth, "" if copy.folder == home else copy.folder)
    return found


def _key_of(connection: sqlite3.Connection, rows: Rows, message_id: int) -> int:
    """The row of a message: its own, or that of the thread it is folded into."""
    if not rows.view.threaded or message_id in rows.members:
        return message_id
    thread = conversations.threads_of(connection, [message_id])[0]
    return -thread or message_id


def read_lines(connection: sqlite3.Connection, wanted: Sequence[tuple[int, int]]) -> dict[int, LineOf]:
    """The lines of these rows by key."""
    lines: dict[int, LineOf] = {}
    lines.update(listing.page(connection, [key for key, _ in wanted if key > 0]))
    folded = [(-key, head) for key, head in wanted if key < 0]
    if folded:
        lines.update({-ident: line for ident, line in conversations.page(connection, folded).items()})
    return lines
