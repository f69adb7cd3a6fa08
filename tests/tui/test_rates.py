"""Rates and guesses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailsync.tui.rates import BARS, HISTORY, Meter, bar, sparkline


def steady(per_second: int, seconds: int) -> Meter:
    meter = Meter()
    for second in range(seconds + 1):
        meter.sample(1000.0 + second, per_second * second)
    return meter


def test_a_steady_rate_is_known_after_a_few_seconds() -> None:
    assert steady(100, 2).seconds_for(1000) is None
    meter = steady(100, 4)
    assert round(meter.rate) == 100
    assert round(meter.seconds_for(1000) or 0) == 10


def test_no_rate_no_guess() -> None:
    assert Meter().seconds_for(10) is None
    assert steady(0, 30).seconds_for(10) is None


def test_a_stall_ends_the_guess() -> None:
    meter = steady(100, 20)
    for second in range(21, 120):
        meter.sample(1000.0 + second, 2000)
    assert meter.rate == 0
    assert meter.seconds_for(500) is None


def test_one_batch_does_not_promise_much() -> None:
    meter = steady(100, 30)
    meter.sample(1031.0, 3000 + 5000)
    assert meter.rate < 1000


def test_removed_messages_and_a_clock_put_back_are_no_rate() -> None:
    meter = steady(10, 5)
    meter.sample(1006.0, 0)
    meter.sample(900.0, 100_000)
    assert 0 < meter.rate < 10
    assert len(meter.latest) == 6


@given(st.lists(st.floats(0, 1e9), max_size=300), st.integers(0, 80))
def test_a_sparkline_is_as_wide_as_asked(values: list[float], width: int) -> None:
    drawn = sparkline(values, width)
    assert len(drawn) == width
    assert set(drawn) <= set(BARS + " ")


def test_the_history_is_bounded() -> None:
    assert len(steady(1, 3 * HISTORY).latest) == HISTORY


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 50))
def test_a_bar_is_full_only_at_the_end(part: int, whole: int, width: int) -> None:
    done, todo = bar(part, whole, width)
    assert len(done) + len(todo) == width
    assert (set(done) == {"━"} and not todo) == (part >= whole)
