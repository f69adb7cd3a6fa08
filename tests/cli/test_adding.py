"""`account add`, `list` and `remove` against a real server: by flags, by a conversation at a terminal, and all that can
go wrong without anything being written."""

from __future__ import annotations

import os
import pty
import re
import select
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mailsync.accounts.discover import Candidate
from mailsync.config.load import load_config
from tests.cli.conftest import CommandLine
from tests.servers.dovecot import Dovecot
from tests.servers.process import free_ports, wait_until

COMMENTED = '# mine alone\n\n[general]   # the rest\nsecrets="file"  # no desktop here\n\n# the end, without a line end'


@pytest.fixture
def place(cli: CommandLine) -> CommandLine:
    """A command line whose configuration has comments and no account, and whose secrets are files."""
    cli.configure(COMMENTED)
    return cli


class Typed:
    """`mailsync` at a pseudo-terminal of 80x24: what is shown, and who types."""

    def __init__(self, place: CommandLine, *arguments: str) -> None:
        command = [sys.executable, "-m", "mailsync", "--config", str(place.config), "--data-dir", str(place.data)]
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ |= {"COLUMNS": "80", "LINES": "24"}
            os.execv(sys.executable, [*command, *arguments])
        self.shown = ""
        self._seen = 0

    def until(self, text: str, seconds: float = 20) -> None:
        """Wait until `text` is shown, after what was waited for last."""
        deadline = time.monotonic() + seconds
        while text not in self.shown[self._seen :]:
            assert time.monotonic() < deadline, f"{text!r} is not in {self.shown!r}"
            if not self._read(0.1):
                raise AssertionError(f"ended before {text!r}: {self.shown!r}")
        self._seen = self.shown.index(text, self._seen) + len(text)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._terminal], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._terminal, 4096)
        except OSError:
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)

    def answer(self, question: str, line: str) -> None:
        self.until(question)
        os.write(self._terminal, line.encode() + b"\n")

    def end(self) -> int:
        """The exit code, and all that was shown until then."""
        while self._read(20):
            continue
        _, status = os.waitpid(self.pid, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)


def flags(server: Dovecot, user: str, **more: str) -> list[str]:
    given = {
        "email": f"{user}@example.org",
        "username": user,
        "host": "localhost",
        "port": str(server.tls_port),
        "tls-ca-file": str(server.ca_file),
        "consent": "all",
    } | {name.replace("_", "-"): value for name, value in more.items()}
    return [part for name, value in given.items() if value for part in (f"--{name}", value)]


def added(place: CommandLine, monkeypatch: pytest.MonkeyPatch, password: str, *arguments: str) -> tuple[int, Any, str]:
    """`account add` with the password on stdin: exit code, document, stderr."""
    with open(place.folder / "password", "w+b") as file:  # noqa: PTH123
        file.write(password.encode() + b"\n")
        file.seek(0)
        with open(file.fileno(), encoding="utf-8", closefd=False) as stdin, monkeypatch.context() as patched:
            patched.setattr("sys.stdin", stdin)
            result = place("account", "add", *arguments, "--password-stdin", "--json")
    return result.code, result.json if result.raw else None, result.err


def untouched(place: CommandLine) -> bool:
    """Nothing is written anywhere."""
    return place.config.read_text() == COMMENTED and not (place.data / "secrets").exists()


