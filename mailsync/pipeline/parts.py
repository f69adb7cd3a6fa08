"""The parts of a MIME message as offsets into its bytes (RFC 2045, RFC 2046).

Not the standard library's parser: that one recurses into nested parts, tests every line against every open boundary,
and takes quadratic time over parameters. This one works on a list, and looks at each byte once per level.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from functools import lru_cache
from typing import NamedTuple, Protocol

from mailsync.pipeline.headers import block, block_end, text_of
from mailsync.pipeline.transfer import PIECE, undone, undone_pieces
from mailsync.pipeline.words import decode_bytes, decode_words
from mailsync.record import record

DEPTH = 50
"""Levels of parts; real mail stays below 10. Each costs one search through what it holds."""
PARTS = 1000
"""Parts of a message; real mail stays below 100, a digest may have some hundred."""

_WANTED = re.compile(
    r"\n(content-(?:type|disposition|transfer-encoding))[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE
)
_HEADER_LINE = re.compile(rb"[!-9;-~]+[ \t]*:|From |[ \t]+\r?\n")
_TYPE = re.compile(r"([\w!#$&^.+*-]+)[ \t]*/[ \t]*([\w!#$&^.+*-]+)", re.ASCII)
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)', re.DOTALL)
_AFTER_BOUNDARY = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")


class Encoded(Protocol):
    """Where some content is, and in which transfer encoding: a Part, a mime.Attachment, a row that was kept of one."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def encoding(self) -> str: ...


@record
class Part:
    """A part of a message: its content is `raw[start:end]`, still in its transfer encoding."""

    type: str
    """Lower case, without parameters."""
    start: int
    end: int
    encoding: str = ""
    disposition: str = ""
    name: str = ""
    """The file name its sender chose: text for people, never a path."""
    charset: str = ""
    flowed: bool = False
    """format=flowed (RFC 3676)."""
    delsp: bool = False
    sealed: bool = False
    """It has parts of its own, deeper than DEPTH: nobody looked at these."""
    children: list[Part] = field(default_factory=list)
    """Of a multipart that could be taken apart; a message within the message is one part."""


@record(frozen=True)
class Structure:
    """A message taken apart: its outermost part, and those without children in order."""

    root: Part
    leaves: list[Part]

    @property
    def cut(self) -> list[str]:
        """The limits that stopped the walk: "depth", "parts"."""
        deep = ["depth"] if any(part.sealed for part in self.leaves) else []
        return [*deep, "parts"] if len(self.leaves) >= PARTS else deep


@record(frozen=True)
class _Open:
    start: int
    end: int
    depth: int
    into: list[Part]
    default: str


class _Described(NamedTuple):
    """What a Content-Type says; `kind` is empty if it is none."""

    kind: str
    name: str
    charset: str
    flowed: bool
    delsp: bool
    boundary: bytes


def structure(raw: bytes, fields: dict[str, str] | None = None) -> Structure:
    """The parts of a message: at most PARTS without children, and none deeper than DEPTH.

    A multipart without its boundary is one text. `fields` are those of the message's own header, by lower-case name,
    for who has them already.
    """
    top: list[Part] = []
    found: list[Part] = []
    waiting = [_Open(0, len(raw), 0, top, "text/plain")]
    while waiting and len(found) < PARTS:
        region = waiting.pop()
        part, boundary = _read(raw, region, None if found or region.depth else fields)
        kind = part.type
        region.into.append(part)
        children = _split(raw, part.start, part.end, boundary) if boundary and region.depth < DEPTH else []
        if not children:
            if kind.startswith("multipart/"):
                part.type = "text/plain"
                part.sealed = bool(boundary) and region.depth >= DEPTH
            found.append(part)
            continue
        default = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        waiting.extend(_Open(start, end, region.depth + 1, part.children, default) for start, end in reversed(children))
    return Structure(top[0], found)


def decoded(raw: bytes, part: Encoded, limit: int = 0) -> bytes:
    """A part's content without its transfer encoding (RFC 2045 section 6), damaged as it may be.

    `limit` > 0: it is enough to decode about that many bytes.
    """
    # Four characters a triple, and a line end every 57 bytes or less; three characters a byte for quoted-printable.
    end = min(part.end, part.start + 4 * limit) if limit else part.end
    return undone(raw[part.start : end], part.encoding)


