"""What is mirrored and how much of it: the readings of `status`, `export` and `db stats`."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from mailsync.model import AccountState
from mailsync.store.health import matched
from mailsync.store.probes import QUIRKS


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a completed sync of a folder proved. Times in Unix seconds; `exceptions` are explained differences."""

    at: float
    uidvalidity: int
    highestmodseq: int | None
    messages: int
    uids_digest: str
    contents_digest: str
    exceptions: list[Any]
    verified_at: float | None
    deep: bool


@dataclass(frozen=True, slots=True)
class FolderOverview:
    """A folder that is on the server. Times in Unix seconds; `bytes` is the raw size of the mirrored messages.

    `why` says why the last sync took its `strategy`; `pushed` and `missed` count arrivals told by push, and found by a
    sync only, since `pushed_since`.
    """

    id: int
    name: str
    special_use: str
    messages: int
    unread: int
    bytes: int
    server_messages: int | None
    first_sync_at: float | None
    last_sync_at: float | None
    next_sync_at: float | None
    strategy: str | None
    why: str
    watch: str
    pushed: int
    missed: int
    pushed_since: float | None
    error: str | None
    error_hint: str | None
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class AccountOverview:
    """An account that was mirrored at least once, also one that config.toml no longer names."""

    folders: tuple[FolderOverview, ...]
    quirks: tuple[tuple[str, str], ...]
    """What its server does otherwise than it says: (name, why)."""
    id: int
    name: str
    email: str
    server: str
    state: AccountState
    state_detail: str
    state_hint: str
    resumes_at: float | None
    line: str
    last_sync_at: float | None
    error: str | None
    error_hint: str | None


def accounts(connection: sqlite3.Connection) -> list[AccountOverview]:
    """Every account with its folders, in the order of the configuration, folders by name."""
    folders: dict[int, list[FolderOverview]] = {}
    for row in connection.execute(
        """SELECT f.account_id, f.id, f.name, f.special_use, f.messages, f.unread, f.bytes, f.server_messages,
                  f.first_sync_at, f.last_sync_at, f.next_sync_at, f.strategy, f.why, f.watch, f.pushed, f.missed,
                  f.pushed_since, f.error, f.error_hint, c.at, c.uidvalidity, c.highestmodseq, c.messages,
                  c.uids_digest, c.contents_digest, c.exceptions, c.verified_at, c.deep
           FROM folders f LEFT JOIN certificates c ON c.folder_id = f.id WHERE f.gone_at IS NULL ORDER BY f.name"""
    ):
        proof = None
        if row[19] is not None:
            proof = Certificate(*[*row[19:25], json.loads(row[25]), row[26], bool(row[27])])
        folders.setdefault(row[0], []).append(FolderOverview(*[*row[1:19], proof]))
    quirks: dict[int, tuple[tuple[str, str], ...]] = {}
    for account_id, value in connection.execute("SELECT account_id, value FROM probes WHERE name = ?", (QUIRKS,)):
        quirks[account_id] = matched(value)
    return [
        AccountOverview(tuple(folders.get(row[0], ())), quirks.get(row[0], ()), *row)
        for row in connection.execute(
            """SELECT id, name, email, server, state, state_detail, state_hint, resumes_at, line, last_sync_at, error,
                      error_hint
               FROM accounts ORDER BY position, name"""
        )
    ]


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows and bytes of the whole database. `raw_bytes` are the distinct messages as the server sent them."""

    schema_version: int
    sqlite_version: str
    accounts: int
    folders: int
    messages: int
    message_bytes: int
    contents: int
    raw_bytes: int
    stored_bytes: int
    removed_messages: int
    quarantined: int
    free_bytes: int


def totals(connection: sqlite3.Connection) -> Totals:
    """Count everything; takes about a second for each million messages."""

    def one(query: str) -> int:
        return int(connection.execute(query).fetchone()[0] or 0)

    return Totals(
        schema_version=one("PRAGMA user_version"),
        sqlite_version=sqlite3.sqlite_version,
        accounts=one("SELECT count(*) FROM accounts"),
        folders=one("SELECT count(*) FROM folders WHERE gone_at IS NULL"),
        messages=one("SELECT sum(messages) FROM folders WHERE gone_at IS NULL"),
        message_bytes=one("SELECT sum(bytes) FROM folders WHERE gone_at IS NULL"),
        contents=one("SELECT count(*) FROM contents"),
        raw_bytes=one("SELECT sum(size) FROM contents"),
        stored_bytes=one("SELECT sum(length(body)) FROM contents"),
        removed_messages=one("SELECT count(*) FROM removed_messages"),
        quarantined=one("SELECT count(*) FROM quarantine WHERE resolved_at IS NULL AND NOT discarded"),
        free_bytes=one("PRAGMA freelist_count") * one("PRAGMA page_size"),
    )
