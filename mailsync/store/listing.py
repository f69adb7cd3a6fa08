"""Readings for a message list of any length and for the reading pane.

The order of a list is newest first by INTERNALDATE, then by id, which is the order of the index `messages_by_date`
read backwards; messages without a date come last. A list is an `array` of message ids: 8 MB for 1,000,000 messages.

A list is of a folder, named by its id, or of a label, named by minus its id.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailsync.store import contents, labels, onestep

CHUNK = 20_000
"""Ids a step. About 1 ms of JSON parsing each, so that a long list never holds the interpreter for long."""
FIRST_CHUNK = 500
"""Ids of the first chunk, so that a screen has something to show at once."""
INTERLEAVED = 64
"""New messages that are looked up one by one for their place; with more, reading the whole list again is cheaper."""
_NO_DATE = -(1 << 62)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list. `envelope` is False while the pipeline has not read the message yet.

    `internaldate` is in Unix seconds; `fetched` is False for a message whose bytes could not be had, or whose bytes are
    absent on purpose: then `withheld` says why ("too large").
    """

    id: int
    flags: int
    internaldate: int | None
    size: int
    fetched: bool
    envelope: bool
    subject: str
    from_name: str
    from_addr: str
    to: str
    has_attachments: bool
    withheld: str


@dataclass(frozen=True, slots=True)
class Horizon:
    """What a list was read from: its message count and the highest message id of the database then.

    `mark` is, of a label, the sum of its message ids: old mail gets labels and loses them, so counting is not enough.
    """

    messages: int
    newest_id: int
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One message with its bytes, None when they are not here.

    Then `withheld` says why they were left out on purpose ("too large"), or else `problem` why they could not be had,
    if that is known.
    """

    id: int
    account: str
    folder: str
    uid: int
    flags: int
    keywords: str
    internaldate: int | None
    size: int
    raw: bytes | None
    problem: str
    withheld: str = ""
    labels: tuple[str, ...] = ()


def horizon(connection: sqlite3.Connection, folder_id: int) -> Horizon:
    """The present horizon of a list; zero messages for a folder that is not there."""
    if folder_id < 0:
        row = connection.execute(
            """SELECT count(*), coalesce(sum(message_id), 0), (SELECT max(id) FROM messages)
               FROM message_labels WHERE label_id = ?""",
            (-folder_id,),
        ).fetchone()
        return Horizon(row[0], row[2] or 0, row[1])
    row = connection.execute(
        "SELECT (SELECT messages FROM folders WHERE id = ?), (SELECT max(id) FROM messages)", (folder_id,)
    ).fetchone()
    return Horizon(row[0] or 0, row[1] or 0)


def chunks(connection: sqlite3.Connection, folder_id: int) -> Iterator[array[int]]:
    """The ids of a list in its order, in pieces: a small first one, then `CHUNK` at a time; a label's all at once."""
    if folder_id < 0:
        yield _labelled(connection, -folder_id)
        return
    date, last, size = 1 << 62, 1 << 62, FIRST_CHUNK
    while True:
        found = array(
            "q",
            onestep.column(
                connection,
                """SELECT id FROM messages WHERE folder_id = ? AND (internaldate, id) < (?, ?)
                   ORDER BY internaldate DESC, id DESC LIMIT ?""",
                (folder_id, date, last, size),
            ),
        )
        if found:
            yield found
        if len(found) < size:
            break
        last, size = found[-1], CHUNK
        date = connection.execute("SELECT internaldate FROM messages WHERE id = ?", (last,)).fetchone()[0]
    undated = onestep.column(
        connection,
        "SELECT id FROM messages WHERE folder_id = ? AND internaldate IS NULL ORDER BY id DESC",
        (folder_id,),
    )
    if undated:
        yield array("q", undated)


def _labelled(connection: sqlite3.Connection, label_id: int) -> array[int]:
    """The messages of a label; no index has them by date, so that they are sorted: 0.2 s for 100,000."""
    return array(
        "q",
        onestep.column(
            connection,
            """SELECT m.id FROM message_labels l JOIN messages m ON m.id = l.message_id WHERE l.label_id = ?
               ORDER BY m.internaldate DESC, m.id DESC""",
            (label_id,),
        ),
    )


