"""`accounts`: the accounts of config.toml as the engine sees them, with their state."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from mailsync.model import AccountState
from mailsync.store.probes import THROTTLED


def ensure(connection: sqlite3.Connection, accounts: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Rows for (name, email) in this order; returns ids by name. Accounts no longer named keep their mail."""
    ids = {}
    for position, (name, email) in enumerate(accounts):
        connection.execute(
            """INSERT INTO accounts (name, email, position) VALUES (?, ?, ?)
               ON CONFLICT (name) DO UPDATE SET email = excluded.email, position = excluded.position""",
            (name, email, position),
        )
        ids[name] = connection.execute("SELECT id FROM accounts WHERE name = ?", (name,)).fetchone()[0]
    return ids


def id_of(connection: sqlite3.Connection, name: str) -> int:
    """The id of an account that `ensure` has seen."""
    return int(connection.execute("SELECT id FROM accounts WHERE name = ?", (name,)).fetchone()[0])


def waits_for_person(connection: sqlite3.Connection, name: str) -> bool:
    """True while nothing should be tried before someone signs in, consents or corrects the configuration."""
    row = connection.execute("SELECT state FROM accounts WHERE name = ?", (name,)).fetchone()
    return row is not None and row[0] in ("needs_login", "needs_consent", "error")


def needs_login(connection: sqlite3.Connection, name: str) -> bool:
    """True after a refused sign-in, until a sync that someone asked for succeeds."""
    row = connection.execute("SELECT state FROM accounts WHERE name = ?", (name,)).fetchone()
    return row is not None and row[0] == "needs_login"


def needs_consent(connection: sqlite3.Connection, name: str) -> bool:
    """True after work that consent was missing for, until something is done again."""
    row = connection.execute("SELECT state FROM accounts WHERE name = ?", (name,)).fetchone()
    return row is not None and row[0] == "needs_consent"


def resume(connection: sqlite3.Connection, name: str, at: float) -> bool:
    """What needed consent has it again; False where nothing needed it."""
    if not needs_consent(connection, name):
        return False
    set_state(connection, name, "disconnected", at)
    return True


def resumes_at(connection: sqlite3.Connection, name: str) -> float | None:
    """When an account that backs off is tried again by itself (Unix seconds); None for one that does not."""
    row = connection.execute("SELECT resumes_at FROM accounts WHERE name = ?", (name,)).fetchone()
    return row[0] if row is not None else None


def set_state(
    connection: sqlite3.Connection,
    name: str,
    state: AccountState,
    at: float,
    detail: str = "",
    hint: str = "",
    *,
    resumes_at: float | None = None,
) -> None:
    """The account's state from `at` on; `resumes_at` is when it ends by itself."""
    connection.execute(
        """UPDATE accounts SET state_since = iif(state = ?, state_since, ?), state = ?, state_detail = ?,
                  state_hint = ?, resumes_at = ? WHERE name = ?""",
        (state, at, state, detail, hint, resumes_at, name),
    )


def set_line(connection: sqlite3.Connection, name: str, line: str) -> None:
    """Whether connections are compressed, and why, as one line for people."""
    connection.execute("UPDATE accounts SET line = ? WHERE name = ?", (line, name))


def set_server(connection: sqlite3.Connection, name: str, server: str, capabilities: Iterable[str]) -> None:
    """What the server calls itself and what it advertised after sign-in."""
    connection.execute(
        "UPDATE accounts SET server = ?, capabilities = ? WHERE name = ?",
        (server, " ".join(sorted(capabilities)), name),
    )


def described(connection: sqlite3.Connection, name: str) -> tuple[str, str, str]:
    """What is stored of the server: its name, its capabilities, and the line about compression."""
    row = connection.execute("SELECT server, capabilities, line FROM accounts WHERE name = ?", (name,)).fetchone()
    return (row[0], row[1], row[2]) if row is not None else ("", "", "")


def finish_sync(connection: sqlite3.Connection, name: str, at: float, error: str | None, hint: str) -> None:
    """The outcome of a whole sync; `last_sync_at` moves only when it succeeded."""
    connection.execute(
        """UPDATE accounts SET error = ?, error_hint = ?, last_sync_at = iif(? IS NULL, ?, last_sync_at)
           WHERE name = ?""",
        (error, hint if error else None, error, at, name),
    )


def reset_states(connection: sqlite3.Connection, at: float, *, problems: bool) -> None:
    """Nothing is connected or syncing. `problems` also forgets those that wait for a person: try again once.

    A pause that the server asked for holds whoever runs the engine; one of our own ends with it.
    """
    connection.execute(
        """UPDATE accounts SET resumes_at = (SELECT expires_at FROM probes
               WHERE account_id = accounts.id AND probes.name = ? AND expires_at > ?)
           WHERE resumes_at IS NOT NULL""",
        (THROTTLED, at),
    )
    kept = "" if problems else "AND state NOT IN ('needs_login', 'needs_consent', 'error')"
    connection.execute(
        f"""UPDATE accounts SET state = 'disconnected', state_detail = '', state_hint = '', state_since = ?
            WHERE state <> 'disconnected' {kept}""",
        (at,),
    )
    connection.execute("UPDATE folders SET syncing = 0, watch = '', next_sync_at = NULL")


def was_synced(connection: sqlite3.Connection, name: str) -> bool:
    """True when a sync of the account has come to its end before."""
    row = connection.execute("SELECT last_sync_at IS NOT NULL FROM accounts WHERE name = ?", (name,)).fetchone()
    return bool(row and row[0])
