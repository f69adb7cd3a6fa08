"""Leaving lists: who can be left, with the evidence; the approval of it; and carrying that out.

listing -> (a person looks) -> approve: a job -> leave
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Collection
from typing import Any

from mailsync.cleanup import oneclick
from mailsync.cleanup.unsubscribe import Offer, offer, target
from mailsync.errors import MailsyncError, NotFound
from mailsync.pipeline.features import BULK, LIST
from mailsync.record import record, replace
from mailsync.store import cleanups, restorable, unsubscribes
from mailsync.store.database import Store
from mailsync.store.unsubscribes import Sender, Unsubscribe

LIMIT = 200
"""Senders that are looked at: those that send the most."""


@record(frozen=True)
class Subscription:
    """A list, or somebody who sends to many, and how that is left by their newest message. `last` is what was last
    approved for them. What a mailing list carries is counted as one, whoever wrote it."""

    sender: Sender
    offer: Offer
    last: Unsubscribe | None


def listing(connection: sqlite3.Connection, account: str | None = None, limit: int = LIMIT) -> list[Subscription]:
    """Whom there is to leave, those that send the most first."""
    found = unsubscribes.senders(connection, LIST | BULK, account=account, limit=limit)
    last = unsubscribes.newest(connection, account)
    every: dict[tuple[str, str], Subscription] = {}
    for sender, head in zip(found, unsubscribes.heads(connection, found), strict=True):
        offered = offer(head)
        if offered is None:
            continue
        one = Subscription(sender, offered, last.get((sender.account, sender.address)))
        key = (sender.account, offered.list_id or sender.address)
        every[key] = _together(every[key], one) if key in every else one
    return sorted(every.values(), key=lambda one: -one.sender.messages)


def _together(first: Subscription, second: Subscription) -> Subscription:
    """Two authors of a list as one: what the newest message offers counts."""
    newest = max(first, second, key=lambda one: one.sender.last or 0)
    counted = {
        name: getattr(first.sender, name) + getattr(second.sender, name) for name in ("messages", "unread", "bytes")
    }
    last = max((one for one in (first.last, second.last) if one is not None), key=lambda one: one.id, default=None)
    return Subscription(replace(newest.sender, **counted), newest.offer, last)


def offered(connection: sqlite3.Connection, message_id: int) -> tuple[str, str, Offer]:
    """(account, sender, what a message offers). NotFound where it says nothing of leaving."""
    account, sender, _, raw = unsubscribes.message(connection, message_id)
    one = offer(raw)
    if one is None:
        raise NotFound(f"message {message_id} says nothing of leaving a list")
    return account, sender, one


def by_sender(
    connection: sqlite3.Connection, cleanup_id: int, senders: Collection[str]
) -> dict[str, tuple[int, Offer]]:
    """What the newest message on a list from each of these senders offers, with its id; those that offer nothing are
    left out."""
    newest = cleanups.newest(connection, cleanup_id, senders)
    heads = restorable.heads(connection, {digest for _, _, digest in newest})
    found = ((sender, number, offer(heads.get(digest, b""))) for sender, number, digest in newest)
    return {sender: (number, one) for sender, number, one in found if one is not None}


def evidence(one: Offer) -> dict[str, Any]:
    """What speaks for an offer."""
    return {
        "signed_by": one.signer or None,
        "covers": ["List-Unsubscribe", "List-Unsubscribe-Post"] if one.signer else [],
        "dkim": one.found or None,
        "checked_by": one.found_by or None,
    }


def approve(connection: sqlite3.Connection, message_id: int, at: float) -> int:
    """A person approves of the one click that a message offers; the id of the job. MailsyncError where it offers none,
    and as `store.unsubscribes` raises it."""
    _, _, one = offered(connection, message_id)
    if not one.post:
        raise MailsyncError(f"one click is not offered: {one.why_not}", hint=elsewhere(one))
    return unsubscribes.approve(connection, message_id, one.list_id, one.post, evidence(one), at)


def elsewhere(one: Offer) -> str:
    """What a person can do where there is no one click."""
    if one.pages:
        return f"open it yourself: {one.pages[0]}"
    return f"write to {one.mails[0][len('mailto:') :]}" if one.mails else "there is no other way"


async def leave(store: Store, unsubscribe_id: int, now: Callable[[], float]) -> Unsubscribe:
    """Send the one request that somebody approved of, and note what came of it. What keeps it from being sent, or
    fails, is raised."""
    one = await store.awrite(lambda connection: unsubscribes.begin(connection, unsubscribe_id), durable=True)
    try:
        await store.aread(lambda connection: _still_offered(connection, one))
        status = await oneclick.post(one.address)
    except MailsyncError as error:
        told, outcome = str(error), type(error).__name__
        await store.awrite(lambda c: unsubscribes.settle(c, one.id, "failed", told, outcome, now()), durable=True)
        raise
    told = f"{target(one.address).host} said yes (HTTP {status})"
    return await store.awrite(lambda c: unsubscribes.settle(c, one.id, "done", told, "ok", now()), durable=True)


def _still_offered(connection: sqlite3.Connection, one: Unsubscribe) -> None:
    """MailsyncError unless the address is the one that the very message names."""
    raw = restorable.raw(connection, one.digest)
    found = offer(raw) if raw is not None and hashlib.sha256(raw).digest() == one.digest else None
    if found is None or found.post != one.address:
        raise MailsyncError("this is not what the message offers", hint="see: mailsync cleanup unsubscribe")
