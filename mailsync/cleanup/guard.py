"""What no clean-up ever touches: one function, `never`, for every rule, every selection, and again before each action.

It reads the message itself, whose bytes are proved by their digest, and asks no index and no configuration whether it
may: a rule can propose less than this leaves, and never more. Where a message cannot be read wholly it is spared, and
so is one that says nowhere that it went to many: whoever got it without being named in it got it as a blind copy.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Iterator
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

from mailsync.errors import ParseFailed
from mailsync.model import Flag
from mailsync.pipeline import addressing, kinds, quotes
from mailsync.pipeline.addresses import addresses
from mailsync.pipeline.addressing import Identity, canonical, is_mine
from mailsync.pipeline.features import IMPORTANT, features
from mailsync.pipeline.mime import Attachment, ParsedMessage, parse
from mailsync.pipeline.parts import decoded, structure
from mailsync.pipeline.words import decode_bytes
from mailsync.record import record
from mailsync.store import correspondents

if TYPE_CHECKING:
    from mailsync.config.models import Config

FLAGGED = "flagged"
ANSWERED = "you answered it"
FORWARDED = "you forwarded it"
DRAFT = "a draft"
DOUBTFUL = "the mirror is not sure of it"
NOT_MIRRORED = "not mirrored byte for byte"
UNREADABLE = "it cannot be read wholly"
SEALED = "encrypted"
WRITTEN = "you wrote it"
TO = "addressed to you"
CC = "you are in Cc"
BCC = "you are in Bcc"
HIDDEN = "it came to you alone, or as a blind copy"
NAMED = "it names you"
HOLDS = "it holds a message addressed to you"
REPLY = "it answers what you wrote"
CORRESPONDENT = "you have written to its sender"
VALUABLE = "a receipt, an invoice, a ticket or a code that may still be needed"
REASONS = (
    FLAGGED,
    ANSWERED,
    FORWARDED,
    DRAFT,
    DOUBTFUL,
    NOT_MIRRORED,
    UNREADABLE,
    SEALED,
    WRITTEN,
    TO,
    CC,
    BCC,
    HIDDEN,
    NAMED,
    HOLDS,
    REPLY,
    CORRESPONDENT,
    VALUABLE,
)
"""All that `never` says, in the order in which it looks."""
_BY_FIELD = {"to": TO, "cc": CC, "bcc": BCC, "name": NAMED}

LEAST_IMPORTANT_SECONDS = 30 * 86400.0
"""Receipts and the like that are younger are spared whatever is configured."""
DEPTH = 5
MESSAGES = 100
"""Messages within messages that are read, and how deep; one that holds more is spared."""
TEXT = 1 << 20
"""Bytes of an attached text that are read; a message with a longer one is spared."""
_OPAQUE = ("application/pkcs7-mime", "application/x-pkcs7-mime", "message/partial", "message/external-body")
_SEALED = frozenset({"pgp-encrypted", "smime-encrypted", "tnef"})
_LETTERS = (".eml", ".mht", ".mhtml", ".nws")
"""Names of files that hold a message, whatever type programs give them."""
_FOREIGN = (".msg", ".mbox", ".oft", ".pst")
"""Names of files with messages that are not read."""
_MEDIA = ("image/", "audio/", "video/", "font/")
_ODDLY_ENCODED = re.compile(rb"\ncontent-transfer-encoding[ \t]*:\s*(?:[\"']|x-|uu|yenc)", re.IGNORECASE)
"""Encodings that some programs undo, and mailsync does not."""
_FORWARDED = frozenset({"$forwarded", "forwarded"})
_REPORTS = ("message/delivery-status", "message/disposition-notification", "message/feedback-report")
_FOLD = re.compile(r"\r?\n[ \t]")
_LINE_END = re.compile(r"\\[nN]")
_AUTHORS = ("from", "sender", "reply-to", "resent-from", "x-original-from")
_RECIPIENT_LINE = re.compile(
    r"^[ \t>*|]*+(?:to|cc|bcc|an|kopie|à|para|a|aan|till|til|do|komu|kime|vastaanottaja|címzett|кому|копия|copie|copia|"
    r"destinataire|destinatario|收件人|抄送|宛先|받는 사람|참조)\*?[ \u00a0]?[:：].{0,2000}"
    r"(?:(?:\n[ \t>]|(?<=[,;])\n|(?<=[,;] )\n).{0,1000}){0,20}",
    re.MULTILINE | re.IGNORECASE,
)
"""Whom a message was for that is forwarded within the text, as mail programs write it."""


Held: TypeAlias = tuple[bytes, ParsedMessage]
"""A message within another, and its bytes."""


@record(frozen=True)
class Facts:
    """What is known of a message beside what it says. `flags` as now, `internaldate` in Unix seconds.

    `doubt`: why the mirror is not sure of it, "" where it is; `special_use` is that of its folder.
    """

    raw: bytes | None
    digest: bytes | None
    flags: int
    keywords: str = ""
    internaldate: int | None = None
    special_use: str = ""
    doubt: str = ""


@record(frozen=True)
class Ties:
    """Who the user is and whom they deal with. `written_to` are addresses as `spelled` gives them; `wrote` tells
    whether one of some Message-IDs is the user's, `answered` whether something that is answers the one with this
    Message-ID; `important_seconds` is how long receipts are spared."""

    me: Identity
    written_to: frozenset[str]
    wrote: Callable[[Collection[str]], bool]
    answered: Callable[[str], bool]
    important_seconds: float
    now: float


@record(frozen=True)
class Reading:
    """What a message says, which nothing changes: its digest, why it is not touched, whether it is spared while it is
    young, and its date in Unix seconds."""

    digest: bytes
    reason: str | None
    important: bool = False
    date: int | None = None


def ties(connection: sqlite3.Connection, config: Config, now: float) -> Ties:
    """Those of a configuration and a store; they look things up on this connection."""
    return tied(connection, addressing.identity(config), config.cleanup.keep_important, now)


def tied(connection: sqlite3.Connection, me: Identity, important_seconds: float, now: float) -> Ties:
    """The same of a user who is known already."""
    mine = partial(is_mine, me=me)

    def wrote(identifiers: Collection[str]) -> bool:
        return bool(correspondents.wrote(connection, identifiers, mine))

    def answered(identifier: str) -> bool:
        return correspondents.answered(connection, identifier, mine)

    return Ties(me, spelled(correspondents.written_to(connection)), wrote, answered, important_seconds, now)


def spelled(written_to: Collection[str]) -> frozenset[str]:
    """Addresses for `Ties.written_to`."""
    return frozenset(filter(None, map(_plain, written_to)))


def _plain(address: str) -> str:
    """`canonical`, without an extension (RFC 5233): who writes with one reads what comes without."""
    local, at, domain = canonical(address).rpartition("@")
    return f"{local[:1]}{local[1:].partition('+')[0]}{at}{domain}"


def never(facts: Facts, known: Ties) -> str | None:
    """Why this message is not touched, of REASONS; None where a rule may propose it."""
    reason = by_state(facts)
    if reason is not None or facts.raw is None:
        return reason or NOT_MIRRORED
    return settled(facts, read(facts.raw, known), known.important_seconds, known.now)


def settled(facts: Facts, reading: Reading, important_seconds: float, now: float) -> str | None:
    """The same of a message that was read elsewhere, as by a process of its own."""
    reason = by_state(facts)
    if reason is not None:
        return reason
    if reading.digest != facts.digest:
        return NOT_MIRRORED
    if reading.reason is None and reading.important and _is_young(reading, facts, important_seconds, now):
        return VALUABLE
    return reading.reason


def read(raw: bytes, known: Ties) -> Reading:
    """What the bytes of a message say of it."""
    digest = sha256(raw).digest()
    try:
        return judged(raw, digest, parse(raw), known)
    except ParseFailed:
        return Reading(digest, UNREADABLE)


def judged(raw: bytes, digest: bytes, message: ParsedMessage, known: Ties) -> Reading:
    """The same of a message that is parsed already."""
    inside = [*_messages_within(raw, message)]
    held = [one for one in inside if one is not None]
    reason = _by_message(raw, message, held, known)
    if reason is None and len(held) < len(inside):
        reason = UNREADABLE
    important = reason is None and any(features(one) & IMPORTANT for _, one in ((raw, message), *held))
    return Reading(digest, reason, important, message.date)


def by_state(facts: Facts) -> str | None:
    """The part of `never` that needs no look into the message: its flags, its folder, doubts."""
    if facts.flags & Flag.FLAGGED:
        return FLAGGED
    if facts.flags & Flag.ANSWERED:
        return ANSWERED
    if not _FORWARDED.isdisjoint(facts.keywords.lower().split()):
        return FORWARDED
    if facts.flags & Flag.DRAFT or facts.special_use == "\\Drafts":
        return DRAFT
    if facts.special_use == "\\Sent":
        return WRITTEN
    return DOUBTFUL if facts.doubt else None


def _by_message(raw: bytes, message: ParsedMessage, held: list[Held], known: Ties) -> str | None:
    me = known.me
    if message.cut or _ODDLY_ENCODED.search(raw):
        return UNREADABLE
    if any(_is_sealed(one) for one in (message, *(within for _, within in held))):
        return SEALED
    authors = _authors(message)
    if any(is_mine(one, me) for one in authors):
        return WRITTEN
    lists = addressing.list_addresses(message)
    listed = addressing.through_list(message, lists)
    how = addressing.addressed(message, me)
    if how is not None and not (how == "name" and listed):
        return _BY_FIELD[how]
    if not addressing.distributed(message):
        return HIDDEN
    for _, within in held:
        how = addressing.addressed(within, me)
        if how is not None and not (how == "name" and listed):
            return HOLDS
    every = [(raw, message), *held]
    if _mentions(every, me, listed):
        return NAMED
    if any(_forwards(one.text, me) for _, one in every):
        return HOLDS
    parents = {name for _, one in every for name in (*one.in_reply_to, *one.references)}
    if (parents and known.wrote(parents)) or _quotes(message.text, me):
        return REPLY
    if message.message_id and known.answered(message.message_id):
        return ANSWERED
    if any(_plain(one) in known.written_to and canonical(one) not in lists for one in authors):
        return CORRESPONDENT
    return None


def _is_sealed(message: ParsedMessage) -> bool:
    """What it says, or part of it, is in a form that is not read."""
    parts = message.attachments
    foreign = any(one.type in _OPAQUE or one.name.lower().endswith(_FOREIGN) for one in parts)
    return foreign or not _SEALED.isdisjoint(message.holds)


def _authors(message: ParsedMessage) -> list[str]:
    """The addresses of whoever a message is from, in every field that may say so."""
    values = (value for name, value in message.headers if name.lower() in _AUTHORS)
    told = [one.addr for value in values for one in addresses(value)]
    return [*{one.addr for field in _AUTHORS for one in message.people.get(field, ())} | set(told)]


def _is_young(reading: Reading, facts: Facts, important_seconds: float, now: float) -> bool:
    """By the later of its dates: the sender writes one of them."""
    dates = [one for one in (reading.date, facts.internaldate) if one is not None]
    return not dates or now - max(dates) < max(important_seconds, LEAST_IMPORTANT_SECONDS)


# -- what is within ------------------------------------------------------------------------------------------------


def _messages_within(raw: bytes, message: ParsedMessage, depth: int = 1) -> Iterator[Held | None]:
    """The messages within a message, whatever their depth; None for one that is not read."""
    for number, one in enumerate(filter(_is_message, message.attachments)):
        if depth > DEPTH or number >= MESSAGES:
            yield None
            return
        inside = decoded(raw, one)
        try:
            found = parse(inside)
        except ParseFailed:
            yield None
            return
        if found.cut:
            yield None
            return
        yield inside, found
        yield from _messages_within(inside, found, depth + 1)


def _is_message(part: Attachment) -> bool:
    if part.type.startswith("message/"):
        return part.type not in _REPORTS
    return part.type == "application/eml" or part.name.lower().endswith(_LETTERS)


def _mentions(messages: list[Held], me: Identity, listed: bool) -> bool:
    """A calendar invites the user, or, but through a list, a text or the name of a file says address or name."""
    for raw, message in messages:
        charsets = _charsets(raw) if message.attachments else {}
        for part in message.attachments:
            calendar = kinds.may_be_calendar(part.type, part.name)
            if (calendar or not listed) and (
                _says(_text(raw, part, charsets), me, listed) or (not listed and addressing.names(part.name, me))
            ):
                return True
        if not listed and (
            addressing.mentions(message.subject, me)
            or addressing.mentions(message.text, me)
            or ("@" in message.html and addressing.mentions(addressing.html_says(message.html), me))
        ):
            return True
    return False


def _says(told: str | None, me: Identity, listed: bool) -> bool:
    """An attached text mentions the user, but through a list by their address; one that is not read may."""
    if told is None or addressing.mentions(told, me):
        return True
    whole = addressing.html_says(told) if "<" in told else ""
    return addressing.mentions(whole, me) or (
        not listed and (addressing.names(told, me) or addressing.names(whole, me))
    )


def _text(raw: bytes, part: Attachment, charsets: dict[int, str]) -> str | None:
    """An attached text, of whatever type, "" for what is none; None where it is too long to be read."""
    calendar = kinds.may_be_calendar(part.type, part.name)
    is_text = calendar or part.type.startswith("text/")
    if part.size > TEXT:
        return None if is_text else ""
    if not is_text and (part.type.startswith(_MEDIA) or b"\0" in decoded(raw, part, limit=64)):
        return ""
    data = decoded(raw, part)
    if not is_text and not _is_utf8(data):
        return ""
    told = decode_bytes(data, charsets.get(part.start, ""))
    if not calendar:
        return told
    # RFC 5545 sections 3.1 and 3.3.11: lines are folded anywhere; "\n" within a text is a line end.
    return unquote(_LINE_END.sub(" ", _FOLD.sub("", told)))


def _charsets(raw: bytes) -> dict[int, str]:
    """The character sets that parts name, by where their content begins."""
    return {one.start: one.charset for one in structure(raw).leaves if one.charset}


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _forwards(text: str, me: Identity) -> bool:
    """The text has the header of another message in it, which was for the user."""
    return any(addressing.mentions(one.group(), me) for one in _RECIPIENT_LINE.finditer(text))


def _quotes(text: str, me: Identity) -> bool:
    """The text says that what it quotes is the user's: "On Monday, me@example.com wrote:"."""
    if not (addressing.mentions(text, me) or addressing.names(text, me)):
        return False
    said = [one.attribution for one in quotes.segments(text) if one.attribution]
    return any(addressing.mentions(one, me) or addressing.names(one, me) for one in said)
