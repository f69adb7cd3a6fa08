"""Messages a second from samples of a counter: a smoothed rate, a history to draw, and an honest time to go."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

HISTORY = 120
"""Samples kept: two minutes at one a second."""
WINDOW = 10
"""Samples that the present rate is the mean of. Fewer jump with every batch, more hide a stall."""
GROUND = 3.0
"""Seconds that must have been watched before a guess about the rest is made."""
BARS = "▁▂▃▄▅▆▇█"


class Meter:
    """Watches one counter that mostly grows. Samples must come in order of time; seconds are of any clock."""

    def __init__(self) -> None:
        self._history: deque[float] = deque(maxlen=HISTORY)
        self._since: float | None = None
        self._at = 0.0
        self._total = 0

    def sample(self, at: float, total: int) -> None:
        """The counter stood at `total`. A fall (messages were removed) counts as standing still."""
        if self._since is None:
            self._since, self._at, self._total = at, at, total
            return
        passed = at - self._at
        if passed <= 0:
            return
        self._history.append(max(0, total - self._total) / passed)
        self._at, self._total = at, total

    @property
    def rate(self) -> float:
        """Messages a second, over the last ten or so."""
        recent = list(self._history)[-WINDOW:]
        return sum(recent) / len(recent) if recent else 0.0

    @property
    def latest(self) -> Sequence[float]:
        """The rates between samples, oldest first."""
        return self._history

    def seconds_for(self, remaining: int) -> float | None:
        """How long `remaining` more messages may take; None while that is unknown (just begun, or stalled)."""
        if self._since is None or self._at - self._since < GROUND or self.rate <= 0:
            return None
        return remaining / self.rate


def sparkline(values: Sequence[float], width: int) -> str:
    """The newest `width` values as bars, scaled to the highest; blanks where there is none yet."""
    shown = list(values)[-width:] if width > 0 else []
    highest = max(shown, default=0.0)
    if highest <= 0:
        return (BARS[0] * len(shown)).rjust(max(width, 0))
    top = len(BARS) - 1
    return "".join(BARS[min(top, math.ceil(value / highest * top))] for value in shown).rjust(width)


def bar(part: int, whole: int, width: int) -> tuple[str, str]:
    """A progress bar of `width` cells as (done, to do)."""
    halves = 2 * width if whole <= 0 else min(2 * width, 2 * width * part // whole)
    done = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return done, "─" * (width - len(done))
