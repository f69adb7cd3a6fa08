"""The syntax tree of a query. `column` counts the characters of the text from 1 and is no part of the meaning."""

from __future__ import annotations

from dataclasses import field
from datetime import date
from typing import Literal, TypeAlias

from mailsync.record import record

Place = Literal["text", "from", "to", "cc", "subject", "body", "filename", "list", "account", "folder", "label"]
"""Where words are looked for; `text` is everywhere."""
State = Literal["unread", "read", "flagged", "answered", "list", "direct"]
Side = Literal["before", "after", "on"]
"""`before` the day begins, `after` it has begun (the day itself belongs to it), `on` the day."""


@record(frozen=True)
class Words:
    """`words` occur in `place`; a phrase (written in quotes) as they stand."""

    place: Place
    words: str
    phrase: bool = False
    column: int = field(default=1, compare=False)


@record(frozen=True)
class HasAttachment:
    """`has:attachment`"""

    column: int = field(default=1, compare=False)


@record(frozen=True)
class Is:
    """`is:unread` and the like."""

    state: State
    column: int = field(default=1, compare=False)


@record(frozen=True)
class Age:
    """So many calendar units before today; a month ends with its last day."""

    count: int
    unit: Literal["y", "m", "w", "d"]


@record(frozen=True)
class Dated:
    """The date of a message compared with a day (UTC), or with a day that many units ago."""

    side: Side
    when: date | Age
    column: int = field(default=1, compare=False)


@record(frozen=True)
class Sized:
    """Larger, or smaller, than so many bytes."""

    larger: bool
    size: int
    column: int = field(default=1, compare=False)


@record(frozen=True)
class Not:
    """Everything that `part` does not match."""

    part: Query


@record(frozen=True)
class And:
    """Matched by all of two or more `parts`."""

    parts: tuple[Query, ...]


@record(frozen=True)
class Or:
    """Matched by any of two or more `parts`."""

    parts: tuple[Query, ...]


Query: TypeAlias = Words | HasAttachment | Is | Dated | Sized | Not | And | Or


def day(when: date | Age, today: date) -> date:
    """The day that `when` means; the first of all days for an age beyond the calendar."""
    if isinstance(when, date):
        return when
    if when.unit in ("d", "w"):
        back = when.count * (7 if when.unit == "w" else 1)
        return date.fromordinal(max(today.toordinal() - back, 1))
    months = today.year * 12 + today.month - 1 - when.count * (12 if when.unit == "y" else 1)
    if months < 12:
        return date.min
    year, month = divmod(months, 12)
    for last in range(today.day, 27, -1):
        try:
            return date(year, month + 1, last)
        except ValueError:  # the month is shorter
            continue
    return date(year, month + 1, min(today.day, 28))
