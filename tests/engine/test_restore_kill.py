"""A restore that is killed anywhere and goes on: every message is on the server once, and as it was."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.engine.driver import ROOT
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Message
from tests.sync.rig import Held, truth

BATCH = 20
"""Messages that are sent at a time, so that there are many moments between two batches."""
START = f"""
import sys
from mailsync.cli.run import run
from mailsync.sync import putting
putting.BATCH_MESSAGES = {BATCH}
sys.exit(run(sys.argv[1:]))
"""
FLAGS = [(), ("\\Seen",), ("\\Seen", "$Label1"), ("\\Flagged",)]


def letters(seed: int, count: int) -> list[Message]:
    """A third has no Message-ID, some are there twice, some have LF for line ends, which the server alters."""
    dice = random.Random(seed)
    made: list[Message] = []
    for number in range(count):
        name = b"" if number % 3 == 0 else b"Message-ID: <%d.%d@example.org>\r\n" % (seed, number)
        body = dice.randbytes(dice.randrange(1500)).hex().encode()
        raw = b"Subject: %d\r\n%s\r\n%s\r\n" % (number, name, body)
        when = datetime(2011, 5, 1, 1, 2, 3, tzinfo=UTC) + timedelta(minutes=number)
        made.append((raw, FLAGS[number % 4], when))
    return [*made, made[1], made[7]]


def command(directory: Path, *arguments: str) -> list[str]:
    options = ["--config", str(directory / "config.toml"), "--data-dir", str(directory / "data")]
    return [sys.executable, "-c", START, *options, *arguments]


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(directory, *arguments), cwd=ROOT, capture_output=True, text=True, check=False)


def states(directory: Path) -> dict[str, int]:
    """How many messages of all lists are in which state, those apart that nobody has looked at."""
    connection = sqlite3.connect(directory / "data" / "mailsync.db")
    try:
        return dict(
            connection.execute("SELECT state, count(*) FROM restore_items WHERE state <> 'waiting' GROUP BY state")
        )
    finally:
        connection.close()


def held(server: Dovecot, user: str) -> dict[str, Counter[Held]]:
    with server.client(user) as client:
        return {name: Counter(messages.values()) for name, (_, messages) in truth(client).items()}


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_killed_anywhere(dovecot: Dovecot, fresh_user: str, tmp_path: Path, kills: int) -> None:
    for at, name in enumerate(("INBOX", "Archive", "Lists/Dev")):
        dovecot.fill(fresh_user, name, letters(at, 100 * kills))
    config = tmp_path / "config.toml"
    config.write_text(
        f'[accounts.work]\nemail = "me@example.org"\nusername = "{fresh_user}"\nhost = "127.0.0.1"\n'
        f'port = {dovecot.port}\nsecurity = "none"\npassword_command = ["echo", "{dovecot.users[fresh_user]}"]\n'
    )
    config.chmod(0o600)
    assert run(tmp_path, "consent", "grant", "work", "--all").returncode == 0
    assert run(tmp_path, "sync").returncode == 0
    before = held(dovecot, fresh_user)
    with dovecot.client(fresh_user) as client:
        client.expunge("INBOX", client.uids("INBOX"))
        client.delete("Archive")
        client.delete("Lists/Dev")
    dice = random.Random(7)
    caught = torn = 0
    for turn in range(kills):
        process = subprocess.Popen(
            command(tmp_path, "restore", "--yes", "--json"),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        before_it = states(tmp_path)
        while process.poll() is None and states(tmp_path) == before_it:
            time.sleep(0.002)
        time.sleep(dice.random() * 0.05 * (turn % 2))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        caught += not out
        torn += states(tmp_path).get("begun", 0) > 0
    assert caught >= kills // 2
    assert torn >= kills // 3
    last = run(tmp_path, "restore", "--yes", "--json")
    assert last.returncode == 0, last.stderr
    document = json.loads(last.stdout)
    assert (document["failed"], document["left"]) == (0, 0)
    assert held(dovecot, fresh_user) == before
    again = json.loads(run(tmp_path, "restore", "--yes", "--json").stdout)
    assert (again["restored"], again["present"]) == (0, sum(sum(one.values()) for one in before.values()))
    assert run(tmp_path, "audit", "verify").returncode == 0
    assert run(tmp_path, "sync").returncode == 0
    assert run(tmp_path, "verify", "--deep").returncode == 0
    connection = sqlite3.connect(tmp_path / "data" / "mailsync.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM jobs WHERE status IN ('pending', 'running')").fetchone() == (0,)
    connection.close()
