"""The programs that are compared, each as a person would run it: a process from start to end, with state on disk."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.line import Passed

PASSWORD = "secret"
MBSYNC = """\
FSync no
IMAPAccount bench
Host 127.0.0.1
Port {port}
User {user}
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
Patterns *
Create Near
Expunge Near
Sync Pull
SyncState *
"""
"""mbsync at its fastest, yet doing the same work: arrivals, flags and deletions come here, folders are made."""
BYTECODE = Path(tempfile.gettempdir()) / f"mailsync-bench-bytecode-{os.getuid()}"
SCRIPT = "from mailsync.cli import main; main()"
"""What an installed `mailsync` runs."""
MAILDIR = ("/cur", "/new", "/tmp")


@dataclass(slots=True)
class Run:
    """One measured run: wall and CPU seconds of the process, its peak memory (MB), what passed on the line."""

    seconds: float
    cpu: float
    rss: float
    passed: Passed = field(default_factory=Passed)
    document: dict[str, Any] = field(default_factory=dict)


def median(runs: Iterable[Run], what: str) -> float:
    """The median of a number of the runs, of the line where it is not theirs."""
    return float(statistics.median(getattr(run if hasattr(run, what) else run.passed, what) for run in runs))


def measured(command: list[str], env: Mapping[str, str]) -> tuple[Run, str]:
    """Run a command; its process's own CPU and memory come from wait4."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=complaints, env=os.environ | dict(env))
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode()
        complaints.seek(0)
        if status:
            raise SystemExit(f"{' '.join(command)} failed: {text}{complaints.read().decode()}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), text


@dataclass(slots=True)
class Mailsync:
    """A data directory of `mailsync` in `folder`, for one user or several."""

    folder: Path
    users: tuple[str, ...]
    options: str = ""
    """More lines for each account."""
    settings: Path | None = None
    """Where config.toml is; `folder` if None. A copy has the original's, as the next sync of one mirror would."""

    name = "mailsync"

    def command(self, port: int, *arguments: str) -> list[str]:
        """A command on the mirror, with the server at `port`."""
        self.folder.mkdir(exist_ok=True)
        config = (self.settings or self.folder) / "config.toml"
        fresh = not config.exists()
        config.write_text(
            "".join(
                f'[accounts.{user}]\nemail = "{user}@example.com"\nusername = "{user}"\nhost = "127.0.0.1"\n'
                f'port = {port}\nsecurity = "none"\n{self.options}\n'
                for user in self.users
            )
        )
        base = [sys.executable, "-c", SCRIPT, "--config", str(config), "--data-dir", str(self.folder / "data")]
        if fresh:
            for user in self.users:
                grant = [*base, "consent", "grant", user, "--all"]
                subprocess.run(grant, check=True, capture_output=True, env=os.environ | self.env)
        return [*base, *arguments]

    @property
    def env(self) -> dict[str, str]:
        """Passwords; and bytecode is kept, as an installed program's is, but not in the working tree."""
        secrets = {f"MAILSYNC_PASSWORD_{user.upper()}": PASSWORD for user in self.users}
        return secrets | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(BYTECODE)}

    def sync(self, port: int) -> Run:
        run, text = measured(self.command(port, "sync", "--json"), self.env)
        run.document = json.loads(text)
        if not run.document["ok"]:
            raise SystemExit(f"mailsync did not mirror: {text}")
        return run

    def copy(self, folder: Path) -> Mailsync:
        """The same state elsewhere, to be changed there."""
        shutil.copytree(self.folder, folder)
        return Mailsync(folder, self.users, self.options, self.settings or self.folder)


@dataclass(slots=True)
class Mbsync:
    """A Maildir tree of mbsync in `folder`, for one user. It refuses COMPRESS unless told: that is its fastest here."""

    folder: Path
    user: str
    compress: bool = False

    name = "mbsync"

    def sync(self, port: int) -> Run:
        mail = self.folder / "mail"
        mail.mkdir(parents=True, exist_ok=True)
        (self.folder / "rc").write_text(
            MBSYNC.format(
                port=port,
                user=self.user,
                password=PASSWORD,
                extensions="" if self.compress else "DisableExtension COMPRESS=DEFLATE",
                path=mail,
            )
        )
        return measured(["mbsync", "-q", "-c", str(self.folder / "rc"), "bench"], {})[0]

    def copy(self, folder: Path) -> Mbsync:
        """The same state elsewhere; messages are hard links, since mbsync renames and removes but never writes them."""
        subprocess.run(["cp", "-al", str(self.folder), str(folder)], check=True)
        for place, _, names in os.walk(folder):
            for path in (Path(place, name) for name in names if not place.endswith(MAILDIR)):
                data = path.read_bytes()
                path.unlink()
                path.write_bytes(data)
        return Mbsync(folder, self.user, self.compress)

    def count(self) -> int:
        """Messages in the tree that are not marked as deleted."""
        return sum("T" not in name.rpartition(",")[2] for name in self._names())

    def drafts(self) -> int:
        return sum("D" in name.rpartition(",")[2] for name in self._names())

    def _names(self) -> list[str]:
        return [name for place, _, names in os.walk(self.folder) if place.endswith(MAILDIR) for name in names]
