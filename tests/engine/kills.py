"""Killing a sync at random moments: what is in the file afterwards, and what the next sync does."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.engine import driver
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Message
from tests.sync.rig import Rig, Truth, counters_are_exact, differences, truth

FOLDERS = ["INBOX", "Archive", "Lists/Dev", "Sent"]


def letters(count: int, seed: int) -> list[Message]:
    """Messages of some kilobytes each, with flags."""
    dice = random.Random(seed)
    flags = [(), ("\\Seen",), ("\\Seen", "$Label1"), ("\\Flagged",)]
    return [
        (
            b"Subject: %d.%d\r\n\r\n%s\r\n" % (seed, number, dice.randbytes(dice.randrange(4000)).hex().encode()),
            one,
            None,
        )
        for number, one in enumerate(dice.choices(flags, k=count))
    ]


@dataclass
class Killer:
    """Syncs of one mailbox that are killed and finished; `before` is a data directory to start from, or None."""

    server: Dovecot
    user: str
    work: Path
    before: Path | None
    seed: int
    server_holds: Truth = field(init=False)
    seconds: float = field(init=False)
    caught: int = 0
    """Syncs that were killed before their end."""

    def __post_init__(self) -> None:
        with self.server.client(self.user) as client:
            self.server_holds = truth(client)
        self.random = random.Random(self.seed)
        self.seconds = min(self._whole(f"whole{number}") for number in range(2))

    def _whole(self, name: str) -> float:
        """How long a sync takes that nobody kills."""
        process = self._start(self._directory(name))
        started = time.monotonic()
        assert driver.finish(process)["ok"]
        return time.monotonic() - started

    def _directory(self, name: str) -> Path:
        directory = self.work / name
        if self.before is not None:
            shutil.copytree(self.before, directory)
            forget_finished_jobs(directory)
        return directory

    def _start(self, directory: Path) -> subprocess.Popen[str]:
        return driver.start("sync", directory, self.server.port, self.user, self.server.users[self.user])

    def once(self, name: str, moment: float) -> None:
        """Kill after `moment` seconds, look, finish, look."""
        directory = self._directory(name)
        process = self._start(directory)
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        self.caught += process.returncode == -signal.SIGKILL and not out
        held = self.held(directory)
        forget_finished_jobs(directory)

        assert driver.finish(self._start(directory))["ok"]
        downloaded, strategies = self.reported(directory)
        for name, (_, messages) in self.server_holds.items():
            # Nothing that was committed is downloaded again, and nothing is forgotten.
            assert downloaded[name] == len(messages.keys() - held.get(name, set())), (name, strategies[name])
        is_sound(directory)
        with Rig(directory, self.server.port, self.user) as rig:
            assert differences(rig.mirrored(), self.server_holds) == []
            distinct = {one.raw for _, messages in self.server_holds.values() for one in messages.values()}
            assert rig.execute("SELECT count(DISTINCT content_id) FROM messages") == [(len(distinct),)]
        shutil.rmtree(directory)

    def reported(self, directory: Path) -> tuple[Counter[str], dict[str, list[str]]]:
        """New messages and strategies by folder, over all jobs that came to their end.

        There may be two: one that the killed process asked for and no engine had taken yet is done as well.
        """
        connection = sqlite3.connect(directory / "mailsync.db")
        rows = connection.execute("SELECT result FROM jobs WHERE status = 'completed' AND kind = 'sync'").fetchall()
        connection.close()
        downloaded: Counter[str] = Counter()
        strategies: dict[str, list[str]] = {}
        for (result,) in rows:
            for folder in json.loads(result)["accounts"][0]["folders"]:
                assert folder["quarantined"] == 0
                downloaded[folder["name"]] += folder["new"]
                strategies.setdefault(folder["name"], []).append(folder["strategy"])
        return downloaded, strategies

    def held(self, directory: Path) -> dict[str, set[int]]:
        """UIDs by folder, of those that are under today's UIDVALIDITY; what is held is true."""
        is_sound(directory)
        found: dict[str, set[int]] = {}
        with Rig(directory, self.server.port, self.user) as rig:
            for name, (validity, messages) in rig.mirrored().items():
                today, theirs = self.server_holds.get(name, (None, {}))
                if today != validity:
                    continue
                for uid in messages.keys() & theirs.keys():
                    assert messages[uid].raw == theirs[uid].raw, (name, uid)
                    assert messages[uid].internaldate == theirs[uid].internaldate
                found[name] = set(messages)
        return found

    def many(self, times: int) -> None:
        """Kill at moments spread over the whole length of a sync, in random order within equal shares."""
        for number in range(times):
            self.once(f"kill{number}", (number + self.random.random()) / times * self.seconds)
        assert self.caught >= times // 3, f"only {self.caught} of {times} were still at work"


def is_sound(directory: Path) -> None:
    """The database is whole, its counters are exact and no message is without its bytes."""
    connection = sqlite3.connect(directory / "mailsync.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert counters_are_exact(connection)
        assert connection.execute("SELECT count(*) FROM messages WHERE content_id IS NULL").fetchone() == (0,)
    finally:
        connection.close()


def forget_finished_jobs(directory: Path) -> None:
    connection = sqlite3.connect(directory / "mailsync.db", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = 1")
    connection.execute("DELETE FROM jobs WHERE status NOT IN ('pending', 'running')")
    connection.close()


def fill(server: Dovecot, user: str, count: int) -> None:
    for at, name in enumerate(FOLDERS):
        server.fill(user, name, letters(count // len(FOLDERS), at))


def change(server: Dovecot, user: str) -> None:
    """Arrivals, expunges, flags, a folder that is new, one that is gone, one that is another under the same name."""
    with server.client(user) as client:
        uids = client.uids("INBOX")
        client.expunge("INBOX", uids[:40:2])
        client.store("INBOX", uids[100:200], "+FLAGS", "\\Flagged", "$Later")
        client.append_many("INBOX", letters(len(uids) // 2, 101))
        client.delete("Sent")
        client.create("New")
        client.append_many("New", letters(len(uids) // 2, 102))
        stored = client.fetch_all("Archive")
        client.delete("Archive")
        client.create("Archive")
        client.append_many("Archive", [(one.raw, sorted(one.flags), one.internaldate) for one in stored.values()])
