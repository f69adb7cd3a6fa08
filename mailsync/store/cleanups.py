"""`cleanups`, `cleanup_folders`, `cleanup_items`: proposals to clear messages away, each a list that is frozen before
anyone decides on it. They are made in `store.cleanup_drafts`, decided on in `store.cleanup_decisions`.

    draft -> add, add, add ... -> freeze -> proposed -> approved -> applying -> completed | interrupted
      `-> discard                              |-> rejected                          |
                                               |-> superseded    (a newer scan)      `-> undoing -> undone | part_undone
                                               `-> "expired"     (told of a proposed one whose time is over)

The hash of a list covers the account, the rule with its query, the actions, the folders with their UIDVALIDITY, and of
each message that is not excluded its id, UID, digest and Message-ID.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import field
from typing import Any, Literal

from mailsync.errors import NotFound
from mailsync.record import record
from mailsync.store import onestep

State = Literal[
    "draft",
    "proposed",
    "expired",
    "rejected",
    "superseded",
    "approved",
    "applying",
    "interrupted",
    "completed",
    "undoing",
    "undone",
    "part_undone",
]
SELECTION = "selection"
"""The rule of what a person put together; a scan supersedes no such proposal."""
VALID_SECONDS = 7 * 24 * 3600.0
"""For so long a proposal may be approved."""
GOING = ("approved", "applying", "undoing")
"""States in which a job works on a list, or will."""


@record(frozen=True)
class Folder:
    """A folder of a list. `number` is its own in the list, `messages` were in it at the scan."""

    number: int
    folder_id: int | None
    name: str
    raw_name: bytes
    special_use: str
    uidvalidity: int
    messages: int


@record(frozen=True)
class Item:
    """A message of a list, as it was at the scan. `folder` is the number of its folder in the list, `message_id` the id
    of mailsync, `identifier` its Message-ID, `sender` the address it is from in lower case; dates in Unix seconds.

    `state` and `reason` are what became of it in the last run that it was in, and `run` the kind of that; "" before
    any.
    """

    number: int
    folder: int
    message_id: int
    uid: int
    identifier: str
    digest: bytes
    size: int
    flags: int
    keywords: str
    internaldate: int | None
    date: int | None
    sender: str
    list_id: str
    subject: str
    confidence: float
    reasons: tuple[str, ...]
    excluded: bool = False
    sampled: bool = False
    state: str = ""
    reason: str = ""
    run: str = ""


@record(frozen=True)
class Sender:
    """Whom messages of a list are from; `excluded` of the `messages` are not part of it any more."""

    sender: str
    messages: int
    bytes: int
    excluded: int


@record(frozen=True)
class Run:
    """A run of a list: `kind` is apply or undo, `state` waiting, running, completed or interrupted, `stopped` why it
    was, in words. `counts` are the messages by what became of them: waiting, begun, done, gone, skipped, failed."""

    id: int
    kind: str
    undoes: int | None
    job_id: int | None
    approved_by: str
    hash: str
    state: str
    stopped: str
    created_at: float
    finished_at: float | None
    counts: dict[str, int] = field(default_factory=dict)


@record(frozen=True)
class Cleanup:
    """A proposal. `messages`, `bytes`, `first` and `last` (Unix seconds) are those of what is not excluded of it,
    `excluded` counts the rest. `run` is its last run."""

    id: int
    account: str
    rule: str
    title: str
    query: str
    actions: tuple[str, ...]
    state: State
    hash: str
    messages: int
    bytes: int
    first: int | None
    last: int | None
    created_at: float
    expires_at: float
    decided_by: str | None
    decided_at: float | None
    large: bool
    excluded: int
    run: Run | None


def get(connection: sqlite3.Connection, cleanup_id: int, at: float) -> Cleanup:
    """A proposal as it stands at that time (Unix seconds). NotFound when there is none."""
    found = _read(connection, "c.id = ?", (cleanup_id,), at)
    if not found:
        raise NotFound(f"there is no clean-up {cleanup_id}", hint="`mailsync cleanup list` shows them")
    return found[0]


def listing(
    connection: sqlite3.Connection, at: float, *, account: str | None = None, whole: bool = False
) -> list[Cleanup]:
    """The proposals and what became of them, newest first; superseded ones only with `whole`."""
    condition = "c.state <> 'draft'" if whole else "c.state NOT IN ('draft', 'superseded')"
    if account is None:
        return _read(connection, condition, (), at)
    return _read(connection, f"{condition} AND a.name = ?", (account,), at)


def _read(connection: sqlite3.Connection, condition: str, values: tuple[Any, ...], at: float) -> list[Cleanup]:
    rows = connection.execute(
        f"""SELECT c.id, a.name, c.rule, c.title, c.query, c.actions, c.state, c.hash, c.messages, c.bytes, c.first,
                   c.last, c.created_at, c.expires_at, c.decided_by, c.decided_at, c.large, c.excluded
            FROM cleanups c JOIN accounts a ON a.id = c.account_id WHERE {condition} ORDER BY c.id DESC""",
        values,
    ).fetchall()
    return [_cleanup(connection, row, at) for row in rows]


def _cleanup(connection: sqlite3.Connection, row: Sequence[Any], at: float) -> Cleanup:
    carried_out = runs(connection, row[0])
    last = carried_out[-1] if carried_out else None
    state = row[6]
    if state == "proposed" and row[13] <= at:
        state = "expired"
    elif state in GOING and last is not None and last.state == "interrupted":
        state = "interrupted"
    values: tuple[Any, ...] = (*row[:5], tuple(json.loads(row[5])), state, *row[7:16], bool(row[16]), row[17], last)
    return Cleanup(*values)


def runs(connection: sqlite3.Connection, cleanup_id: int) -> list[Run]:
    """The runs of a list, oldest first. One whose job was cancelled, or failed, before it came to an end is told as
    interrupted: nothing goes on with it unless the job is retried."""
    rows = connection.execute(
        """SELECT r.id, r.kind, r.undoes, r.job_id, r.approved_by, r.hash,
                  iif(r.finished_at IS NULL AND coalesce(j.finished_at, j.id IS NULL), 'interrupted', r.state),
                  iif(r.stopped = '' AND r.finished_at IS NULL AND coalesce(j.finished_at, j.id IS NULL),
                      coalesce(j.error, 'the job was ' || j.status, 'its job is not there any more'), r.stopped),
                  r.created_at, coalesce(r.finished_at, j.finished_at)
           FROM cleanup_runs r LEFT JOIN jobs j ON j.id = r.job_id WHERE r.cleanup_id = ? ORDER BY r.id""",
        (cleanup_id,),
    ).fetchall()
    counted = "SELECT state, count(*) FROM cleanup_journal WHERE run_id = ? GROUP BY state"
    every: list[tuple[Any, ...]] = [(*row, dict(map(tuple, connection.execute(counted, (row[0],))))) for row in rows]
    return [Run(*values) for values in every]


def reasons(connection: sqlite3.Connection, run_id: int) -> list[tuple[str, str, int]]:
    """Why messages of a run are what they are, those with the most first: (state, reason, messages)."""
    rows = connection.execute(
        """SELECT state, reason, count(*) FROM cleanup_journal WHERE run_id = ? AND reason <> ''
           GROUP BY state, reason ORDER BY 3 DESC, reason""",
        (run_id,),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def folders_of(connection: sqlite3.Connection, cleanup_id: int) -> list[Folder]:
    """The folders of a list."""
    rows = connection.execute(
        """SELECT number, folder_id, name, raw_name, special_use, uidvalidity, messages FROM cleanup_folders
           WHERE cleanup_id = ? ORDER BY number""",
        (cleanup_id,),
    )
    return [Folder(*row) for row in rows]


def chosen(connection: sqlite3.Connection, cleanup_id: int) -> dict[int, tuple[int, int]]:
    """By the number of a folder of the list: messages and bytes that are not excluded."""
    rows = connection.execute(
        """SELECT folder, count(*), sum(size) FROM cleanup_items WHERE cleanup_id = ? AND NOT excluded
           GROUP BY folder""",
        (cleanup_id,),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def senders(connection: sqlite3.Connection, cleanup_id: int, limit: int = -1) -> list[Sender]:
    """Whom the messages are from, those with the most first; -1 for no limit."""
    rows = onestep.rows(
        connection,
        4,
        """SELECT sender, count(*), sum(size), sum(excluded) FROM cleanup_items WHERE cleanup_id = ?
           GROUP BY sender ORDER BY 2 DESC, sender LIMIT ?""",
        (cleanup_id, limit),
    )
    return [Sender(*row) for row in rows]


def newest(connection: sqlite3.Connection, cleanup_id: int, senders: Collection[str]) -> list[tuple[str, int, bytes]]:
    """(sender, message id, digest) of the newest message on the list from each of these senders."""
    # The other columns are those of the row with the maximum: SQLite says so of a query with one max().
    rows = connection.execute(
        """SELECT sender, message_id, digest, max(coalesce(date, internaldate, 0)) FROM cleanup_items
           WHERE cleanup_id = ? AND sender IN (SELECT value FROM json_each(?)) GROUP BY sender""",
        (cleanup_id, json.dumps([*senders])),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def items(
    connection: sqlite3.Connection,
    cleanup_id: int,
    *,
    after: int = -1,
    limit: int = 1000,
    sender: str | None = None,
    sampled: bool = False,
) -> list[Item]:
    """A page of the messages, by number, that come `after` one: all, those of a sender, or the sample."""
    taken = connection.execute("SELECT id FROM cleanup_runs WHERE cleanup_id = ? ORDER BY id", (cleanup_id,))
    numbers = ", ".join(str(row[0]) for row in taken)
    rows = connection.execute(
        f"""SELECT number, folder, message_id, uid, identifier, digest, size, flags, keywords, internaldate, date,
                   sender, list_id, subject, confidence, reasons, excluded, sampled,
                   (SELECT json_array(j.state, j.reason, r.kind)
                    FROM cleanup_journal j INDEXED BY cleanup_journal_by_item JOIN cleanup_runs r ON r.id = j.run_id
                    WHERE j.item = i.number AND j.run_id IN ({numbers}) ORDER BY j.run_id DESC LIMIT 1)
            FROM cleanup_items i WHERE cleanup_id = ? AND number > ?
                {"AND sender = ?" if sender is not None else ""} {"AND sampled" if sampled else ""}
            ORDER BY number LIMIT ?""",
        (cleanup_id, after, *([sender] if sender is not None else []), limit),
    )
    return [_item(row) for row in rows]


def _item(row: Sequence[Any]) -> Item:
    became = json.loads(row[18]) if row[18] is not None else ("", "", "")
    values: tuple[Any, ...] = (*row[:15], tuple(json.loads(row[15])), bool(row[16]), bool(row[17]), *became)
    return Item(*values)
