"""The message list's readings against the plain statement they stand for."""

from __future__ import annotations

import random
import sqlite3
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.store import contents, listing, messages, quarantine
from mailsync.store.database import Store

DATES = (None, 0, 5, 5, 5, -7, 1_700_000_000, 1_700_000_001)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    opened.write(prepare).result()
    yield opened
    opened.close()


def prepare(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO accounts (id, name) VALUES (1, 'home')")
    connection.executemany(
        "INSERT INTO folders (id, account_id, name, raw_name) VALUES (?, 1, ?, ?)",
        [(1, "INBOX", b"INBOX"), (2, "Other", b"Other")],
    )


def put(store: Store, folder_id: int, dates: list[int | None], first_uid: int = 1) -> None:
    """Messages with these dates, in this order."""

    def write(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO messages (folder_id, uid, internaldate, created_at) VALUES (?, ?, ?, 0)",
            [(folder_id, first_uid + number, date) for number, date in enumerate(dates)],
        )
        messages.recount(connection, folder_id)

    store.write(write).result()


def expected(connection: sqlite3.Connection, folder_id: int) -> array[int]:
    rows = connection.execute(
        "SELECT id FROM messages WHERE folder_id = ? ORDER BY internaldate DESC, id DESC", (folder_id,)
    )
    return array("q", [row[0] for row in rows])


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 100])
def test_the_list_in_chunks(store: Store, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(listing, "FIRST_CHUNK", 2)
    monkeypatch.setattr(listing, "CHUNK", 3)
    chance = random.Random(count)
    put(store, 1, [chance.choice(DATES) for _ in range(count)])
    put(store, 2, [3, 4])
    with store.read() as connection:
        assert listing.ids(connection, 1) == expected(connection, 1)
        pieces = [len(chunk) for chunk in listing.chunks(connection, 1)]
        assert all(pieces)
        assert sum(pieces) == count
        assert listing.horizon(connection, 1).messages == count


@pytest.mark.parametrize("seed", range(12))
def test_arrivals_come_to_their_places(store: Store, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(listing, "INTERLEAVED", 4)
    chance = random.Random(seed)
    put(store, 1, [chance.choice(DATES) for _ in range(chance.randrange(12))])
    uid = 100
    for _ in range(12):
        with store.read() as connection:
            known, seen = listing.ids(connection, 1), listing.horizon(connection, 1)
        dates = [chance.choice((*DATES, 2_000_000_000 + uid, -uid)) for _ in range(chance.randrange(8))]
        put(store, 1, dates, uid)
        put(store, 2, [1] * chance.randrange(3), uid)
        uid += 10
        with store.read() as connection:
            now = listing.horizon(connection, 1)
            found = listing.extended(connection, 1, known, seen, now)
            assert found is None or found == expected(connection, 1)
            if not dates:
                assert found is known
            if len(dates) <= 4 and found is None:
                pytest.fail("a few arrivals are no reason to read the whole list again")


def test_removals_ask_for_the_whole_list(store: Store) -> None:
    put(store, 1, [1, 2, 3, 4])
    with store.read() as connection:
        known, seen = listing.ids(connection, 1), listing.horizon(connection, 1)
    store.write(lambda c: messages.remove(c, 1, [2], 0.0, "expunged")).result()
    put(store, 1, [9], 50)
    with store.read() as connection:
        assert listing.extended(connection, 1, known, seen, listing.horizon(connection, 1)) is None


def test_a_page_with_and_without_envelopes(store: Store) -> None:
    raws = [b"Subject: one\r\n\r\n", b"Subject: two\r\n\r\n"]
    packed = store.codec.pack(raws)
    arrivals = messages.Arrivals([1, 2], [1, 4], ["", ""], [10, 20], [None, None], packed)
    store.write(lambda c: messages.add(c, 1, arrivals, 0.0)).result()
    put(store, 1, [30], 3)
    odd = 'quote " back \\ slash \x01 子 \u2028'

    def write(connection: sqlite3.Connection) -> None:
        content = connection.execute("SELECT content_id FROM messages WHERE uid = 2").fetchone()[0]
        connection.execute(
            "INSERT INTO envelopes VALUES (?, 20, '<2@x>', ?, 'Name', 'a@b', 'to', '', 1)", (content, odd)
        )

    store.write(write).result()
    with store.read() as connection:
        ids = listing.ids(connection, 1)
        page = listing.page(connection, [*ids, 4711])
    assert list(ids) == sorted(page, reverse=True)
    newest, two, one = (page[ident] for ident in ids)
    assert (newest.fetched, newest.envelope, newest.internaldate) == (False, False, 30)
    assert (two.fetched, two.envelope, two.subject, two.from_name, two.has_attachments) == (
        True,
        True,
        odd,
        "Name",
        True,
    )
    assert (one.fetched, one.envelope, one.subject, one.flags, one.size) == (True, False, "", 1, len(raws[0]))


def test_one_message(store: Store) -> None:
    raw = b"Subject: one\r\n\r\n\x00\xff"
    packed = store.codec.pack([raw])
    store.write(
        lambda c: messages.add(c, 1, messages.Arrivals([1], [1], ["$Work"], [10], [None], packed), 0.0)
    ).result()
    put(store, 1, [30], 3)
    store.write(lambda c: quarantine.add(c, 1, 1, 1, [3], "fetch", "no answer", 0.0)).result()
    with store.read() as connection:
        empty, whole = (listing.message(connection, ident) for ident in listing.ids(connection, 1))
        assert listing.message(connection, 4711) is None
        assert contents.load(connection, 4711) is None
    assert whole is not None
    assert (whole.raw, whole.account, whole.folder, whole.uid, whole.keywords) == (raw, "home", "INBOX", 1, "$Work")
    assert empty is not None
    assert (empty.raw, empty.problem) == (None, "no answer")


def test_the_list_of_a_label(store: Store) -> None:
    put(store, 1, [5, None, 9, 7])
    put(store, 2, [8])

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO labels (id, account_id, name) VALUES (3, 1, 'Clients'), (4, 1, 'Other')")
        connection.execute("INSERT INTO message_labels VALUES (1, 3), (2, 3), (3, 3), (5, 3), (4, 4)")

    store.write(write).result()
    with store.read() as connection:
        seen = listing.horizon(connection, -3)
        known = listing.ids(connection, -3)
        assert known.tolist() == [3, 5, 1, 2]
        assert seen.messages == 4
        assert listing.extended(connection, -3, known, seen, listing.horizon(connection, -3)) is known
        found = listing.message(connection, 3)
        assert found is not None
        assert found.labels == ("Clients",)
    # As many as before, and none of them new: only the sum of their ids tells.
    store.write(lambda c: c.execute("UPDATE message_labels SET message_id = 4 WHERE message_id = 3")).result()
    with store.read() as connection:
        now = listing.horizon(connection, -3)
        assert now.messages == seen.messages
        assert listing.extended(connection, -3, known, seen, now) is None
        assert listing.ids(connection, -3).tolist() == [5, 4, 1, 2]
        assert listing.ids(connection, -9).tolist() == []
        assert listing.horizon(connection, -9).messages == 0
