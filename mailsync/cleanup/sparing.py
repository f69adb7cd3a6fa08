"""The judge of a run: the guard, asked again for each message before anything is done to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailsync.cleanup import guard
from mailsync.cleanup.guard import Facts
from mailsync.record import record
from mailsync.store import candidates
from mailsync.store.cleanup_runs import Row

if TYPE_CHECKING:
    from mailsync.config.models import Config


@record(frozen=True)
class Sparing:
    """What is never touched, by a configuration; `now` in Unix seconds."""

    config: Config
    now: float

    def spared(self, connection: sqlite3.Connection, read: Sequence[tuple[Row, bytes]]) -> dict[int, str]:
        """Why messages are not touched, by the number of the row, of those that are not."""
        ties = guard.ties(connection, self.config, self.now)
        known = {one.id: one for one in candidates.rows(connection, [row.message_id for row, _ in read])}
        found: dict[int, str] = {}
        for row, raw in read:
            mirrored = known.get(row.message_id)
            if mirrored is None:
                found[row.number] = "the mirror has it no more"
                continue
            facts = Facts(raw, row.digest, 0, "", mirrored.internaldate, "", mirrored.doubt)
            why = guard.never(facts, ties) or ""
            if why:
                found[row.number] = why
        return found

    def state(self, flags: int, keywords: tuple[str, ...]) -> str:
        """Why a message with these flags is not touched, "" for nothing."""
        return guard.by_state(Facts(None, None, flags, " ".join(keywords))) or ""
