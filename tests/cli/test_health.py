from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mailsync.store import accounts
from mailsync.store.database import Store
from mailsync.store.lock import EngineLock
from tests.cli.conftest import CommandLine


def change(cli: CommandLine, write: Callable[[sqlite3.Connection], object]) -> None:
    """What an engine leaves in the tables."""
    store = Store.open(cli.data)
    try:
        store.write(write).result()
    finally:
        store.close()


@pytest.fixture
def well(mirrored: CommandLine) -> CommandLine:
    """A mirror that was synced a minute ago."""
    mirrored("consent", "grant", "work", "--all")

    def write(connection: sqlite3.Connection) -> None:
        at = time.time() - 60
        accounts.finish_sync(connection, "work", at, None, "")
        connection.execute("UPDATE folders SET last_sync_at = ?", (at,))

    change(mirrored, write)
    return mirrored


@contextmanager
def engine(cli: CommandLine) -> Iterator[None]:
    lock = EngineLock(cli.data)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def test_the_document(well: CommandLine) -> None:
    with engine(well):
        result = well("health", "--json")
    assert (result.code, result.err) == (0, "")
    document = result.json
    assert set(document) == {"status", "checks", "metrics"}
    assert document["status"] == "healthy"
    assert all({"name", "account", "status", "detail", "hint"} <= set(check) for check in document["checks"])
    assert (document["metrics"]["mailboxes"], document["metrics"]["messages"]) == (1, 5)
    database = next(check for check in document["checks"] if check["name"] == "database")
    assert "read through without a fault" in database["detail"]


def test_degraded_is_no_failure(well: CommandLine) -> None:
    result = well("health")
    assert result.code == 0
    first, *_, last = result.out.splitlines()
    assert first.startswith("warn  -  engine")
    assert first.endswith("(try: start mailsync, or mailsync --daemon)")
    assert last.startswith("degraded: 1 warned, ")
    assert last.endswith("of 1 mailbox with 5 messages")
    assert "pass" in well("health", "--all").out.split()


def test_unhealthy_fails_and_is_harmless_on_a_terminal(well: CommandLine) -> None:
    change(well, lambda c: accounts.set_state(c, "work", "needs_login", 1.0, "refused\x1b[2J", "run: sign in\nagain"))
    result = well("health")
    assert result.code == 1
    assert result.out.startswith("fail  work  sign in  refused\ufffd[2J  (try: sign in again)\n")
    assert well("health", "--json").json["status"] == "unhealthy"


def test_without_accounts_or_database(cli: CommandLine) -> None:
    cli.configure("")
    document = cli("health", "--json").json
    assert (document["status"], [check["name"] for check in document["checks"]]) == ("degraded", ["accounts"])
    assert not cli.data.exists()


def test_a_database_that_is_none(well: CommandLine) -> None:
    (well.data / "mailsync.db").write_bytes(b"this is no database" * 1000)
    result = well("health", "--json")
    assert (result.code, result.err) == (1, "")
    assert [(check["name"], check["status"]) for check in result.json["checks"]] == [("database", "fail")]
