"""`cleanup_runs` and `cleanup_journal`: lists that were approved, and how far each of their messages is.

    waiting -> start -> running -> (begin, settle, begin, settle ...) -> finish -> completed | interrupted

Whoever approves makes them: `store.cleanup_decisions` those that apply, `store.cleanup_undo` those that undo.
A row is the way of one message. It is `begun`, with its `before`, its `after` and what the target was then, before
anything is sent, and has its result after: until then nobody knows, and the server is asked. Rows of an undo have
`before` and `after` from the beginning; those of an apply get theirs when the server has shown what the message is now.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from mailsync.errors import MailsyncError, NotFound
from mailsync.record import record
from mailsync.store import cleanup_drafts, onestep
from mailsync.store.cleanup_places import Place, pack, unpack

Kind = Literal["apply", "undo"]
State = Literal["waiting", "begun", "done", "gone", "skipped", "failed"]
COPIED = 1
"""A step of a row: its copy for a label is in its folder, `after` knows where."""
PLACED = 2
"""A step of a row: the message is where it belongs, `after` knows where; it may still be where it was, too."""
MARKED = 3
"""A step of a row that failed: the message is marked \\Deleted, as `after` says, and was to be taken away."""
MEASURED_DAYS = 30


@record(frozen=True)
class Run:
    """A run as stored. `rule`, `query`, `actions` (as they are written) and `large` are those of its list."""

    actions: tuple[str, ...]
    large: bool
    id: int
    cleanup_id: int
    account: str
    kind: Kind
    undoes: int | None
    job_id: int | None
    approved_by: str
    hash: str
    state: str
    stopped: str
    rule: str
    query: str


@record(frozen=True)
class Measure:
    """What a list would change in a folder: `touched` of the `messages` that were in it at the scan. `busiest` is how
    many left it on the busiest day (UTC) of the last `MEASURED_DAYS`."""

    folder: str
    touched: int
    messages: int
    busiest: int


@record(frozen=True)
class Target:
    """What a folder was when messages were about to be put there: what has come since has a UID from `uidnext` on."""

    folder: bytes
    uidvalidity: int | None
    uidnext: int | None


@record(frozen=True)
class Row:
    """A message of a run. `folder` (raw name), `uidvalidity` and `uid` are those of the frozen list, as are the id of
    mailsync, the digest and the size; `before` is None in a row of an apply that was not begun."""

    number: int
    item: int
    state: State
    step: int
    before: Place | None
    after: Place | None
    targets: tuple[Target, ...]
    message_id: int
    folder: bytes
    uidvalidity: int
    uid: int
    digest: bytes
    size: int


@record(frozen=True)
class Result:
    """What became of a row; `before` and `after` as they turned out."""

    number: int
    state: State
    before: Place | None
    after: Place | None
    reason: str = ""
    step: int = 0


# -- runs ------------------------------------------------------------------------------------------------------


def get(connection: sqlite3.Connection, run_id: int) -> Run:
    """NotFound when there is none."""
    row = connection.execute(
        """SELECT c.actions, c.large, r.id, r.cleanup_id, a.name, r.kind, r.undoes, r.job_id, r.approved_by, r.hash,
                  r.state, r.stopped, c.rule, c.query
           FROM cleanup_runs r JOIN cleanups c ON c.id = r.cleanup_id JOIN accounts a ON a.id = c.account_id
           WHERE r.id = ?""",
        (run_id,),
    ).fetchone()
    if row is None:
        raise NotFound("what was approved is gone")
    return Run(tuple(json.loads(row[0])), bool(row[1]), *row[2:])


def require(connection: sqlite3.Connection, run_id: int, account: str, digest: str) -> Run:
    """A run that applies a list, if it is of this account and the list is the very one that somebody approved of, with
    a row for each of its messages. MailsyncError where anything is amiss."""
    run = get(connection, run_id)
    if run.kind != "apply" or run.account != account or not run.approved_by:
        raise MailsyncError("nobody has approved of this clean-up", hint="see: mailsync cleanup list")
    if not digest == run.hash == cleanup_drafts.digest(connection, run.cleanup_id):
        raise MailsyncError("the list is not the one that was approved", hint="run: mailsync cleanup scan")
    wrong = connection.execute(
        """SELECT (SELECT state NOT IN ('approved', 'applying', 'interrupted', 'completed') FROM cleanups WHERE id = ?2)
               OR EXISTS (SELECT item FROM cleanup_journal WHERE run_id = ?1 EXCEPT
                          SELECT number FROM cleanup_items WHERE cleanup_id = ?2 AND NOT excluded)
               OR (SELECT count(DISTINCT item) <> count(*) FROM cleanup_journal WHERE run_id = ?1)""",
        (run.id, run.cleanup_id),
    ).fetchone()[0]
    if wrong:
        raise MailsyncError("this clean-up was undone, or its journal altered", hint="run: mailsync cleanup scan")
    return run


def start(connection: sqlite3.Connection, run_id: int) -> None:
    """A job works on the run; the list it belongs to is `applying` or `undoing`."""
    connection.execute("UPDATE cleanup_runs SET state = 'running', stopped = '' WHERE id = ?", (run_id,))
    connection.execute(
        """UPDATE cleanups SET state = (SELECT iif(kind = 'apply', 'applying', 'undoing')
                                        FROM cleanup_runs WHERE id = ?1)
           WHERE id = (SELECT cleanup_id FROM cleanup_runs WHERE id = ?1)""",
        (run_id,),
    )


def finish(connection: sqlite3.Connection, run_id: int, at: float, stopped: str = "") -> None:
    """The run is over: completed, or interrupted where `stopped` says why. What that makes of an undone list is
    `store.cleanup_undo`'s to say."""
    state = "interrupted" if stopped else "completed"
    connection.execute(
        "UPDATE cleanup_runs SET state = ?, stopped = ?, finished_at = ? WHERE id = ?", (state, stopped, at, run_id)
    )
    connection.execute(
        """UPDATE cleanups SET state = ?2 WHERE state IN ('approved', 'applying')
           AND id = (SELECT cleanup_id FROM cleanup_runs WHERE id = ?1 AND kind = 'apply')""",
        (run_id, state),
    )


