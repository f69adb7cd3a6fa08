"""Durations and sizes as people write them: "5m", "1h30m", "30d", "50MB"."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdwy])\s*", re.IGNORECASE | re.ASCII)
_BYTES = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "KI": 1024, "MI": 1024**2, "GI": 1024**3}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(|[KMG]I?)B?", re.IGNORECASE | re.ASCII)
LONGEST = 1000 * _SECONDS["y"]
"""Seconds. Beyond this a clock overflows somewhere; nobody means it."""
LARGEST = 2**62
"""Bytes. Larger numbers do not fit a database column."""


def duration(text: str) -> float:
    """Seconds from numbers with units s, m (minutes), h, d, w, y (365 days), largest first or not; "0" is zero.

    Raises ValueError with a sentence for people.
    """
    if text.strip() == "0":
        return 0.0
    seconds = 0.0
    at = 0
    stripped = text.strip()
    while at < len(stripped):
        match = _DURATION.match(stripped, at)
        if match is None:
            break
        seconds += float(match[1]) * _SECONDS[match[2].lower()]
        at = match.end()
    if at == 0 or at < len(stripped):
        raise ValueError(f'"{text[:40]}" is not a duration such as "5m", "1h30m" or "30d"')
    if seconds > LONGEST:
        raise ValueError(f'"{text[:40]}" is longer than a thousand years')
    return seconds


def size(text: str) -> int:
    """Bytes from a number with an optional unit: kB, MB, GB (powers of 1000), KiB, MiB, GiB (of 1024), B optional.

    Raises ValueError with a sentence for people.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text[:40]}" is not a size such as "50MB" or "1GiB"')
    count = float(match[1]) * _BYTES[match[2].upper()]
    if count > LARGEST:
        raise ValueError(f'"{text[:40]}" is too large')
    return int(count)
