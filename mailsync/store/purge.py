"""Purging: everything that was mirrored of an account leaves the file, and its bytes with it.

    begin -> batches (messages, removed ones, contents nobody else has) -> words -> dictionaries -> finish -> reclaim

Each batch is a transaction of its own; killed anywhere and run again, it goes on where it was. Freed bytes are
overwritten (`secure_delete`). The compression dictionary is made of pieces of mail, so what other accounts have is
packed anew with another one. What lies outside the file (backups, snapshots, spare blocks of a disk) is beyond reach.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Any

from mailsync.errors import Interrupted
from mailsync.privacy import consent
from mailsync.record import record
from mailsync.store import accounts, audit, consents, contents, documents, quarantine, scores
from mailsync.store.codec import dictionary_of, unpack_many
from mailsync.store.database import BUSY_SECONDS, FILE_NAME, Store

ROWS = 500
BYTES = 16 << 20
"""Messages, and bytes of them, a transaction removes at most; a larger one goes alone."""
DOCUMENTS = 200
PAGES = 500
"""Documents whose words a transaction takes out, and pages of the index that it writes anew."""
VACUUM_BYTES = 256 << 20
"""A database with no more than that left in it is made as small as that; it stands still for it, and takes memory."""
CHECKPOINT_SECONDS = 10.0
"""For readers of other processes to let go of the WAL."""


@record
class Purge:
    """The purge of one account. `keep` leaves its row, since it is still configured; `at` in Unix seconds."""

    account: str
    at: float
    keep: bool
    counts: Counter[str] = field(default_factory=Counter)
    """messages, removed, contents, folders, bytes (raw): what this run removed."""
    _id: int = field(default=0, init=False)
    _after: int = field(default=0, init=False)

    def begin(self, connection: sqlite3.Connection) -> bool:
        """Reading is not allowed any more, so nothing comes while all goes. False when nothing is there."""
        consents.revoke(connection, self.account, [consent.EMAIL_READ], self.at)
        row = connection.execute("SELECT id FROM accounts WHERE name = ?", (self.account,)).fetchone()
        self._id = row[0] if row else 0
        there = connection.execute(
            """SELECT coalesce(sum(messages), 0), count(*) FROM folders WHERE account_id = ?""", (self._id,)
        ).fetchone()
        if there[1]:
            audit.record(
                connection,
                "purged",
                at=self.at,
                account=self.account,
                outcome="begun",
                messages=there[0],
                folders=there[1],
            )
            connection.execute("DELETE FROM quarantine WHERE account_id = ?", (self._id,))
        return bool(there[1])

    def batch(self, connection: sqlite3.Connection) -> bool:
        """Remove some; False when no message is left."""
        return self._messages(connection) or self._removed(connection)

    def _messages(self, connection: sqlite3.Connection) -> bool:
        folder = connection.execute(
            """SELECT id FROM folders f WHERE account_id = ?
               AND EXISTS (SELECT 1 FROM messages WHERE folder_id = f.id) LIMIT 1""",
            (self._id,),
        ).fetchone()
        if folder is None:
            return False
        rows = _bounded(
            connection.execute(
                """SELECT id, content_id, size, flags & 1 = 0 FROM messages WHERE folder_id = ?
                   ORDER BY uid LIMIT ?""",
                (folder[0], ROWS),
            ).fetchall()
        )
        connection.executemany("DELETE FROM messages WHERE id = ?", [(row[0],) for row in rows])
        size = sum(row[2] for row in rows)
        connection.execute(
            "UPDATE folders SET messages = messages - ?, unread = unread - ?, bytes = bytes - ? WHERE id = ?",
            (len(rows), sum(row[3] for row in rows), size, folder[0]),
        )
        self.counts.update(messages=len(rows), bytes=size, contents=_forget(connection, [row[1] for row in rows]))
        return True

    def _removed(self, connection: sqlite3.Connection) -> bool:
        rows = _bounded(
            connection.execute(
                """SELECT id, content_id, size FROM removed_messages WHERE id > ?
                   AND folder_id IN (SELECT id FROM folders WHERE account_id = ?) ORDER BY id LIMIT ?""",
                (self._after, self._id, ROWS),
            ).fetchall()
        )
        if not rows:
            return False
        self._after = rows[-1][0]
        connection.executemany("DELETE FROM removed_messages WHERE id = ?", [(row[0],) for row in rows])
        self.counts.update(
            removed=len(rows),
            bytes=sum(row[2] for row in rows),
            contents=_forget(connection, [row[1] for row in rows]),
        )
        return True

    def finish(self, connection: sqlite3.Connection) -> None:
        """What has no messages any more goes, too, and the purge is on record."""
        self.counts["folders"] = connection.execute("DELETE FROM folders WHERE account_id = ?", (self._id,)).rowcount
        for table in ("labels", "traffic", "probes"):
            connection.execute(f"DELETE FROM {table} WHERE account_id = ?", (self._id,))
        scores.forget(connection)
        self.clear(connection)
        counts: dict[str, Any] = dict(self.counts)
        audit.record(connection, "purged", at=self.at, account=self.account, **counts)

    def clear(self, connection: sqlite3.Connection) -> None:
        """What only tells of the account: what happened, what jobs found, what its server is."""
        for table in ("activity", "connections"):
            connection.execute(f"DELETE FROM {table} WHERE account = ?", (self.account,))
        _clear_jobs(connection, self.account)
        connection.execute(
            """DELETE FROM restores WHERE account_id = ?1
               OR id IN (SELECT restore_id FROM restore_folders WHERE account = ?2)""",
            (self._id, self.account),
        )
        for table in ("cleanups", "unsubscribes"):
            connection.execute(f"DELETE FROM {table} WHERE account_id = ?", (self._id,))
        if self.keep:
            connection.execute(
                """UPDATE accounts SET server = '', capabilities = '', line = '', last_sync_at = NULL, error = NULL,
                          error_hint = NULL WHERE id = ?""",
                (self._id,),
            )
            hint = consent.how_to_grant(self.account, [consent.EMAIL_READ])
            accounts.set_state(connection, self.account, "needs_consent", self.at, "what was mirrored is purged", hint)
        else:
            connection.execute("DELETE FROM accounts WHERE id = ?", (self._id,))
            connection.execute("DELETE FROM consents WHERE account = ?", (self.account,))


def mirrored(connection: sqlite3.Connection, account: str) -> int | None:
    """How many messages of an account a purge would remove; None when nothing of it is mirrored."""
    row = connection.execute(
        """SELECT count(*), coalesce(sum(f.messages), 0) + (SELECT count(*) FROM removed_messages r
               JOIN folders g ON g.id = r.folder_id WHERE g.account_id = a.id)
           FROM folders f JOIN accounts a ON a.id = f.account_id WHERE a.name = ?""",
        (account,),
    ).fetchone()
    return row[1] if row[0] else None


def run(store: Store, account: str, at: float, *, keep: bool, stopping: Callable[[], bool]) -> Counter[str]:
    """Purge an account, in the engine's process; blocks. What was removed; Interrupted when `stopping` says so."""
    purge = Purge(account, at, keep)
    if not store.write(purge.begin).result():
        store.write(purge.clear).result()
        return purge.counts
    while store.write(purge.batch).result():
        if stopping():
            raise Interrupted
    _forget_words(store, stopping)
    _repack(store, stopping)
    store.write(purge.finish, durable=True).result()
    return purge.counts


