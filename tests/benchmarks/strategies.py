"""Syncs that find little or nothing to do, against mbsync in one run, interleaved, medians.

Three classes of server: Dovecot with all it has, limited to CONDSTORE, limited to plain IMAP4rev1. Three tasks: nothing
new in one folder of 100,000 messages; nothing new in 200 folders of 50; 100 arrivals, 100 changed flags and 50 expunges
in the 100,000. Each directly on loopback and over a line of 40 ms round trip (tests.benchmarks.line), where bytes and
round trips are counted as well.

"least" is the CPU time of the cheapest run, which depends less than the median on who else uses the machine. "beyond"
is the CPU time of mailsync less that of the same command on an empty mailbox of the same server: the work that the
mailbox makes, without what a Python program pays to start.

`python -m tests.benchmarks.strategies [rounds] [class...]`, classes full, condstore, plain. Leave the machine alone.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.line import Line
from tests.benchmarks.rivals import PASSWORD, Mailsync, Mbsync, Run, median
from tests.benchmarks.tiny import fill_many, tiny
from tests.servers.dovecot import CONDSTORE_ONLY, PLAIN_IMAP4REV1, Dovecot
from tests.servers.imap_client import ImapClient

CLASSES = {"full": None, "condstore": CONDSTORE_ONLY, "plain": PLAIN_IMAP4REV1}
ROUND_TRIP = 0.04
BIG, FOLDERS, EACH = 100_000, 200, 50
ARRIVALS, FLAGGED, EXPUNGED = 100, 100, 50
USERS = {"alice": PASSWORD, "bob": PASSWORD, "carol": PASSWORD}
"""Alice has one big folder, bob has many, carol has nothing."""


@dataclass(slots=True)
class Row:
    """A program at a task over a line."""

    task: str
    line: str
    program: str
    runs: list[Run] = field(default_factory=list)


@contextmanager
def twin(original: Dovecot, capability: str | None) -> Iterator[Dovecot]:
    """Another server with a copy of the mail."""
    with Dovecot(USERS, capability=capability, compress=True) as server:
        homes = original.directory / "home"
        subprocess.run(["cp", "-a", f"{homes}/.", str(server.directory / "home")], check=True)
        yield server


def disturb(client: ImapClient) -> None:
    """The delta, in an INBOX whose UIDs have no gaps yet."""
    rng = random.Random(3)
    chosen = rng.sample(range(1, client.status("INBOX")["MESSAGES"] + 1), FLAGGED + EXPUNGED)
    client.store("INBOX", chosen[:FLAGGED], "+FLAGS", "\\Draft")
    client.expunge("INBOX", chosen[FLAGGED:])
    client.append_many("INBOX", tiny(ARRIVALS, seed=99))


class Bench:
    """One class of server: the mirrors that both programs have of it, and the rows of its table."""

    def __init__(self, server: Dovecot, folder: Path, mbsyncs: dict[str, Mbsync]) -> None:
        self.server = server
        self.folder = folder
        self.mbsyncs = mbsyncs
        self.rows: dict[tuple[str, str, str], Row] = {}
        self.mailsyncs = {user: Mailsync(folder / f"mailsync-{user}", (user,)) for user in USERS}

    def first(self) -> None:
        """Twice, since the second finishes what the first left of the header stage."""
        for mirror in self.mailsyncs.values():
            mirror.sync(self.server.port)
            mirror.sync(self.server.port)

    def noop(self, user: str, task: str, rounds: int) -> None:
        def check(run: Run) -> None:
            totals = run.document.get("totals", {})
            assert not any(totals.get(kind) for kind in ("new", "changed", "deleted")), run.document

        mailsync, mbsync = self.mailsyncs[user], self.mbsyncs.get(user)
        for line, port, take in self.lines():
            take(Row(task, line, "mailsync"), mailsync.sync(port), check)  # notes how long the line has become
            for _ in range(rounds):
                take(self.row(task, line, "mailsync"), mailsync.sync(port), check)
                if mbsync is not None:
                    take(self.row(task, line, "mbsync"), mbsync.sync(port), check)

    def delta(self, task: str, rounds: int) -> None:
        """The server changes once; each round starts from a copy of the mirrors as they were before."""

        def check(run: Run) -> None:
            found = [run.document["totals"][kind] for kind in ("new", "changed", "deleted")]
            assert found == [ARRIVALS, FLAGGED, EXPUNGED], found

        with self.server.client("alice") as client:
            disturb(client)
        for _ in range(rounds):
            for line, port, take in self.lines():
                with tempfile.TemporaryDirectory(prefix="mailsync-bench-") as place:
                    ours = self.mailsyncs["alice"].copy(Path(place) / "mailsync")
                    take(self.row(task, line, "mailsync"), ours.sync(port), check)
                    theirs = self.mbsyncs["alice"].copy(Path(place) / "mbsync")
                    take(self.row(task, line, "mbsync"), theirs.sync(port), lambda run: None)
                    assert theirs.count() == BIG + ARRIVALS - EXPUNGED, theirs.count()
                    assert theirs.drafts() == FLAGGED, theirs.drafts()

    def row(self, task: str, line: str, program: str) -> Row:
        return self.rows.setdefault((task, line, program), Row(task, line, program))

    def lines(self) -> Iterator[tuple[str, int, Callable[[Row, Run, Callable[[Run], None]], None]]]:
        """The two lines: a name, a port, and what keeps a run."""

        def keep(row: Row, run: Run, check: Callable[[Run], None]) -> None:
            check(run)
            row.runs.append(run)

        yield "0 ms", self.server.port, keep
        with Line(self.server.port, ROUND_TRIP) as line:

            def keep_counted(row: Row, run: Run, check: Callable[[Run], None]) -> None:
                run.passed = line.take()
                keep(row, run, check)

            yield f"{ROUND_TRIP * 1000:.0f} ms", line.port, keep_counted


@contextmanager
def originals(folder: Path) -> Iterator[tuple[Dovecot, dict[str, Mbsync]]]:
    """The server with all the mail, and mbsync's mirrors of it, which are the same for every class of server."""
    with Dovecot(USERS, compress=True) as server:
        started = time.perf_counter()
        server.fill("alice", "INBOX", tiny(BIG))
        fill_many(server, "bob", FOLDERS, EACH)
        print(f"mailboxes filled in {time.perf_counter() - started:.0f} s", flush=True)
        mirrors = {user: Mbsync(folder / f"mbsync-{user}", user) for user in ("alice", "bob")}
        for user, mirror in mirrors.items():
            run = mirror.sync(server.port)
            print(f"mbsync's first sync for {user}: {run.seconds:.1f} s, {mirror.count():,} messages", flush=True)
        server.stop()  # what it holds in memory comes to disk
        yield server, mirrors


