"""The judge of a run: the guard, asked again for each message before anything is done to it, and the rule as well.

The mirror has been synced just before, so that what it knows of a message is what the server says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from mailsync.cleanup import guard
from mailsync.cleanup.guard import Facts
from mailsync.cleanup.predicate import OTHERWISE, Predicate, predicate
from mailsync.pipeline import correspondents
from mailsync.pipeline.addressing import identity
from mailsync.record import record
from mailsync.store import candidates
from mailsync.store.cleanup_runs import Row
from mailsync.store.database import Store

if TYPE_CHECKING:
    from mailsync.config.models import Config


@record
class Sparing:
    """What is not touched of the list of a run, by a configuration; `now` in Unix seconds."""

    config: Config
    now: float
    run_id: int
    _predicate: Predicate | None = field(default=None, init=False)

    def learn(self, store: Store) -> None:
        """Whom the user has written to by now; blocks."""
        correspondents.catch_up(store, identity(self.config))

    def spared(self, connection: sqlite3.Connection, read: Sequence[tuple[Row, bytes]]) -> dict[int, str]:
        """Why messages are not touched, by the number of the row, of those that are not."""
        if self._predicate is None:
            self._predicate = predicate(connection, self.config, self.run_id, self.now)
        ties = guard.ties(connection, self.config, self.now)
        ids = [row.message_id for row, _ in read]
        known = {one.id: one for one in candidates.rows(connection, ids)}
        lost = self._predicate.lost(connection, ids)
        found: dict[int, str] = {}
        for row, raw in read:
            mirrored = known.get(row.message_id)
            if mirrored is None:
                found[row.number] = "the mirror has it no more"
                continue
            facts = Facts(raw, row.digest, 0, "", mirrored.internaldate, "", mirrored.doubt)
            why = guard.never(facts, ties) or lost.get(row.message_id, "")
            if why:
                found[row.number] = why
        return found

    def state(self, row: Row, flags: int, keywords: tuple[str, ...]) -> str:
        """Why a message with these flags is not touched, "" for nothing. A row that was begun may have marked its
        message read or unread itself."""
        why = guard.by_state(Facts(None, None, flags, " ".join(keywords)))
        holds = self._predicate is None or row.state == "begun" or self._predicate.holds(row.message_id, flags)
        return why or ("" if holds else OTHERWISE)
