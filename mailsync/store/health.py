"""One reading of all that the health checks judge; it costs by accounts and folders, never by messages."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailsync.model import AccountState
from mailsync.store import connections, onestep, quarantine, traffic

WAL_SUFFIX = "-wal"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the engine left it. Times are Unix seconds; `error` is of the last sync, empty when it went well.

    `state` is true only while an engine runs, but for the states that wait for a person.
    """

    id: int
    name: str
    state: AccountState
    state_detail: str
    state_hint: str
    state_since: float | None
    resumes_at: float | None
    server: str
    capabilities: str
    line: str
    last_sync_at: float | None
    error: str
    error_hint: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is mirrored. `pushed` and `missed` count arrivals told by push, and found only by a sync."""

    id: int
    account: str
    name: str
    messages: int
    server_messages: int | None
    bytes: int
    server_bytes: int | None
    first_sync_at: float | None
    last_sync_at: float | None
    syncing: bool
    error: str
    error_hint: str
    watch: str
    pushed: int
    missed: int

    @property
    def remaining_bytes(self) -> int:
        """Raw bytes still to come in a first sync, as far as the server told."""
        if self.first_sync_at is not None or self.server_bytes is None:
            return 0
        return max(0, self.server_bytes - self.bytes)


@dataclass(frozen=True, slots=True)
class Probe:
    """Something that an account's server was found to do, not expired yet."""

    account: str
    name: str
    value: str
    learned_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What was true at one moment. Sizes in bytes."""

    accounts: tuple[Account, ...] = ()
    folders: tuple[Folder, ...] = ()
    connections: tuple[connections.Row, ...] = ()
    probes: tuple[Probe, ...] = ()
    granted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Consent scopes by account name."""
    quarantined: Mapping[str, int] = field(default_factory=dict)
    """Messages set aside, by account name."""
    received_today: Mapping[str, int] = field(default_factory=dict)
    """Bytes received since midnight UTC, by account name."""
    active_jobs: int = 0
    schema_version: int = 0
    page_bytes: int = 0
    free_bytes: int = 0
    """Pages of the file that hold nothing, to be used again."""


def read(connection: sqlite3.Connection, now: float) -> Facts:
    """The facts at `now` (Unix seconds): a dozen queries, however many accounts and folders there are."""

    def one(query: str) -> int:
        return int(connection.execute(query).fetchone()[0] or 0)

    accounts = onestep.rows(
        connection,
        13,
        """SELECT id, name, state, state_detail, state_hint, state_since, resumes_at, server, capabilities, line,
                  last_sync_at, coalesce(error, ''), coalesce(error_hint, '')
           FROM accounts ORDER BY position, name""",
    )
    folders = onestep.rows(
        connection,
        15,
        """SELECT f.id, a.name, f.name, f.messages, f.server_messages, f.bytes, f.server_bytes, f.first_sync_at,
                  f.last_sync_at, f.syncing, coalesce(f.error, ''), coalesce(f.error_hint, ''), f.watch, f.pushed,
                  f.missed
           FROM folders f JOIN accounts a ON a.id = f.account_id WHERE f.gone_at IS NULL
           ORDER BY a.position, a.name, f.name""",
    )
    probes = onestep.rows(
        connection,
        5,
        """SELECT a.name, p.name, p.value, p.learned_at, p.expires_at
           FROM probes p JOIN accounts a ON a.id = p.account_id WHERE p.expires_at > ?
           ORDER BY a.position, a.name, p.name""",
        (now,),
    )
    granted: dict[str, set[str]] = {}
    for name, scope in onestep.rows(connection, 2, "SELECT account, scope FROM consents WHERE revoked_at IS NULL"):
        granted.setdefault(name, set()).add(scope)
    received = onestep.rows(
        connection,
        2,
        "SELECT a.name, t.received FROM traffic t JOIN accounts a ON a.id = t.account_id WHERE t.day = ?",
        (traffic.day_of(now),),
    )
    page_size = one("PRAGMA page_size")
    return Facts(
        tuple(Account(*row) for row in accounts),
        tuple(Folder(*[*row[:9], bool(row[9]), *row[10:]]) for row in folders),
        tuple(connections.listing(connection)),
        tuple(Probe(*row) for row in probes),
        {name: frozenset(scopes) for name, scopes in granted.items()},
        quarantine.counts(connection),
        dict(received),
        one("SELECT count(*) FROM jobs WHERE status IN ('pending', 'running')"),
        one("PRAGMA user_version"),
        page_size * one("PRAGMA page_count"),
        page_size * one("PRAGMA freelist_count"),
    )


def matched(value: str) -> tuple[tuple[str, str], ...]:
    """The (name, why) pairs of the finding `probes.QUIRKS`; none where it cannot be read."""
    try:
        return tuple((str(name), str(why)) for name, why in json.loads(value))
    except (TypeError, ValueError):
        return ()


def damage(connection: sqlite3.Connection) -> str:
    """The first fault that SQLite finds in the file, empty for none. Reads all of it: a second for each few 100 MB."""
    found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return "" if found == "ok" else found


def wal_bytes(path: Path) -> int:
    """The size of the write-ahead log beside the database at `path`."""
    with contextlib.suppress(OSError):
        return path.with_name(path.name + WAL_SUFFIX).stat().st_size
    return 0


def room(folder: Path) -> int | None:
    """Bytes that are free on the disk of `folder`; None where that cannot be known."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
