"""What to do about a folder: pure functions of what the mirror has and what the server says.

A strategy decides which questions are worth asking. Whatever was asked, the answer comes to `compare`, and its
`Changes` are all that a folder's sync ever carries out. The checkpoint of an interrupted sync is the set of rows it
committed: what is missing is the difference of two sets, so nothing that was committed is asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailsync.imap.uidset import UidSet
from mailsync.model import Strategy

FlagState = tuple[int, str]
"""System flag bits and keywords, as `model.split_flags` gives them."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a folder: as a checkpoint of ours, or as EXAMINE or STATUS tell them. None is not known."""

    uidvalidity: int | None
    uidnext: int | None
    highestmodseq: int | None
    messages: int


@dataclass(slots=True)
class Changes:
    """What the mirror lacks (`fetch`), holds with other flags (`reflag`) and holds too much (`remove`)."""

    fetch: UidSet = field(default_factory=UidSet)
    reflag: list[tuple[int, int, str]] = field(default_factory=list)
    remove: UidSet = field(default_factory=UidSet)

    def __bool__(self) -> bool:
        return bool(self.fetch or self.reflag or self.remove)


def choose(stored: Numbers, server: Numbers, *, complete: bool, held: int, full: bool = False) -> Strategy:
    """The strategy for a folder.

    `stored` are the numbers of the last finished sync, `complete` tells that there was one, `held` how many rows the
    mirror has. `unchanged` needs proof: equal HIGHESTMODSEQ (RFC 7162 section 3.1.2.1) covers flags, equal
    MESSAGES and UIDNEXT cover arrivals and expunges; without CONDSTORE only an empty folder proves itself.
    """
    if stored.uidvalidity is not None and stored.uidvalidity != server.uidvalidity:
        return "uidvalidity_reset"
    if not complete:
        return "first"
    if full or held != server.messages:
        return "scan"
    if server.messages == 0 and held == 0:
        return "unchanged"
    proven = (
        server.highestmodseq is not None
        and stored.highestmodseq == server.highestmodseq
        and server.uidnext is not None
        and stored.uidnext == server.uidnext
        and stored.messages == server.messages
    )
    return "unchanged" if proven else "scan"


def compare(
    uids: Sequence[int],
    flags: Sequence[int],
    keywords: Sequence[str],
    on_server: Mapping[int, FlagState | None],
    retry: frozenset[int] = frozenset(),
) -> Changes:
    """The changes that make the mirror (`uids` ascending with `flags` and `keywords` beside) equal `on_server`.

    `on_server` holds every UID of the folder; its value is None where the flags were not told, and such flags stay
    as they are. `retry` are UIDs held without their bytes that are due to be fetched again.
    """
    reflag = []
    remove = []
    again = []
    for uid, bits, words in zip(uids, flags, keywords, strict=True):
        if uid not in on_server:
            remove.append(uid)
            continue
        state = on_server[uid]
        if state is not None and state != (bits, words):
            reflag.append((uid, *state))
        if uid in retry:
            again.append(uid)
    missing = on_server.keys() - set(uids)
    missing.update(again)
    return Changes(UidSet.from_uids(missing), reflag, UidSet.from_uids(remove))


def only_new(uids: Sequence[int], listed: UidSet) -> Changes:
    """The changes of a first sync that holds nothing it would have to compare: all of `listed` that is not held."""
    return Changes(fetch=listed - UidSet.from_uids(uids))
