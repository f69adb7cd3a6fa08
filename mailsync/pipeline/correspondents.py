"""Whom the user writes to, learned from what they sent: everyone in To, Cc and Bcc of a message from one of theirs, or
among sent mail.

      envelopes after the cursor -> those from the user -> their header fields -> counts and cursor, one transaction

The cursor's name stands for the user's addresses: with others all is counted anew.
"""

from __future__ import annotations

from functools import partial
from hashlib import sha256

from mailsync.pipeline import headers
from mailsync.pipeline.addresses import addresses
from mailsync.pipeline.addressing import RECIPIENTS, Identity, canonical, is_mine
from mailsync.store import contents, correspondents
from mailsync.store.database import Store

VERSION = 2
PAGE = 5000
"""Envelopes a step."""


def catch_up(store: Store, me: Identity) -> None:
    """Have `store.correspondents` know of all that has an envelope; blocks."""
    while step(store, me):
        continue


def step(store: Store, me: Identity) -> int:
    """Go through the next page; how many envelopes that was, 0 when none is left."""
    name = _name(me)
    with store.read() as connection:
        first = correspondents.cursor(connection, name)
        page = correspondents.senders_after(connection, first, PAGE)
        mine = {sender: is_mine(sender, me) for _, sender, *_ in page}
        dates = {number: date for number, sender, date, sent in page if sent or mine[sender]}
        sent = contents.heads_of(connection, dates)
        found = [(address, dates[number]) for number, head in sent if head for address in recipients(head)]
    if page:
        store.write(partial(correspondents.add, name=name, first=first, last=page[-1][0], found=found)).result()
    return len(page)


def recipients(head: bytes) -> frozenset[str]:
    """Everyone whom a message is for, by its header, as `canonical` spells them."""
    fields = headers.told(headers.fields(headers.block(head)))
    named = (one.addr for name, value in fields if name.lower() in RECIPIENTS for one in addresses(value))
    return frozenset(filter(None, map(canonical, named)))


def _name(me: Identity) -> str:
    """Of the cursor: no address can be read in it."""
    told = "\n".join([str(VERSION), *sorted(me.addresses)])
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]
