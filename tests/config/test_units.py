from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.config import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("30d", 30 * 86400),
        ("2W", 14 * 86400),
        ("1y", 365 * 86400),
        ("0.5h", 1800),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert units.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 minutes", "-5m", "5m x", "1e3s", "٣m", "9999999999y"])
def test_what_is_no_duration_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration|longer than"):
        units.duration(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("512", 512), ("50MB", 50_000_000), ("1k", 1000), ("1KiB", 1024), ("1.5 GB", 1_500_000_000)],
)
def test_sizes(text: str, count: int) -> None:
    assert units.size(text) == count


@pytest.mark.parametrize("text", ["", "MB", "50 TB", "-1", "1e9", "9999999999999GiB"])
def test_what_is_no_size_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a size|too large"):
        units.size(text)


@given(st.text(max_size=50))
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    for read in (units.duration, units.size):
        try:
            value: float | str = read(text)
        except ValueError as error:
            value = str(error)
        assert len(value) < 120 if isinstance(value, str) else value >= 0
