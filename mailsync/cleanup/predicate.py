"""Whether a rule still says of a message what it said when the list was frozen.

What a message says does not change, and its age only grows; what does is whether it was read, where it is, which
labels it has, and, for copies, whether there is another one. The store is asked twice, as if all were read and as if
none were, since the server alone knows of each.
"""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mailsync.model import Flag
from mailsync.query.parse import parse
from mailsync.query.tree import And, Is, Not, Or, Query
from mailsync.record import record
from mailsync.store import candidates, cleanup_runs, search
from mailsync.store.cleanup_runs import Run

if TYPE_CHECKING:
    from mailsync.config.models import Config

DUPLICATES = "duplicates"
ALONE = "there is no other copy of it any more"
OTHERWISE = "the rule does not find it any more"


@record(frozen=True)
class Predicate:
    """What the rule of a run finds: ids in ascending order, if read and if not; None where it finds all."""

    run: Run
    if_read: array[int] | None
    if_unread: array[int] | None

    def lost(self, connection: sqlite3.Connection, messages: Sequence[int]) -> dict[int, str]:
        """Why those of these messages that the rule has let go, whatever their flags, are left alone."""
        found = {one: OTHERWISE for one in messages if not (_in(self.if_read, one) or _in(self.if_unread, one))}
        if self.run.rule == DUPLICATES and not self.run.query:
            kept = candidates.doubled(connection, messages, self.run.cleanup_id)
            found |= {one: ALONE for one in messages if one not in kept}
        return found

    def holds(self, message: int, flags: int) -> bool:
        """The rule finds a message that has these flags."""
        return _in(self.if_read if flags & Flag.SEEN else self.if_unread, message)


def predicate(connection: sqlite3.Connection, config: Config, run_id: int, now: float) -> Predicate:
    """That of the list which a run carries out."""
    run = cleanup_runs.get(connection, run_id)
    if not run.query:
        return Predicate(run, None, None)
    query = parse(run.query)
    today = datetime.fromtimestamp(now, UTC).date()
    addresses = {name: [one.email, *one.aliases] for name, one in config.accounts.items()}

    def found(seen: bool) -> array[int] | None:
        wanted = assumed(query, seen)
        if isinstance(wanted, bool):
            return None if wanted else array("q")
        asked = search.ids(connection, wanted, today=today, addresses=addresses, accounts=[run.account])
        return array("q", sorted(asked))

    return Predicate(run, found(True), found(False))


def assumed(query: Query, seen: bool) -> Query | bool:
    """A query about messages that were all `seen`, or not, and that nobody answered or flagged; True finds them all."""
    match query:
        case Is("read"):
            return seen
        case Is("unread"):
            return not seen
        case Is("answered" | "flagged"):
            return False
        case Not(part):
            inner = assumed(part, seen)
            return not inner if isinstance(inner, bool) else Not(inner)
        case And(parts):
            return _joined([assumed(part, seen) for part in parts], And, False)
        case Or(parts):
            return _joined([assumed(part, seen) for part in parts], Or, True)
        case _:
            return query


def _joined(parts: Sequence[Query | bool], joined: Callable[[tuple[Query, ...]], Query], decides: bool) -> Query | bool:
    """The parts that are left; one that `decides` decides it."""
    if any(part is decides for part in parts):
        return decides
    left = tuple(part for part in parts if not isinstance(part, bool))
    return joined(left) if len(left) > 1 else left[0] if left else not decides


def _in(found: array[int] | None, message: int) -> bool:
    if found is None:
        return True
    at = bisect_left(found, message)
    return at < len(found) and found[at] == message
