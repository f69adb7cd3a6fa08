"""What the calendar parts of a message say, in short: RFC 5545 as far as an invitation needs it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailsync.pipeline import kinds
from mailsync.pipeline.mime import Attachment
from mailsync.pipeline.parts import decoded
from mailsync.pipeline.words import decode_bytes
from mailsync.record import record

PARTS = 5
"""Calendars of a message that are read; an invitation has one, and the same once more as a file."""
BYTES = 256 * 1024
"""Of each; time zones are the most of it."""
EVENTS = 20
FIELD = 1000
"""Characters of a value; the description, which may be long, is the message's text already."""

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"\n]*"|[^";:\n]*))*):(.*)')
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^";:]*)')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MOMENT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})?(Z?))?", re.ASCII)
_LENGTH = re.compile(r"\+?P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?", re.ASCII)


@record(frozen=True)
class Event:
    """An event; every text is the sender's, on one line and maybe empty."""

    method: str
    """What the calendar asks for, in capitals: REQUEST, REPLY, CANCEL, PUBLISH ... (RFC 5546)."""
    summary: str
    start: str
    """ISO 8601: a date, or a moment, which is UTC where it ends in Z and local to `zone` otherwise."""
    end: str
    """The same; of a date the last day that belongs to it. Empty where it is not told."""
    zone: str
    """As the sender calls it; empty for UTC, for days and where it is not told."""
    location: str
    organizer: str
    """Name and address, or one of them."""
    repeats: str
    """The rule of RFC 5545 section 3.3.10; empty for what happens once."""

    @property
    def when(self) -> str:
        """Start and end for people: "2025-03-04 10:00 to 11:30, Europe/Berlin"."""
        day, _, clock = self.start.removesuffix("Z").partition("T")
        last_day, _, last_clock = self.end.removesuffix("Z").partition("T")
        last = f"{last_day if last_day != day else ''} {last_clock[:5]}".strip()
        told = f"{day} {clock[:5]}".strip() + (f" to {last}" if last and self.end != self.start else "")
        zone = "UTC" if self.start.endswith("Z") else self.zone
        return f"{told}, {zone}" if zone and clock else told


def events(raw: bytes, attachments: Sequence[Attachment]) -> list[Event]:
    """The events in the calendar parts of a message, each once."""
    found: dict[Event, None] = {}
    calendars = [one for one in attachments if kinds.may_be_calendar(one.type, one.name)]
    for one in calendars[:PARTS]:
        for event in read(decode_bytes(decoded(raw, one, limit=BYTES)[:BYTES])):
            found.setdefault(event)
    return list(found)[:EVENTS]


def read(text: str) -> list[Event]:
    """The events of a calendar, EVENTS at most; none of what is no calendar."""
    method, found = "", []
    inside: list[str] = []
    fields: dict[str, tuple[str, str]] = {}
    for line in _FOLD.sub("", text).splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        name, parameters, value = match[1].upper(), match[2], match[3][:FIELD]
        if name == "BEGIN":
            inside.append(value.strip().upper())
            if inside[-1] == "VEVENT":
                fields = {}
        elif name == "END":
            if inside and inside.pop() == "VEVENT":
                found.append(_event(method, fields))
                if len(found) >= EVENTS:
                    break
        elif inside == ["VCALENDAR"] and name == "METHOD":
            method = value.strip().upper()
        elif inside and inside[-1] == "VEVENT":
            fields.setdefault(name, (parameters, value))
    return found


def _event(method: str, fields: dict[str, tuple[str, str]]) -> Event:
    parameters, value = fields.get("DTSTART", ("", ""))
    start = _moment(value)
    end = _moment(fields.get("DTEND", ("", ""))[1])
    if not end and start:
        end = _after(start, fields.get("DURATION", ("", ""))[1])
    elif end and "T" not in end:
        end = max(start, _shifted(end, days=-1))  # the day that it names is the first one after
    zone = _parameters(parameters).get("TZID", "") if "T" in start and not start.endswith("Z") else ""
    named, address = fields.get("ORGANIZER", ("", ""))
    address = re.sub(r"(?i)^mailto:", "", address.strip())
    name = _parameters(named).get("CN", "")
    organizer = f"{name} <{address}>" if name and address and name != address else name or address
    texts = {key: _text(fields[key][1]) if key in fields else "" for key in ("SUMMARY", "LOCATION")}
    repeats = fields.get("RRULE", ("", ""))[1].strip()
    return Event(method, texts["SUMMARY"], start, end, zone, texts["LOCATION"], organizer, repeats)


def _text(value: str) -> str:
    value = _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)
    return " ".join(value.split())


def _parameters(text: str) -> dict[str, str]:
    return {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(text)}


def _moment(value: str) -> str:
    match = _MOMENT.fullmatch(value.strip())
    if match is None:
        return ""
    year, month, day, hour, minute, second, utc = match.groups()
    date = f"{year}-{month}-{day}"
    return _shifted(f"{date}T{hour}:{minute}:{second or '00'}{utc}" if hour else date)


def _after(start: str, length: str) -> str:
    match = _LENGTH.fullmatch(length.strip())
    if match is None:
        return ""
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in match.groups())
    if "T" not in start:
        return _shifted(start, days=max(0, 7 * weeks + days - 1))
    return _shifted(start, days=7 * weeks + days, seconds=3600 * hours + 60 * minutes + seconds)


def _shifted(moment: str, *, days: int = 0, seconds: int = 0) -> str:
    """Empty where that is no moment."""
    from datetime import datetime, timedelta

    form = "%Y-%m-%dT%H:%M:%S" if "T" in moment else "%Y-%m-%d"
    utc = "Z" if moment.endswith("Z") else ""
    try:
        # A wall clock, which no zone belongs to yet; whoever shows it says which.
        there = datetime.strptime(moment.removesuffix("Z"), form)  # noqa: DTZ007
        return (there + timedelta(days=days, seconds=seconds)).strftime(form) + utc
    except (ValueError, OverflowError):
        return ""
