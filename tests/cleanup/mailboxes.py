"""A store with mail in it, as a sync leaves it, and a configuration of who the user is, for tests of scans."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from mailsync.cleanup.scan import Found, scan
from mailsync.config.models import Config
from mailsync.store import cleanups
from mailsync.store.cleanups import Cleanup, Item
from mailsync.store.database import Store
from tests.cleanup.letters import ME, NOW
from tests.store.filled import Letter, fill

USES = {"Trash": "\\Trash", "Sent": "\\Sent", "Drafts": "\\Drafts", "Archive": "\\Archive", "Junk": "\\Junk"}


def configured(cleanup: Mapping[str, Any] | None = None, **more: Any) -> Config:
    """One account, `work`, of the user of `letters`; `more` is in place of what it says of them."""
    account = {
        "email": "max@example.com",
        "aliases": sorted(ME.addresses),
        "names": list(ME.names),
        "host": "imap.example.com",
    }
    return Config.model_validate({"accounts": {"work": account | more}, "cleanup": dict(cleanup or {})})


def mirrored(store: Store, letters: Iterable[Letter]) -> list[int]:
    """Store messages in folders that were synced; their ids."""
    ids = fill(store, letters)

    def settle(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE folders SET uidvalidity = 7, first_sync_at = 1.0")
        connection.executemany(
            "UPDATE folders SET special_use = ? WHERE name = ?", [(use, name) for name, use in USES.items()]
        )

    store.write(settle).result()
    return ids


def scanned(store: Store, config: Config | None = None, now: float = NOW) -> tuple[Found, dict[str, list[Item]]]:
    """What a scan found, and what it proposes by rule."""
    found = scan(store, config or configured(), "work", now)
    return found, {one.rule: items(store, one.id) for one in proposed(store, found, now)}


def proposed(store: Store, found: Found, now: float = NOW) -> list[Cleanup]:
    """The new lists."""
    with store.read() as connection:
        return [cleanups.get(connection, number, now) for number in found.cleanups]


def items(store: Store, number: int) -> list[Item]:
    """All that is on a list."""
    with store.read() as connection:
        return cleanups.items(connection, number, limit=100_000)
