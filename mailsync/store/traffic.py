"""`traffic`: bytes received from each account's server, by UTC day. What a daily budget is held against."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from mailsync.record import record

KEPT_DAYS = 400
"""A year and a little, so that the same month of two years can be compared."""


def day_of(at: float) -> str:
    """The UTC day of a moment (Unix seconds) as stored: "2026-11-21"."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def add(connection: sqlite3.Connection, account_id: int, at: float, received: int) -> None:
    """Bytes received at about the moment `at`; days that are too old to matter go."""
    inserted = connection.execute(
        """INSERT INTO traffic (account_id, day, received) VALUES (?, ?, ?)
           ON CONFLICT (account_id, day) DO UPDATE SET received = received + excluded.received
           RETURNING received""",
        (account_id, day_of(at), received),
    ).fetchone()
    if inserted[0] == received:  # the first of its day
        connection.execute(
            "DELETE FROM traffic WHERE account_id = ? AND day < ?", (account_id, day_of(at - KEPT_DAYS * 86400))
        )


def received(connection: sqlite3.Connection, account_id: int, at: float) -> int:
    """Bytes received on the UTC day of `at`."""
    row = connection.execute(
        "SELECT received FROM traffic WHERE account_id = ? AND day = ?", (account_id, day_of(at))
    ).fetchone()
    return int(row[0]) if row else 0


@record(frozen=True)
class Standing:
    """A folder on the server against its mirror: messages and bytes, the server's bytes where it tells them."""

    server_messages: int
    messages: int
    bytes: int
    server_bytes: int | None


def standing(connection: sqlite3.Connection, account_id: int) -> tuple[list[Standing], float | None]:
    """Every folder of an account, and the INTERNALDATE (Unix seconds) down to which those under way are mirrored."""
    rows = connection.execute(
        """SELECT coalesce(server_messages, messages), messages, bytes, server_bytes,
                  iif(messages < server_messages,
                      (SELECT min(internaldate) FROM messages m WHERE m.folder_id = f.id), NULL)
           FROM folders f WHERE account_id = ? AND gone_at IS NULL""",
        (account_id,),
    ).fetchall()
    dates = [row[4] for row in rows if row[4] is not None]
    return [Standing(*row[:4]) for row in rows], max(dates, default=None)


def by_day(connection: sqlite3.Connection, account_id: int, since: float) -> dict[str, int]:
    """Bytes by UTC day, from the day of `since` on, oldest first; days without traffic are absent."""
    rows = connection.execute(
        "SELECT day, received FROM traffic WHERE account_id = ? AND day >= ? ORDER BY day", (account_id, day_of(since))
    )
    return {day: int(count) for day, count in rows}
