"""What a scan reads in a message, by a process of its own: what the guard says, and what rules go by.

The process gets content ids, as that of the index does (`pipeline.pool`), and who the user is in its environment; whom
they have written to, and what, it looks up in the store.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from mailsync.cleanup import guard
from mailsync.cleanup.guard import Reading, Ties
from mailsync.errors import ParseFailed
from mailsync.pipeline import addressing, calendars, worker
from mailsync.pipeline.addressing import Identity
from mailsync.pipeline.calendars import Event
from mailsync.pipeline.mime import ParsedMessage, parse
from mailsync.store import backlog

if TYPE_CHECKING:
    from mailsync.config.models import Config

ENTRY = "from mailsync.cleanup.reading import main; main()"
ENVIRONMENT = "MAILSYNC_SCAN"
LIST_ID = 200
"""Characters of a List-Id that are kept."""


class Look(NamedTuple):
    """What was read: the fields of `guard.Reading`, then what rules go by."""

    digest: bytes
    reason: str | None
    important: bool
    date: int | None
    list_id: str
    """What identifies the list (RFC 2919), "" where it came through none."""
    leaves: bool
    """It says how to leave (List-Unsubscribe, RFC 2369)."""
    text: bytes
    """What it says, as a digest: the same for copies that differ by how they came."""
    ends: int | None
    """When the last of its dates is over, in Unix seconds; None where it has none, or they come again."""
    attached: int
    """Bytes of its attachments."""

    @property
    def reading(self) -> Reading:
        """For `guard.settled`."""
        return Reading(self.digest, self.reason, self.important, self.date)


def look(raw: bytes, known: Ties) -> Look:
    """Read a message."""
    digest = sha256(raw).digest()
    try:
        message = parse(raw)
    except ParseFailed:
        return Look(digest, guard.UNREADABLE, False, None, "", False, b"", None, 0)
    found = guard.judged(raw, digest, message, known)
    names = {name.lower(): value for name, value in message.headers}
    ends = _ends(calendars.events(raw, message.attachments)) if "calendar" in message.holds else None
    return Look(
        digest,
        found.reason,
        found.important,
        found.date,
        _list_id(names.get("list-id", "")),
        "list-unsubscribe" in names,
        _says(message),
        ends,
        sum(one.size for one in message.attachments),
    )


def environment(config: Config, now: float) -> dict[str, str]:
    """What a process is told."""
    me = addressing.identity(config)
    told = [sorted(me.addresses), me.names, config.cleanup.keep_important, now]
    return {ENVIRONMENT: json.dumps(told)}


def main() -> None:
    """What the process does."""
    connection = backlog.opened(sys.argv[1])
    addresses, names, important, now = _told(os.environ)
    known = guard.tied(connection, Identity(frozenset(addresses), tuple(names)), important, now)
    worker.main(lambda raw: look(raw, known), tuple)


def _told(around: Mapping[str, str]) -> tuple[list[str], list[str], float, float]:
    addresses, names, important, now = json.loads(around[ENVIRONMENT])
    return addresses, names, important, now


def _list_id(value: str) -> str:
    inside = value.rpartition("<")[2].partition(">")[0].strip()
    return (inside or value.strip())[:LIST_ID]


def _says(message: ParsedMessage) -> bytes:
    parts = [message.subject, message.text, message.html, *(one.sha256 for one in message.attachments)]
    return sha256("\0".join(parts).encode("utf-8", "replace")).digest()[:16]


def _ends(events: Sequence[Event]) -> int | None:
    if not events or any(one.repeats for one in events):
        return None
    try:
        # A zone is a day away at most, and nobody counts the hours here.
        moments = [datetime.fromisoformat((one.end or one.start).removesuffix("Z")) for one in events]
        return int(max(one.replace(tzinfo=UTC).timestamp() for one in moments)) + 86400
    except (ValueError, OverflowError):
        return None
