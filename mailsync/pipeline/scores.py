"""How much a message wants somebody's attention: `score`, a number of 0..1 with its reasons. Pure.

      points = base + the weight of every reason that holds      score = 1 / (1 + exp(-points))

What of it does not change by itself (`settled`) is computed once, by the stage; what follows from flags, from the time
and from what the user does (`moving`) when it is asked for. The weights are those of `[triage.weights]`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mailsync.pipeline import features as bits
from mailsync.record import record

if TYPE_CHECKING:
    from mailsync.config.models import WeightsConfig

VERSION = 1
"""Of `settled`: a higher one has all computed anew."""
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
    author; `habits` None where nothing is to be learned."""

    flags: int
    age: float
    inbox: bool = True
    """It has not been put into the archive."""
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


def settled(noticed: int, known: int, weights: WeightsConfig) -> list[Reason]:
    """The reasons in a message itself: `noticed` of `features`, `known` of TO, CC, NAMED."""
    found: list[Reason] = []

    def add(name: str, text: str, weight: float) -> None:
        if weight:
            found.append(Reason(name, text, weight))

    if known & TO:
        add("to", "addressed to you", weights.to)
    elif known & CC:
        add("cc", "you are in Cc", weights.cc)
    if known & NAMED:
        add("name", "it calls you by name", weights.name)
    personal = not noticed & (bits.BULK | bits.AUTOMATIC) or (
        noticed & bits.LIST and noticed & bits.REPLY and known & (TO | CC | NAMED)
    )
    if personal:
        if noticed & bits.QUESTION:
            add("question", "it asks something", weights.question)
        if noticed & bits.DEADLINE:
            add("deadline", "it speaks of a deadline", weights.deadline)
        if noticed & bits.URGENT:
            add("urgent", "its sender calls it urgent", weights.urgent)
        if noticed & bits.CALENDAR:
            add("calendar", "an invitation, or an answer to one", weights.calendar)
    for bit, text in _IMPORTANT:
        if noticed & bit:
            add("important", text, weights.important)
            break
    if noticed & bits.LIST:
        add("list", "it came by a mailing list", weights.list)
    if noticed & bits.BULK:
        add("bulk", "it was sent in bulk", weights.bulk)
    if noticed & bits.AUTOMATIC:
        add("automatic", "a program wrote it", weights.automatic)
    if noticed & bits.PROMOTION:
        add("promotion", "an offer", weights.promotion)
    if noticed & bits.NOTIFICATION:
        add("notification", "a notification", weights.notification)
    if noticed & bits.MANY:
        add("many", f"it went to more than {bits.RECIPIENTS} people", weights.many)
    return found


def moving(now: Moving, weights: WeightsConfig) -> list[Reason]:
    """The other reasons."""
    found: list[Reason] = []

    def add(name: str, text: str, weight: float) -> None:
        if weight:
            found.append(Reason(name, text, weight))

    if not now.flags & SEEN:
        add("unread", "unread", weights.unread)
    if now.flags & FLAGGED:
        add("flagged", "you flagged it", weights.flagged)
    if now.flags & ANSWERED or now.answered:
        add("answered", "you answered it already", weights.answered)
    if now.takes_part:
        add("conversation", "it answers in a conversation of yours", weights.conversation)
    if now.written:
        times = "once" if now.written == 1 else f"{now.written:,} times"
        add("known", f"you have written to them {times}", weights.known * now.written / (now.written + 1))
    if not now.inbox:
        add("archived", "it is in the archive", weights.archived)
    habits = now.habits
    if habits is not None and habits.messages >= LEARNED:
        of = habits.messages
        for name, count, weight, did in (
            ("answers", habits.answered, weights.answers, "you answer"),
            ("ignores", habits.ignored, weights.ignores, "you put away unread"),
        ):
            if count:
                add(name, f"{did} {_share(count, of)} of theirs ({count} of {of})", weight * count / (of + 2))
    add("age", _aged(now.age), age_points(now.age, weights))
    return found


def _share(count: int, of: int) -> str:
    return "all" if count == of else "most" if 2 * count > of else "some" if 4 * count > of else "few"


def age_points(days: float, weights: WeightsConfig) -> float:
    """The weight of an age: that of `age` for each doubling of a day."""
    return weights.age * math.log2(1 + max(days, 0.0))


def _aged(days: float) -> str:
    for size, unit in ((365.25, "year"), (30.44, "month"), (7.0, "week"), (1.0, "day")):
        if days >= size:
            count = int(days / size)
            return f"{count} {unit}{'s' * (count > 1)} old"
    return "less than a day old"


def points(reasons: list[Reason]) -> float:
    """What reasons come to together, in whatever order."""
    return math.fsum(reason.weight for reason in reasons)


def most_moving(weights: WeightsConfig) -> float:
    """The most points that `moving` gives beside the age."""
    given = (
        weights.unread,
        weights.flagged,
        weights.answered,
        weights.conversation,
        weights.known,
        weights.archived,
        weights.answers,
        weights.ignores,
    )
    return math.fsum(max(weight, 0.0) for weight in given)


def score(reasons: list[Reason], weights: WeightsConfig) -> Score:
    """What all reasons of a message come to."""
    total = points(reasons)
    said = math.fsum(abs(reason.weight) for reason in reasons)
    known = [
        Reason(one.name, one.text, round(one.weight, 2)) for one in sorted(reasons, key=lambda one: -abs(one.weight))
    ]
    return Score(
        round(_logistic(weights.base + total), 4),
        round(abs(total) / (said + 1), 4),
        tuple(one for one in known if one.weight),
    )


def _logistic(value: float) -> float:
    if value < 0:
        return math.exp(max(value, -700.0)) / (1 + math.exp(max(value, -700.0)))
    return 1 / (1 + math.exp(-value))
