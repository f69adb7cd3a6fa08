"""How a list of messages to clear away is written down: begun, filled over many transactions, and frozen.

draft -> add, add, add ... -> freeze, or discard
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from array import array
from collections.abc import Iterable, Sequence

from mailsync.errors import NotFound
from mailsync.store import cleanups, onestep
from mailsync.store.cleanups import Cleanup, Folder, Item

_CHUNK = 5000
"""Items whose part of the hash is made in one step."""
UNDECIDED_SECONDS = 30 * 24 * 3600.0
"""For so long a list that came to nothing can be looked at."""
REPLACED_SECONDS = 24 * 3600.0
"""A draft this old belongs to a scan that was killed; for so long a list that was superseded can be looked at."""
DONE_SECONDS = 400 * 24 * 3600.0
"""For so long it is known what became of each message of a list that was carried out."""


def draft(
    connection: sqlite3.Connection,
    account: str,
    rule: str,
    title: str,
    actions: Sequence[str],
    at: float,
    query: str = "",
) -> int:
    """Begin a list; its id. Nobody sees it before it is frozen. What came to nothing long ago is forgotten."""
    prune(connection, at)
    row = connection.execute(
        """INSERT INTO cleanups (account_id, rule, title, query, actions, state, created_at, expires_at)
           SELECT id, ?, ?, ?, ?, 'draft', ?, ? FROM accounts WHERE name = ? RETURNING id""",
        (rule, title, query, json.dumps(list(actions)), at, at + cleanups.VALID_SECONDS, account),
    ).fetchone()
    if row is None:
        raise NotFound(f"no account {account} is mirrored", hint=f"run: mailsync sync {account}")
    return int(row[0])


def add(connection: sqlite3.Connection, cleanup_id: int, folders: Iterable[Folder], items: Iterable[Item]) -> None:
    """Put folders and messages on a draft; a folder comes before its messages."""
    connection.executemany(
        "INSERT INTO cleanup_folders VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                cleanup_id,
                one.number,
                one.folder_id,
                one.name,
                one.raw_name,
                one.special_use,
                one.uidvalidity,
                one.messages,
            )
            for one in folders
        ],
    )
    connection.executemany(
        f"INSERT INTO cleanup_items VALUES ({', '.join('?' * 19)})",
        [
            (
                cleanup_id,
                one.number,
                one.folder,
                one.message_id,
                one.uid,
                one.identifier,
                one.digest,
                one.size,
                one.flags,
                one.keywords,
                one.internaldate,
                one.date,
                one.sender.casefold(),
                one.list_id,
                one.subject,
                one.confidence,
                json.dumps(one.reasons),
                one.excluded,
                one.sampled,
            )
            for one in items
        ],
    )


def freeze(connection: sqlite3.Connection, cleanup_id: int, sampled: Iterable[int], at: float) -> Cleanup:
    """The draft is whole: it may be decided on from now. `sampled` are the numbers of the items that stand for all.

    It supersedes what the same rule proposed for the account before, unless that was decided on.
    """
    connection.executemany(
        f"UPDATE cleanup_items SET sampled = 1 WHERE cleanup_id = {cleanup_id:d} AND number = ?",
        [(number,) for number in sampled],
    )
    account, rule = connection.execute(
        "SELECT a.name, c.rule FROM cleanups c JOIN accounts a ON a.id = c.account_id WHERE c.id = ?", (cleanup_id,)
    ).fetchone()
    supersede(connection, account, rule)
    connection.execute("UPDATE cleanups SET state = 'proposed' WHERE id = ? AND state = 'draft'", (cleanup_id,))
    total(connection, cleanup_id)
    return cleanups.get(connection, cleanup_id, at)


def supersede(connection: sqlite3.Connection, account: str, rule: str) -> None:
    """What a rule proposed for an account, and nobody decided on, is over."""
    connection.execute(
        """UPDATE cleanups SET state = 'superseded' WHERE state = 'proposed' AND rule = ? AND rule <> ?
           AND account_id = (SELECT id FROM accounts WHERE name = ?)""",
        (rule, cleanups.SELECTION, account),
    )


def empty(connection: sqlite3.Connection, cleanup_id: int) -> bool:
    """Begin a draft anew; False where it is none any more."""
    row = connection.execute("SELECT 1 FROM cleanups WHERE id = ? AND state = 'draft'", (cleanup_id,)).fetchone()
    if row is not None:
        connection.execute("DELETE FROM cleanup_items WHERE cleanup_id = ?", (cleanup_id,))
        connection.execute("DELETE FROM cleanup_folders WHERE cleanup_id = ?", (cleanup_id,))
    return row is not None


def discard(connection: sqlite3.Connection, cleanup_id: int) -> None:
    """Forget a draft."""
    connection.execute("DELETE FROM cleanups WHERE id = ? AND state = 'draft'", (cleanup_id,))


def total(connection: sqlite3.Connection, cleanup_id: int) -> None:
    """Note what a list comes to as it is now, and its hash."""
    connection.execute(
        """UPDATE cleanups SET (messages, bytes, first, last, excluded) =
               (SELECT count(*) FILTER (WHERE NOT excluded), coalesce(sum(size) FILTER (WHERE NOT excluded), 0),
                       min(coalesce(date, internaldate)) FILTER (WHERE NOT excluded),
                       max(coalesce(date, internaldate)) FILTER (WHERE NOT excluded), count(*) FILTER (WHERE excluded)
                FROM cleanup_items WHERE cleanup_id = ?1), hash = ?2 WHERE id = ?1""",
        (cleanup_id, digest(connection, cleanup_id)),
    )


def digest(connection: sqlite3.Connection, cleanup_id: int) -> str:
    """SHA-256, in hex, of the list as it is written down: what was approved is what has this."""
    whole = hashlib.sha256()
    head = connection.execute(
        """SELECT a.name, c.rule, c.query, c.actions FROM cleanups c JOIN accounts a ON a.id = c.account_id
           WHERE c.id = ?""",
        (cleanup_id,),
    ).fetchone()
    places = [
        (one.number, one.name, one.raw_name.hex(), one.uidvalidity)
        for one in cleanups.folders_of(connection, cleanup_id)
    ]
    whole.update(json.dumps([list(head), places]).encode())
    (last,) = connection.execute("SELECT max(number) FROM cleanup_items WHERE cleanup_id = ?", (cleanup_id,)).fetchone()
    for start in range(0, (last if last is not None else -1) + 1, _CHUNK):
        (text,) = connection.execute(
            """SELECT json_group_array(line) FROM (
                   SELECT json_array(number, folder, message_id, uid, hex(digest), identifier) AS line
                   FROM cleanup_items WHERE cleanup_id = ? AND number >= ? AND number < ? AND NOT excluded
                   ORDER BY number)""",
            (cleanup_id, start, start + _CHUNK),
        ).fetchone()
        whole.update(text.encode())
    return whole.hexdigest()


def prune(connection: sqlite3.Connection, at: float) -> None:
    """Forget lists that came to nothing or were carried out long ago, and what killed scans left."""
    connection.execute(
        """DELETE FROM cleanups WHERE (state IN ('draft', 'superseded') AND created_at < ?)
               OR (state IN ('proposed', 'rejected') AND expires_at < ?)
               OR (state IN ('completed', 'interrupted', 'undone', 'part_undone') AND decided_at < ?)""",
        (at - REPLACED_SECONDS, at - UNDECIDED_SECONDS, at - DONE_SECONDS),
    )


def engaged(connection: sqlite3.Connection, account: str, at: float, *, rules: bool = True) -> array[int]:
    """Ids of messages that are on a list which waits for a decision or is being carried out: nothing else is to propose
    them. Without `rules` what rules proposed and nobody decided on does not count, as when a scan makes that anew."""
    states = ", ".join(f"'{state}'" for state in cleanups.GOING)
    found = onestep.column(
        connection,
        f"""SELECT DISTINCT i.message_id FROM cleanups c JOIN cleanup_items i ON i.cleanup_id = c.id
            WHERE c.account_id = (SELECT id FROM accounts WHERE name = ?) AND NOT i.excluded AND (c.state IN ({states})
               OR c.state = 'proposed' AND c.expires_at > ? AND (? OR c.rule = '{cleanups.SELECTION}'))""",
        (account, at, rules),
    )
    return array("q", found)
