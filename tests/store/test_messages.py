"""Message rows: the counters are exact whatever happens in whatever order, and nothing is stored twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mailsync.store import accounts, contents, folders, messages, quarantine
from mailsync.store.codec import Codec
from mailsync.store.database import Store
from mailsync.store.messages import Arrivals
from tests.sync.rig import counters_are_exact

UIDS = st.lists(st.integers(1, 25), max_size=8, unique=True)
BODIES = [b"", b"a", b"one\r\n" * 10, b"two\r\n" * 99, b"three"]


def arrivals(codec: Codec, found: dict[int, tuple[int, str, bytes]]) -> Arrivals:
    return Arrivals(
        list(found),
        [flags for flags, _, _ in found.values()],
        [keywords for _, keywords, _ in found.values()],
        [1_000_000 + uid for uid in found],
        [None] * len(found),
        codec.pack([body for _, _, body in found.values()]),
    )


def two_folders(connection: sqlite3.Connection) -> tuple[int, int]:
    account = accounts.ensure(connection, [("work", "a@example.org")])["work"]
    folders.upsert(connection, account, [(name, name.encode(), "/", "", None, None) for name in ("a", "b")])
    for folder in folders.present(connection, account).values():
        folders.start_sync(connection, folder.id, 7, 0, "first")
    present = folders.present(connection, account)
    return present["a"].id, present["b"].id


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a database of the right schema, without the store's threads."""
    Store.open(tmp_path).close()
    opened = sqlite3.connect(tmp_path / "mailsync.db", isolation_level=None)
    opened.row_factory = sqlite3.Row
    opened.execute("PRAGMA foreign_keys = 1")
    yield opened
    opened.close()


class Mailboxes(RuleBasedStateMachine):
    """Two folders beside a model of them: {folder: {uid: (flags, keywords, body or None)}}."""

    connection: sqlite3.Connection

    @initialize()
    def start(self) -> None:
        self.codec = Codec(None)
        self.connection.execute("BEGIN")
        self.ids = two_folders(self.connection)
        self.model: tuple[dict[int, tuple[int, str, bytes | None]], ...] = ({}, {})
        self.removed: Counter[tuple[bytes | None, int]] = Counter()

    def teardown(self) -> None:
        self.connection.execute("ROLLBACK")

    @rule(which=st.integers(0, 1), uids=UIDS, data=st.data())
    def arrive(self, which: int, uids: list[int], data: st.DataObject) -> None:
        found = {
            uid: (
                data.draw(st.integers(0, 31)),
                data.draw(st.sampled_from(["", "x y"])),
                data.draw(st.sampled_from(BODIES)),
            )
            for uid in uids
        }
        added = messages.add(self.connection, self.ids[which], arrivals(self.codec, found), 1.0)
        box = self.model[which]
        assert added == len([uid for uid in uids if uid not in box])
        for uid in found.keys() - box.keys():  # what was removed comes back
            self.removed -= Counter([(found[uid][2], uid)])
        for uid, state in found.items():
            if uid not in box or box[uid][2] is None:
                box[uid] = state

    @rule(which=st.integers(0, 1), uids=UIDS)
    def fail(self, which: int, uids: list[int]) -> None:
        messages.add_without_content(self.connection, self.ids[which], [(uid, 0, "", None, 9) for uid in uids], 1.0)
        for uid in uids:
            self.model[which].setdefault(uid, (0, "", None))

    @rule(which=st.integers(0, 1), changes=st.dictionaries(st.integers(1, 25), st.integers(0, 31), max_size=8))
    def reflag(self, which: int, changes: dict[int, int]) -> None:
        box = self.model[which]
        changed = messages.set_flags(
            self.connection, self.ids[which], [(uid, bits, "z") for uid, bits in changes.items()]
        )
        assert changed == sum(uid in box and box[uid][:2] != (bits, "z") for uid, bits in changes.items())
        for uid, bits in changes.items():
            if uid in box:
                box[uid] = (bits, "z", box[uid][2])

    @rule(which=st.integers(0, 1), uids=st.one_of(st.none(), UIDS))
    def remove(self, which: int, uids: list[int] | None) -> None:
        box = self.model[which]
        going = [uid for uid in box if uids is None or uid in uids]
        assert messages.remove(self.connection, self.ids[which], uids, 5.0, "expunged") == len(going)
        for uid in going:
            self.removed[(box.pop(uid)[2], uid)] += 1

    @rule()
    def purge(self) -> None:
        assert messages.purge_removed(self.connection, 4.0) == 0
        assert messages.purge_removed(self.connection, 6.0) == self.removed.total()
        self.removed.clear()

    @invariant()
    def holds(self) -> None:
        assert counters_are_exact(self.connection)
        used = set()
        for folder_id, box in zip(self.ids, self.model, strict=True):
            known = messages.known(self.connection, folder_id)
            assert list(known.uids) == sorted(box)
            assert list(known.flags) == [box[uid][0] for uid in sorted(box)]
            assert list(known.keywords) == [box[uid][1] for uid in sorted(box)]
            assert known.without_content == [uid for uid in sorted(box) if box[uid][2] is None]
            assert folders.next_uid(self.connection, folder_id) == max(box, default=0) + 1
            bodies = {uid: body for uid, (_, _, body) in box.items() if body is not None}
            assert messages.differing(self.connection, folder_id, bodies) == []
            used |= set(bodies.values())
        stored = self.connection.execute("SELECT count(*) FROM contents").fetchone()[0]
        assert len(used) <= stored <= len(BODIES)
        assert self.connection.execute("SELECT count(*) FROM removed_messages").fetchone()[0] == self.removed.total()
        assert self.connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_counters_under_any_order_of_operations(connection: sqlite3.Connection) -> None:
    machine = type("Mailboxes", (Mailboxes,), {"connection": connection})
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=15, deadline=None))


