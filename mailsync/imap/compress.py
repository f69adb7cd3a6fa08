"""COMPRESS=DEFLATE (RFC 4978): raw deflate in both directions, and no more of it at a time than can be used.

What comes is inflated piece by piece, so that the limits of the wire parser and the pauses of a slow consumer hold
for it as they do for plain bytes: memory follows what is read, not what a few bytes claim to be.
"""

from __future__ import annotations

import zlib

from mailsync.errors import ProtocolError
from mailsync.imap.limits import MIB, Limits

PIECE = 256 * 1024
"""Bytes inflated at a time."""
ROUND = 4 * PIECE
"""Bytes inflated before others have their turn."""
RATIO = 100
ALLOWANCE = Limits().response + 64 * MIB
"""A connection may inflate to `RATIO` times what it received, and this many bytes more: text shrinks to a tenth, only
a message of one repeated line to a thousandth, and one such message has to pass."""


class Deflate:
    """Both directions of one compressed connection. ProtocolError when the stream is damaged or a bomb."""

    def __init__(self) -> None:
        # Our side sends commands, a few hundred bytes each: a small window keeps a connection at 24 KiB.
        self._deflater = zlib.compressobj(1, zlib.DEFLATED, -12, 4)
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._input = b""
        self._more = False
        self.received = 0
        self.inflated = 0

    def deflate(self, data: bytes) -> bytes:
        """What to send for `data`; nothing of it stays behind."""
        return self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)

    def take(self, data: bytes) -> None:
        """Bytes that came; `inflate` gives what they mean."""
        self.received += len(data)
        self._input += data
        self._more = True

    @property
    def waiting(self) -> bool:
        """There may be more to inflate."""
        return self._more

    def inflate(self) -> bytes:
        """The next piece, of at most PIECE bytes; empty when all that came is inflated."""
        try:
            piece = self._inflater.decompress(self._input, PIECE)
        except zlib.error as error:
            raise ProtocolError(f"the compressed data of the server is damaged: {error}") from error
        self._input = self._inflater.unconsumed_tail
        # A full piece may leave output behind in the inflater though all input is consumed.
        self._more = bool(self._input) or len(piece) == PIECE
        self.inflated += len(piece)
        if self.inflated > RATIO * self.received + ALLOWANCE:
            raise ProtocolError(f"the server sends data that inflates to more than {RATIO} times its size")
        if self._inflater.eof:
            raise ProtocolError("the server ended the compressed stream")
        return piece
