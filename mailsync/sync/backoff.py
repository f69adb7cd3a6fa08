"""When an account may be tried again: pure decisions on a clock that is passed in.

    failure 1 -> about 1 s, failure 2 -> about 2 s ... 5 minutes at most; a pause that the server states is kept

One account has one back-off, whoever failed: a schedule and three monitors that lose one line count as one failure.
"""

from __future__ import annotations

import random
from dataclasses import field
from datetime import UTC, datetime

from mailsync.record import record

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0
LONGEST_STATED_SECONDS = 3600.0
"""A server's own figure is believed up to here: nobody should wait a day for a typing error."""
JITTER = 0.25
"""Each pause is this much longer or shorter at random, so that accounts do not come back in step."""


@record
class Backoff:
    """The pauses of one account. Times in Unix seconds."""

    failures: int = 0
    """In a row."""
    resumes_at: float | None = None
    """Nothing is tried before."""
    stated: bool = False
    """True when the server asked for this pause: it binds a person's wish, too."""
    why: str = ""
    """What the pause was begun for."""
    spread: random.Random = field(default_factory=random.Random)

    def failed(self, at: float, why: str, stated: float | None = None) -> float:
        """Note a failure at `at`; the moment of the next attempt. `stated` is what the server asked for, in seconds.

        What fails while a pause runs, failed before it began.
        """
        if stated is not None:
            until = at + min(max(stated, FIRST_SECONDS), LONGEST_STATED_SECONDS)
            if self.resumes_at is None or not self.stated or until > self.resumes_at:
                self.resumes_at, self.stated, self.why = until, True, why
            return self.resumes_at
        if not self.waits(at):
            pause = min(FIRST_SECONDS * 2 ** min(self.failures, 30), LONGEST_SECONDS)
            self.failures += 1
            self.resumes_at = at + pause * self.spread.uniform(1 - JITTER, 1 + JITTER)
            self.stated, self.why = False, why
        assert self.resumes_at is not None
        return self.resumes_at

    def waits(self, at: float) -> bool:
        """True while nothing should be tried. A clock that was set back far does not prolong a pause."""
        longest = LONGEST_STATED_SECONDS if self.stated else LONGEST_SECONDS * (1 + JITTER)
        return self.resumes_at is not None and at < self.resumes_at <= at + longest

    def asked(self, at: float) -> None:
        """A person wants it now: only what the server asked for still binds."""
        if not (self.stated and self.waits(at)):
            self.resumes_at, self.failures = None, 0

    def proved(self) -> None:
        """Something worked, more than a sign-in: servers exist that accept one and hang up."""
        self.failures, self.resumes_at, self.stated, self.why = 0, None, False, ""


def moment(resumes_at: float, at: float) -> str:
    """ "14:35:07 UTC (in 42 s)": a near moment for people."""
    clock = datetime.fromtimestamp(resumes_at, UTC)
    seconds = max(0, round(resumes_at - at))
    left = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
    return f"{clock:%H:%M:%S} UTC (in {left})"
