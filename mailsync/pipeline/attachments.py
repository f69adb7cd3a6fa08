"""What a message carries beside its text: a list of it, and each taken out of the message's bytes again. Pure.

The files within a TNEF part (`tnef`) are attachments of their own and follow it. A message within the message is named
by its subject where its sender named it by nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

from mailsync.pipeline import kinds, tnef
from mailsync.pipeline.headers import block, text_of
from mailsync.pipeline.mime import ParsedMessage
from mailsync.pipeline.parts import Encoded, decoded
from mailsync.pipeline.transfer import undone_pieces

Row = tuple[int, str, str, int, bytes, int, int, str]
"""Number from 1, name, type, size in bytes, SHA-256, start and end in the message, encoding: builtins, for a pipe.

The encoding is one of ENCODINGS; behind it, for a file within a TNEF part, are WITHIN and its place there from 1."""

ENCODINGS = ("", "base64", "quoted-printable")
WITHIN = " tnef "
OPENED = 3
"""TNEF parts of a message that are looked into; real messages have one, and a hostile one costs half a second."""

_SUBJECT = re.compile(r"\nsubject[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE)


def rows(raw: bytes, parsed: ParsedMessage) -> list[Row]:
    """The attachments of a message, `parsed` from `raw`, in order."""
    found: list[Row] = []
    opened = 0
    for one in parsed.attachments:
        encoding = one.encoding if one.encoding in ENCODINGS else ""
        name = one.name or (_subject(raw, one) if one.type in kinds.MESSAGES else "")
        place = one.start, one.end
        found.append((len(found) + 1, name, one.type, one.size, bytes.fromhex(one.sha256), *place, encoding))
        if kinds.may_be_tnef(one.type, one.name) and opened < OPENED:
            opened += 1
            for number, file in enumerate(tnef.files(decoded(raw, one)), 1):
                kind = file.type or "application/octet-stream"
                digest, where = sha256(file.data).digest(), f"{encoding}{WITHIN}{number}"
                found.append((len(found) + 1, file.name, kind, len(file.data), digest, *place, where))
    return found


def taken_out(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The content of an attachment, piece by piece, from the bytes between its start and end in whatever pieces.

    Holds little more than two pieces, but for a file within a TNEF part: that is decoded whole.
    """
    encoding, within, number = encoding.partition(WITHIN)
    pieces = undone_pieces(pieces, encoding)
    if not within:
        yield from pieces
        return
    for file in tnef.files(b"".join(pieces))[int(number) - 1 : int(number)]:
        yield file.data


def _subject(raw: bytes, one: Encoded) -> str:
    """A file name for a message within the message; its sender's, and not a path."""
    found = _SUBJECT.search(block(decoded(raw, one, limit=16384)))
    subject = text_of(found[1]) if found else ""
    return f"{subject[:200].replace('/', '-')}.eml" if subject else "message.eml"
