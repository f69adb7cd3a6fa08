"""`unsubscribes`: lists that somebody approved of leaving, what spoke for it, and what came of it.

approve: a job -> begin -> settle
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from typing import Any, Literal

from mailsync.errors import MailsyncError, NotFound
from mailsync.privacy import readonly
from mailsync.record import record
from mailsync.store import audit, cleanup_decisions, consents, contents, jobs, onestep

KIND = "unsubscribe"
State = Literal["waiting", "begun", "done", "failed"]
_ELSEWHERE = ("\\Junk", "\\Trash", "\\Sent", "\\Drafts")
"""Whoever answers junk tells its sender that somebody is there."""


@record(frozen=True)
class Sender:
    """Who sends to many, with what an account has of them: `newest` is the id of the newest message, `last` its date
    (Unix seconds)."""

    account: str
    address: str
    messages: int
    unread: int
    bytes: int
    last: int | None
    newest: int
    content_id: int


@record(frozen=True)
class Unsubscribe:
    """A row. `message_id` is mailsync's id of the message that offers it, with the `digest` of that;
    `evidence` as it was shown."""

    id: int
    account: str
    job_id: int | None
    message_id: int
    digest: bytes
    sender: str
    list_id: str
    address: str
    evidence: dict[str, Any]
    approved_by: str
    created_at: float
    state: State
    detail: str
    finished_at: float | None


def senders(connection: sqlite3.Connection, features: int, *, account: str | None = None, limit: int) -> list[Sender]:
    """Whom indexed messages with one of these features are from, those with the most first; junk does not count."""
    elsewhere = ", ".join(f"'{use}'" for use in _ELSEWHERE)
    rows = onestep.rows(
        connection,
        8,
        # From the documents on, and each looked up by its content: the planner would begin with all messages.
        f"""SELECT (SELECT name FROM accounts WHERE id = account_id), sender, count(*), sum(flags & 1 = 0), sum(size),
                   max(at), id, content_id
            FROM (SELECT (SELECT account_id FROM folders WHERE id = m.folder_id) AS account_id,
                         lower(e.from_addr) AS sender, m.flags, m.size, coalesce(e.date, m.internaldate, 0) AS at,
                         m.id, m.content_id
                  FROM documents d CROSS JOIN messages m ON m.content_id = d.content_id
                  CROSS JOIN envelopes e ON e.content_id = d.content_id
                  WHERE d.features & ?1 AND m.folder_id IN (
                      SELECT f.id FROM folders f JOIN accounts a ON a.id = f.account_id
                      WHERE f.special_use NOT IN ({elsewhere}) AND (?2 IS NULL OR a.name = ?2)))
            GROUP BY account_id, sender ORDER BY count(*) DESC, sender LIMIT ?3""",
        (features, account, limit),
    )
    every: list[tuple[Any, ...]] = [(*row[:5], row[5] or None, *row[6:]) for row in rows]
    return [Sender(*values) for values in every]


def heads(connection: sqlite3.Connection, found: list[Sender]) -> Iterator[bytes]:
    """How the newest message of each begins, in their order."""
    known = dict(contents.heads_of(connection, {one.content_id for one in found}))
    return (known.get(one.content_id) or b"" for one in found)


def newest(connection: sqlite3.Connection, account: str | None = None) -> dict[tuple[str, str], Unsubscribe]:
    """What was last approved for each account and sender."""
    found = _read(connection, "u.id IN (SELECT max(id) FROM unsubscribes GROUP BY account_id, sender)", ())
    return {(one.account, one.sender): one for one in found if account in (None, one.account)}


def get(connection: sqlite3.Connection, unsubscribe_id: int) -> Unsubscribe:
    found = _read(connection, "u.id = ?", (unsubscribe_id,))
    if not found:
        raise NotFound("what was approved is gone", hint="see: mailsync cleanup unsubscribe")
    return found[0]


def _read(connection: sqlite3.Connection, condition: str, values: tuple[Any, ...]) -> list[Unsubscribe]:
    # What was cancelled before it began, or killed before an answer came, has nobody left to note it.
    over = "u.finished_at IS NULL AND coalesce(j.finished_at, j.id IS NULL)"
    rows = connection.execute(
        f"""SELECT u.id, a.name, u.job_id, u.message_id, u.digest, u.sender, u.list_id, u.address, u.evidence,
                   u.approved_by, u.created_at, iif({over}, 'failed', u.state),
                   iif({over}, coalesce(j.error, 'the job was ' || j.status, 'its job is gone'), u.detail),
                   coalesce(u.finished_at, j.finished_at)
            FROM unsubscribes u JOIN accounts a ON a.id = u.account_id LEFT JOIN jobs j ON j.id = u.job_id
            WHERE {condition}""",
        values,
    ).fetchall()
    every: list[tuple[Any, ...]] = [(*row[:8], json.loads(row[8]), *row[9:]) for row in rows]
    return [Unsubscribe(*values) for values in every]


def message(connection: sqlite3.Connection, message_id: int) -> tuple[str, str, str, bytes]:
    """(account, address of the sender, special use of the folder, bytes) of a message. NotFound; MailsyncError where
    its bytes are not here."""
    row = connection.execute(
        """SELECT a.name, lower(coalesce(e.from_addr, '')), f.special_use, m.content_id FROM messages m
           JOIN folders f ON f.id = m.folder_id JOIN accounts a ON a.id = f.account_id
           LEFT JOIN envelopes e ON e.content_id = m.content_id WHERE m.id = ?""",
        (message_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"there is no message {message_id}", hint="`mailsync cleanup unsubscribe` tells the ids")
    raw = contents.load(connection, row[3]) if row[3] is not None else None
    if raw is None:
        raise MailsyncError("the bytes of this message are not here")
    return row[0], row[1], row[2], raw


def approve(
    connection: sqlite3.Connection, message_id: int, list_id: str, address: str, evidence: dict[str, Any], at: float
) -> int:
    """A person approves of leaving the list that a message is from, by a POST to `address`; the id of the job.

    `evidence` is what they were shown. ConsentMissing, NotFound; MailsyncError for what is junk, and while the same is
    under way.
    """
    readonly.require()
    account, sender, use, raw = message(connection, message_id)
    consents.require(connection, account, cleanup_decisions.SCOPES)
    if use in _ELSEWHERE:
        raise MailsyncError("this is junk or thrown away: an answer would tell its sender that somebody is there")
    under_way = newest(connection, account).get((account, sender))
    if under_way is not None and under_way.state in ("waiting", "begun"):
        raise MailsyncError("this is under way", hint=f"see: mailsync jobs show {under_way.job_id}")
    place = hashlib.sha256(address.encode()).hexdigest()
    facts: dict[str, Any] = {"message": message_id, "place": place}
    audit.record(connection, "unsubscribe_approved", at=at, account=account, address=sender, **facts)
    row = audit.last(connection, account, "unsubscribe_approved")
    approver = row.actor if row else ""
    (number,) = connection.execute(
        """INSERT INTO unsubscribes (account_id, message_id, digest, sender, list_id, address, evidence, approved_by,
                                     created_at)
           SELECT id, ?, ?, ?, ?, ?, ?, ?, ? FROM accounts WHERE name = ? RETURNING id""",
        (
            *(message_id, hashlib.sha256(raw).digest(), sender, list_id, address),
            *(json.dumps(evidence), approver, at, account),
        ),
    ).fetchone()
    params = {"unsubscribe": number}
    job = jobs.insert(connection, KIND, at, account=account, params=params, priority=cleanup_decisions.PRIORITY)
    jobs.approve(connection, job, approver, 1)
    connection.execute("UPDATE unsubscribes SET job_id = ? WHERE id = ?", (job, number))
    return job


def begin(connection: sqlite3.Connection, unsubscribe_id: int) -> Unsubscribe:
    """It is about to be sent. ConsentMissing where that is not allowed any more."""
    readonly.require()
    one = get(connection, unsubscribe_id)
    if not one.approved_by:
        raise MailsyncError("nobody has approved of this")
    consents.require(connection, one.account, cleanup_decisions.SCOPES)
    connection.execute("UPDATE unsubscribes SET state = 'begun', finished_at = NULL WHERE id = ?", (unsubscribe_id,))
    return one


def settle(
    connection: sqlite3.Connection, unsubscribe_id: int, state: State, detail: str, outcome: str, at: float
) -> Unsubscribe:
    """What came of it: `detail` for people, `outcome` "ok" or the name of an error type."""
    connection.execute(
        "UPDATE unsubscribes SET state = ?, detail = ?, finished_at = ? WHERE id = ?",
        (state, detail, at, unsubscribe_id),
    )
    one = get(connection, unsubscribe_id)
    audit.record(connection, "unsubscribed", at=at, account=one.account, address=one.sender, outcome=outcome)
    return one
