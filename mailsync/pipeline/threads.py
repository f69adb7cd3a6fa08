"""What joins messages to threads: `keys`, pure; and `tree`, how a thread is shown (the algorithm of J. Zawinski, JWZ).

Threads are the connected parts of a graph. A message brings its nodes to it, which are hashes of 63 bits: of its own
Message-ID and of those it refers to. It never takes any away, so the same messages make the same threads whatever the
order they come in. A reply that refers to nothing is joined by its subject; that, too, is a rule for pairs of messages,
of which each can tell on its own what it offers or demands:

    offers    subject + whom to answer (From, Reply-To)        every message
    demands   subject + each recipient                         a reply without references

An offer and an equal demand make one thread of two messages, if both are dated within the same or neighbouring periods
of 30 days.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

from mailsync.store.threads import SUBJECT_BITS, SUBJECT_PERIOD, node

REFERENCES = 100
"""Message ids of one message that count: the first, which began the thread, and the last. Real threads keep below."""
PEOPLE = 30
"""Recipients of one reply that count for its subject, and a tenth as many whom to answer."""
SUBJECT = 500
"""Characters of a subject that are looked at."""
SHORTEST = 4
"""Bytes of UTF-8 below which a subject joins nothing: two ideograms, or "Lunch", but not "Hi"."""

_REPLY = (
    "re res ref rif r aw antw antwort sv vs vá odp odg ats atb bls ynt rép réf resp отв ответ на відп απ σχετ השב "
    "תגובה رد 回复 回復 回覆 答复 答復 答覆 返信 회신 답장 ตอบ ตอบกลับ trả·lời"
)
"""VS is a reply in Finland, and a forward in Denmark."""
_FORWARD = (
    "fw fwd wg tr rv enc i pd vb vl fs doorst továbbítás trs yml ilt i̇lt пересл πρθ הועבר إعادة·توجيه "
    "转发 轉發 轉寄 転送 전달 ส่งต่อ chuyển·tiếp"
)


def _words(text: str) -> dict[str, None]:
    return dict.fromkeys(word.replace("·", " ") for word in text.split())


_REPLIES = frozenset(_words(_REPLY))
_PREFIXES = _REPLIES | frozenset(_words(_FORWARD))
# RFC 5256 section 5 (subj-refwd, subj-blob), with the words of more languages and the counters of many programs.
_LEADER = re.compile(r"([^\[\]:(^*]{1,14}?) ?(?:\[[^\[\]]{0,100}\]|\(\d{1,4}\)|[\^*]\d{1,4})?+ ?:")
_TAG = re.compile(r"(?:\[[^\[\]]{0,100}\]|【[^【】]{0,100}】) ?")
_NUMBER = re.compile(r"\d{3}|#\s*\d")


class Keys(NamedTuple):
    """What a message brings to the graph; all numbers have 63 bits at most."""

    own: int
    """Of its Message-ID; 0 without one."""
    references: tuple[int, ...]
    """Of those it refers to."""
    subjects: tuple[int, ...]
    """Offers, which are even, and demands: the number of the offer that is looked for, and 1."""


def base_subject(subject: str) -> tuple[str, bool]:
    """A subject without what replies, forwards and lists put before and behind it (RFC 5256 section 2.1), and whether
    it is that of a reply: its first prefix says so.

    What stays is compared, so it is normalised (NFKC, single blanks). A tag in brackets that has a number of three
    digits or more stays: it is a ticket's, and no list's.
    """
    text = subject[:SUBJECT]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = " ".join(text.split())
    reply: bool | None = None
    while True:
        if text[-5:].casefold() == "(fwd)":
            text = text[:-5].rstrip()
        elif ":" in text[:128] and (match := _LEADER.match(text)) and (word := match[1].casefold()) in _PREFIXES:
            if reply is None:
                reply = word in _REPLIES
            text = text[match.end() :].lstrip()
        elif (tag := _TAG.match(text)) and tag.end() < len(text) and not _NUMBER.search(tag[0]):
            text = text[tag.end() :]
        elif text[:5].casefold() == "[fwd:" and text[-1] == "]":
            reply = bool(reply)
            text = text[5:-1].strip()
        else:
            return text, bool(reply)


class Leaf(NamedTuple):
    """What `tree` wants of a message."""

    message_id: str
    """Or empty."""
    references: Sequence[str]
    """By `references`; the last names the parent."""
    subject: str
    date: int


class Placed(NamedTuple):
    """A line of a tree."""

    number: int | None
    """Of the message in what `tree` was given; None for one that several others answer and that is not there."""
    depth: int
    parent: int | None
    """The message it is shown below; None where that is missing, or at depth 0."""


def references(message_id: str, named: Iterable[str], people: Iterable[str]) -> tuple[str, ...]:
    """The other messages that a message names, the oldest first: of References and, behind it, In-Reply-To.

    Programs exist that name the person whom they answer: addresses of `people` are no message ids.
    """
    found = dict.fromkeys(named)
    if found:
        found.pop(message_id, None)
        for one in people:
            found.pop(f"<{one}>", None)
    whole = tuple(found)
    return whole if len(whole) <= REFERENCES else (whole[0], *whole[1 - REFERENCES :])


def keys(
    message_id: str,
    others: Sequence[str],
    subject: str,
    senders: Sequence[str],
    recipients: Sequence[str],
    date: int | None,
) -> Keys:
    """What joins a message to others.

    `others` by `references`; `senders` of From and Reply-To, `recipients` of To and Cc, addresses as they are; `date`
    in Unix seconds, None for one that is absent or absurd: then its subject joins it to nothing.
    """
    base, reply = base_subject(subject)
    return Keys(
        node(message_id) if message_id else 0,
        tuple([node(one) for one in others]),
        _subjects(base, senders[: PEOPLE // 10], recipients[:PEOPLE] if reply and not others else (), date),
    )


def _subjects(base: str, offering: Sequence[str], demanding: Sequence[str], date: int | None) -> tuple[int, ...]:
    whole = base.casefold().encode("utf-8", "replace")
    if date is None or date < SUBJECT_PERIOD or date >> 32 or len(whole) < SHORTEST:
        return ()
    period = date // SUBJECT_PERIOD
    found = dict.fromkeys(period << SUBJECT_BITS | _pair(whole, one) for one in offering if one)
    for one in demanding:
        if one:
            pair = _pair(whole, one) | 1
            found |= dict.fromkeys(near << SUBJECT_BITS | pair for near in (period - 1, period, period + 1))
    return tuple(found)


def _pair(base: bytes, person: str) -> int:
    """An even number of 52 bits."""
    told = blake2b(b"%s\0%s" % (base, person.strip().casefold().encode("utf-8", "replace")), digest_size=7).digest()
    return int.from_bytes(told) >> 4 & ~1


def tree(messages: Sequence[Leaf]) -> list[Placed]:
    """The messages of a thread as they are shown: each behind the one it answers, siblings by date.

    The algorithm of JWZ (https://www.jwz.org/doc/threading.html), save that what a message says of itself always
    precedes what others say of it, and a later message's word precedes an earlier one's: nobody answers the future. So
    the order of `messages` changes nothing. Of messages with one Message-ID the earliest has the answers. Replies to
    nothing that is known here are below the first message of their subject. Linear, but for sorting, however deep.
    """
    by_date = sorted(range(len(messages)), key=lambda one: (messages[one].date, messages[one].message_id, one))
    forest = _Forest(len(messages))
    for one in by_date:
        forest.name(one, messages[one].message_id)
    told = [dict.fromkeys(leaf.references) for leaf in messages]
    times = Counter(name for names in told for name in names)
    # What one message alone speaks of, and is not there, would only be taken out again.
    chains = [[forest.named(name) for name in names if times[name] > 1 or name in forest] for names in told]
    for one in reversed(by_date):
        if chains[one]:
            forest.put(one, chains[one][-1])
    for one in by_date:
        for above, below in pairwise(chains[one]):
            forest.put(below, above)
    first: dict[str, int] = {}
    for one in by_date:
        base, reply = base_subject(messages[one].subject)
        above = first.setdefault(base.casefold(), one)
        if reply and not chains[one] and base:
            forest.put(one, above)
    return forest.lines([leaf.date for leaf in messages])


class _Forest:
    """Messages by number, and behind them those that are only referred to; each below another one or none."""

    def __init__(self, messages: int) -> None:
        self._messages = messages
        self._names: dict[str, int] = {}
        self._above: list[int | None] = [None] * messages
        self._top = list(range(messages))
        """A way to the top of each tree, shortened as it is walked."""

    def name(self, one: int, name: str) -> None:
        if name:
            self._names.setdefault(name, one)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def named(self, name: str) -> int:
        number = self._names.setdefault(name, len(self._above))
        if number == len(self._above):
            self._above.append(None)
            self._top.append(number)
        return number

    def put(self, one: int, above: int) -> None:
        """Put a tree below another message, unless it is below one already, or that one below it."""
        if self._above[one] is None and self._top_of(above) != one:
            self._above[one] = above
            self._top[one] = above

    def _top_of(self, one: int) -> int:
        top = self._top
        while top[one] != one:
            top[one] = one = top[top[one]]
        return one

    def lines(self, dates: Sequence[int]) -> list[Placed]:
        below: list[list[int]] = [[] for _ in self._above]
        tops: list[int] = []
        dated = dict(enumerate(dates))
        for one in self._upward():
            if one >= self._messages:
                if not below[one]:
                    continue
                dated[one] = min(dated[child] for child in below[one])
            above = self._above[one]
            # One that is missing gives its answers to the one it answers; at the top only if it is a single one.
            passed = below[one] if one >= self._messages and (above is not None or len(below[one]) == 1) else [one]
            (tops if above is None else below[above]).extend(passed)
        placed: list[Placed] = []
        waiting: list[tuple[int, int, int | None]] = []

        def wait(ones: list[int], depth: int, parent: int | None) -> None:
            waiting.extend(
                (one, depth, parent) for one in sorted(ones, key=lambda one: (dated[one], one), reverse=True)
            )

        wait(tops, 0, None)
        while waiting:
            one, depth, parent = waiting.pop()
            here = one if one < self._messages else None
            placed.append(Placed(here, depth, parent))
            wait(below[one], depth + 1, here)
        return placed

    def _upward(self) -> list[int]:
        """All, each behind those below it."""
        answers = [0] * len(self._above)
        for above in self._above:
            if above is not None:
                answers[above] += 1
        ready = [one for one, count in enumerate(answers) if not count]
        for one in ready:
            if (above := self._above[one]) is not None:
                answers[above] -= 1
                if not answers[above]:
                    ready.append(above)
        return ready
