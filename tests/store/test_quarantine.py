"""Messages set aside: counted once, due again with growing patience, closed when they go through or are gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.store import accounts, activity, audit, contents, folders, messages, purge, quarantine
from mailsync.store.database import Store

WORK, HOME = 1, 2
"""Accounts with one folder each, 1 and 2."""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    Store.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "mailsync.db", isolation_level=None)) as opened:
        opened.row_factory = sqlite3.Row
        opened.execute("PRAGMA foreign_keys = ON")
        accounts.ensure(opened, [("work", "a@example.org"), ("home", "b@example.org")])
        for account in (WORK, HOME):
            folders.upsert(opened, account, [("INBOX", b"INBOX", "/", "", None, None)])
        opened.execute("UPDATE folders SET uidvalidity = 7")
        yield opened


def aside(connection: sqlite3.Connection, uids: list[int], at: float, why: str = "why") -> None:
    messages.add_without_content(connection, 1, [(uid, 0, "", None, 0) for uid in uids], at)
    quarantine.add(connection, WORK, 1, 7, uids, "fetch", why, at)


def arrive(connection: sqlite3.Connection, folder_id: int, mail: dict[int, bytes], at: float = 0.0) -> None:
    """Messages by UID, as a sync stores them."""
    from mailsync.store.codec import Codec

    count = len(mail)
    packed = Codec(None).pack(list(mail.values()))
    arrivals = messages.Arrivals([*mail], [0] * count, [""] * count, [5] * count, [None] * count, packed)
    messages.add(connection, folder_id, arrivals, at)


def entries(connection: sqlite3.Connection, columns: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(f"SELECT {columns} FROM quarantine ORDER BY folder_id, uid, id")]


def recorded(connection: sqlite3.Connection, action: str) -> list[tuple[str, str]]:
    return [(row.account, row.detail) for row in audit.listing(connection, action=action)]


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_grow_up_to_a_bound(attempts: int, chance: float) -> None:
    this, following = quarantine.wait(attempts, chance), quarantine.wait(attempts + 1, chance)
    assert quarantine.FIRST_SECONDS * (1 - quarantine.SPREAD) <= this <= following <= quarantine.LONGEST_SECONDS
    if following < quarantine.LONGEST_SECONDS * (1 - quarantine.SPREAD):
        assert following == pytest.approx(2 * this)
        assert quarantine.wait(attempts + 1, 0.999) > quarantine.wait(attempts, 0.0)  # whatever the chance


@given(st.sampled_from(sorted(quarantine.STAGES)), st.integers(1, 50), st.integers(0, 2**62))
def test_only_a_server_is_asked_for_ever(stage: str, attempts: int, key: int) -> None:
    found = quarantine.next_attempt(stage, attempts, 1e9, key)
    if stage != "fetch" and attempts >= quarantine.ATTEMPTS:
        assert found is None
    else:
        assert found is not None
        longest = quarantine.wait(attempts, 0.0)
        assert longest * (1 - quarantine.SPREAD) - 1e-6 <= found - 1e9 <= longest + 1e-6
        assert found == quarantine.next_attempt(stage, attempts, 1e9, key)


def test_what_failed_together_does_not_come_back_together() -> None:
    waits = [quarantine.next_attempt("parse", 3, 0.0, key) or 0.0 for key in range(1000)]
    tenths = {round(wait / quarantine.wait(3, 0.0), 2) for wait in waits}
    assert len(tenths) > 15


def test_an_entry_a_message_with_its_attempts(connection: sqlite3.Connection) -> None:
    aside(connection, [3, 4], 0.0, "first")
    aside(connection, [3], 90.0, "second")
    assert quarantine.count(connection) == 2
    columns = "uid, attempts, error, created_at, last_attempt_at"
    assert entries(connection, columns) == [(3, 2, "second", 0.0, 90.0), (4, 1, "first", 0.0, 0.0)]
    aside(connection, [3, 9], 95.0)
    assert recorded(connection, "quarantined") == [
        ("work", '{"count":2,"stage":"fetch"}'),
        ("work", '{"count":1,"stage":"fetch"}'),
    ]
    assert [(entry.type, entry.count) for entry in activity.after(connection, 0)] == [
        ("quarantined", 2),
        ("quarantined", 1),
    ]


def test_what_a_server_did_not_give_is_due_again_in_time(connection: sqlite3.Connection) -> None:
    at = 0.0
    for attempt in range(1, 17):
        aside(connection, [3], at)
        when = quarantine.next_attempt("fetch", attempt, at, 1)
        assert when is not None
        assert quarantine.uids_due(connection, 1, when - 1) == frozenset()
        assert quarantine.folders_due(connection, WORK, when - 1) == frozenset()
        at = when
        assert quarantine.uids_due(connection, 1, at) == {3}
        assert quarantine.folders_due(connection, WORK, at) == {1}
        assert quarantine.folders_due(connection, HOME, at) == frozenset()


def test_bytes_that_come_at_last_release_the_message(connection: sqlite3.Connection) -> None:
    aside(connection, [3, 4], 0.0)
    arrive(connection, 1, {3: b"here"}, 70.0)
    assert entries(connection, "uid, resolved_at") == [(3, 70.0), (4, None)]
    assert recorded(connection, "released") == [("work", '{"count":1,"stage":"fetch"}')]


def test_a_stage_fails_until_it_gives_up_and_another_version_tries_again(connection: sqlite3.Connection) -> None:
    arrive(connection, 1, {3: b"poison", 4: b"well"})
    arrive(connection, 2, {8: b"poison"})
    quarantine.failed(connection, [(1, "ValueError")], 4, 50.0)
    messages.remove(connection, 2, None, 60.0, "expunged")  # and not settled yet
    arrive(connection, 2, {9: b"poison"}, 70.0)
    at = quarantine.next_attempt("parse", 1, 50.0, 1) or 0.0
    for attempt in range(2, quarantine.ATTEMPTS + 1):
        quarantine.failed(connection, [(1, "ValueError")], 5, at)
        assert quarantine.due(connection, 5, at, 10) == []
        when = quarantine.next_due(connection, 5)
        assert when == quarantine.next_attempt("parse", attempt, at, 1)
        assert quarantine.due(connection, 5, when or 1e9, 10) == ([1] if when else [])
        at = when or at
    assert quarantine.next_due(connection, 5) is None
    assert entries(connection, "folder_id, uid, attempts, version, content_id") == [
        (1, 3, quarantine.ATTEMPTS, 5, 1),
        (2, 8, quarantine.ATTEMPTS, 5, 1),
        (2, 9, quarantine.ATTEMPTS, 5, 1),
    ]
    assert (quarantine.next_due(connection, 6), quarantine.due(connection, 6, 0.0, 10)) == (0.0, [1])
    assert quarantine.due(connection, 6, 1e9, 10, "envelope") == []
    assert quarantine.uids_due(connection, 1, 1e9) == frozenset()

    quarantine.recovered(connection, [1, 2], at)
    assert quarantine.count(connection) == 0
    assert quarantine.due(connection, 6, 1e9, 10) == []
    assert recorded(connection, "quarantined") == [
        ("home", '{"count":1,"stage":"parse"}'),
        ("work", '{"count":1,"stage":"parse"}'),
    ]
    assert recorded(connection, "released") == [
        ("home", '{"count":2,"stage":"parse"}'),
        ("work", '{"count":1,"stage":"parse"}'),
    ]


def test_a_person_has_it_tried_or_discards_it(connection: sqlite3.Connection) -> None:
    arrive(connection, 1, {3: b"poison", 4: b"toxin"})
    arrive(connection, 2, {8: b"poison"})
    quarantine.failed(connection, [(1, "ValueError"), (2, "ValueError")], 5, 0.0)
    first, second, third = (row[0] for row in connection.execute("SELECT id FROM quarantine ORDER BY uid"))
    assert quarantine.ask(connection, [first], 0.0) == [first, third]  # the same content in both folders
    assert quarantine.due(connection, 5, 0.0, 10) == [1]

    assert quarantine.discard(connection, [third, 999], 9.0) == [first, third]
    assert quarantine.discard(connection, [third], 9.0) == [first, third]
    assert quarantine.count(connection) == 1
    assert (quarantine.due(connection, 6, 1e9, 10), [*quarantine.discarded(connection)]) == ([2], [1])
    quarantine.failed(connection, [(1, "ValueError")], 6, 20.0)  # as when everything is gone over anew
    assert (quarantine.count(connection), quarantine.due(connection, 7, 1e9, 10)) == (1, [2])
    assert recorded(connection, "discarded") == [
        ("home", '{"count":1,"stage":"parse"}'),
        ("work", '{"count":1,"stage":"parse"}'),
    ]
    assert contents.load(connection, 1) == b"poison"

    assert quarantine.ask(connection, None, 9.0) == [second]
    assert quarantine.ask(connection, [first], 9.0) == [first, third]  # asked for, it is not discarded any more
    assert (quarantine.count(connection), quarantine.counts(connection)) == (3, {"work": 2, "home": 1})


def test_what_is_gone_is_settled(connection: sqlite3.Connection) -> None:
    aside(connection, [3, 4], 0.0)
    messages.remove(connection, 1, [3], 5.0, "expunged")
    quarantine.settle(connection, 1, 6.0)
    assert quarantine.count(connection) == 1
    assert quarantine.uids_due(connection, 1, 1e9) == {4}
    # The same UID under the same UIDVALIDITY may fail again: a new entry, the old one stays as history.
    aside(connection, [3], 10.0)
    rows = connection.execute("SELECT resolved_at, attempts FROM quarantine WHERE uid = 3 ORDER BY id")
    assert [tuple(row) for row in rows] == [(6.0, 1), (None, 1)]
    assert recorded(connection, "released") == []


@pytest.mark.parametrize("discard", [False, True])
def test_a_message_that_moves_stays_set_aside(connection: sqlite3.Connection, discard: bool) -> None:
    arrive(connection, 1, {3: b"poison", 4: b"well"})
    quarantine.failed(connection, [(1, "ValueError"), (2, "ValueError")], 5, 0.0)
    connection.execute("INSERT INTO documents (id, content_id, thread_id, version) VALUES (256, 2, 1, 5)")
    quarantine.recovered(connection, [2], 1.0)
    if discard:
        quarantine.discard(connection, [1], 2.0)
    messages.remove(connection, 1, None, 5.0, "expunged")
    quarantine.settle(connection, 1, 5.0)
    assert quarantine.count(connection) == 0
    arrive(connection, 2, {20: b"poison", 21: b"well", 22: b"new"}, 9.0)
    assert quarantine.due(connection, 6, 9.0, 10) == ([] if discard else [1])
    open_ones = "SELECT folder_id, uid, content_id, attempts FROM quarantine WHERE resolved_at IS NULL"
    assert [tuple(row) for row in connection.execute(open_ones)] == [(2, 20, 1, 1)]


def test_one_that_fails_after_its_deletion_is_known_when_it_returns(connection: sqlite3.Connection) -> None:
    arrive(connection, 1, {3: b"poison"})
    messages.remove(connection, 1, None, 5.0, "expunged")
    quarantine.failed(connection, [(1, "ValueError")], 5, 6.0)
    assert (quarantine.count(connection), recorded(connection, "quarantined")) == (0, [])
    arrive(connection, 1, {4: b"poison"}, 9.0)
    assert entries(connection, "uid, resolved_at") == [(3, 6.0), (4, None)]


def test_bytes_stay_while_the_message_is_set_aside_and_go_with_it(connection: sqlite3.Connection) -> None:
    arrive(connection, 1, {3: b"poison"})
    arrive(connection, 2, {8: b"well"})
    quarantine.failed(connection, [(1, "ValueError"), (2, "ValueError")], 5, 0.0)
    messages.remove(connection, 1, None, 5.0, "expunged")
    messages.purge_removed(connection, 10.0)
    assert contents.load(connection, 1) == b"poison"  # its removal was not settled yet
    arrive(connection, 1, {4: b"poison"}, 11.0)
    messages.remove(connection, 1, None, 15.0, "expunged")
    quarantine.settle(connection, 1, 15.0)
    messages.purge_removed(connection, 20.0)
    assert contents.load(connection, 1) is None
    assert entries(connection, "uid") == [(8,)]


def test_a_purge_takes_what_was_set_aside(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path)) as store:

        def fill(connection: sqlite3.Connection) -> None:
            accounts.ensure(connection, [("work", "a@example.org"), ("home", "b@example.org")])
            for account in (WORK, HOME):
                folders.upsert(connection, account, [("INBOX", b"INBOX", "/", "", None, None)])
            connection.execute("UPDATE folders SET uidvalidity = 7")
            arrive(connection, 1, {3: b"mine"})
            arrive(connection, 2, {8: b"yours"})
            quarantine.failed(connection, [(1, "ValueError"), (2, "ValueError")], 5, 0.0)

        store.write(fill).result()
        counts = purge.run(store, "work", 9.0, keep=True, stopping=lambda: False)
        assert counts["contents"] == 1
        with store.read() as connection:
            assert [tuple(row) for row in connection.execute("SELECT account_id, uid FROM quarantine")] == [(HOME, 8)]
            assert contents.load(connection, 1) is None
            assert contents.load(connection, 2) == b"yours"
