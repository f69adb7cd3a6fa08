"""Transfer encodings (RFC 2045 section 6) undone, damaged as they may be: in one or in pieces, with the same result.

Attachments of 100 MB are why: in pieces they are counted, digested and saved in a few megabytes.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator

from mailsync.pipeline.words import decode_base64

PIECE = 1 << 20
"""Bytes that are worked on at a time."""

_NO_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))


def undone(data: bytes, encoding: str) -> bytes:
    """The content of encoded bytes; `encoding` in lower case, an unknown one counts as none."""
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    return data


def undone_pieces(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The same of bytes that come in whatever pieces; holds two of them."""
    if encoding == "base64":
        return _from_base64(pieces)
    if encoding == "quoted-printable":
        return _from_quoted_printable(pieces)
    return iter(pieces)


def _from_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        rest += piece.translate(None, _NO_BASE64)
        letters = rest.replace(b"=", b"") if b"=" in rest else rest
        over = len(letters) % 4
        end = len(letters) - over
        if letters is rest:
            yield binascii.a2b_base64(rest[:end])
            rest = rest[end:]
            continue
        # The decoder ends where it finds padding, and passes over a sign of padding that is none. It ended if letters
        # are left that it gave nothing for, or if these letters are padded.
        data = decode_base64(rest)
        if len(data) < len(letters) * 3 // 4 or (over > 1 and rest.endswith(b"=" * (4 - over))):
            yield data
            return
        yield data[: end // 4 * 3]
        rest = letters[end:] + (b"=" if over and rest.endswith(b"=") else b"")
    yield decode_base64(rest)


def _from_quoted_printable(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Line by line, since no sequence goes on behind a line end; lines without end are cut between two sequences."""
    rest: list[bytes] = []
    held = False
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            yield binascii.a2b_qp(b"".join([*rest, piece[:end]]))
            rest, held = [piece[end:]], False
            continue
        rest.append(piece)
        if held or sum(map(len, rest)) < PIECE:
            continue
        line = b"".join(rest)
        # All up to the next line feed belongs to the one, and the other can be taken apart in two ways.
        held = b"=\r" in line or b"==" in line[-4:]
        end = line.rfind(b"=", len(line) - 2)
        end = 0 if held else len(line) if end < 0 else end
        if end:
            yield binascii.a2b_qp(line[:end])
        rest = [line[end:]]
    yield binascii.a2b_qp(b"".join(rest))
