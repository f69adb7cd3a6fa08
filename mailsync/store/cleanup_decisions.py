"""What a person decides on a list of messages to clear away: what stays out of it, and yes or no to the rest.

Every decision is about a list that is proposed and not over, and is on record in the audit trail. Approving makes the
run with its journal, and the job that carries it out, in the very transaction: there is no approval without its list,
and no job without its approval. What a decision needs is asked here, so no path of the code goes around it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from mailsync.errors import MailsyncError, UsageError
from mailsync.privacy import readonly
from mailsync.privacy.consent import EMAIL_READ, MAILBOX_ACCESS, MAILBOX_MODIFY
from mailsync.store import audit, cleanup_drafts, cleanups, consents, jobs
from mailsync.store.cleanups import Cleanup

T = TypeVar("T")

KIND = "cleanup_apply"
SCOPES = (MAILBOX_ACCESS, EMAIL_READ, MAILBOX_MODIFY)
"""What a person must have granted before anything is changed on a server."""
ATTEMPTS = 1000
"""An approved job goes on as often as the engine that runs it was killed."""
PRIORITY = 10
HASH_DIGITS = 8
"""So much of a hash, from its beginning, names a list well enough to be typed."""


# -- what stays out --------------------------------------------------------------------------------------------


def exclude(
    connection: sqlite3.Connection,
    cleanup_id: int,
    at: float,
    *,
    senders: Iterable[str] = (),
    messages: Iterable[int] = (),
    but: Iterable[str] | None = None,
) -> Cleanup:
    """Take messages off a list: all from `senders`, those with mailsync's ids `messages`, and with `but` all that are
    from nobody of these. UsageError for a sender or message that is not on it; the list gets another hash."""
    return _mark(connection, cleanup_id, at, 1, senders, messages, but)


def include(
    connection: sqlite3.Connection,
    cleanup_id: int,
    at: float,
    *,
    senders: Iterable[str] = (),
    messages: Iterable[int] = (),
) -> Cleanup:
    """Put messages that were taken off a list back on it."""
    return _mark(connection, cleanup_id, at, 0, senders, messages, None)


def preview(
    connection: sqlite3.Connection,
    cleanup_id: int,
    at: float,
    look: Callable[[], T],
    *,
    senders: Iterable[str] = (),
    messages: Iterable[int] = (),
    but: Iterable[str] | None = None,
) -> T:
    """What `look` sees once `exclude` has made what it would of a list; the list stays as it is."""
    connection.execute("SAVEPOINT preview")
    try:
        exclude(connection, cleanup_id, at, senders=senders, messages=messages, but=but)
        return look()
    finally:
        connection.execute("ROLLBACK TO preview")
        connection.execute("RELEASE preview")


def _mark(
    connection: sqlite3.Connection,
    cleanup_id: int,
    at: float,
    excluded: int,
    senders: Iterable[str],
    messages: Iterable[int],
    but: Iterable[str] | None,
) -> Cleanup:
    one = _undecided(connection, cleanup_id, at)
    senders, messages = list(senders), list(messages)
    if not senders and not messages and but is None:
        return one
    mark = f"UPDATE cleanup_items SET excluded = {excluded:d} WHERE cleanup_id = {cleanup_id:d}"
    for sender in senders:
        if not connection.execute(f"{mark} AND sender = ?", (sender.casefold(),)).rowcount:
            raise UsageError(f"nothing on this list is from {sender}", hint=f"see: mailsync cleanup show {cleanup_id}")
    for message in messages:
        if not connection.execute(f"{mark} AND message_id = ?", (message,)).rowcount:
            raise UsageError(f"message {message} is not on this list", hint=f"see: mailsync cleanup show {cleanup_id}")
    if but is not None:
        kept = [sender.casefold() for sender in but]
        known = {one.sender for one in cleanups.senders(connection, cleanup_id)}
        for sender in kept:
            if sender not in known:
                hint = f"see: mailsync cleanup show {cleanup_id}"
                raise UsageError(f"nothing on this list is from {sender}", hint=hint)
        connection.execute(f"{mark} AND sender NOT IN (SELECT value FROM json_each(?))", (json.dumps(kept),))
    cleanup_drafts.total(connection, cleanup_id)
    return cleanups.get(connection, cleanup_id, at)


# -- yes or no -------------------------------------------------------------------------------------------------


def require_hash(one: Cleanup, shown: str) -> None:
    """UsageError unless a hash, or so many digits of one, is that of this list."""
    if len(shown) < HASH_DIGITS or not one.hash.startswith(shown.casefold()):
        raise UsageError("this is not the hash of the list as it is now", hint=f"see: mailsync cleanup show {one.id}")


def approve(
    connection: sqlite3.Connection, cleanup_id: int, shown: str, at: float, *, large: bool = False, typed: str = ""
) -> int:
    """A person approves of the list whose hash they were shown; the id of the job that carries it out.

    `large` says that they know it is beyond the breaker's measure, `typed` is what they typed where messages are to be
    expunged: `EXPUNGE` and how many. ConsentMissing, UsageError for a hash or words that do not fit, and MailsyncError
    where the list is decided on already, is over, or is not what was shown.
    """
    readonly.require()
    one = _undecided(connection, cleanup_id, at)
    consents.require(connection, one.account, SCOPES)
    require_hash(one, shown)
    if cleanup_drafts.digest(connection, cleanup_id) != one.hash:
        raise MailsyncError("this list was altered after it was frozen", hint="run: mailsync cleanup scan")
    if not one.messages:
        raise UsageError("there is no message on this list", hint=f"run: mailsync cleanup reject {cleanup_id}")
    if "expunge" in one.actions and typed.split() != ["EXPUNGE", str(one.messages)]:
        raise UsageError(
            "messages that are expunged are gone from the server for good",
            hint=f"whoever wants that types: EXPUNGE {one.messages}",
        )
    facts: dict[str, Any] = {
        "cleanup": cleanup_id,
        "messages": one.messages,
        "excluded": one.excluded,
        "bytes": one.bytes,
        "list": one.hash,
        "actions": "+".join(action.partition(":")[0] for action in one.actions),
        "large": large,
    }
    audit.record(connection, "cleanup_approved", at=at, account=one.account, **facts)
    approver = _decided(connection, one, "approved", "cleanup_approved", at)
    connection.execute("UPDATE cleanups SET large = ? WHERE id = ?", (large, cleanup_id))
    (run,) = connection.execute(
        """INSERT INTO cleanup_runs (cleanup_id, kind, approved_by, hash, created_at) VALUES (?, 'apply', ?, ?, ?)
           RETURNING id""",
        (cleanup_id, approver, one.hash, at),
    ).fetchone()
    connection.execute(
        """INSERT INTO cleanup_journal (run_id, number, item)
           SELECT ?, row_number() OVER (ORDER BY folder, uid) - 1, number FROM cleanup_items
           WHERE cleanup_id = ? AND NOT excluded""",
        (run, cleanup_id),
    )
    params = {"cleanup": cleanup_id, "run": run, "hash": one.hash}
    job = jobs.insert(
        connection, KIND, at, account=one.account, params=params, priority=PRIORITY, max_attempts=ATTEMPTS
    )
    jobs.approve(connection, job, approver, one.messages)
    connection.execute("UPDATE cleanup_runs SET job_id = ? WHERE id = ?", (job, run))
    return job


def reject(connection: sqlite3.Connection, cleanup_id: int, at: float) -> Cleanup:
    """A person wants nothing of this."""
    one = _undecided(connection, cleanup_id, at)
    facts: dict[str, Any] = {"cleanup": cleanup_id, "messages": one.messages, "list": one.hash}
    audit.record(connection, "cleanup_rejected", at=at, account=one.account, **facts)
    _decided(connection, one, "rejected", "cleanup_rejected", at)
    return cleanups.get(connection, cleanup_id, at)


def _decided(connection: sqlite3.Connection, one: Cleanup, state: str, action: str, at: float) -> str:
    """Note a decision that is on record; who decided."""
    row = audit.last(connection, one.account, action)
    decider = row.actor if row else ""
    connection.execute(
        "UPDATE cleanups SET state = ?, decided_by = ?, decided_at = ? WHERE id = ?", (state, decider, at, one.id)
    )
    return decider


def _undecided(connection: sqlite3.Connection, cleanup_id: int, at: float) -> Cleanup:
    """A list that may be decided on."""
    one = cleanups.get(connection, cleanup_id, at)
    match one.state:
        case "proposed":
            return one
        case "draft":
            raise MailsyncError("this list is still being made", hint="see: mailsync jobs list")
        case "expired":
            raise MailsyncError("this list is too old to be decided on", hint="run: mailsync cleanup scan")
        case "superseded":
            raise MailsyncError("a newer scan has made this list anew", hint="see: mailsync cleanup list")
        case "rejected":
            raise MailsyncError(f"this list was rejected by {one.decided_by}", hint="run: mailsync cleanup scan")
        case _:
            raise MailsyncError(
                f"this list was approved by {one.decided_by}", hint=f"see: mailsync cleanup show {cleanup_id}"
            )
