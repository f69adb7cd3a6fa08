"""Tokens and values of one complete response: lines with its literals between them.

Tolerant where a reading exists, and linear whatever comes: each octet is looked at a bounded number of times, lists
are read with a stack and not by recursion.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum

from mailsync.imap.responses import Value, as_text


class Malformed(Exception):
    """This response cannot be understood, for the reason given. Never leaves the parser."""


class Kind(Enum):
    OPEN = "("
    CLOSE = ")"
    ATOM = "atom"
    STRING = "string"
    END = "end"


# A quote closes a string only where something may follow a string. So quotes that a server forgot to escape stay
# inside: "=?UTF-8?Q?"Zo=C3=A9"?=" is one string. An opening parenthesis right after counts when a quote follows it.
_CLOSED = rb'"(?=[ \t)\]]|\Z|\(")'
_TOKEN = re.compile(
    rb"[ \t\0]*+(?:"
    rb"([^ \t\0()\"][^ \t\0()]*+)|"
    rb'"([^"\\]*+(?:(?:\\.|"(?![ \t)\]]|\Z|\("))[^"\\]*+)*+)' + _CLOSED + rb"|"
    rb"(\()|(\))|(\Z))",
    re.DOTALL,
)
_ATOM, _QUOTED, _OPEN, _CLOSE, _END = 1, 2, 3, 4, 5
_UNESCAPED = re.compile(rb'"([^"]*+)' + _CLOSED)  # a backslash that escapes nothing: "\" as a delimiter
_RAGGED = re.compile(rb'"[^ \t\0()]*+')  # a string that is never closed: read it as an atom
_AT_QUOTE = re.compile(rb'[ \t\0]*+"')
_NOTHING_LEFT = re.compile(rb"[ \t\0]*+\Z")
_ESCAPE = re.compile(rb'\\(["\\])')
_NUMBER = re.compile(rb"-?[0-9]{1,19}")


class Scanner:
    """Walks over `pieces`: a line, a literal, a line, a literal, ... and a line at the end."""

    __slots__ = ("_at", "_pieces", "_unclosed", "line", "pos")

    def __init__(self, pieces: Sequence[bytes], pos: int = 0) -> None:
        self._pieces = pieces
        self._at = 0
        self._unclosed = False
        self.line = pieces[0]
        self.pos = pos

    def next(self) -> tuple[Kind, bytes]:
        """The next token; strings come unescaped, atoms as they are."""
        found = None if self._unclosed else _TOKEN.match(self.line, self.pos)
        if found is None:
            at_quote = _AT_QUOTE.match(self.line, self.pos)
            if at_quote:
                return self._broken_string(at_quote.end() - 1)
            found = _TOKEN.match(self.line, self.pos)
            assert found is not None, "all that is no quote is a token"
        group = found.lastindex
        if group == _END:
            return self._literal()
        self.pos = found.end()
        if group == _ATOM:
            return Kind.ATOM, found[_ATOM]
        if group == _QUOTED:
            return Kind.STRING, unescape(found[_QUOTED])
        return (Kind.OPEN, b"(") if group == _OPEN else (Kind.CLOSE, b")")

    def _literal(self) -> tuple[Kind, bytes]:
        if self._at + 2 >= len(self._pieces):
            self.pos = len(self.line)
            return Kind.END, b""
        self._at += 2
        self.line = self._pieces[self._at]
        self.pos = 0
        self._unclosed = False
        return Kind.STRING, self._pieces[self._at - 1]

    def _broken_string(self, pos: int) -> tuple[Kind, bytes]:
        """No quote closes this string as it should. Nor will it for any later one in this line: do not look again."""
        self._unclosed = True
        found = _UNESCAPED.match(self.line, pos)
        if found:
            self.pos = found.end()
            return Kind.STRING, found[1]
        ragged = _RAGGED.match(self.line, pos)
        assert ragged is not None, "called at a quote"
        self.pos = ragged.end()
        return Kind.ATOM, ragged[0]

    def rest(self) -> bytes:
        """What is left of the last line, without outer spaces; Malformed when literals are still to come."""
        if self._at + 1 < len(self._pieces):
            raise Malformed("a literal where none belongs")
        rest = self.line[self.pos :].strip(b" \t\0")
        self.pos = len(self.line)
        return rest

    def at_end(self) -> bool:
        """Nothing but spaces is left."""
        return self._at + 1 >= len(self._pieces) and _NOTHING_LEFT.match(self.line, self.pos) is not None

    def mark(self) -> tuple[int, int]:
        """A place to `go_back` to."""
        return self._at, self.pos

    def go_back(self, mark: tuple[int, int]) -> None:
        self._at, self.pos = mark
        self.line = self._pieces[self._at]


def unescape(quoted: bytes) -> bytes:
    r"""The content of a quoted string. A backslash before anything but `"` and `\` stands for itself."""
    return _ESCAPE.sub(rb"\1", quoted) if b"\\" in quoted else quoted


def atom_value(raw: bytes) -> Value:
    """NIL, a number, or the atom's text."""
    if _NUMBER.fullmatch(raw):
        return int(raw)
    if len(raw) == 3 and raw.upper() == b"NIL":
        return None
    return as_text(raw)


def read_value(
    scanner: Scanner,
    depth: int,
    stop: re.Pattern[bytes] | None = None,
    atom: Callable[[bytes], Value] = atom_value,
) -> tuple[Value, str]:
    """One value, and what is wrong with it (nothing: an empty text). `atom` makes a value of an unquoted word.

    An unquoted atom that matches `stop` inside a list means that the list was never closed: it ends there. A list
    nested more than `depth` deep is walked over and comes back as None.
    """
    kind, raw = scanner.next()
    if kind is Kind.STRING:
        return raw, ""
    if kind is Kind.ATOM:
        return atom(raw), ""
    if kind is not Kind.OPEN:
        return None, "a value is missing"
    stack: list[list[Value]] = [[]]
    level = 1
    too_deep = closed = False
    while not closed:
        mark = scanner.mark()
        kind, raw = scanner.next()
        if kind is Kind.OPEN:
            level += 1
            too_deep = too_deep or level > depth
            if not too_deep:
                stack.append([])
        elif kind is Kind.CLOSE:
            level -= 1
            if level and not too_deep:
                inner = stack.pop()
                stack[-1].append(tuple(inner))
            closed = level == 0
        elif kind is Kind.END or (kind is Kind.ATOM and stop is not None and stop.match(raw)):
            scanner.go_back(mark)
            break
        elif not too_deep:
            stack[-1].append(raw if kind is Kind.STRING else atom(raw))
    if too_deep:
        return None, f"nested more than {depth} deep"
    while len(stack) > 1:
        inner = stack.pop()
        stack[-1].append(tuple(inner))
    return tuple(stack[0]), "" if closed else "a list is not closed"


def read_values(scanner: Scanner, depth: int) -> tuple[Value, ...]:
    """Everything that is left; Malformed when it is not a row of values."""
    values: list[Value] = []
    while not scanner.at_end():
        value, problem = read_value(scanner, depth)
        if problem:
            raise Malformed(problem)
        values.append(value)
    return tuple(values)
