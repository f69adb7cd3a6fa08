"""From nothing to searchable: 20,000 messages (about 143 MB) from Dovecot on loopback, interleaved, medians.

    mailsync           one `mailsync sync`: mirrored, parsed, threaded and indexed when it ends
    mbsync + notmuch   `mbsync` into Maildir, then `notmuch new`, which parses, threads and indexes
    mbsync + mu        the same, then `mu index`

The others at their fastest, yet honest: mbsync without FSync and COMPRESS; notmuch without tags for new mail, hooks and
flag synchronisation; mu as it comes, since it uses all cores by itself. On disk is what each needs to show its mail.

Run it with nothing else on the machine: `make bench`, or `python -m tests.benchmarks.index [rounds [messages]]`.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.mailbox import COUNT, messages
from tests.benchmarks.rivals import Mailsync, Mbsync, measured
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Message

USER = "alice"
NOTMUCH = """\
[database]
path={path}
[user]
name=Me
primary_email=me@example.com
[new]
tags=
[maildir]
synchronize_flags=false
"""


@dataclass(slots=True)
class Times:
    """Wall and CPU seconds of all that ran, the mirror's share of the first, MB on the disk for mail and index."""

    seconds: float
    cpu: float
    mirror: float
    mail: float
    index: float


@dataclass(slots=True)
class Contender:
    name: str
    run: Callable[[Dovecot, Path, int], Times]
    times: list[Times] = field(default_factory=list)

    def median(self, what: str) -> float:
        return float(statistics.median(getattr(one, what) for one in self.times))


def disk(folder: Path, *, without: str = "") -> float:
    """MB of blocks that the files take."""
    files = (
        Path(place, name)
        for place, _, names in os.walk(folder)
        if not without or without not in place
        for name in names
    )
    return sum(path.stat().st_blocks * 512 for path in files) / 1e6


def mailsync(server: Dovecot, folder: Path, count: int) -> Times:
    mirror = Mailsync(folder / "mailsync", (USER,))
    run = mirror.sync(server.port)
    status = _ask(mirror.command(server.port, "status", "--json"), mirror.env)
    index = json.loads(status)["index"]
    if index != {"done": count, "total": count}:
        raise SystemExit(f"mailsync did not index all: {index}")
    used = disk(folder / "mailsync" / "data")
    return Times(run.seconds, run.cpu, run.document["totals"]["seconds"], used, 0.0)


def notmuch(server: Dovecot, folder: Path, count: int) -> Times:
    mirrored = Mbsync(folder / "mbsync", USER).sync(server.port)
    mail = folder / "mbsync" / "mail"
    (folder / "config").write_text(NOTMUCH.format(path=mail))
    env = {"NOTMUCH_CONFIG": str(folder / "config")}
    run, _ = measured(["notmuch", "new", "--quiet", "--no-hooks"], env)
    found = int(_ask(["notmuch", "count", "*"], env))
    if found != count:
        raise SystemExit(f"notmuch has {found} messages")
    total = mirrored.seconds + run.seconds
    return Times(
        total, mirrored.cpu + run.cpu, mirrored.seconds, disk(mail, without=".notmuch"), disk(mail / ".notmuch")
    )


def mu(server: Dovecot, folder: Path, count: int) -> Times:
    mirrored = Mbsync(folder / "mbsync", USER).sync(server.port)
    mail = folder / "mbsync" / "mail"
    home = f"--muhome={folder / 'mu'}"
    started, _ = measured(["mu", "init", home, f"--maildir={mail}", "--quiet"], {})
    run, _ = measured(["mu", "index", home, "--quiet"], {})
    found = int(_ask(["mu", "find", home, "--format=plain", "--fields=i", ""], {}).count("\n"))
    if found != count:
        raise SystemExit(f"mu has {found} messages")
    total = mirrored.seconds + started.seconds + run.seconds
    cpu = mirrored.cpu + started.cpu + run.cpu
    return Times(total, cpu, mirrored.seconds, disk(mail), disk(folder / "mu"))


def _ask(command: list[str], env: Mapping[str, str]) -> str:
    return subprocess.run(command, env=os.environ | dict(env), capture_output=True, check=True, text=True).stdout


def main(rounds: int = 3, count: int = COUNT) -> None:
    raw = 0

    def counted() -> Iterator[Message]:
        nonlocal raw
        for message in messages(count):
            raw += len(message[0])
            yield message

    contenders = [
        Contender("mailsync", mailsync),
        Contender("mbsync + notmuch new", notmuch),
        Contender("mbsync + mu index", mu),
    ]
    with Dovecot({USER: "secret"}) as server:
        server.fill(USER, "INBOX", counted())
        for _ in range(rounds):
            for one in contenders:
                folder = Path(tempfile.mkdtemp(prefix="mailsync-bench-"))
                try:
                    one.times.append(one.run(server, folder, count))
                finally:
                    shutil.rmtree(folder)
                os.sync()
    print(
        f"\n{count:,} messages, {raw / 1e6:.0f} MB raw; medians of {rounds} interleaved rounds; {os.cpu_count()} cores"
    )
    print(f"{'':24}{'seconds':>9}{'CPU s':>8}{'mirror':>8}{'times':>8}{'mail MB':>9}{'index MB':>10}{'disk MB':>9}")
    ours = contenders[0].median("seconds")
    for one in contenders:
        seconds, mail, index = one.median("seconds"), one.median("mail"), one.median("index")
        print(
            f"{one.name:24}{seconds:9.2f}{one.median('cpu'):8.2f}{one.median('mirror'):8.2f}{seconds / ours:8.1f}"
            f"{mail:9.0f}{index:10.0f}{mail + index:9.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
