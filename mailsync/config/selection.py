"""Which folders a list of names, globs and special uses selects."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

SPECIAL_USES = frozenset(
    {"\\all", "\\archive", "\\drafts", "\\flagged", "\\important", "\\junk", "\\memos", "\\scheduled", "\\sent"}
    | {"\\snoozed", "\\trash"}
)
"""RFC 6154 section 2, RFC 8457 and the IANA registry of IMAP mailbox name attributes, in lower case."""


def is_selected(name: str, special_use: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    """True if the folder is matched by `include` and not by `exclude`.

    `name` is the decoded name, `special_use` its attribute such as "\\\\Junk" or "". A pattern is a special use
    (in any case), or a name, or a glob in which `*` stands for any text, hierarchy delimiters included, and `?` for one
    character; a backslash before `*`, `?` or itself takes it literally. INBOX is the same in any case (RFC 3501
    section 5.1), other names are not; composed and decomposed Unicode are the same.
    """
    return any(matches(pattern, name, special_use) for pattern in include) and not any(
        matches(pattern, name, special_use) for pattern in exclude
    )


def matches(pattern: str, name: str, special_use: str = "") -> bool:
    """True if one pattern of `is_selected` matches the folder."""
    if pattern.lower() in SPECIAL_USES:
        return pattern.lower() in special_use.lower().split()
    name = _plain(name)
    # A name that holds * or ? is always matched by itself.
    return pattern == "*" or _plain(pattern) == name or _glob(pattern).fullmatch(name) is not None


def _plain(name: str) -> str:
    return "INBOX" if name.upper() == "INBOX" else unicodedata.normalize("NFC", name)


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    at = 0
    text = _plain(pattern)
    while at < len(text):
        char = text[at]
        if char == "\\" and text[at + 1 : at + 2] in ("*", "?", "\\"):
            at += 1
            parts.append(re.escape(text[at]))
        elif char == "*":
            # Runs of * are one: two in a row would make a mismatch take quadratic time.
            if not parts or parts[-1] != ".*":
                parts.append(".*")
        else:
            parts.append("." if char == "?" else re.escape(char))
        at += 1
    return re.compile("".join(parts), re.DOTALL)
