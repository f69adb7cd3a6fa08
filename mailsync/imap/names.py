"""Mailbox names: modified UTF-7 (RFC 3501 section 5.1.3) and how a name is written into a command.

The raw name is the identity and the only thing ever sent back; the decoded name is for people.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from mailsync.record import record

_SHIFT = re.compile(rb"&([A-Za-z0-9+,]*)-")
_NOT_DIRECT = re.compile("[^\x20-\x7e]+")
_NEVER_CODED = re.compile("[\0\x20-\x7e]")


@record(frozen=True)
class Literal:
    """A command argument that no quoted string can hold: the encoder sends `{n}`, then these bytes."""

    data: bytes


def decode_name(raw: bytes) -> str:
    """The name as people read it.

    A part that is no modified UTF-7 stays as it is; a name with 8-bit octets (UTF8=ACCEPT, or a server that
    sends them anyway) is taken as UTF-8, or Latin-1 when it is not.
    """
    if not raw.isascii():
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    if b"&" not in raw:
        return raw.decode("ascii")
    pieces: list[str] = []
    at = 0
    for shift in _SHIFT.finditer(raw):
        pieces.append(raw[at : shift.start()].decode("ascii"))
        pieces.append(_unshift(shift.group(1)) or shift.group().decode("ascii"))
        at = shift.end()
    pieces.append(raw[at:].decode("ascii"))
    return "".join(pieces)


def _unshift(coded: bytes) -> str:
    """The text of one `&...-`, or nothing when it is invalid.

    Printable ASCII may not be coded (RFC 3501): were it decoded, two names of a server could look the same.
    NUL is in no name.
    """
    if not coded:
        return "&"
    try:
        text = a2b_base64(coded.replace(b",", b"/") + b"=" * (-len(coded) % 4)).decode("utf-16-be")
    except (Base64Error, UnicodeDecodeError):
        return ""
    return "" if _NEVER_CODED.search(text) else text


def encode_name(name: str) -> bytes:
    """Modified UTF-7 of a name that a person gave. ValueError for a lone surrogate."""
    pieces: list[bytes] = []
    at = 0
    for run in _NOT_DIRECT.finditer(name):
        pieces.append(name[at : run.start()].replace("&", "&-").encode("ascii"))
        coded = b2a_base64(run.group().encode("utf-16-be"), newline=False)
        pieces.append(b"&" + coded.rstrip(b"=").replace(b"/", b",") + b"-")
        at = run.end()
    pieces.append(name[at:].replace("&", "&-").encode("ascii"))
    return b"".join(pieces)


def quote_string(raw: bytes) -> bytes | Literal:
    """An IMAP `string`: quoted where that is legal, else a literal (8-bit, CR, LF). ValueError for NUL."""
    if b"\0" in raw:
        raise ValueError("NUL cannot be sent in an IMAP command")
    if not raw.isascii() or b"\r" in raw or b"\n" in raw:
        return Literal(raw)
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def quote_mailbox(raw: bytes) -> bytes | Literal:
    """A raw mailbox name as a command argument. ValueError for NUL, CR and LF, which no mailbox name may hold."""
    if b"\r" in raw or b"\n" in raw:
        raise ValueError("a mailbox name cannot hold CR or LF")
    return quote_string(raw)
