"""How sure a rule is of a message, and why, in words for people. Pure.

What a rule knows of a message beyond the guard's leave: `weighed` gives a confidence in 0..1 with its reasons, or None
where the rule has nothing to say of it after all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from mailsync.cleanup.reading import Look
from mailsync.cleanup.rules import Rule
from mailsync.model import Flag
from mailsync.pipeline import features
from mailsync.record import record
from mailsync.store.candidates import Row

DAY = 86400
OVER_SECONDS = 7 * DAY
"""After which a date is over for good."""
LOUD = 200
LOUD_READ = 0.05
"""A sender of so many messages, of which at most that share was read, is hardly read."""
_SURE, _UNSURE = 0.99, 0.05


@record(frozen=True)
class Weighed:
    """`confidence` in 0..1."""

    confidence: float
    reasons: tuple[str, ...]


@record(frozen=True)
class Around:
    """What is known beside a message: `loud` senders with (messages, read), and of copies the id of the one that stays
    and whether it has the same bytes. `now` in Unix seconds."""

    now: float
    loud: Mapping[str, tuple[int, int]]
    kept: Mapping[int, tuple[int, bool]]


def weighed(rule: Rule, row: Row, look: Look, around: Around) -> Weighed | None:
    """What a rule says of a message."""
    found: list[tuple[float, str]] = []
    match rule.kind:
        case "duplicates":
            if row.id not in around.kept:
                return None
            stays, exactly = around.kept[row.id]
            what = "the same bytes" if exactly else "the same text and Message-ID"
            return Weighed(0.97 if exactly else 0.85, (f"{what} as message {stays} of this folder",))
        case "calendar":
            if look.ends is None or around.now - look.ends < OVER_SECONDS:
                return None
            found += [(0.7, f"its last date, {_day(look.ends)}, is over"), *_distribution(row, look, 0.1)]
        case "newsletters":
            found += [(0.5, ""), *_distribution(row, look, 0.2), *_neglect(row, 0.1)]
            if row.features & features.REPLY:
                found.append((-0.15, "it is part of a discussion"))
        case "promotions":
            found += [(0.6, "an offer that was sent to many"), *_distribution(row, look, 0.1), *_neglect(row, 0.1)]
        case "notifications":
            found.append((0.6, "a program sent it, and it was read"))
            found += _distribution(row, look, 0.1)
            if row.features & features.NOTIFICATION:
                found.append((0.15, "it is a notice"))
            if row.features & features.REPLY:
                found.append((-0.1, "it belongs to a discussion"))
        case "oversize":
            found.append((0.4, f"{_megabytes(look.attached)} of attachments, which the mirror has byte for byte"))
            found += _distribution(row, look, 0.1)
        case "senders":
            many = around.loud.get(row.sender.lower())
            if many is None:
                return None
            messages, read = many
            found.append((0.45, f"{messages:,} messages of this sender, of which {read:,} were read"))
            found += [*_distribution(row, look, 0.1), *_neglect(row, 0.1)]
        case _:
            found += [(0.6, f'it matches "{rule.title}"'), *_distribution(row, look, 0.1), *_neglect(row, 0.05)]
    if row.features & features.QUESTION and rule.kind != "promotions":
        found.append((-0.05, "it asks something"))
    found.append((min(0.1, _years(row, around.now) * 0.02), _age(row, around.now)))
    total = sum(points for points, _ in found)
    return Weighed(round(min(max(total, _UNSURE), _SURE), 2), tuple(text for _, text in found if text))


def _distribution(row: Row, look: Look, points: float) -> list[tuple[float, str]]:
    """That it went to many."""
    found = []
    if look.leaves:
        found.append((points, "it says how to unsubscribe"))
    if look.list_id:
        found.append((points / 2, f"it came through the list {look.list_id}"))
    if row.features & features.BULK and not look.leaves:
        found.append((points / 2, "it calls itself bulk mail"))
    return found


def _neglect(row: Row, points: float) -> list[tuple[float, str]]:
    return [] if row.flags & Flag.SEEN else [(points, "it was never read")]


def _years(row: Row, now: float) -> float:
    when = row.date if row.date is not None else row.internaldate
    return max(now - when, 0.0) / (365 * DAY) if when is not None else 0.0


def _age(row: Row, now: float) -> str:
    years = _years(row, now)
    if years >= 2:
        return f"it is {int(years)} years old"
    months = int(years * 12)
    return f"it is {months} months old" if months >= 2 else ""


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment - DAY, UTC).strftime("%Y-%m-%d")


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
