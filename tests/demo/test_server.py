"""The demo's server as a client meets it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailsync.demo import server as demo_server
from mailsync.demo.mail import sample_mail
from mailsync.demo.server import DemoAccount, DemoServer, write_demo_config
from mailsync.errors import MailsyncError
from tests.servers.imap_client import ImapClient
from tests.servers.process import wait_until

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer(now=NOW, arrivals=None) as running:
        yield running


def sign_in(server: DemoServer, account: DemoAccount) -> ImapClient:
    return ImapClient(server.port, account.username, account.password)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_serves_exactly_the_sample_mail(server: DemoServer) -> None:
    for account, sample in zip(server.accounts, sample_mail(NOW), strict=True):
        with sign_in(server, account) as client:
            folders = client.folders()
            assert set(folders) == set(sample.folders)
            for folder, use in sample.folders.items():
                want = [message for message in sample.messages if message.folder == folder]
                have = client.fetch_all(folder)
                assert [one.raw for one in have.values()] == [message.raw for message in want]
                assert [one.flags for one in have.values()] == [frozenset(message.flags) for message in want]
                assert [one.internaldate for one in have.values()] == [message.when for message in want]
                assert client.status(folder)["MESSAGES"] == len(want)
                assert not use or use in folders[folder]


def test_passwords_are_random_and_needed(server: DemoServer) -> None:
    assert len({account.password for account in server.accounts}) == 3
    with pytest.raises(Exception, match=r"(?i)authentication|credentials|login"):
        ImapClient(server.port, server.accounts[0].username, server.accounts[1].password)


def test_who_idles_is_told_at_once(server: DemoServer) -> None:
    account = server.accounts[2]
    with socket.create_connection((server.host, server.port), 5.0) as sock, sock.makefile("rb") as lines:
        sock.sendall(f"a LOGIN {account.username} {account.password}\r\nb EXAMINE INBOX\r\nc IDLE\r\n".encode())
        while not lines.readline().startswith(b"+"):
            pass
        with sign_in(server, account) as client:
            before = time.monotonic()
            client.append("INBOX", b"Subject: now\r\n\r\n")
            assert lines.readline().endswith(b" EXISTS\r\n")
            assert time.monotonic() - before < 5.0


def test_new_mail_keeps_arriving() -> None:
    with DemoServer(now=NOW, arrivals=(0.05, 0.1)) as server:

        def count() -> int:
            total = 0
            for account in server.accounts:
                with sign_in(server, account) as client:
                    total += client.status("INBOX")["MESSAGES"]
            return total

        first = count()
        wait_until(lambda: count() > first + 2, 5.0, "three arrivals")


def test_the_configuration_names_no_password(server: DemoServer, tmp_path: Path) -> None:
    path = write_demo_config(tmp_path, server)
    text = path.read_text("utf-8")
    accounts = tomllib.loads(text)["accounts"]
    assert list(accounts) == ["personal", "work", "studio"]
    assert all(table["port"] == server.port and table["security"] == "none" for table in accounts.values())
    assert not any(account.password in text for account in server.accounts)
    assert server.environment["MAILSYNC_PASSWORD_WORK"] == server.accounts[1].password
    assert DemoAccount("my mail-2", "", "", "").variable == "MAILSYNC_PASSWORD_MY_MAIL_2"


def test_it_ends_when_stopped() -> None:
    server = DemoServer(now=NOW)
    server.start()
    pid = server.pid
    assert alive(pid)
    server.stop()
    assert not alive(pid)
    assert (server.pid, server.port) == (0, 0)
    server.stop()


def test_it_does_not_outlive_whoever_started_it(tmp_path: Path) -> None:
    code = (
        "import os, signal; from mailsync.demo.server import DemoServer\n"
        "server = DemoServer(); server.start(); print(server.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(demo_server.__file__).parents[2]
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the current directory was loaded')")
    run = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.append({str(root)!r}); {code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    pid = int(run.stdout)
    wait_until(lambda: not alive(pid), 5.0, "end of the server")


def test_a_server_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_server, "PROGRAM", "raise SystemExit(3)")
    with pytest.raises(MailsyncError, match="did not start"):
        DemoServer().start()
    monkeypatch.setattr(demo_server, "find_spec", lambda name: None)
    with pytest.raises(MailsyncError) as caught:
        DemoServer().start()
    assert "mailsync[demo]" in caught.value.hint
