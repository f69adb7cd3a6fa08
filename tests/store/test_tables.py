"""The small tables: accounts and their states, consents, folders and their checkpoints, activity, the WAL."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.store import accounts, activity, consents, folders
from mailsync.store.database import FILE_NAME, WAL_LIMIT, Store


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    Store.open(tmp_path).close()
    opened = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    opened.row_factory = sqlite3.Row
    yield opened
    opened.close()


def state(connection: sqlite3.Connection, name: str = "work") -> tuple[str, str, float]:
    row = connection.execute("SELECT state, state_detail, state_since FROM accounts WHERE name = ?", (name,)).fetchone()
    return row[0], row[1], row[2]


def test_accounts_keep_their_rows_and_their_order(connection: sqlite3.Connection) -> None:
    first = accounts.ensure(connection, [("work", "w@x"), ("home", "h@x")])
    accounts.set_state(connection, "work", "watching", 5.0)
    second = accounts.ensure(connection, [("new", "n@x"), ("work", "w2@x")])
    assert second["work"] == first["work"]
    rows = connection.execute("SELECT name, email, position, state FROM accounts ORDER BY id").fetchall()
    assert [tuple(row) for row in rows] == [
        ("work", "w2@x", 1, "watching"),
        ("home", "h@x", 1, "disconnected"),  # no longer named: its mail stays
        ("new", "n@x", 0, "disconnected"),
    ]


def test_a_state_has_a_beginning(connection: sqlite3.Connection) -> None:
    accounts.ensure(connection, [("work", "w@x")])
    accounts.set_state(connection, "work", "backing_off", 5.0, "first", "wait")
    accounts.set_state(connection, "work", "backing_off", 9.0, "again", "wait")
    assert state(connection) == ("backing_off", "again", 5.0)
    accounts.set_state(connection, "work", "watching", 12.0)
    assert state(connection) == ("watching", "", 12.0)


def test_what_waits_for_a_person_survives_the_end_of_an_engine_but_not_its_start(
    connection: sqlite3.Connection,
) -> None:
    names = ["syncing", "watching", "backing_off", "needs_login", "needs_consent", "error"]
    accounts.ensure(connection, [(name, "") for name in names])
    for name in names:
        accounts.set_state(connection, name, name, 1.0)  # type: ignore[arg-type]
    waiting = {name for name in names if accounts.waits_for_person(connection, name)}
    assert waiting == {"needs_login", "needs_consent", "error"}
    accounts.reset_states(connection, 2.0, problems=False)
    assert {name for name in names if state(connection, name)[0] == name} == waiting
    accounts.reset_states(connection, 3.0, problems=True)
    assert {state(connection, name)[0] for name in names} == {"disconnected"}


def test_the_last_sync_is_the_last_good_one(connection: sqlite3.Connection) -> None:
    accounts.ensure(connection, [("work", "w@x")])
    accounts.finish_sync(connection, "work", 10.0, None, "")
    accounts.finish_sync(connection, "work", 20.0, "no route", "check the cable")
    row = connection.execute("SELECT last_sync_at, error, error_hint FROM accounts").fetchone()
    assert tuple(row) == (10.0, "no route", "check the cable")
    accounts.finish_sync(connection, "work", 30.0, None, "stale")
    row = connection.execute("SELECT last_sync_at, error, error_hint FROM accounts").fetchone()
    assert tuple(row) == (30.0, None, None)


def test_consents_are_given_taken_and_given_again(connection: sqlite3.Connection) -> None:
    consents.grant(connection, "work", ["email_read", "mailbox_access"], 1.0)
    consents.grant(connection, "work", ["email_read"], 2.0)  # changes nothing
    consents.revoke(connection, "work", ["email_read", "mailbox_modify"], 3.0)
    assert consents.granted(connection, "work") == {"mailbox_access"}
    assert consents.granted(connection, "home") == frozenset()
    listing = [(one.scope, one.granted_at, one.revoked_at) for one in consents.listing(connection)]
    assert listing == [("email_read", 1.0, 3.0), ("mailbox_access", 1.0, None)]
    consents.grant(connection, "work", ["email_read"], 4.0)
    assert [(one.granted_at, one.revoked_at) for one in consents.listing(connection)] == [(4.0, None), (1.0, None)]


def test_a_folder_from_first_sight_to_its_end(connection: sqlite3.Connection) -> None:
    account = accounts.ensure(connection, [("work", "w@x")])["work"]
    folders.upsert(connection, account, [("Ü", b"&ANw-", "/", "\\Sent", 7, None)])
    folder = folders.present(connection, account)["Ü"]
    assert (folder.raw_name, folder.special_use, folder.uidvalidity, folder.first_sync_at) == (
        b"&ANw-",
        "\\Sent",
        None,
        None,
    )

    folders.start_sync(connection, folder.id, 5, 7, "first")
    folders.finish_sync(connection, folder.id, folders.Checkpoint(5, 8, 99, 7), "first", 10.0)
    folders.finish_sync(connection, folder.id, folders.Checkpoint(5, 9, 100, 8), "scan", 20.0)
    folder = folders.get(connection, folder.id)
    assert (folder.uidvalidity, folder.uidnext, folder.highestmodseq) == (5, 9, 100)
    assert (folder.first_sync_at, folder.last_sync_at) == (10.0, 20.0)

    folders.note_arrivals(connection, folder.id, 12, 11)
    folders.note_arrivals(connection, folder.id, 10, 11)  # never backwards
    folder = folders.get(connection, folder.id)
    assert (folder.uidnext, folder.highestmodseq) == (12, 100)

    folders.fail_sync(connection, folder.id, "why", "hint")
    folders.upsert(connection, account, [("Ü", b"&ANw-", "/", "", None, None)])
    row = connection.execute("SELECT error, special_use, server_messages, syncing FROM folders").fetchone()
    assert tuple(row) == ("why", "", 11, 0)

    folders.mark_gone(connection, folder.id, 30.0)
    assert folders.present(connection, account) == {}
    folders.upsert(connection, account, [("Ü", b"&ANw-", "/", "", 3, None)])
    back = folders.present(connection, account)["Ü"]
    assert (back.id, back.uidvalidity, back.first_sync_at) == (folder.id, None, None)


def test_activity_is_bounded(connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "KEPT", 700)
    for number in range(1600):
        activity.add(connection, float(number), "work", "INBOX", "new", count=number)
    kept = connection.execute("SELECT count(*), min(count), max(count) FROM activity").fetchone()
    assert 700 <= kept[0] <= 1200
    assert kept[2] == 1599
    assert [entry.count for entry in activity.latest(connection, 2)] == [1599, 1598]
    assert [entry.count for entry in activity.after(connection, activity.last_seq(connection) - 2)] == [1598, 1599]


def test_the_wal_does_not_grow_without_end(tmp_path: Path) -> None:
    """300 MB of commits with a reader always there: the file in between stays bounded, and readers never wait."""
    store = Store.open(tmp_path)
    stop = threading.Event()
    slowest = [0.0]

    def read() -> None:
        while not stop.is_set():
            started = time.monotonic()
            with store.read() as reading:
                reading.execute("SELECT count(*) FROM contents").fetchone()
            slowest[0] = max(slowest[0], time.monotonic() - started)
            time.sleep(0.002)

    reader = threading.Thread(target=read)
    reader.start()
    largest = 0
    blob = os.urandom(3 << 20)
    for _ in range(100):
        store.write(
            lambda c: c.execute("INSERT INTO contents (digest, size, body) VALUES (randomblob(32), 1, ?)", (blob,))
        ).result()
        largest = max(largest, (tmp_path / f"{FILE_NAME}-wal").stat().st_size)
    stop.set()
    reader.join()
    store.close()
    assert largest < 2 * WAL_LIMIT  # one commit more, if no reader comes between
    assert slowest[0] < 5.0
    assert not (tmp_path / f"{FILE_NAME}-wal").exists()
