"""What to do about a folder: pure functions of what the mirror has and what the server says.

A strategy decides which questions are worth asking. Whatever was asked, the answers are sets of UIDs, and the `Changes`
made of them are all that a folder's sync ever carries out. The checkpoint of an interrupted sync is the set of rows it
committed: what is missing is the difference of two sets, so nothing that was committed is asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Literal

from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.model import Strategy
from mailsync.record import record

FlagState = tuple[int, str]
"""System flag bits and keywords, as `model.split_flags` gives them."""
States = Mapping[FlagState, UidSet]
"""Messages by their flags."""

Modseq = Literal["qresync", "condstore", ""]
"""What the server can tell of the time since a checkpoint: all, all but expunges, nothing."""

FETCH_FLAGS_BYTES = 45
"""`* 4711 FETCH (UID 124711 FLAGS (\\Seen))` and its end, about."""
SEARCH_BYTES = 8
"""One number of a SEARCH answer; ranges of ESEARCH only make it less."""
QUESTION_BYTES = 120
"""A search that finds nothing, both ways, and what it costs the server to look."""
FEW = 90
"""Messages whose flags are told by FETCH in no more bytes than by half a dozen searches."""


@record(frozen=True)
class Numbers:
    """The numbers of a folder: as a checkpoint of ours, or as EXAMINE or STATUS tell them. None is not known."""

    uidvalidity: int | None
    uidnext: int | None
    highestmodseq: int | None
    messages: int


@record
class Changes:
    """What the mirror lacks (`fetch`), holds with other flags (`reflag`) and holds too much (`remove`)."""

    fetch: UidSet = EMPTY
    reflag: list[tuple[int, int, str]] = field(default_factory=list)
    remove: UidSet = EMPTY

    def __bool__(self) -> bool:
        return bool(self.fetch or self.reflag or self.remove)


@record(frozen=True)
class Choice:
    """A strategy, and why that one, in a clause."""

    strategy: Strategy
    why: str


def decide(
    stored: Numbers, server: Numbers, *, complete: bool, held: int, full: bool = False, modseq: Modseq = ""
) -> Choice:
    """The strategy for a folder.

    `stored` are the numbers of the last finished sync, `complete` tells that there was one, `held` how many messages of
    the folder the mirror accounts for, `modseq` what the server offers. `unchanged` needs proof: equal HIGHESTMODSEQ
    (RFC 7162 section 3.1.2.1) covers flags, equal MESSAGES and UIDNEXT cover arrivals and expunges; without CONDSTORE
    only an empty folder proves itself.
    """
    if stored.uidvalidity is not None and stored.uidvalidity != server.uidvalidity:
        return Choice("uidvalidity_reset", f"UIDVALIDITY went from {stored.uidvalidity} to {server.uidvalidity}")
    if not complete:
        return Choice("first", "no earlier sync of this folder finished")
    if full:
        return Choice("scan", "a full sync was asked for")
    if server.messages == 0 and held == 0:
        return Choice("unchanged", "the folder is empty")
    if server.highestmodseq is None:
        return Choice("scan", "the folder has no MODSEQ" if modseq else "the server offers no CONDSTORE")
    if stored.highestmodseq is None:
        return Choice("scan", "the last sync knew no MODSEQ")
    if held == server.messages and stored.uidnext is not None and stored == server:
        return Choice("unchanged", "HIGHESTMODSEQ, UIDNEXT and MESSAGES are as they were")
    if server.highestmodseq < stored.highestmodseq:
        return Choice("scan", "HIGHESTMODSEQ went backwards")
    if modseq == "qresync":
        return Choice("qresync", "the server tells what changed and what is gone")
    if modseq == "condstore":
        return Choice("condstore", "the server tells what changed, and counting tells what is gone")
    return Choice("scan", "the server offers no CONDSTORE")


def choose(
    stored: Numbers, server: Numbers, *, complete: bool, held: int, full: bool = False, modseq: Modseq = ""
) -> Strategy:
    """The strategy of `decide`."""
    return decide(stored, server, complete=complete, held=held, full=full, modseq=modseq).strategy


def compare(held: UidSet, listed: UidSet, ours: States, told: States, *, outside: UidSet = EMPTY) -> Changes:
    """The changes that make the mirror, which holds `held`, equal to a folder of exactly `listed`.

    `told` are flags as the server gave them, of some messages or of all; those of others stay as they are. `ours` are
    the mirror's flags of at least these. `outside` are messages deliberately not mirrored.
    """
    reflag: list[tuple[int, int, str]] = []
    for state, uids in told.items():
        same = ours.get(state, EMPTY)
        if uids != same:
            reflag += ((uid, *state) for uid in (uids & held) - same)
    reflag.sort()
    return Changes(listed - held - outside, reflag, held - listed)


def arrivals_only(before: Numbers, server: Numbers, counted: int) -> UidSet | None:
    """The new UIDs when arithmetic alone proves that there are only new ones and nothing is gone; None otherwise.

    A folder that gained as many messages as it gave out UIDs lost none (RFC 3501 section 2.3.1.1): `counted` is how
    many the mirror accounts for.
    """
    if before.uidnext is None or server.uidnext is None or server.uidnext < before.uidnext:
        return None
    if server.messages - counted != server.uidnext - before.uidnext:
        return None
    return UidSet([(before.uidnext, server.uidnext - 1)]) if server.uidnext > before.uidnext else EMPTY


# -- flags as sets ---------------------------------------------------------------------------------------------

SYSTEM = ("SEEN", "ANSWERED", "FLAGGED", "DELETED", "DRAFT")
_SYSTEM_FLAGS = frozenset(f"\\{name.lower()}" for name in SYSTEM)
_KEYWORD = re.compile(r"[A-Za-z0-9$_.:+/=#@&!;,'<>?|~^`-]{1,200}")
"""Keywords that can be searched for as they are: an atom (RFC 3501 section 9)."""


@record(frozen=True)
class FlagSets:
    """The mirror's flags of a folder as sets: `unseen` is the complement of `\\Seen`, `keywords` are in lower case."""

    unseen: UidSet
    answered: UidSet
    flagged: UidSet
    deleted: UidSet
    draft: UidSet
    keywords: dict[str, UidSet]


