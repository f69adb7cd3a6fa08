"""What stands for a whole list, and what a rule still says of a message."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailsync.cleanup.predicate import assumed
from mailsync.cleanup.sampling import SIZE, UNSURE, Drawn, sample
from mailsync.model import Flag
from mailsync.query.parse import parse
from mailsync.query.tree import And, Is, Not, Or, Query

DRAWN = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 1000), st.floats(0, 1)), max_size=300).map(
    lambda rows: [Drawn(number, *row) for number, row in enumerate(rows)]
)


@given(DRAWN)
def test_a_sample_is_as_large_as_it_may_be_and_shows_every_group(messages: list[Drawn]) -> None:
    chosen = sample(messages)
    assert len(chosen) == len(set(chosen)) == min(SIZE, len(messages))
    assert chosen == sorted(chosen) == sample(messages)
    assert {messages[number].group for number in chosen} == {one.group for one in messages}
    least = sorted(messages, key=lambda one: (one.confidence, one.number))[:UNSURE]
    assert {one.number for one in least} <= set(chosen)


def test_a_sample_of_many_groups_has_the_largest_and_the_ends_of_time() -> None:
    small = [Drawn(number, f"s{number}", number, 0.9) for number in range(1000)]
    large = [Drawn(1000 + number, "large", number, 0.9) for number in range(1000)]
    chosen = sample([*small, *large])
    assert len(chosen) == SIZE
    assert any(number >= 1000 for number in chosen)
    two = sample([Drawn(number, "ab"[number % 2], number, 0.5) for number in range(10, 500)])
    assert {20, 21, 498, 499} <= set(two)


LEAVES = st.sampled_from([Is("read"), Is("unread"), Is("flagged"), Is("answered"), Is("list"), Is("direct")])
QUERIES = st.recursive(
    LEAVES,
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts)))
    ),
    max_leaves=12,
)


def true_of(query: Query | bool, flags: int, listed: bool, direct: bool) -> bool:
    match query:
        case bool():
            return query
        case Is(state):
            seen = bool(flags & Flag.SEEN)
            states = {"read": seen, "unread": not seen, "flagged": False, "answered": False}
            return (states | {"list": listed, "direct": direct})[state]
        case Not(part):
            return not true_of(part, flags, listed, direct)
        case And(parts):
            return all(true_of(part, flags, listed, direct) for part in parts)
        case Or(parts):
            return any(true_of(part, flags, listed, direct) for part in parts)
        case _:
            raise AssertionError(query)


@given(QUERIES, st.booleans(), st.booleans(), st.booleans())
def test_a_query_under_an_assumption_says_the_same(query: Query, seen: bool, listed: bool, direct: bool) -> None:
    assert true_of(assumed(query, seen), 0, listed, direct) == true_of(query, int(seen), listed, direct)


def test_what_is_left_to_ask() -> None:
    assert assumed(parse("is:unread older:1y"), True) is False
    assert assumed(parse("is:unread older:1y"), False) == parse("older:1y")
    assert assumed(parse("-is:flagged"), True) is True
