"""A real pymap (its in-memory backend) in a process of its own, on loopback, for one user."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.imap_client import ImapClient, Message
from tests.servers.process import HOST, Child, free_ports

START = "import sys; from pymap.main import main; sys.argv[0] = 'pymap'; main()"


class Pymap:
    """A context manager; plain IMAP without TLS on `port`. Everything is lost when it stops."""

    host = HOST

    def __init__(self, user: str = "alice", password: str = "secret") -> None:
        self.user = user
        self.password = password
        (self.port,) = free_ports(1)
        self._directory = Path(tempfile.mkdtemp(prefix="mailsync-pymap-"))
        self._child: Child | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process group of the running server."""
        if self._child is None:
            raise RuntimeError("not started")
        return self._child.pid

    def start(self) -> None:
        """Start with an empty INBOX; returns when it greets."""
        options = ["--no-service", "admin", "--no-service", "managesieve", "--host", HOST, "--port", str(self.port)]
        user = ["--demo-user", self.user, "--demo-password", self.password]
        self._child = Child(
            [sys.executable, "-c", START, *options, "--no-tls", "dict", *user],
            env={"FQDN": "localhost"},  # the greeting would look its host name up in the DNS
            log=self._directory / "pymap.log",
        )
        try:
            self._child.wait_for_greeting(self.port)
        except (RuntimeError, TimeoutError):
            self.close()
            raise

    def stop(self) -> None:
        """End the server and prove that its process did not survive."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def client(self) -> ImapClient:
        """Another client, signed in."""
        return ImapClient(self.port, self.user, self.password)

    def fill(self, folder: str, messages: Iterable[Message]) -> list[int]:
        """Add messages (raw, flags, date) to a folder, made when it is missing; gives their UIDs."""
        with self.client() as client:
            if folder.upper() != "INBOX" and folder not in client.folders():
                client.create(folder)
            return client.append_many(folder, messages)
