"""`restores`, `restore_folders`, `restore_items`: lists of messages to be put back on a server, frozen before anyone
approves of them, and the journal of carrying them out.

    freeze -> (shown) -> approve: a job -> begin, settle, begin, settle ... -> finish
                      `-> discard

The hash of a list covers the account, the folders, and of each message its id, digest, flags and date.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any, Literal

from mailsync.errors import MailsyncError
from mailsync.record import record
from mailsync.store import audit, jobs
from mailsync.store.restorable import Candidate

State = Literal["waiting", "begun", "restored", "present", "failed"]
KIND = "restore"
ATTEMPTS = 1000
"""An approved job goes on as often as the engine that runs it was killed."""
SAMPLE = 5
ABANDONED_SECONDS = 24 * 3600.0
"""A list that was shown for so long is approved by nobody any more."""
KEPT_SECONDS = 90 * 24 * 3600.0
"""For so long it is known what a server made of messages that it stores in other bytes."""


@record(frozen=True)
class Source:
    """A folder that messages come from; `wish` is the folder a person named for them, "" for none.

    `prefix` is the part of its name that every folder of its account but the INBOX has in common.
    """

    account: str
    name: str
    delimiter: str
    prefix: str
    special_use: str
    wish: str = ""


@record(frozen=True)
class Item:
    """A message of a list. `uidvalidity` and `uidnext` are those of its folder when it was begun."""

    number: int
    message_id: int
    digest: bytes
    size: int
    flags: int
    keywords: str
    internaldate: int | None
    uidvalidity: int | None
    uidnext: int | None


@record(frozen=True)
class Result:
    """What became of an item."""

    number: int
    state: State
    uidvalidity: int | None = None
    uid: int | None = None
    reason: str = ""


@record
class FolderCount:
    """A folder of a list, with its messages and what became of them. `target` is the raw name on the server."""

    number: int
    source: Source
    target: bytes | None
    error: str
    messages: int = 0
    bytes: int = 0
    states: dict[str, int] = field(default_factory=dict)


@record
class Frozen:
    """A list as it is shown; `first` and `last` INTERNALDATE in Unix seconds."""

    id: int
    account: str
    hash: str
    approved_by: str | None
    messages: int
    bytes: int
    first: int | None
    last: int | None
    folders: list[FolderCount]


# -- the list --------------------------------------------------------------------------------------------------


def freeze(
    connection: sqlite3.Connection,
    account: str,
    folders: Sequence[tuple[Source, Iterable[Candidate]]],
    at: float,
) -> Frozen:
    """Write a list down. Lists that nobody approved of in a day are forgotten, and what was carried out long ago."""
    connection.execute(
        "DELETE FROM restores WHERE finished_at < ? OR (approved_by IS NULL AND job_id IS NULL AND created_at < ?)",
        (at - KEPT_SECONDS, at - ABANDONED_SECONDS),
    )
    account_id = connection.execute("SELECT id FROM accounts WHERE name = ?", (account,)).fetchone()[0]
    number = connection.execute(
        "INSERT INTO restores (account_id, created_at) VALUES (?, ?) RETURNING id", (account_id, at)
    ).fetchone()[0]
    position = 0
    for place, (source, messages) in enumerate(folders):
        connection.execute(
            """INSERT INTO restore_folders (restore_id, number, account, name, delimiter, prefix, special_use, wish)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                number,
                place,
                source.account,
                source.name,
                source.delimiter,
                source.prefix,
                source.special_use,
                source.wish,
            ),
        )
        rows = [
            (number, position + at, place, one.id, one.digest, one.size, one.flags, one.keywords, one.internaldate)
            for at, one in enumerate(messages)
        ]
        position += len(rows)
        connection.executemany(
            """INSERT INTO restore_items (restore_id, number, folder, message_id, digest, size, flags, keywords,
                                          internaldate) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            rows,
        )
    connection.execute("UPDATE restores SET hash = ? WHERE id = ?", (digest(connection, number), number))
    return get(connection, number)


def digest(connection: sqlite3.Connection, restore_id: int) -> str:
    """SHA-256, in hex, of the list as it is written down: what was approved is what has this."""
    total = hashlib.sha256()

    def add(values: Iterable[Any]) -> None:
        total.update(json.dumps([one.hex() if isinstance(one, bytes) else one for one in values]).encode() + b"\n")

    add(
        connection.execute(
            "SELECT a.name FROM restores r JOIN accounts a ON a.id = r.account_id WHERE r.id = ?", (restore_id,)
        ).fetchone()
    )
    for row in connection.execute(
        """SELECT number, account, name, delimiter, prefix, special_use, wish FROM restore_folders
           WHERE restore_id = ? ORDER BY number""",
        (restore_id,),
    ):
        add(row)
    for row in connection.execute(
        """SELECT number, folder, message_id, digest, size, flags, keywords, internaldate FROM restore_items
           WHERE restore_id = ? ORDER BY number""",
        (restore_id,),
    ):
        add(row)
    return total.hexdigest()


def get(connection: sqlite3.Connection, restore_id: int) -> Frozen:
    """A list and how far it is. MailsyncError when there is none."""
    row = connection.execute(
        """SELECT a.name, r.hash, r.approved_by, (SELECT count(*) FROM restore_items WHERE restore_id = r.id),
                  (SELECT coalesce(sum(size), 0) FROM restore_items WHERE restore_id = r.id),
                  (SELECT min(internaldate) FROM restore_items WHERE restore_id = r.id),
                  (SELECT max(internaldate) FROM restore_items WHERE restore_id = r.id)
           FROM restores r JOIN accounts a ON a.id = r.account_id WHERE r.id = ?""",
        (restore_id,),
    ).fetchone()
    if row is None:
        raise MailsyncError("the list of what to restore is gone", hint="run mailsync restore again")
    places = {
        place[0]: FolderCount(place[0], Source(*place[1:7]), place[7], place[8])
        for place in connection.execute(
            """SELECT number, account, name, delimiter, prefix, special_use, wish, raw_name, error
               FROM restore_folders WHERE restore_id = ? ORDER BY number""",
            (restore_id,),
        )
    }
    for place, state, messages, size in connection.execute(
        "SELECT folder, state, count(*), sum(size) FROM restore_items WHERE restore_id = ? GROUP BY folder, state",
        (restore_id,),
    ):
        places[place].messages += messages
        places[place].bytes += size
        places[place].states[state] = messages
    return Frozen(restore_id, row[0], row[1], row[2], row[3], row[4], row[5], row[6], list(places.values()))


def sample(connection: sqlite3.Connection, restore_id: int) -> list[tuple[int, int | None, str, str, str]]:
    """The newest few of a list: (message id, INTERNALDATE, folder, from, subject)."""
    rows = connection.execute(
        """SELECT i.message_id, i.internaldate, f.name, coalesce(e.from_addr, ''), coalesce(e.subject, '')
           FROM restore_items i JOIN restore_folders f ON f.restore_id = i.restore_id AND f.number = i.folder
           LEFT JOIN contents c ON c.digest = i.digest LEFT JOIN envelopes e ON e.content_id = c.id
           WHERE i.restore_id = ? ORDER BY i.internaldate DESC, i.number DESC LIMIT ?""",
        (restore_id, SAMPLE),
    )
    return [tuple(row) for row in rows]


def discard(connection: sqlite3.Connection, restore_id: int) -> None:
    """Nobody approved of the list."""
    connection.execute("DELETE FROM restores WHERE id = ? AND approved_by IS NULL", (restore_id,))


def submit(connection: sqlite3.Connection, frozen: Frozen, at: float, *, approved: bool) -> int:
    """A job for the list as it was shown; its id. Approved, that is on record, with who did so; else the job only
    looks what there would be to do. Where a job for the very same list has not ended, it is that one."""
    approver = None
    if approved:
        facts: dict[str, Any] = {
            "messages": frozen.messages,
            "bytes": frozen.bytes,
            "folders": len(frozen.folders),
            "list": frozen.hash,
        }
        audit.record(connection, "restore_approved", at=at, account=frozen.account, **facts)
        row = audit.last(connection, frozen.account, "restore_approved")
        approver = row.actor if row else ""
        going = connection.execute(
            """SELECT j.id FROM restores r JOIN jobs j ON j.id = r.job_id
               WHERE r.hash = ? AND r.approved_by IS NOT NULL AND j.status IN ('pending', 'running')
                 AND NOT j.cancel_requested""",
            (frozen.hash,),
        ).fetchone()
        if going is not None:
            discard(connection, frozen.id)
            return int(going[0])
    params = {"restore": frozen.id, "hash": frozen.hash, "dry_run": not approved}
    job_id = jobs.insert(
        connection,
        KIND,
        at,
        account=frozen.account,
        params=params,
        priority=10,
        max_attempts=ATTEMPTS if approved else 1,
    )
    jobs.approve(connection, job_id, approver, frozen.messages)
    connection.execute("UPDATE restores SET job_id = ?, approved_by = ? WHERE id = ?", (job_id, approver, frozen.id))
    return job_id


# -- the journal -----------------------------------------------------------------------------------------------


def unsettled(connection: sqlite3.Connection, restore_id: int, folder: int) -> list[Item]:
    """The messages for a folder that have still to be looked for or sent."""
    rows = connection.execute(
        """SELECT number, message_id, digest, size, flags, keywords, internaldate, uidvalidity, uidnext
           FROM restore_items WHERE restore_id = ? AND folder = ? AND state IN ('waiting', 'begun') ORDER BY number""",
        (restore_id, folder),
    )
    return [Item(*row) for row in rows]


def unnamed(connection: sqlite3.Connection, restore_id: int, folder: int, uidvalidity: int | None) -> list[Item]:
    """What the server took without a word of the UID, and what nobody has learned of since."""
    rows = connection.execute(
        """SELECT number, message_id, digest, size, flags, keywords, internaldate, uidvalidity, uidnext
           FROM restore_items WHERE restore_id = ? AND folder = ? AND state = 'restored' AND uidvalidity = ?
           AND uid IS NULL ORDER BY number""",
        (restore_id, folder, uidvalidity),
    )
    return [Item(*row) for row in rows]


def taken(connection: sqlite3.Connection, restore_id: int, folder: int, uidvalidity: int | None) -> list[int]:
    """UIDs that stand for messages of the list for a folder already."""
    rows = connection.execute(
        """SELECT uid FROM restore_items WHERE restore_id = ? AND folder = ? AND state IN ('restored', 'present')
           AND uidvalidity = ? AND uid IS NOT NULL""",
        (restore_id, folder, uidvalidity),
    )
    return [row[0] for row in rows]


def place(connection: sqlite3.Connection, restore_id: int, folder: int, raw_name: bytes) -> None:
    """The folder on the server that a folder of the list goes to."""
    connection.execute(
        "UPDATE restore_folders SET raw_name = ?, error = '' WHERE restore_id = ? AND number = ?",
        (raw_name, restore_id, folder),
    )


def fail_folder(connection: sqlite3.Connection, restore_id: int, folder: int, error: str) -> None:
    """Nothing more can be put there."""
    connection.execute(
        "UPDATE restore_folders SET error = ? WHERE restore_id = ? AND number = ?", (error, restore_id, folder)
    )


def begin(
    connection: sqlite3.Connection,
    restore_id: int,
    numbers: Iterable[int],
    uidvalidity: int | None,
    uidnext: int | None,
) -> None:
    """These are about to be sent: until their result is noted nobody knows whether they were."""
    connection.executemany(
        f"""UPDATE restore_items SET state = 'begun', uidvalidity = ?, uidnext = ?
            WHERE restore_id = {restore_id:d} AND number = ?""",
        [(uidvalidity, uidnext, number) for number in numbers],
    )


def name(
    connection: sqlite3.Connection, restore_id: int, uidvalidity: int | None, uids: Iterable[tuple[int, int]]
) -> None:
    """The (number, UID) of what was restored, learned later."""
    connection.executemany(
        f"""UPDATE restore_items SET uid = ? WHERE restore_id = {restore_id:d} AND number = ? AND uidvalidity = ?""",
        [(uid, number, uidvalidity) for number, uid in uids],
    )


def settle(connection: sqlite3.Connection, restore_id: int, results: Iterable[Result]) -> None:
    """What became of messages."""
    connection.executemany(
        f"""UPDATE restore_items SET state = ?, uidvalidity = ?, uid = ?, reason = ?
            WHERE restore_id = {restore_id:d} AND number = ?""",
        [(one.state, one.uidvalidity, one.uid, one.reason, one.number) for one in results],
    )


def finish(connection: sqlite3.Connection, restore_id: int, at: float) -> None:
    connection.execute("UPDATE restores SET finished_at = ? WHERE id = ?", (at, restore_id))


def failures(connection: sqlite3.Connection, restore_id: int, limit: int) -> list[tuple[int, str, str]]:
    """The first so many messages that could not be restored: (message id, folder, reason)."""
    rows = connection.execute(
        """SELECT i.message_id, f.name, i.reason FROM restore_items i
           JOIN restore_folders f ON f.restore_id = i.restore_id AND f.number = i.folder
           WHERE i.restore_id = ? AND i.state = 'failed' ORDER BY i.number LIMIT ?""",
        (restore_id, limit),
    )
    return [(row[0], row[1], row[2]) for row in rows]
