"""Readings for the clean-up pane, in a thread worker: the proposals, and all that is shown of one of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mailsync.privacy.consent import EMAIL_READ
from mailsync.store import cleanup_decisions, cleanups, consents, job_list
from mailsync.store.cleanups import GOING, Cleanup, Folder, Item, Sender

if TYPE_CHECKING:
    from mailsync.cleanup.unsubscribe import Offer

SENDERS = 1000
"""Senders of a proposal that are listed; the command line has all of them."""
ITEMS = 500
"""Messages of a sender that are listed."""
ACTIVE = 20
"""Jobs among which one that looks is sought: those that run, and those that are next."""
_ORDER = {"interrupted": 1, "proposed": 2, "rejected": 4, "expired": 4}
"""What needs a person comes before what is over; what is going on comes first."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What is on the list of a proposal. `opened` has the messages of some senders."""

    of: int
    """The id of the proposal."""
    key: object
    """Equal keys: nothing of it has changed."""
    folders: Sequence[Folder] = ()
    senders: Sequence[Sender] = ()
    sample: Sequence[Item] = ()
    opened: Mapping[str, Sequence[Item]] = field(default_factory=dict)
    closed: bool = False
    """It may not be read: nothing else is told."""
    offers: Mapping[str, Offer | None] = field(default_factory=dict)
    """How lists are left, by sender, of those that were asked about; None: nothing is said of it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The proposals in the order they are shown; `detail` is that of the one with the id `chosen`, if there is any."""

    listed: Sequence[Cleanup]
    chosen: int | None
    detail: Detail | None
    lacking: Mapping[str, Sequence[str]]
    """The scopes that a clean-up needs and the person has not granted, by account."""
    looking: tuple[int, int] | None
    """How many messages of how many were looked at by the job that looks for what may go, or waits to."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be read: the proposal under the cursor, None for the first one, the messages of the senders that are
    `opened`, how the list of the sender `about` is left. `known` is what is known already."""

    chosen: int | None
    opened: Collection[str]
    about: str | None
    known: Detail | None


def read(connection: sqlite3.Connection, now: float, wish: Wish) -> Reading:
    """What is there at `now` (Unix seconds)."""
    listed = sorted(cleanups.listing(connection, now), key=_place)
    one = next((each for each in listed if each.id == wish.chosen), listed[0] if listed else None)
    lacking = {}
    for account in {each.account for each in listed}:
        held = consents.granted(connection, account)
        lacking[account] = [scope for scope in cleanup_decisions.SCOPES if scope not in held]
    scans = (job for job in job_list.page(connection, ACTIVE, active=True) if job.kind == "cleanup_scan")
    looking = next(((job.processed, job.total) for job in scans), None)
    if one is None:
        return Reading((), None, None, lacking, looking)
    detail = Detail(one.id, None, closed=True)
    if EMAIL_READ not in lacking[one.account]:
        detail = _detail(connection, one, wish)
    return Reading(listed, one.id, detail, lacking, looking)


def _place(one: Cleanup) -> tuple[int, int, int]:
    if one.state in GOING:
        return 0, 0, -one.id
    return _ORDER.get(one.state, 3), -one.messages if one.state == "proposed" else 0, -one.id


def _detail(connection: sqlite3.Connection, one: Cleanup, wish: Wish) -> Detail:
    # While a run goes on its journal changes with every batch, and the messages are told anew once it is over.
    key = one.hash, one.state, one.run.id if one.run is not None else None
    from mailsync.cleanup import leaving

    known = wish.known
    if known is None or (known.of, known.key) != (one.id, key):
        known = Detail(
            one.id,
            key,
            cleanups.folders_of(connection, one.id),
            cleanups.senders(connection, one.id, SENDERS),
            cleanups.items(connection, one.id, sampled=True),
            offers=known.offers if known is not None and known.of == one.id else {},
        )
    if set(wish.opened) != set(known.opened):
        items = {
            sender: known.opened.get(sender) or cleanups.items(connection, one.id, sender=sender, limit=ITEMS)
            for sender in wish.opened
        }
        known = replace(known, opened=items)
    if wish.about is not None and wish.about not in known.offers:
        offers = leaving.by_sender(connection, one.id, [wish.about])
        known = replace(known, offers={**known.offers, wish.about: offers[wish.about][1] if offers else None})
    return known
