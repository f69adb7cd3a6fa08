"""Starting and stopping the demo's mail server, and the configuration that leads to it."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mailsync.demo.people import ME
from mailsync.errors import MailsyncError

HOST = "127.0.0.1"
ARRIVALS = (3.0, 8.0)
SEARCHES = {"unread": "is:unread -is:list", "attachments": "has:attachment", "harbour": "harbour OR lighthouse"}
DIGESTS = """
[cleanup.rules.digests]
title = "Digests, a month old"
query = "list:digest older:1m"
actions = ["label", "archive"]
"""
"""A rule of the person's own, beside those that mailsync has."""
PROGRAM = "import sys; sys.path.append(sys.argv[1]); from mailsync.demo.imapd import main; main()"


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account of the demo; the password is random and lasts as long as the server."""

    name: str
    email: str
    username: str
    password: str

    @property
    def variable(self) -> str:
        """The environment variable in which mailsync looks for the password."""
        return "MAILSYNC_PASSWORD_" + re.sub(r"[^A-Z0-9]", "_", self.name.upper())


class DemoServer:
    """An IMAP server full of sample mail, in a process of its own that ends with this one.

    `now` dates the mail (default: the present), `seed` varies it; `arrivals` is the shortest and longest time between
    two new messages in seconds, None for a mailbox that stands still. A context manager.
    """

    host = HOST

    def __init__(
        self, *, now: datetime | None = None, seed: int = 1, arrivals: Sequence[float] | None = ARRIVALS
    ) -> None:
        self.accounts = [
            DemoAccount(name, owner.email, owner.email, secrets.token_urlsafe(18)) for name, owner in ME.items()
        ]
        self._order = {
            "now": (now or datetime.now(UTC)).isoformat(),
            "seed": seed,
            "arrivals": arrivals,
            "passwords": {account.username: account.password for account in self.accounts},
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """Where it listens, plain IMAP on `host`; 0 before `start`."""
        return self._port

    @property
    def pid(self) -> int:
        """The server's process id; 0 when it does not run."""
        return self._process.pid if self._process else 0

    @property
    def environment(self) -> dict[str, str]:
        """The variables with the passwords, for `os.environ`."""
        return {account.variable: account.password for account in self.accounts}

    def start(self) -> None:
        """Start and return once every message can be fetched (about a second). Raises MailsyncError."""
        if find_spec("pymap") is None:
            raise MailsyncError("the demo's mail server is not installed", hint="pip install 'mailsync[demo]'")
        self._process = process = subprocess.Popen(
            # -P: a file named like a module in the current directory must not be loaded.
            [sys.executable, "-P", "-c", PROGRAM, str(Path(__file__).parents[2])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the terminal may hold a dashboard
            start_new_session=os.name == "posix",  # Ctrl-C is for the front end, which then stops the server
        )
        try:
            if process.stdin is None or process.stdout is None:
                raise OSError("no pipes")
            process.stdin.write(json.dumps(self._order).encode() + b"\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline() or b"{}")
        except OSError as error:
            answer = {"error": str(error)}
        if "port" not in answer:
            self.stop()
            raise MailsyncError(f"the demo's mail server did not start: {answer.get('error', 'it ended at once')}")
        self._port = answer["port"]

    def stop(self) -> None:
        """End the server; every session with it is cut."""
        process, self._process = self._process, None
        if process is not None and process.stdin and process.stdout:
            try:
                process.stdin.close()
            except OSError:
                process.kill()
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
        self._port = 0


def write_demo_config(directory: Path, server: DemoServer) -> Path:
    """Write `config.toml` for a started server's accounts; the passwords go into the environment, never here."""
    tables = ['# Made by `mailsync demo`: the server and its mail vanish with it.\n\n[general]\nsync_interval = "1m"\n']
    for account in server.accounts:
        owner = ME[account.name]
        values = {
            "email": account.email,
            "names": [owner.name],
            "host": server.host,
            "port": server.port,
            "security": "none",
            "username": account.username,
        }
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()]
        tables.append(f"\n[accounts.{account.name}]\n" + "".join(lines))
    tables.append("\n[searches]\n" + "".join(f"{name} = {json.dumps(query)}\n" for name, query in SEARCHES.items()))
    tables.append(DIGESTS)
    path = directory / "config.toml"
    path.write_text("".join(tables), "utf-8")
    return path
