"""Encoding what we send: one place decides between atom, quoted string and literal (RFC 3501 section 9).

Folder names, user names and passwords are other people's data: nothing of them can end a command line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mailsync.errors import ProtocolError
from mailsync.imap.protocol import Pending, Protocol
from mailsync.imap.responses import Response, Tagged
from mailsync.record import record

_ATOM = re.compile(rb"[A-Za-z0-9!#$&'+,\-./:;<=>?@^_`|~\[]+\Z")
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*\Z")
LITERAL_MINUS_LIMIT = 4096
"""Bytes that a non-synchronising literal may have under LITERAL- (RFC 7888 section 5)."""


@record(frozen=True)
class Literal:
    """Bytes that have to travel as a literal."""

    data: bytes


def astring(data: bytes) -> bytes | Literal:
    """An argument: as an atom, quoted, or as a literal when it holds 8-bit bytes, CR or LF; NUL is refused."""
    if b"\0" in data:
        raise ProtocolError("a NUL byte cannot be sent in a command", retry="never")
    if _ATOM.match(data) and data.upper() != b"NIL":
        return data
    if _QUOTABLE.match(data) and len(data) <= 1000:
        return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return Literal(data)


def mailbox(raw_name: bytes) -> bytes | Literal:
    """A mailbox name: always quoted where it can be, since some servers take odd atoms amiss."""
    encoded = astring(raw_name)
    return b'"' + encoded + b'"' if isinstance(encoded, bytes) and not encoded.startswith(b'"') else encoded


def render(parts: Sequence[bytes | Literal], capabilities: frozenset[str]) -> list[bytes]:
    """The segments of a command: all but the first are sent only when the server says go ahead."""
    segments = [b""]
    for part in parts:
        if isinstance(part, bytes):
            segments[-1] += part
        elif "LITERAL+" in capabilities or ("LITERAL-" in capabilities and len(part.data) <= LITERAL_MINUS_LIMIT):
            segments[-1] += b"{%d+}\r\n%s" % (len(part.data), part.data)
        else:
            segments[-1] += b"{%d}" % len(part.data)
            segments.append(part.data)
    return segments


def begin_parts(
    protocol: Protocol,
    name: str,
    parts: Sequence[bytes | Literal],
    capabilities: frozenset[str],
    accept: Callable[[Response], bool] | None = None,
    on_tagged: Callable[[Tagged], None] | None = None,
) -> Pending:
    """Send a command whose arguments may be literals. Nothing else may be sent while it waits for a go-ahead."""
    first, *rest = render(parts, capabilities)

    def go_ahead(text: bytes) -> bytes | None:
        del text
        return rest.pop(0) + b"\r\n" if rest else None

    return protocol.begin(name, first, accept=accept, on_continuation=go_ahead if rest else None, on_tagged=on_tagged)