def measures(connection: sqlite3.Connection, cleanup_id: int, at: float) -> list[Measure]:
    """What a list would change, by folder; what is excluded does not count."""
    found = connection.execute(
        """SELECT f.name, count(i.number), f.messages, coalesce((SELECT max(gone) FROM (
               SELECT count(*) AS gone FROM removed_messages WHERE folder_id = f.folder_id AND removed_at >= ?
               GROUP BY cast(removed_at / 86400 AS INTEGER))), 0)
           FROM cleanup_folders f
           JOIN cleanup_items i ON i.cleanup_id = f.cleanup_id AND i.folder = f.number AND NOT i.excluded
           WHERE f.cleanup_id = ? GROUP BY f.number ORDER BY f.number""",
        (at - MEASURED_DAYS * 86400.0, cleanup_id),
    )
    return [Measure(*row) for row in found]


# -- the journal -----------------------------------------------------------------------------------------------


def rows(
    connection: sqlite3.Connection, run_id: int, states: Sequence[State], *, after: int = -1, limit: int = 1000
) -> list[Row]:
    """A page of the rows in these states, by number, that come `after` one."""
    among = ", ".join("?" for _ in states)
    return _read(
        connection, run_id, f"j.number > ? AND j.state IN ({among}) ORDER BY j.number LIMIT ?", (after, *states, limit)
    )


def some(connection: sqlite3.Connection, run_id: int, numbers: Iterable[int]) -> list[Row]:
    """The rows with these numbers that have no result yet."""
    chosen = json.dumps(list(numbers))
    condition = "j.number IN (SELECT value FROM json_each(?)) AND j.state IN ('waiting', 'begun')"
    return _read(connection, run_id, f"{condition} ORDER BY j.number", (chosen,))


def _read(connection: sqlite3.Connection, run_id: int, condition: str, values: tuple[Any, ...]) -> list[Row]:
    found = connection.execute(
        f"""SELECT j.number, j.item, j.state, j.step, j.before, j.after, j.target, i.message_id, f.raw_name,
                   f.uidvalidity, i.uid, i.digest, i.size
            FROM cleanup_journal j JOIN cleanup_runs r ON r.id = j.run_id
            JOIN cleanup_items i ON i.cleanup_id = r.cleanup_id AND i.number = j.item AND NOT i.excluded
            JOIN cleanup_folders f ON f.cleanup_id = i.cleanup_id AND f.number = i.folder
            WHERE j.run_id = ? AND {condition}""",
        (run_id, *values),
    )
    return [
        Row(row[0], row[1], row[2], row[3], unpack(row[4]), unpack(row[5]), _targets(row[6]), *row[7:]) for row in found
    ]


def places(connection: sqlite3.Connection, run_id: int) -> dict[tuple[bytes, int | None], array[int]]:
    """The numbers of the rows that have no result, by the folder (raw name) and UIDVALIDITY of their messages now; an
    undo has those that are nowhere under the empty name."""
    found = connection.execute(
        """SELECT j.number, json_extract(j.before, '$.folder'), json_extract(j.before, '$.uidvalidity'), f.raw_name,
                  f.uidvalidity, r.kind
           FROM cleanup_journal j JOIN cleanup_runs r ON r.id = j.run_id
           JOIN cleanup_items i ON i.cleanup_id = r.cleanup_id AND i.number = j.item
           JOIN cleanup_folders f ON f.cleanup_id = i.cleanup_id AND f.number = i.folder
           WHERE j.run_id = ? AND j.state IN ('waiting', 'begun') ORDER BY j.number""",
        (run_id,),
    )
    numbers: dict[tuple[bytes, int | None], array[int]] = {}
    for number, name, validity, raw_name, frozen, kind in found:
        if name is not None:
            place = (name.encode("latin-1"), validity)
        else:
            place = (b"", None) if kind == "undo" else (raw_name, frozen)
        numbers.setdefault(place, array("I")).append(number)
    return numbers


