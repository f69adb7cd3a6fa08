"""The doubts (law 5): when an answer that would remove local rows has to be confirmed by a different question.

Pure: `doubt` names the reason, `confirmed` judges the second answer. `questions` asks.
"""

from __future__ import annotations

from mailsync.errors import FolderDoubt
from mailsync.imap.uidset import UidSet

MASS_COUNT = 50
MASS_SHARE = 0.2
"""Removals of more than the greater of these (messages, share of the folder) are not believed at first."""
RESETS = 5
"""New UIDVALIDITY values that are followed within RESETS_SECONDS."""
RESETS_SECONDS = 86_400.0
AGAIN = "run the sync again; if this stays, check the folder in another mail program"


def doubt(*, held: int, removals: int, told: int, exists: int) -> str | None:
    """Why removing `removals` of `held` rows is doubtful, None when it is not.

    `told` is how many messages the server listed, `exists` how many it says there are.
    """
    if not removals:
        return None
    if told < exists:
        return f"the server listed {told} of {exists} messages"
    if not told:
        return "the server says the folder is empty"
    if removals >= held > 2:
        return f"all {held} messages would go, and others are there"
    if removals > max(MASS_COUNT, held * MASS_SHARE):
        return f"{removals} of {held} messages would go"
    return None


def confirmed(removals: UidSet, search: UidSet, exists: int) -> UidSet:
    """Those of `removals` that UID SEARCH does not list either; FolderDoubt when SEARCH contradicts EXISTS."""
    if len(search) != exists:
        raise FolderDoubt(
            f"the server's search lists {len(search)} messages, but it says there are {exists}; nothing was removed",
            hint=AGAIN,
        )
    return removals - search


def plausible_listing(listed: UidSet, exists: int) -> str | None:
    """Why a UID listing cannot be right, None when it can: it must neither be empty nor far too long."""
    if exists and not listed:
        return f"an empty search although there are {exists} messages"
    if len(listed) > 2 * exists + 1000:
        return f"a search of {len(listed)} messages although there are {exists}"
    return None


def shown(held: UidSet, listed: UidSet) -> UidSet:
    """The part of `held` that a server which shows only the newest messages could have listed: nothing below its
    smallest UID can be told to be gone."""
    if listed.min is None:
        return UidSet()
    return held & UidSet([(listed.min, held.max or listed.min)]) if held and (held.max or 0) >= listed.min else UidSet()


def resets(before: int, since: float | None, now: float) -> tuple[int, float]:
    """How often the folder's UIDVALIDITY has changed with this time, and when that count began.

    FolderDoubt when it is too often to be followed: `before` changes since `since` (Unix seconds).
    """
    if since is None or not 0 <= now - since < RESETS_SECONDS:
        return 1, now
    if before >= RESETS:
        raise FolderDoubt(
            f"the folder's UIDVALIDITY changed {before} times within a day; it is left as it was",
            hint="ask the server's operator; the next try is a day after the first of these changes",
        )
    return before + 1, since
