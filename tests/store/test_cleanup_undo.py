"""What there is to undo: where the journal says that each message stands; in whole, in part, there and back again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mailsync.errors import ConsentMissing, MailsyncError, NotFound, UsageError
from mailsync.privacy import readonly
from mailsync.record import replace
from mailsync.store import (
    accounts,
    audit,
    cleanup_decisions,
    cleanup_runs,
    cleanup_undo,
    cleanups,
    consents,
    contents,
    folders,
    jobs,
    messages,
)
from mailsync.store.cleanup_places import Copy, Place
from mailsync.store.cleanup_runs import Result, Row
from mailsync.store.cleanup_undo import Planned
from mailsync.store.database import Store
from tests.store.test_cleanups import NOW, ask, letters, proposed

BEFORE = Place(b"INBOX", 7, 10, 0, ("Old",), None, 1_600_000_000)
AFTER = Place(b"Trash", 9, 110, 1, ("Old",), None, 1_600_000_000, (Copy(b"Label", 3, 5),))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    try:
        store.write(lambda connection: accounts.ensure(connection, [("work", "a@example.org")])).result()
        store.write(lambda connection: consents.grant(connection, "work", cleanup_decisions.SCOPES, NOW)).result()
        yield store
    finally:
        store.close()


def applied(store: Store, count: int = 6, actions: Sequence[str] = ("mark_read", "label", "trash")) -> int:
    """A clean-up that was approved of; every other message is from somebody else. Its id."""
    items = [replace(one, sender=("a", "b")[one.number % 2] + "@shop.example") for one in letters(count)]
    one = proposed(store, items, actions=actions)
    typed = f"EXPUNGE {count}" if "expunge" in actions else ""
    ask(store, cleanup_decisions.approve, one.id, one.hash, NOW, typed=typed)
    return one.id


def carried_out(
    store: Store, cleanup_id: int, became: Callable[[Row], Result], *, stopped: str = "", begun: Sequence[int] = ()
) -> None:
    """The newest run comes to its end; rows that are `begun` have no result."""

    def write(connection: sqlite3.Connection) -> None:
        run = cleanups.runs(connection, cleanup_id)[-1]
        assert run.job_id is not None
        cleanup_runs.start(connection, run.id)
        rows = cleanup_runs.rows(connection, run.id, ("waiting",))
        cleanup_runs.begin(connection, run.id, rows, NOW)
        results = [became(row) for row in rows if row.number not in begun]
        cleanup_runs.settle(connection, run.id, results, NOW)
        cleanup_runs.finish(connection, run.id, NOW, stopped)
        if run.kind == "undo":
            cleanup_undo.settle(connection, run.id)
        jobs.finish(connection, run.job_id, "completed", NOW)

    store.write(write).result()


def moved(row: Row) -> Result:
    """Carried out; the server gives the next UIDs."""
    before: Place | None
    if row.after is None:
        before, after = replace(BEFORE, uid=row.uid), replace(AFTER, uid=row.uid + 100)
    else:
        before, after = row.before, replace(row.after, uidvalidity=77, uid=row.uid + 500)
    return Result(row.number, "done", before, after)


def plan(store: Store, cleanup_id: int, **wanted: Any) -> Planned:
    with store.read() as connection:
        return cleanup_undo.plan(connection, cleanup_id, NOW, **wanted)


def rows(store: Store, cleanup_id: int) -> list[Row]:
    with store.read() as connection:
        return cleanup_runs.rows(connection, cleanups.runs(connection, cleanup_id)[-1].id, ("waiting",))


def state(store: Store, cleanup_id: int) -> str:
    with store.read() as connection:
        return cleanups.get(connection, cleanup_id, NOW).state


def test_in_part_then_the_rest_then_once_more(store: Store) -> None:
    number = applied(store)
    with pytest.raises(UsageError, match="is being carried out"):
        plan(store, number)
    carried_out(store, number, moved)
    some = plan(store, number, senders=["A@shop.example"], messages=[101])
    assert (some.messages, some.items, some.bytes) == (4, (0, 1, 2, 4), 4007)
    assert some.ways == {(b"Trash", b"INBOX"): 4}
    ask(store, cleanup_undo.approve, some, NOW)
    assert state(store, number) == "undoing"
    first = rows(store, number)[0]
    assert first.before == replace(AFTER, uid=110)
    assert first.after == replace(BEFORE, uidvalidity=None, uid=None)
    with pytest.raises(UsageError, match="something has changed"):
        ask(store, cleanup_undo.approve, some, NOW)
    carried_out(store, number, moved)
    assert state(store, number) == "part_undone"
    rest = plan(store, number)
    assert rest.items == (3, 5)
    ask(store, cleanup_undo.approve, rest, NOW)
    carried_out(store, number, moved)
    assert state(store, number) == "undone"
    with pytest.raises(UsageError, match="nothing of clean-up"):
        plan(store, number)
    again = plan(store, number, again=True, messages=[103])
    assert (again.items, again.again, again.expunges) == ((3,), True, 0)
    ask(store, cleanup_undo.approve, again, NOW)
    (row,) = rows(store, number)
    assert row.before == replace(BEFORE, uidvalidity=77, uid=513)
    assert row.after == replace(AFTER, uidvalidity=None, uid=None, copies=(Copy(b"Label"),))
    carried_out(store, number, moved)
    assert (state(store, number), plan(store, number).items) == ("part_undone", (3,))
    ask(store, cleanup_undo.approve, plan(store, number), NOW)
    carried_out(store, number, moved)
    assert state(store, number) == "undone"


def test_what_had_no_effect_is_not_undone_and_what_was_begun_is_found_out_first(store: Store) -> None:
    number = applied(store)

    def became(row: Row) -> Result:
        match row.number:
            case 0:
                return Result(0, "gone", None, None)
            case 1:
                return Result(1, "skipped", None, None, "it was flagged since")
            case _:
                return moved(row)

    carried_out(store, number, became, stopped="the server hung up", begun=(4, 5))
    assert state(store, number) == "interrupted"
    planned = plan(store, number)
    assert planned.items == (2, 3, 4, 5)
    ask(store, cleanup_undo.approve, planned, NOW)
    assert [(row.item, row.before is None) for row in rows(store, number)] == [
        (2, False),
        (3, False),
        (4, True),
        (5, True),
    ]

    def resolved(connection: sqlite3.Connection) -> list[int]:
        apply, undo = cleanups.runs(connection, number)
        assert cleanup_undo.require(connection, undo.id, "work", planned.hash).cleanup_id == number
        unknown = cleanup_undo.unresolved(connection, undo.id)
        looked = cleanup_runs.rows(connection, apply.id, ("begun",))
        found = [moved(looked[0]), Result(5, "skipped", None, None, "it is still there")]
        cleanup_runs.settle(connection, apply.id, found, NOW)
        cleanup_undo.resolve(connection, undo.id, NOW)
        return unknown

    (apply,) = ask(store, resolved)
    left = rows(store, number)
    assert [(row.item, row.before) for row in left][-1] == (4, replace(AFTER, uid=114))
    assert len(left) == 3
    with store.read() as connection:
        assert cleanups.runs(connection, number)[0].id == apply
    carried_out(store, number, moved)
    assert state(store, number) == "undone"


def test_what_nobody_approved_of_is_not_undone(store: Store) -> None:
    number = applied(store)
    carried_out(store, number, moved)
    planned = plan(store, number)
    with pytest.raises(NotFound, match="no message 999"):
        plan(store, number, messages=[999])
    with pytest.raises(NotFound, match="nothing from c@shop"):
        plan(store, number, senders=["c@shop.example"])
    readonly.forbid(True)
    try:
        with pytest.raises(ConsentMissing, match="--read-only"):
            ask(store, cleanup_undo.approve, planned, NOW)
    finally:
        readonly.forbid(False)
    ask(store, consents.revoke, "work", ["mailbox_modify"], NOW)
    with pytest.raises(ConsentMissing, match="mailbox_modify"):
        ask(store, cleanup_undo.approve, planned, NOW)
    ask(store, consents.grant, "work", cleanup_decisions.SCOPES, NOW)
    job_id = ask(store, cleanup_undo.approve, planned, NOW + 5)
    with store.read() as connection:
        run = cleanups.runs(connection, number)[-1]
        trail = audit.last(connection, "work", "cleanup_undo_approved")
        job = jobs.get(connection, job_id)
        assert trail is not None
        assert job is not None
        assert (run.approved_by, trail.at, job.params) == (trail.actor, NOW + 5, {"run": run.id, "hash": planned.hash})
        cleanup_undo.require(connection, run.id, "work", planned.hash)
        for wrong in [("home", planned.hash), ("work", "0" * 64)]:
            with pytest.raises(MailsyncError, match="approved"):
                cleanup_undo.require(connection, run.id, *wrong)
    ask(store, lambda connection: connection.execute("DELETE FROM cleanup_journal WHERE run_id = ? AND item = 2", (2,)))
    with store.read() as connection, pytest.raises(MailsyncError, match="not the one that was approved"):
        cleanup_undo.require(connection, run.id, "work", planned.hash)


def test_what_is_expunged_again_is_typed_again(store: Store) -> None:
    number = applied(store, actions=("expunge",))
    carried_out(store, number, lambda row: Result(row.number, "done", replace(BEFORE, uid=row.uid), None))
    planned = plan(store, number)
    assert (planned.ways, planned.expunges) == ({(None, b"INBOX"): 6}, 0)
    ask(store, cleanup_undo.approve, planned, NOW)
    assert {row.before for row in rows(store, number)} == {None}
    carried_out(store, number, moved)
    again = plan(store, number, again=True)
    assert again.expunges == 6
    with pytest.raises(UsageError, match="has to be typed"):
        ask(store, cleanup_undo.approve, again, NOW, typed="EXPUNGE 5")
    ask(store, cleanup_undo.approve, again, NOW, typed="EXPUNGE 6")
    assert {row.after for row in rows(store, number)} == {None}


def test_content_is_kept_for_an_undo(store: Store) -> None:
    bodies = [b"Subject: %d\r\n\r\n" % number for number in range(3)]
    packed = store.codec.pack(bodies)

    def write(connection: sqlite3.Connection) -> None:
        account_id = accounts.ensure(connection, [("work", "")])["work"]
        folders.upsert(connection, account_id, [("INBOX", b"INBOX", "/", "", None, None)])
        folder = folders.present(connection, account_id)["INBOX"].id
        arrivals = messages.Arrivals([1, 2, 3], [0] * 3, [""] * 3, [1] * 3, [None] * 3, packed)
        messages.add(connection, folder, arrivals, 1.0)
        messages.remove(connection, folder, None, 100.0, "expunged")

    store.write(write).result()
    items = [replace(one, digest=packed.digests[one.number]) for one in letters(2)]
    one = proposed(store, items)
    ask(store, cleanup_decisions.approve, one.id, one.hash, NOW)
    assert ask(store, messages.purge_removed, 90.0, 50.0) == 0
    assert ask(store, messages.purge_removed, 200.5, 50.0) == 1
    assert ask(store, messages.purge_removed, 300.0, 50.0) == 0
    with store.read() as connection:
        assert [contents.load(connection, number) for number in (1, 2, 3)] == [bodies[0], bodies[1], None]
    assert ask(store, messages.purge_removed, 400.0, 101.0) == 2
    with store.read() as connection:
        assert connection.execute("SELECT count(*) FROM contents").fetchone()[0] == 0