def counts(connection: sqlite3.Connection, run_id: int) -> dict[str, int]:
    """Messages by state."""
    found = connection.execute("SELECT state, count(*) FROM cleanup_journal WHERE run_id = ? GROUP BY state", (run_id,))
    return {row[0]: row[1] for row in found}


def begin(connection: sqlite3.Connection, run_id: int, rows: Iterable[Row], at: float) -> int:
    """These are about to be changed: `before`, `after` and `targets` as they are given. How many have no result yet."""
    return connection.executemany(
        f"""UPDATE cleanup_journal SET state = 'begun', before = ?, after = ?, target = ?, at = ?
            WHERE run_id = {run_id:d} AND number = ? AND state IN ('waiting', 'begun')""",
        [(pack(one.before), pack(one.after), _packed(one.targets), at, one.number) for one in rows],
    ).rowcount


def settle(connection: sqlite3.Connection, run_id: int, results: Iterable[Result], at: float) -> None:
    """What became of rows, or how far they have come: a result that is `begun` has its step."""
    connection.executemany(
        f"""UPDATE cleanup_journal SET state = ?, before = ?, after = ?, step = ?, reason = ?, at = ?
            WHERE run_id = {run_id:d} AND number = ? AND state IN ('waiting', 'begun')""",
        [(one.state, pack(one.before), pack(one.after), one.step, one.reason, at, one.number) for one in results],
    )


def departed(
    connection: sqlite3.Connection, run_id: int, folder: bytes, uidvalidity: int | None
) -> list[tuple[int, int]]:
    """(UID, number) of the rows whose messages have left a folder, for another one or for good."""
    found = onestep.rows(
        connection,
        2,
        """SELECT json_extract(before, '$.uid'), number FROM cleanup_journal WHERE run_id = ? AND state = 'done'
           AND json_extract(before, '$.folder') = ?2 AND json_extract(before, '$.uidvalidity') = ?3
           AND json_extract(after, '$.folder') IS NOT ?2""",
        (run_id, folder.decode("latin-1"), uidvalidity),
    )
    return [(uid, number) for uid, number in found]


def reopen(connection: sqlite3.Connection, run_id: int, numbers: Iterable[int], at: float) -> None:
    """Rows that were done are not: their messages are where they were, too."""
    connection.executemany(
        f"""UPDATE cleanup_journal SET state = 'begun', step = iif(after IS NULL, 0, {PLACED:d}), at = ?
            WHERE run_id = {run_id:d} AND number = ? AND state = 'done'""",
        [(at, number) for number in numbers],
    )


def touched(connection: sqlite3.Connection, run_id: int) -> list[bytes]:
    """Raw names of the folders that a run has changed anything in."""
    found = connection.execute(
        """SELECT json_extract(before, '$.folder') FROM cleanup_journal WHERE run_id = ?1 AND state = 'done'
           UNION SELECT json_extract(after, '$.folder') FROM cleanup_journal WHERE run_id = ?1 AND state = 'done'
           UNION SELECT json_extract(c.value, '$[0]') FROM cleanup_journal j, json_each(j.after, '$.copies') c
           WHERE j.run_id = ?1 AND j.state = 'done'
           UNION SELECT json_extract(c.value, '$[0]') FROM cleanup_journal j, json_each(j.before, '$.copies') c
           WHERE j.run_id = ?1 AND j.state = 'done'""",
        (run_id,),
    )
    return [row[0].encode("latin-1") for row in found if row[0] is not None]


def taken(connection: sqlite3.Connection, run_id: int, folder: bytes, uidvalidity: int | None) -> list[int]:
    """UIDs of a folder that stand for messages of the run already."""
    name = folder.decode("latin-1")
    found = connection.execute(
        """SELECT json_extract(after, '$.uid') FROM cleanup_journal WHERE run_id = ?1 AND after IS NOT NULL
           AND (state = 'done' OR step > 0) AND json_extract(after, '$.folder') = ?2
           AND json_extract(after, '$.uidvalidity') = ?3
           UNION SELECT json_extract(c.value, '$[2]') FROM cleanup_journal j, json_each(j.after, '$.copies') c
           WHERE j.run_id = ?1 AND j.after IS NOT NULL AND (j.state = 'done' OR j.step > 0)
             AND json_extract(c.value, '$[0]') = ?2 AND json_extract(c.value, '$[1]') = ?3""",
        (run_id, name, uidvalidity),
    )
    return [int(row[0]) for row in found if row[0] is not None]


def _packed(targets: Sequence[Target]) -> str | None:
    if not targets:
        return None
    return json.dumps([(one.folder.decode("latin-1"), one.uidvalidity, one.uidnext) for one in targets])


def _targets(text: str | None) -> tuple[Target, ...]:
    if text is None:
        return ()
    return tuple(Target(folder.encode("latin-1"), validity, uidnext) for folder, validity, uidnext in json.loads(text))
