"""Numbers, sizes, moments and spans of time as a person reads them; never longer than the columns they go into."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from mailsync.text import size as size
from mailsync.text import span as span

UNKNOWN = "—"


def count(number: int) -> str:
    return f"{number:,}"


def messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number:,} messages"


def ago(moment: float | None, now: float) -> str:
    """`just now`, `2 min ago`; `never` for None."""
    if moment is None:
        return "never"
    return "just now" if now - moment < 5 else f"{span(now - moment)} ago"


def until(moment: float | None, now: float) -> str:
    """`in 4 min`, `due`; a dash for None."""
    if moment is None:
        return UNKNOWN
    return "due" if moment <= now else f"in {span(moment - now)}"


def eta(seconds: float | None) -> str:
    """A guess, rounded as guesses should be: `~10 s`, `~3 min`, `~1 h 20 min`; a dash where there is no ground."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 55:
        return f"~{max(5, 5 * math.ceil(seconds / 5))} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 60:
        return f"~{minutes} min"
    hours, minutes = divmod(10 * round(minutes / 10), 60)
    if hours < 24:
        return f"~{hours} h {minutes} min" if minutes else f"~{hours} h"
    return f"~{math.ceil(seconds / 86400)} d"


def rate(per_second: float) -> str:
    """Messages a second: `1,310/s`, `4.2/s`; `idle` when nothing moves."""
    if per_second < 0.05:
        return "idle"
    return f"{per_second:,.0f}/s" if per_second >= 10 else f"{per_second:.1f}/s"


def percent(part: int, whole: int) -> str:
    """Rounded down, so that 100 % means all of it."""
    return f"{min(100, 100 * part // whole) if whole else 100} %"


def local(moment: float) -> datetime | None:
    """A moment in the zone of this machine; None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(moment, UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return None


def clock_time(moment: float) -> str:
    """`14:02:11`."""
    when = local(moment)
    return when.strftime("%H:%M:%S") if when else UNKNOWN


def list_date(moment: float | None, now: float) -> str:
    """`14:02` today, `12 Mar` this year, `Mar 2023` before; at most 8 characters."""
    when, today = local(moment) if moment is not None else None, local(now)
    if when is None or today is None:
        return UNKNOWN
    if when.date() == today.date():
        return when.strftime("%H:%M")
    if when.year == today.year:
        return f"{when.day} {when.strftime('%b')}"
    return when.strftime("%b %Y")


def full_date(moment: float | None) -> str:
    """`Wed 12 Mar 2025, 14:02`."""
    when = local(moment) if moment is not None else None
    return f"{when.strftime('%a')} {when.day} {when.strftime('%b %Y, %H:%M')}" if when else UNKNOWN
