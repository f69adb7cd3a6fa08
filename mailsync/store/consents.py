"""`consents`: what the person allowed mailsync to do with an account, scope by scope.

Granting and revoking is on record; `require` is asked within the transaction, or before the step, that needs a scope.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from mailsync.privacy import consent
from mailsync.record import record
from mailsync.store import accounts, onestep


@record(frozen=True)
class Consent:
    """One scope of one account; times in Unix seconds. Revoked when `revoked_at` is set."""

    account: str
    scope: str
    granted_at: float
    revoked_at: float | None


def grant(connection: sqlite3.Connection, account: str, scopes: Iterable[str], at: float) -> None:
    """Grant scopes; those that are granted stay as they are."""
    held = granted(connection, account)
    new = [scope for scope in scopes if scope not in held]
    connection.executemany(
        """INSERT INTO consents (account, scope, granted_at) VALUES (?, ?, ?)
           ON CONFLICT (account, scope) DO UPDATE SET revoked_at = NULL, granted_at = excluded.granted_at""",
        [(account, scope, at) for scope in new],
    )
    _note(connection, "consent_granted", account, new, at)


def revoke(connection: sqlite3.Connection, account: str, scopes: Iterable[str], at: float) -> None:
    """Take scopes back; those that are not granted stay as they are. Screens show at once what the account lacks."""
    held = granted(connection, account)
    gone = [scope for scope in scopes if scope in held]
    connection.executemany(
        "UPDATE consents SET revoked_at = ? WHERE account = ? AND scope = ?", [(at, account, scope) for scope in gone]
    )
    _note(connection, "consent_revoked", account, gone, at)
    lacking = consent.missing(held.difference(gone))
    if gone and lacking:
        told, hint = f"consent is missing: {', '.join(lacking)}", consent.how_to_grant(account, lacking)
        accounts.set_state(connection, account, "needs_consent", at, told, hint)


def _note(connection: sqlite3.Connection, action: str, account: str, scopes: list[str], at: float) -> None:
    from mailsync.store import audit

    facts: dict[str, Any] = dict.fromkeys(scopes, True)
    if scopes:
        audit.record(connection, action, at=at, account=account, **facts)


def granted(connection: sqlite3.Connection, account: str) -> frozenset[str]:
    """The scopes that are granted at present."""
    rows = connection.execute("SELECT scope FROM consents WHERE account = ? AND revoked_at IS NULL", (account,))
    return frozenset(row[0] for row in rows)


def allowing(connection: sqlite3.Connection, scope: str) -> list[str]:
    """The accounts that a scope is granted for at present."""
    return onestep.column(connection, "SELECT account FROM consents WHERE scope = ? AND revoked_at IS NULL", (scope,))


def require(connection: sqlite3.Connection, account: str, scopes: Iterable[str] = consent.REQUIRED) -> None:
    """ConsentMissing unless these scopes are granted at present; by default those without which nothing is synced."""
    consent.require(account, granted(connection, account), scopes)


def attachments_allowed(connection: sqlite3.Connection, account: str) -> bool:
    """The gate for all that takes attachments out of messages, to save, index or hand them on: ask it each time."""
    return not consent.missing(granted(connection, account), consent.FOR_ATTACHMENTS)


def listing(connection: sqlite3.Connection) -> list[Consent]:
    """Every consent ever given, by account and scope."""
    rows = connection.execute("SELECT account, scope, granted_at, revoked_at FROM consents ORDER BY account, scope")
    return [Consent(*row) for row in rows]
