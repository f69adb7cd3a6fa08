"""What a query finds, the slow and obvious way: every message looked at in Python, without index or SQL."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache

from mailsync.config.selection import matches
from mailsync.pipeline.index import digest
from mailsync.query.parse import parse
from mailsync.query.tokens import indexable, tokens
from mailsync.query.tree import And, Dated, HasAttachment, Is, Not, Or, Query, Sized, Words, day
from tests.store.filled import Letter

TODAY = date(2026, 11, 21)
COLUMNS = ("subject", "from", "to", "cc", "body", "filename", "list")


@dataclass
class Reference:
    """One message as the evaluation sees it: each text as its words with a blank around each."""

    id: int
    letter: Letter
    labels: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    date: date = TODAY
    list: bool = False
    attachments: bool = False

    def __post_init__(self) -> None:
        found = digest(self.letter.raw)
        self.texts = {name: f" {' '.join(tokens(text))} " for name, text in zip(COLUMNS, found.texts, strict=True)}
        seconds = self.letter.internaldate or 0 if found.date is None else found.date
        self.date = datetime.fromtimestamp(seconds, UTC).date()
        self.list, self.attachments = bool(found.traits & 1), bool(found.traits & 2)


def holds(query: Query, one: Reference, addresses: Mapping[str, Sequence[str]]) -> bool:
    """True if the query finds this message."""
    match query:
        case And(parts):
            return all(holds(part, one, addresses) for part in parts)
        case Or(parts):
            return any(holds(part, one, addresses) for part in parts)
        case Not(part):
            return not holds(part, one, addresses)
        case Words("account", name):
            return matches(name.lower(), one.letter.account) or name.lower() == f"{one.letter.account}@example.org"
        case Words("folder", name):
            return matches(name.lower(), one.letter.folder.lower())
        case Words("label", name):
            named = [each.lower() for each in (*one.labels, *one.letter.keywords.split())]
            return any(matches(name.lower(), each.removeprefix(cut)) for each in named for cut in ("", "$"))
        case Words(place, text, phrase):
            return _said(one, place, text, prefix=text.endswith("*") and not phrase)
        case HasAttachment():
            return one.attachments
        case Is("list"):
            return one.list
        case Is("direct"):
            mine = addresses.get(one.letter.account, ())
            return not one.list and any(
                _said(one, place, each, prefix=False) for place in ("to", "cc") for each in mine
            )
        case Is(state):
            flags = one.letter.flags
            return {
                "read": flags & 1 > 0,
                "unread": not flags & 1,
                "answered": flags & 2 > 0,
                "flagged": flags & 4 > 0,
            }[state]
        case Dated("on", when):
            return one.date == day(when, TODAY)
        case Dated(side, when):
            return (one.date < day(when, TODAY)) == (side == "before")
        case Sized(larger, size):
            return len(one.letter.raw) > size if larger else len(one.letter.raw) < size


def _said(one: Reference, place: str, text: str, *, prefix: bool) -> bool:
    words = f" {_words(text)}" + ("" if prefix else " ")
    return any(words in said for name, said in one.texts.items() if place in ("text", name))


@cache
def _words(text: str) -> str:
    return " ".join(tokens(indexable(text)))


class Generator:
    """Queries out of words that really are in the messages; the same for the same seed."""

    def __init__(self, messages: Sequence[Reference], seed: int) -> None:
        self._messages = messages
        self._random = random.Random(seed)

    def query(self) -> tuple[str, Query]:
        text = self._any(self._random.choice((0, 1, 1, 2, 2, 3)))
        return text, parse(text)

    def _any(self, depth: int) -> str:
        if depth == 0:
            return self._leaf()
        parts = [self._any(depth - 1) for _ in range(self._random.choice((2, 2, 3)))]
        shape = self._random.randrange(6)
        if shape == 0:
            return f"-({' '.join(parts)})"
        if shape == 1:
            return f"NOT {self._leaf()} {parts[0]}"
        return f"({(' OR ' if shape < 4 else ' ').join(parts)})"

    def _leaf(self) -> str:
        choice = self._random.random()
        if choice < 0.6:
            return self._words()
        pick, one = self._random.choice, self._random.choice(self._messages)
        return pick(
            (
                f"{pick(('before', 'after', 'on', 'older', 'newer'))}:{one.date.isoformat()}",
                f"{pick(('before', 'after'))}:{self._random.randrange(1, 25)}y",
                f"{pick(('larger', 'smaller'))}:{pick((500, '2K', '1.5KiB', '100K', '1M'))}",
                f"is:{pick(('unread', 'read', 'flagged', 'answered', 'list', 'direct'))}",
                "has:attachment",
                f'folder:"{pick((one.letter.folder, one.letter.folder.upper(), "Lists/*", "*s*"))}"',
                f"account:{pick((one.letter.account, 'WORK', 'home@example.org'))}",
                f"label:{pick(('todo', 'Later', 'forwarded', 'receipts', 'rece*'))}",
            )
        )

    def _words(self) -> str:
        place = ""
        words: list[str] = []
        while not words:
            place = self._random.choice(COLUMNS)
            words = self._random.choice(self._messages).texts[place].split()
        at = self._random.randrange(len(words))
        negated = "-" * (self._random.random() < 0.1)
        named = f"{negated}{place}:" if self._random.random() < 0.5 else negated
        shape = self._random.random()
        if shape < 0.2:
            return f'{named}"{" ".join(words[at : at + self._random.choice((2, 2, 3))])}"'
        if shape < 0.4:
            return f"{named}{words[at][: self._random.choice((1, 2, 3, 5))]}*"
        if shape < 0.5:
            return f"{named}{re.escape('.').join(words[at : at + 2])}".replace("\\", "")
        return f"{named}{words[at].upper() if shape < 0.6 else words[at]}"
