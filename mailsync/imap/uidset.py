"""`UidSet`: a set of message numbers as sorted ranges that are never expanded.

A server may announce `VANISHED (EARLIER) 1:4294967295`; every operation here costs time and memory by the
number of ranges, not of the numbers in them. Ranges live in two flat arrays: 8 bytes a range.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from operator import gt, sub

MAX_UID = 0xFFFF_FFFF  # nz-number of RFC 3501 section 9: 0 < n < 4,294,967,296

# Longest text of one piece of `split`: RFC 7162 section 4 lets a command line have 8192 octets, and the rest
# of a FETCH command (tag, header field names, a dozen Gmail items) stays far below the other half.
MAX_TEXT = 4000

# A text is cut into pieces of this size before it becomes numbers: the peak of memory stays near that of the
# ranges, eight bytes each, even for an answer of some megabytes.
_PIECE = 1 << 18

_SINGLE = re.compile(rb"(?<![0-9:])([0-9]+)(?![0-9:])")


def _pieces(raw: bytes, separator: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(raw):
        cut = raw.find(separator, at + _PIECE)
        cut = len(raw) if cut < 0 else cut
        yield raw[at:cut]
        at = cut + 1


def _only(raw: bytes, allowed: bytes) -> None:
    """ValueError for anything else, such as the signs and underscores that `int` would take."""
    if raw.translate(None, allowed):
        raise ValueError


def _runs(numbers: list[int]) -> tuple[list[int], list[int]]:
    """Starts and ends of the runs in ascending numbers. All loops are in C: about 20 ns a number."""
    later = numbers[1:]
    steps = list(map(sub, later, numbers))
    if 0 in steps:
        numbers = list(dict.fromkeys(numbers))
        later = numbers[1:]
        steps = list(map(sub, later, numbers))
    gaps = list(map((1).__ne__, steps))
    return [*numbers[:1], *compress(later, gaps)], [*compress(numbers, gaps), *numbers[-1:]]


def _ranges_of(piece: bytes) -> tuple[list[int], list[int]]:
    """Starts and ends of the parts of `1:5,9`, as they stand."""
    if b":" not in piece:
        return _runs(sorted(map(int, piece.split(b","))))
    pairs = _SINGLE.sub(rb"\1:\1", piece)
    if pairs.count(b":") != pairs.count(b",") + 1:
        raise ValueError
    numbers = list(map(int, pairs.replace(b":", b",").split(b",")))
    lows, highs = numbers[::2], numbers[1::2]
    if any(map(gt, lows, highs)):
        lows, highs = list(map(min, lows, highs)), list(map(max, lows, highs))
    return lows, highs


class UidSet:
    """An immutable set of UIDs (or sequence numbers), 1 to 2**32 - 1 (RFC 3501 `sequence-set`)."""

    __slots__ = ("_count", "_ends", "_starts")

    _starts: array[int]
    _ends: array[int]
    _count: int

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """A set of inclusive ranges in any order, overlapping or descending; ValueError outside 1..2**32 - 1."""
        starts: list[int] = []
        ends: list[int] = []
        # Packed into one number each: a fraction of the memory of tuples, and sorted in half the time.
        for packed in sorted((a << 32 | b) if a <= b else (b << 32 | a) for a, b in ranges):
            low, high = packed >> 32, packed & MAX_UID
            if ends and low <= ends[-1] + 1:
                if high > ends[-1]:
                    ends[-1] = high
            else:
                starts.append(low)
                ends.append(high)
        self._take(starts, ends)

    def _take(self, starts: Sequence[int], ends: Sequence[int]) -> None:
        """Sorted, disjoint and not adjacent starts and ends become this set's own."""
        if starts and (starts[0] < 1 or ends[-1] > MAX_UID):
            raise ValueError(f"message numbers go from 1 to {MAX_UID}, not {starts[0]} to {ends[-1]}")
        self._starts = array("I", starts)
        self._ends = array("I", ends)
        self._count = sum(ends) - sum(starts) + len(starts)

    @classmethod
    def _of(cls, starts: Sequence[int], ends: Sequence[int]) -> UidSet:
        made = cls.__new__(cls)
        made._take(starts, ends)
        return made

    @classmethod
    def parse(cls, raw: bytes | str, star: int = MAX_UID) -> UidSet:
        """A `sequence-set` such as `1:5,9,12:*`; `*` stands for `star`. Descending ranges are legal.

        Empty text gives the empty set. ValueError when it is not such a set.
        """
        data = (raw.encode("ascii", "replace") if isinstance(raw, str) else raw).strip()
        try:
            _only(data, b"0123456789:*,")
            if data.endswith(b","):
                raise ValueError
            return cls._assembled(map(_ranges_of, _pieces(data.replace(b"*", b"%d" % star), b",")))
        except (ValueError, OverflowError):
            raise ValueError(f"not a set of message numbers: {data[:60]!r}") from None

    @classmethod
    def from_words(cls, raw: bytes) -> UidSet:
        """Numbers between spaces, as a SEARCH answer lists them; ValueError when there is anything else."""
        try:
            _only(raw, b"0123456789 ")
            return cls._assembled(_runs(sorted(map(int, piece.split()))) for piece in _pieces(raw, b" "))
        except (ValueError, OverflowError):
            raise ValueError(f"not a list of message numbers: {raw[:60]!r}") from None

    @classmethod
    def from_uids(cls, uids: Iterable[int]) -> UidSet:
        """A set of single numbers in any order, doubles allowed."""
        return cls._of(*_runs(sorted(uids)))

    @classmethod
    def ascending(cls, uids: Sequence[int]) -> UidSet:
        """A set of single numbers in ascending order, read a piece at a time: for a folder's worth in an array."""
        return cls._assembled(_runs(list(uids[at : at + _PIECE // 8])) for at in range(0, len(uids), _PIECE // 8))

    @classmethod
    def _assembled(cls, parts: Iterable[tuple[list[int], list[int]]]) -> UidSet:
        starts, ends = array("I"), array("I")
        for lows, highs in parts:
            starts.extend(lows)
            ends.extend(highs)
        if min(map(sub, starts[1:], ends), default=2) < 2:  # out of order, overlapping or adjacent
            return cls(zip(starts, ends, strict=True))
        return cls._of(starts, ends)

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Inclusive ranges, ascending, disjoint and not adjacent."""
        return tuple(zip(self._starts, self._ends, strict=True))

    @property
    def min(self) -> int | None:
        """The smallest number, None for the empty set."""
        return self._starts[0] if self._starts else None

    @property
    def max(self) -> int | None:
        """The greatest number, None for the empty set."""
        return self._ends[-1] if self._ends else None

    def __len__(self) -> int:
        return self._count

    def __bool__(self) -> bool:
        return self._count > 0

    def __contains__(self, uid: object) -> bool:
        if not isinstance(uid, int):
            return False
        at = bisect_right(self._starts, uid) - 1
        return at >= 0 and uid <= self._ends[at]

    def __iter__(self) -> Iterator[int]:
        """Every number, ascending, one at a time: for sets of bounded size only."""
        for low, high in zip(self._starts, self._ends, strict=True):
            yield from range(low, high + 1)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UidSet):
            return NotImplemented
        return self._starts == other._starts and self._ends == other._ends

    def __hash__(self) -> int:
        return hash((self._starts.tobytes(), self._ends.tobytes()))

    def __str__(self) -> str:
        """The set as it goes on the wire, `1:5,9`."""
        pairs = zip(self._starts, self._ends, strict=True)
        return ",".join([f"{low}:{high}" if low != high else str(low) for low, high in pairs])

    def __repr__(self) -> str:
        head = UidSet._of(self._starts[:4], self._ends[:4])
        more = f", ... {len(self._starts)} ranges" if len(self._starts) > 4 else ""
        return f"UidSet({str(head)!r}{more})"

    def union(self, other: UidSet) -> UidSet:
        """Numbers in either."""
        if not other:
            return self
        return UidSet([*self.ranges, *other.ranges]) if self else other

    def intersection(self, other: UidSet) -> UidSet:
        """Numbers in both."""
        starts: list[int] = []
        ends: list[int] = []
        i = j = 0
        while i < len(self._starts) and j < len(other._starts):
            low = max(self._starts[i], other._starts[j])
            high = min(self._ends[i], other._ends[j])
            if low <= high:
                starts.append(low)
                ends.append(high)
            if self._ends[i] < other._ends[j]:
                i += 1
            else:
                j += 1
        return UidSet._of(starts, ends)

    def difference(self, other: UidSet) -> UidSet:
        """Numbers here that are not in `other`."""
        starts: list[int] = []
        ends: list[int] = []
        j = 0
        for low, high in zip(self._starts, self._ends, strict=True):
            while j < len(other._ends) and other._ends[j] < low:
                j += 1
            k = j
            while k < len(other._starts) and other._starts[k] <= high:
                if other._starts[k] > low:
                    starts.append(low)
                    ends.append(other._starts[k] - 1)
                low = other._ends[k] + 1
                k += 1
            j = max(j, k - 1)
            if low <= high:
                starts.append(low)
                ends.append(high)
        return UidSet._of(starts, ends)

    def symmetric_difference(self, other: UidSet) -> UidSet:
        """Numbers in one of the two. All loops are in C: fast for two large sets that differ little."""
        edges = sorted(self._edges() ^ other._edges())
        return UidSet._of(edges[::2], [edge - 1 for edge in edges[1::2]])

    def _edges(self) -> set[int]:
        """Numbers at which a range begins, or is over."""
        return {*self._starts, *map((1).__add__, self._ends)}

    __or__ = union
    __and__ = intersection
    __sub__ = difference
    __xor__ = symmetric_difference

    def intersect_sorted(self, uids: Sequence[int]) -> list[int]:
        """Those of `uids` (ascending) that are in this set."""
        if len(uids) < len(self._starts):
            return [uid for uid in uids if uid in self]
        found: list[int] = []
        at = 0
        for low, high in zip(self._starts, self._ends, strict=True):
            at = bisect_left(uids, low, at)
            end = bisect_right(uids, high, at)
            found.extend(uids[at:end])
            at = end
        return found

    def split(self, max_count: int, newest_first: bool = False) -> Iterator[UidSet]:
        """Pieces of at most `max_count` numbers and `MAX_TEXT` octets of text, ascending or from the top down."""
        if max_count < 1:
            raise ValueError("a piece must hold at least one number")
        order = range(len(self._starts))
        piece: list[tuple[int, int]] = []
        count = text = 0
        for at in reversed(order) if newest_first else order:
            low, high = self._starts[at], self._ends[at]
            while low <= high:
                room = max_count - count
                part = (max(low, high - room + 1), high) if newest_first else (low, min(high, low + room - 1))
                width = len(f"{part[0]}:{part[1]},")
                if room == 0 or text + width > MAX_TEXT:
                    yield UidSet(piece)
                    piece, count, text = [], 0, 0
                    continue
                piece.append(part)
                count += part[1] - part[0] + 1
                text += width
                if newest_first:
                    high = part[0] - 1
                else:
                    low = part[1] + 1
        if piece:
            yield UidSet(piece)


EMPTY = UidSet()
