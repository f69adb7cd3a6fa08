"""The daemon as a process: signals end it cleanly, re-read its configuration, and its schedules insert jobs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailsync.accounts import command
from mailsync.engine import engine as engine_module
from mailsync.engine.engine import Engine
from mailsync.store.lock import owner
from tests.engine import driver
from tests.engine.kills import fill, is_sound
from tests.servers.dovecot import Dovecot
from tests.servers.fake import Command, FakeServer, Link, box
from tests.sync.rig import ACCOUNT, Rig, differences, truth

Start = Callable[[Path, int, str, str], subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a daemon; it is killed after the test if it still runs."""
    processes: list[subprocess.Popen[str]] = []

    def begin(directory: Path, port: int, user: str, password: str) -> subprocess.Popen[str]:
        process = driver.start("serve", directory, port, user, password)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        return process

    yield begin
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_a_signal_ends_it_with_the_batch_in_hand(
    number: signal.Signals, dovecot: Dovecot, fresh_user: str, start: Start, tmp_path: Path
) -> None:
    fill(dovecot, fresh_user, 2000)
    process = start(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user])
    with Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig:
        until(lambda: rig.execute("SELECT count(*) FROM messages") > [(0,)])
        os.killpg(process.pid, number)
        assert process.wait(15) == 0
        assert owner(tmp_path) is None
        is_sound(tmp_path)
        statuses = rig.execute("SELECT status, error FROM jobs")
        held = rig.execute("SELECT count(*) FROM messages")[0][0]
        if held < 2000:
            assert statuses == [("failed", "Stopped before it was complete.")]
        assert rig.execute("SELECT state FROM accounts") == [("disconnected",)]
        assert rig.execute("SELECT count(*) FROM folders WHERE syncing OR watch <> ''") == [(0,)]


async def test_what_was_stopped_is_gone_on_with(
    dovecot: Dovecot, fresh_user: str, start: Start, tmp_path: Path
) -> None:
    fill(dovecot, fresh_user, 2000)
    user, password = fresh_user, dovecot.users[fresh_user]
    process = start(tmp_path, dovecot.port, user, password)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(15) == 0
    with Rig(tmp_path, dovecot.port, user, password) as rig, dovecot.client(user) as client:
        held = rig.execute("SELECT count(*) FROM messages")[0][0]
        results = await rig.sync()
        assert sum(result.new for result in results.values()) == 2000 - held
        assert differences(rig.mirrored(), truth(client)) == []


def test_it_mirrors_by_itself_and_reads_its_configuration_again(start: Start, tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(3), "Sent": box(2), "Junk": box(4)}) as server:
        (tmp_path / driver.OPTIONS).write_text(json.dumps({"folders": {"exclude": ["Junk"]}}))
        process = start(tmp_path, server.port, "alice", "secret")
        with Rig(tmp_path, server.port) as rig:

            def mirrored() -> set[str]:
                return {row[0] for row in rig.execute("SELECT name FROM folders WHERE last_sync_at IS NOT NULL")}

            until(lambda: mirrored() == {"INBOX", "Sent"})
            until(lambda: rig.execute("SELECT watch FROM folders WHERE name = 'INBOX'") == [("idle",)])

            (tmp_path / driver.OPTIONS).write_text("{not json")
            process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            assert process.poll() is None  # a wrong configuration changes nothing
            assert (owner(tmp_path) or {})["pid"] == process.pid

            (tmp_path / driver.OPTIONS).write_text("{}")
            process.send_signal(signal.SIGHUP)
            until(lambda: mirrored() == {"INBOX", "Sent", "Junk"})
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0


def test_a_daemon_without_a_server_ends_as_cleanly(start: Start, tmp_path: Path) -> None:
    process = start(tmp_path, 1, "alice", "secret")
    with Rig(tmp_path, 1) as rig:
        until(lambda: rig.execute("SELECT state FROM accounts") == [("backing_off",)])
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(15) == 0


def test_a_server_that_hangs_does_not_keep_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in hand gets its time, and no more."""
    monkeypatch.setenv(f"MAILSYNC_PASSWORD_{ACCOUNT.upper()}", "secret")
    monkeypatch.setattr(engine_module, "STOP_SECONDS", 0.5)
    with FakeServer({"INBOX": box(3)}) as server, Rig(tmp_path, server.port) as rig:

        async def hang(link: Link, command: Command) -> bool:
            await link.closed()
            return True

        server.hooks["EXAMINE"] = hang
        engine = Engine(driver.config_for(server.port, "alice"), rig.store, tmp_path)
        engine.start()
        until(lambda: "EXAMINE" in server.verbs())
        started = time.monotonic()
        engine.stop()
        assert time.monotonic() - started < 5
        assert owner(tmp_path) is None
        # The next engine settles what became of the job.
        assert rig.execute("SELECT status FROM jobs") == [("running",)]
        server.hooks.clear()
        engine = Engine(driver.config_for(server.port, "alice"), rig.store, tmp_path)
        engine.start()
        until(lambda: rig.execute("SELECT status FROM jobs ORDER BY id") == [("failed",), ("completed",)])
        engine.stop()


def test_schedules_insert_jobs_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"MAILSYNC_PASSWORD_{ACCOUNT.upper()}", "secret")
    with FakeServer({"INBOX": box(3)}) as server, Rig(tmp_path, server.port) as rig:
        release = threading.Event()

        async def wait(link: Link, command: Command) -> bool:
            await asyncio.to_thread(release.wait, 10)
            return False

        server.hooks["LIST"] = wait
        engine = Engine(driver.config_for(server.port, "alice", sync_interval=1), rig.store, tmp_path, monitors=False)
        engine.start()
        try:
            until(lambda: "LIST" in server.verbs())
            time.sleep(2.2)
            assert rig.execute("SELECT count(*) FROM jobs") == [(1,)]  # one runs, so no other is asked for
            release.set()
            until(lambda: rig.execute("SELECT count(*) FROM jobs WHERE status = 'completed'") >= [(3,)])
            kinds = [("backfill", "work"), ("sync", "work")]  # the first mirrors all of it
            assert rig.execute("SELECT DISTINCT kind, account FROM jobs ORDER BY id") == kinds
            (next_sync,) = rig.execute("SELECT next_sync_at FROM folders")[0]
            assert time.time() - 0.5 < next_sync < time.time() + 1.5
        finally:
            engine.stop()


def test_a_stop_waits_for_no_password_and_blames_nobody(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(1)}) as server, Rig(tmp_path, server.port) as rig:
        config = driver.config_for(rig.port, rig.user, password_command=["sleep", "20"])
        running = Engine(config, rig.store, rig.directory)
        running.start()
        until(lambda: bool(command._running))
        began = time.monotonic()
        running.stop()
        assert time.monotonic() - began < 5
        assert not command._running
        assert rig.execute("SELECT state, error FROM accounts") == [("disconnected", None)]