def decoded_pieces(raw: bytes, part: Encoded) -> Iterator[bytes]:
    """The same, all of it, in some megabytes at most however large it is."""
    if part.end - part.start <= PIECE:
        return iter((decoded(raw, part),))
    pieces = (raw[at : min(at + PIECE, part.end)] for at in range(part.start, part.end, PIECE))
    return undone_pieces(pieces, part.encoding)


def _read(raw: bytes, region: _Open, fields: dict[str, str] | None) -> tuple[Part, bytes]:
    """A part's description, and its boundary if it has children."""
    start, end = region.start, region.end
    body = start
    if not _HEADER_LINE.match(raw, start, end):
        fields = {}
    elif fields is None:
        head = block(raw, start, end)
        body = start + len(head) - 1
        fields = {}
        for name, value in _WANTED.findall(head):
            fields.setdefault(name.lower(), value)
    else:
        body = block_end(raw, start, end)
    if raw.startswith((b"\n", b"\r\n"), body):
        body = raw.index(b"\n", body) + 1
    told = _described(text_of(fields.get("content-type", "")))
    disposition = text_of(fields.get("content-disposition", ""))
    named = told.name
    if ";" in disposition:
        named = _parameters(disposition).get("filename") or named
    kind = told.kind or region.default
    part = Part(
        kind,
        min(body, end),
        end,
        _encoding(fields["content-transfer-encoding"][:200]) if "content-transfer-encoding" in fields else "",
        disposition.partition(";")[0].strip().lower(),
        decode_words(named) if "=?" in named else named,
        told.charset,
        told.flowed,
        told.delsp,
    )
    return part, told.boundary if kind.startswith("multipart/") else b""


@lru_cache(maxsize=64)
def _encoding(value: str) -> str:
    """Without what some senders put behind it, and with the hyphen that others leave out."""
    return text_of(value).lower().partition(";")[0].partition("(")[0].strip().replace(" ", "-")


@lru_cache(maxsize=256)
def _described(content_type: str) -> _Described:
    match = _TYPE.match(content_type)
    parameters = _parameters(";" + content_type[match.end() :].lstrip(" ;") if match else content_type)
    return _Described(
        f"{match[1]}/{match[2]}".lower() if match else "",
        parameters.get("name", ""),
        parameters.get("charset", ""),
        parameters.get("format", "").lower() == "flowed",
        parameters.get("delsp", "").lower() == "yes",
        parameters.get("boundary", "").rstrip().encode("utf-8", "replace"),
    )


def _split(raw: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
    """The regions between the delimiter lines of a multipart; the line end before a delimiter is part of it."""
    delimiter = b"--" + boundary
    regions: list[tuple[int, int]] = []
    opened = -1
    at = start
    while len(regions) < PARTS:
        at = raw.find(delimiter, at, end)
        if at < 0:
            break
        behind = at + len(delimiter)
        match = _AFTER_BOUNDARY.match(raw, behind, end) if at == start or raw[at - 1] == 10 else None
        if match is not None:
            if opened >= 0:
                close = at - 1 if at > opened else opened
                if close > opened and raw[close - 1] == 13:
                    close -= 1
                regions.append((opened, max(close, opened)))
            opened = -1 if match[1] else match.end()
            behind = match.end()
            if match[1]:
                break
        at = behind
    if opened >= 0:
        regions.append((opened, end))
    return regions


def _parameters(value: str) -> dict[str, str]:
    """The parameters of a structured field, those in pieces or with a character set (RFC 2231) put together."""
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    for name, text in _PARAMETER.findall(value):
        name = name.lower()
        if text[:1] == '"':
            text = text[1:-1] if len(text) > 1 and text[-1] == '"' else text[1:]
            text = re.sub(r"\\(.)", r"\1", text) if "\\" in text else text
        else:
            text = text.strip()
        base, star, rest = name.partition("*")
        number = rest.rstrip("*")
        if star and (not number or (number.isdecimal() and number.isascii() and len(number) < 4)):
            pieces.setdefault(base, {}).setdefault(int(number or 0), (name.endswith("*"), text))
        else:
            plain.setdefault(name, text)
    if pieces:
        from urllib.parse import unquote_to_bytes
    for base, numbered in pieces.items():
        charset = ""
        data = b""
        for number in sorted(numbered):
            encoded, text = numbered[number]
            if encoded and number == 0 and text.count("'") >= 2:
                charset, _, text = text.split("'", 2)
            data += unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace")
        plain[base] = decode_bytes(data, charset)
    return plain
