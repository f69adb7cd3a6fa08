"""Whether to compress (RFC 4978), decided by the line that was measured. Pure.

Deflating costs a server about 4.5 s for 145 MB, ten times what it costs to send them: on a fast line that is all loss.
On a line slower than the server deflates it is gain, about half the time.
"""

from __future__ import annotations

import json
from typing import Literal

from mailsync.record import record

SLOW_RATE = 4_000_000
"""Bytes a second. Below this a line is worth the server's work."""
FAST_RATE = 2 * SLOW_RATE
"""From here on a compressed line (whose bytes are fewer) is not slow any more."""
NEAR_SECONDS = 0.005
"""A round trip under this does not leave the building."""
ENOUGH_BYTES = 1_000_000
"""For a verdict on a slow line. A fast one shows itself in a moment."""
BUSY_RATE = 16_000
"""Bytes a second below which a connection was talking, not carrying."""
Setting = Literal["auto"] | bool


@record(frozen=True)
class Line:
    """What is known of the way to a server: seconds of a round trip at sign-in (None before the first), and the
    highest bytes a second seen while it was busy (None as long as that is too little for a verdict)."""

    round_trip: float | None = None
    rate: float | None = None
    compressed: bool = False
    """Whether it was compressed when measured."""

    def differs(self, round_trip: float) -> bool:
        """True when a round trip of so many seconds is news. How near a near server is is none."""
        if self.round_trip is None:
            return True
        near = max(self.round_trip, round_trip) < NEAR_SECONDS
        return not near and not 0.5 < round_trip / max(self.round_trip, 1e-6) < 2

    def dump(self) -> str:
        return json.dumps([self.round_trip, self.rate, self.compressed])

    @classmethod
    def load(cls, text: str) -> Line:
        """The inverse of `dump`; an unknown line for a text that another version wrote."""
        try:
            round_trip, rate, compressed = json.loads(text)
            return cls(round_trip and float(round_trip), rate and float(rate), bool(compressed))
        except (ValueError, TypeError):
            return cls()


@record(frozen=True)
class Choice:
    """Whether to compress, and one line that says why."""

    on: bool
    why: str

    def __str__(self) -> str:
        return f"{'on' if self.on else 'off'}: {self.why}"


def choose(setting: Setting, *, offered: bool, local: bool, line: Line) -> Choice:
    """`local`: the server is on this machine."""
    if not offered:
        return Choice(False, "the server offers no compression")
    if setting != "auto":
        return Choice(setting, "the configuration says so")
    if local:
        return Choice(False, "the server is on this machine")
    if line.round_trip is not None and line.round_trip < NEAR_SECONDS:
        near = f"{line.round_trip * 1000:.1f} ms"
        return Choice(False, f"the server is near ({near}); compressing would cost it more than it saves")
    if line.rate is None:
        return Choice(False, "how fast the line is shows with the first megabytes")
    if line.rate < (FAST_RATE if line.compressed else SLOW_RATE):
        return Choice(True, f"the line carries {line.rate / 1e6:.1f} MB/s")
    return Choice(
        False, f"the line carries {line.rate / 1e6:.0f} MB/s; compressing would cost the server ten times what it saves"
    )


class Gauge:
    """What a line carries, from how much came in which time; everything of an account together."""

    def __init__(self) -> None:
        self._bytes = 0
        self._peak = 0.0

    def note(self, received: int, seconds: float) -> None:
        """So many bytes came in so many seconds. Spells of mere talk say nothing about the line."""
        rate = received / seconds if seconds > 0 else 0.0
        if rate >= BUSY_RATE:
            self._bytes += received
            self._peak = max(self._peak, rate)

    @property
    def rate(self) -> float | None:
        """Bytes a second at best; None as long as that is no verdict."""
        if self._peak >= FAST_RATE or self._bytes >= ENOUGH_BYTES:
            return self._peak
        return None
