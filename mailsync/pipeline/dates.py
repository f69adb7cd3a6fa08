"""The Date header as Unix seconds."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

_DAY = re.compile(r"(?:[A-Za-z]{3}, *)?(\d{1,2}) ([A-Za-z]{3}) (\d{4}) ", re.ASCII)
_MONTHS = {
    name: number + 1
    for number, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
}
_EPOCH = date(1970, 1, 1).toordinal()
_EARLIEST = (date(1971, 1, 1).toordinal() - _EPOCH) * 86400
_LATEST = (date(2100, 1, 1).toordinal() - _EPOCH) * 86400


def unix_seconds(text: str) -> int | None:
    """Seconds since 1970 in UTC of an RFC 5322 date, obsolete and common wrong forms included.

    None for what is no date and for an absurd one: before 1971 (a clock that was never set) or after 2099.
    """
    try:
        seconds = _usual(text)
    except (ValueError, KeyError):
        seconds = None
    if seconds is None:
        try:
            seconds = _unusual(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return seconds if seconds is not None and _EARLIEST <= seconds < _LATEST else None


def _usual(text: str) -> int | None:
    """The form almost every message has, "Tue, 4 Mar 2025 10:11:12 +0100", at a third of the general parser's time."""
    colon = text.find(":")
    zone = text[colon + 6 : colon + 12]
    clock = text[colon - 2 : colon] + text[colon + 1 : colon + 3] + text[colon + 4 : colon + 6]
    if len(clock) != 6 or not (clock.isdecimal() and clock.isascii()) or text[colon + 3 : colon + 4] != ":":
        return None
    # People and machines send many messages a day from few zones.
    seconds = _day(text[: colon - 2]) - _zone(zone)
    hour, minute, second = int(clock[:2]), int(clock[2:4]), int(clock[4:])
    if hour > 23 or minute > 59 or second > 60:
        return None
    return seconds + hour * 3600 + minute * 60 + second


def _unusual(text: str) -> int | None:
    from email.utils import parsedate_tz  # slow to import, and few messages need it

    parts = parsedate_tz(text[:200].encode("ascii", "replace").decode("ascii"))
    if parts is None:
        return None
    hour, minute, second, zone = *parts[3:6], parts[9] or 0
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 60 and abs(zone) < 86400):
        return None
    return (date(*parts[:3]).toordinal() - _EPOCH) * 86400 + hour * 3600 + minute * 60 + second - zone


@lru_cache(maxsize=4096)
def _day(text: str) -> int:
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError
    return (date(int(match[3]), _MONTHS[match[2].lower()], int(match[1])).toordinal() - _EPOCH) * 86400


@lru_cache(maxsize=256)
def _zone(text: str) -> int:
    if not re.fullmatch(r" [+-]\d{4}", text, re.ASCII):
        raise ValueError
    seconds = int(text[2:4]) * 3600 + int(text[4:]) * 60
    if seconds >= 86400:
        raise ValueError
    return -seconds if text[1] == "-" else seconds
