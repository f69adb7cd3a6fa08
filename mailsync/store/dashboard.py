"""One reading of all that the dashboard shows; it costs by accounts and folders, never by messages."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from mailsync.model import AccountState
from mailsync.privacy import consent
from mailsync.store import activity, consents, labels, onestep, quarantine


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its state. Times are Unix seconds; `error` is of the last sync, `hint` is what to try."""

    id: int
    name: str
    email: str
    state: AccountState
    state_detail: str
    state_hint: str
    state_since: float | None
    resumes_at: float | None
    """When a state that ends by itself does."""
    last_sync_at: float | None
    error: str
    error_hint: str
    sync_wanted: bool
    """A sync of it waits or runs in the job queue."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is on the server, with what the mirror holds (exact) and what the server last said it has."""

    id: int
    account: str
    name: str
    delimiter: str
    special_use: str
    messages: int
    unread: int
    bytes: int
    server_messages: int | None
    server_bytes: int | None
    first_sync_at: float | None
    last_sync_at: float | None
    next_sync_at: float | None
    watch: str
    syncing: bool
    error: str
    error_hint: str
    virtual: bool = False
    """A label shown as a folder: `id` is minus the label's. Its messages are counted in folders that are none."""

    @property
    def remaining(self) -> int:
        """Messages still to come, as far as the server's count tells; 0 once a first sync is complete."""
        if self.server_messages is None or not (self.syncing or self.first_sync_at is None):
            return 0
        return max(0, self.server_messages - self.messages)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was true at one moment."""

    accounts: tuple[Account, ...] = ()
    folders: tuple[Folder, ...] = ()
    labels: tuple[Folder, ...] = ()
    """Virtual folders, beside those of the server."""
    activity: tuple[activity.Entry, ...] = ()
    quarantined: int = 0
    readable: frozenset[str] = frozenset()
    """Accounts whose mail the person allows to be read."""

    @property
    def messages(self) -> int:
        return sum(folder.messages for folder in self.folders)

    @property
    def bytes(self) -> int:
        """Raw size of the mirrored messages."""
        return sum(folder.bytes for folder in self.folders)

    @property
    def remaining(self) -> int:
        """Messages still to come in the syncs under way."""
        return sum(folder.remaining for folder in self.folders)


def read(connection: sqlite3.Connection, entries: int = 100) -> Snapshot:
    """The present snapshot, with the newest `entries` of the activity, newest first."""
    accounts = onestep.rows(
        connection,
        12,
        """SELECT id, name, email, state, state_detail, state_hint, state_since, resumes_at, last_sync_at,
                  coalesce(error, ''), coalesce(error_hint, ''),
                  EXISTS (SELECT 1 FROM jobs WHERE kind IN ('sync', 'backfill') AND status IN ('pending', 'running')
                          AND account = accounts.name)
           FROM accounts ORDER BY position, name""",
    )
    folders = onestep.rows(
        connection,
        17,
        """SELECT f.id, a.name, f.name, f.delimiter, f.special_use, f.messages, f.unread, f.bytes, f.server_messages,
                  f.server_bytes, f.first_sync_at, f.last_sync_at, f.next_sync_at, f.watch, f.syncing,
                  coalesce(f.error, ''), coalesce(f.error_hint, '')
           FROM folders f JOIN accounts a ON a.id = f.account_id WHERE f.gone_at IS NULL
           ORDER BY a.position, a.name, f.name""",
    )
    virtual = onestep.rows(
        connection,
        5,
        """SELECT l.id, a.name, l.name, l.messages, l.unread
           FROM labels l JOIN accounts a ON a.id = l.account_id WHERE l.messages > 0
           ORDER BY a.position, a.name, l.name""",
    )
    latest = onestep.rows(
        connection,
        9,
        "SELECT seq, at, account, folder, type, count, bytes, uids, detail FROM activity ORDER BY seq DESC LIMIT ?",
        (entries,),
    )
    return Snapshot(
        tuple(Account(*[*row[:11], bool(row[11])]) for row in accounts),
        tuple(Folder(*[*row[:14], bool(row[14]), *row[15:]]) for row in folders),
        tuple(_virtual(*row) for row in virtual),
        tuple(activity.Entry(*row) for row in latest),
        quarantine.count(connection),
        frozenset(consents.allowing(connection, consent.EMAIL_READ)),
    )


def _virtual(ident: int, account: str, label: str, messages: int, unread: int) -> Folder:
    name, use = labels.NAMES.get(label, label), _USES.get(label, "")
    return Folder(
        -ident, account, name, "/", use, messages, unread, 0, None, None, None, None, None, "", False, "", "", True
    )


_USES = {"\\Sent": "\\Sent", "\\Draft": "\\Drafts", "\\Starred": "\\Flagged", "\\Important": "\\Important"}
"""What the labels of the server's own mean as special uses."""
