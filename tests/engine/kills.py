"""Killing a sync at random moments: what is in the file afterwards, and what the next sync does."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import time
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
        started = time.monotonic()
        process = self._start(self._directory("whole"))
        started = time.monotonic()
        assert driver.finish(process)["ok"]
        self.seconds = time.monotonic() - started

    def _directory(self, name: str) -> Path:
        directory = self.work / name
        if self.before is not None:
            shutil.copytree(self.before, directory)
        return directory

    def _start(self, directory: Path) -> driver.subprocess.Popen[str]:
        return driver.start("sync", directory, self.server.port, self.user, self.server.users[self.user])

    def once(self, name: str, moment: float) -> None:
        """Kill after `moment` seconds, look, finish, look."""
        directory = self._directory(name)
        process = self._start(directory)
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
        self.caught += process.returncode == -signal.SIGKILL and not out
        held = self.look(directory)

        document = driver.finish(self._start(directory))
        assert document["ok"], document
        for folder in document["accounts"][0]["folders"]:
            validity, messages = self.server_holds[folder["name"]]
            have = held.get(folder["name"], set()) if validity == folder["uidvalidity"] else set()
            # Nothing that was committed is downloaded again, and nothing is forgotten.
            assert folder["new"] == len(messages.keys() - have), folder
            assert folder["quarantined"] == 0
        self.look(directory)
        with Rig(directory, self.server.port, self.user) as rig:
            assert differences(rig.mirrored(), self.server_holds) == []
            distinct = {one.raw for _, messages in self.server_holds.values() for one in messages.values()}
            kept = rig.execute("SELECT count(DISTINCT content_id) FROM messages")
            assert kept == [(len(distinct),)]
        shutil.rmtree(directory)

    def look(self, directory: Path) -> dict[str, set[int]]:
        """The file is sound and what it holds is true; the UIDs held by folder, of those under today's UIDVALIDITY."""
        connection = sqlite3.connect(directory / "mailsync.db")
        try:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            assert counters_are_exact(connection)
            assert connection.execute("SELECT count(*) FROM messages WHERE content_id IS NULL").fetchone() == (0,)
        finally:
            connection.close()
        found: dict[str, set[int]] = {}
        with Rig(directory, self.server.port, self.user) as rig:
            for name, (validity, messages) in rig.mirrored().items():
                if self.server_holds[name][0] != validity:
                    continue
                theirs = self.server_holds[name][1]
                for uid in messages.keys() & theirs.keys():
                    assert messages[uid].raw == theirs[uid].raw, (name, uid)
                    assert messages[uid].internaldate == theirs[uid].internaldate
                found[name] = set(messages)
        return found

    def many(self, times: int) -> None:
        """Kill at moments spread over the whole length of a sync, in random order within equal shares."""
        for number in range(times):
            moment = (number + self.random.random()) / times * self.seconds
            self.once(f"kill{number}", moment)
        assert self.caught > times * 0.5, f"only {self.caught} of {times} were still at work"


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