def test_content_lives_as_long_as_anyone_refers_to_it(connection: sqlite3.Connection) -> None:
    a, b = two_folders(connection)
    codec = Codec(None)
    letter = {1: (0, "", b"same bytes")}
    messages.add(connection, a, arrivals(codec, letter), 1.0)
    messages.add(connection, b, arrivals(codec, letter), 1.0)
    (content_id,) = connection.execute("SELECT id FROM contents").fetchone()

    messages.remove(connection, a, [1], 5.0, "expunged")
    assert messages.purge_removed(connection, 6.0) == 1
    assert contents.load(connection, content_id) == b"same bytes"  # b has it still

    messages.remove(connection, b, None, 7.0, "uidvalidity")
    assert messages.purge_removed(connection, 7.0) == 0  # younger than that
    assert contents.load(connection, content_id) == b"same bytes"
    row = connection.execute("SELECT uid, uidvalidity, reason FROM removed_messages").fetchone()
    assert tuple(row) == (1, 7, "uidvalidity")
    assert messages.purge_removed(connection, 8.0) == 1
    assert contents.load(connection, content_id) is None


def test_what_was_set_aside_keeps_its_content(connection: sqlite3.Connection) -> None:
    a, _ = two_folders(connection)
    messages.add(connection, a, arrivals(Codec(None), {1: (0, "", b"odd")}), 1.0)
    (content_id,) = connection.execute("SELECT id FROM contents").fetchone()
    quarantine.failed(connection, [(content_id, "ValueError")], 1, 1.0)
    messages.remove(connection, a, [1], 5.0, "expunged")
    messages.purge_removed(connection, 6.0)
    assert contents.load(connection, content_id) == b"odd"


def test_a_message_that_was_missing_is_completed(connection: sqlite3.Connection) -> None:
    a, _ = two_folders(connection)
    messages.add_without_content(connection, a, [(4, 1, "k", 77, 1000)], 1.0)
    quarantine.add(connection, 1, a, 7, [4], "fetch", "why", 1.0)
    assert quarantine.count(connection) == 1
    assert messages.add(connection, a, arrivals(Codec(None), {4: (2, "new", b"here it is")}), 2.0) == 0
    row = connection.execute("SELECT flags, keywords, size, internaldate FROM messages").fetchone()
    assert tuple(row) == (2, "new", 10, 1_000_004)
    assert quarantine.count(connection) == 0
    assert counters_are_exact(connection)


def test_the_view_for_people(connection: sqlite3.Connection) -> None:
    a, _ = two_folders(connection)
    messages.add(connection, a, arrivals(Codec(None), {1: (5, "$Label1", b"bytes")}), 1.0)
    row = connection.execute("SELECT * FROM mail").fetchone()
    assert (row["account"], row["folder"], row["uid"], row["flags"]) == ("work", "a", 1, "\\Seen \\Flagged $Label1")
    assert row["internaldate"] == row["date"] == "1970-01-12T13:46:41Z"
    assert row["sha256"] == "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9"
