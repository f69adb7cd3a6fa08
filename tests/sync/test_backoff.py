"""The pauses of an account, as values of a clock."""

from __future__ import annotations

import random

import pytest

from mailsync.sync.backoff import (
    FIRST_SECONDS,
    JITTER,
    LONGEST_SECONDS,
    LONGEST_STATED_SECONDS,
    Backoff,
    moment,
)


def test_pauses_double_up_to_the_longest_and_are_spread() -> None:
    backoff, at = Backoff(spread=random.Random(1)), 1000.0
    pauses = []
    for _ in range(14):
        until = backoff.failed(at, "no route")
        pauses.append(until - at)
        assert backoff.waits(at)
        assert not backoff.waits(until)
        at = until
    for number, pause in enumerate(pauses):
        middle = min(FIRST_SECONDS * 2**number, LONGEST_SECONDS)
        assert middle * (1 - JITTER) <= pause <= middle * (1 + JITTER)
    assert len({round(pause / LONGEST_SECONDS, 6) for pause in pauses[-4:]}) == 4


def test_one_lost_line_is_one_failure_however_many_noticed() -> None:
    backoff = Backoff()
    until = backoff.failed(10.0, "lost")
    assert backoff.failed(10.1, "lost") == until
    assert backoff.failed(10.2, "lost") == until
    assert backoff.failures == 1


def test_a_stated_pause_is_kept_and_only_prolonged() -> None:
    backoff = Backoff()
    backoff.failed(0.0, "lost")
    assert backoff.failed(0.1, "busy", 92.415) == pytest.approx(92.515)
    assert backoff.failed(1.0, "busy", 5.0) == pytest.approx(92.515)
    assert backoff.failed(2.0, "lost") == pytest.approx(92.515)
    assert backoff.why == "busy"
    assert backoff.failed(3.0, "day over", 1e9) == 3.0 + LONGEST_STATED_SECONDS


def test_a_person_may_try_at_once_unless_the_server_said_when() -> None:
    backoff = Backoff()
    for at in (0.0, 10.0, 20.0):
        backoff.failed(at, "no route")
    backoff.asked(20.5)
    assert not backoff.waits(20.5)
    backoff.failed(21.0, "busy", 60.0)
    backoff.asked(22.0)
    assert backoff.waits(80.0)
    backoff.asked(81.5)
    assert backoff.resumes_at is None


def test_success_starts_over() -> None:
    backoff = Backoff()
    for at in (0.0, 10.0, 20.0):
        backoff.failed(at, "no route")
    backoff.proved()
    assert backoff.failed(100.0, "no route") <= 100.0 + FIRST_SECONDS * (1 + JITTER)


def test_a_clock_set_back_by_a_year_does_not_make_a_pause_of_a_year() -> None:
    backoff = Backoff()
    backoff.failed(4e9, "busy", 60.0)
    assert not backoff.waits(3.9e9)


def test_a_moment_is_told_with_what_is_left() -> None:
    assert moment(1_770_033_642.0, 1_770_033_600.0) == "12:00:42 UTC (in 42 s)"
    assert moment(1_770_033_600.0, 1_770_033_601.0) == "12:00:00 UTC (in 0 s)"
    assert moment(1_770_037_200.0, 1_770_033_600.0).endswith("(in 60 min)")
