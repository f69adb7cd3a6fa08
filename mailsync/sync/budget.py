"""A daily budget of bytes: whether it is spent, when it renews, and when a mirror will be complete. Pure.

Gmail serves 2,500 MB a day by IMAP and slows to a crawl above it (support.google.com/a/answer/1071518). A day is a
UTC day. A margin stays for what a day must still carry: push, flags, other clients of the same person. A share is given
out hour by hour, so that new mail, which is always fetched first, does not wait for tomorrow behind years of old mail.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from mailsync.record import record

MARGIN = 0.05
"""The share of the allowance that a sync leaves untouched."""
HOURLY = 0.1
"""The share that is given out hour by hour."""
HOUR = 3600.0
DAY = 86400.0


@record(frozen=True)
class Progress:
    """How far a mirror is. `oldest` is the INTERNALDATE (Unix seconds) down to which everything is there, newest
    first; None when nothing is under way. `rest` are the bytes still to come, about; `held` messages are there."""

    oldest: float | None
    rest: int
    held: int = 0


@record(frozen=True)
class Budget:
    """`daily` bytes a UTC day, None without a limit."""

    daily: int | None

    @property
    def usable(self) -> int | None:
        """Bytes a day that syncs may use."""
        return None if self.daily is None else int(self.daily * (1 - MARGIN))

    def until(self, at: float) -> int | None:
        """Bytes that the day of `at` (Unix seconds) may have seen by then."""
        if self.daily is None:
            return None
        return int(self.daily * (1 - MARGIN - HOURLY + HOURLY * (at % DAY // HOUR + 1) / 24))

    def spent(self, received: int, at: float) -> bool:
        """True when syncs have to stop, `received` bytes into the day."""
        allowed = self.until(at)
        return allowed is not None and received >= allowed

    def resumes_at(self, received: int, at: float) -> float:
        """When there is something to spend again: at one of the next full hours, at midnight (UTC) at the latest."""
        hour = (at // HOUR + 1) * HOUR
        while hour < renews_at(at) and self.spent(received, hour):
            hour += HOUR
        return hour


def renews_at(at: float) -> float:
    """The end of the UTC day of `at`, Unix seconds."""
    return (at // DAY + 1) * DAY


def estimated_rest(messages: int, held: int, held_bytes: int, server_bytes: int | None) -> int:
    """Bytes still to come of a folder: from its size where the server told it (RFC 8438), else from the mean so far.

    Without either, a message counts as 75 kB, a mean over ordinary mailboxes.
    """
    missing = max(messages - held, 0)
    if server_bytes is not None and missing:
        return max(server_bytes - held_bytes, 0)
    mean = held_bytes / held if held else 75_000
    return int(missing * mean)


def forecast(budget: Budget, progress: Progress, at: float) -> str:
    """ "mirrored back to 2024-03; the rest, 3.1 GB, by Tuesday": for the moment the budget is spent.

    A day's name for the coming six days, a date beyond them.
    """
    back = f"{progress.held:,} messages are mirrored" if progress.held else "nothing is mirrored yet"
    if progress.oldest is not None:
        back = f"mirrored back to {datetime.fromtimestamp(progress.oldest, UTC):%Y-%m}"
    if progress.rest <= 0 or not budget.usable:
        return back
    days = math.ceil(progress.rest / budget.usable)
    if days > 20_000:
        return f"{back}; the rest, {amount(progress.rest)}, not within a lifetime: raise daily_bytes"
    end = datetime.fromtimestamp(renews_at(at) + (days - 1) * DAY, UTC)
    by = "tomorrow" if days == 1 else f"{end:%A}" if days <= 6 else f"{end:%Y-%m-%d}"
    return f"{back}; the rest, {amount(progress.rest)}, by {by}"


def amount(count: float) -> str:
    """Bytes for people: "950 kB", "3.1 GB" (powers of 1000)."""
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if count >= size * 0.9995:
            scaled = count / size
            return f"{scaled:.0f} {unit}" if scaled >= 99.5 else f"{scaled:.1f} {unit}"
    return f"{count / 1000:.0f} kB"
