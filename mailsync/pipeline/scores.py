"""How much a message wants somebody's attention: `score`, a number of 0..1 with its reasons. Pure.

      points = base + the weight of every reason that holds      score = 1 / (1 + exp(-points))

What of it does not change by itself (`settled`) is computed once, by the stage; what follows from flags, from the time
and from what the user does (`moving`) when it is asked for. The weights are those of `[triage.weights]`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from mailsync.pipeline import features as bits
from mailsync.record import record

Weights: TypeAlias = Mapping[str, float]
"""`[triage.weights]` by name; a name that is not there weighs nothing."""
TO, CC, NAMED, MINE, LISTED = (1 << bit for bit in range(5))
"""Bits of what is known of a document besides its features: how it is addressed to the user, that it is from the user,
that its origin is a list."""
SEEN, ANSWERED, FLAGGED = 1, 2, 4
"""Flags, as in `model.Flag`."""
LEARNED = 3
"""Messages of an origin before anything is learned of it."""
_IMPORTANT = (
    (bits.INVOICE, "an invoice"),
    (bits.TICKET, "a ticket or a booking"),
    (bits.SECURITY_CODE, "a code to sign in with"),
    (bits.RECEIPT, "a receipt or an order"),
)


@record(frozen=True)
class Reason:
    """One of the reasons of a score; `weight` in points."""

    name: str
    text: str
    weight: float


@record(frozen=True)
class Habits:
    """What the user did with the newest messages of an origin, an author or a list."""

    messages: int = 0
    answered: int = 0
    ignored: int = 0
    """Put away, or deleted, before anybody had read them."""


@record(frozen=True)
class Moving:
    """What of a message may be another the next time. `age` in days; `written` are messages from the user to its
    author; `habits` are None where nothing is to be learned."""

    flags: int
    age: float
    archived: bool = False
    written: int = 0
    takes_part: bool = False
    """A message of its conversation is from the user, one before it."""
    answered: bool = False
    """The user wrote into the conversation after it."""
    habits: Habits | None = None


@record(frozen=True)
class Score:
    """`score` and `confidence` are in 0..1; the reasons that say most come first.

    The confidence tells how much the reasons say, and how far they agree.
    """

    score: float
    confidence: float
    reasons: tuple[Reason, ...]


class _Reasons:
    """Those found so far, each with the share of its weight that holds."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.found: list[Reason] = []

    def add(self, name: str, text: str, share: float = 1.0) -> None:
        weight = self.weights.get(name, 0.0) * share
        if weight:
            self.found.append(Reason(name, text, weight))


def settled(noticed: int, known: int, weights: Weights) -> list[Reason]:
    """The reasons in a message itself: `noticed` of `features`, `known` of TO, CC, NAMED."""
    reasons = _Reasons(weights)
    add = reasons.add
    if known & TO:
        add("to", "addressed to you")
    elif known & CC:
        add("cc", "you are in Cc")
    if known & NAMED:
        add("name", "it calls you by name")
    discussed = noticed & bits.LIST and noticed & bits.REPLY and not noticed & bits.AUTOMATIC
    if not noticed & (bits.BULK | bits.AUTOMATIC) or (discussed and known & (TO | CC | NAMED)):
        if noticed & bits.QUESTION:
            add("question", "it asks something")
        if noticed & bits.DEADLINE:
            add("deadline", "it speaks of a deadline")
        if noticed & bits.URGENT:
            add("urgent", "its sender calls it urgent")
        if noticed & bits.CALENDAR:
            add("calendar", "an invitation, or an answer to one")
    for bit, text in _IMPORTANT:
        if noticed & bit:
            add("important", text)
            break
    if noticed & bits.LIST:
        add("list", "it came by a mailing list")
    if noticed & bits.BULK and not discussed:
        add("bulk", "it was sent in bulk")
    if noticed & bits.AUTOMATIC:
        add("automatic", "a program wrote it")
    if noticed & bits.PROMOTION:
        add("promotion", "an offer")
    if noticed & bits.NOTIFICATION:
        add("notification", "a notification")
    if noticed & bits.MANY:
        add("many", f"it went to more than {bits.RECIPIENTS} people")
    return reasons.found


def moving(now: Moving, weights: Weights) -> list[Reason]:
    """The other reasons."""
    reasons = _Reasons(weights)
    add = reasons.add
    if not now.flags & SEEN:
        add("unread", "unread")
    if now.flags & FLAGGED:
        add("flagged", "you flagged it")
    if now.flags & ANSWERED or now.answered:
        add("answered", "you answered it already")
    if now.takes_part:
        add("conversation", "you wrote before it in its conversation")
    if now.archived:
        add("archived", "it is in the archive")
    if now.written:
        times = "once" if now.written == 1 else f"{now.written:,} times"
        add("known", f"you have written to them {times}", now.written / (now.written + 1))
    habits = now.habits
    if habits is not None and habits.messages >= LEARNED:
        of = habits.messages
        if habits.answered:
            told = f"you answer {_share(habits.answered, of)} of theirs ({habits.answered} of {of})"
            add("answers", told, habits.answered / (of + 2))
        if habits.ignored:
            told = f"you put {_share(habits.ignored, of)} of theirs away unread ({habits.ignored} of {of})"
            add("ignores", told, habits.ignored / (of + 2))
    add("age", _aged(now.age), age_share(now.age))
    return reasons.found


def _share(count: int, of: int) -> str:
    return "all" if count == of else "most" if 2 * count > of else "some" if 4 * count > of else "few"


def age_share(days: float) -> float:
    """How often a day doubles to that age."""
    return math.log2(1 + max(days, 0.0))


def _aged(days: float) -> str:
    for size, unit in ((365.25, "year"), (30.44, "month"), (7.0, "week"), (1.0, "day")):
        if days >= size:
            count = int(days / size)
            return f"{count} {unit}{'s' * (count > 1)} old"
    return "less than a day old"


def points(reasons: Sequence[Reason]) -> float:
    """What reasons come to together, in whatever order."""
    return math.fsum(reason.weight for reason in reasons)


def score(reasons: Sequence[Reason], weights: Weights) -> Score:
    """What all reasons of a message come to."""
    total = points(reasons)
    said = math.fsum(abs(reason.weight) for reason in reasons)
    told = [Reason(one.name, one.text, round(one.weight, 2)) for one in sorted(reasons, key=_least_said)]
    return Score(
        round(_logistic(weights.get("base", 0.0) + total), 2),
        round(abs(total) / (said + 1), 2),
        tuple(one for one in told if one.weight),
    )


def points_for(score: float, weights: Weights) -> float:
    """What reasons have to come to together for a score, as it is rounded, of that or more."""
    least = score - 0.005
    if least <= 0:
        return -math.inf
    return math.log(least / (1 - least)) - weights.get("base", 0.0)


def _least_said(reason: Reason) -> tuple[float, str]:
    return -abs(reason.weight), reason.name


def _logistic(value: float) -> float:
    if value < 0:
        power = math.exp(max(value, -700.0))
        return power / (1 + power)
    return 1 / (1 + math.exp(-value))
