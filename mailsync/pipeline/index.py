"""What the search index, the threads and the attachments want of a message: `digest`, from bytes to builtins.

Pure, and made to run in a process of its own: what comes out crosses a pipe as it is.
"""

from __future__ import annotations

from typing import NamedTuple

from mailsync.pipeline import attachments, mime, threads
from mailsync.pipeline.addresses import Address
from mailsync.pipeline.features import features
from mailsync.pipeline.mime import ParsedMessage
from mailsync.query.tokens import indexable

LIST, ATTACHMENTS, REPLY = 1, 2, 4
"""The bits of `traits`: it came by a mailing list, it has attachments, it answers another message."""


class Digested(NamedTuple):
    """A message as the index wants it."""

    texts: tuple[str, str, str, str, str, str, str]
    """Subject, from (and Sender), to, cc (and Bcc), body, names of attachments, list: already `indexable`."""
    date: int | None
    """Unix seconds; None if absent or absurd."""
    references: tuple[str, ...]
    """The oldest first, In-Reply-To among them."""
    traits: int
    features: int
    """Bits of `features.NAMES`."""
    attachments: list[attachments.Row]
    keys: tuple[int, tuple[int, ...], tuple[int, ...]]
    """As `threads.Keys`."""


def digest(raw: bytes) -> Digested:
    """What the index wants of a message; raises ParseFailed, and nothing else, whatever the bytes."""
    return digested(raw, mime.parse(raw))


def digested(raw: bytes, message: ParsedMessage) -> Digested:
    """The same of a message that is parsed already, from `raw`."""
    people = message.people
    lists = "\n".join([value for name, value in message.headers if len(name) == 7 and name.lower() == "list-id"])
    senders, recipients = _addresses(people, "from", "reply-to"), _addresses(people, "to", "cc", "bcc")
    # In-Reply-To behind: it names the parent, as the last of References does (RFC 5322 section 3.6.4).
    named = (*message.references, *message.in_reply_to)
    references = threads.references(message.message_id, named, senders + recipients)
    carried = attachments.rows(raw, message)
    own, others, subjects = threads.keys(
        message.message_id, references, message.subject, senders, recipients, message.date
    )
    return Digested(
        (
            indexable(message.subject),
            _names(people, "from", "sender"),
            _names(people, "to"),
            _names(people, "cc", "bcc"),
            indexable(message.text),
            indexable("\n".join(row[1] for row in carried if row[1])),
            indexable(lists),
        ),
        message.date,
        references,
        LIST * bool(lists) | ATTACHMENTS * bool(carried) | REPLY * bool(references),
        features(message),
        carried,
        (own, others, subjects),
    )


def _names(people: dict[str, tuple[Address, ...]], *fields: str) -> str:
    told = (f"{one.name} {one.addr}".strip() for field in fields for one in people.get(field, ()))
    return indexable(", ".join(dict.fromkeys(told)))


def _addresses(people: dict[str, tuple[Address, ...]], *fields: str) -> list[str]:
    return [one.addr for field in fields for one in people.get(field, ()) if one.addr]
