"""The messages that may come first: those of a search that have a score, by their points, flags and dates."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from mailsync.query.tree import Query
from mailsync.store import onestep
from mailsync.store.scores import MINE, is_away
from mailsync.store.search import FEW, Search

PASSED_OVER = ("\\Sent", "\\Drafts", "\\Junk", "\\Trash")
"""Special uses of folders whose messages want nothing of anybody."""
_DELETED_OR_DRAFT = 8 | 16
_OF_FLAGS = ("unread", "flagged", "answered", "archived")
_OF_ORIGINS = ("known", "answers", "ignores")
_FLAGGED = "iif(m.flags & 1, 0, :unread) + iif(m.flags & 4, :flagged, 0) + iif(m.flags & 2, :answered, 0)"
_KNOWN = ":known * a.written / (a.written + 1.0)"
_HABIT = "iif(o.messages >= 3, (:answers * o.answered + :ignores * o.ignored) / (o.messages + 2.0), 0)"
"""What `pipeline.scores.moving` adds for flags, for the author, and for what the user does with the origin."""


class Candidate(NamedTuple):
    """A message with a score. `away`: it is where messages are put away to. `points` are all but those for its age and
    its conversation."""

    id: int
    document_id: int
    thread_id: int
    features: int
    flags: int
    points: float
    known: int
    away: bool
    written: int
    messages: int
    answered: int
    ignored: int


class Candidates(Search):
    """A search, as `search.Search`, for what wants something of the user: not what is from the user, a draft, deleted,
    or in the folders for that. `weights` are those of `[triage.weights]`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        query: Query | None,
        weights: Mapping[str, float],
        *,
        today: date,
        addresses: Mapping[str, Sequence[str]],
        accounts: Sequence[str] | None = None,
    ) -> None:
        super().__init__(connection, query, today=today, addresses=addresses, accounts=accounts)
        self._weights = {name: weights.get(name, 0.0) for name in _OF_FLAGS + _OF_ORIGINS}
        self._of_flags = sum(max(self._weights[name], 0.0) for name in _OF_FLAGS)
        known, habit = connection.execute(
            f"SELECT max({_KNOWN}), max({_HABIT}) FROM (SELECT * FROM origins) a CROSS JOIN origins o ON o.id = a.id",
            self._weights,
        ).fetchone()
        self._of_origins = max(known or 0.0, 0.0) + max(habit or 0.0, 0.0)
        self._away = is_away(connection, "m")
        over = ", ".join(str(one.id) for one in self._where.names.folders if one.special_use in PASSED_OVER)
        self._wanted = f"NOT s.known & {MINE} AND NOT m.flags & {_DELETED_OR_DRAFT} AND m.folder_id NOT IN ({over})"

    def span(self) -> tuple[int, int]:
        """The first and the last document that may be among them."""
        low, high = self._connection.execute(
            "SELECT (SELECT min(id) FROM scores), (SELECT max(id) FROM scores)"
        ).fetchone()
        if low is None:
            return 0, -1
        return max(low, self._where.low), min(high, self._where.high)

    def edge(self, count: int, low: int, high: int) -> int:
        """The document that so many of those from `low` to `high` are not older than; `low` if there are less."""
        row = self._connection.execute(
            "SELECT id FROM scores WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1 OFFSET ?", (low, high, count - 1)
        ).fetchone()
        return low if row is None else int(row[0])

    def within(self, low: int, high: int, least: float) -> list[Candidate]:
        """Those of the documents from `low` to `high` that have so many `points` at least; in no order."""
        source, conditions = self._scored()
        rows = onestep.rows(
            self._connection,
            12,
            f"""SELECT m.id, d.id, d.thread_id, d.features, m.flags,
                       s.points + {_KNOWN} + {_HABIT} + {_FLAGGED} + iif({self._away}, :archived, 0) AS points,
                       s.known, {self._away}, a.written, o.messages, o.answered, o.ignored
                FROM {source}
                WHERE s.points >= :alone AND s.points + {_KNOWN} + {_HABIT} >= :without_flags
                      AND s.points + {_KNOWN} + {_HABIT} + {_FLAGGED} >= :without_place
                      AND {self._wanted} {conditions}""",
            {
                **self._bound(max(low, self._where.low), min(high, self._where.high)),
                **self._weights,
                "without_place": least - max(self._weights["archived"], 0.0),
                "without_flags": least - self._of_flags,
                "alone": least - self._of_flags - self._of_origins,
            },
        )
        return [Candidate(*row) for row in rows]

    def _scored(self) -> tuple[str, str]:
        """Tables, those that are small and leave most out before the others, and the conditions on them."""
        where = self._where
        of = "CROSS JOIN origins a ON a.id = s.sender CROSS JOIN origins o ON o.id = s.origin"
        if where.match is None and self._few is not None and self._few[1] <= FEW:
            gathered = f"SELECT m.id AS message, d.id AS id {self._gathered(self._few[0])}"
            source = f"""({gathered}) g CROSS JOIN scores s ON s.id = g.id {of} CROSS JOIN documents d ON d.id = s.id
                         CROSS JOIN messages m ON m.id = g.message"""
            return source, ""
        conditions = f"AND s.id BETWEEN :low AND :high {self._conditions()}"
        if where.match is not None:
            found = "SELECT rowid FROM words WHERE words MATCH :match AND rowid BETWEEN :low AND :high"
            conditions += f" AND s.id IN ({found})"
        source = f"""scores s {of} CROSS JOIN documents d ON d.id = s.id
                     CROSS JOIN messages m ON m.content_id = d.content_id"""
        return source, conditions

    def written_between(self, threads: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Of those of these threads that have messages from the user: the first and the last such document."""
        rows = self._connection.execute(
            f"""SELECT d.thread_id, min(s.id), max(s.id) FROM json_each(?) t
                CROSS JOIN documents d ON d.thread_id = t.value CROSS JOIN scores s ON s.id = d.id
                WHERE s.known & {MINE} GROUP BY d.thread_id""",
            (json.dumps([*threads]),),
        )
        return {thread: (first, last) for thread, first, last in rows}
