"""File names for attachments: what a stranger chose, made fit for every file system and harmless on a terminal.

Only the last component counts. Control, format and private characters go, and so do leading dots and what Windows
ignores at the end; signs that mean something to Windows become `_`. What begins with a dash, or is a name that Windows
keeps for a device, gets a `_` before it. A name is composed (NFC), and what is too long loses the end of its stem.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from mailsync.export.names import DEVICES

LONGEST = 180
"""Bytes of a name in UTF-8; with a number it stays under 200."""
_EXTENSION = 20
"""Bytes of what is kept of an ending that a name is cut before."""
NUMBERS = 1000
"""Names that are tried until one is free."""

_SEPARATORS = re.compile(r"[/\\]")
_SIGNS = re.compile(r'[<>:"|?*]')
_BLANKS = re.compile(r"\s+")
_ENDINGS = {
    "application/pdf": ".pdf",
    "application/pgp-signature": ".asc",
    "application/pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "message/delivery-status": ".txt",
    "message/global": ".eml",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/rfc822-headers": ".txt",
}


def file_name(name: str, kind: str, number: int) -> str:
    """A name to save attachment `number` under; one that has none is named by its number and MIME type."""
    for component in reversed(_SEPARATORS.split(name)):
        if found := _harmless(component):
            return found
    return f"attachment-{number}{_ENDINGS.get(kind, '.bin')}"


def numbered(name: str) -> Iterator[str]:
    """The name, then "name (2)", ... before its extension; NUMBERS in all."""
    yield name
    stem, ending = _split(name)
    for number in range(2, NUMBERS + 1):
        yield f"{stem} ({number}){ending}"


def _harmless(name: str) -> str:
    name = "".join(char for char in _BLANKS.sub(" ", name) if unicodedata.category(char)[0] != "C")
    name = unicodedata.normalize("NFC", name)
    name = _SIGNS.sub("_", name).strip(" ").lstrip(". ").rstrip(". ")
    if name.split(".")[0].rstrip(" ").upper() in DEVICES or name[:1] == "-":
        name = "_" + name
    if len(name.encode()) > LONGEST:
        stem, ending = _split(name)
        name = stem.encode()[: LONGEST - len(ending.encode())].decode("utf-8", "ignore").rstrip(". ") + ending
    return name


def _split(name: str) -> tuple[str, str]:
    """Stem and extension; a long one is none."""
    stem, dot, ending = name.rpartition(".")
    return (stem, dot + ending) if stem and len(ending.encode()) < _EXTENSION else (name, "")