def reclaim(path: Path) -> bool:
    """Give room back, empty the WAL, remove copies made before migrations. False while someone reads the old WAL."""
    for copy in path.parent.glob(f"{FILE_NAME}.v*.bak"):
        copy.unlink()
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA temp_store = MEMORY")
        emptied = _empty_wal(connection)  # what was overwritten is so in the file, before that may become shorter
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        if free and (pages - free) * size <= VACUUM_BYTES:
            connection.execute("VACUUM")
            emptied = _empty_wal(connection)
    return emptied


def _empty_wal(connection: sqlite3.Connection) -> bool:
    deadline = time.monotonic() + CHECKPOINT_SECONDS
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _bounded(rows: Sequence[Any]) -> Sequence[Any]:
    """As many of the rows, by their sizes (third column), as a transaction should remove; at least one."""
    total = 0
    for number, row in enumerate(rows):
        total += row[2]
        if total > BYTES:
            return rows[: number or 1]
    return rows


def _forget(connection: sqlite3.Connection, content_ids: Sequence[int | None]) -> int:
    """Delete those contents that nothing refers to any more; how many."""
    quarantine.forget(connection, (one for one in content_ids if one is not None))
    return connection.executemany(
        """DELETE FROM contents WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM messages WHERE content_id = ?1)
           AND NOT EXISTS (SELECT 1 FROM removed_messages WHERE content_id = ?1)
           AND NOT EXISTS (SELECT 1 FROM quarantine WHERE content_id = ?1)""",
        [(one,) for one in content_ids if one is not None],
    ).rowcount


