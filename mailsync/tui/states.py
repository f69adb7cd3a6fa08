"""How states look: a glyph, a word and an ink, so that none is ever told by colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mailsync.model import AccountState


class Look(NamedTuple):
    """`ink` names one of the inks of `drawing.INKS`; `trouble` states need a person or another try."""

    glyph: str
    word: str
    ink: str
    trouble: bool = False


LOOKS: dict[AccountState, Look] = {
    "disconnected": Look("○", "disconnected", "muted"),
    "connecting": Look("◔", "connecting", "accent"),
    "authenticated": Look("◑", "signed in", "accent"),
    "syncing": Look("◐", "syncing", "accent"),
    "watching": Look("●", "watching", "good"),
    "backing_off": Look("◌", "backing off", "warning", True),
    "needs_login": Look("✕", "sign-in needed", "bad", True),
    "needs_consent": Look("✕", "consent needed", "warning", True),
    "paused": Look("□", "paused", "muted"),
    "error": Look("✕", "error", "bad", True),
}

CONNECTIONS: dict[str, Look] = {
    "disconnected": Look("○", "closed", "muted"),
    "connecting": Look("◔", "connecting", "accent"),
    "authenticated": Look("◑", "signed in", "accent"),
    "selected": Look("◐", "selected", "accent"),
    "idle": Look("●", "idle", "good"),
    "error": Look("✕", "error", "bad", True),
}
CHECKS: dict[str, Look] = {
    "pass": Look("✓", "pass", "good"),
    "warn": Look("!", "warn", "warning", True),
    "fail": Look("✕", "fail", "bad", True),
}
HEALTH: dict[str, Look] = {
    "healthy": Look("✓", "healthy", "good"),
    "degraded": Look("!", "degraded", "warning", True),
    "unhealthy": Look("✕", "unhealthy", "bad", True),
}
LEVELS: dict[str, Look] = {
    "debug": Look("·", "debug", "muted"),
    "info": Look("·", "info", "muted"),
    "warning": Look("!", "warning", "warning", True),
    "error": Look("✕", "error", "bad", True),
}
JOBS: dict[str, Look] = {
    "running": Look("◐", "running", "accent"),
    "cancelling": Look("◑", "cancelling", "warning"),
    "pending": Look("○", "pending", "muted"),
    "completed": Look("✓", "completed", "good"),
    "failed": Look("✕", "failed", "bad", True),
    "cancelled": Look("□", "cancelled", "muted"),
}
CLEANUPS: dict[str, Look] = {
    "proposed": Look("○", "proposed", "accent"),
    "expired": Look("◌", "expired", "muted"),
    "rejected": Look("□", "rejected", "muted"),
    "approved": Look("◔", "approved", "accent"),
    "applying": Look("◐", "carrying out", "accent"),
    "interrupted": Look("!", "interrupted", "warning", True),
    "completed": Look("✓", "done", "good"),
    "undoing": Look("◑", "taking back", "accent"),
    "undone": Look("↶", "undone", "muted"),
    "part_undone": Look("↶", "partly undone", "warning"),
}
ITEMS: dict[str, Look] = {
    "waiting": Look("·", "waits", "muted"),
    "begun": Look("◐", "under way", "accent"),
    "done": Look("✓", "done", "good"),
    "back": Look("↶", "taken back", "muted"),
    "gone": Look("✓", "gone already", "muted"),
    "skipped": Look("–", "left alone", "warning"),
    "failed": Look("✕", "failed", "bad", True),
}
"""What becomes of a message of a clean-up."""

UNREAD, FLAGGED, ANSWERED, ATTACHMENT, DRAFT, WITHHELD = "•", "★", "↩", "@", "✎", "↓"
LABEL, MARKED = "#", "✓"
"""The glyphs of a message list; each is one cell wide in every terminal."""


def look(state: str) -> Look:
    """The look of a state; one that this version does not know shows as its own name."""
    return LOOKS.get(state, Look("?", state, "muted"))  # type: ignore[call-overload, no-any-return]


def of(looks: Mapping[str, Look], name: str) -> Look:
    """The look of `name` in one of the tables above, its own name for what this version does not know."""
    return looks.get(name) or Look("?", name, "muted")
