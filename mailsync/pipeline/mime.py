"""What a message says, for lists (`envelope`, on every message) and for reading (`readable`, on the one that is shown).

Nothing here raises whatever the bytes, recurses into them, or takes more than linear time over them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from mailsync.pipeline import headers, parts
from mailsync.pipeline.dates import unix_seconds
from mailsync.pipeline.htmltext import html_to_text
from mailsync.pipeline.words import decode_bytes

SHOWN = 1 << 20
"""Bytes of one text part that are made readable; nobody reads on, and `show --raw` has everything."""


class Envelope(NamedTuple):
    """What a list of messages shows."""

    date: int | None
    """Unix seconds, UTC; None if absent or absurd."""
    message_id: str
    """With its angle brackets, as written."""
    subject: str
    from_name: str
    from_addr: str
    to: str
    cc: str
    has_attachments: bool
    """A guess from the header alone."""


# Any field with the initial of a wanted one: telling the names apart here would take longer than in a dictionary.
_FIELDS = re.compile(r"\n([SFTCDMsftcdm][A-Za-z-]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)")
_ATTACHED = ("multipart/mixed", "application/", "image/", "audio/", "video/")


def envelope(raw: bytes) -> Envelope:
    """The envelope of a message, from its header alone: the start of the message will do (RFC 5322 section 3.6).

    The first of repeated fields counts.
    """
    found = _FIELDS.findall(headers.block(raw))
    found.reverse()
    get = {name.lower(): value for name, value in found}.get
    text_of = headers.text_of
    author = get("from")
    from_name, from_addr = headers.sender(author) if author else ("", "")
    date = get("date")
    return Envelope(
        unix_seconds(text_of(date)) if date else None,
        _identifier(get("message-id", "")),
        text_of(get("subject", "")),
        from_name,
        from_addr,
        text_of(get("to", "")),
        text_of(get("cc", "")),
        get("content-type", "").lstrip()[:64].lower().startswith(_ATTACHED),
    )


def _identifier(value: str) -> str:
    text = headers.text_of(value)
    if text[:1] == "<" and text.find(">") == len(text) - 1:
        return text
    left = text.find("<")
    right = text.find(">", left)
    return text[left : right + 1] if 0 <= left < right else text


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is not the text of the message. `name` is the sender's and not a path; `size` in bytes, decoded."""

    name: str
    type: str
    size: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """A message made readable."""

    headers: list[tuple[str, str]]
    """Every field in order, decoded."""
    text: str
    """What a person reads: the plain parts, and the HTML ones as text where there is no plain one beside."""
    html: str
    """The HTML parts as they are; hostile."""
    attachments: list[Attachment]


def carries_attachments(raw: bytes) -> bool:
    """By its whole structure: a part is not text to be read, or there is more to it than `parts` looks at."""
    leaves = parts.leaves(raw)
    return len(leaves) >= parts.PARTS or any(part.sealed or not part.is_text for part in leaves)


def readable(raw: bytes) -> Parsed:
    """Headers, text and attachments of a message; text parts beyond SHOWN bytes are cut."""
    leaves = parts.leaves(raw)
    bodies: list[tuple[parts.Part, str]] = []
    attachments = []
    for part in leaves:
        if part.is_text:
            data = parts.decoded(raw, part, limit=SHOWN)
            bodies.append((part, decode_bytes(data[:SHOWN], part.charset).replace("\r\n", "\n")))
        else:
            attachments.append(Attachment(part.name, part.type, len(parts.decoded(raw, part))))
    html = [text for part, text in bodies if part.type == "text/html"]
    told = {part.alternative for part, text in bodies if part.type != "text/html" and text.strip()}
    shown = []
    for part, text in bodies:
        if part.type != "text/html":
            shown.append(text)
        elif part.alternative is None or part.alternative not in told:
            shown.append(html_to_text(text))
    text = "\n".join(piece.rstrip("\n") + "\n" for piece in shown if piece.strip())
    return Parsed(headers.fields(raw), text, "\n".join(html), attachments)
