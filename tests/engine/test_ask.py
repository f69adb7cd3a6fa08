"""Asking for jobs: of an engine embedded for the purpose, of one that another process runs, of one that dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailsync.config.models import Config
from mailsync.engine.ask import ask
from mailsync.engine.engine import Engine
from mailsync.errors import Interrupted, OwnedElsewhere
from mailsync.store import consents, jobs
from mailsync.store.database import Store
from mailsync.store.lock import owner
from mailsync.sync import monitor
from tests.engine import driver
from tests.servers.dovecot import Dovecot
from tests.servers.fake import Command, FakeServer, Link, box
from tests.sync.rig import ACCOUNT, SCOPES


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store whose accounts `work` and `home` have consent and the password `secret`."""
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    monkeypatch.setenv("MAILSYNC_PASSWORD_HOME", "secret")
    opened = Store.open(tmp_path)
    opened.write(lambda connection: consents.grant(connection, ACCOUNT, SCOPES, 1.0)).result()
    opened.write(lambda connection: consents.grant(connection, "home", SCOPES, 1.0)).result()
    yield opened
    opened.close()


def two_accounts(work: int, home: int) -> Config:
    account = {"email": "a@example.org", "username": "alice", "host": "127.0.0.1", "security": "none"}
    return Config.model_validate({"accounts": {"work": account | {"port": work}, "home": account | {"port": home}}})


def run(store: Store, config: Config, kind: str = "sync", **params: Any) -> jobs.Job:
    return ask(config, store, store.path.parent, kind, params)


def state(store: Store, name: str = ACCOUNT) -> str:
    with store.read() as connection:
        return str(connection.execute("SELECT state FROM accounts WHERE name = ?", (name,)).fetchone()[0])


def test_a_job_that_somebody_cancels_before_it_begins_is_told_as_such(store: Store) -> None:
    def cancelled(connection: sqlite3.Connection) -> int:
        number = jobs.insert(connection, "sync", time.time())
        jobs.request_cancel(connection, number, time.time())
        return number

    config = two_accounts(1, 1)
    with pytest.raises(Interrupted, match="job 1 was cancelled"):
        ask(config, store, store.path.parent, "sync", {}, insert=cancelled)
    assert owner(store.path.parent) is None


def test_a_sync_and_a_verify_with_an_engine_of_their_own(store: Store) -> None:
    with FakeServer({"INBOX": box(5), "Sent": box(2)}) as server:
        config = driver.config_for(server.port, "alice")
        job = run(store, config)
        assert (job.status, job.error) == ("completed", None)
        assert job.result is not None
        assert (job.result["ok"], job.result["exit_code"]) == (True, 0)
        assert job.result["totals"] | {"seconds": 0} == {
            "new": 7,
            "changed": 0,
            "deleted": 0,
            "bytes": 812,
            "quarantined": 0,
            "seconds": 0,
        }
        assert [one["name"] for one in job.result["accounts"][0]["folders"]] == ["INBOX", "Sent"]
        assert owner(store.path.parent) is None
        assert state(store) == "disconnected"
        with store.read() as connection:  # what lists show was read from the messages, too
            assert connection.execute("SELECT count(*) FROM envelopes").fetchone()[0] == 5

        job = run(store, config, "verify", deep=True)
        assert job.result is not None
        assert (job.status, job.result["ok"], job.result["exit_code"]) == ("completed", True, 0)
        assert [(one["name"], one["local_count"], one["deep"]) for one in job.result["folders"]] == [
            ("INBOX", 5, True),
            ("Sent", 2, True),
        ]
        server.boxes["Sent"].messages.pop(1)
        job = run(store, config, "verify")
        assert job.result is not None
        assert (job.status, job.result["ok"], job.result["exit_code"]) == ("failed", False, 1)
        assert [one["extra"] for one in job.result["folders"]] == [[], [1]]


def test_one_folder_dry_and_full(store: Store) -> None:
    with FakeServer({"INBOX": box(5), "Sent": box(2)}) as server:
        config = driver.config_for(server.port, "alice")
        job = run(store, config, dry_run=True)
        assert job.result is not None
        assert job.result["totals"]["new"] == 7
        with store.read() as connection:
            assert connection.execute("SELECT count(*) FROM messages").fetchone()[0] == 0
        job = run(store, config, folders=["Sent"])
        assert job.result is not None
        assert [(one["name"], one["new"]) for one in job.result["accounts"][0]["folders"]] == [("Sent", 2)]
        job = run(store, config, folders=["Nowhere"])
        assert job.result is not None
        assert (job.status, job.result["exit_code"]) == ("failed", 1)
        assert "no folder 'Nowhere'" in (job.error or "")


def test_a_wrong_password_is_tried_exactly_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "wrong")
    with FakeServer({"INBOX": box(5), "Sent": box(2)}) as server:
        job = run(store, driver.config_for(server.port, "alice"))
        assert job.result is not None
        assert (job.status, job.result["exit_code"]) == ("failed", 3)
        assert "app password" in (job.error_hint or "")
        assert server.logins == [("alice", "wrong")]
        assert state(store) == "needs_login"


