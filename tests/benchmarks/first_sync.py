"""First sync of 20,000 messages (about 143 MB) from Dovecot on loopback, side by side in one run, interleaved, medians.

    drain      read `UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])` off a socket and drop it: the floor
    mailsync   `mailsync sync`, from nothing; "mirrored" is when its last row is durable, "exit" when it has also read
               every header for the message list and the process is gone
    mbsync     into Maildir: at its fastest (FSync off, no COMPRESS) and as it comes

Run it with nothing else on the machine: `make bench`, or `python -m tests.benchmarks.first_sync [rounds]`.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.mailbox import messages
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Message

PASSWORD = "secret"
MBSYNC = """\
{fsync}
IMAPAccount bench
Host 127.0.0.1
Port {port}
User alice
Pass {password}
SSLType None
AuthMechs LOGIN
{extensions}

IMAPStore far
Account bench

MaildirStore near
Path {path}/
Inbox {path}/INBOX
SubFolders Verbatim

Channel bench
Far :far:
Near :near:
Patterns INBOX
Create Near
Sync Pull
SyncState *
"""


@dataclass(slots=True)
class Run:
    """One measured run: wall and CPU seconds of the process, its peak memory (MB), the disk it used (MB)."""

    seconds: float
    cpu: float = 0.0
    rss: float = 0.0
    disk: float = 0.0
    mirrored: float = 0.0


@dataclass(slots=True)
class Contender:
    """A row of the table."""

    name: str
    runs: list[Run] = field(default_factory=list)

    def median(self, what: str) -> float:
        return float(statistics.median(getattr(run, what) for run in self.runs))


def drain(port: int) -> Run:
    """Read everything and keep nothing."""
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as line:
        buffer = bytearray(1 << 20)

        def until(tag: bytes) -> None:
            sought, seen = tag + b" OK", b""
            while True:
                count = line.recv_into(buffer)
                if not count:
                    raise SystemExit("the server hung up on the drain")
                # Whole segments are searched, so that the floor pays for looking at every byte once.
                if buffer.find(sought, 0, count) >= 0 or sought in seen[-20:] + bytes(buffer[:20]):
                    return
                seen = bytes(buffer[max(0, count - 20) : count])

        line.recv(4096)
        for tag, command in (
            (b"drain1", b"LOGIN alice " + PASSWORD.encode()),
            (b"drain2", b"EXAMINE INBOX"),
            (b"drain3", b"UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])"),
        ):
            line.sendall(tag + b" " + command + b"\r\n")
            until(tag)
    return Run(time.perf_counter() - started)


def measured(command: list[str], folder: Path, env: dict[str, str]) -> tuple[Run, str]:
    """Run a command; its process's own CPU and memory come from wait4."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, env=os.environ | env)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        output.seek(0)
        text = output.read().decode()
    if status:
        raise SystemExit(f"{command[0]} failed: {text}")
    disk = sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 1e6
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, disk), text


def mailsync(server: Dovecot) -> Run:
    folder = Path(tempfile.mkdtemp(prefix="mailsync-bench-"))
    try:
        (folder / "config.toml").write_text(
            f'[accounts.bench]\nemail = "alice@example.com"\nusername = "alice"\nhost = "127.0.0.1"\n'
            f'port = {server.port}\nsecurity = "none"\n'
        )
        base = [sys.executable, "-m", "mailsync", "--config", str(folder / "config.toml"), "--data-dir"]
        data = folder / "data"
        env = {"MAILSYNC_PASSWORD_BENCH": PASSWORD}
        subprocess.run([*base, str(data), "consent", "grant", "bench", "--all"], check=True, capture_output=True)
        run, text = measured([*base, str(data), "sync", "--json"], data, env)
        document = json.loads(text)
        if not document["ok"] or document["totals"]["new"] < 1:
            raise SystemExit(f"mailsync did not mirror: {text}")
        run.mirrored = document["totals"]["seconds"]
        return run
    finally:
        shutil.rmtree(folder)


def mbsync(server: Dovecot, *, fastest: bool) -> Run:
    folder = Path(tempfile.mkdtemp(prefix="mailsync-bench-"))
    try:
        (folder / "rc").write_text(
            MBSYNC.format(
                fsync="FSync no" if fastest else "",
                port=server.port,
                password=PASSWORD,
                extensions="DisableExtension COMPRESS=DEFLATE" if fastest else "",
                path=folder / "mail",
            )
        )
        (folder / "mail").mkdir()
        run, _ = measured(["mbsync", "-q", "-c", str(folder / "rc"), "bench"], folder / "mail", {})
        return run
    finally:
        shutil.rmtree(folder)


def main(rounds: int = 5) -> None:
    raw = 0

    def counted() -> Iterator[Message]:
        nonlocal raw
        for message in messages():
            raw += len(message[0])
            yield message

    with Dovecot({"alice": PASSWORD}, compress=True) as server:
        server.fill("alice", "INBOX", counted())
        floor, ours = Contender("drain"), Contender("mailsync")
        fast, plain = Contender("mbsync, FSync off, no COMPRESS"), Contender("mbsync as it comes")
        drain(server.port)  # warms the server's caches for everyone
        for number in range(rounds):
            floor.runs.append(drain(server.port))
            ours.runs.append(mailsync(server))
            fast.runs.append(mbsync(server, fastest=True))
            if number < 3:
                plain.runs.append(mbsync(server, fastest=False))
            os.sync()
    print(f"\n20,000 messages, {raw / 1e6:.0f} MB raw; medians of {rounds} interleaved rounds; {os.cpu_count()} cores")
    print(f"{'':34}{'seconds':>9}{'CPU s':>8}{'peak MB':>9}{'disk MB':>9}{'of raw':>8}")
    for row in (floor, ours, fast, plain):
        disk = row.median("disk")
        print(
            f"{row.name:34}{row.median('seconds'):9.2f}{row.median('cpu'):8.2f}{row.median('rss'):9.0f}"
            f"{disk:9.1f}{disk * 1e8 / raw:7.0f}%"
        )
    mirrored, done = ours.median("mirrored"), ours.median("seconds")
    print(f"\nmailsync: mirrored after {mirrored:.2f} s, exit after {done:.2f} s")
    for name, base in (("drain", floor), ("mbsync fastest", fast), ("mbsync as it comes", plain)):
        seconds = base.median("seconds")
        print(f"  {name:20} {seconds:6.2f} s  = {seconds / mirrored:5.2f} x mirrored, {seconds / done:5.2f} x exit")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
