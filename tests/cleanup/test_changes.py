"""Where actions take a message, and that the difference of two places leads from one to the other and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.cleanup.changes import Change, Means, difference, made, refusal, shifted, wanted
from mailsync.config.actions import DEFAULT_LABEL, parse_all
from mailsync.model import Flag
from mailsync.record import replace
from mailsync.store.cleanup_places import Copy, Place

WORDS = st.lists(st.sampled_from(["$Label1", "Work", "x"]), unique=True).map(lambda words: tuple(sorted(words)))
PLACES = st.builds(
    Place,
    folder=st.sampled_from([b"INBOX", b"Old"]),
    uidvalidity=st.just(7),
    uid=st.just(3),
    flags=st.integers(0, 31),
    keywords=WORDS,
    labels=WORDS,
    internaldate=st.just(1),
    copies=st.sampled_from([(), (Copy(b"Tag", 5, 6),)]),
)


def to_come(place: Place, of: Place) -> Place:
    """As a place is wanted: under no UID that is known where it is another folder, or another copy."""
    copies = tuple(one if one in of.copies else Copy(one.folder) for one in place.copies)
    known = {} if place.folder == of.folder else {"uidvalidity": None, "uid": None}
    return replace(place, copies=copies, **known)


@given(before=PLACES, after=PLACES)
def test_the_difference_leads_from_one_place_to_the_other(before: Place, after: Place) -> None:
    change = difference(before, after)
    assert shifted(before, change) == to_come(after, before)
    assert shifted(after, difference(after, before)) == to_come(before, after)
    assert made(before, after, change) == replace(
        after, folder=before.folder, uidvalidity=7, uid=3, copies=before.copies
    )
    assert made(before, before, change) == before
    assert difference(before, before).nothing
    assert difference(before, None) == Change(expunge=True)
    assert shifted(before, Change(expunge=True)) is None


@given(before=PLACES, after=PLACES, others=PLACES)
def test_what_others_change_is_left_alone(before: Place, after: Place, others: Place) -> None:
    """Flags that somebody gave or took meanwhile, and that the row is not about, stay."""
    change = difference(before, after)
    now = replace(before, flags=others.flags, keywords=others.keywords, labels=others.labels)
    place = shifted(now, change)
    assert place is not None
    touched = before.flags ^ after.flags
    assert place.flags & ~touched == others.flags & ~touched
    assert place.flags & touched == after.flags & touched
    unnamed = set(before.keywords) ^ set(after.keywords)
    assert set(place.keywords) - unnamed == set(others.keywords) - unnamed


INBOX = Place(b"INBOX", 7, 3, Flag.SEEN, ("$Label1",), None, 1)
FOLDERS = {"trash": b"Bin", "archive": b"Archive", "move:Old": b"Old", "label": b"Secretary/Auto-Cleaned"}
MEANS = Means(False, frozenset({"\\seen", "\\flagged", "\\deleted", "\\*"}), "", FOLDERS, removes=True, moves=True)
NO_KEYWORDS = replace(MEANS, permanent=frozenset({"\\seen", "\\flagged"}))
GMAIL = replace(MEANS, gmail=True, special_use="\\All")


@pytest.mark.parametrize(
    ("actions", "means", "place"),
    [
        (["mark_unread", "flag"], MEANS, replace(INBOX, flags=Flag.FLAGGED)),
        (["label", "trash"], MEANS, Place(b"Bin", None, None, 1, ("$Label1", DEFAULT_LABEL), None, 1)),
        (["unlabel:$label1"], MEANS, replace(INBOX, keywords=())),
        (["label:$LABEL1"], MEANS, INBOX),
        (["label"], NO_KEYWORDS, replace(INBOX, copies=(Copy(b"Secretary/Auto-Cleaned"),))),
        (["expunge"], MEANS, None),
        (["archive"], GMAIL, replace(INBOX, labels=("Work",))),
        (["move:Old", "label"], GMAIL, replace(INBOX, labels=("Old", DEFAULT_LABEL, "Work"))),
        (["trash"], GMAIL, replace(INBOX, folder=b"Bin", uidvalidity=None, uid=None, labels=("Work", "\\Inbox"))),
    ],
)
def test_where_actions_take_a_message(actions: list[str], means: Means, place: Place | None) -> None:
    now = replace(INBOX, labels=("Work", "\\Inbox")) if means.gmail else INBOX
    todo = parse_all(actions)
    assert refusal(todo, means) == ""
    assert wanted(todo, now, means) == place


@pytest.mark.parametrize(
    ("action", "means", "why"),
    [
        ("archive", replace(MEANS, folders={}), "no such folder"),
        ("trash", replace(MEANS, moves=False), "neither move"),
        ("flag", replace(MEANS, permanent=frozenset({"\\seen"})), "does not keep"),
        ("expunge", replace(MEANS, removes=False), "UIDPLUS"),
        ("expunge", GMAIL, "Trash only"),
        ("label", replace(NO_KEYWORDS, removes=False), "take a copy back"),
        ("unlabel", NO_KEYWORDS, "labels are folders"),
    ],
)
def test_what_a_server_cannot_do_is_refused(action: str, means: Means, why: str) -> None:
    assert why in refusal(parse_all([action]), means)
