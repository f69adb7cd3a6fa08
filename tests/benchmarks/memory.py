"""Peak memory: a mirror of 300,000 small messages through its life, and 20 accounts monitored at once by one daemon.

`python -m tests.benchmarks.memory [class...]`, classes as in tests.benchmarks.strategies (full and plain unless told).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.rivals import PASSWORD, Mailsync, Run
from tests.benchmarks.strategies import ARRIVALS, CLASSES, EXPUNGED, FLAGGED, disturb, twin
from tests.benchmarks.tiny import tiny
from tests.servers.dovecot import Dovecot

COUNT = 300_000
CEILING = 100.0  # MB, for a first sync
ACCOUNTS, EACH = 20, 500
DAEMON_CEILING = 200.0  # MB
REST = 10.0
"""Seconds that the daemon is watched at rest."""


def tell(name: str, run: Run, verdict: str = "") -> None:
    print(f"{name:36}{run.seconds:8.1f} s{run.cpu:8.1f} s CPU{run.rss:7.0f} MB peak  {verdict}", flush=True)


def one_big(kinds: tuple[str, ...]) -> None:
    """First, no-op and delta syncs of the big folder."""
    with Dovecot({"alice": PASSWORD}) as original:
        original.fill("alice", "INBOX", tiny(COUNT))
        original.stop()
        for kind in kinds:
            with (
                twin(original, CLASSES[kind]) as server,
                tempfile.TemporaryDirectory(prefix="mailsync-bench-") as place,
            ):
                live(kind, server, Mailsync(Path(place) / "mailsync", ("alice",)))


def live(kind: str, server: Dovecot, mirror: Mailsync) -> None:
    run = mirror.sync(server.port)
    assert run.document["totals"]["new"] == COUNT, run.document
    over = "OVER" if run.rss > CEILING else "under"
    tell(f"{kind}: first sync of {COUNT:,}", run, f"{over} {CEILING:.0f} MB")
    tell(f"{kind}: nothing new", mirror.sync(server.port))
    with server.client("alice") as client:
        disturb(client)
    run = mirror.sync(server.port)
    found = [run.document["totals"][what] for what in ("new", "changed", "deleted")]
    assert found == [ARRIVALS, FLAGGED, EXPUNGED], found
    tell(f"{kind}: delta", run)


def memory(pid: int, what: str) -> float:
    """VmHWM, VmRSS of a process and its children in MB."""
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            total += memory(int(child), what)
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            total += int(line.split()[1]) / 1024
    return total


def processor(pid: int) -> float:
    """CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(condition: Callable[[], bool], what: str, seconds: float = 120.0) -> float:
    started = time.perf_counter()
    while not condition():
        if time.perf_counter() - started > seconds:
            raise SystemExit(f"waited in vain for {what}")
        time.sleep(0.5)
    return time.perf_counter() - started


def twenty() -> None:
    """One daemon, many accounts."""
    users = {f"user{number}": PASSWORD for number in range(ACCOUNTS)}
    with Dovecot(users) as server, tempfile.TemporaryDirectory(prefix="mailsync-bench-") as place:
        for number, user in enumerate(users):
            server.fill(user, "INBOX", tiny(EACH, seed=number))
            server.fill(user, "Archive", tiny(EACH, seed=100 + number))
        mirror = Mailsync(Path(place) / "mailsync", tuple(users))

        def accounts() -> list[dict[str, Any]]:
            command = mirror.command(server.port, "status", "--json")
            run = subprocess.run(command, env=os.environ | mirror.env, capture_output=True, check=True)
            found: list[dict[str, Any]] = json.loads(run.stdout)["accounts"]
            return found

        def messages() -> int:
            return sum(folder["messages"] for account in accounts() for folder in account["folders"])

        command = mirror.command(server.port, "--daemon")
        with tempfile.TemporaryFile() as output:
            daemon = subprocess.Popen(command, env=os.environ | mirror.env, stdout=output, stderr=output)
            try:
                mirrored = until(lambda: messages() == ACCOUNTS * EACH * 2, "the first syncs")
                until(lambda: {account["state"] for account in accounts()} == {"watching"}, "watching accounts")
                print(f"{ACCOUNTS} accounts, {ACCOUNTS * EACH * 2:,} messages mirrored after {mirrored:.1f} s")
                print(f"  first syncs: {memory(daemon.pid, 'VmHWM'):.0f} MB peak")
                before = processor(daemon.pid)
                time.sleep(REST)
                used = (processor(daemon.pid) - before) / REST
                print(f"  watching: {memory(daemon.pid, 'VmRSS'):.0f} MB, {used * 100:.1f} % of a core")
                for number, user in enumerate(users):
                    server.fill(user, "INBOX", tiny(5, seed=1000 + number))
                until(lambda: messages() == ACCOUNTS * (EACH * 2 + 5), "the arrivals")
                peak = memory(daemon.pid, "VmHWM")
                over = "OVER" if peak > DAEMON_CEILING else "under"
                print(f"  after arrivals in all: {peak:.0f} MB peak, {over} {DAEMON_CEILING:.0f} MB", flush=True)
            finally:
                daemon.send_signal(signal.SIGTERM)
                code = daemon.wait(30)
            assert code == 0, code


def main(*kinds: str) -> None:
    one_big(kinds or ("full", "plain"))
    twenty()


if __name__ == "__main__":
    main(*sys.argv[1:])
