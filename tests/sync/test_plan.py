"""Plans as functions of two values: carrying one out makes the mirror the server, and there is nothing left to do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailsync.imap.uidset import EMPTY, MAX_UID, UidSet
from mailsync.model import Flag, flag_names, split_flags
from mailsync.record import replace
from mailsync.sync import plan
from mailsync.sync.plan import Changes, FlagSets, FlagState, Numbers, arrivals_only, choose, compare

UIDS = st.one_of(st.integers(1, 40), st.integers(1, MAX_UID))
STATES = st.tuples(st.integers(0, 31), st.sampled_from(["", "$Label1", "$Forwarded NonJunk"]))
MIRROR = st.dictionaries(UIDS, STATES, max_size=40)
SERVER = st.dictionaries(UIDS, st.one_of(st.none(), STATES), max_size=40)
NUMBER = st.one_of(st.none(), st.integers(0, 3))
NUMBERS = st.builds(Numbers, NUMBER, NUMBER, NUMBER, st.integers(0, 3))
FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft", "$Label1", "$Forwarded", "NonJunk")

Mirror = dict[int, FlagState]


def by_state(some: Mirror | dict[int, FlagState | None]) -> dict[FlagState, UidSet]:
    states = {state for state in some.values() if state is not None}
    return {state: UidSet.from_uids(uid for uid, own in some.items() if own == state) for state in states}


def planned(mirror: Mirror, server: dict[int, FlagState | None], outside: UidSet = EMPTY) -> Changes:
    """A message whose flags the server does not tell is None."""
    held, listed = UidSet.from_uids(mirror), UidSet.from_uids(server)
    return compare(held, listed, by_state(mirror), by_state(server), outside=outside)


def carry_out(changes: Changes, mirror: Mirror, server: dict[int, FlagState | None]) -> Mirror:
    """What the executors do, on a dictionary."""
    after = {uid: state for uid, state in mirror.items() if uid not in changes.remove}
    after |= {uid: (bits, words) for uid, bits, words in changes.reflag}
    return after | {uid: server[uid] or (0, "") for uid in changes.fetch}


@given(MIRROR, SERVER)
def test_carrying_a_plan_out_leaves_nothing_to_do(mirror: Mirror, server: dict[int, FlagState | None]) -> None:
    after = carry_out(planned(mirror, server), mirror, server)
    assert after.keys() == server.keys()
    assert all(after[uid] == state for uid, state in server.items() if state is not None)
    assert not planned(after, server)


@given(MIRROR, SERVER, st.data())
def test_a_plan_that_was_interrupted_is_taken_up_where_it_ended(
    mirror: Mirror, server: dict[int, FlagState | None], data: st.DataObject
) -> None:
    changes = planned(mirror, server)
    come = UidSet.from_uids(uid for uid in changes.fetch if data.draw(st.booleans()))
    middle = carry_out(Changes(come, changes.reflag, changes.remove), mirror, server)
    rest = planned(middle, server)
    assert rest.fetch == changes.fetch - come
    assert not rest.reflag
    assert not rest.remove


@given(MIRROR, SERVER, st.sets(UIDS, max_size=10))
def test_nothing_is_asked_for_that_is_held_or_outside_and_nothing_touched_that_is_equal(
    mirror: Mirror, server: dict[int, FlagState | None], outside: set[int]
) -> None:
    changes = planned(mirror, server, UidSet.from_uids(outside))
    assert set(changes.fetch) == server.keys() - mirror.keys() - outside
    assert set(changes.remove) == mirror.keys() - server.keys()
    for uid, bits, words in changes.reflag:
        assert mirror[uid] != (bits, words) == server[uid]
    assert bool(changes) == bool(changes.fetch or changes.reflag or changes.remove)


# Strategies


@given(NUMBERS, NUMBERS, st.booleans(), st.integers(0, 3), st.booleans(), st.sampled_from(["qresync", "condstore", ""]))
def test_unchanged_is_only_said_with_proof(
    stored: Numbers, server: Numbers, complete: bool, held: int, full: bool, modseq: plan.Modseq
) -> None:
    choice = plan.decide(stored, server, complete=complete, held=held, full=full, modseq=modseq)
    assert choice.why
    if stored.uidvalidity not in (None, server.uidvalidity):
        assert choice.strategy == "uidvalidity_reset"
    elif not complete:
        assert choice.strategy == "first"
    elif choice.strategy == "unchanged":
        assert not full
        assert held == server.messages
        assert server.messages == 0 or (server.highestmodseq is not None and server == stored)
    elif choice.strategy != "scan":
        assert choice.strategy == modseq
        assert stored.highestmodseq is not None
        assert server.highestmodseq is not None
        assert server.highestmodseq >= stored.highestmodseq


def test_each_number_alone_breaks_the_proof() -> None:
    known = Numbers(7, 11, 99, 3)
    assert choose(known, known, complete=True, held=3) == "unchanged"
    for server in (
        replace(known, uidnext=12),
        replace(known, highestmodseq=100),
        replace(known, highestmodseq=None),
        replace(known, uidnext=None),
        replace(known, messages=4),
    ):
        assert choose(known, server, complete=True, held=3) == "scan"
    assert choose(known, known, complete=True, held=2) == "scan"
    assert choose(known, known, complete=True, held=3, full=True) == "scan"
    assert choose(known, replace(known, uidvalidity=8), complete=True, held=3, full=True) == "uidvalidity_reset"
    assert choose(known, replace(known, highestmodseq=100), complete=True, held=3, modseq="qresync") == "qresync"
    assert choose(known, replace(known, highestmodseq=98), complete=True, held=3, modseq="condstore") == "scan"


# Arithmetic and flags as sets


@given(st.integers(1, 20), st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)))
def test_arithmetic_proves_only_what_is_so(uidnext: int, before: set[int], gone: set[int]) -> None:
    held = {uid for uid in before if uid < uidnext}
    now = before - gone
    server = Numbers(1, max(before | {uidnext - 1}) + 1, None, len(now))
    new = arrivals_only(Numbers(1, uidnext, None, len(held)), server, len(held))
    if new is not None:
        assert set(new) == now - held
        assert held <= now


MAILBOX = st.dictionaries(st.integers(1, 60), STATES, max_size=40)


def answer(criterion: str, box: Mirror) -> UidSet:
    """An honest server's answer to one of the searches that `questions` gives."""
    words = criterion.split()
    without = words[0].startswith("UN")
    name = words[-1] if len(words) == 2 else "\\" + words[0].removeprefix("UN").capitalize()
    return UidSet.from_uids(uid for uid, (bits, own) in box.items() if (name in flag_names(bits, own)) != without)


