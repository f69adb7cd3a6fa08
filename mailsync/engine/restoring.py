"""Restoring: a list is frozen, shown, approved and handed to the queue; and what a job makes of one.

choose -> freeze -> (a person looks and approves) -> submit -> `restored`, in the engine
"""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mailsync.errors import Interrupted, MailsyncError, NotFound, UsageError
from mailsync.imap.names import decode_name
from mailsync.jobs.queue import Outcome
from mailsync.model import iso
from mailsync.privacy.consent import EMAIL_READ
from mailsync.record import record
from mailsync.store import accounts, consents, restorable, restores
from mailsync.store.jobs import Job
from mailsync.store.restorable import Candidate
from mailsync.store.restores import FolderCount, Frozen, Source
from mailsync.sync.placing import shared_prefix

if TYPE_CHECKING:
    from mailsync.sync.account import AccountMirror

FAILURES = 100
"""Messages that a document names; the rest are counted."""


@record(frozen=True)
class Wish:
    """What a person wants restored: to the account `to`, from `account` or all, of folders that match `pattern`.

    `into` names one folder for all of it. `removed` chooses what has left the server since then (Unix seconds) instead
    of what is there. `ids`, ascending, are those that a query found.
    """

    to: str
    account: str | None = None
    pattern: str | None = None
    into: str = ""
    removed: float | None = None
    ids: array[int] | None = None


def freeze(connection: sqlite3.Connection, configured: Iterable[tuple[str, str]], wish: Wish) -> Frozen:
    """Write down the list that a wish comes to; `configured` are the accounts with their addresses.

    ConsentMissing, UsageError and NotFound as `export` raises them.
    """
    from mailsync.config.selection import matches

    accounts.ensure(connection, configured)
    every = restorable.sources(connection)
    names = sorted({account for _, account, *_ in every})
    if wish.account is not None and wish.account not in names:
        raise UsageError(f"no account {wish.account} is mirrored", hint=f"mirrored: {', '.join(names) or 'none'}")
    by_account: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for _, account, name, delimiter, *_ in every:
        by_account[account].append((name, delimiter))
    chosen: list[tuple[Source, Iterable[Candidate]]] = []
    for folder_id, account, name, delimiter, use, there in every:
        wanted = wish.account in (None, account) and (there or wish.removed is not None)
        if not wanted or (wish.pattern is not None and not matches(wish.pattern, name, use)):
            continue
        consents.require(connection, account, [EMAIL_READ])
        prefix = shared_prefix([one for one, _ in by_account[account]], delimiter)
        source = Source(account, name, delimiter, prefix, use, wish.into)
        found = _candidates(connection, folder_id, wish)
        if found:
            chosen.append((source, found))
    if wish.pattern is not None and not any(
        matches(wish.pattern, name, use) for _, account, name, _, use, _ in every if wish.account in (None, account)
    ):
        raise NotFound(f"no mirrored folder matches {wish.pattern}", hint="`mailsync status` lists them")
    return restores.freeze(connection, wish.to, chosen, time.time())


def _candidates(connection: sqlite3.Connection, folder_id: int, wish: Wish) -> list[Candidate]:
    found: Iterator[Candidate]
    if wish.removed is not None:
        found = restorable.removed(connection, folder_id, wish.removed)
    else:
        found = restorable.present(connection, folder_id)
    if wish.ids is None:
        return list(found)
    ids = set(wish.ids)
    return [one for one in found if one.id in ids]


async def restored(mirror: AccountMirror, job: Job, stopping: Callable[[], bool]) -> Outcome:
    """What a job of kind `restore` comes to."""
    from mailsync.sync.restore import Restoration

    number, dry_run = int(job.params["restore"]), bool(job.params["dry_run"])
    run = Restoration(mirror, number, job.params["hash"], job.id, stopping, dry_run)
    failure: MailsyncError | None = None
    try:
        await run.run()
    except MailsyncError as error:
        failure = error

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        return document(connection, restores.get(connection, number), dry_run=dry_run)

    told = await mirror.store.aread(read)
    if failure is None and told["failed"]:
        noun = "message" if told["failed"] == 1 else "messages"
        failure = MailsyncError(f"{told['failed']:,} {noun} could not be restored")
    told |= {"ok": failure is None, "exit_code": failure.exit_code if failure else 0}
    return Outcome(
        failure is None,
        told,
        str(failure) if failure else None,
        failure.hint if failure else None,
        unfinished=isinstance(failure, Interrupted) and not dry_run,
    )


def document(connection: sqlite3.Connection, frozen: Frozen, *, dry_run: bool) -> dict[str, Any]:
    """A list and what became of it, as `mailsync restore --json` prints it."""
    folders = [_folder(one) for one in frozen.folders]
    return {
        "dry_run": dry_run,
        "account": frozen.account,
        "approved_by": frozen.approved_by,
        "list": frozen.hash,
        "messages": frozen.messages,
        "bytes": frozen.bytes,
        "first": iso(frozen.first),
        "last": iso(frozen.last),
        "restored": sum(one["restored"] for one in folders),
        "present": sum(one["present"] for one in folders),
        "failed": sum(one["failed"] for one in folders),
        "left": sum(one["left"] for one in folders),
        "folders": folders,
        "failures": [
            {"id": str(number), "folder": folder, "reason": reason}
            for number, folder, reason in restores.failures(connection, frozen.id, FAILURES)
        ],
    }


def _folder(one: FolderCount) -> dict[str, Any]:
    states = one.states
    return {
        "account": one.source.account,
        "name": one.source.name,
        "target": decode_name(one.target) if one.target is not None else one.source.wish or None,
        "messages": one.messages,
        "bytes": one.bytes,
        "restored": states.get("restored", 0),
        "present": states.get("present", 0),
        "failed": states.get("failed", 0),
        "left": states.get("waiting", 0) + states.get("begun", 0),
        "error": one.error or None,
    }


def sample(connection: sqlite3.Connection, frozen: Frozen) -> Sequence[dict[str, Any]]:
    """A few of the list, the newest, for whoever is to approve of it."""
    return [
        {"id": str(number), "folder": folder, "internaldate": iso(date), "from": sender, "subject": subject}
        for number, date, folder, sender, subject in restores.sample(connection, frozen.id)
    ]
