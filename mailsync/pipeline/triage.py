"""What comes first: `first`, the messages of a search with the highest scores, at this moment.

The newest documents are looked at before all others, which gives an idea of the score that is needed; then the older
ones, in stretches that each double the age. All that a message has but its conversation is added up by the store, so
that only those are looked at which can still come before the last of the first.
"""

from __future__ import annotations

import bisect
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import TypeAlias

from mailsync.pipeline import scores
from mailsync.query.tree import Query
from mailsync.record import record
from mailsync.store import scores as table
from mailsync.store.documents import SHIFT
from mailsync.store.triage import Candidate, Candidates

NEWEST = 1000
"""Documents that are looked at before all others."""
_NEARLY = 1e-9
"""Sums in another order differ by less."""
_DAY = 86400.0
_Key: TypeAlias = tuple[float, float, int, int, int]
"""Score, confidence and document, all below zero, whether it is away, the message: the smallest comes first."""


@record(frozen=True)
class Ranked:
    """A message, by mailsync's id, and its score."""

    id: int
    score: scores.Score


def first(
    connection: sqlite3.Connection,
    query: Query | None,
    limit: int,
    now: float,
    *,
    since: float | None = None,
    addresses: Mapping[str, Sequence[str]],
    accounts: Sequence[str] | None = None,
) -> list[Ranked]:
    """Up to `limit` messages of a search, see `store.search.Search`: the highest score first, of equal ones the most
    confident, then the newest. `since` (Unix seconds) leaves out older ones. A message that is in several folders is
    there once. Nothing is found before anything was scored.
    """
    terms = table.terms(connection)
    if terms is None:
        return []
    today = datetime.fromtimestamp(now, UTC).date()
    found = Candidates(connection, query, terms.weights, today=today, addresses=addresses, accounts=accounts)
    return _Ranking(found, terms, limit, now).run(since)


class _Ranking:
    def __init__(self, found: Candidates, terms: table.Terms, limit: int, now: float) -> None:
        self.found = found
        self.weights = terms.weights
        self.learn = terms.learn
        self.limit = limit
        self.now = now
        self.best: list[tuple[_Key, Ranked]] = []
        self.keys: dict[int, _Key] = {}
        """Of those, by document."""
        self.needed = -math.inf
        """Points without which a message is not among the first any more."""
        self.written: dict[int, tuple[int, int]] = {}
        """By thread, the first and the last document from the user."""
        self.unsure = math.fsum(max(self.weights.get(name, 0.0), 0.0) for name in ("conversation", "answered"))
        """Points that a conversation may add."""

    def run(self, since: float | None) -> list[Ranked]:
        low, high = self.found.span()
        if since is not None:
            low = max(low, int(since) << SHIFT)
        for begin, end in self.stretches(low, high):
            given = max(self.age(begin), self.age(end)) + self.unsure
            self.take(self.found.within(begin, end, self.needed - given - _NEARLY))
        return [ranked for _, ranked in self.best]

    def age(self, document_id: int) -> float:
        """The points for its age."""
        return scores.age_share(self.days(document_id)) * self.weights.get("age", 0.0)

    def days(self, document_id: int) -> float:
        return (self.now - (document_id >> SHIFT)) / _DAY

    def stretches(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Of documents, the newest first."""
        begin = self.found.edge(NEWEST, low, high)
        while high >= low:
            yield begin, high
            high = begin - 1
            days = 2 * max(self.days(high), 0.5)
            begin = max(low, min(high, int(self.now - days * _DAY) << SHIFT))

    def take(self, candidates: Iterable[Candidate]) -> None:
        hoped = [(one.points + self.age(one.document_id) + self.unsure + _NEARLY, one) for one in candidates]
        hoped.sort(key=itemgetter(0), reverse=True)
        for start in range(0, len(hoped), self.limit):
            page = [one for most, one in hoped[start : start + self.limit] if most >= self.needed]
            if not page:
                return
            self.written |= self.found.written_between({one.thread_id for one in page} - self.written.keys())
            for one in page:
                score = self.score(one)
                key = (-score.score, -score.confidence, -one.document_id, one.away, one.id)
                known = self.keys.get(one.document_id)
                if known is None or key < known:
                    self.put(key, known, one, score)

    def put(self, key: _Key, known: _Key | None, one: Candidate, score: scores.Score) -> None:
        if known is not None:
            del self.best[bisect.bisect_left(self.best, (known,))]
        self.keys[one.document_id] = key
        bisect.insort(self.best, (key, Ranked(one.id, score)))
        if len(self.best) > self.limit:
            last, _ = self.best.pop()
            del self.keys[-last[2]]
        if len(self.best) == self.limit:
            self.needed = scores.points_for(-self.best[-1][0][0], self.weights)

    def score(self, one: Candidate) -> scores.Score:
        written = self.written.get(one.thread_id)
        now = scores.Moving(
            flags=one.flags,
            age=self.days(one.document_id),
            archived=bool(one.away),
            written=one.written,
            takes_part=written is not None and written[0] < one.document_id,
            answered=written is not None and written[1] > one.document_id and not one.known & scores.LISTED,
            habits=scores.Habits(one.messages, one.answered, one.ignored) if self.learn else None,
        )
        reasons = [*scores.settled(one.features, one.known, self.weights), *scores.moving(now, self.weights)]
        return scores.score(reasons, self.weights)
