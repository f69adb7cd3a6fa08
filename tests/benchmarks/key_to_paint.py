"""Key to paint: from the byte that a key is to the bytes that show what it did, through a real pseudo-terminal.

The cursor of the message list goes down one row a key; its place ("17/20,000") stands in the line below the list, so
the paint that a key caused is told from the paints of a sync by the new number. What is measured ends with the end of
the frame that has the number, read by a program that does nothing else.

`python -m tests.benchmarks.key_to_paint [rounds]`: the dashboard with its engine in the same process, during the first
sync of 20,000 messages from Dovecot, then at rest.
`python -m tests.benchmarks.key_to_paint -- COMMAND...`: any command that shows a message list after the key `2`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.mailbox import messages
from tests.servers.dovecot import Dovecot

PASSWORD = "secret"
COLUMNS, LINES = 160, 48
GAP = 0.03
"""Seconds between a paint and the next key: a key held down."""
KEYS = 150
GIVE_UP = 5.0
PLACE = re.compile(rb"(?<![\d,/])([\d,]+)/[\d,]+")
FRAME_END = b"\x1b[?2026l"


@dataclass(slots=True)
class Terminal:
    """A command on a pseudo-terminal of its own."""

    pid: int
    fd: int
    seen: bytearray = field(default_factory=bytearray)

    @classmethod
    def start(cls, command: list[str], env: dict[str, str]) -> Terminal:
        pid, fd = pty.fork()
        if pid == 0:
            os.execvpe(command[0], command, os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | env)
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        return cls(pid, fd)

    def read(self, seconds: float) -> bytes:
        """What arrives within `seconds`, as soon as anything does."""
        ready, _, _ = select.select([self.fd], [], [], max(0.0, seconds))
        if not ready:
            return b""
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            raise SystemExit(f"the program ended:\n{self.seen[-2000:].decode('utf-8', 'replace')}") from None
        # Textual asks whether the terminal can hold a frame back until it is whole; with a yes it marks their ends.
        if b"\x1b[?2026$p" in data:
            os.write(self.fd, b"\x1b[?2026;2$y")
        self.seen += data
        del self.seen[:-65536]
        return data

    def quiet(self, seconds: float) -> None:
        """Read on for so long."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)

    def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Read until `condition` holds."""
        end = time.perf_counter() + seconds
        while not condition():
            if time.perf_counter() > end:
                raise SystemExit(f"waited in vain; the screen was:\n{self.seen[-2000:].decode('utf-8', 'replace')}")
            self.read(0.05)

    def press(self, key: bytes) -> None:
        os.write(self.fd, key)

    def close(self) -> None:
        """Ask the program to end; read until it has."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        end = time.perf_counter() + 30
        while time.perf_counter() < end:
            with contextlib.suppress(SystemExit):
                self.read(0.05)
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


def place_in(data: bytes) -> int | None:
    """The last place of the cursor that is told in some output."""
    found = PLACE.findall(data)
    return int(found[-1].replace(b",", b"")) if found else None


def press_and_wait(terminal: Terminal, place: int) -> tuple[float, float] | None:
    """Press `j`; milliseconds until the first byte that follows, and until the frame that shows `place` is whole.

    None when mail arrived above the cursor in that moment, so that its place tells nothing.
    """
    arrived = bytearray()
    first = 0.0
    started = time.perf_counter()
    terminal.press(b"j")
    while (passed := time.perf_counter() - started) < GIVE_UP:
        data = terminal.read(GIVE_UP - passed)
        now = (time.perf_counter() - started) * 1000
        first = first or now
        arrived += data
        found = place_in(bytes(arrived))
        if found is not None and found not in (place - 1, place):
            return None
        if found == place:
            at = max(match.end() for match in PLACE.finditer(bytes(arrived)))
            if FRAME_END not in terminal.seen or FRAME_END in arrived[at:]:
                return first, now
    raise SystemExit(f"a key was not answered; the screen was:\n{terminal.seen[-2000:].decode('utf-8', 'replace')}")


