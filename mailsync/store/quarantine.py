"""`quarantine`: messages that failed at a stage, set aside so that the rest goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


def add(
    connection: sqlite3.Connection,
    account_id: int,
    folder_id: int,
    uidvalidity: int,
    uids: Iterable[int],
    stage: str,
    error: str,
    at: float,
) -> None:
    """Set messages aside, or count one more attempt on those already here."""
    newest = _newest(connection)
    connection.executemany(
        """INSERT INTO quarantine (account_id, folder_id, uidvalidity, uid, stage, error, created_at, last_attempt_at)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
           ON CONFLICT (folder_id, uidvalidity, uid, stage) WHERE resolved_at IS NULL
           DO UPDATE SET attempts = attempts + 1, last_attempt_at = excluded.last_attempt_at, error = excluded.error""",
        ((account_id, folder_id, uidvalidity, uid, stage, error, at) for uid in uids),
    )
    _note(connection, newest, stage, at)


def add_content(connection: sqlite3.Connection, content_id: int, stage: str, error: str, at: float) -> None:
    """Set aside a stored message that a pipeline stage could not digest, for each folder it is in."""
    newest = _newest(connection)
    connection.execute(
        """INSERT INTO quarantine (account_id, folder_id, uidvalidity, uid, content_id, stage, error, created_at,
                                   last_attempt_at)
           SELECT f.account_id, f.id, f.uidvalidity, m.uid, m.content_id, ?2, ?3, ?4, ?4
           FROM messages m JOIN folders f ON f.id = m.folder_id WHERE m.content_id = ?1
           ON CONFLICT (folder_id, uidvalidity, uid, stage) WHERE resolved_at IS NULL
           DO UPDATE SET attempts = attempts + 1, last_attempt_at = excluded.last_attempt_at, error = excluded.error""",
        (content_id, stage, error, at),
    )
    _note(connection, newest, stage, at)


def _newest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM quarantine").fetchone()[0])


def _note(connection: sqlite3.Connection, newest: int, stage: str, at: float) -> None:
    """Put on record what was set aside for the first time: the entries after `newest`."""
    from mailsync.store import audit

    rows = connection.execute(
        """SELECT a.name, count(*) FROM quarantine q JOIN accounts a ON a.id = q.account_id
           WHERE q.id > ? GROUP BY a.id""",
        (newest,),
    )
    for account, number in rows.fetchall():
        audit.record(connection, "quarantined", at=at, account=account, count=number, stage=stage)


_DUE = "stage = 'fetch' AND resolved_at IS NULL AND last_attempt_at + 60.0 * (1 << min(attempts - 1, 12)) <= ?"
"""Each attempt doubles the wait for the next, from one minute to three days."""


def due(connection: sqlite3.Connection, folder_id: int, before: float) -> frozenset[int]:
    """UIDs of a folder whose failed fetch should be tried again."""
    rows = connection.execute(f"SELECT uid FROM quarantine WHERE folder_id = ? AND {_DUE}", (folder_id, before))
    return frozenset(row[0] for row in rows)


def folders_due(connection: sqlite3.Connection, account_id: int, before: float) -> frozenset[int]:
    """The folders of an account that have a message which `due` would give."""
    rows = connection.execute(
        f"SELECT DISTINCT folder_id FROM quarantine WHERE account_id = ? AND {_DUE}", (account_id, before)
    )
    return frozenset(row[0] for row in rows)


def settle(connection: sqlite3.Connection, folder_id: int, at: float) -> None:
    """Close the entries of messages that are no longer in the folder."""
    connection.execute(
        """UPDATE quarantine SET resolved_at = ? WHERE folder_id = ? AND resolved_at IS NULL AND NOT EXISTS (
               SELECT 1 FROM messages m WHERE m.folder_id = quarantine.folder_id AND m.uid = quarantine.uid)""",
        (at, folder_id),
    )


def rekey(connection: sqlite3.Connection, folder_id: int, uidvalidity: int, at: float) -> None:
    """The folder's messages have new UIDs under `uidvalidity`: entries follow their content, the others are closed."""
    connection.execute(
        """UPDATE OR IGNORE quarantine SET uid = m.uid, uidvalidity = ?1 FROM messages m
           WHERE quarantine.folder_id = ?2 AND resolved_at IS NULL AND m.folder_id = ?2
             AND m.content_id = quarantine.content_id""",
        (uidvalidity, folder_id),
    )
    connection.execute(
        """UPDATE quarantine SET resolved_at = ?1
           WHERE folder_id = ?2 AND resolved_at IS NULL AND uidvalidity IS NOT ?3""",
        (at, folder_id, uidvalidity),
    )


def count(connection: sqlite3.Connection) -> int:
    """How many messages are set aside at present."""
    return int(connection.execute("SELECT count(*) FROM quarantine WHERE resolved_at IS NULL").fetchone()[0])
