"""The kinds of jobs, as data: what each does in words, and what the queue must know of it."""

from __future__ import annotations

from mailsync.record import record


@record(frozen=True)
class Kind:
    """`changes`: it changes a server, and one of an account runs at a time. `long`: it may take hours, and never all
    workers are at such. `waits`: cancelled, it may be dropped while it waits for a server. `here`: the command that
    asks for it does it itself, so it cannot be put back into the queue.
    """

    text: str
    changes: bool = False
    long: bool = False
    waits: bool = False
    here: bool = False


KINDS: dict[str, Kind] = {
    "sync": Kind("Synchronise", waits=True),
    "backfill": Kind("Synchronise all", long=True, waits=True),
    "verify": Kind("Verify", long=True, waits=True),
    "fetch": Kind("Fetch a message", waits=True),
    "check": Kind("Check an account", waits=True),
    "parse": Kind("Parse anew"),
    "quarantine_retry": Kind("Try again what was set aside", waits=True),
    "export": Kind("Export", here=True),
    "restore": Kind("Restore", changes=True, long=True),
    "cleanup_scan": Kind("Look for what could go", long=True),
    "cleanup_apply": Kind("Clean up", changes=True, long=True),
    "undo": Kind("Undo a clean-up", changes=True, long=True),
    "unsubscribe": Kind("Unsubscribe", changes=True),
    "purge": Kind("Forget an account"),
    "reload": Kind("Take the configuration"),
}
CHANGING = tuple(name for name, kind in KINDS.items() if kind.changes)
LONG = tuple(name for name, kind in KINDS.items() if kind.long)
WAITING = frozenset(name for name, kind in KINDS.items() if kind.waits)
SYNCS = ("sync", "backfill")
"""One of an account runs at a time."""