@record(frozen=True)
class Question:
    """A search, and what it finds if no flag has changed."""

    criterion: str
    expected: UidSet


def searchable(known: FlagSets, offered: Sequence[str], *, lists_keywords: bool) -> bool:
    """True when searching can find every change of flags: the FLAGS response that came with EXAMINE is a real list.

    RFC 3501 section 7.2.6 asks of FLAGS no more than the system flags, and pymap gives no more. So keywords that are
    new are only looked for where the server is known to list them (`lists_keywords`) or shows that it does, by all
    those that messages of the folder have.
    """
    lower = {name.lower() for name in offered}
    return (
        lower >= _SYSTEM_FLAGS
        and (lists_keywords or bool(known.keywords))
        and known.keywords.keys() <= lower
        and all(_KEYWORD.fullmatch(name) for name in lower if not name.startswith("\\"))
    )


def questions(known: FlagSets, offered: Sequence[str], held: UidSet | None, total: int) -> list[Question]:
    """The searches that tell whether any flag differs, each in the form (SEEN or UNSEEN) with the smaller answer.

    `held` is all that the mirror has; it is needed, and may be None otherwise, where a flag is on more than half.
    """
    found = []
    # UNSEEN is held as the complement already: here "set" and "unset" change places.
    plain = [("UNSEEN", "SEEN", known.unseen)]
    plain += [
        (name, f"UN{name}", getattr(known, name.lower()))
        for name in SYSTEM[1:]
    ]  # fmt: skip
    names = {name.lower(): name for name in offered if not name.startswith("\\")}
    for lower, name in sorted(names.items()):
        plain.append((f"KEYWORD {name}", f"UNKEYWORD {name}", known.keywords.get(lower, EMPTY)))
    for with_it, without_it, uids in plain:
        if held is not None and len(uids) * 2 > total:
            found.append(Question(without_it, held - uids))
        else:
            found.append(Question(with_it, uids))
    return found


def differing(asked: Sequence[Question], answers: Sequence[UidSet], common: UidSet | None) -> UidSet:
    """Messages whose flags are not what the mirror has, of `common` (held and listed; None: every one is)."""
    found = EMPTY
    for question, answer in zip(asked, answers, strict=True):
        if question.expected != answer:
            found |= question.expected ^ answer
    return found if common is None else found & common


def sets_are_smaller(asked: Sequence[Question], total: int) -> bool:
    """True when the searches cost less than FETCH FLAGS of all messages."""
    cost = sum(QUESTION_BYTES + SEARCH_BYTES * len(question.expected) for question in asked)
    return total > FEW and cost < FETCH_FLAGS_BYTES * total
