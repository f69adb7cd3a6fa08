"""The files within a TNEF stream, the winmail.dat of Outlook and Exchange (MS-OXTNEF, MS-OXRTFCP).

A stream is a row of attributes; those of an attachment follow the one that begins it. Names and types stand in its
MAPI properties, and in older attributes without these. The message's own text in a stream counts as a file, too, since
it is often nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from mailsync.pipeline.words import clean, decode_bytes

SIGNATURE = b"\x78\x9f\x3e\x22"
FILES = 200
"""Files of a stream that are looked at; real ones stay below 50."""
ATTRIBUTES = 10_000
PROPERTIES = 2000
"""Properties of one attachment, and values of one of them; real ones stay below 100."""
COMPRESSED = 2 << 20
"""Bytes of compressed RTF that are read: each costs a step of the interpreter, so many of them half a second."""
TEXT = 16 << 20
"""Bytes of RTF that are made of these."""

# Attributes (MS-OXTNEF section 2.1.3.1): the low half names them.
_ATTACH_DATA = 0x800F
_ATTACH_TITLE = 0x8010
_ATTACH_BEGINS = 0x9002
_ATTACH_PROPERTIES = 0x9005
_MESSAGE_PROPERTIES = 0x9003
_CODEPAGE = 0x9007
# Properties (MS-OXPROPS).
_BODY = 0x1000
_BODY_RTF = 0x1009
_BODY_HTML = 0x1013
_DISPLAY_NAME = 0x3001
_DATA = 0x3701
_NAME = 0x3704
_LONG_NAME = 0x3707
_MIME_TAG = 0x370E

_ATTRIBUTE = Struct("<BHHI")
_U32 = Struct("<I")
_PROPERTY = Struct("<HH")
_FIXED = {2: 4, 3: 4, 4: 4, 0xA: 4, 0xB: 4, 5: 8, 6: 8, 7: 8, 0x14: 8, 0x40: 8, 0x48: 16}
"""Bytes of a value by its type, as it stands in a stream."""
_OBJECT = 0xD
_STRING = 0x1E
_UNICODE = 0x1F
_BINARY = 0x102
_MANY = 0x1000
_INTERFACE = 16
"""Bytes before an object that say which kind it is."""
# What every dictionary of compressed RTF begins with (MS-OXRTFCP section 2.1.2.1).
_RTF_START = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
    rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0" + b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)


class File(NamedTuple):
    """A file within a stream; `name` and `type` are the sender's, `type` empty where none is told."""

    name: str
    type: str
    data: bytes


class _Found:
    """An attachment while its attributes come in."""

    def __init__(self) -> None:
        self.title = b""
        self.data: bytes | None = None
        self.properties: dict[int, tuple[int, bytes]] = {}


def files(stream: bytes) -> list[File]:
    """The files of a stream, attachments first, as far as it is whole; none of what is no TNEF. Nothing is raised."""
    if not stream.startswith(SIGNATURE):
        return []
    codepage = ""
    attached: list[_Found] = []
    message: dict[int, tuple[int, bytes]] = {}
    for name, start, end in _attributes(stream):
        if name == _ATTACH_BEGINS:
            if len(attached) >= FILES:
                break
            attached.append(_Found())
        elif name == _CODEPAGE:
            codepage = f"cp{int.from_bytes(stream[start : min(end, start + 4)], 'little')}"
        elif name == _MESSAGE_PROPERTIES:
            message = _properties(stream, start, end)
        elif attached and name == _ATTACH_TITLE:
            attached[-1].title = stream[start : min(end, start + 1000)]
        elif attached and name == _ATTACH_DATA:
            attached[-1].data = stream[start:end]
        elif attached and name == _ATTACH_PROPERTIES:
            attached[-1].properties = _properties(stream, start, end)
    found = [file for one in attached if (file := _file(one, codepage)) is not None]
    return found + list(_bodies(message, codepage))


