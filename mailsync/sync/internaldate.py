"""INTERNALDATE (RFC 3501 section 9, date-time) to Unix seconds, once a message: kept cheap by remembering days."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), 1
    )
}


@lru_cache(maxsize=4096)
def _midnight(day: bytes) -> int:
    date, month, year = day.split(b"-")
    return int(datetime(int(year), _MONTHS[month.lower()], int(date), tzinfo=UTC).timestamp())


@lru_cache(maxsize=128)
def _offset(zone: bytes) -> int:
    seconds = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
    return -seconds if zone[:1] == b"-" else seconds


def parse(value: bytes | None) -> int | None:
    """`17-Jul-1996 02:44:25 -0700` as Unix seconds; None when absent or not a date."""
    if not value:
        return None
    try:
        day, time, zone = value.split()
        return _midnight(day) + int(time[0:2]) * 3600 + int(time[3:5]) * 60 + int(time[6:8]) - _offset(zone)
    except (ValueError, KeyError, OverflowError):
        return None