def ids(connection: sqlite3.Connection, folder_id: int) -> array[int]:
    """The whole list."""
    found = array("q")
    for chunk in chunks(connection, folder_id):
        found.extend(chunk)
    return found


def extended(
    connection: sqlite3.Connection, folder_id: int, known: array[int], seen: Horizon, now: Horizon
) -> array[int] | None:
    """`known` with the messages that came since `seen`, as a new array; `known` itself when none came.

    None when that is not all that happened (messages went, or too many came in between): read the list again.
    """
    if now == seen:
        return known
    if folder_id < 0:
        return None
    arrived = onestep.rows(
        connection,
        2,
        f"""SELECT coalesce(internaldate, {_NO_DATE}) AS date, id FROM messages WHERE id > ? AND folder_id = ?
            ORDER BY date DESC, id DESC""",
        (seen.newest_id, folder_id),
    )
    if len(known) + len(arrived) != now.messages:
        return None
    if not arrived:
        return known
    new = [(date, ident) for date, ident in arrived]

    def key(ident: int) -> tuple[int, int]:
        row = connection.execute(
            f"SELECT coalesce(internaldate, {_NO_DATE}) FROM messages WHERE id = ?", (ident,)
        ).fetchone()
        return (row[0] if row else _NO_DATE, ident)

    return _merged(known, new, key)


def _merged(known: array[int], new: list[tuple[int, int]], key: Callable[[int], tuple[int, int]]) -> array[int] | None:
    if not known or key(known[-1]) > new[0]:
        return known + array("q", [ident for _, ident in new])
    if key(known[0]) < new[-1]:
        return array("q", [ident for _, ident in new]) + known
    if len(new) > INTERLEAVED:
        return None
    merged = known[:]
    for arrival in new:
        low, high = 0, len(merged)
        while low < high:
            middle = (low + high) // 2
            if key(merged[middle]) > arrival:
                low = middle + 1
            else:
                high = middle
        merged.insert(low, arrival[1])
    return merged


def page(connection: sqlite3.Connection, wanted: Sequence[int]) -> dict[int, Row]:
    """The lines of these messages by id; those that are gone are absent."""
    return {row.id: row for row in _page(connection, wanted)}


def _page(connection: sqlite3.Connection, wanted: Iterable[int]) -> Iterator[Row]:
    chosen = ",".join(str(int(ident)) for ident in wanted)
    for row in onestep.rows(
        connection,
        12,
        f"""SELECT m.id, m.flags, m.internaldate, m.size, m.content_id IS NOT NULL, e.content_id IS NOT NULL,
                   coalesce(e.subject, ''), coalesce(e.from_name, ''), coalesce(e.from_addr, ''),
                   coalesce(e.to_text, ''), coalesce(e.has_attachments, 0), m.withheld
            FROM messages m LEFT JOIN envelopes e ON e.content_id = m.content_id WHERE m.id IN ({chosen})""",
    ):
        yield Row(*[*row[:4], bool(row[4]), bool(row[5]), *row[6:10], bool(row[10]), row[11]])


def message(connection: sqlite3.Connection, message_id: int) -> Message | None:
    """One message with its exact bytes; None when there is no such message any more."""
    row = connection.execute(
        """SELECT m.id, a.name, f.name, m.uid, m.flags, m.keywords, m.internaldate, m.size, m.content_id,
                  (SELECT q.error FROM quarantine q WHERE q.folder_id = m.folder_id AND q.uid = m.uid
                   AND q.resolved_at IS NULL ORDER BY q.id DESC LIMIT 1), m.withheld
           FROM messages m JOIN folders f ON f.id = m.folder_id JOIN accounts a ON a.id = f.account_id
           WHERE m.id = ?""",
        (message_id,),
    ).fetchone()
    if row is None:
        return None
    raw = contents.load(connection, row[8]) if row[8] is not None else None
    return Message(*[*row[:8], raw, row[9] or "", row[10], tuple(labels.of_message(connection, message_id))])