def test_an_engine_that_stays_does_not_try_a_wrong_password_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its schedule nor its monitor: servers lock out whoever keeps trying. A person may."""
    monkeypatch.setattr(monitor, "LOOK_SECONDS", 0.05)
    with FakeServer({"INBOX": box(5)}) as server:
        config = driver.config_for(server.port, "alice", sync_interval=1)
        assert run(store, config).status == "completed"  # so that there is a folder to watch
        server.password = "changed"
        server.logins.clear()
        engine = Engine(config, store, store.path.parent)
        engine.start()
        try:
            time.sleep(2.5)
            assert server.logins == [("alice", "secret")]
            job_id = store.write(lambda connection: jobs.insert(connection, "sync", 1.0, priority=10)).result()
            wait_for(store, job_id)
            assert len(server.logins) == 2
            server.password = "secret"
            job_id = store.write(lambda connection: jobs.insert(connection, "sync", 1.0, priority=10)).result()
            assert wait_for(store, job_id).status == "completed"
        finally:
            engine.stop()


def wait_for(store: Store, job_id: int, seconds: float = 20) -> jobs.Job:
    deadline = time.monotonic() + seconds
    while True:
        with store.read() as connection:
            job = jobs.get(connection, job_id)
        assert job is not None
        if job.status in ("completed", "failed", "cancelled"):
            return job
        assert time.monotonic() < deadline, job.status
        time.sleep(0.01)


def test_nothing_without_consent(store: Store) -> None:
    store.write(lambda connection: consents.revoke(connection, ACCOUNT, ["email_read"], 2.0)).result()
    with FakeServer({"INBOX": box(5)}) as server:
        job = run(store, driver.config_for(server.port, "alice"))
        assert job.result is not None
        assert (job.status, job.result["exit_code"]) == ("failed", 3)
        assert "email_read" in (job.error or "")
        assert server.links == []
        assert state(store) == "needs_consent"


@pytest.mark.parametrize(
    ("broken", "code"), [("password", 1), ("away", 1), ("both away", 4)], ids=["password", "away", "both away"]
)
def test_two_accounts_one_broken(store: Store, monkeypatch: pytest.MonkeyPatch, broken: str, code: int) -> None:
    with FakeServer({"INBOX": box(5)}) as good, FakeServer({"INBOX": box(3)}) as bad:
        if broken == "password":
            bad.password = "other"
        config = two_accounts(1 if broken == "both away" else good.port, bad.port if broken == "password" else 1)
        job = run(store, config)
        assert job.result is not None
        assert (job.status, job.result["exit_code"]) == ("failed", code)
        told = {one["name"]: (one["ok"], bool(one["error"])) for one in job.result["accounts"]}
        assert told == {"work": (code == 1, code != 1), "home": (False, True)}
        with store.read() as connection:
            assert connection.execute("SELECT count(*) FROM messages").fetchone()[0] == (5 if code == 1 else 0)
        assert state(store, "home") == ("needs_login" if broken == "password" else "disconnected")


def test_interrupting_a_command_cancels_its_job(store: Store) -> None:
    with FakeServer({"INBOX": box(3000, size=3000)}) as server:

        async def slow(link: Link, command: Command) -> bool:
            await server._fetch(link, Command(command.tag, command.verb, command.args, command.text))
            return False

        server.hooks["UID FETCH"] = slow
        seen: list[int] = []

        def interrupt() -> None:
            with store.read() as connection:
                if connection.execute("SELECT count(*) FROM messages").fetchone()[0]:
                    seen.append(1)
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ask(driver.config_for(server.port, "alice"), store, store.path.parent, "sync", {}, each=interrupt)
        assert seen
        with store.read() as connection:
            assert connection.execute("SELECT status FROM jobs").fetchone()[0] == "cancelled"
            held = connection.execute("SELECT count(*) FROM messages").fetchone()[0]
        assert owner(store.path.parent) is None
        server.hooks.clear()
        job = run(store, driver.config_for(server.port, "alice"))
        assert job.result is not None
        assert job.result["totals"]["new"] == 3000 - held


def test_a_full_disk_ends_a_command_with_its_reason(store: Store) -> None:
    store.write(lambda connection: connection.execute("PRAGMA max_page_count = 80")).result()
    with FakeServer({"INBOX": box(200, size=100)}) as server:
        for uid, mail in server.boxes["INBOX"].messages.items():
            mail.raw += os.urandom(5000) + b"%d" % uid
        config = driver.config_for(server.port, "alice")
        job = run(store, config)
        assert job.status == "failed"
        assert "disk is full" in (job.error or "")
        assert "free space" in (job.error_hint or "")
        store.write(lambda connection: connection.execute("PRAGMA max_page_count = 1000000")).result()
        assert run(store, config).status == "completed"


# Another process's engine


def test_a_second_engine_is_refused_and_commands_use_the_first(dovecot: Dovecot, fresh_user: str, store: Store) -> None:
    dovecot.fill(fresh_user, "INBOX", [(b"Subject: 1\r\n\r\n", (), None)])
    directory, password = store.path.parent, dovecot.users[fresh_user]
    process = driver.start("serve", directory, dovecot.port, fresh_user, password)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        config = driver.config_for(dovecot.port, fresh_user)
        with pytest.raises(OwnedElsewhere, match=f"process {process.pid} runs the engine"):
            Engine(config, store, directory).start()
        job = run(store, config)
        assert job.status == "completed"
        assert (owner(directory) or {})["pid"] == process.pid
        with store.read() as connection:
            assert connection.execute("SELECT count(*) FROM messages").fetchone()[0] == 1
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_command_takes_over_when_the_engine_it_waits_for_is_killed(store: Store) -> None:
    with FakeServer({"INBOX": box(5)}) as server:
        waiting = threading.Event()
        stuck = [True]

        async def hang(link: Link, command: Command) -> bool:
            if stuck:
                waiting.set()
                await link.closed()
                return True
            return False

        server.hooks["EXAMINE"] = hang
        process = driver.start("serve", store.path.parent, server.port, "alice", "secret")
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        assert waiting.wait(10)

        def kill() -> None:
            if stuck:
                stuck.clear()
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

        job = ask(driver.config_for(server.port, "alice"), store, store.path.parent, "sync", {}, each=kill)
        assert job.status == "completed"
        connection = sqlite3.connect(store.path)
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (5,)
        connection.close()
