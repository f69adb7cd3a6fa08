"""`mailsync sync` killed with SIGKILL at random moments, and what must hold afterwards (law 3).

The data directory is looked at with plain sqlite3 and the server with the other client, so nothing of mailsync vouches
for itself.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailsync.store import contents
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Message, Stored
from tests.servers.proxy import FaultProxy

COUNT = 1500
OVERHEAD = 200
"""Bytes of protocol that a message may cost beside its own."""


def sample(count: int = COUNT, seed: int = 1) -> Iterator[Message]:
    """Messages of 1 to 20 kB that neither compress to nothing nor look alike."""
    rng = random.Random(seed)
    for number in range(count):
        body = rng.randbytes(rng.randrange(500, 10_000)).hex().encode()
        lines = b"\r\n".join(body[start : start + 76] for start in range(0, len(body), 76))
        yield b"From: a@example.org\r\nSubject: number %d\r\n\r\n%s\r\n" % (number, lines), (), None


@dataclass
class Mirror:
    """A mailsync installation in a folder, whose account is a user of a server behind a proxy that counts."""

    folder: Path
    proxy: FaultProxy
    user: str
    password: str

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.toml").write_text(
            f'[accounts.work]\nemail = "{self.user}@example.org"\nusername = "{self.user}"\nhost = "127.0.0.1"\n'
            f'port = {self.proxy.port}\nsecurity = "none"\n',
            "utf-8",
        )

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A mailsync process, leader of its own group."""
        return subprocess.Popen(
            [sys.executable, "-m", "mailsync", *self._where(), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"MAILSYNC_PASSWORD_WORK": self.password},
            start_new_session=True,
        )

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run to the end; gives the JSON document, and fails unless the exit code is 0."""
        process = self.start(*arguments, "--json")
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, (out, err)
        document: dict[str, Any] = json.loads(out)
        return document

    def killed(self, after: float) -> bool:
        """Start a sync and kill its process group after so many seconds; False when it had ended before."""
        process = self.start("sync", "--json")
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return process.returncode == -signal.SIGKILL

    def copy_from(self, template: Path) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(template, self.data)

    def rows(self) -> dict[int, tuple[frozenset[str], bytes | None]]:
        """Flags and bytes by UID as the file has them; every message of it is unpacked."""
        with sqlite3.connect(self.data / "mailsync.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            held = connection.execute("SELECT messages, unread, bytes FROM folders WHERE name = 'INBOX'").fetchone()
            counted = connection.execute(
                "SELECT count(*), coalesce(sum(flags & 1 = 0), 0), coalesce(sum(size), 0) FROM messages"
            )
            assert held in (None, counted.fetchone()), "the counters are those of the rows"
            listed = connection.execute(
                "SELECT m.uid, v.flags, m.content_id FROM messages m JOIN mail v ON v.id = m.id"
            ).fetchall()
            found = {
                uid: (frozenset(flags.split()), contents.load(connection, content)) for uid, flags, content in listed
            }
            assert len(found) == len(listed), "no UID twice"
            return found

    def _where(self) -> list[str]:
        return ["--config", str(self.folder / "config.toml"), "--data-dir", str(self.data)]


def prepare(folder: Path, proxy: FaultProxy, server: Dovecot, user: str) -> Mirror:
    """A mirror that may sync but has not yet."""
    mirror = Mirror(folder, proxy, user, server.users[user])
    mirror.run("consent", "grant", "work", "--all")
    return mirror


def assert_survives(mirror: Mirror, truth: dict[int, Stored], after: float) -> bool:
    """Kill a sync after so many seconds, look, let the next one finish, look again. True when it was killed."""
    was_killed = mirror.killed(after)
    kept = mirror.rows()
    for uid, (_, raw) in kept.items():
        assert uid not in truth or raw == truth[uid].raw, f"UID {uid} is damaged"
    missing = truth.keys() - kept.keys()
    before = mirror.proxy.bytes_from_server
    document = mirror.run("sync")
    fetched = mirror.proxy.bytes_from_server - before
    assert document["ok"]
    assert document["totals"]["new"] == len(missing), document
    wanted = sum(len(truth[uid].raw) for uid in missing)
    assert fetched <= wanted + OVERHEAD * len(truth) + 20_000, "what was committed was downloaded again"
    assert mirror.rows() == {uid: (stored.flags, stored.raw) for uid, stored in truth.items()}
    return was_killed


def first_syncs(folder: Path, server: Dovecot, user: str, moments: int, seed: int) -> int:
    """Kill first syncs at `moments` random moments; returns how many were really killed while they worked."""
    server.fill(user, "INBOX", sample())
    with server.client(user) as client, FaultProxy(server.port) as proxy:
        truth = client.fetch_all("INBOX")
        mirror = prepare(folder / "mirror", proxy, server, user)
        template = folder / "template"
        shutil.copytree(mirror.data, template)
        return _each(mirror, template, truth, moments, seed)


def delta_syncs(folder: Path, server: Dovecot, user: str, moments: int, seed: int) -> int:
    """The same for the sync that follows arrivals, flag changes and expunges."""
    server.fill(user, "INBOX", sample())
    with server.client(user) as client, FaultProxy(server.port) as proxy:
        mirror = prepare(folder / "mirror", proxy, server, user)
        mirror.run("sync")
        template = folder / "template"
        shutil.copytree(mirror.data, template)
        uids = client.uids("INBOX")
        client.expunge("INBOX", uids[::10])
        client.store("INBOX", uids[1::10], "+FLAGS", "\\Seen", "$Label1")
        client.append_many("INBOX", sample(500, seed=2))
        return _each(mirror, template, client.fetch_all("INBOX"), moments, seed)


def _each(mirror: Mirror, template: Path, truth: dict[int, Stored], moments: int, seed: int) -> int:
    rng = random.Random(seed)
    process = mirror.start("status")
    process.communicate()
    killed = 0
    for _ in range(moments):
        mirror.copy_from(template)
        killed += assert_survives(mirror, truth, rng.uniform(0.25, 1.6))
    return killed
