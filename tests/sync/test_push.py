"""The push ladder's decisions, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.sync.push import Candidate, Gathering, Ladder, Ledger, Offers, Tally, Verdict, choose, jumped, rest

INBOX, SENT, WORK = Candidate("INBOX", True), Candidate("Sent", True), Candidate("Work", False)
BAD = Candidate("Bad", True, unreliable=True)


ALL, IDLES, NOOPS, SILENT = Offers(True, True), Offers(False, True), Offers(), Offers(noop=False)


@pytest.mark.parametrize(
    ("candidates", "offers", "connections", "expected"),
    [
        ([INBOX, SENT, WORK], ALL, 1, Ladder(notify=("INBOX", "Sent", "Work"))),
        ([INBOX, BAD, WORK], ALL, 2, Ladder(notify=("INBOX", "Work"), status=("Bad",))),
        ([INBOX, SENT, WORK], IDLES, 2, Ladder(idle=("INBOX", "Sent"))),
        ([INBOX, SENT, BAD], IDLES, 1, Ladder(idle=("INBOX",), status=("Sent", "Bad"))),
        ([BAD], ALL, 2, Ladder(status=("Bad",))),
        ([INBOX, SENT, WORK], NOOPS, 1, Ladder(noop=("INBOX",), status=("Sent",))),
        ([INBOX, SENT, WORK], SILENT, 2, Ladder(status=("INBOX", "Sent"))),
        ([INBOX], ALL, 0, Ladder()),
        ([WORK], ALL, 2, Ladder()),  # `watch = []`: nobody asked for it
    ],
)
def test_the_rung_of_each_folder(
    candidates: list[Candidate], offers: Offers, connections: int, expected: Ladder
) -> None:
    assert choose(candidates, offers, connections) == expected


def test_rests_grow_while_one_event_follows_another() -> None:
    rests = [0.0]
    for waited in (30.0, 0.001, 0.001, 0.001, 0.001, 0.001, 0.3, 0.1):
        rests.append(rest(rests[-1], waited))
    assert rests[1:] == [0.0, 0.2, 0.4, 0.8, 1.0, 1.0, 0.0, 0.2]


def test_the_first_event_is_acted_on_at_once_and_the_next_are_gathered() -> None:
    gathering = Gathering(0.2, 1.0)
    gathering.note("a", 10.0)
    assert gathering.take(10.0) == ["a"]
    gathering.note("a", 10.001)  # while the action is under way
    assert gathering.take(10.4) == []
    assert gathering.seconds(10.4) is None
    gathering.done("a", 10.5)
    assert gathering.take(10.5) == ["a"]
    gathering.done("a", 10.51)
    gathering.note("a", 10.6)
    gathering.note("b", 10.6)
    assert gathering.take(10.6) == ["b"]  # another folder is not held up
    gathering.note("a", 10.75)
    assert gathering.take(10.9) == []
    assert gathering.seconds(10.9) == pytest.approx(0.05)
    assert gathering.take(10.95) == ["a"]


def test_an_endless_stream_of_events_is_acted_on_all_the_same() -> None:
    gathering = Gathering(0.2, 1.0)
    acted = []
    for tick in range(500):
        now = tick / 100
        gathering.note("a", now)
        for name in gathering.take(now):
            gathering.done(name, now)
            acted.append(now)
    assert acted == pytest.approx([0, 1.01, 2.02, 3.03, 4.04])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 0.5)), max_size=60))
def test_nothing_told_is_ever_left_waiting(events: list[tuple[str, float]]) -> None:
    gathering = Gathering(0.2, 1.0)
    now = 0.0
    told: dict[str, float] = {}
    for name, later in events:
        now += later
        gathering.note(name, now)
        told.setdefault(name, now)
        for due in gathering.take(now):
            assert now - told.pop(due) <= 1.0 + 0.5
            gathering.done(due, now)
    while (wait := gathering.seconds(now)) is not None:
        now += max(wait, 1e-9)
        for due in gathering.take(now):
            del told[due]
            gathering.done(due, now)
    assert told == {}


def test_what_push_tells_too_late_or_never_is_a_miss() -> None:
    ledger = Ledger(grace=10)
    ledger.watch(["a", "b"], 100)
    ledger.found("a", 5, 90, 95)  # from before it was watched
    ledger.found("a", 2, 200, 201)
    ledger.told("a", 202)  # the server held the notice back
    ledger.told("b", 295)
    ledger.found("b", 1, 300, 301)  # the notice waited for the folder's lock
    ledger.found("a", 3, 300, 301)
    ledger.found("other", 9, 300, 301)
    assert ledger.verdicts(305) == [Verdict("a", 2, 0), Verdict("b", 1, 0)]
    assert ledger.verdicts(312) == [Verdict("a", 0, 3)]
    assert ledger.verdicts(400) == []


def test_a_folder_that_is_watched_no_more_misses_nothing() -> None:
    ledger = Ledger(grace=10)
    ledger.watch(["a"], 100)
    ledger.found("a", 3, 200, 201)
    ledger.watch([], 205)
    assert ledger.verdicts(300) == []


@pytest.mark.parametrize(
    ("pushed", "missed", "unreliable"), [(0, 2, False), (0, 3, True), (12, 3, False), (11, 3, True), (37, 3, False)]
)
def test_when_push_is_unreliable(pushed: int, missed: int, unreliable: bool) -> None:
    tally = Tally(pushed, missed, 1000.0)
    assert tally.unreliable is unreliable
    assert not tally.expired(1000 + 23 * 3600)
    assert tally.expired(1000 + 25 * 3600) is unreliable
    assert tally.expired(1000 + 8 * 86400)
    assert str(Tally(37, 3)) == "push missed 3 of 40"


@pytest.mark.parametrize(
    ("asked", "monotonic", "wall", "slept"),
    [
        (5, 5.01, 5.01, False),
        (5, 5.01, 3605, True),  # Linux: the monotonic clock stood still
        (5, 3605, 3605, True),  # macOS: it went on
        (5, 5.01, -3595, False),  # the wall clock was set back
        (5, 9, 9, False),  # a busy machine
    ],
)
def test_a_machine_that_slept(asked: float, monotonic: float, wall: float, slept: bool) -> None:
    assert jumped(asked, monotonic, wall) is slept
