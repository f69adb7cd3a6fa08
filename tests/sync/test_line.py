"""Whether to compress, decided by the measured line."""

from __future__ import annotations

import pytest

from mailsync.sync.line import Choice, Gauge, Line, choose

MEASURED_SLOW = Line(0.06, 900_000.0)


@pytest.mark.parametrize(
    ("setting", "offered", "local", "line", "on", "why"),
    [
        ("auto", False, False, MEASURED_SLOW, False, "offers no compression"),
        (True, False, False, MEASURED_SLOW, False, "offers no compression"),
        (True, True, True, Line(), True, "configuration"),
        (False, True, False, MEASURED_SLOW, False, "configuration"),
        ("auto", True, True, MEASURED_SLOW, False, "this machine"),
        ("auto", True, False, Line(0.0004, 900_000.0), False, "near (0.4 ms)"),
        ("auto", True, False, Line(0.06), False, "first megabytes"),
        ("auto", True, False, MEASURED_SLOW, True, "0.9 MB/s"),
        ("auto", True, False, Line(0.06, 30e6), False, "30 MB/s"),
        ("auto", True, False, Line(0.06, 5e6), False, "5 MB/s"),
        ("auto", True, False, Line(0.06, 5e6, compressed=True), True, "5.0 MB/s"),  # half of what it carries
    ],
)
def test_the_choice_and_its_reason(setting: bool, offered: bool, local: bool, line: Line, on: bool, why: str) -> None:
    choice = choose(setting, offered=offered, local=local, line=line)
    assert choice.on is on
    assert why in choice.why
    assert str(choice).startswith("on: " if on else "off: ")


def test_a_fast_line_shows_itself_at_once_a_slow_one_needs_a_megabyte() -> None:
    fast = Gauge()
    fast.note(400_000, 0.04)
    assert fast.rate == 10e6
    slow = Gauge()
    for _ in range(9):
        slow.note(110_000, 1.0)
    assert slow.rate is None
    slow.note(90_000, 1.0)
    assert slow.rate == 110_000


def test_talk_is_no_measure_of_a_line() -> None:
    gauge = Gauge()
    for _ in range(10_000):
        gauge.note(2_000, 1.0)
    gauge.note(0, 0.0)
    assert gauge.rate is None


def test_small_differences_are_no_news() -> None:
    assert Line().differs(0.01)
    assert not Line(0.0001).differs(0.004)
    assert Line(0.001).differs(0.04)
    assert not MEASURED_SLOW.differs(0.09)
    assert MEASURED_SLOW.differs(0.2)
    assert MEASURED_SLOW.differs(0.001)


def test_a_line_is_remembered_as_text() -> None:
    assert Line.load(MEASURED_SLOW.dump()) == MEASURED_SLOW
    assert Line.load("[1]") == Line.load("x") == Line()
    assert str(Choice(True, "because")) == "on: because"