def _forget_words(store: Store, stopping: Callable[[], bool]) -> None:
    """Take the words of contents that are gone out of the index, and make it one piece: the older ones hold them."""
    steps = (partial(documents.forget, limit=DOCUMENTS), partial(documents.tidy, pages=PAGES))
    for step in steps:
        while store.write(step).result():
            if stopping():
                raise Interrupted


def _clear_jobs(connection: sqlite3.Connection, account: str) -> None:
    """Take out of jobs that have ended what they say of an account: names of folders, texts of its server."""
    rows = connection.execute(
        """SELECT id, account, params, result FROM jobs WHERE status NOT IN ('pending', 'running')"""
    ).fetchall()
    for number, of, params, result in rows:
        asked, document = json.loads(params), json.loads(result) if result else {}
        told = {one.get("name") for one in document.get("accounts", ())}
        told |= {one.get("account") for one in document.get("folders", ())} | {document.get("account")}
        if account not in (of, *asked.get("accounts", ()), *told):
            continue
        left = {key: value for key, value in document.items() if key in ("ok", "exit_code", "totals")}
        left["accounts"] = [one for one in document.get("accounts", ()) if one.get("name") != account]
        connection.execute(
            "UPDATE jobs SET params = '{}', result = ?, error = NULL, error_hint = NULL WHERE id = ?",
            (json.dumps(left), number),
        )
        connection.execute("UPDATE job_events SET data = '{}' WHERE job_id = ?", (number,))


def _repack(store: Store, stopping: Callable[[], bool]) -> None:
    """Have no content need a dictionary that was learned before now, and forget those dictionaries."""
    store.codec.forget()
    with store.read() as connection:
        retired = {row[0] for row in connection.execute("SELECT id FROM dictionaries")}
    position, more = 0, bool(retired)
    while more:
        with store.read() as connection:
            page = contents.whole_after(connection, position, ROWS, BYTES)
            old = [(number, frame, size) for number, size, frame in page if dictionary_of(frame) in retired]
            bodies = unpack_many(connection, [(frame, size) for _, frame, size in old])
        sound = {number: body for (number, _, _), body in zip(old, bodies, strict=True) if body is not None}
        if sound:
            packed = store.codec.pack(list(sound.values()))
            store.write(partial(contents.replace, content_ids=list(sound), packed=packed)).result()
            if packed.dictionary:
                store.codec.saved()
        if page:
            position = page[-1][0]
        else:
            more = not store.write(partial(contents.forget_dictionaries, retired=retired, after=position)).result()
        if stopping():
            raise Interrupted
