"""The breaker: when a clean-up touches more than anyone expects, or finds another mailbox than was approved. Pure.

Beyond the measure somebody has to say that it is meant; what disagrees with the list stops it in any case.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailsync.errors import MailsyncError
from mailsync.store.cleanup_runs import MEASURED_DAYS, Measure

SMALL_FOLDER = 200
"""Of a folder with no more messages than this any share may be touched."""
SMALL_LIST = 1000
"""So many messages are no more than a folder's churn may be."""
CHURN = 10
"""Times what left a folder on its busiest day are within its churn."""
DISAGREEMENTS = 10
DISAGREEING_SHARE = 0.05


class Stopped(MailsyncError):
    """The clean-up was stopped: the mailbox is not what was approved."""

    hint = "what was done can be taken back: mailsync cleanup undo; what is left needs a new scan"


def excess(measures: Iterable[Measure], share: float) -> list[str]:
    """Why a list is beyond the measure, a sentence a folder, empty when it is not. `share` is `cleanup.max_share`."""
    return [sentence for one in measures if (sentence := _beyond(one, share))]


def _beyond(one: Measure, share: float) -> str:
    """The sentence for one folder, "" for none."""
    if one.messages > SMALL_FOLDER and one.touched > share * one.messages:
        return f"{one.touched:,} of the {one.messages:,} messages of {one.folder}: more than {share:.0%} of it"
    if one.touched > SMALL_LIST and one.touched > CHURN * one.busiest:
        seen = f"{one.busiest:,} left it on the busiest of the last {MEASURED_DAYS} days"
        return f"{one.touched:,} messages of {one.folder}: {seen}"
    return ""


def disagrees(checked: int, disagreeing: int) -> str:
    """Why a run has to stop: too many messages are others than those on the list; "" while they are not."""
    if disagreeing < DISAGREEMENTS or disagreeing <= DISAGREEING_SHARE * checked:
        return ""
    return f"{disagreeing:,} of {checked:,} messages on the server are not those on the list"