def test_by_flags(place: CommandLine, dovecot: Dovecot, fresh_user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    password = dovecot.users[fresh_user]
    code, document, err = added(place, monkeypatch, password, "work", *flags(dovecot, fresh_user, consent=""))
    assert (code, document) == (2, None)
    assert "--consent is missing" in err
    wanted = [*flags(dovecot, fresh_user, consent=""), "--consent", "mailbox_access", "email_read"]
    code, document, err = added(place, monkeypatch, password, *wanted, "work")
    assert (code, document["ok"], document["name"]) == (0, True, "work"), err
    assert (document["server"], document["folders"], document["secret"]) == ("Dovecot", 1, "file")
    assert document["consent"] == ["mailbox_access", "email_read"]

    text = place.config.read_text()
    assert text.startswith(COMMENTED + "\n\n[accounts.work]\n")
    assert password not in text
    assert stat.S_IMODE((place.data / "secrets" / "work.password").stat().st_mode) == 0o600
    assert place("sync").code == 0
    (listed,) = place("account", "list", "--json").json["accounts"]
    assert (listed["name"], listed["secret"], listed["host"]) == ("work", "file", "localhost")
    assert listed["consent"] == ["mailbox_access", "email_read"]
    assert "work  " in place("account", "list").out
    trail = place("audit", "list").out
    assert "account_added" in trail
    assert fresh_user not in trail

    code, _, err = added(place, monkeypatch, password, "work", *flags(dovecot, fresh_user))
    assert (code, "an account work already" in err) == (2, True)
    assert place.config.read_text() == text

    code = place("account", "remove", "work").code
    assert (code, place.config.read_text()) == (2, text)  # nobody was there to ask
    removed = place("account", "remove", "work", "--yes", "--json").json
    assert (removed["ok"], removed["configured"], removed["purged"]) == (True, True, None)
    assert place.config.read_text() == COMMENTED + "\n"
    assert not (place.data / "secrets" / "work.password").exists()
    assert place("consent", "list", "--json").json["accounts"][0]["granted"] == []
    gone = place("account", "remove", "work", "--purge", "--yes", "--json")
    assert (gone.code, gone.json["configured"], gone.json["purged"]["folders"]) == (0, False, 1)
    assert [
        file.name for file in place.data.iterdir() if file.is_file() and fresh_user.encode() in file.read_bytes()
    ] == []
    assert place("account", "remove", "work", "--yes").code == 2


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({}, 3, "refused the sign-in"),
        ({"tls_ca_file": ""}, 2, "is not trusted"),
        ({"port": "closed"}, 4, "none of localhost answers"),
        ({"email": "max"}, 2, "max has no domain"),
        ({"email": "me@gmail.con", "host": ""}, 2, "did you mean me@gmail.com?"),
        ({"email": ""}, 2, "--email is missing"),
        ({"host": "a host"}, 2, "no host name"),
        ({"provider": "gmial"}, 2, "no provider gmial"),
        ({"security": "none", "host": "mail.example.org"}, 2, "the password would travel in the clear"),
        ({"auth": "oauth2"}, 2, "--issuer is missing"),
        ({"consent": "everything"}, 2, "no scope everything"),
        ({"password_command": "pass 'show"}, 2, "--password-command: no closing quotation"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_what_goes_wrong_leaves_no_trace(
    place: CommandLine,
    dovecot: Dovecot,
    fresh_user: str,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, str],
    code: int,
    words: str,
) -> None:
    if more.get("port") == "closed":
        more = {"port": str(free_ports(1)[0])}
    found, document, err = added(place, monkeypatch, "wrong", "work", *flags(dovecot, fresh_user, **more))
    assert (found, document) == (code, None), err
    assert words in err
    assert "hint: " in err
    assert untouched(place)


def test_a_failure_at_the_end_is_undone(
    place: CommandLine, dovecot: Dovecot, fresh_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.data / "secrets").mkdir(parents=True, mode=0o700)
    before = place.data / "secrets" / "work.password"
    before.write_text("of another time")
    before.chmod(0o600)
    monkeypatch.setattr("mailsync.store.audit.record", lambda *given, **more: 1 / 0)
    monkeypatch.delenv("MAILSYNC_PASSWORD_WORK", raising=False)
    code, _, _ = added(place, monkeypatch, dovecot.users[fresh_user], "work", *flags(dovecot, fresh_user))
    assert code == 1
    assert place.config.read_text() == COMMENTED
    assert before.read_text() == "of another time"


def test_without_looking(place: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    code, document, _ = added(place, monkeypatch, "abcd", "--email", "me@gmail.com", "--no-check", "--consent", "none")
    assert (code, document["name"], document["checked"]) == (0, "gmail", False)
    assert place.config.read_text().endswith('[accounts.gmail]\nemail = "me@gmail.com"\nprovider = "gmail"\n')
    assert load_config(place.config).accounts["gmail"].host == "imap.gmail.com"
    code, document, _ = added(place, monkeypatch, "abcd", "me2@gmail.com", "--no-check", "--consent", "none")
    assert (code, document["name"], document["email"]) == (0, "gmail-me2", "me2@gmail.com")


def test_a_conversation(place: CommandLine, dovecot: Dovecot, fresh_user: str) -> None:
    started = time.monotonic()
    typed = Typed(place, "account", "add", *flags(dovecot, fresh_user, email="", consent=""))
    typed.answer("Your mail address: ", "max")
    typed.answer("has no domain", f"Max <{fresh_user}＠gmail.con>.")
    typed.until("localhost")
    typed.answer("A name for this account [", "no blanks")
    typed.answer("letters, digits", "home")
    typed.answer("(it is not shown): ", "wrong")
    typed.answer("(it is not shown): ", f" {dovecot.users[fresh_user]} ")
    typed.until("signed in: Dovecot, 1 folder")
    typed.answer("list folders? (Y/n): ", "")
    typed.answer("(Y/n): ", "what")
    typed.answer("(Y/n): ", "y")
    typed.answer("(Y/n): ", "no")
    typed.answer("(y/N): ", "")
    code = typed.end()
    assert code == 0, typed.shown
    assert time.monotonic() - started < 60
    assert dovecot.users[fresh_user] not in typed.shown
    assert "mailsync sync home" in typed.shown
    assert place("consent", "list", "--json").json["accounts"][0]["granted"] == ["mailbox_access", "email_read"]
    text = place.config.read_text()
    assert text.startswith(COMMENTED)
    assert f'email = "{fresh_user}@gmail.con"' in text  # the host was given: it may be so
    assert place("sync").code == 0

    typed = Typed(place, "account", "remove", "home")
    typed.answer("(y/N): ", "y")
    assert typed.end() == 0
    assert place.config.read_text().rstrip() == COMMENTED


def test_without_a_keyring_files_are_an_offer_and_never_a_default(
    cli: CommandLine, dovecot: Dovecot, fresh_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    cli.configure("# bare\n")
    arguments = ("account", "add", "home", *flags(dovecot, fresh_user))
    typed = Typed(cli, *arguments)
    typed.answer("(y/N): ", "")
    assert typed.end() == 3
    assert "keyring" in typed.shown
    assert cli.config.read_text() == "# bare\n"
    assert not cli.data.exists()

    typed = Typed(cli, *arguments)
    typed.answer("files only you can read, not encrypted", "y")
    typed.answer("(it is not shown): ", dovecot.users[fresh_user])
    assert typed.end() == 0, typed.shown
    assert cli.config.read_text().startswith('# bare\n\n[general]\nsecrets = "file"\n\n[accounts.home]\n')
    assert (cli.data / "secrets" / "home.password").read_text() == dovecot.users[fresh_user]

    assert cli("account", "remove", "home", "--yes").code == 0
    stale = cli.data / "secrets" / "home.password"
    stale.write_text("of another time")
    stale.chmod(0o600)
    typed = Typed(cli, *arguments)  # what was found and does not work is asked for
    typed.answer("(it is not shown): ", dovecot.users[fresh_user])
    assert typed.end() == 0, typed.shown
    assert stale.read_text() == dovecot.users[fresh_user]


def test_an_account_with_a_command_needs_no_keyring(
    cli: CommandLine, dovecot: Dovecot, fresh_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    cli.config.unlink()
    command = f"echo {dovecot.users[fresh_user]}"
    result = cli("account", "add", "work", *flags(dovecot, fresh_user, password_command=command), "--json")
    assert result.code == 0, result.err
    assert result.json["secret"] == "password_command"
    assert stat.S_IMODE(cli.config.stat().st_mode) == 0o600
    assert not (cli.data / "secrets").exists()
    assert cli("sync").code == 0
    removed = cli("account", "remove", "work", "--yes")
    assert (removed.code, cli.config.read_text().strip()) == (0, ""), removed.err


def test_ctrl_c_and_a_slip(place: CommandLine) -> None:
    typed = Typed(place, "account", "add")
    typed.answer("Your mail address: ", "me@gmial.com")
    typed.until("did you mean me@gmail.com? (Y/n): ")
    os.write(typed._terminal, b"\x03")
    assert typed.end() == 130
    assert untouched(place)


def test_a_running_daemon_mirrors_what_is_added_and_lets_go_of_what_is_removed(
    place: CommandLine, dovecot: Dovecot, fresh_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dovecot.fill(fresh_user, "INBOX", [(b"Subject: 1\r\n\r\nbody\r\n", (), None)])
    password = dovecot.users[fresh_user]
    code, document, _ = added(place, monkeypatch, password, "first", *flags(dovecot, fresh_user))
    assert (code, document["engine"]) == (0, "none")
    command = [sys.executable, "-m", "mailsync", "--config", str(place.config), "--data-dir", str(place.data)]
    with subprocess.Popen([*command, "--daemon"], stderr=subprocess.PIPE) as daemon:
        try:
            assert daemon.stderr is not None
            assert b"serving" in daemon.stderr.readline()
            code, document, err = added(place, monkeypatch, password, "second", *flags(dovecot, fresh_user))
            assert (code, document["engine"]) == (0, "told"), err

            def messages() -> dict[str, int]:
                accounts = place("status", "--json").json["accounts"]
                return {one["name"]: sum(folder["messages"] for folder in one["folders"]) for one in accounts}

            wait_until(lambda: messages() == {"first": 1, "second": 1}, 20, "both accounts")
            for name in ("second", "first"):
                removed = place("account", "remove", name, "--purge", "--yes", "--json")
                assert (removed.code, removed.json["engine"], removed.json["purged"]["messages"]) == (0, "told", 1)
            assert daemon.poll() is None
        finally:
            daemon.terminate()
        assert daemon.wait(20) == 0
    assert re.search(r"\[accounts", place.config.read_text()) is None
    assert list(Path(place.data / "secrets").glob("*.password")) == []


def test_a_server_that_dns_alone_names_is_confirmed(
    place: CommandLine, dovecot: Dovecot, fresh_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = Candidate("localhost", dovecot.tls_port, "tls", "the DNS of example.org names it (SRV)", foreign=True)
    monkeypatch.setattr("mailsync.engine.setup.find", lambda address: [foreign])
    wanted = flags(dovecot, fresh_user, host="", port="")
    for more in ((), ("--no-check",)):
        code, _, err = added(place, monkeypatch, dovecot.users[fresh_user], "work", *wanted, *more)
        assert (code, untouched(place)) == (2, True)
        assert "localhost is not below example.org, and DNS alone names it" in err
        assert "--host localhost" in err
