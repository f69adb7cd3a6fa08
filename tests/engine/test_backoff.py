"""Pauses in an engine that stays: schedules and monitors share them, and go on by themselves when they end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailsync.accounts import keyrings
from mailsync.engine.engine import Engine
from mailsync.errors import SecretsUnavailable
from mailsync.store import connections
from mailsync.sync import monitor
from tests.engine import driver
from tests.servers.fake import Command, FakeServer, Link, box
from tests.sync.rig import ACCOUNT, Rig


@contextlib.contextmanager
def engine(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(monitor, "LOOK_SECONDS", 0.1)
    monkeypatch.setenv(f"MAILSYNC_PASSWORD_{ACCOUNT.upper()}", rig.password)
    running = Engine(driver.config_for(rig.port, rig.user), rig.store, rig.directory)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def until(condition: Callable[[], bool], seconds: float = 15.0) -> float:
    """Wait; how long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.01)
    return time.monotonic() - started


def states(rig: Rig) -> tuple[str, float | None]:
    ((state, resumes),) = rig.execute("SELECT state, resumes_at FROM accounts")
    return state, resumes


def test_a_throttled_account_goes_on_when_the_server_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer({"INBOX": box(3)}) as server, Rig(tmp_path, server.port) as rig:

        async def throttle(link: Link, command: Command) -> bool:
            await link.ok(command, "Request is throttled. Suggested Backoff Time: 1500 milliseconds", "BAD")
            return True

        server.hooks["LIST"] = throttle
        with engine(rig, monkeypatch):
            until(lambda: states(rig)[0] == "backing_off")
            resumes = states(rig)[1]
            assert resumes is not None
            server.hooks.clear()
            until(lambda: rig.uids("INBOX") == [1, 2, 3])
            assert resumes <= time.time() < resumes + 3  # the schedule's own turn is in five minutes
            until(lambda: states(rig) == ("watching", None))


def test_neither_schedule_nor_monitors_hammer_a_server_that_hangs_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeServer({"INBOX": box(3)}) as server, Rig(tmp_path, server.port) as rig, engine(rig, monkeypatch):
        until(lambda: states(rig)[0] == "watching")

        async def hang_up(link: Link, command: Command) -> bool:
            link.cut()
            return True

        server.hooks |= dict.fromkeys(("LIST", "EXAMINE", "STATUS", "IDLE", "NOOP"), hang_up)
        before = len(server.logins)
        server.cut_all()
        time.sleep(4)
        assert len(server.logins) - before <= 5  # after about 1, 2, 4 seconds, whoever it is
        assert states(rig)[0] in ("backing_off", "connecting", "authenticated")
        server.hooks.clear()
        until(lambda: states(rig)[0] == "watching")


def test_a_locked_keyring_is_asked_now_and_then_and_the_account_goes_on_when_it_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    opened = threading.Event()

    def get(user: str) -> str:
        asked.append(user)
        if not opened.is_set():
            raise SecretsUnavailable("the keyring is locked", hint="unlock it")
        return "secret"

    monkeypatch.setattr(keyrings, "get", get)
    with FakeServer({"INBOX": box(3)}) as server, Rig(tmp_path, server.port) as rig, engine(rig, monkeypatch):
        monkeypatch.delenv(f"MAILSYNC_PASSWORD_{ACCOUNT.upper()}")
        server.cut_all()
        until(lambda: states(rig)[0] == "backing_off")
        told = rig.execute("SELECT state_detail, state_hint FROM accounts")
        assert told[0][0].startswith(f"{ACCOUNT}: the keyring is locked; next try at ")
        assert told[0][1] == "unlock it"
        time.sleep(2)
        assert 0 < len(asked) <= 4  # after about 1, 2, 4 seconds, whoever it is
        opened.set()
        until(lambda: states(rig)[0] == "watching")


def test_live_connections_are_told_of_while_the_engine_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer({"INBOX": box(3)}) as server, Rig(tmp_path, server.port) as rig:

        def rows() -> list[connections.Row]:
            with rig.store.read() as connection:
                return connections.listing(connection)

        rig.execute("INSERT INTO connections (account, purpose, state, opened_at, changed_at) VALUES ('x','','',1,1)")
        with engine(rig, monkeypatch):
            until(lambda: {(row.state, row.folder) for row in rows()} >= {("idle", "INBOX")})
            assert {row.account for row in rows()} == {ACCOUNT}  # what a killed engine left is gone
            assert "LOGOUT" not in server.verbs()  # kept for the next sync
        assert rows() == []
