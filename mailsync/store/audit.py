"""`audit_log`: what was done to the accounts and with the mail, append-only and chained by hashes.

Triggers refuse to change or delete a row, and AUTOINCREMENT's counter betrays a tail that was cut off. The rules of
the chain are `privacy.audit`. Addresses are kept as digests under a key of their own, `audit.key` beside the database:
without it nobody can tell whose they are, and the chain can be verified all the same.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from functools import cache
from pathlib import Path
from typing import Any

from mailsync.errors import StoreError
from mailsync.privacy import audit
from mailsync.privacy.audit import Chain, Row, Verdict

KEY_NAME = "audit.key"
KEY_BYTES = 32
_COLUMNS = "seq, at, actor, action, account, address, outcome, detail, previous, hash"


def record(
    connection: sqlite3.Connection,
    action: str,
    *,
    at: float,
    account: str = "",
    address: str = "",
    outcome: str = "ok",
    **numbers: int | float | str | bool,
) -> None:
    """Add a row, within the write transaction of the thing that it tells of: both are there, or neither.

    `account` is the name in config.toml, `outcome` "ok" or the name of an error type, `address` is kept as a digest.
    ValueError for an unknown action and for text that is no word of mailsync's own; StoreError when the key of the
    addresses cannot be had.
    """
    if action not in audit.ACTIONS:
        raise ValueError(f"the audit trail knows no action {action!r}")
    # Behind what was ever written, not only behind what is there: a row that was cut off leaves a gap.
    last = connection.execute("SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
    seq = max(_issued(connection), last[0] if last else 0) + 1
    row = Row(
        seq,
        float(at),
        _actor(),
        action,
        named(connection, account),
        audit.pseudonym(key(connection), address) if address else "",
        audit.word(outcome),
        audit.detail(numbers),
        last[1] if last else audit.GENESIS,
        "",
    )
    connection.execute(
        f"INSERT INTO audit_log ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row._replace(hash=audit.digest(row)),
    )


def named(connection: sqlite3.Connection, account: str) -> str:
    """How rows name an account: by its name, or by a digest where that is an address."""
    return audit.pseudonym(key(connection), account) if "@" in account else account


def last(connection: sqlite3.Connection, account: str, action: str) -> Row | None:
    """The newest row of an action on an account."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM audit_log WHERE account = ? AND action = ? ORDER BY seq DESC LIMIT 1",
        (named(connection, account), action),
    ).fetchone()
    return Row(*row) if row else None


def listing(
    connection: sqlite3.Connection,
    *,
    account: str | None = None,
    action: str | None = None,
    since: float | None = None,
    limit: int = 100,
) -> list[Row]:
    """The newest `limit` rows that fit, oldest first; `since` in Unix seconds."""
    conditions: list[tuple[str, Any]] = []
    if account is not None:
        conditions.append(("account = ?", named(connection, account)))
    if action is not None:
        conditions.append(("action = ?", action))
    if since is not None:
        conditions.append(("at >= ?", since))
    where = f"WHERE {' AND '.join(text for text, _ in conditions)}" if conditions else ""
    values = [value for _, value in conditions]
    rows = connection.execute(f"SELECT {_COLUMNS} FROM audit_log {where} ORDER BY seq DESC LIMIT ?", (*values, limit))
    return [Row(*row) for row in rows][::-1]


def verify(connection: sqlite3.Connection, expected: str = "") -> Verdict:
    """Go over the whole chain, a row at a time; `expected` is a hash that was its head once."""
    verdict, chain = Verdict(), Chain()
    rows = connection.execute(f"SELECT {_COLUMNS} FROM audit_log ORDER BY seq")
    rows.row_factory = None
    for values in rows:
        row = Row(*values)
        verdict.add(chain.follow(row))
        if row.hash == expected:
            verdict.expected_at = row.seq
    verdict.add(chain.end(_issued(connection)))
    verdict.rows, verdict.head = chain.rows, chain.head
    return verdict


def key(connection: sqlite3.Connection) -> bytes:
    """The key of the addresses, made where there is none. With a new one digests begin anew; no row is harmed."""
    folder = Path(connection.execute("PRAGMA database_list").fetchone()[2]).parent
    path = folder / KEY_NAME
    try:
        with contextlib.suppress(FileNotFoundError):
            found = path.read_bytes()
            if len(found) == KEY_BYTES:
                return found
            path.unlink()
        # Whole before it has its name; whoever comes first gives it.
        draft = folder / f".{KEY_NAME}.{os.urandom(8).hex()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot use {path}: {error.strerror}", hint="it must be readable by you alone") from error


def _issued(connection: sqlite3.Connection) -> int:
    """How many rows were ever written."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit_log'").fetchone()
    return int(row[0]) if row else 0


@cache
def _actor() -> str:
    """The user of the operating system that this process runs as; by number where the name says more than that."""
    import pwd

    try:
        return audit.word(pwd.getpwuid(os.getuid()).pw_name)
    except (KeyError, ValueError):
        return f"uid:{os.getuid()}"