@dataclass(slots=True)
class Tally:
    """Milliseconds by what was going on."""

    name: str
    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    moved: int = 0

    def report(self) -> None:
        if not self.whole:
            print(f"{self.name:12} no keys")
            return
        for what, values in (("first byte", self.first), ("painted", self.whole)):
            ordered = sorted(values)
            p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
            print(
                f"{self.name:12} {what:11} p50 {statistics.median(ordered):6.1f} ms   p95 {p95:6.1f} ms   "
                f"max {ordered[-1]:6.1f} ms   {len(ordered)} keys"
            )
        if self.moved:
            print(f"{self.name:12} {self.moved} keys not counted: mail arrived above the cursor at that moment")


def drive(terminal: Terminal, going_on: Callable[[], bool], tally: Tally, keys: int) -> None:
    """Press keys while `going_on`; a key counts when that was so before and after it."""
    for _ in range(keys):
        # Looked up each time: mail that arrives above the cursor moves its place, not its message.
        place = place_in(bytes(terminal.seen)) or 1
        before = going_on()
        found = press_and_wait(terminal, place + 1)
        if found is None:
            tally.moved += 1
            continue
        if not (before and going_on()):
            return
        tally.first.append(found[0])
        tally.whole.append(found[1])
        terminal.quiet(GAP)


def to_the_list(terminal: Terminal) -> None:
    """From the start of the dashboard to the message list, everything drawn and at rest."""
    terminal.until(lambda: b"Dashboard" in terminal.seen)
    terminal.quiet(1.0)
    terminal.press(b"2")
    terminal.until(lambda: b"Messages" in terminal.seen)
    terminal.quiet(1.0)


def start_first_sync(terminal: Terminal, command: list[str]) -> None:
    """Allow it only now, and ask for it: what is measured is the sync, not the start of the program beside it."""
    subprocess.run([*command, "consent", "grant", "bench", "--all"], check=True, capture_output=True)
    terminal.press(b"S")
    terminal.until(lambda: place_in(bytes(terminal.seen)) is not None)


@contextlib.contextmanager
def mirror(port: int) -> Iterator[tuple[list[str], dict[str, str], Path]]:
    """A configured, empty mirror: the command, its environment, the data directory."""
    folder = Path(tempfile.mkdtemp(prefix="mailsync-keys-"))
    try:
        (folder / "config.toml").write_text(
            f'[accounts.bench]\nemail = "alice@example.com"\nusername = "alice"\nhost = "127.0.0.1"\n'
            f'port = {port}\nsecurity = "none"\n'
        )
        data = folder / "data"
        command = [sys.executable, "-m", "mailsync", "--config", str(folder / "config.toml"), "--data-dir", str(data)]
        yield command, {"MAILSYNC_PASSWORD_BENCH": PASSWORD}, data
    finally:
        shutil.rmtree(folder)


def first_sync_runs(data: Path) -> Callable[[], bool]:
    """Tells whether the first sync of the INBOX is under way."""
    connection = sqlite3.connect(f"file:{data / 'mailsync.db'}?mode=ro", uri=True)

    def running() -> bool:
        row = connection.execute("SELECT syncing, first_sync_at FROM folders WHERE name = 'INBOX'").fetchone()
        return row is not None and bool(row[0]) and row[1] is None

    return running


def main() -> None:
    """Measure, print."""
    if "--" in sys.argv:
        command = sys.argv[sys.argv.index("--") + 1 :]
        terminal = Terminal.start(command, {})
        tally = Tally("keys")
        try:
            to_the_list(terminal)
            drive(terminal, lambda: True, tally, KEYS)
        finally:
            terminal.close()
        tally.report()
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 5
    syncing, resting = Tally("first sync"), Tally("at rest")
    with Dovecot({"alice": PASSWORD}) as server:
        server.fill("alice", "INBOX", messages())
        for number in range(rounds):
            with mirror(server.port) as (command, env, data):
                terminal = Terminal.start(command, env)
                try:
                    to_the_list(terminal)
                    start_first_sync(terminal, command)
                    running = first_sync_runs(data)
                    drive(terminal, running, syncing, KEYS)
                    if number == 0:
                        terminal.until(lambda: not running(), 120)  # noqa: B023
                        terminal.quiet(5.0)
                        drive(terminal, lambda: True, resting, KEYS)
                finally:
                    terminal.close()
    syncing.report()
    resting.report()


if __name__ == "__main__":
    main()
