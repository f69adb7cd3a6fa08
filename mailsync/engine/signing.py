"""A person's sign-in at an OAuth2 provider as the rest of mailsync sees it: on record, and followed by a sync."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mailsync.accounts.vault import Vault
from mailsync.config.models import Config
from mailsync.errors import MailsyncError
from mailsync.store import audit, jobs
from mailsync.store.database import Store
from mailsync.store.lock import owner

FOLDER = "secrets"
SYNC_PRIORITY = 10


def vault_of(config: Config, data_dir: Path) -> Vault:
    """Where the secrets of a data directory are."""
    return Vault(data_dir / FOLDER, config.general.secrets)


def signed_in(store: Store, data_dir: Path, name: str, address: str, at: float) -> None:
    """Record a sign-in that is stored; a running engine syncs the account at once."""
    runs = owner(data_dir) is not None

    def write(connection: sqlite3.Connection) -> None:
        audit.record(connection, "login", at=at, account=name, address=address)
        if runs:
            jobs.insert(connection, "sync", at, account=name, priority=SYNC_PRIORITY)

    store.write(write, durable=True).result()


def refused(store: Store, name: str, address: str, error: MailsyncError, at: float) -> None:
    """Record a sign-in that came to nothing."""
    outcome = type(error).__name__
    store.write(lambda c: audit.record(c, "login", at=at, account=name, address=address, outcome=outcome)).result()


def signed_out(store: Store, name: str, address: str, at: float, *, revoked: bool) -> None:
    """Record that an account's tokens are forgotten, and whether their provider ended them."""
    store.write(
        lambda c: audit.record(c, "logout", at=at, account=name, address=address, revoked=revoked), durable=True
    ).result()
