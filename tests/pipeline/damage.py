"""Mail damaged at random: messages of the corpus, and trees of our own making, with what senders and attackers do to
them. One seed gives the same messages in the same order."""

from __future__ import annotations

import random
import re
import resource
import time
from collections.abc import Callable, Iterator, Sequence

from mailsync.errors import ParseFailed
from mailsync.pipeline import index
from mailsync.pipeline.envelope import envelope
from mailsync.pipeline.parts import decoded, decoded_pieces
from tests.pipeline.test_hostile import PIECES, checked

CPU_SECONDS = 2.0
MEMORY = 200 << 20
LARGEST = 1 << 20
"""Bytes up to which damage makes a message longer."""
_BOUNDARY = re.compile(rb'boundary="?([^"\s;]{1,70})', re.IGNORECASE)
_VALUES = (
    *(b"base64", b"quoted-printable", b"8bit", b"7bit", b"binary", b"x-uuencode", b"text/plain", b"text/html"),
    *(b"multipart/mixed", b"multipart/alternative", b"multipart/digest", b"multipart/related", b"message/rfc822"),
    *(b"application/ms-tnef", b"text/calendar", b"utf-8", b"us-ascii", b"utf-16", b"utf-7", b"iso-2022-jp", b"gb2312"),
)
_VALUE = re.compile(b"|".join(re.escape(value) for value in _VALUES), re.IGNORECASE)

Damage = Callable[[random.Random, bytes, bytes], bytes]
"""Of a message, with another at hand."""


def _place(dice: random.Random, raw: bytes) -> int:
    """Half of the time in the first 4 kB: that is where it hurts."""
    return dice.randint(0, min(len(raw), 4096) if dice.random() < 0.5 else len(raw))


def _flip(dice: random.Random, raw: bytes, _: bytes) -> bytes:
    told = bytearray(raw)
    for _number in range(dice.choice((1, 3, 30)) if raw else 0):
        told[min(_place(dice, raw), len(raw) - 1)] = dice.choice((0, 9, 10, 13, 32, 34, 61, 255, dice.randrange(256)))
    return bytes(told)


def _splice(dice: random.Random, raw: bytes, other: bytes) -> bytes:
    at, start = _place(dice, raw), _place(dice, other)
    return raw[:at] + other[start : start + dice.choice((20, 2000, 50_000))] + raw[at + dice.choice((0, 50, 5000)) :]


def _insert(dice: random.Random, raw: bytes, _: bytes) -> bytes:
    at = _place(dice, raw)
    return raw[:at] + dice.choice((dice.choice(PIECES), dice.randbytes(4))) + raw[at + dice.choice((0, 1)) :]


def _truncate(dice: random.Random, raw: bytes, _: bytes) -> bytes:
    at = _place(dice, raw)
    return raw[:at] if dice.random() < 0.7 else raw[at:]


def _repeat(dice: random.Random, raw: bytes, _: bytes) -> bytes:
    start = _place(dice, raw)
    piece = raw[start : start + dice.choice((1, 4, 40, 1000))]
    count = min(dice.choice((2, 50, 5000, 100_000)), LARGEST // max(len(piece), 1))
    return raw[:start] + piece * count + raw[start:]


def _line(dice: random.Random, raw: bytes) -> tuple[int, int]:
    at = raw.find(b"\n", _place(dice, raw)) + 1
    return at, raw.find(b"\n", at) + 1 or len(raw)


def _repeat_line(dice: random.Random, raw: bytes, _: bytes) -> bytes:
    """A header field once more, mostly."""
    start, end = _line(dice, raw)
    count = min(dice.choice((1, 2, 300)), 1 + LARGEST // max(end - start, 1))
    return raw[:end] + raw[start:end] * count + raw[end:]


def _drop_line(dice: random.Random, raw: bytes, _: bytes) -> bytes:
    start, end = _line(dice, raw)
    return raw[:start] + raw[end:]


def _swap_boundary(dice: random.Random, raw: bytes, other: bytes) -> bytes:
    found = _BOUNDARY.findall(raw, 0, 16384)
    if not found:
        return raw
    new = dice.choice([*found, *_BOUNDARY.findall(other, 0, 16384), dice.choice(found)[:-1], b"", b"--"])
    return raw.replace(dice.choice(found), new, dice.choice((1, 2, -1)))


def _swap_value(dice: random.Random, raw: bytes, _: bytes) -> bytes:
    found = list(_VALUE.finditer(raw, 0, 8192))
    if not found:
        return raw
    one = dice.choice(found)
    return raw[: one.start()] + dice.choice(_VALUES) + raw[one.end() :]


def _swap_line_ends(dice: random.Random, raw: bytes, _: bytes) -> bytes:
    return raw.replace(*dice.choice(((b"\r\n", b"\n"), (b"\n", b"\r\n"), (b"\r\n", b"\r"), (b"\n\n", b"\n"))))


def _nest(dice: random.Random, raw: bytes, other: bytes) -> bytes:
    for level in range(dice.choice((1, 2, 20, 60))):
        kind = dice.choice((b"multipart/mixed", b"multipart/alternative", b"multipart/related", b"message/rfc822"))
        boundary = b"b" * dice.choice((1, level + 1))
        end = b"\r\n--" + boundary
        parts = (raw, other[:1000]) if level == 0 else (raw,)
        raw = (
            b"Content-Type: " + kind + b"; boundary=" + boundary + b"\r\n" + b"".join(end + b"\r\n" + p for p in parts)
        )
        raw += end + dice.choice((b"--", b"", b"--\r\n"))
        if len(raw) > LARGEST:
            break
    return raw


DAMAGES: tuple[Damage, ...] = (
    *(_flip, _splice, _insert, _insert, _truncate, _repeat, _repeat_line, _drop_line),
    *(_swap_boundary, _swap_value, _swap_value, _swap_line_ends, _nest),
)


def damaged(messages: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Without end; half of them damaged once or twice, so that the rest of them still means something."""
    dice = random.Random(seed)
    while True:
        raw = dice.choice(messages)
        for _ in range(dice.choice((1, 1, 2, 4, 12))):
            raw = dice.choice(DAMAGES)(dice, raw, dice.choice(messages))[: 3 * LARGEST]
        yield raw


class Watch:
    """Looks at what parsing costs, and that it can fail in one way only."""

    def __init__(self) -> None:
        self.count = self.failed = 0
        self.slowest = 0.0
        self._base = _peak()

    @property
    def grown(self) -> int:
        """Bytes that the process has grown by at its largest."""
        return _peak() - self._base

    def parse(self, raw: bytes) -> None:
        start = time.process_time()
        try:
            parsed = checked(raw)
            envelope(raw)
            index.digest(raw)
        except ParseFailed:
            self.failed += 1
        else:
            for one in parsed.attachments:
                whole = decoded(raw, one)
                assert len(whole) == one.size
                assert b"".join(decoded_pieces(raw, one)) == whole
        taken = time.process_time() - start
        self.count += 1
        self.slowest = max(self.slowest, taken)
        assert taken < CPU_SECONDS
        assert self.grown < MEMORY

    def __str__(self) -> str:
        grown = f"{self.grown / 1e6:.0f} MB more memory"
        return f"{self.count} messages, {self.failed} refused, {1000 * self.slowest:.0f} ms CPU at most, {grown}"


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
