"""The judge of a run: the guard, asked again for each message before anything is done to it, and the rule as well.

The mirror has been synced just before, so that what it knows of a message is what the server says.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mailsync.cleanup import guard
from mailsync.cleanup.guard import Facts
from mailsync.model import Flag
from mailsync.query.parse import parse
from mailsync.record import record
from mailsync.store import candidates, cleanup_runs
from mailsync.store.cleanup_runs import Row, Run
from mailsync.store.search import Search

if TYPE_CHECKING:
    from mailsync.config.models import Config

DUPLICATES = "duplicates"
"""The rule that needs another copy to stay."""
_BY_FLAGS = re.compile(r"\bis:(?:un)?read\b", re.IGNORECASE)


@record
class Sparing:
    """What is not touched of the list of a run, by a configuration; `now` in Unix seconds."""

    config: Config
    run_id: int
    now: float
    _run: Run | None = field(default=None, init=False)
    _found: frozenset[int] | None = field(default=None, init=False)
    """Messages of the list that its query still finds; None where it has none."""
    _flags: dict[int, int] = field(default_factory=dict, init=False)
    """By the number of the row, as the query saw them."""

    def spared(self, connection: sqlite3.Connection, read: Sequence[tuple[Row, bytes]]) -> dict[int, str]:
        """Why messages are not touched, by the number of the row, of those that are not."""
        run = self._run or self._begin(connection)
        ties = guard.ties(connection, self.config, self.now)
        ids = [row.message_id for row, _ in read]
        known = {one.id: one for one in candidates.rows(connection, ids)}
        copied = cleanup_runs.copied(connection, run.cleanup_id, ids) if run.rule == DUPLICATES else frozenset(ids)
        found: dict[int, str] = {}
        for row, raw in read:
            mirrored = known.get(row.message_id)
            if mirrored is None:
                found[row.number] = "the mirror has it no more"
                continue
            facts = Facts(raw, row.digest, 0, "", mirrored.internaldate, "", mirrored.doubt)
            why = guard.never(facts, ties) or ""
            if not why and self._found is not None and row.message_id not in self._found:
                why = "the rule finds it no more"
            if not why and row.message_id not in copied:
                why = "there is no other copy of it any more"
            if why:
                found[row.number] = why
            self._flags[row.number] = mirrored.flags
        return found

    def state(self, row: Row, flags: int, keywords: tuple[str, ...]) -> str:
        """Why a message with these flags is not touched, "" for nothing."""
        why = guard.by_state(Facts(None, None, flags, " ".join(keywords))) or ""
        seen = self._flags.pop(row.number, flags)
        if not why and row.state == "waiting" and self._run is not None and _BY_FLAGS.search(self._run.query):
            why = "it was marked read or unread since" if (seen ^ flags) & Flag.SEEN else ""
        return why

    def _begin(self, connection: sqlite3.Connection) -> Run:
        """Ask the query of the list once more."""
        self._run = run = cleanup_runs.get(connection, self.run_id)
        if run.query:
            today = datetime.fromtimestamp(self.now, UTC).date()
            addresses = {name: [one.email, *one.aliases] for name, one in self.config.accounts.items()}
            asked = Search(connection, parse(run.query), today=today, addresses=addresses, accounts=[run.account])
            listed = cleanup_runs.listed(connection, run.cleanup_id)
            self._found = frozenset(number for chunk in asked.chunks() for number in chunk if number in listed)
        return run
