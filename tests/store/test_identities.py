"""Rows that change their folder or their UID: ids, counters and content stay what they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailsync.store import folders, holdings, identities, messages, quarantine
from mailsync.store.codec import Codec
from mailsync.store.database import Store
from mailsync.store.identities import Adopted, Rekeyed
from tests.store.test_messages import arrivals, two_folders
from tests.sync.rig import counters_are_exact


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    Store.open(tmp_path).close()
    opened = sqlite3.connect(tmp_path / "mailsync.db", isolation_level=None)
    opened.row_factory = sqlite3.Row
    opened.execute("PRAGMA foreign_keys = 1")
    yield opened
    opened.close()


def rows(connection: sqlite3.Connection, folder_id: int) -> dict[int, int]:
    """messages.id by UID."""
    found = connection.execute("SELECT uid, id FROM messages WHERE folder_id = ?", (folder_id,))
    return {row[0]: row[1] for row in found}


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(1, 12)), st.integers(0, 8), st.sampled_from([1, 3, 2000]))
def test_new_uids_may_be_the_old_ones_of_others(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, new: list[int], kept: int, portion: int
) -> None:
    monkeypatch.setattr(identities, "PORTION", portion)
    connection.execute("BEGIN")
    a, _ = two_folders(connection)
    messages.add(connection, a, arrivals(Codec(None), {uid: (0, "", b"%d" % uid) for uid in range(1, 9)}), 1.0)
    ids = rows(connection, a)
    quarantine.add(connection, 1, a, 7, [3], "fetch", "why", 1.0)
    old = range(1, kept + 1)
    rekeyed = Rekeyed([ids[uid] for uid in old], old, new[:kept], lambda _: (1, "k"), lambda n: (f"M{n}", None))
    assert identities.rekey(connection, a, rekeyed, 2.0) == (kept, 8 - kept)
    quarantine.rekey(connection, a, 8, 2.0)
    assert rows(connection, a) == {new[uid - 1]: ids[uid] for uid in range(1, kept + 1)}
    named = connection.execute("SELECT uid, emailid, flags, keywords FROM messages").fetchall()
    assert {tuple(row) for row in named} == {(new[uid - 1], f"M{uid - 1}", 1, "k") for uid in old}
    removed = connection.execute("SELECT id, uidvalidity, reason FROM removed_messages").fetchall()
    assert {row[0] for row in removed} == {ids[uid] for uid in range(kept + 1, 9)}
    assert {(row[1], row[2]) for row in removed} <= {(7, "uidvalidity")}
    assert counters_are_exact(connection)
    assert quarantine.count(connection) == 0
    connection.execute("ROLLBACK")


def adopted(uid: int, row: int | None, content: int) -> Adopted:
    return Adopted(uid, row, content, 1, "", 1_000_001, None, None)


def test_what_was_removed_is_taken_over_once(connection: sqlite3.Connection) -> None:
    a, b = two_folders(connection)
    messages.add(connection, a, arrivals(Codec(None), {1: (0, "", b"one")}), 1.0)
    (number,) = rows(connection, a).values()
    (content,) = connection.execute("SELECT id FROM contents").fetchone()
    messages.remove(connection, a, [1], 2.0, "expunged")
    assert identities.adopt(connection, b, [adopted(5, number, content), adopted(6, number, content)], 3.0) == [5, 6]
    assert rows(connection, b)[5] == number != rows(connection, b)[6]
    assert connection.execute("SELECT count(*) FROM removed_messages").fetchone()[0] == 0
    assert counters_are_exact(connection)
    assert identities.adopt(connection, b, [adopted(7, None, content + 99)], 3.0) == []  # its content is gone


def test_an_original_that_left_while_its_copy_was_looked_at(connection: sqlite3.Connection) -> None:
    a, b = two_folders(connection)
    messages.add(connection, a, arrivals(Codec(None), {1: (0, "", b"one")}), 1.0)
    (number,) = rows(connection, a).values()
    (content,) = connection.execute("SELECT id FROM contents").fetchone()
    messages.remove(connection, a, [1], 2.0, "expunged")
    identities.adopt(connection, b, [adopted(5, None, content)], 3.0)
    assert rows(connection, b) == {5: number}


@pytest.mark.parametrize("left_first", [True, False])
def test_a_move_without_metadata_is_seen_by_its_bytes(connection: sqlite3.Connection, left_first: bool) -> None:
    a, b = two_folders(connection)
    codec = Codec(None)
    messages.add(connection, a, arrivals(codec, {1: (0, "", b"one")}), 10.0)
    folders.finish_sync(connection, a, folders.Checkpoint(7, 2, None, 1), "first", 11.0)
    (number,) = rows(connection, a).values()
    steps: list[Callable[[], object]] = [
        lambda: messages.remove(connection, a, [1], 20.0, "expunged"),
        lambda: messages.add(connection, b, arrivals(codec, {1: (0, "", b"one")}), 20.0),
    ]
    for step in steps if left_first else reversed(steps):
        step()
    assert rows(connection, b) == {1: number}
    assert connection.execute("SELECT count(*) FROM removed_messages").fetchone()[0] == 0
    assert counters_are_exact(connection)


def test_an_old_copy_stays_a_copy(connection: sqlite3.Connection) -> None:
    a, b = two_folders(connection)
    codec = Codec(None)
    for folder in (a, b):
        messages.add(connection, folder, arrivals(codec, {1: (0, "", b"one")}), 10.0)
        folders.finish_sync(connection, folder, folders.Checkpoint(7, 2, None, 1), "first", 11.0)
    before = rows(connection, b)
    messages.remove(connection, a, [1], 20.0, "expunged")
    assert rows(connection, b) == before
    assert connection.execute("SELECT count(*) FROM removed_messages").fetchone()[0] == 1


def test_holdings_are_sets(connection: sqlite3.Connection) -> None:
    a, _ = two_folders(connection)
    found = {uid: (uid % 8, "k x" if uid > 7 else "", b"%d" % uid) for uid in range(1, 10)}
    messages.add(connection, a, arrivals(Codec(None), found), 1.0)
    messages.add_without_content(connection, a, [(20, 0, "", None, 9)], 1.0)

    def numbers(text: str) -> set[int]:
        return set(map(int, filter(None, text.split(","))))

    assert numbers(holdings.uids(connection, a)) == {*found, 20}
    assert numbers(holdings.within(connection, a, [(1, 2), (9, 4_294_967_295)])) == {1, 2, 9, 20}
    assert numbers(holdings.waiting(connection, a)) == {20}
    assert holdings.newest(connection, a, 2) == 9
    assert holdings.newest(connection, a, 99) is None
    flags = holdings.flags(connection, a)
    assert flags.total == 10
    assert numbers(flags.unseen) == {2, 4, 6, 8, 20}
    assert numbers(flags.answered) == {2, 3, 6, 7}
    assert numbers(flags.flagged) == {4, 5, 6, 7}
    assert {words: numbers(text) for words, text in flags.keywords.items()} == {"k x": {8, 9}}
    states = {state: numbers(text) for state, text in holdings.states(connection, a, [(1, 2), (8, 9)]).items()}
    assert states == {(1, ""): {1}, (2, ""): {2}, (0, "k x"): {8}, (1, "k x"): {9}}


def test_what_is_rare_is_found_by_its_index(connection: sqlite3.Connection) -> None:
    a, _ = two_folders(connection)
    said: list[str] = []
    for read, index in ((holdings.waiting, "messages_without_content"), (holdings.flags, "messages_by_flags")):
        connection.set_trace_callback(said.append)
        read(connection, a)
        connection.set_trace_callback(None)
        assert index in connection.execute(f"EXPLAIN QUERY PLAN {said[-1]}").fetchone()[3]
