"""How long from the server's notice to the committed row: `python -m tests.benchmarks.push [arrivals]`.

The notice is timed on bare connections beside the engine's, over the same line: one in IDLE on INBOX, and where the
server has NOTIFY one that is told of every folder. (Dovecot 2.3 itself holds a notice back for 500 ms.) The row is
timed by another process that asks the database. Mail arrives in INBOX and in another folder by turns; without NOTIFY
only INBOX is watched.

Then 20 accounts are monitored by one engine, and what memory its process has is told.
"""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from tests.benchmarks.line import Line
from tests.engine import driver
from tests.servers.dovecot import CONDSTORE_ONLY, Dovecot
from tests.servers.fake import letter
from tests.servers.process import HOST

ARRIVALS = 100
APART_SECONDS = 0.8
"""Longer than Dovecot holds a notice back, so that each arrival has a notice of its own."""
ACCOUNTS = 20
MAIL = 150
"""Messages in each of three folders of these accounts."""
Told = dict[tuple[str, int], float]
"""When a folder was first heard of with so many messages."""


class Bare(threading.Thread):
    """A connection that only listens."""

    def __init__(self, port: int, user: str, *lines: str) -> None:
        super().__init__(daemon=True)
        self.heard: Told = {}
        self._socket = socket.create_connection((HOST, port))
        self._file = self._socket.makefile("rb")
        self._file.readline()
        for number, line in enumerate((f"LOGIN {user} secret", *lines)):
            self._socket.sendall(b"b%d %s\r\n" % (number, line.encode()))
            while not (answer := self._file.readline()).startswith((b"b%d " % number, b"+")):
                assert answer
        self.start()

    def run(self) -> None:
        for line in self._file:
            now = time.monotonic()
            if found := re.match(rb"\* (\d+) EXISTS", line):
                self.heard.setdefault(("INBOX", int(found[1])), now)
            elif found := re.match(rb"\* STATUS (\w+) \(MESSAGES (\d+)", line):
                self.heard.setdefault((found[1].decode(), int(found[2])), now)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self.join()
        self._socket.close()


class Rows(threading.Thread):
    """When each folder's count of committed messages was first seen."""

    def __init__(self, directory: Path) -> None:
        super().__init__(daemon=True)
        self.seen: Told = {}
        self.stop = False
        self._path = directory / "mailsync.db"
        self.start()

    def run(self) -> None:
        version = -1
        with closing(sqlite3.connect(self._path)) as connection:
            while not self.stop:
                current = connection.execute("PRAGMA data_version").fetchone()[0]
                if current != version:
                    version = current
                    now = time.monotonic()
                    for name, count in connection.execute("SELECT name, messages FROM folders"):
                        self.seen.setdefault((name, count), now)
                time.sleep(0.0005)


@contextmanager
def engine(directory: Path, port: int) -> Iterator[None]:
    """The daemon in a process of its own, once it watches INBOX."""
    process = driver.start("serve", directory, port, "alice", "secret")
    deadline = time.monotonic() + 60
    try:
        with closing(sqlite3.connect(directory / "mailsync.db")) as connection:
            while not connection.execute("SELECT 1 FROM folders WHERE name = 'INBOX' AND watch <> ''").fetchone():
                time.sleep(0.05)
                if time.monotonic() > deadline:
                    raise SystemExit("the engine does not watch INBOX")
            time.sleep(2.0)
        yield
    finally:
        process.terminate()
        process.wait(30)


