"""Which message a message is, when its UID does not tell: after a new UIDVALIDITY, a move, a copy. Pure.

EMAILID (RFC 8474) and X-GM-MSGID name a message for good. Without them (Message-ID, INTERNALDATE, RFC822.SIZE) must be
equal and unique on both sides, or ambiguous only between rows of one content; a message without a Message-ID has no
identity here. Whoever acts on it verifies by bytes: `sample` says which.
"""

from __future__ import annotations

import random
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mailsync.imap.responses import Fetch

_FIELD = re.compile(rb"message-id[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE)
_ALONE = re.compile(rb"message-id: ?([!-~]+)\r\n(?:\r\n)?\Z", re.IGNORECASE)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_LF = 0x0A
SHARE = 0.02
"""Of the matches are verified by bytes, at least one."""
MOST = 200
"""Messages verified at most: what they would prove is proven by then."""
PART = 20_000
"""Keys that are joined at a time."""
ALL_OF = 8
"""So few moves are verified one and all."""


def mark(header: bytes) -> int:
    """A number for the Message-ID of a header block (or of a message that begins with one); 0 where there is none. For
    as long as the process lasts.

    Several Message-IDs are none: servers differ in which of them they show.
    """
    words = message_id(header)
    return _number(words) if words else 0


def message_id(header: bytes) -> bytes:
    """The Message-ID of a header block, with its brackets, as `mark` sees it; empty for none."""
    alone = _ALONE.match(header)
    if alone is not None:
        return alone[1]
    end = header.find(b"\n\r\n")
    short = header.find(b"\n\n", 0, end + 1 if end >= 0 else len(header))
    block = header[: short + 2] if short >= 0 else header[: end + 3] if end >= 0 else header
    lower = block.lower()
    found = []
    at = lower.find(b"message-id")
    while at >= 0:
        field = _FIELD.match(block, at) if at == 0 or block[at - 1] == _LF else None
        if field is not None:
            found.append(field[1])
        at = lower.find(b"message-id", at + 1)
    return b" ".join(found[0].split()) if len(found) == 1 else b""


def _number(words: bytes) -> int:
    return hash(words) or 1  # nobody can tell before which words collide: it is keyed anew in each process


def key(date: int | None, size: int | None, message_mark: int) -> int:
    """One number for (INTERNALDATE, size, Message-ID); 0 where there is no Message-ID. `size` None is left out."""
    if not message_mark or date is None:
        return 0
    return hash((date, size, message_mark)) or 1


def emailid_key(emailid: str) -> int:
    """One number for an EMAILID or X-GM-MSGID, 0 for none."""
    return _number(b"id " + emailid.encode("utf-8", "surrogateescape")) if emailid else 0


def emailid(answer: Fetch) -> str | None:
    """EMAILID or X-GM-MSGID (in decimal) of an answer, None where the server gave none."""
    extra = answer.extra
    return _identifier(extra.get("EMAILID", extra.get("X-GM-MSGID"))) if extra else None


def threadid(answer: Fetch) -> str | None:
    """THREADID or X-GM-THRID (in decimal) of an answer, None where the server gave none."""
    extra = answer.extra
    return _identifier(extra.get("THREADID", extra.get("X-GM-THRID"))) if extra else None


def _identifier(value: object) -> str | None:
    if isinstance(value, tuple):
        value = value[0] if len(value) == 1 else None
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return str(value)[:255] if isinstance(value, str | int) and value != "" else None


def items(capabilities: frozenset[str]) -> str:
    """The FETCH items that name a message and its thread on this server, '' for none."""
    if "X-GM-EXT-1" in capabilities:
        return "X-GM-MSGID X-GM-THRID"
    return "EMAILID THREADID" if capabilities & {"OBJECTID", "OBJECTID+"} else ""


Pairs: TypeAlias = "tuple[array[int], array[int]]"
"""Indexes into two sequences, side by side."""


def join(theirs: Sequence[int], ours: Sequence[int], contents: Sequence[int]) -> Pairs:
    """Indexes in `theirs` and `ours` of equal keys; 0 equals nothing.

    `contents` names what each of `ours` holds. A key that occurs several times is joined in order if it does so as
    often on both sides and all of ours hold the same; otherwise not at all. Both sides should be in the order of UIDs.
    """
    there, here = array("I"), array("I")
    parts = 1 + max(len(theirs), len(ours)) // PART
    for part in range(parts):
        _join_part(theirs, ours, contents, (parts, part), (there, here))
    return there, here


def _join_part(
    theirs: Sequence[int], ours: Sequence[int], contents: Sequence[int], part: tuple[int, int], found: Pairs
) -> None:
    """Join the keys that leave the remainder `part[1]` when divided by `part[0]`: all loops over them are in C."""
    left, left_again = _indexed(theirs, part)
    right, right_again = _indexed(ours, part)
    for value in left.keys() & right.keys():
        found[0].append(left[value])
        found[1].append(right[value])
    for value in left_again.keys() & right_again.keys():
        those, these = left_again[value], right_again[value]
        if len(those) == len(these) and len({contents[index] for index in these}) == 1:
            found[0].extend(those)
            found[1].extend(these)


def _indexed(keys: Sequence[int], part: tuple[int, int]) -> tuple[dict[int, int], dict[int, list[int]]]:
    """The index of each key of this part that occurs once, and those of each that occurs more often."""
    parts, rest = part
    indexes = [at for at, value in enumerate(keys) if value % parts == rest and value]
    values = [keys[at] for at in indexes]
    once = dict(zip(values, indexes, strict=True))
    again: dict[int, list[int]] = {}
    if len(once) != len(values):
        again = {value: [] for value, times in Counter(values).items() if times > 1}
        for value, at in zip(values, indexes, strict=True):
            if value in again:
                again[value].append(at)
        for value in again:
            del once[value]
    return once, again


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message of the mirror that an arrival may be: `arrival` is the arrival's index, `row` a `messages.id`.

    `gone` tells that the row has left its folder, `named` that EMAILID says they are the same; otherwise INTERNALDATE
    and size do, and `mark`, that of its content, decides.
    """

    arrival: int
    row: int
    content: int
    gone: bool
    named: bool
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """An arrival that need not be downloaded: `row` is the id it keeps, None for a copy of something that stays."""

    arrival: int
    row: int | None
    content: int
    named: bool


def choose(marks: Sequence[int], candidates: Iterable[Candidate]) -> list[Match]:
    """What the arrivals are; `marks` has that of each, 0 where it has none or shares it with another arrival.

    An arrival is a match when all its candidates, those by name before all others, hold one content; of the rows that
    are gone the latest gives its id, each to one arrival only.
    """
    by_arrival: dict[int, list[Candidate]] = {}
    for one in candidates:
        if one.named or (one.mark and one.mark == marks[one.arrival]):
            by_arrival.setdefault(one.arrival, []).append(one)
    taken: set[int] = set()
    found = []
    for arrival, several in sorted(by_arrival.items()):
        those = [one for one in several if one.named] or several
        if len({one.content for one in those}) != 1:
            continue
        free = [one.row for one in those if one.gone and one.row not in taken]
        row = max(free) if free else None
        if row is not None:
            taken.add(row)
        found.append(Match(arrival, row, those[0].content, those[0].named))
    return found


def sample(count: int, choice: random.Random) -> list[int]:
    """Indexes of those of `count` matches that are to be verified, ascending."""
    size = min(max(1, round(count * SHARE)), MOST, count)
    return sorted(choice.sample(range(count), size))


def same_header(header: bytes, message: bytes, stripped: frozenset[str] = frozenset()) -> bool:
    """`header`, a complete header block as a server gives it, is the one `message` begins with.

    Fields named in `stripped` (lower case) are left out on both sides.
    """
    own = _block(message)
    return bool(header.strip()) and without(_block(header), stripped) == without(own, stripped)


def _block(message: bytes) -> bytes:
    end = _HEADER_END.search(message)
    return message[: end.start()] if end else message.rstrip(b"\r\n")


def without(message: bytes, fields: frozenset[str]) -> bytes:
    """The message without these header fields (lower case): those that a server adds by itself."""
    for name in fields:
        end = _HEADER_END.search(message)
        stop = end.start() + 2 if end else len(message)
        pattern = re.compile(rb"^%s[ \t]*:(?:[^\r\n]|\r?\n[ \t])*(?:\r?\n|\Z)" % re.escape(name.encode()), re.I | re.M)
        message = pattern.sub(b"", message[:stop]) + message[stop:]
    return message
