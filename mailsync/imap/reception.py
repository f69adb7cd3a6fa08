"""The receiving half of a connection: bytes from asyncio to responses, as fast as whoever consumes them can take.

Bytes go through `WireParser`, with COMPRESS through `Deflate` first. `pause` stops the socket, so that TCP makes the
server wait. What a response means, and what a failure ends, is the business of `protocol`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

import aioimaplib

from mailsync.errors import MailsyncError, ProtocolError
from mailsync.imap.compress import ROUND, Deflate
from mailsync.imap.responses import Response
from mailsync.imap.wire import WireError, WireParser

KEEPALIVE = {"TCP_KEEPIDLE": 120, "TCP_KEEPALIVE": 120, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4}
"""Seconds of silence before TCP asks whether the other side is there (macOS calls it TCP_KEEPALIVE), seconds between
two such questions, and how many without an answer end the connection. Routers forget a silent line after minutes."""
LONGEST_HELD = 1 << 20
"""Bytes of a line whose end has not come, while COMPRESS waits."""


def keep_alive(sock: socket.socket) -> None:
    """Have TCP notice a peer that is gone, as soon as this system can be told when."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, option, value)


class Reception(aioimaplib.IMAP4ClientProtocol):  # type: ignore[misc]  # the library is not typed
    """What `Protocol` is on the side of asyncio; `_dispatch` and `fail` are its own."""

    transport: asyncio.Transport | None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.closed: MailsyncError | None = None
        self.last_received = loop.time()
        self.bytes_received = 0
        self._parser = WireParser()
        self._paused = False
        self._deflate: Deflate | None = None
        self._held: bytearray | None = None  # while COMPRESS waits: what came behind the last whole line

    def _dispatch(self, response: Response, *, final: bool) -> None:
        """Act on a response; `final` when nothing follows it in what was received. A MailsyncError ends it all."""
        raise NotImplementedError

    def fail(self, error: MailsyncError) -> None:
        """Close the connection for this reason."""
        raise NotImplementedError

    # -- asyncio's side ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            keep_alive(sock)

    def data_received(self, d: bytes) -> None:
        self.last_received = self.loop.time()
        self.bytes_received += len(d)
        if self._deflate is not None:
            self._deflate.take(d)
            self._inflate()
        elif self._held is not None:
            self._read_by_lines(d)
        else:
            self._read(d)

    def _read(self, d: bytes) -> None:
        broken: MailsyncError | None = None
        try:
            responses = self._parser.feed(d)
        except WireError as error:
            broken, responses = error, error.responses
        last = len(responses) - 1
        try:
            for position, response in enumerate(responses):
                self._dispatch(response, final=position == last and not broken and not self._parser.pending)
        except MailsyncError as error:
            broken = broken or error
        if broken:
            self.fail(broken)

    def _read_by_lines(self, d: bytes) -> None:
        """While COMPRESS waits: what follows its answer in the same segment is deflated already."""
        held = self._held
        assert held is not None
        held += d
        if len(held) > LONGEST_HELD:
            self.fail(ProtocolError("a line without an end where the answer to COMPRESS is due"))
        while self._held is held and (end := held.find(b"\n")) >= 0:
            line = bytes(held[: end + 1])
            del held[: end + 1]
            self._read(line)
        if self._held is None and held:
            if self._deflate is not None:
                self._deflate.take(bytes(held))
                self._inflate()
            else:
                self._read(bytes(held))

    def _inflate(self) -> None:
        """Read what was compressed, not more of it at a time than whoever consumes it can take."""
        deflate = self._deflate
        assert deflate is not None
        left = ROUND
        try:
            while deflate.waiting and left > 0 and not self._paused and self.closed is None:
                piece = deflate.inflate()
                left -= len(piece)
                if piece:
                    self._read(piece)
        except MailsyncError as error:
            self.fail(error)
        if self.closed is not None or self.transport is None or self.transport.is_closing():
            return
        if deflate.waiting:
            self.last_received = self.loop.time()
            self.transport.pause_reading()
            if not self._paused:
                self.loop.call_soon(self._inflate)
        elif not self._paused:
            self.transport.resume_reading()

    # -- flow --------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Stop reading: the consumer lags, so TCP makes the server wait."""
        if not self._paused and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
            self._paused = True

    def resume(self) -> None:
        paused, self._paused = self._paused, False
        if paused and self.transport is not None and not self.transport.is_closing():
            self.last_received = self.loop.time()
            if self._deflate is not None:
                self.loop.call_soon(self._inflate)
            else:
                self.transport.resume_reading()