def measure(server: Dovecot, round_trip: float, arrivals: int, *, notifies: bool) -> dict[str, list[float]]:
    """Seconds from notice to row, by folder; an arrival without a row is infinity."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(Line(server.port, round_trip)).port if round_trip else server.port
        server.fill("alice", "INBOX", [(letter(0), (), None)])
        server.fill("alice", "Work", [(letter(0), (), None)])
        stack.enter_context(engine(directory, port))
        rows = Rows(directory)
        bare = [stack.enter_context(closing(Bare(port, "alice", "EXAMINE INBOX", "IDLE")))]
        events = "NOTIFY SET (personal (MessageNew MessageExpunge))"
        if notifies:
            bare.append(stack.enter_context(closing(Bare(port, "alice", events, "IDLE"))))
        with server.client("alice") as client:
            folders = ["INBOX", "Work"] if notifies else ["INBOX"]
            counts = {name: client.status(name)["MESSAGES"] for name in folders}
            firsts = {name: count + 1 for name, count in counts.items()}
            for number in range(arrivals):
                for name in folders:
                    client.append(name, letter(number, 2000))
                    time.sleep(APART_SECONDS / len(folders))
        time.sleep(2.0)
        rows.stop = True
        rows.join()
        heard = {key: at for one in reversed(bare) for key, at in one.heard.items()}
        return {
            name: [
                rows.seen.get((name, number), float("inf")) - heard[name, number]
                for number in range(first, first + arrivals)
                if (name, number) in heard
            ]
            for name, first in firsts.items()
        }


def latencies(arrivals: int) -> None:
    print(f"{'rung':8}{'distance':>10}  {'folder':8}{'notices':>8}{'p50 ms':>9}{'p95 ms':>9}{'worst ms':>10}")
    for rung, capability in (("NOTIFY", None), ("IDLE", CONDSTORE_ONLY)):
        for round_trip in (0.0, 0.04):
            with Dovecot({"alice": "secret"}, capability=capability) as server:
                for name, delays in measure(server, round_trip, arrivals, notifies=capability is None).items():
                    ms = sorted(delay * 1000 for delay in delays)
                    p95 = ms[min(len(ms) - 1, int(len(ms) * 0.95))]
                    print(
                        f"{rung:8}{round_trip * 1000:7.0f} ms  {name:8}{len(ms):8}"
                        f"{statistics.median(ms):9.1f}{p95:9.1f}{ms[-1]:10.1f}",
                        flush=True,
                    )


def monitor_many(directory: Path, port: int) -> None:
    """The process whose memory is told: an engine of 20 accounts, until its standard input ends."""
    from mailsync.config.models import Config
    from mailsync.engine.engine import Engine
    from mailsync.store import consents
    from mailsync.store.database import Store
    from tests.sync.rig import SCOPES

    names = [f"user{number}" for number in range(ACCOUNTS)]
    server = {"host": HOST, "port": port, "security": "none"}
    accounts = {name: server | {"email": f"{name}@example.org", "username": name} for name in names}
    store = Store.open(directory)
    for name in names:
        os.environ[f"MAILSYNC_PASSWORD_{name.upper()}"] = "secret"
        store.write(lambda c, name=name: consents.grant(c, name, SCOPES, time.time())).result()  # type: ignore[misc]
    running = Engine(Config.model_validate({"accounts": accounts}), store, directory)
    running.start()
    sys.stdin.read()
    running.stop()
    store.close()


def memory() -> None:
    users = {f"user{number}": "secret" for number in range(ACCOUNTS)}
    with Dovecot(users) as server, tempfile.TemporaryDirectory() as directory:
        for user in users:
            for folder in ("INBOX", "Work", "Archive"):
                server.fill(user, folder, [(letter(number, 4000), (), None) for number in range(MAIL)])
        command = [sys.executable, "-m", "tests.benchmarks.push", "monitor", directory, str(server.port)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        path = Path(directory) / "mailsync.db"
        watched = 0
        deadline = time.monotonic() + 120
        while watched < 3 * ACCOUNTS and time.monotonic() < deadline:
            time.sleep(1.0)
            if path.exists():
                with closing(sqlite3.connect(path)) as connection:
                    watched = connection.execute("SELECT count(*) FROM folders WHERE watch <> ''").fetchone()[0]
        time.sleep(10.0)
        status = Path(f"/proc/{process.pid}/status").read_text()
        sizes = {key: int(value) / 1024 for key, value in re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status)}
        process.communicate()
    print(
        f"\n{ACCOUNTS} accounts monitored by one engine, {watched} folders watched: "
        f"{sizes['VmRSS']:.0f} MB resident, {sizes['VmHWM']:.0f} MB at most"
    )


def main(arrivals: int = ARRIVALS) -> None:
    latencies(arrivals)
    memory()


if __name__ == "__main__":
    if sys.argv[1:2] == ["monitor"]:
        monitor_many(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["memory"]:
        memory()
    else:
        main(*map(int, sys.argv[1:2]))
