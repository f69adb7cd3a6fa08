"""Child processes that never outlive the tests: started in a group of their own, ended by that group's id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HOST = "127.0.0.1"
_pause = threading.Event()


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listened on a moment ago; held open together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind((HOST, 0))
        return [int(sock.getsockname()[1]) for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return when `condition()` holds; raise TimeoutError naming `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        _pause.wait(0.01)


def group_members(group: int) -> list[int]:
    """The pids of the living members of a process group."""
    members = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            members.append(int(path.parent.name))
    return members


class Child:
    """A server process and everything that it starts.

    As root it gives up root for `nobody` (mail servers refuse to serve mail as root). On Linux the kernel ends it
    when this process dies, however it dies.
    """

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path, drop: bool = False):
        self.log = log
        prefix: list[str] = []
        if setpriv := shutil.which("setpriv"):
            prefix = [setpriv, "--pdeathsig", "TERM"]
            if drop and os.geteuid() == 0:
                prefix += ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        elif drop and os.geteuid() == 0:
            raise RuntimeError("setpriv (util-linux) is needed to run a mail server as another user than root")
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*prefix, *argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=dict(os.environ) | dict(env or {}),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_for_greeting(self, port: int, seconds: float = 30.0) -> None:
        """Wait until an IMAP server greets on a port; raise with the log if the process ends before."""
        wait_until(lambda: not self.running or _greets(port), seconds, f"greeting on port {port}")
        if not self.running:
            raise RuntimeError(f"the server ended at once:\n{self.log.read_text('utf-8', 'replace')}")

    def stop(self, seconds: float = 5.0) -> None:
        """End the process and its group, and prove that nobody survived."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
            wait_until(lambda: not group_members(self.pid), seconds, "end of the process group")
        except (subprocess.TimeoutExpired, TimeoutError):
            self._signal(signal.SIGKILL)
            self._process.wait(seconds)
            wait_until(lambda: not group_members(self.pid), seconds, "end of the killed process group")

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


def _greets(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), 1.0) as sock:
            sock.settimeout(2.0)
            return sock.recv(4) == b"* OK"
    except OSError:
        return False
