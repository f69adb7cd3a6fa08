"""Where a text has the words that a query looks for, and the piece of it that shows them best.

Pure, and by the same words as the index: what is marked is what was found. Words that are negated, and those that name
accounts, folders and labels, are not looked for in texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from mailsync.query.tokens import indexable, readable, tokens
from mailsync.query.tree import And, Not, Or, Query, Words
from mailsync.query.unicode61 import Folding

START, END = "\x02", "\x03"
"""Around each marked word of a snippet."""
LONGEST = 160
"""Characters of a snippet, about."""
_SEARCHED = 20_000
"""Characters of a body that a snippet is looked for in: a bound on what one hit costs."""
_MOST = 200
"""Places that are considered for a snippet."""
_TERMS = 50
"""Terms that are looked for in texts; a query of more is no person's."""
_BEFORE = 40
"""Characters before the first word of a snippet, about."""
_NAMES = ("account", "folder", "label")
_COLUMNS = ("subject", "from", "to", "cc", "body", "filename", "list")
_BEYOND = re.compile("[^\x00-\x7f]+")


class Term(NamedTuple):
    """Words that follow each other, as the index has them, in a column or ("text") in any; the last may go on."""

    place: str
    words: tuple[str, ...]
    prefix: bool


def term(words: Words) -> Term:
    """What a leaf of a query looks for; no words if there is neither letter nor digit in it."""
    found = tuple(tokens(indexable(words.words)))
    return Term(words.place, found, not words.phrase and words.words.endswith("*"))


@lru_cache(maxsize=64)
def terms(query: Query | None) -> tuple[Term, ...]:
    """What is looked for in texts, without what is negated and without repetitions."""
    return tuple(dict.fromkeys(one for one in _terms(query, wanted=True) if one.words))[:_TERMS]


def _terms(query: Query | None, *, wanted: bool) -> Iterator[Term]:
    match query:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _terms(part, wanted=wanted)
        case Not(part):
            yield from _terms(part, wanted=not wanted)
        case Words(place) if wanted and place not in _NAMES:
            yield term(query)


def spans(text: str, wanted: Sequence[Term], place: str = "text") -> list[tuple[int, int]]:
    """Where `text`, of a column or of any, has them: starts and ends, ascending and apart."""
    here = tuple(one for one in wanted if "text" in (place, one.place) or one.place == place)
    pattern = _pattern(here)
    if pattern is None:
        return []
    return [found.span() for found in pattern.finditer(_folded(text))]


def marked(text: str, wanted: Sequence[Term], place: str) -> str:
    """`text` with START and END around what is looked for in it."""
    text = text.replace(START, " ").replace(END, " ")
    return _marked(text, spans(text, wanted, place), 0, len(text))


def snippet(texts: Sequence[str], query: Query | None) -> str:
    """A line out of the body of indexed texts, or its beginning; what is looked for stands between START and END."""
    body = texts[_COLUMNS.index("body")]
    more = len(body) > _SEARCHED
    body = body[:_SEARCHED].replace(START, " ").replace(END, " ")
    found = spans(body, terms(query), "body")[:_MOST]
    best = _best(found)
    begin = max(best - _BEFORE, 0)
    if begin:
        begin = body.find(" ", begin, best) + 1 or begin
    end = min(begin + LONGEST, len(body))
    line = " ".join(readable(_marked(body, found, begin, end)).split())
    more = more or bool(body[end:].strip())
    return ("…" if body[:begin].strip() else "") + line + ("…" if more else "")


def _marked(text: str, found: Sequence[tuple[int, int]], begin: int, end: int) -> str:
    pieces, at = [], begin
    for first, last in found:
        if first >= begin and last <= end:
            pieces += [text[at:first], START, text[first:last], END]
            at = last
    return "".join([*pieces, text[at:end]])


def _best(found: Sequence[tuple[int, int]]) -> int:
    """The start of the places of which most lie within a snippet."""
    best = most = behind = 0
    for number, (first, _) in enumerate(found):
        while behind < len(found) and found[behind][1] <= first + LONGEST - _BEFORE:
            behind += 1
        if behind - number > most:
            best, most = first, behind - number
    return best


def _folded(text: str) -> str:
    """`text` as the index compares it, each character at its place."""
    if not text.isascii():
        text = _BEYOND.sub(lambda found: found[0].translate(_table()), text)
    return text.lower()


class _Placed(Folding):
    """The table of the index, but what vanishes from words leaves a NUL at its place."""

    def __init__(self) -> None:
        super().__init__()
        self.update({code: "\0" for code, became in self.items() if became is None})


@lru_cache(maxsize=1)
def _table() -> _Placed:
    return _Placed()


@lru_cache(maxsize=64)
def _pattern(wanted: tuple[Term, ...]) -> re.Pattern[str] | None:
    """All of them in one; between words is anything but a letter or digit of ASCII, or beyond it a blank.

    Each begins with a letter and looks back then: what begins with a condition cannot be searched for fast.
    """
    if not wanted:
        return None
    inside = "0-9a-z\x80-\U0010ffff"
    longest = sorted({(one.words, one.prefix) for one in wanted}, key=lambda one: (-len(one[0]), one))
    choices = []
    for words, prefix in longest:
        first, *others = map(re.escape, words)
        said = f"[^{inside}]+".join([f"{first}(?<![{inside}]{first})", *others])
        choices.append(said + (f"[{inside}]*" if prefix else f"(?![{inside}])"))
    return re.compile("|".join(choices))
