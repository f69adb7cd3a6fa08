"""What a person is asked before anything is changed on a server, in full, and the wish that their yes is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mailsync.errors import MailsyncError, NotFound, UsageError
from mailsync.store import cleanup_decisions, cleanup_runs, cleanup_undo, cleanups, consents
from mailsync.store.cleanup_undo import Planned
from mailsync.tui import deciding, proposal, wording
from mailsync.tui.asking import Wish
from mailsync.tui.drawing import clean
from mailsync.tui.widgets.prose import Told

if TYPE_CHECKING:
    from mailsync.cleanup.unsubscribe import Offer

NAMED = 5
"""Folders that are named; the rest are counted."""
ADDRESS = 200
"""Characters of an address that are shown."""
BLANK = ("", "plain")


@dataclass(frozen=True, slots=True)
class Question:
    """`verb` is what yes does; `typed` what has to be typed for it, "" for nothing. `wish` makes the wish of a yes."""

    title: str
    told: Told
    verb: str
    typed: str
    wish: Callable[[str], Wish]


def approval(connection: sqlite3.Connection, config_path: Path, cleanup_id: int, at: float) -> Question:
    """Whether a list is to be carried out. NotFound, ConfigError; ConsentMissing where it could not be."""
    from mailsync.cleanup.approval import excess
    from mailsync.config.load import load_config

    config = load_config(config_path, missing_ok=True)
    one = cleanups.get(connection, cleanup_id, at)
    consents.require(connection, one.account, cleanup_decisions.SCOPES)
    beyond = excess(connection, config, cleanup_id, at)
    expunges = "expunge" in one.actions
    typed = f"EXPUNGE {one.messages}" if expunges else str(one.messages) if beyond else ""
    phrase = proposal.phrase(one.actions)
    days = proposal.dates(one)
    told = [
        (f"{phrase[0].upper()}{phrase[1:]}: {wording.messages(one.messages)} of {one.account}", "strong"),
        (f"{proposal.frees(one)}{f', {days}' if days else ''}", "plain"),
    ]
    measures = cleanup_runs.measures(connection, cleanup_id, at)
    for measure in measures[:NAMED]:
        share = f"{wording.count(measure.touched)} of {wording.count(measure.messages)}"
        told.append((f"  {clean(measure.folder)}: {share}", "plain"))
    if len(measures) > NAMED:
        told.append((f"  and {len(measures) - NAMED} more folders", "plain"))
    if one.excluded:
        told.append((f"{wording.messages(one.excluded)} left out", "muted"))
    told += [BLANK, *((f"! {sentence}", "warning") for sentence in beyond)]
    if expunges:
        told.append(("✕ They leave the server for good. Only this mirror has them then.", "bad"))
    told.append(("Each is looked at once more right before; what was flagged or answered since stays.", "muted"))
    told.append((f"u takes it back. List {one.hash[: proposal.SHORT_HASH]}.", "muted"))
    wish = partial(deciding.approve, config, one, large=bool(beyond))
    return Question(f"Approve: {one.title}", told, "Approve", typed, wish)


def taking_back(
    connection: sqlite3.Connection,
    cleanup_id: int,
    at: float,
    senders: Collection[str] = (),
    messages: Collection[int] = (),
) -> Question:
    """Whether what a clean-up did is to be undone, or what is from some senders, or some messages (ids of mailsync);
    where nothing is left of it to undo, whether it is to be done again. UsageError where there is neither."""
    try:
        planned = cleanup_undo.plan(connection, cleanup_id, at, senders=senders, messages=messages)
    except UsageError as nothing:
        try:
            planned = cleanup_undo.plan(connection, cleanup_id, at, senders=senders, messages=messages, again=True)
        except UsageError:
            raise nothing from None
    consents.require(connection, planned.account, cleanup_decisions.SCOPES)
    typed = f"EXPUNGE {planned.expunges}" if planned.expunges else ""
    part = " of " + ", ".join(senders) if senders else ""
    told = [
        (f"{wording.messages(planned.messages)}{part}, {wording.size(planned.bytes)}", "strong"),
        *((way, "plain") for way in _ways(planned)),
        BLANK,
    ]
    if planned.expunges:
        told.append(("✕ They leave the server for good. Only this mirror has them then.", "bad"))
    if planned.again:
        told.append(("It was taken back before, and is done once more.", "muted"))
    else:
        told.append(("With the flags, labels and dates that they had.", "muted"))
        told.append(("What the server has lost comes from the mirror, byte for byte.", "muted"))
    title = f"{'Do again' if planned.again else 'Undo'}: {planned.title}"
    verb = "Do it again" if planned.again else "Undo"
    return Question(title, told, verb, typed, partial(deciding.take_back, planned))


def unsubscribing(connection: sqlite3.Connection, cleanup_id: int, sender: str, message: int | None) -> Question:
    """Whether a list is to be left by one click, with what speaks for the click being what it says; by this message
    (id of mailsync), or the newest of the sender on a list. NotFound, MailsyncError where there is no click."""
    from mailsync.cleanup import leaving

    if message is None:
        message = next((number for number, _ in leaving.by_sender(connection, cleanup_id, [sender]).values()), None)
    if message is None:
        raise NotFound(f"{sender} says nothing of leaving")
    account, sender, offer = leaving.offered(connection, message)
    if not offer.post:
        raise MailsyncError(f"{sender} offers no one click: {offer.why_not}", hint=leaving.elsewhere(offer))
    consents.require(connection, account, cleanup_decisions.SCOPES)
    told = [
        (f"{sender} gets one request to stop sending to {account}", "strong"),
        (f"To {clean(offer.post)[:ADDRESS]}", "plain"),
        (f"List {clean(offer.list_id)}" if offer.list_id else "Names no list", "plain"),
        (f"The request is signed by {clean(offer.signer)}{_found(offer)}", "plain"),
        BLANK,
        ("It says List-Unsubscribe=One-Click and nothing else; nothing changes in your mailbox (RFC 8058).", "muted"),
        ("It cannot be taken back from here.", "muted"),
    ]

    def wish(typed: str) -> Wish:
        return deciding.leave(sender, lambda c, at: leaving.approve(c, message, at))

    return Question(f"Leave {sender}", told, "Unsubscribe", "", wish)


def _found(offer: Offer) -> str:
    return f": {clean(offer.found)}, says {clean(offer.found_by)}" if offer.found else ", which nobody has checked"


def _ways(planned: Planned) -> list[str]:
    from mailsync.imap.names import decode_name

    def named(folder: bytes | None) -> str:
        return clean(decode_name(folder)) if folder is not None else "nowhere on the server"

    ways = sorted(planned.ways.items(), key=lambda way: -way[1])
    told = [
        f"  {wording.count(count)} in {named(here)}" + (f", {_back(planned)} {named(there)}" if here != there else "")
        for (here, there), count in ways[:NAMED]
    ]
    return [*told, *([f"  and {len(ways) - NAMED} more ways"] if len(ways) > NAMED else [])]


def _back(planned: Planned) -> str:
    return "again to" if planned.again else "back to"
