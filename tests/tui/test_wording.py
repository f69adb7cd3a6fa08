"""Numbers and moments as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.tui import wording
from tests.tui.prepared import DAY, HOUR, MINUTE, NOW


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (145_200_000, "145.2 MB"),
    ],
)
def test_sizes(number: int, text: str) -> None:
    assert wording.size(number) == text


@given(st.integers(0, 10**15))
def test_sizes_fit_their_column(number: int) -> None:
    assert len(wording.size(number)) <= 9


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "—"),
        (float("inf"), "—"),
        (0, "~5 s"),
        (12, "~15 s"),
        (54.9, "~55 s"),
        (55, "~1 min"),
        (150, "~3 min"),
        (3600, "~1 h"),
        (4700, "~1 h 20 min"),
        (90_000, "~2 d"),
    ],
)
def test_guesses_are_round(seconds: float | None, text: str) -> None:
    assert wording.eta(seconds) == text


def test_moments() -> None:
    assert wording.ago(None, NOW) == "never"
    assert wording.ago(NOW - 2, NOW) == "just now"
    assert wording.ago(NOW - 2 * MINUTE - 30, NOW) == "2 min ago"
    assert wording.ago(NOW - 3 * DAY, NOW) == "3 d ago"
    assert wording.until(None, NOW) == "—"
    assert wording.until(NOW, NOW) == "due"
    assert wording.until(NOW + 4 * MINUTE, NOW) == "in 4 min"


def test_dates() -> None:
    assert wording.list_date(NOW - HOUR, NOW) == "13:02"
    assert wording.list_date(NOW - 2 * DAY, NOW) == "10 Mar"
    assert wording.list_date(NOW - 400 * DAY, NOW) == "Feb 2024"
    assert wording.list_date(None, NOW) == "—"
    assert wording.list_date(1e30, NOW) == "—"
    assert wording.full_date(NOW) == "Wed 12 Mar 2025, 14:02"


def test_shares() -> None:
    assert wording.percent(999, 1000) == "99 %"
    assert wording.percent(1000, 1000) == "100 %"
    assert wording.percent(5, 0) == "100 %"
    assert wording.rate(0.01) == "idle"
    assert wording.rate(4.21) == "4.2/s"
    assert wording.rate(1310.4) == "1,310/s"
    assert wording.messages(1) == "1 message"
