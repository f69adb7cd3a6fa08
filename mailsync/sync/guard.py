"""The doubts (law 5): when an answer that would remove local rows has to be confirmed by a different question.

Pure: `doubt` names the reason, `confirmed` judges the second answer. `folder` asks the questions.
"""

from __future__ import annotations

from mailsync.errors import FolderDoubt
from mailsync.imap.uidset import UidSet

MASS_COUNT = 50
MASS_SHARE = 0.2
"""Removals of more than the greater of these (messages, share of the folder) are not believed at first."""


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
    if removals > max(MASS_COUNT, held * MASS_SHARE):
        return f"{removals} of {held} messages would go"
    return None


def confirmed(removals: UidSet, search: UidSet, exists: int) -> UidSet:
    """Those of `removals` that UID SEARCH does not list either; FolderDoubt when SEARCH contradicts EXISTS."""
    if len(search) != exists:
        raise FolderDoubt(
            f"the server's search lists {len(search)} messages, but it says there are {exists}; nothing was removed",
            hint="run the sync again; if this stays, check the folder in another mail program",
        )
    return removals - search


def plausible_listing(listed: UidSet, exists: int) -> str | None:
    """Why a UID listing cannot be right, None when it can: it must neither be empty nor far too long."""
    if exists and not listed:
        return f"an empty search although there are {exists} messages"
    if len(listed) > 2 * exists + 1000:
        return f"a search of {len(listed)} messages although there are {exists}"
    return None
