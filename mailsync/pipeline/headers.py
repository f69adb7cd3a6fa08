"""The header block of a message: where it ends, and its fields as text."""

from __future__ import annotations

import re

from mailsync.pipeline.words import decode_bytes, decode_words

BLOCK = 256 * 1024
"""Bytes of a message that are looked at for its header. Real ones end below 64 KiB; the rest is an attack."""
FIELDS = 1000
"""Fields that are kept; real messages stay below 200, most of them trace fields."""
FIELD = 8192
"""Bytes of one field that are decoded for a list; enough for some hundred recipients."""

_FOLD = re.compile(r"\r?\n[ \t]+")
_FOLDED = re.compile(r"\n[ \t]+")
_FIELD = re.compile(r"\n([!-9;-~]++)[ \t]*+:([^\n]*+)")


def block_end(raw: bytes, start: int = 0, end: int | None = None) -> int:
    """Where the header that begins at `start` ends: behind the line feed of its last line, at most BLOCK bytes on."""
    limit = min(len(raw) if end is None else end, start + BLOCK)
    if raw.startswith((b"\n", b"\r\n"), start):
        return start
    # Two plain searches are faster than a pattern, and messages with both kinds of line end exist. The kind of the
    # first line is looked for first, since the other goes up to what that found.
    line = raw.find(b"\n", start, limit)
    kinds = (b"\n\r\n", b"\n\n") if raw[line - 1 : line] == b"\r" else (b"\n\n", b"\n\r\n")
    found = raw.find(kinds[0], start, limit)
    other = raw.find(kinds[1], start, limit if found < 0 else found + 1)
    at = other if other >= 0 else found
    return at + 1 if at >= 0 else limit


def block(raw: bytes, start: int = 0, end: int | None = None) -> str:
    """The header that begins at `start`, behind a line feed; raw 8-bit bytes are surrogates that `text_of` resolves."""
    head = "\n" + raw[start : block_end(raw, start, end)].decode("ascii", "surrogateescape")
    return head.replace("\0", "?") if "\0" in head else head


def text_of(value: str) -> str:
    """A field's value out of `block` as one line: unfolded, raw 8-bit and encoded words decoded."""
    value = unfolded(value[:FIELD] if len(value) > FIELD else value)
    return decode_words(value) if "=?" in value else value


def unfolded(value: str, charset: str = "") -> str:
    """A field's value out of `block` as one line, raw 8-bit decoded, encoded words as they are.

    `charset` is the text's: raw bytes in a header that are no UTF-8 mostly are in it.
    """
    value = value.strip()
    if "\n" in value:
        value = _FOLD.sub(" ", value)
    if not value.isascii():
        value = decode_bytes(value.encode("ascii", "surrogateescape"), charset)
    return value


def fields(head: str) -> list[tuple[str, str]]:
    """Name and value of up to FIELDS fields of a `block`, in order, each as one line; what is no field is left out.

    Raw 8-bit bytes are surrogates, which `told` resolves; encoded words are as they are.
    """
    if "\r" in head:
        head = head.replace("\r\n", "\n")
    found: list[tuple[str, str]] = _FIELD.findall(_FOLDED.sub(" ", head))[:FIELDS]
    return [(name, value.strip()) for name, value in found]


def told(found: list[tuple[str, str]], charset: str = "") -> list[tuple[str, str]]:
    """The `fields` with their raw 8-bit bytes decoded; `charset` as for `unfolded`."""
    return [(name, value if value.isascii() else unfolded(value, charset)) for name, value in found]


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
        from email.utils import getaddresses  # half of the time that importing this takes, and hardly ever needed

        try:
            name, address = next((pair for pair in getaddresses([value]) if pair[1]), ("", ""))
        except Exception:  # the parser recurses into comments and gives up in several ways
            name, address = value.strip(), ""
    return decode_words(name) if "=?" in name else name, address
