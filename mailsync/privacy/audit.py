"""The audit trail's rules: what a row may say, how rows are chained, how an address is hidden. Pure.

    hash = SHA-256, in hex, of the row as one line of JSON in ASCII without spaces:
           [seq, at, actor, action, account, address, outcome, detail, previous]

`previous` is the hash of the row before, 64 zeros for the first. So a row cannot be altered, taken out, put in or moved
without breaking the chain there, unless everything after it is written anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import field
from typing import Literal, NamedTuple

from mailsync.record import record

ACTIONS: dict[str, str] = {
    "audit_started": "the trail begins here",
    "migrated": "the database was brought to a newer schema",
    "account_added": "an account was added to config.toml",
    "account_removed": "an account was taken out of config.toml",
    "consent_granted": "scopes were granted",
    "consent_revoked": "scopes were revoked",
    "login": "a sign-in at an OAuth2 provider",
    "logout": "its tokens were forgotten",
    "sign_in": "a server accepted a sign-in",
    "sign_in_failed": "a server or provider refused one",
    "sync": "an account was synced",
    "quarantined": "messages were set aside",
    "released": "messages that were set aside went through",
    "discarded": "messages that were set aside are not tried any more",
    "exported": "messages were written to files",
    "restore_approved": "a list of messages to put back on a server was approved",
    "restored": "messages of an approved list were put there, or a folder was made for them",
    "restore_ended": "an approved list was carried out, or stopped",
    "cleanup_approved": "a list of messages to clear away was approved",
    "cleanup_rejected": "a list of messages to clear away was rejected",
    "cleanup_undo_approved": "taking back what a clean-up did was approved",
    "cleaned": "messages of an approved list were changed on a server",
    "cleanup_ended": "an approved list was carried out, taken back, or stopped",
    "unsubscribe_approved": "leaving a list by one click was approved",
    "unsubscribed": "a list was asked to let somebody go",
    "purged": "what was mirrored of an account was removed",
}
"""Every action with what it says."""

GENESIS = "0" * 64
"""What the first row has for a previous hash."""
TOLD = 100
"""Breaks that a verdict names; the rest are counted."""
_WORD = re.compile(r"[A-Za-z0-9_.:+-]{0,80}")
"""Text that a row may hold: names of our own vocabulary and digests, nothing that could be a sentence or an address."""
_encode = json.JSONEncoder(separators=(",", ":"), default=repr).encode


class Row(NamedTuple):
    """A row of `audit_log`, as stored; `at` in Unix seconds, `detail` JSON text."""

    seq: int
    at: float
    actor: str
    action: str
    account: str
    address: str
    outcome: str
    detail: str
    previous: str
    hash: str


def digest(row: Row) -> str:
    """The hash that belongs to a row, from all else in it."""
    return hashlib.sha256(_encode(row[:-1]).encode("ascii")).hexdigest()


def detail(facts: dict[str, int | float | str | bool]) -> str:
    """The JSON of a row's facts. ValueError for a text that is none of our vocabulary."""
    for name, value in facts.items():
        word(name)
        if isinstance(value, str):
            word(value)
    return json.dumps(facts, separators=(",", ":"), sort_keys=True)


def word(text: str) -> str:
    """`text`, which is a name of our vocabulary; ValueError for anything that could carry someone else's words."""
    if not _WORD.fullmatch(text):
        raise ValueError("the audit trail holds numbers and names of mailsync's own, nothing else")
    return text


def pseudonym(key: bytes, address: str) -> str:
    """`addr:` and 64 bits of the HMAC-SHA-256 of an address, in hex: the same address, the same digest."""
    import hmac

    return "addr:" + hmac.digest(key, address.strip().casefold().encode(), "sha256")[:8].hex()


What = Literal["altered", "missing", "inserted", "replaced", "counter"]


@record(frozen=True)
class Break:
    """Where the chain is broken: `count` rows from `seq` on."""

    seq: int
    what: What
    count: int = 1

    def __str__(self) -> str:
        match self.what:
            case "altered":
                return f"row {self.seq} was altered"
            case "inserted":
                return f"row {self.seq} was inserted"
            case "replaced":
                return f"row {self.seq} is not the one that row {self.seq + 1} was written after"
            case "counter":
                return f"the counter of rows was set back below row {self.seq}"
        if self.count == 1:
            return f"row {self.seq} is missing"
        return f"rows {self.seq} to {self.seq + self.count - 1} are missing"


@record
class Chain:
    """Follows the rows in ascending order; holds the last one only."""

    rows: int = 0
    head: str = GENESIS
    """The hash of the last row."""
    _last: int = field(default=0, init=False)
    _sound: bool = field(default=True, init=False)

    def follow(self, row: Row) -> Iterator[Break]:
        """The breaks at the next row."""
        adjacent = row.seq == self._last + 1
        sound = digest(row) == row.hash
        if row.seq < 1:
            yield Break(row.seq, "inserted")
        elif not adjacent:
            yield Break(self._last + 1, "missing", row.seq - self._last - 1)
        if not sound:
            yield Break(row.seq, "altered")
        elif adjacent and self._sound and row.previous != self.head:
            yield Break(self._last, "replaced") if self._last else Break(row.seq, "altered")
        self.rows += 1
        self.head, self._sound = row.hash, sound
        self._last = max(self._last, row.seq)

    def end(self, issued: int) -> Iterator[Break]:
        """The breaks after the last row, when `issued` rows were ever written."""
        if self._last < max(issued, 1):
            yield Break(self._last + 1, "missing", max(issued, 1) - self._last)
        elif self._last > issued:
            yield Break(self._last, "counter")


@record
class Verdict:
    """What verification found. `breaks` are the first of `broken`; `expected_at` is the row of the expected hash."""

    rows: int = 0
    head: str = GENESIS
    broken: int = 0
    breaks: list[Break] = field(default_factory=list)
    expected_at: int | None = None

    def add(self, found: Iterator[Break]) -> None:
        for one in found:
            self.broken += 1
            if len(self.breaks) < TOLD:
                self.breaks.append(one)
