"""Taking back what runs of a clean-up did, as the journal tells it: what would be, the approval, the run that does it.

    planned -> (shown) -> approve: a run of kind undo, and its job -> resolve -> ... -> settle

An item of a list stands where the last row that had an effect on it left it: done for good, or taken back. Undoing is
about those that are done, `again` about those that were taken back; both swap the two ends of that row, so undoing an
undo is the same once more. What was begun and has no result has neither end before somebody has looked: `resolve`.
Rows go by folder and UID, so that messages come back in the order that they had.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, TypeAlias

from mailsync.errors import MailsyncError, NotFound, UsageError
from mailsync.privacy import readonly
from mailsync.record import record
from mailsync.store import audit, cleanup_decisions, cleanup_runs, cleanups, consents, jobs, onestep
from mailsync.store.cleanup_runs import Run

KIND = "undo"
Ways: TypeAlias = dict[tuple[bytes | None, bytes | None], int]


@record(frozen=True)
class Planned:
    """What an undo would be about. `run` is the last run it takes back from; `ways` counts the messages by the folders
    (raw names) that they are in and belong to, None where they are or will be nowhere on the server. `expunges` of
    them leave it for good (only `again`)."""

    cleanup_id: int
    account: str
    title: str
    again: bool
    run: int
    items: tuple[int, ...]
    messages: int
    bytes: int
    ways: Ways
    expunges: int
    hash: str


class _Stand(NamedTuple):
    """The last row with an effect on an item; `was` and `came` are the folders of both ends, as Latin-1."""

    item: int
    run: int
    state: str
    was: str | None
    came: str | None


_ENDS = """iif(j.state = 'begun', NULL, j.after), iif(j.state = 'begun' OR j.before IS NULL, NULL, json_set(j.before,
    '$.uidvalidity', NULL, '$.uid', NULL, '$.copies', (
        SELECT json_group_array(json_array(c.value ->> 0, NULL, NULL)) FROM json_each(j.before, '$.copies') c)))"""
"""The ends of a row that takes back the row `j`: what has still to come to a place has no UID there. What was begun has
none yet."""


def plan(
    connection: sqlite3.Connection,
    cleanup_id: int,
    at: float,
    *,
    messages: Collection[int] = (),
    senders: Collection[str] = (),
    again: bool = False,
) -> Planned:
    """What there is to undo: all of it, or these messages (ids of mailsync) and what is from these senders.

    NotFound for a clean-up, message or sender that is not there, UsageError where nothing is to be undone.
    """
    one = cleanups.get(connection, cleanup_id, at)
    going = _going(connection, cleanup_id)
    if going is not None:
        raise UsageError(
            f"clean-up {cleanup_id} is being carried out", hint=f"wait, or run: mailsync jobs cancel {going}"
        )
    backward = _backward(connection, cleanup_id)
    stands = [each for each in _stands(connection, cleanup_id) if (each.run in backward) == again]
    wanted = _chosen(connection, cleanup_id, messages, senders)
    if wanted is not None:
        stands = [each for each in stands if each.item in wanted]
    if not stands:
        raise UsageError(
            f"nothing of clean-up {cleanup_id} " + ("was taken back" if again else "is there to be undone"),
            hint=f"mailsync cleanup show {cleanup_id} --all tells of each message",
        )
    items = tuple(each.item for each in stands)
    return Planned(
        cleanup_id,
        one.account,
        one.title,
        again,
        max(each.run for each in stands),
        items,
        len(items),
        _bytes(connection, cleanup_id, items),
        dict(Counter((_raw(each.came), _raw(each.was)) for each in stands)),
        sum(each.was is None and each.state != "begun" for each in stands),
        _digest(connection, cleanup_id, again, items),
    )


def approve(connection: sqlite3.Connection, planned: Planned, at: float, *, typed: str = "") -> int:
    """Approve of what was shown: on record, with its job; the id of that. Where it has messages leave the server for
    good, "EXPUNGE n" has to be `typed`. ConsentMissing; UsageError where anything has changed since."""
    readonly.require()
    consents.require(connection, planned.account, cleanup_decisions.SCOPES)
    if planned.expunges and typed.split() != ["EXPUNGE", str(planned.expunges)]:
        raise UsageError(
            "what leaves the server for good has to be typed", hint=f"type EXPUNGE {planned.expunges} to approve"
        )
    backward = _backward(connection, planned.cleanup_id)
    stands = {
        each.item: each.run
        for each in _stands(connection, planned.cleanup_id)
        if (each.run in backward) == planned.again
    }
    if _going(connection, planned.cleanup_id) is not None or not stands.keys() >= set(planned.items):
        raise UsageError("something has changed since this was shown", hint="look at it again")
    facts: dict[str, Any] = {
        "cleanup": planned.cleanup_id,
        "messages": planned.messages,
        "bytes": planned.bytes,
        "again": planned.again,
        "list": planned.hash,
    }
    audit.record(connection, "cleanup_undo_approved", at=at, account=planned.account, **facts)
    row = audit.last(connection, planned.account, "cleanup_undo_approved")
    approver = row.actor if row else ""
    run = connection.execute(
        """INSERT INTO cleanup_runs (cleanup_id, kind, undoes, approved_by, hash, created_at)
           VALUES (?, 'undo', ?, ?, ?, ?) RETURNING id""",
        (planned.cleanup_id, planned.run, approver, planned.hash, at),
    ).fetchone()[0]
    connection.execute(
        f"""INSERT INTO cleanup_journal (run_id, number, item, before, after)
            SELECT ?1, row_number() OVER (ORDER BY i.folder, i.uid) - 1, j.item, {_ENDS}
            FROM json_each(?2) s CROSS JOIN cleanup_journal j INDEXED BY cleanup_journal_by_item
                ON j.item = s.value ->> 0 AND j.run_id = s.value ->> 1
            CROSS JOIN cleanup_items i ON i.cleanup_id = ?3 AND i.number = j.item""",
        (run, json.dumps([(item, stands[item]) for item in planned.items]), planned.cleanup_id),
    )
    job_id = jobs.insert(
        connection,
        KIND,
        at,
        account=planned.account,
        params={"run": run, "hash": planned.hash},
        priority=cleanup_decisions.PRIORITY,
        max_attempts=cleanup_decisions.ATTEMPTS,
    )
    jobs.approve(connection, job_id, approver, planned.messages)
    connection.execute("UPDATE cleanup_runs SET job_id = ? WHERE id = ?", (job_id, run))
    connection.execute("UPDATE cleanups SET state = 'undoing' WHERE id = ?", (planned.cleanup_id,))
    return int(job_id)


def require(connection: sqlite3.Connection, run_id: int, account: str, digest: str) -> Run:
    """A run that takes back what others did, if it is of this account and about the very messages that somebody has
    approved of. MailsyncError where it is not."""
    run = cleanup_runs.get(connection, run_id)
    if run.kind != "undo" or run.account != account or not run.approved_by:
        raise MailsyncError("nobody has approved of this undo", hint=f"run: mailsync cleanup undo {run.cleanup_id}")
    items = onestep.column(connection, "SELECT item FROM cleanup_journal WHERE run_id = ?", (run_id,))
    again = goes_forward(connection, run)
    if not digest == run.hash == _digest(connection, run.cleanup_id, again, items) or len(set(items)) < len(items):
        raise MailsyncError(
            "the list is not the one that was approved", hint=f"run: mailsync cleanup undo {run.cleanup_id}"
        )
    return run


def goes_forward(connection: sqlite3.Connection, run: Run) -> bool:
    """The run does again what was taken back."""
    return run.undoes in _backward(connection, run.cleanup_id)


def unresolved(connection: sqlite3.Connection, run_id: int) -> list[int]:
    """Earlier runs with rows that were begun, whose items this run is about: somebody has to look what they did."""
    rows = connection.execute(
        """SELECT DISTINCT j.run_id FROM cleanup_journal u
           JOIN cleanup_runs r ON r.id = ?1
           JOIN cleanup_runs s ON s.cleanup_id = r.cleanup_id AND s.id < r.id
           JOIN cleanup_journal j ON j.run_id = s.id AND j.item = u.item
           WHERE u.run_id = ?1 AND j.state = 'begun' ORDER BY j.run_id""",
        (run_id,),
    )
    return [row[0] for row in rows]


def resolve(connection: sqlite3.Connection, run_id: int, at: float) -> None:
    """Give the rows of a run that wait the ends that are known by now; what turns out to be as it was is let be."""
    cleanup_id, undoes = connection.execute(
        "SELECT cleanup_id, undoes FROM cleanup_runs WHERE id = ?", (run_id,)
    ).fetchone()
    rows = connection.execute(
        """SELECT number, item FROM cleanup_journal
           WHERE run_id = ? AND state = 'waiting' AND before IS NULL AND after IS NULL""",
        (run_id,),
    ).fetchall()
    if not rows:
        return
    backward = _backward(connection, cleanup_id)
    again = undoes in backward
    runs = {each.item: each.run for each in _stands(connection, cleanup_id, below=run_id)}
    for number, item in rows:
        run = runs.get(item)
        if run is not None and (run in backward) == again:
            before, after = connection.execute(
                f"SELECT {_ENDS} FROM cleanup_journal j WHERE j.run_id = ? AND j.item = ?", (run, item)
            ).fetchone()
            change = (before, after, "waiting", "", number)
        else:
            change = (None, None, "skipped", "nothing had been changed", number)
        connection.execute(
            f"""UPDATE cleanup_journal SET before = ?, after = ?, state = ?, reason = ?, at = {float(at)!r}
                WHERE run_id = {run_id:d} AND number = ?""",
            change,
        )


def settle(connection: sqlite3.Connection, run_id: int) -> cleanups.State:
    """The state of the clean-up that a run belongs to by where its items stand, now that no run of it goes on."""
    cleanup_id = cleanup_runs.get(connection, run_id).cleanup_id
    backward = _backward(connection, cleanup_id)
    stands = _stands(connection, cleanup_id)
    taken_back = sum(each.run in backward for each in stands)
    last = connection.execute(
        "SELECT state FROM cleanup_runs WHERE cleanup_id = ? AND kind = 'apply' ORDER BY id DESC LIMIT 1", (cleanup_id,)
    ).fetchone()
    state: cleanups.State
    if taken_back:
        state = "undone" if taken_back == len(stands) else "part_undone"
    else:
        state = "completed" if last is not None and last[0] == "completed" else "interrupted"
    connection.execute("UPDATE cleanups SET state = ? WHERE id = ?", (state, cleanup_id))
    return state


def _stands(connection: sqlite3.Connection, cleanup_id: int, *, below: int | None = None) -> list[_Stand]:
    """Where every item stands that runs (with an id `below` that one) had an effect on."""
    # What was begun and was nowhere when somebody looked, "gone" with an end, may have been lost on the way.
    # The other columns are those of the row with the maximum: SQLite says so of a query with one max().
    rows = onestep.rows(
        connection,
        5,
        """SELECT j.item, max(j.run_id), j.state, json_extract(j.before, '$.folder'), json_extract(j.after, '$.folder')
           FROM cleanup_journal j
           WHERE j.run_id IN (SELECT id FROM cleanup_runs WHERE cleanup_id = ?1 AND id < ?2)
             AND (j.state IN ('begun', 'done') OR j.step > 0 OR (j.state = 'gone' AND j.after IS NOT NULL))
           GROUP BY j.item ORDER BY j.item""",
        (cleanup_id, below if below is not None else 1 << 62),
    )
    return [_Stand(*row) for row in rows]


def _backward(connection: sqlite3.Connection, cleanup_id: int) -> set[int]:
    """The runs that take back what others did; one that takes back such a run goes forward again."""
    found: set[int] = set()
    rows = connection.execute(
        "SELECT id, kind, undoes FROM cleanup_runs WHERE cleanup_id = ? ORDER BY id", (cleanup_id,)
    )
    for number, kind, undoes in rows:
        if kind == "undo" and undoes not in found:
            found.add(number)
    return found


def _going(connection: sqlite3.Connection, cleanup_id: int) -> int | None:
    """The job that works on a clean-up, or will."""
    row = connection.execute(
        """SELECT j.id FROM cleanup_runs r JOIN jobs j ON j.id = r.job_id
           WHERE r.cleanup_id = ? AND j.status IN ('pending', 'running')""",
        (cleanup_id,),
    ).fetchone()
    return row[0] if row else None


def _chosen(
    connection: sqlite3.Connection, cleanup_id: int, messages: Collection[int], senders: Collection[str]
) -> set[int] | None:
    """The items that are named; None where none is."""
    if not messages and not senders:
        return None
    ids, addresses = set(messages), {sender.casefold() for sender in senders}
    rows = connection.execute(
        "SELECT number, message_id, sender FROM cleanup_items WHERE cleanup_id = ? AND NOT excluded", (cleanup_id,)
    ).fetchall()
    unknown = [f"no message {number}" for number in sorted(ids - {row[1] for row in rows})]
    unknown += [f"nothing from {sender}" for sender in sorted(addresses - {row[2].casefold() for row in rows})]
    if unknown:
        raise NotFound(
            f"there is {unknown[0]} in clean-up {cleanup_id}", hint=f"`mailsync cleanup show {cleanup_id} --all` tells"
        )
    return {row[0] for row in rows if row[1] in ids or row[2].casefold() in addresses}


def _raw(folder: str | None) -> bytes | None:
    return None if folder is None else folder.encode("latin-1")


def _bytes(connection: sqlite3.Connection, cleanup_id: int, items: Collection[int]) -> int:
    wanted = frozenset(items)
    rows = onestep.rows(connection, 2, "SELECT number, size FROM cleanup_items WHERE cleanup_id = ?", (cleanup_id,))
    return sum(size for number, size in rows if number in wanted)


def _digest(connection: sqlite3.Connection, cleanup_id: int, again: bool, items: Iterable[int]) -> str:
    """SHA-256, in hex, of what is undone: which list, which way, and of each message its id and digest."""
    total = hashlib.sha256(json.dumps([cleanup_id, again]).encode() + b"\n")
    wanted = frozenset(items)
    for number, message, digest in connection.execute(
        "SELECT number, message_id, digest FROM cleanup_items WHERE cleanup_id = ? ORDER BY number", (cleanup_id,)
    ):
        if number in wanted:
            total.update(json.dumps([number, message, digest.hex()]).encode() + b"\n")
    return total.hexdigest()