def flag_sets(mirror: Mirror) -> FlagSets:
    def having(name: str) -> UidSet:
        return UidSet.from_uids(uid for uid, (bits, words) in mirror.items() if name in flag_names(bits, words))

    names = {name for _, words in mirror.values() for name in words.split()}
    unseen = UidSet.from_uids(mirror) - having("\\Seen")
    answered, flagged, deleted, draft = map(having, ("\\Answered", "\\Flagged", "\\Deleted", "\\Draft"))
    return FlagSets(unseen, answered, flagged, deleted, draft, {name.lower(): having(name) for name in names})


@given(MAILBOX, MAILBOX, st.booleans())
def test_searches_find_every_difference_of_flags_and_nothing_else(mirror: Mirror, server: Mirror, lazily: bool) -> None:
    known = flag_sets(mirror)
    assert plan.searchable(known, FLAGS, lists_keywords=True)
    asked = plan.questions(known, FLAGS, None if lazily else UidSet.from_uids(mirror), len(mirror))
    common = UidSet.from_uids(mirror) & UidSet.from_uids(server)
    found = plan.differing(asked, [answer(one.criterion, server) for one in asked], common)
    assert set(found) == {uid for uid in common if mirror[uid] != server[uid]}


def test_where_searches_would_miss_a_keyword() -> None:
    known = flag_sets({1: (0, "$Label1")})
    for lists_keywords in (True, False):
        assert not plan.searchable(known, ("\\Seen",), lists_keywords=lists_keywords)  # no list at all
        assert not plan.searchable(known, FLAGS[:5], lists_keywords=lists_keywords)  # it lacks one that is in use
        assert not plan.searchable(known, (*FLAGS, "odd]word"), lists_keywords=lists_keywords)  # not to be asked for
        assert plan.searchable(known, [name.upper() for name in FLAGS], lists_keywords=lists_keywords)
        # Where no message has a keyword, a list of the system flags says nothing about new ones.
        assert plan.searchable(flag_sets({}), FLAGS[:5], lists_keywords=lists_keywords) == lists_keywords


def test_searches_pay_in_large_folders_only() -> None:
    seen = dict.fromkeys(range(1, 1001), (1, ""))
    asked = plan.questions(flag_sets(seen), FLAGS, UidSet.from_uids(seen), len(seen))
    assert plan.sets_are_smaller(asked, len(seen))
    assert not plan.sets_are_smaller(asked, plan.FEW)
    assert {one.criterion for one in asked} >= {"UNSEEN", "FLAGGED", "KEYWORD $Label1"}
    unread = dict.fromkeys(range(1, 1001), (0, ""))
    asked = plan.questions(flag_sets(unread), FLAGS, UidSet.from_uids(unread), len(unread))
    assert asked[0].criterion == "SEEN"
    assert not asked[0].expected


@given(st.lists(st.sampled_from(["\\Seen", "\\sEEN", "\\Draft", "\\Recent", "$Label1", "$label1", "NonJunk", "é"])))
def test_flags_survive_their_way_into_bits_and_keywords(names: list[str]) -> None:
    bits, words = split_flags(names)
    back = flag_names(bits, words)
    assert split_flags(back) == (bits, words)
    assert {name for name in back if name.startswith("\\")} <= {"\\Seen", "\\Draft"}
    assert {name for name in back if not name.startswith("\\")} == {name for name in names if name[0] != "\\"}
    assert bool(bits & Flag.SEEN) == any(name.lower() == "\\seen" for name in names)
