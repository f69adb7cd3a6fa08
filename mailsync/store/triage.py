"""The messages that may come first: those of a search that have a score, by their points, flags and dates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mailsync.store import onestep
from mailsync.store.documents import SHIFT
from mailsync.store.scores import MINE, is_away
from mailsync.store.search import FEW, Search

PASSED_OVER = ("\\Sent", "\\Drafts", "\\Junk", "\\Trash")
"""Special uses of folders whose messages want nothing of anybody."""
_DELETED_OR_DRAFT = 8 | 16
_OF_FLAGS = ("unread", "flagged", "answered", "archived")
_OF_ORIGINS = ("known", "answers", "ignores")
_FLAGGED = "iif(m.flags & 1, 0, :unread) + iif(m.flags & 4, :flagged, 0) + iif(m.flags & 2, :answered, 0)"
_KNOWN = """:known * a.written / (a.written + 1.0)
            + iif(o.messages >= 3, (:answers * o.answered + :ignores * o.ignored) / (o.messages + 2.0), 0)"""
"""What `pipeline.scores.moving` adds for flags, and for who sent it."""


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

    @property
    def date(self) -> int:
        """Unix seconds."""
        return self.document_id >> SHIFT


class Candidates(Search):
    """A search for what wants something of the user: not what is from the user, a draft, deleted, or in the folders
    for that."""

    def span(self) -> tuple[int, int]:
        """The first and the last document that may be among them."""
        low, high = self._connection.execute("SELECT min(id), max(id) FROM scores").fetchone()
        if low is None:
            return 0, -1
        return max(low, self._where.low), min(high, self._where.high)

    def edge(self, count: int, low: int, high: int) -> int:
        """The document that so many of those from `low` to `high` are not older than; `low` if there are less."""
        row = self._connection.execute(
            "SELECT id FROM scores WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1 OFFSET ?", (low, high, count - 1)
        ).fetchone()
        return low if row is None else int(row[0])

    def within(self, low: int, high: int, least: float, weights: Mapping[str, float]) -> list[Candidate]:
        """Those of the documents from `low` to `high` that have so many `points` at least; in no order."""
        where = self._where
        given = {name: weights.get(name, 0.0) for name in _OF_FLAGS + _OF_ORIGINS}
        flags = sum(max(given[name], 0.0) for name in _OF_FLAGS)
        origins = sum(max(given[name], 0.0) for name in _OF_ORIGINS)
        source, conditions = self._scored()
        away = is_away(self._connection, "m")
        over = ", ".join(str(folder.id) for folder in where.names.folders if folder.special_use in PASSED_OVER)
        rows = onestep.rows(
            self._connection,
            12,
            f"""SELECT m.id, d.id, d.thread_id, d.features, m.flags,
                       s.points + {_KNOWN} + {_FLAGGED} + iif({away}, :archived, 0) AS points,
                       s.known, {away}, a.written, o.messages, o.answered, o.ignored
                FROM {source}
                WHERE NOT s.known & {MINE} AND s.points >= :alone AND s.points + {_KNOWN} >= :unread_or_flagged
                      AND s.points + {_KNOWN} + {_FLAGGED} >= :least
                      AND NOT m.flags & {_DELETED_OR_DRAFT} AND m.folder_id NOT IN ({over}) {conditions}""",
            self._bound(max(low, where.low), min(high, where.high))
            | given
            | {
                "least": least - max(given["archived"], 0.0),
                "unread_or_flagged": least - flags,
                "alone": least - flags - origins,
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

    def written_between(self, thread_id: int) -> tuple[int, int] | None:
        """The first and the last document of a thread that is from the user; None without any."""
        row = self._connection.execute(
            f"""SELECT min(s.id), max(s.id) FROM documents d CROSS JOIN scores s ON s.id = d.id
                WHERE d.thread_id = ? AND s.known & {MINE}""",
            (thread_id,),
        ).fetchone()
        return None if row[0] is None else (row[0], row[1])
