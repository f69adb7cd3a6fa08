"""Readings for the clean-up pane, in a thread worker: the proposals, and all that is shown of one of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mailsync.privacy.consent import MAILBOX_MODIFY
from mailsync.store import cleanups, consents
from mailsync.store.cleanups import GOING, Cleanup, Folder, Item, Sender

SENDERS = 1000
"""Senders of a proposal that are listed; the command line has all of them."""
ITEMS = 500
"""Messages of a sender that are listed."""
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


@dataclass(frozen=True, slots=True)
class Reading:
    """The proposals in the order they are shown; `detail` is that of the one with the id `chosen`, if there is any."""

    listed: Sequence[Cleanup]
    chosen: int | None
    detail: Detail | None
    changeable: frozenset[str]
    """Accounts that the person allows mailsync to change."""


def read(
    connection: sqlite3.Connection, now: float, chosen: int | None, opened: Collection[str], known: Detail | None
) -> Reading:
    """What is there at `now` (Unix seconds). `chosen` is the proposal under the cursor, the first one for None, `known`
    what is known of it already."""
    listed = sorted(cleanups.listing(connection, now), key=_place)
    one = next((each for each in listed if each.id == chosen), listed[0] if listed else None)
    changeable = frozenset(consents.allowing(connection, MAILBOX_MODIFY))
    if one is None:
        return Reading((), None, None, changeable)
    return Reading(listed, one.id, _detail(connection, one, opened, known), changeable)


def _place(one: Cleanup) -> tuple[int, int, int]:
    if one.state in GOING:
        return 0, 0, -one.id
    return _ORDER.get(one.state, 3), -one.messages if one.state == "proposed" else 0, -one.id


def _detail(connection: sqlite3.Connection, one: Cleanup, opened: Collection[str], known: Detail | None) -> Detail:
    # While a run goes on its journal changes with every batch, and the messages are told anew once it is over.
    key = one.hash, one.state, one.run.id if one.run is not None else None
    if known is None or (known.of, known.key) != (one.id, key):
        known = Detail(
            one.id,
            key,
            cleanups.folders_of(connection, one.id),
            cleanups.senders(connection, one.id, SENDERS),
            cleanups.items(connection, one.id, sampled=True),
        )
    if set(opened) != set(known.opened):
        items = {
            sender: known.opened.get(sender) or cleanups.items(connection, one.id, sender=sender, limit=ITEMS)
            for sender in opened
        }
        known = Detail(known.of, known.key, known.folders, known.senders, known.sample, items)
    return known
