from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.pipeline import calendars, mime
from tests.corpus import torture_dir


def event(*lines: str) -> calendars.Event:
    (found,) = calendars.read("\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR"]))
    return found


@pytest.mark.parametrize(
    ("lines", "when"),
    [
        (["DTSTART:20250304T100000Z", "DTEND:20250304T113000Z"], "2025-03-04 10:00 to 11:30, UTC"),
        (["DTSTART;TZID=X/Y:20250304T230000", "DURATION:PT2H"], "2025-03-04 23:00 to 2025-03-05 01:00, X/Y"),
        (['DTSTART;TZID="A: B":20250304T230000'], "2025-03-04 23:00, A: B"),
        (["DTSTART;VALUE=DATE:20250304", "DTEND;VALUE=DATE:20250305"], "2025-03-04"),
        (["DTSTART;VALUE=DATE:20250304", "DTEND;VALUE=DATE:20250307"], "2025-03-04 to 2025-03-06"),
        (["DTSTART;VALUE=DATE:20250304", "DURATION:P1W"], "2025-03-04 to 2025-03-10"),
        (["DTSTART:20250304T100000", "DURATION:-P1D"], "2025-03-04 10:00"),
        (["DTSTART:20259999", "DTEND:20259999", "DURATION:P1D"], ""),
        (["DTSTART:tomorrow"], ""),
        (["DTSTART:99991231T235959Z", "DURATION:P99999D"], "9999-12-31 23:59, UTC"),
    ],
)  # fmt: skip
def test_when(lines: list[str], when: str) -> None:
    assert event(*lines).when == when


def test_folded_escaped_and_within_another_component() -> None:
    found = event(
        "SUMMARY;LANGUAGE=en:Tea\\, cake\\n and\r\n  more",
        "BEGIN:VALARM",
        "SUMMARY:Alarm",
        "END:VALARM",
        'organizer;CN="Max: M";ROLE=CHAIR:MAILTO:max@example.org',
        "RRULE:FREQ=WEEKLY",
    )
    assert (found.summary, found.organizer, found.repeats) == (
        "Tea, cake and more",
        "Max: M <max@example.org>",
        "FREQ=WEEKLY",
    )


def test_the_same_event_twice_is_one(corpus: Path) -> None:
    raw = (torture_dir() / "postal-mime" / "calendar-event.eml").read_bytes()
    parsed = mime.parse(raw)
    (found,) = calendars.events(raw, parsed.attachments)
    assert (found.method, found.summary, found.when) == (
        "REQUEST",
        "Test event ⏰",
        "2024-04-11 11:00 to 12:00, Europe/Tallinn",
    )


LINES = ["BEGIN:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "DTSTART:2025", ";", 'A;B="', "\r\n "]


@given(st.lists(st.sampled_from(LINES) | st.text()))
def test_anything_is_no_error(lines: list[str]) -> None:
    assert len(calendars.read("\n".join(lines))) <= calendars.EVENTS
