"""How long a server wants to be left alone: from its words and response codes to seconds."""

from __future__ import annotations

import re

LONGEST_SECONDS = 24 * 3600.0
"""Gmail locks an account that is over its daily bytes for up to a day; nothing asks for more."""

CODES: dict[str, float] = {
    "OVERQUOTA": 900.0,  # Gmail: "Account exceeded command or bandwidth limits"
    "LIMIT": 60.0,  # RFC 5530: too much at once; Stalwart counts requests by the minute
    "UNAVAILABLE": 60.0,  # RFC 5530: a part of the server is down for now
    "INUSE": 10.0,  # RFC 5530: another session holds a lock
    "THROTTLED": 60.0,  # no standard's, but what several say
}
"""Seconds to wait for a response code that comes without a time."""

_WORDS: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r"bandwidth limits?|exceeded command"), 900.0),
    (re.compile(r"throttl|rate.?limit|too many (?:requests|commands|logins|login attempts)"), 60.0),
    (
        re.compile(r"too many (?:simultaneous |concurrent |open )?connections|connection limit|maximum number of conn"),
        60.0,
    ),
    (re.compile(r"temporarily (?:locked|blocked)"), 300.0),
)
_BACKOFF = re.compile(r"back-?off time:?\s*([0-9]{1,12})\s*(milliseconds|ms|seconds|s)?\b")  # Exchange
_AFTER = re.compile(
    r"(?:try again|retry|wait)\s+(?:in|after|for)?\s*(?:about\s+)?([0-9]{1,6})\s*"
    r"(millisecond|second|sec|minute|min|hour)"
)
_UNITS = {"millisecond": 0.001, "second": 1.0, "sec": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0}


def hint(text: str, code: str | None) -> float | None:
    """Seconds that a refusal asks us to wait, or None when it is no plea to slow down.

    `text` is what it says to people, `code` the name of its response code. A time in the text counts more than the
    code; no wait is longer than a day.
    """
    lower = text.lower()
    if found := _BACKOFF.search(lower):
        seconds = int(found[1]) * (1.0 if (found[2] or "ms").startswith("s") else 0.001)
        return min(seconds, LONGEST_SECONDS)
    known = CODES.get(code.upper()) if code else None
    if known is None:
        known = next((seconds for words, seconds in _WORDS if words.search(lower)), None)
    if known is not None and (found := _AFTER.search(lower)):
        return min(int(found[1]) * _UNITS[found[2]], LONGEST_SECONDS)
    return known


def about_connections(text: str) -> bool:
    """What the server says is about the number of connections at a time."""
    return any(word in text.lower() for word in ("connection", "simultaneous"))
