"""What is mirrored and how much of it: the readings of `status`, `export` and `db stats`."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from mailsync.model import AccountState


@dataclass(frozen=True, slots=True)
class FolderOverview:
    """A folder that is on the server. Times in Unix seconds; `bytes` is the raw size of the mirrored messages."""

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
    watch: str
    error: str | None
    error_hint: str | None


@dataclass(frozen=True, slots=True)
class AccountOverview:
    """An account that was mirrored at least once, also one that config.toml no longer names."""

    folders: tuple[FolderOverview, ...]
    id: int
    name: str
    email: str
    state: AccountState
    state_hint: str
    last_sync_at: float | None
    error: str | None
    error_hint: str | None


def accounts(connection: sqlite3.Connection) -> list[AccountOverview]:
    """Every account with its folders, in the order of the configuration, folders by name."""
    folders: dict[int, list[FolderOverview]] = {}
    for row in connection.execute(
        """SELECT account_id, id, name, special_use, messages, unread, bytes, server_messages, first_sync_at,
                  last_sync_at, next_sync_at, strategy, watch, error, error_hint
           FROM folders WHERE gone_at IS NULL ORDER BY name"""
    ):
        folders.setdefault(row[0], []).append(FolderOverview(*row[1:]))
    return [
        AccountOverview(tuple(folders.get(row[0], ())), *row)
        for row in connection.execute(
            """SELECT id, name, email, state, state_hint, last_sync_at, error, error_hint FROM accounts
               ORDER BY position, name"""
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
        quarantined=one("SELECT count(*) FROM quarantine WHERE resolved_at IS NULL"),
        free_bytes=one("PRAGMA freelist_count") * one("PRAGMA page_size"),
    )