def _attributes(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Name, start and end of each attribute, until one does not fit; a checksum of two bytes follows each."""
    at = len(SIGNATURE) + 2
    for _ in range(ATTRIBUTES):
        if at + _ATTRIBUTE.size > len(stream):
            return
        _, name, _, length = _ATTRIBUTE.unpack_from(stream, at)
        at += _ATTRIBUTE.size
        if length > len(stream) - at:
            return
        yield name, at, at + length
        at += length + 2


def _properties(stream: bytes, start: int, end: int) -> dict[int, tuple[int, bytes]]:
    """Type and first value of each property that is a text or some bytes, as far as they are whole (2.1.3.4)."""
    found: dict[int, tuple[int, bytes]] = {}
    at = start + 4
    for _ in range(min(PROPERTIES, _u32(stream, start, end))):
        if at + 4 > end:
            break
        kind, name = _PROPERTY.unpack_from(stream, at)
        at += 4
        if name >= 0x8000:  # named by a GUID and a number or a text
            named_by_text = _u32(stream, at + 16, end)
            at += 20
            at += 4 + _padded(_u32(stream, at, end)) if named_by_text else 4
        width = _FIXED.get(kind & ~_MANY)
        if width is None and kind & ~_MANY not in (_OBJECT, _STRING, _UNICODE, _BINARY):
            break
        count = 1
        if width is None or kind & _MANY:
            count = _u32(stream, at, end)
            at += 4
        if width is not None:
            at += width * count
            continue
        if count > PROPERTIES:
            break
        for number in range(count):
            length = _u32(stream, at, end)
            at += 4
            if length > end - at:
                return found
            if not number:
                found[name] = kind & ~_MANY, stream[at : at + length]
            at += _padded(length)
    return found


def _u32(stream: bytes, at: int, end: int) -> int:
    return int(_U32.unpack_from(stream, at)[0]) if at + 4 <= end else 0


def _padded(length: int) -> int:
    return length + -length % 4


def _file(found: _Found, codepage: str) -> File | None:
    kind, data = found.properties.get(_DATA, (0, b""))
    if kind == _OBJECT:
        data = data[_INTERFACE:]
    if found.data is not None and not data:
        data = found.data
    elif _DATA not in found.properties and found.data is None:
        return None
    names = [_text(found.properties.get(key), codepage) for key in (_LONG_NAME, _NAME)]
    names += [_text((_STRING, found.title), codepage), _text(found.properties.get(_DISPLAY_NAME), codepage)]
    kind_told = _text(found.properties.get(_MIME_TAG), "").strip().lower()
    return File(next(filter(None, names), ""), kind_told, data)


def _text(value: tuple[int, bytes] | None, codepage: str) -> str:
    if value is None:
        return ""
    kind, data = value
    if kind == _UNICODE:
        return clean(data[:4000].decode("utf-16-le", "replace").partition("\0")[0])
    return decode_bytes(data[:4000].partition(b"\0")[0], codepage)


def _bodies(message: dict[int, tuple[int, bytes]], codepage: str) -> Iterator[File]:
    """The message's own text; the plain one only where it is all there is."""
    if rtf := plain_rtf(message.get(_BODY_RTF, (0, b""))[1]):
        yield File("message.rtf", "text/rtf", rtf)
    kind, html = message.get(_BODY_HTML, (0, b""))
    if html:
        yield File("message.html", "text/html", _as_utf8(kind, html) if kind == _UNICODE else html.rstrip(b"\0"))
    kind, text = message.get(_BODY, (0, b""))
    if text and not rtf and not html:
        yield File("message.txt", "text/plain", _as_utf8(kind, text, codepage))


def _as_utf8(kind: int, data: bytes, codepage: str = "") -> bytes:
    text = data.decode("utf-16-le", "replace") if kind == _UNICODE else decode_bytes(data, codepage)
    return clean(text.rstrip("\0\ufffd")).encode()


def plain_rtf(data: bytes) -> bytes:
    """RTF out of its compressed form (MS-OXRTFCP), within limits and as far as it is whole; empty if it is none."""
    size, form = _u32(data, 4, len(data)), data[8:12]
    if form == b"MELA":
        return data[16 : 16 + size]
    if form != b"LZFu":
        return b""
    data = data[: 16 + COMPRESSED]
    out = bytearray(_RTF_START)
    at, wanted = 16, len(out) + min(size, TEXT)
    while at < len(data) and len(out) < wanted:
        control = data[at]
        at += 1
        for bit in range(8):
            if not control >> bit & 1:
                out += data[at : at + 1]
                at += 1
                continue
            if at + 2 > len(data):
                at = len(data)
                break
            reference = data[at] << 8 | data[at + 1]
            at += 2
            # The dictionary is a ring of 4,096 bytes, so the last of what was put out.
            back = (len(out) - (reference >> 4)) % 4096
            start, length = len(out) - back, (reference & 15) + 2
            if not back or start < 0:
                at = len(data)
                break
            piece = out[start : start + length]
            out += (piece * length)[:length]
    return bytes(out[len(_RTF_START) : wanted])
