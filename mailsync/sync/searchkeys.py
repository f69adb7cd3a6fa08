"""A query as IMAP SEARCH keys (RFC 3501 section 6.4.4): what a server can be asked, and an error for the rest.

Strings go out quoted and in ASCII: no CHARSET is ever sent, since some servers refuse every one of them and others
find nothing. Days are compared with INTERNALDATE, which a server knows without reading the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce

from mailsync.errors import ProtocolError, QueryError
from mailsync.imap.encode import Literal, astring
from mailsync.query.tree import And, Dated, HasAttachment, Is, Not, Or, Query, Sized, Words, day

LONGEST = 4000
"""Octets of a compiled query: half a command line (RFC 7162 section 4), the other half is for a set of UIDs."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_KEYS = {"text": "TEXT", "from": "FROM", "to": "TO", "cc": "CC", "subject": "SUBJECT", "body": "BODY"}
_STATES = {"unread": "UNSEEN", "read": "SEEN", "flagged": "FLAGGED", "answered": "ANSWERED"}
_SIDES = {"before": "BEFORE", "after": "SINCE", "on": "ON"}
_HINT = "leave it out: a server cannot search for it"


@dataclass(frozen=True, slots=True)
class Asked:
    """Where and when a query is asked: the account and folder that `account:` and `folder:` are held against, the
    addresses that `is:direct` means, the present day (UTC), and whether the server knows labels (X-GM-EXT-1)."""

    account: str
    folder: str
    addresses: Sequence[str]
    today: date
    labels: bool = False


def compile_query(query: Query, asked: Asked) -> str | None:
    """One SEARCH key, in parentheses where it is several; "ALL" for all messages, None where nothing can match.

    QueryError, with the column, for what IMAP cannot be asked.
    """
    keys = _compile(query, asked)
    if keys is not None and len(keys) > LONGEST:
        raise QueryError(f"it makes a search of {len(keys):,} octets; servers take {LONGEST:,}", 1)
    return keys


def search_date(when: date) -> str:
    """A day as SEARCH takes it, `date-text` of RFC 3501 section 9."""
    return f"{when.day}-{_MONTHS[when.month - 1]}-{when.year:04}"


def _compile(query: Query, asked: Asked) -> str | None:
    match query:
        case And(parts):
            found = [_compile(part, asked) for part in parts]
            if None in found:
                return None
            keys = [key for key in found if key is not None and key != "ALL"]
            return "ALL" if not keys else keys[0] if len(keys) == 1 else f"({' '.join(keys)})"
        case Or(parts):
            some = [key for part in parts if (key := _compile(part, asked)) is not None]
            if "ALL" in some:
                return "ALL"
            return reduce(lambda right, left: f"OR {left} {right}", reversed(some)) if some else None
        case Not(part):
            key = _compile(part, asked)
            return "ALL" if key is None else None if key == "ALL" else f"NOT {key}"
        case Words():
            return _words(query, asked)
        case Is("list"):
            return 'HEADER List-Id ""'
        case Is("direct"):
            own = [f"TO {_string(address, query.column)}" for address in asked.addresses]
            return reduce(lambda right, left: f"OR {left} {right}", reversed(own)) if own else None
        case Is(state):
            return _STATES[state]
        case Dated(side, when):
            return f"{_SIDES[side]} {search_date(day(when, asked.today))}"
        case Sized(larger, size):
            return f"{'LARGER' if larger else 'SMALLER'} {min(size, 2**32 - 1)}"
        case HasAttachment(column):
            raise QueryError("has:attachment cannot be asked of an IMAP server", column, hint=_HINT)


def _words(query: Words, asked: Asked) -> str | None:
    here = {"account": asked.account, "folder": asked.folder}.get(query.place)
    if here is not None:
        return "ALL" if query.words.casefold() in here.casefold() else None
    value = _string(query.words, query.column)
    if query.place == "list":
        return f"HEADER List-Id {value}"
    if query.place == "label" and asked.labels:
        return f"X-GM-LABELS {value}"
    if query.place not in _KEYS:
        raise QueryError(f"{query.place}: cannot be asked of this server", query.column, hint=_HINT)
    return f"{_KEYS[query.place]} {value}"


def _string(text: str, column: int) -> str:
    """`text` as an IMAP quoted string."""
    if not text.isascii():
        raise QueryError(
            "letters beyond ASCII cannot be searched for on every server", column, hint="use a part without them"
        )
    try:
        value = astring(text.encode())
    except ProtocolError:
        raise QueryError("there is a NUL in it", column) from None
    if isinstance(value, Literal) or len(value) > 1000:
        raise QueryError("a search for a line break, or for more than 1,000 characters, is not possible", column)
    return value.decode() if value.startswith(b'"') else f'"{value.decode()}"'