def report(kind: str, rows: list[Row]) -> None:
    """The table of a class."""
    print(f"\n{kind}")
    head = f"{'':24}{'line':>6}{'':>10}{'seconds':>9}{'CPU s':>8}{'least':>7}{'beyond':>8}{'peak MB':>9}"
    print(head + f"{'kB down':>9}{'kB up':>8}{'round trips':>13}{'connections':>13}{'faster':>8}")
    base = {row.line: median(row.runs, "cpu") for row in rows if row.task == "empty mailbox"}
    theirs = {(row.task, row.line): median(row.runs, "seconds") for row in rows if row.program == "mbsync"}
    for row in rows:
        seconds, cpu = median(row.runs, "seconds"), median(row.runs, "cpu")
        ours = row.program == "mailsync"
        least = min(run.cpu for run in row.runs)
        text = f"{row.task:24}{row.line:>6}{row.program:>10}{seconds:9.2f}{cpu:8.2f}{least:7.2f}"
        text += f"{max(0.0, cpu - base[row.line]):8.2f}" if ours else " " * 8
        text += f"{median(row.runs, 'rss'):9.0f}"
        if median(row.runs, "connections"):
            text += f"{median(row.runs, 'down') / 1000:9.1f}{median(row.runs, 'up') / 1000:8.1f}"
            text += f"{median(row.runs, 'round_trips'):13.0f}{median(row.runs, 'connections'):13.0f}"
        else:
            text += " " * 43
        if ours and (row.task, row.line) in theirs:
            text += f"{theirs[row.task, row.line] / seconds:7.1f}x"
        print(text, flush=True)


def main(rounds: int = 3, *kinds: str) -> None:
    with tempfile.TemporaryDirectory(prefix="mailsync-bench-") as place, originals(Path(place)) as (original, mirrors):
        for kind in kinds or CLASSES:
            folder = Path(place) / kind
            folder.mkdir()
            with twin(original, CLASSES[kind]) as server:
                bench = Bench(server, folder, mirrors)
                bench.first()
                bench.noop("carol", "empty mailbox", rounds)
                bench.noop("alice", f"nothing new in {BIG:,}", rounds)
                bench.noop("bob", f"nothing new in {FOLDERS} x {EACH}", rounds)
                bench.delta(f"delta in {BIG:,}", rounds)
            report(kind, list(bench.rows.values()))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, *sys.argv[2:])
