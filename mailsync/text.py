"""`safe_text()`: the one gate for any server- or message-derived string that a person will see.

A subject, a folder name or a server's greeting may carry terminal escapes, bidirectional overrides or
invisible characters. Storage keeps the raw string; everything shown goes through here first. Beside it, numbers as a
person reads them.
"""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, surrogates (undecodable bytes), Unicode line and paragraph separators,
# bidirectional controls, zero-width and other invisible formatting characters, tag characters.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_UNSAFE_BUT_BREAKS = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))
_INVISIBLE = frozenset("\u00ad\u200b\u2060\ufeff")


def _visible(match: re.Match[str]) -> str:
    char = match.group()
    if char in _INVISIBLE:
        return ""
    return " " if char in "\t\n\r\x0b\x0c\x85\u2028\u2029" else "\ufffd"


def safe_text(value: str, limit: int = 0) -> str:
    """One line that is harmless on a terminal: controls become U+FFFD, breaks and tabs a space.

    `limit` > 0 cuts to that many characters, the last one an ellipsis.
    """
    if _UNSAFE.search(value):
        value = _UNSAFE.sub(_visible, value)
    if 0 < limit < len(value):
        value = value[: limit - 1] + "…"
    return value


def safe_block(value: str) -> str:
    """Like `safe_text`, for a text of many lines: line feeds stay, tabs become spaces."""
    value = value.replace("\r\n", "\n").replace("\r", "\n").expandtabs(8)
    return _UNSAFE_BUT_BREAKS.sub(_visible, value)


def size(number: int) -> str:
    """Bytes in decimal units: `812 B`, `45.1 kB`, `1.2 GB`; at most 8 characters."""
    if number < 1000:
        return f"{number} B"
    units = ["TB", "GB", "MB", "kB"]
    value, unit = number / 1000, units.pop()
    while value >= 999.95 and units:
        value, unit = value / 1000, units.pop()
    return f"{value:.1f} {unit}"


def span(seconds: float) -> str:
    """A length of time in its largest unit: `40 s`, `3 min`, `2 h`, `5 d`."""
    if seconds < 60:
        return f"{int(seconds)} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h"
    return f"{int(seconds // 86400)} d"
