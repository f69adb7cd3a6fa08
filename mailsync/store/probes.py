"""`probes`: what a server was found to do, by asking it. Each finding expires, since servers change."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from mailsync.record import record

CERTIFICATE = "tls_not_after"
"""The finding when the server's TLS certificate ends, in Unix seconds."""
QUIRKS = "quirks"
"""The finding which known quirks of servers matched: a JSON list of [name, why]."""
THROTTLED = "throttled"
"""The finding that a server asked for a pause: its words, valid for as long."""


@record(frozen=True)
class Finding:
    """One thing learned; times in Unix seconds. What `value` may be is up to whoever probed."""

    value: str
    learned_at: float
    expires_at: float


def valid(connection: sqlite3.Connection, account_id: int, at: float) -> dict[str, Finding]:
    """Every finding about an account's server that has not expired, by name."""
    rows = connection.execute(
        """SELECT name, value, learned_at, expires_at FROM probes WHERE account_id = ? AND expires_at > ?
           ORDER BY name""",
        (account_id, at),
    )
    return {row[0]: Finding(row[1], row[2], row[3]) for row in rows}


def put(
    connection: sqlite3.Connection, account_id: int, found: Mapping[str, str], at: float, expires_at: float
) -> None:
    """Findings by name; each replaces what was known under it."""
    connection.executemany(
        """INSERT INTO probes (account_id, name, value, learned_at, expires_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (account_id, name) DO UPDATE SET value = excluded.value, learned_at = excluded.learned_at,
               expires_at = excluded.expires_at""",
        [(account_id, name, value, at, expires_at) for name, value in found.items()],
    )


def forget(connection: sqlite3.Connection, account_id: int, names: Sequence[str]) -> None:
    connection.executemany(
        "DELETE FROM probes WHERE account_id = ? AND name = ?", [(account_id, name) for name in names]
    )
