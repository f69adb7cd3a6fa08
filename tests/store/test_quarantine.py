"""Messages set aside: counted once, due again with growing patience, closed when they are gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.store import accounts, audit, folders, messages, quarantine
from mailsync.store.database import Store

MINUTE = 60.0


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with one account (1) and one folder (1) under UIDVALIDITY 7."""
    Store.open(tmp_path).close()
    opened = sqlite3.connect(tmp_path / "mailsync.db", isolation_level=None)
    opened.row_factory = sqlite3.Row
    accounts.ensure(opened, [("work", "a@example.org")])
    folders.upsert(opened, 1, [("INBOX", b"INBOX", "/", "", None, None)])
    yield opened
    opened.close()


def aside(connection: sqlite3.Connection, uids: list[int], at: float, why: str = "why") -> None:
    messages.add_without_content(connection, 1, [(uid, 0, "", None, 0) for uid in uids], at)
    quarantine.add(connection, 1, 1, 7, uids, "fetch", why, at)


def test_an_entry_a_message_with_its_attempts(connection: sqlite3.Connection) -> None:
    aside(connection, [3, 4], 0.0, "first")
    aside(connection, [3], 90.0, "second")
    assert quarantine.count(connection) == 2
    rows = connection.execute("SELECT uid, attempts, error, created_at, last_attempt_at FROM quarantine ORDER BY uid")
    assert [tuple(row) for row in rows] == [(3, 2, "second", 0.0, 90.0), (4, 1, "first", 0.0, 0.0)]
    aside(connection, [3, 9], 95.0)
    recorded = [(row.account, row.detail) for row in audit.listing(connection, action="quarantined")]
    assert recorded == [("work", '{"count":2,"stage":"fetch"}'), ("work", '{"count":1,"stage":"fetch"}')]


def test_each_attempt_doubles_the_wait(connection: sqlite3.Connection) -> None:
    at = 0.0
    for attempt in range(16):
        aside(connection, [3], at)
        wait = MINUTE * 2 ** min(attempt, 12)
        assert quarantine.due(connection, 1, at + wait - 1) == frozenset()
        assert quarantine.folders_due(connection, 1, at + wait - 1) == frozenset()
        at += wait
        assert quarantine.due(connection, 1, at) == {3}
        assert quarantine.folders_due(connection, 1, at) == {1}
        assert quarantine.folders_due(connection, 2, at) == frozenset()


def test_only_fetches_are_tried_again_by_a_sync(connection: sqlite3.Connection) -> None:
    aside(connection, [3], 0.0)
    quarantine.add(connection, 1, 1, 7, [5], "envelope", "ValueError", 0.0)
    assert quarantine.due(connection, 1, 1e9) == {3}


def test_what_is_gone_is_settled(connection: sqlite3.Connection) -> None:
    aside(connection, [3, 4], 0.0)
    messages.remove(connection, 1, [3], 5.0, "expunged")
    quarantine.settle(connection, 1, 6.0)
    assert quarantine.count(connection) == 1
    assert quarantine.due(connection, 1, 1e9) == {4}
    # The same UID under the same UIDVALIDITY may fail again: a new entry, the old one stays as history.
    aside(connection, [3], 10.0)
    rows = connection.execute("SELECT resolved_at, attempts FROM quarantine WHERE uid = 3 ORDER BY id")
    assert [tuple(row) for row in rows] == [(6.0, 1), (None, 1)]
