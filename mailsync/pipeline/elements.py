"""A message in typed pieces, for whatever reads mail next: what was said, in which form, by whom, about what. Pure.

The types are named as the package `unstructured` names those of documents; QuotedReply, Signature and Attachment are
ours. An id is a digest of the message's bytes, of the piece's text without blanks, and of how often that text came
before in the message. So it is the same on every machine and in every run, and stays when a better parser finds other
pieces around it, another type for it, or another line width. Position and type are told beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

from mailsync.pipeline.attachments import Row
from mailsync.pipeline.bodies import bodies
from mailsync.pipeline.elements_html import marked_text
from mailsync.pipeline.elements_text import MARKS, Piece, pieces, plain
from mailsync.pipeline.flowed import unwrap
from mailsync.pipeline.mime import ParsedMessage
from mailsync.pipeline.parts import decoded, structure
from mailsync.pipeline.quotes import segments
from mailsync.pipeline.words import decode_bytes
from mailsync.record import record

READ = 512 << 10
"""Bytes of text that are looked at: a book is shorter, and short lines made on purpose cost a second each 300,000."""
ELEMENTS = 5000
"""Of one message; a book has fewer."""
_ID = 32
"""Hexadecimal digits of an id: 128 bits."""
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")


@record(frozen=True)
class Element:
    """A piece of a message. `metadata` has its `position` from 0 and what is known of it, as JSON could hold it:

    `message_id`; `urls` that it leads to; `level` of a title, `depth` of a list item, `cells` of a table by row;
    `attribution` of a quote; `preformatted` where lines are not to be joined; of an attachment its `number`,
    `content_type`, `size` in bytes and `sha256`, of the subject's title `role`.
    """

    id: str
    type: str
    """Title, NarrativeText, ListItem, Table, EmailAddress, QuotedReply, Signature, Attachment; `unstructured` has more
    of them, and neither QuotedReply nor Signature."""
    text: str
    metadata: dict[str, Any]


class Relation(NamedTuple):
    """A triple. A message is `mid:` and its Message-ID (RFC 2392), or `urn:sha256:` of its bytes without one; people
    are `mailto:`, attachments `urn:sha256:`, lists `list:`, threads `thread:`, links themselves."""

    subject: str
    predicate: str
    object: str


Builder = Literal["builtin", "unstructured"]


def build(raw: bytes, parsed: ParsedMessage, rows: Sequence[Row], builder: Builder = "builtin") -> list[Element]:
    """The elements of a message, `parsed` from `raw`, whose attachments are `rows`, in order.

    `unstructured` makes those of the text where that was chosen; then ParseFailed may be raised.
    """
    of_text: Callable[[bytes, ParsedMessage], Iterator[Piece]] = _of_text
    if builder == "unstructured":
        from mailsync.pipeline.elements_unstructured import pieces as of_text
    found = chain(_of_subject(parsed), of_text(raw, parsed), _of_attachments(rows))
    return list(islice(_identified(sha256(raw).hexdigest(), parsed, found), ELEMENTS))


def _identified(identity: str, parsed: ParsedMessage, found: Iterator[Piece]) -> Iterator[Element]:
    seen: dict[str, int] = {}
    for position, piece in enumerate(found):
        key = f"{piece.facts.get('sha256', '')}\0{''.join(piece.text.split())}"
        seen[key] = seen.get(key, 0) + 1
        digest = sha256(f"{identity}\0{key}\0{seen[key]}".encode()).hexdigest()
        told = {"message_id": parsed.message_id, "position": position}
        yield Element(digest[:_ID], piece.kind, piece.text, told | piece.facts)


def _of_subject(parsed: ParsedMessage) -> Iterator[Piece]:
    if subject := parsed.subject.strip():
        yield Piece("Title", subject, {"level": 1, "role": "subject"})


def _of_text(raw: bytes, parsed: ParsedMessage) -> Iterator[Piece]:
    for text, links in _texts(raw) if parsed.html else [(_unmarked(parsed.text[:READ]), [])]:
        for segment in segments(text):
            if segment.origin == "own":
                found = pieces(segment.lines, links)
            elif segment.origin == "quote":
                facts = {"attribution": MARKS.sub("", segment.attribution)} if segment.attribution else {}
                found = iter([plain("QuotedReply", segment.lines, links, **facts)])
            else:
                found = iter([plain("Signature", segment.lines, links)])
            yield from (piece for piece in found if piece.text)


def _of_attachments(rows: Sequence[Row]) -> Iterator[Piece]:
    for number, name, kind, size, digest, *_ in rows:
        told = {"number": number, "content_type": kind, "size": size, "sha256": digest.hex()}
        yield Piece("Attachment", name, told)


def _texts(raw: bytes) -> Iterator[tuple[str, list[str]]]:
    """The texts of a message, HTML where one stands in two forms, and the links that are marked in each."""
    lined = raw if raw.find(b"\n") >= 0 else raw.replace(b"\r", b"\n")  # as when it is parsed
    left = READ
    for part in bodies(lined, structure(lined)).html:
        if part.type not in ("text/plain", "text/html") or left <= 0:
            continue
        data = decoded(lined, part, limit=left)[:left]
        left -= len(data)
        text = decode_bytes(data, part.charset).replace("\r\n", "\n")
        if part.type == "text/html":
            yield marked_text(text)
            continue
        if part.flowed:
            text = unwrap(text, part.delsp)
        yield _unmarked(text), []


def _unmarked(text: str) -> str:
    return text if text.isascii() else MARKS.sub("", text)


def relations(
    parsed: ParsedMessage, rows: Sequence[Row], elements: Sequence[Element], sha256_hex: str, thread: str | None = None
) -> list[Relation]:
    """What a message says of itself and others, each triple once; `thread` is the id of its thread where known."""
    this = _message(parsed.message_id) or f"urn:sha256:{sha256_hex}"
    found: dict[Relation, None] = {}

    def tell(predicate: str, *objects: str) -> None:
        found.update(dict.fromkeys(Relation(this, predicate, one) for one in objects if one))

    for field, predicate in _OF_PEOPLE.items():
        tell(predicate, *(f"mailto:{one.addr.lower()}" for one in parsed.people.get(field, ()) if one.addr))
    answered = parsed.in_reply_to[:1] or parsed.references[-1:]
    tell("replies_to", *map(_message, answered))
    tell("refers_to", *(_message(one) for one in parsed.references if one not in answered))
    tell("in_thread", f"thread:{thread}" if thread else "")
    tell("has_attachment", *(f"urn:sha256:{row[4].hex()}" for row in rows))
    tell("mentions_list", *(f"list:{_list(value)}" for name, value in parsed.headers if name.lower() == "list-id"))
    for element in elements:
        if element.type not in ("QuotedReply", "Attachment"):
            if "@" in element.text:
                tell("mentions", *(f"mailto:{one.lower().rstrip('.')}" for one in _ADDRESS.findall(element.text)))
            tell("links_to", *element.metadata.get("urls", ()))
    return list(found)


_OF_PEOPLE = {
    "from": "sent_by",
    "sender": "sent_through",
    "to": "sent_to",
    "cc": "copied_to",
    "bcc": "blind_copied_to",
    "reply-to": "answered_at",
}
"""The predicate of each header field that names people."""


def _message(message_id: str) -> str:
    return f"mid:{message_id.strip('<>')}" if message_id.strip("<> ") else ""


def _list(value: str) -> str:
    """The identifier of a list (RFC 2919)."""
    return (value.rpartition("<")[2].partition(">")[0] if "<" in value else value).strip().lower()
