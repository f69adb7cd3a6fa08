"""The engine as a service: the daemon, a command beside it, push, and accounts that do not harm each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.process import wait_until


class Installation:
    """A configuration and a data directory; `run` is one command, `daemon` the service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = dict(os.environ)
        self.config = ""
        self.daemons: list[subprocess.Popen[bytes]] = []

    def account(self, name: str, port: int, user: str, password: str) -> None:
        self.config += (
            f'[accounts.{name}]\nemail = "{user}@example.org"\nusername = "{user}"\nhost = "127.0.0.1"\n'
            f'port = {port}\nsecurity = "none"\n'
        )
        (self.folder / "config.toml").write_text(self.config, "utf-8")
        self.environment[f"MAILSYNC_PASSWORD_{name.upper()}"] = password
        assert self.run("consent", "grant", name, "--all")[0] == 0

    def command(self, *arguments: str) -> list[str]:
        where = ["--config", str(self.folder / "config.toml"), "--data-dir", str(self.folder / "data")]
        return [sys.executable, "-m", "mailsync", *where, *arguments]

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit code and JSON document of a command."""
        done = subprocess.run(
            self.command(*arguments, "--json"), capture_output=True, env=self.environment, timeout=60, check=False
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else {}

    def daemon(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(self.command("--daemon"), stderr=subprocess.PIPE, env=self.environment)
        self.daemons.append(process)
        assert process.stderr is not None
        assert b"serving" in process.stderr.readline()
        return process

    def status(self) -> dict[str, Any]:
        return self.run("status")[1]

    def stop(self) -> None:
        for process in self.daemons:
            process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def account(installation: Installation, dovecot: Dovecot, fresh_user: str) -> str:
    """A user of the Dovecot with three messages, configured as `work`."""
    dovecot.fill(fresh_user, "INBOX", [(b"Subject: %d\r\n\r\nbody\r\n" % number, (), None) for number in range(3)])
    installation.account("work", dovecot.port, fresh_user, dovecot.users[fresh_user])
    return fresh_user


def watching(installation: Installation) -> Callable[[], bool]:
    return lambda: installation.status()["accounts"][0]["state"] == "watching"


def messages(installation: Installation) -> int:
    return sum(folder["messages"] for folder in installation.status()["accounts"][0]["folders"])


def test_a_daemon_mirrors_at_once_watches_and_ends_cleanly(
    installation: Installation, dovecot: Dovecot, account: str
) -> None:
    process = installation.daemon()
    wait_until(watching(installation), 15, "watching")
    status = installation.status()
    assert status["engine"]["running"]
    assert status["engine"]["pid"] == process.pid
    with dovecot.client(account) as client:
        client.append("INBOX", b"Subject: pushed\r\n\r\nnew\r\n")
        started = time.monotonic()
        wait_until(lambda: messages(installation) == 4, 15, "the new message")
        # Dovecot itself holds a notice back for half a second; asking for the status takes as long again.
        assert time.monotonic() - started < 10
        client.expunge("INBOX", client.uids("INBOX")[:1])
        wait_until(lambda: messages(installation) == 3, 15, "the expunge")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not installation.status()["engine"]["running"]
    code, document = installation.run("verify")
    assert code == 0
    assert document["ok"]


def test_a_command_beside_a_daemon_uses_its_engine(installation: Installation, account: str) -> None:
    installation.daemon()
    wait_until(watching(installation), 15, "watching")
    code, document = installation.run("sync", "work")
    assert code == 0
    assert document["accounts"][0]["folders"][0]["strategy"] == "unchanged"
    second = subprocess.run(
        installation.command("--daemon"), capture_output=True, env=installation.environment, timeout=30, check=False
    )
    assert second.returncode == 1
    assert b"runs the engine" in second.stderr


def test_a_command_outlives_the_daemon_it_waited_for(installation: Installation, account: str) -> None:
    process = installation.daemon()
    process.kill()
    process.wait()
    code, document = installation.run("sync")
    assert code == 0
    assert document["ok"]


def test_one_broken_account_does_not_stop_the_other(installation: Installation, account: str) -> None:
    installation.account("broken", 1, "nobody", "x")
    code, document = installation.run("sync")
    by_name = {entry["name"]: entry for entry in document["accounts"]}
    assert code == 1
    assert by_name["work"]["ok"]
    assert by_name["work"]["folders"][0]["new"] == 3
    assert "refused the connection" in by_name["broken"]["error"]
    assert installation.run("sync", "broken")[0] == 4


def test_a_wrong_password_is_tried_once(installation: Installation, dovecot: Dovecot, account: str) -> None:
    installation.environment["MAILSYNC_PASSWORD_WORK"] = "wrong"
    before = dovecot.log.count("auth failed")
    installation.daemon()
    wait_until(lambda: installation.status()["accounts"][0]["state"] == "needs_login", 15, "needs_login")
    time.sleep(3)
    assert dovecot.log.count("auth failed") == before + 1
    assert installation.run("sync")[0] == 3


def test_the_daemon_reads_its_configuration_again(installation: Installation, dovecot: Dovecot, account: str) -> None:
    process = installation.daemon()
    wait_until(watching(installation), 15, "watching")
    path = installation.folder / "config.toml"
    path.write_text("[accounts.work\n", "utf-8")
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert process.poll() is None, "a wrong configuration leaves the old one in force"
    path.write_text(installation.config + '[accounts.work.folders]\nexclude = ["INBOX"]\n', "utf-8")
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: not watching(installation)(), 10, "the new configuration")
    assert process.poll() is None
