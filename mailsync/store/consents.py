"""`consents`: what the person allowed mailsync to do with an account, scope by scope."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Consent:
    """One scope of one account; times in Unix seconds. Revoked when `revoked_at` is set."""

    account: str
    scope: str
    granted_at: float
    revoked_at: float | None


def grant(connection: sqlite3.Connection, account: str, scopes: Iterable[str], at: float) -> None:
    connection.executemany(
        """INSERT INTO consents (account, scope, granted_at) VALUES (?, ?, ?)
           ON CONFLICT (account, scope) DO UPDATE SET revoked_at = NULL,
               granted_at = iif(revoked_at IS NULL, granted_at, excluded.granted_at)""",
        [(account, scope, at) for scope in scopes],
    )


def revoke(connection: sqlite3.Connection, account: str, scopes: Iterable[str], at: float) -> None:
    connection.executemany(
        "UPDATE consents SET revoked_at = ? WHERE account = ? AND scope = ? AND revoked_at IS NULL",
        [(at, account, scope) for scope in scopes],
    )


def granted(connection: sqlite3.Connection, account: str) -> frozenset[str]:
    """The scopes that are granted at present."""
    rows = connection.execute("SELECT scope FROM consents WHERE account = ? AND revoked_at IS NULL", (account,))
    return frozenset(row[0] for row in rows)


def listing(connection: sqlite3.Connection) -> list[Consent]:
    """Every consent ever given, by account and scope."""
    rows = connection.execute("SELECT account, scope, granted_at, revoked_at FROM consents ORDER BY account, scope")
    return [Consent(*row) for row in rows]
