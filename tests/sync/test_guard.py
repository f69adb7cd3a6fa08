"""The doubts of law 5 as functions of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.errors import FolderDoubt
from mailsync.imap.uidset import MAX_UID, UidSet
from mailsync.sync.guard import MASS_COUNT, MASS_SHARE, confirmed, doubt, plausible_listing

SETS = st.sets(st.integers(1, 60), max_size=40).map(UidSet.from_uids)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_only_small_removals_from_a_complete_answer_are_believed(
    held: int, removals: int, told: int, exists: int
) -> None:
    reason = doubt(held=held, removals=removals, told=told, exists=exists)
    if not removals:
        assert reason is None
    elif reason is None:
        assert told >= exists
        assert removals <= MASS_COUNT or removals <= held * MASS_SHARE


def test_where_a_mass_begins() -> None:
    assert doubt(held=100, removals=MASS_COUNT, told=50, exists=50) is None
    assert doubt(held=100, removals=MASS_COUNT + 1, told=49, exists=49) is not None
    assert doubt(held=1000, removals=200, told=800, exists=800) is None
    assert doubt(held=1000, removals=201, told=799, exists=799) is not None
    assert doubt(held=10, removals=1, told=8, exists=9) is not None


@given(SETS, SETS)
def test_what_the_second_answer_lists_stays(removals: UidSet, search: UidSet) -> None:
    kept = confirmed(removals, search, len(search))
    assert not kept & search
    assert kept | (removals & search) == removals


@given(SETS, SETS, st.integers(0, 100))
def test_a_second_answer_that_contradicts_itself_removes_nothing(removals: UidSet, search: UidSet, exists: int) -> None:
    if exists != len(search):
        with pytest.raises(FolderDoubt, match="nothing was removed"):
            confirmed(removals, search, exists)


def test_listings_that_cannot_be() -> None:
    assert plausible_listing(UidSet(), 0) is None
    assert plausible_listing(UidSet([(1, 10)]), 10) is None
    assert plausible_listing(UidSet(), 1) is not None
    assert plausible_listing(UidSet([(1, MAX_UID)]), 5) is not None
