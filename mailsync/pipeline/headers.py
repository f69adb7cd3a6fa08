"""The header block of a message: where it ends, and its fields as text."""

from __future__ import annotations

import re
from email.utils import getaddresses

from mailsync.pipeline.words import decode_bytes, decode_words

BLOCK = 256 * 1024
"""Bytes of a message that are looked at for its header. Real ones end below 64 KiB; the rest is an attack."""
FIELDS = 1000
FIELD = 8192
"""Bytes of one field that are decoded; enough for some hundred recipients."""

_END = re.compile(rb"\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_FIELD = re.compile(r"([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)")


def block_end(raw: bytes, start: int = 0, end: int | None = None) -> int:
    """Where the header that begins at `start` ends: behind the line feed of its last line, at most BLOCK bytes on."""
    limit = min(len(raw) if end is None else end, start + BLOCK)
    if raw.startswith((b"\n", b"\r\n"), start):
        return start
    first = raw.find(b"\n", start, limit)
    if first > 0 and raw[first - 1] == 13:
        # What an IMAP server sends has CRLF throughout; this search is the fastest.
        found = raw.find(b"\r\n\r\n", start, limit)
        return found + 2 if found >= 0 else limit
    match = _END.search(raw, start, limit)
    return match.start() + 1 if match else limit


def block(raw: bytes, start: int = 0, end: int | None = None) -> str:
    """The header that begins at `start`, behind a line feed; raw 8-bit bytes are surrogates that `text_of` resolves."""
    head = "\n" + raw[start : block_end(raw, start, end)].decode("ascii", "surrogateescape")
    return head.replace("\0", "?") if "\0" in head else head


def text_of(value: str) -> str:
    """A field's value out of `block` as one line: unfolded, raw 8-bit and encoded words decoded."""
    if len(value) > FIELD:
        value = value[:FIELD]
    value = value.strip()
    if "\n" in value:
        value = _FOLD.sub(" ", value)
    if not value.isascii():
        value = decode_bytes(value.encode("ascii", "surrogateescape"))
    return decode_words(value) if "=?" in value else value


def fields(raw: bytes) -> list[tuple[str, str]]:
    """Name and decoded value of up to FIELDS header fields, in order; what is no field is left out."""
    head = block(raw)
    found: list[tuple[str, str]] = []
    at = 1
    while at < len(head) and len(found) < FIELDS:
        match = _FIELD.match(head, at)
        if match is not None:
            found.append((match[1], text_of(match[2])))
            at = match.end() + 1
        else:
            at = head.find("\n", at) + 1 or len(head)
    return found


def sender(value: str) -> tuple[str, str]:
    """Display name and address of the first author in a From field out of `block`; either may be empty."""
    if len(value) > FIELD:
        value = value[:FIELD]
    if "\n" in value:
        value = _FOLD.sub(" ", value)
    if not value.isascii():
        value = decode_bytes(value.encode("ascii", "surrogateescape"))
    left = value.find("<")
    right = value.find(">", left)
    if 0 <= left < right and (value.find("<", left + 1) < 0 or "," not in value):
        name, address = value[:left].strip(), value[left + 1 : right].strip()
        if name[:1] == '"' and name[-1:] == '"' and len(name) > 1:
            name = name[1:-1]
            if "\\" in name:
                name = re.sub(r"\\(.)", r"\1", name)
    elif left < 0 and "(" not in value and "," not in value:
        value = value.strip()
        name, address = ("", value) if "@" in value else (value, "")
    else:
        try:
            name, address = next((pair for pair in getaddresses([value]) if pair[1]), ("", ""))
        except Exception:  # the parser recurses into comments and gives up in several ways
            name, address = value.strip(), ""
    return decode_words(name) if "=?" in name else name, address
