"""What is set aside, as it is read: for the commands and for the screens."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from mailsync.record import record
from mailsync.store import contents, onestep


@record(frozen=True)
class Aside:
    """A message that was set aside at a stage. Times are Unix seconds; `next_attempt_at` None: not by itself.

    `message_id` is None when the message is gone, `content_id` while its bytes could not be had. `size` in bytes as
    stored or announced, `sha256` in hexadecimal, `version` that of the stage that failed last.
    """

    id: int
    account: str
    folder: str
    uidvalidity: int | None
    uid: int | None
    message_id: int | None
    content_id: int | None
    stage: str
    error: str
    attempts: int
    version: int
    created_at: float
    last_attempt_at: float
    next_attempt_at: float | None
    resolved_at: float | None
    discarded: bool
    size: int
    sha256: str

    @property
    def where(self) -> str:
        """Account, folder and UID."""
        return f"{self.account} / {self.folder}, UID {self.uid}"


_SELECT = """SELECT q.id, a.name, coalesce(f.name, ''), q.uidvalidity, q.uid, m.id, q.content_id, q.stage, q.error,
       q.attempts, q.version, q.created_at, q.last_attempt_at, q.next_attempt_at, q.resolved_at, q.discarded,
       coalesce(c.size, m.size, 0), coalesce(lower(hex(c.digest)), '')
FROM quarantine q JOIN accounts a ON a.id = q.account_id LEFT JOIN folders f ON f.id = q.folder_id
LEFT JOIN messages m ON m.folder_id = q.folder_id AND m.uid = q.uid AND f.uidvalidity = q.uidvalidity
LEFT JOIN contents c ON c.id = q.content_id"""
_WIDTH = 18


def listing(
    connection: sqlite3.Connection,
    *,
    account: str | None = None,
    stage: str | None = None,
    discarded: bool = False,
    limit: int = -1,
) -> list[Aside]:
    """Open entries, the newest first; instead of those that are tried again the discarded ones."""
    return _asides(
        connection,
        """WHERE q.id IN (SELECT id FROM quarantine WHERE resolved_at IS NULL AND discarded = ?1
               AND (?2 IS NULL OR account_id = (SELECT id FROM accounts WHERE name = ?2)) AND (?3 IS NULL OR stage = ?3)
               ORDER BY created_at DESC, id DESC LIMIT ?4)
           ORDER BY q.created_at DESC, q.id DESC""",
        (int(discarded), account, stage, limit),
    )


def find(connection: sqlite3.Connection, ids: Iterable[int]) -> dict[int, Aside]:
    """Those of these entries that there are, closed ones, too."""
    return {one: found for one in ids for found in _asides(connection, "WHERE q.id = ?", (one,))}


def _asides(connection: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[Aside]:
    rows = onestep.rows(connection, _WIDTH, f"{_SELECT} {where}", values)
    return [Aside(*[*row[:15], bool(row[15]), *row[16:]]) for row in rows]


def raw(connection: sqlite3.Connection, aside: Aside) -> bytes | None:
    """The exact bytes of a message that is set aside; None if they could not be had."""
    return contents.load(connection, aside.content_id) if aside.content_id is not None else None


def to_fetch(connection: sqlite3.Connection, ids: Iterable[int]) -> dict[str, list[str]]:
    """The folders, by account, that a sync has to look at for these entries: those of the stage `fetch`."""
    folders: dict[str, list[str]] = {}
    for one in find(connection, ids).values():
        if one.stage == "fetch" and one.folder not in folders.setdefault(one.account, []):
            folders[one.account].append(one.folder)
    return folders
