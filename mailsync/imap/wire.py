"""The wire parser: bytes in, typed responses out; no socket, no clock, no log.

    feed(bytes) -> [ usual FETCH ]--------------------------------------> Fetch
                   [ anything else ] -> a line -> is text? -------------> parse
                                          `- ends in {n} -> literal -> a line -> ... -> parse

Framing first, meaning later: a line ends at LF, and only the line of an untagged data response can announce a
literal, so a status text that ends in `{5}` never swallows what follows (RFC 3501 sections 4.3 and 7). What is
understood does not depend on how the bytes were cut into segments, and each byte is looked at a bounded number of
times however small the segments are.
"""

from __future__ import annotations

import io
import re

from mailsync.errors import ProtocolError
from mailsync.imap.fetch import LONGEST_USUAL, announces_body, is_fetch, read_usual
from mailsync.imap.limits import Limits
from mailsync.imap.parse import parse_response
from mailsync.imap.responses import Response

__all__ = ["Limits", "WireError", "WireParser"]

DEFAULT = Limits()

_MARKER = re.compile(rb"~?\{([0-9]{1,20})\+?\}\Z")
_DATA = re.compile(rb"\*[ \t]+(?!(?:OK|NO|BAD|BYE|PREAUTH)(?:[ \t\[]|\Z))", re.IGNORECASE)
_SET_LINE = re.compile(rb"\0*+\*[ \t]+(?:E?SEARCH|VANISHED)[ \t(]", re.IGNORECASE)


class WireError(ProtocolError):
    """The stream cannot be followed any further: the connection must be dropped.

    `responses` are those that were complete before, in the same call of `feed`.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.responses: list[Response] = []


class WireParser:
    """Turns what a server sends into responses, incrementally."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self._limits = limits
        # With limits this small, only the slow way checks them all.
        self._fast = limits.line >= LONGEST_USUAL and limits.response >= limits.literal + LONGEST_USUAL
        self._failure: WireError | None = None
        self._line = bytearray()  # a line whose end has not come
        self._literal: io.BytesIO | None = None  # a literal whose end has not come
        self._need = 0  # bytes it still lacks
        self._body = False  # it is a section of a message
        self._begin()

    def _begin(self) -> None:
        self._pieces: list[bytes] = []  # of the response that is being read: line, literal, line, ...
        self._total = 0  # its bytes so far
        self._small = 0  # those that are no section of a message
        self._literals = 0

    @property
    def pending(self) -> int:
        """Bytes held of a response that is not complete."""
        held = 0 if self._literal is None else self._literal.tell()
        return self._total + len(self._line) + held

    def feed(self, data: bytes | bytearray | memoryview) -> list[Response]:
        """All responses that are complete with `data`, in order. WireError when the stream cannot be followed."""
        if self._failure is not None:
            raise WireError(str(self._failure))
        responses: list[Response] = []
        try:
            self._read(data if isinstance(data, bytes) else bytes(data), responses)
        except WireError as error:
            error.responses = responses
            self._failure = error
            raise
        return responses

    def close(self) -> None:
        """The stream has ended. WireError when that was in the middle of a response."""
        if self._failure is None and self.pending:
            self._failure = WireError(f"the stream ended inside a response, after {self.pending} bytes of it")
            raise self._failure

    def _read(self, data: bytes, responses: list[Response]) -> None:
        pos = 0
        size = len(data)
        while pos < size:
            if self._literal is not None:
                pos = self._take_literal(data, pos)
                continue
            if self._fast and not self._line and not self._pieces:
                pos = read_usual(data, pos, responses.append, self._limits.literal)
                if pos >= size:
                    return
            end = data.find(b"\n", pos)
            if end < 0:
                self._line += memoryview(data)[pos:]
                self._check_line(self._line)
                return
            line = data[pos:end]
            if self._line:
                self._line += line
                line = bytes(self._line)
                self._line.clear()
            self._check_line(line)
            pos = end + 1
            self._take_line(line[:-1] if line.endswith(b"\r") else line, responses)

    def _check_line(self, line: bytes | bytearray) -> None:
        limit = self._limits.line
        if len(line) > limit + 1:  # one for the CR
            if not self._pieces and _SET_LINE.match(line):
                limit = self._limits.set_line
            if len(line) > limit + 1:
                raise WireError(f"a line longer than {limit} bytes")

    def _take_literal(self, data: bytes, pos: int) -> int:
        """Move bytes of the literal out of `data`; returns the position behind them."""
        literal = self._literal
        assert literal is not None, "called inside a literal"
        end = min(pos + self._need, len(data))
        literal.write(memoryview(data)[pos:end])
        self._need -= end - pos
        if self._need == 0:
            self._end_literal(literal)
        return end

    def _end_literal(self, literal: io.BytesIO) -> None:
        value = literal.getvalue()  # BytesIO hands out its buffer, so this copies nothing
        self._literal = None
        self._pieces.append(value)
        self._count(len(value), small=not self._body)

    def _count(self, size: int, *, small: bool) -> None:
        self._total += size
        if small:
            self._small += size

    def _take_line(self, line: bytes, responses: list[Response]) -> None:
        """A complete line, without its end: the whole response, or its part up to or after a literal."""
        if not self._pieces:
            line = line.lstrip(b"\0")
        marker = None
        if line.endswith(b"}") and (self._pieces or _DATA.match(line)):
            marker = _MARKER.search(line, max(0, len(line) - 25))
        if marker is None:
            self._pieces.append(line)
            pieces = self._pieces
            self._begin()
            responses.append(parse_response(pieces, self._limits.depth))
            return
        self._start_literal(line[: marker.start()], int(marker[1]))

    def _start_literal(self, line: bytes, length: int) -> None:
        limits = self._limits
        self._body = announces_body(line) and is_fetch(self._pieces[0] if self._pieces else line)
        limit = limits.literal if self._body else limits.small_literal
        if length > limit:
            raise WireError(f"a literal of {length} bytes where {limit} are allowed")
        self._pieces.append(line)
        self._count(len(line), small=True)
        self._literals += 1
        if self._literals > limits.literals:
            raise WireError(f"a response with more than {limits.literals} literals")
        if self._small + (0 if self._body else length) > limits.structure:
            raise WireError(f"a response with more than {limits.structure} bytes besides message text")
        if self._total + length > limits.response:
            raise WireError(f"a response of more than {limits.response} bytes")
        self._need = length
        self._literal = io.BytesIO()
        if length == 0:
            self._end_literal(self._literal)
