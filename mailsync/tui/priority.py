"""A message list by priority: what of a folder, a label or a search wants somebody's attention first, and why."""

from __future__ import annotations

import re
import sqlite3
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mailsync.query.tree import And, Query, Words
from mailsync.store import scores
from mailsync.tui import wording
from mailsync.tui.matches import NOTHING, Matches
from mailsync.tui.sources import Scope

if TYPE_CHECKING:
    from mailsync.pipeline.scores import Score

LISTED = 100
"""Messages in the list. Who has dealt with so many has others by then."""


class PrioritySource:
    """The messages of a search in `scope` with the highest scores; of all that is there without a query.

    `addresses` are those of each account, `clock` gives Unix seconds, `folder` is the name of a scope that is a folder
    or a label.
    """

    outgoing = False

    def __init__(
        self,
        query: Query | None,
        scope: Scope,
        folder: str,
        addresses: Mapping[str, Sequence[str]],
        clock: Callable[[], float],
        matches: Matches = NOTHING,
    ) -> None:
        self._query = _inside(query, scope, folder)
        self._accounts = [scope.account] if scope.account is not None else None
        self._addresses, self._clock = addresses, clock
        self.matches = matches
        self.nothing = "nothing here wants your attention"
        self.scores: Mapping[int, Score] = {}
        """By message, as of the last reading."""

    def horizon(self, connection: sqlite3.Connection) -> object:
        """Never the same: whatever was committed may have changed a score."""
        return object()

    def chunks(self, connection: sqlite3.Connection) -> Iterator[array[int]]:
        from mailsync.pipeline import triage  # its words and patterns take a moment, and a list by date needs none

        found = triage.first(
            connection, self._query, LISTED, self._clock(), addresses=self._addresses, accounts=self._accounts
        )
        self.scores = {one.id: one.score for one in found}
        yield array("q", [one.id for one in found])

    def extended(
        self, connection: sqlite3.Connection, known: array[int], seen: object, now: object
    ) -> array[int] | None:
        return None

    def note(self, connection: sqlite3.Connection) -> str:
        """That there may be more, and whether everything has a score yet."""
        left = scores.left(connection)
        told = [f"the first {LISTED}"] if len(self.scores) == LISTED else []
        return " · ".join([*told, *([f"{wording.messages(left)} not scored yet"] if left else [])])


def _inside(query: Query | None, scope: Scope, folder: str) -> Query | None:
    if scope.folder_id is None:
        return query
    name = re.sub(r"([*?\\])", r"\\\1", folder)
    here = Words("label" if scope.folder_id < 0 else "folder", name)
    return here if query is None else And((query, here))
