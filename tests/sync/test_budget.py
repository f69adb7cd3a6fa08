"""The daily budget and its forecast, as values."""

from __future__ import annotations

import pytest

from mailsync.sync.budget import Budget, Progress, amount, estimated_rest, forecast, renews_at

NOON = 1_770_033_600.0
"""Monday 2026-02-02 12:00 UTC."""
MARCH_2024 = 1_710_000_000.0


def test_a_margin_stays() -> None:
    gmail = Budget(2_500_000_000)
    assert not gmail.spent(2_374_999_999, NOON + 43_199)
    assert gmail.spent(2_375_000_000, NOON + 43_199)
    assert not Budget(None).spent(10**15, NOON)


def test_some_of_it_comes_hour_by_hour() -> None:
    gmail = Budget(2_500_000_000)
    midnight = NOON - 43_200
    assert [gmail.until(midnight + hour * 3600) for hour in (0, 1, 23)] == [2_135_416_666, 2_145_833_333, 2_375_000_000]
    assert gmail.resumes_at(2_140_000_000, midnight + 60) == midnight + 3600
    assert gmail.resumes_at(2_200_000_000, midnight + 60) == midnight + 7 * 3600  # more was received than it meant to
    assert gmail.resumes_at(2_375_000_000, midnight + 60) == midnight + 86_400


def test_it_renews_at_the_end_of_the_utc_day() -> None:
    assert renews_at(NOON) == NOON + 43_200
    assert renews_at(NOON + 43_200) == NOON + 43_200 + 86_400


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (2_000_000_000, "mirrored back to 2024-03; the rest, 2.0 GB, by tomorrow"),
        (3_100_000_000, "mirrored back to 2024-03; the rest, 3.1 GB, by Wednesday"),
        (13_000_000_000, "mirrored back to 2024-03; the rest, 13.0 GB, by Sunday"),
        (200_000_000_000, "mirrored back to 2024-03; the rest, 200 GB, by 2026-04-28"),
        (0, "mirrored back to 2024-03"),
    ],
)
def test_the_forecast_names_a_day(rest: int, said: str) -> None:
    assert forecast(Budget(2_500_000_000), Progress(MARCH_2024, rest), NOON) == said


def test_a_forecast_without_anything_yet_and_one_that_never_ends() -> None:
    assert forecast(Budget(10**6), Progress(None, 5), NOON).startswith("nothing is mirrored yet; the rest, 0 kB, by")
    assert "lifetime" in forecast(Budget(1000), Progress(None, 10**12), NOON)


def test_the_rest_is_taken_from_sizes_or_from_the_mean() -> None:
    assert estimated_rest(100, 40, 4000, 12_000) == 8000
    assert estimated_rest(100, 40, 4000, None) == 6000
    assert estimated_rest(10, 0, 0, None) == 750_000
    assert estimated_rest(5, 9, 4000, None) == 0
    assert estimated_rest(5, 5, 4000, 9000) == 0  # STATUS=SIZE is an upper bound (RFC 8438)


def test_amounts() -> None:
    assert [amount(n) for n in (950_000, 999_600_000, 3.1e9, 250e6)] == ["950 kB", "1.0 GB", "3.1 GB", "250 MB"]
