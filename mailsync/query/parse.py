"""Text to syntax tree, by recursive descent.

either  = both *("OR" both)
both    = single *(["AND"] single)
single  = ("-" / "NOT") single / "(" either ")" / field ":" value / value
value   = word / DQUOTE phrase DQUOTE          a backslash in a phrase takes the next character literally
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Literal, cast, get_args

from mailsync.errors import QueryError
from mailsync.query.tree import Age, And, Dated, HasAttachment, Is, Not, Or, Place, Query, Side, Sized, State, Words
from mailsync.record import record

LONGEST = 10_000
"""Characters of a query."""
DEEPEST = 50
"""Parentheses and negations within each other."""
_SIDES: dict[str, Side] = {"before": "before", "older": "before", "after": "after", "newer": "after", "on": "on"}
_PLACES = tuple(place for place in get_args(Place) if place != "text")
FIELDS = (*_PLACES, "has", "is", *_SIDES, "larger", "smaller")
_FIELD = re.compile(r"([A-Za-z][A-Za-z_-]*):")
_PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_WORD = re.compile(r'[^\s()"]+')
_AGE = re.compile(r"([0-9]{1,5})([ymwd])", re.IGNORECASE)
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,3}))?([KMG]?)(i?)B?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3}


@record(frozen=True)
class _Token:
    kind: Literal["(", ")", "-", "OR", "AND", "value", "end"]
    column: int
    field: str = ""
    text: str = ""
    phrase: bool = False
    value_column: int = 0


def parse(text: str) -> Query:
    """The tree of a query; QueryError, with the column, for one that cannot be understood."""
    if len(text) > LONGEST:
        raise QueryError(f"the query is longer than {LONGEST:,} characters", LONGEST + 1)
    return _Parser(list(_tokens(text))).whole()


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        char, column = text[at], at + 1
        if char.isspace():
            at += 1
        elif char in "()":
            yield _Token("(" if char == "(" else ")", column)
            at += 1
        elif char == "-":
            if at + 1 == len(text) or text[at + 1].isspace():
                raise QueryError("- negates what follows it without a space; in quotes it is a word", column)
            yield _Token("-", column)
            at += 1
        else:
            token, at = _value(text, at)
            yield token
    yield _Token("end", len(text) + 1)


def _value(text: str, at: int) -> tuple[_Token, int]:
    """A word, a phrase or either behind the name of a field, and where it ends."""
    column, name = at + 1, ""
    if named := _FIELD.match(text, at):
        name = named[1].lower()
        if name not in FIELDS:
            from difflib import get_close_matches

            near = get_close_matches(name, FIELDS, 1)
            raise QueryError(
                f'there is no field "{named[1]}"',
                column,
                hint=f"did you mean {near[0]}: ?" if near else "in quotes it is a word like any other",
            )
        at = named.end()
    if text[at : at + 1] == '"':
        phrase = _PHRASE.match(text, at)
        if phrase is None:
            raise QueryError("the quotation mark is never closed", at + 1)
        said = re.sub(r"\\(.)", r"\1", phrase[1], flags=re.DOTALL)
        if not said.strip():
            raise QueryError("there is nothing between the quotation marks", at + 1)
        return _Token("value", column, name, said, True, at + 1), phrase.end()
    word = _WORD.match(text, at)
    if word is None:
        raise QueryError(f"{name}: wants a value right behind the colon", at + 1)
    if not name and word[0] in ("OR", "AND"):
        return _Token("OR" if word[0] == "OR" else "AND", column), word.end()
    if not name and word[0] == "NOT":
        return _Token("-", column), word.end()
    return _Token("value", column, name, word[0], False, at + 1), word.end()


class _Parser:
    """One query in the reading."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Query:
        found = self._either()
        if self._next.kind == ")":
            raise QueryError("this parenthesis was never opened", self._next.column)
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _either(self) -> Query:
        parts = [self._both()]
        while self._next.kind == "OR":
            self._at += 1
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Query:
        parts = [self._single()]
        while self._next.kind in ("(", "-", "value", "AND"):
            self._at += self._next.kind == "AND"
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _single(self) -> Query:
        token = self._next
        self._depth += 1
        if self._depth > DEEPEST:
            raise QueryError("too many parentheses within each other", token.column)
        self._at += token.kind != "end"
        found: Query
        match token.kind:
            case "-":
                found = Not(self._single())
            case "(":
                found = self._either()
                if self._next.kind != ")":
                    raise QueryError("this parenthesis is never closed", token.column)
                self._at += 1
            case "value":
                found = _leaf(token)
            case "end":
                raise QueryError("the query ends where something is expected", token.column)
            case _:
                raise QueryError(f'"{token.kind}" stands where a word is expected', token.column)
        self._depth -= 1
        return found


def _leaf(token: _Token) -> Query:
    name, text, column = token.field, token.text, token.column
    if name in _SIDES:
        return Dated(_SIDES[name], _when(token), column)
    if name in ("larger", "smaller"):
        return Sized(name == "larger", _size(token), column)
    if name == "has":
        if text.lower() != "attachment":
            raise QueryError(f'has: knows "attachment" only, not "{text}"', token.value_column)
        return HasAttachment(column)
    if name == "is":
        states = get_args(State)
        if text.lower() not in states:
            raise QueryError(f'is: does not know "{text}"', token.value_column, hint=f"one of {', '.join(states)}")
        return Is(cast(State, text.lower()), column)
    return Words(cast(Place, name or "text"), text, token.phrase, column)


def _when(token: _Token) -> date | Age:
    if found := _AGE.fullmatch(token.text):
        return Age(int(found[1]), cast('Literal["y", "m", "w", "d"]', found[2].lower()))
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", token.text):
            return date.fromisoformat(token.text)
    except ValueError:
        pass
    raise QueryError(
        f'"{token.text}" is no day', token.value_column, hint="2025-01-31, or so long ago: 1y, 3m (months), 2w, 5d"
    )


def _size(token: _Token) -> int:
    found = _SIZE.fullmatch(token.text)
    if found is None:
        raise QueryError(f'"{token.text}" is no size', token.value_column, hint="such as 10M, 500K or 1G")
    unit: int = (1024 if found[4] else 1000) ** _POWERS[found[3].upper()]
    fraction = int(found[2]) * unit // 10 ** len(found[2]) if found[2] else 0
    return int(found[1]) * unit + fraction
