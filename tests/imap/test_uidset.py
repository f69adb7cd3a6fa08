"""UID sets against Python's own sets."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsync.imap.uidset import MAX_TEXT, MAX_UID, UidSet

small = st.integers(1, 60)
ranges = st.lists(st.tuples(small, small), max_size=12)
uids = st.lists(small, max_size=40)


def expanded(pairs: list[tuple[int, int]]) -> set[int]:
    return {uid for a, b in pairs for uid in range(min(a, b), max(a, b) + 1)}


def check(found: UidSet, expected: set[int]) -> None:
    assert list(found) == sorted(expected)
    assert len(found) == len(expected)
    assert bool(found) == bool(expected)
    assert (found.min, found.max) == ((min(expected), max(expected)) if expected else (None, None))
    bounds = [bound for pair in found.ranges for bound in pair]
    assert bounds == sorted(bounds)
    assert all(low - high > 1 for (_, high), (low, _) in zip(found.ranges, found.ranges[1:], strict=False))
    assert UidSet.parse(str(found)) == found
    assert hash(UidSet(found.ranges)) == hash(found)


@given(ranges)
def test_ranges_in_any_order(pairs: list[tuple[int, int]]) -> None:
    check(UidSet(pairs), expanded(pairs))
    check(UidSet.parse(",".join(f"{a}:{b}" for a, b in pairs)), expanded(pairs))


@given(uids)
def test_single_numbers(numbers: list[int]) -> None:
    check(UidSet.from_uids(numbers), set(numbers))
    check(UidSet.from_words(" ".join(map(str, numbers)).encode()), set(numbers))
    check(UidSet.parse(",".join(map(str, numbers))), set(numbers))


@given(ranges, ranges, uids)
def test_set_algebra(one: list[tuple[int, int]], two: list[tuple[int, int]], numbers: list[int]) -> None:
    a, b = UidSet(one), UidSet(two)
    check(a | b, expanded(one) | expanded(two))
    check(a & b, expanded(one) & expanded(two))
    check(a - b, expanded(one) - expanded(two))
    check(a ^ b, expanded(one) ^ expanded(two))
    ordered = sorted(set(numbers))
    assert a.intersect_sorted(ordered) == [uid for uid in ordered if uid in expanded(one)]
    assert [uid in a for uid in range(70)] == [uid in expanded(one) for uid in range(70)]
    assert (a == b) == (expanded(one) == expanded(two))


@given(
    st.lists(st.tuples(st.integers(1, MAX_UID), st.integers(0, 5)), max_size=600), st.integers(1, 500), st.booleans()
)
@settings(max_examples=60)
def test_split(pairs: list[tuple[int, int]], max_count: int, newest_first: bool) -> None:
    whole = UidSet((low, min(low + more, MAX_UID)) for low, more in pairs)
    pieces = list(whole.split(max_count, newest_first=newest_first))
    assert all(0 < len(piece) <= max_count and len(str(piece)) <= MAX_TEXT for piece in pieces)
    joined = [uid for piece in (reversed(pieces) if newest_first else pieces) for uid in piece]
    assert joined == list(whole)


def test_split_of_nothing_and_by_nothing() -> None:
    assert list(UidSet().split(5)) == []
    with pytest.raises(ValueError, match="at least one"):
        next(UidSet.parse("1:5").split(0))
    pieces = UidSet.parse("1:10,20,30:33").split(4, newest_first=True)
    assert [str(piece) for piece in pieces] == ["30:33", "8:10,20", "4:7", "1:3"]


def test_the_star() -> None:
    assert UidSet.parse("5:*").ranges == ((5, MAX_UID),)
    assert UidSet.parse("*:5,*", star=9).ranges == ((5, 9),)
    assert UidSet.parse("12:*", star=9).ranges == ((9, 12),)


@pytest.mark.parametrize(
    "text",
    ["0", "0:5", "4294967296", "1:4294967296", "-1", "+1", "1_0", "1,,2", ",1", "1,", ":", "1:", "1:2:3", "1:2:3,4",
     "x", "1 2", "1" * 5000, "٣"],
)  # fmt: skip
def test_what_is_no_set(text: str) -> None:
    with pytest.raises(ValueError, match="not a set of message numbers"):
        UidSet.parse(text)


def test_numbers_out_of_range() -> None:
    for numbers in ([0], [-1, 5], [MAX_UID + 1]):
        with pytest.raises((ValueError, OverflowError)):
            UidSet.from_uids(numbers)
        with pytest.raises((ValueError, OverflowError)):
            UidSet((number, number) for number in numbers)


def test_a_range_of_everything_costs_nothing() -> None:
    tracemalloc.start()
    start = time.process_time()
    everything = UidSet.parse("1:4294967295")
    assert len(everything) == MAX_UID
    assert MAX_UID in everything
    assert 0 not in everything
    assert "1" not in everything
    assert (everything - UidSet.parse("7")).ranges == ((1, 6), (8, MAX_UID))
    assert everything.intersect_sorted([3, 9, 4_000_000_000]) == [3, 9, 4_000_000_000]
    assert len(next(everything.split(1000))) == 1000
    assert repr(UidSet.from_uids(range(1, 100, 2))) == "UidSet('1,3,5,7', ... 50 ranges)"
    assert time.process_time() - start < 0.5
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_large_sets_stay_compact() -> None:
    text = b" ".join(b"%d" % uid for uid in range(1_000_000_001, 1_000_600_001, 2))
    tracemalloc.start()
    found = UidSet.from_words(text)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 300_000
    assert held < 9 * 300_000
    assert peak < 40 * 300_000
    backwards = ",".join(f"{uid}:{uid + 1}" for uid in range(300_000, 0, -3))
    assert len(UidSet.parse(backwards)) == 200_000
    assert len(UidSet.parse(str(found))) == 300_000
