"""What is known of a server between syncs: traffic by day, findings that expire, live connections, back-off."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.store import accounts, connections, probes, traffic
from mailsync.store.database import FILE_NAME, Store

NOON = 1_770_033_600.0
"""2026-02-02 12:00 UTC."""
DAY = 86400.0


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    Store.open(tmp_path).close()
    opened = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    opened.row_factory = sqlite3.Row
    accounts.ensure(opened, [("work", "w@x"), ("home", "h@x")])
    yield opened
    opened.close()


def test_traffic_adds_up_by_utc_day_and_account(connection: sqlite3.Connection) -> None:
    traffic.add(connection, 1, NOON - 400 * DAY - DAY, 7)
    traffic.add(connection, 1, NOON, 100)
    traffic.add(connection, 1, NOON + 0.5 * DAY - 1, 50)
    traffic.add(connection, 1, NOON + 0.5 * DAY, 9)
    traffic.add(connection, 2, NOON, 1)
    assert traffic.received(connection, 1, NOON) == 150
    assert traffic.received(connection, 1, NOON + DAY) == 9
    assert traffic.received(connection, 1, NOON + 2 * DAY) == 0
    assert traffic.by_day(connection, 1, 0) == {"2026-02-02": 150, "2026-02-03": 9}  # the oldest went with a new day


def test_findings_expire_and_are_replaced(connection: sqlite3.Connection) -> None:
    probes.put(connection, 1, {"idle": "ok", "search": "lies"}, 10.0, 100.0)
    probes.put(connection, 1, {"idle": "refused"}, 20.0, 200.0)
    probes.put(connection, 2, {"idle": "ok"}, 10.0, 100.0)
    assert probes.valid(connection, 1, 50.0) == {
        "idle": probes.Finding("refused", 20.0, 200.0),
        "search": probes.Finding("lies", 10.0, 100.0),
    }
    assert list(probes.valid(connection, 1, 100.0)) == ["idle"]
    probes.forget(connection, 1, ["idle", "search"])
    assert probes.valid(connection, 1, 50.0) == {}
    assert list(probes.valid(connection, 2, 50.0)) == ["idle"]


def test_live_connections_tell_since_when_they_are_what_they_are(connection: sqlite3.Connection) -> None:
    first = connections.add(connection, "work", "sync", "authenticated", 10.0)
    second = connections.add(connection, "home", "watch", "idle", 11.0)
    connections.note(
        connection, first, 12.0, purpose="sync", state="selected", folder="INBOX", compressed=True, received=5
    )
    connections.note(
        connection, first, 20.0, purpose="sync", state="selected", folder="INBOX", compressed=True, received=900
    )
    home, work = connections.listing(connection)
    assert work == connections.Row(first, "work", "sync", "selected", "INBOX", True, 10.0, 12.0, 900, "")
    assert home.id == second
    connections.remove(connection, first)
    assert [row.id for row in connections.listing(connection)] == [second]
    connections.clear(connection)
    assert connections.listing(connection) == []


def test_a_state_that_ends_by_itself_says_when(connection: sqlite3.Connection) -> None:
    def row() -> tuple[str, float | None]:
        found = connection.execute("SELECT state, resumes_at FROM accounts WHERE name = 'work'").fetchone()
        return found[0], found[1]

    accounts.set_state(connection, "work", "backing_off", 5.0, "busy", "wait", resumes_at=65.0)
    assert row() == ("backing_off", 65.0)
    assert accounts.resumes_at(connection, "work") == 65.0
    accounts.set_state(connection, "work", "watching", 70.0)
    assert row() == ("watching", None)


def test_only_what_the_server_said_outlives_the_engine(connection: sqlite3.Connection) -> None:
    accounts.set_state(connection, "work", "backing_off", 5.0, "busy", resumes_at=65.0)
    accounts.set_state(connection, "home", "backing_off", 5.0, "unreachable", resumes_at=65.0)
    probes.put(connection, 1, {probes.THROTTLED: "busy"}, 5.0, 65.0)
    accounts.reset_states(connection, 10.0, problems=False)
    assert accounts.resumes_at(connection, "work") == 65.0
    assert accounts.resumes_at(connection, "home") is None
    accounts.reset_states(connection, 70.0, problems=True)
    assert accounts.resumes_at(connection, "work") is None


def test_the_line_is_told(connection: sqlite3.Connection) -> None:
    accounts.set_line(connection, "work", "off: this machine")
    assert connection.execute("SELECT line FROM accounts WHERE name = 'work'").fetchone()[0] == "off: this machine"
