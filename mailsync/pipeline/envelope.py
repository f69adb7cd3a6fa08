"""What a list shows of a message, from its header alone; it is made of every message.

Nothing here raises whatever the bytes, or takes more than linear time over them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mailsync.pipeline import headers
from mailsync.pipeline.dates import unix_seconds


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
