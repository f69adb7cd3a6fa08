"""The breaker's measure."""

from __future__ import annotations

import pytest

from mailsync.cleanup.breaker import disagrees, excess
from mailsync.store.cleanup_runs import Measure


@pytest.mark.parametrize(
    ("touched", "messages", "busiest", "beyond"),
    [
        (200, 200, 0, False),  # a small folder
        (100, 201, 0, False),
        (101, 201, 0, True),
        (1000, 100_000, 0, False),
        (1001, 100_000, 0, True),
        (1001, 100_000, 101, False),
        (5000, 100_000, 499, True),
        (50_001, 100_000, 9000, True),
    ],
)
def test_what_is_beyond_the_measure(touched: int, messages: int, busiest: int, beyond: bool) -> None:
    assert bool(excess([Measure("INBOX", touched, messages, busiest)], 0.5)) == beyond


def test_every_folder_has_its_sentence() -> None:
    told = excess([Measure("INBOX", 300, 400, 0), Measure("Lists", 1, 400, 0), Measure("Old", 2000, 9000, 3)], 0.5)
    assert told == [
        "300 of the 400 messages of INBOX: more than 50% of it",
        "2,000 messages of Old: 3 left it on the busiest of the last 30 days",
    ]


@pytest.mark.parametrize(
    ("checked", "wrong", "stops"), [(10, 9, False), (10, 10, True), (200, 10, False), (199, 10, True), (1000, 51, True)]
)
def test_what_disagrees_stops_a_run(checked: int, wrong: int, stops: bool) -> None:
    assert bool(disagrees(checked, wrong)) == stops
