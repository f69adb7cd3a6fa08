"""What a search looks for, so that screens can mark it: in the list, in a message, in the names of its files. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from mailsync.query import highlight
from mailsync.query.tree import Place, Query

PLACES: tuple[Place, ...] = ("from", "to", "cc", "subject", "body", "filename", "list")
"""Where words are marked."""


class Matches:
    """The words of a query. False where there is nothing to mark."""

    def __init__(self, query: Query | None) -> None:
        self._terms = highlight.terms(query)
        self._here: dict[tuple[Place, ...], list[highlight.Term]] = {}

    def __bool__(self) -> bool:
        return bool(self._terms)

    def spans(self, text: str, places: Sequence[Place] = PLACES) -> list[tuple[int, int]]:
        """What to mark of a text that belongs to these places: starts and ends, ascending and apart."""
        if not self._terms:
            return []
        key = tuple(places)
        if key not in self._here:
            self._here[key] = [term for term in self._terms if term.place == "text" or term.place in key]
        return highlight.spans(text, self._here[key])


NOTHING = Matches(None)
"""Nothing is looked for."""
