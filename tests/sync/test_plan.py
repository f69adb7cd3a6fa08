"""Plans as functions of two values: carrying one out makes the mirror the server, and there is nothing left to do."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mailsync.imap.uidset import MAX_UID, UidSet
from mailsync.model import Flag, flag_names, split_flags
from mailsync.sync.plan import Changes, FlagState, Numbers, choose, compare, only_new

UIDS = st.one_of(st.integers(1, 40), st.integers(1, MAX_UID))
STATES = st.tuples(st.integers(0, 31), st.sampled_from(["", "$Label1", "$Forwarded NonJunk"]))
MIRROR = st.dictionaries(UIDS, STATES, max_size=40)
SERVER = st.dictionaries(UIDS, st.one_of(st.none(), STATES), max_size=40)
NUMBER = st.one_of(st.none(), st.integers(0, 3))
NUMBERS = st.builds(Numbers, NUMBER, NUMBER, NUMBER, st.integers(0, 3))

Mirror = dict[int, FlagState]


def plan(mirror: Mirror, server: dict[int, FlagState | None], retry: frozenset[int] = frozenset()) -> Changes:
    uids = sorted(mirror)
    return compare(uids, [mirror[uid][0] for uid in uids], [mirror[uid][1] for uid in uids], server, retry)


def carry_out(changes: Changes, mirror: Mirror, server: dict[int, FlagState | None]) -> Mirror:
    """What the executors do, on a dictionary."""
    after = {uid: state for uid, state in mirror.items() if uid not in changes.remove}
    after |= {uid: (bits, words) for uid, bits, words in changes.reflag if uid in after}
    for uid in changes.fetch:
        after[uid] = server[uid] or (0, "")
    return after


@given(MIRROR, SERVER)
def test_carrying_out_a_plan_makes_the_mirror_the_server(mirror: Mirror, server: dict[int, FlagState | None]) -> None:
    after = carry_out(plan(mirror, server), mirror, server)
    assert after.keys() == server.keys()
    for uid, state in server.items():
        # Flags that were not told stay as they are.
        assert after[uid] == (state if state is not None else mirror.get(uid, (0, "")))


@given(MIRROR, SERVER)
def test_a_plan_carried_out_leaves_nothing_to_do(mirror: Mirror, server: dict[int, FlagState | None]) -> None:
    after = carry_out(plan(mirror, server), mirror, server)
    assert not plan(after, server)


@given(MIRROR, SERVER, st.data())
def test_a_plan_cut_off_anywhere_is_finished_by_the_next(
    mirror: Mirror, server: dict[int, FlagState | None], data: st.DataObject
) -> None:
    changes = plan(mirror, server)
    come = UidSet.from_uids(uid for uid in changes.fetch if data.draw(st.booleans()))
    part = Changes(come, changes.reflag, changes.remove)
    middle = carry_out(part, mirror, server)
    rest = plan(middle, server)
    assert rest.fetch == changes.fetch - come
    assert not rest.reflag
    assert not rest.remove
    assert carry_out(rest, middle, server).keys() == server.keys()


@given(MIRROR, SERVER)
def test_nothing_is_asked_for_that_is_held_and_nothing_touched_that_is_equal(
    mirror: Mirror, server: dict[int, FlagState | None]
) -> None:
    changes = plan(mirror, server)
    assert set(changes.fetch) == server.keys() - mirror.keys()
    assert set(changes.remove) == mirror.keys() - server.keys()
    for uid, bits, words in changes.reflag:
        assert mirror[uid] != (bits, words) == server[uid]
    assert bool(changes) == bool(changes.fetch or changes.reflag or changes.remove)


@given(MIRROR, st.data())
def test_what_is_due_again_is_fetched_only_while_the_server_has_it(mirror: Mirror, data: st.DataObject) -> None:
    due = frozenset(data.draw(st.sets(UIDS, max_size=10)) | {uid for uid in mirror if data.draw(st.booleans())})
    server: dict[int, FlagState | None] = {uid: state for uid, state in mirror.items() if data.draw(st.booleans())}
    assert set(plan(mirror, server, due).fetch) == due & server.keys()


@given(st.sets(UIDS, max_size=30), st.sets(UIDS, max_size=30))
def test_a_first_sync_asks_for_what_is_not_held(held: set[int], listed: set[int]) -> None:
    changes = only_new(sorted(held), UidSet.from_uids(listed))
    assert set(changes.fetch) == listed - held
    assert not changes.remove
    assert not changes.reflag


@given(NUMBERS, NUMBERS, st.booleans(), st.integers(0, 3), st.booleans())
def test_unchanged_is_only_said_with_proof(
    stored: Numbers, server: Numbers, complete: bool, held: int, full: bool
) -> None:
    strategy = choose(stored, server, complete=complete, held=held, full=full)
    if stored.uidvalidity not in (None, server.uidvalidity):
        assert strategy == "uidvalidity_reset"
    elif not complete:
        assert strategy == "first"
    else:
        assert strategy in ("scan", "unchanged")
    if strategy == "unchanged":
        assert not full
        assert held == server.messages
        assert server.messages == 0 or (
            server.highestmodseq is not None
            and (server.highestmodseq, server.uidnext) == (stored.highestmodseq, stored.uidnext)
        )


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


@given(st.lists(st.sampled_from(["\\Seen", "\\sEEN", "\\Draft", "\\Recent", "$Label1", "$label1", "NonJunk", "é"])))
def test_flags_survive_their_way_into_bits_and_keywords(names: list[str]) -> None:
    bits, words = split_flags(names)
    back = flag_names(bits, words)
    assert split_flags(back) == (bits, words)
    assert {name for name in back if name.startswith("\\")} <= {"\\Seen", "\\Draft"}
    assert {name for name in back if not name.startswith("\\")} == {name for name in names if name[0] != "\\"}
    assert bool(bits & Flag.SEEN) == any(name.lower() == "\\seen" for name in names)
