"""No secret is shown: real commands against a real server, and everything they leave or show searched for it."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex

import pytest

from mailsync.accounts.oauth.token import Tokens
from mailsync.accounts.vault import Vault
from mailsync.privacy.consent import SCOPES
from mailsync.store import consents
from mailsync.store.database import Store
from tests.cli.leaks import Watch, forms, found_below, found_in
from tests.servers.dovecot import Dovecot
from tests.servers.dovecot_oauth import TokenDovecot
from tests.servers.fake import letter
from tests.servers.oidc import Oidc
from tests.servers.process import wait_until
from tests.servers.secret_service import SecretService

ROOT = Path(__file__).resolve().parents[2]
# Of this process alone: processes of tests that run beside these are looked at, too.
SECRET = f'Geheim+42/"x&~?\\end={token_hex(4)}'
WRONG = f"Fälsch+42/ß?end{token_hex(4)}"
ALICE = "alice@example.org"


class Bench:
    """A configuration, a data directory, and what commands printed; secrets are looked for in all of it."""

    def __init__(self, folder: Path, *secrets: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.secrets = secrets
        self.watch = Watch(secrets)
        self.given: set[int] = set()
        self.printed = b""
        self.variables: dict[str, str] = {"HOME": str(folder), "PYTHONPATH": str(ROOT)}

    def configure(self, port: int, user: str = "alice", more: str = "") -> None:
        path = self.folder / "config.toml"
        path.write_text(
            f'[accounts.work]\nemail = "{ALICE}"\nusername = "{user}"\nhost = "127.0.0.1"\nport = {port}\n'
            f'security = "none"\nsync_interval = "1s"\n{more}',
            "utf-8",
        )
        path.chmod(0o600)

    def start(self, *arguments: str, given: bool = False, stdin: str | None = None) -> subprocess.Popen[bytes]:
        """A command as a process; `given`: its environment holds the secret. `stdin` is for `run`."""
        hidden = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "CREDENTIALS_DIRECTORY")
        env = {name: value for name, value in os.environ.items() if name not in hidden} | self.variables
        process = subprocess.Popen(
            [sys.executable, "-m", "mailsync", *self.places, "-vv", *arguments],
            env=env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if given:
            self.given.add(process.pid)
        return process

    @property
    def places(self) -> list[str]:
        return ["--config", str(self.folder / "config.toml"), "--data-dir", str(self.data)]

    def grant(self, *names: str) -> None:
        """Allow everything for these accounts."""
        store = Store.open(self.data)
        for name in names:
            store.write(partial(consents.grant, account=name, scopes=SCOPES, at=time.time())).result()
        store.close()

    def run(self, *arguments: str, code: int = 0, given: bool = False, stdin: str | None = None) -> str:
        process = self.start(*arguments, given=given, stdin=stdin)
        out, _ = process.communicate(None if stdin is None else f"{stdin}\n".encode(), timeout=60)
        self.printed += out
        assert process.returncode == code, out.decode()
        return out.decode()

    def check(self, *, but: str = "") -> None:
        """Nothing is shown, and somebody has looked; files that `but` matches are where the secret is kept."""
        assert self.watch.saw(str(self.data))
        assert not self.watch.leaks(self.given)
        assert not found_in(self.printed, self.secrets)
        leaks = found_below(self.folder, self.secrets)
        assert [place for place in leaks if not but or not re.search(but, place)] == []
        assert (self.data / "mailsync.db").stat().st_size > 0
        open_ = [path for path in (self.data, *self.data.rglob("*")) if path.stat().st_mode & 0o077]
        assert not open_


@contextmanager
def bench(folder: Path, *secrets: str) -> Iterator[Bench]:
    made = Bench(folder, *secrets)
    with made.watch:
        yield made


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with Dovecot({"alice": SECRET}) as running:
        running.fill("alice", "INBOX", [(letter(number), (), None) for number in range(3)])
        yield running


def test_what_is_looked_for_is_found(tmp_path: Path) -> None:
    for shown in (SECRET, json.dumps(SECRET), repr(SECRET.encode())):
        assert found_in(f"a {shown} b".encode(), [SECRET])
    sasl = subprocess.run(["base64", "-w0"], input=f"\0alice\0{SECRET}".encode(), capture_output=True, check=True)
    assert found_in(sasl.stdout, [SECRET])
    assert all(len(form) > 15 for form in forms(SECRET))
    (tmp_path / "file").write_bytes(b"a" + SECRET.encode() + b"b")
    assert found_below(tmp_path, [SECRET])
    with Watch([SECRET]) as watch:
        subprocess.run(["sh", "-c", "sleep 0.3", SECRET], check=True)
        subprocess.run(["sleep", "0.3"], env={"LEAK": SECRET}, check=True)
    assert {name for name, _ in watch.leaks()} == {"arguments", "environ"}


def test_a_password_by_command_that_crashes_are_silent_about(server: Dovecot, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    kept = tmp_path / "kept" / "secret"
    kept.write_text(SECRET, "utf-8")
    with bench(tmp_path, SECRET) as case:
        command = f"password_command = ['sh', '-c', 'sleep 0.2; cat {kept}']\n"
        case.configure(server.port, more=command)
        case.grant("work")
        assert "3 new" in case.run("sync")
        assert '"ok": true' in case.run("account", "check", "work", "--json")
        assert case.watch.saw("sleep 0.2; cat")
        daemon = case.start("--daemon")
        log = case.data / "mailsync.log"
        wait_until(lambda: log.exists() and b"sync_finished" in log.read_bytes(), 30, "a sync of the daemon")
        limits = Path(f"/proc/{daemon.pid}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
        assert Path(f"/proc/{daemon.pid}/mem").stat().st_uid == 0  # not even the user's other processes read it
        daemon.send_signal(signal.SIGSEGV)
        out, _ = daemon.communicate(timeout=30)
        case.printed += out
        assert daemon.returncode == -signal.SIGSEGV
        assert not list(tmp_path.rglob("core*"))
        case.check(but="/kept/secret$")


def test_a_password_in_the_environment_goes_no_further(server: Dovecot, tmp_path: Path) -> None:
    with bench(tmp_path, SECRET) as case:
        case.variables["MAILSYNC_PASSWORD_WORK"] = SECRET
        other = "[accounts.other]\nemail = 'b@example.org'\nhost = '127.0.0.1'\nport = 1\nsecurity = 'none'\n"
        case.configure(server.port, more=other + "password_command = ['sh', '-c', 'sleep 0.5; env']\n")
        case.grant("work", "other")
        case.run("sync", code=1, given=True)
        assert case.watch.saw("sleep 0.5; env")
        case.check()


def test_a_wrong_password_is_not_told(server: Dovecot, tmp_path: Path) -> None:
    with bench(tmp_path, WRONG) as case:
        case.variables["MAILSYNC_PASSWORD_WORK"] = WRONG
        case.configure(server.port)
        case.grant("work")
        assert "refused the sign-in" in case.run("account", "check", "work", code=3, given=True)
        assert "refused the sign-in" in case.run("sync", code=3, given=True)
        case.run("health", code=1, given=True)
        case.check()


def test_a_password_in_the_keyring(server: Dovecot, tmp_path: Path) -> None:
    with SecretService() as service, bench(tmp_path / "user", SECRET) as case:
        case.folder.mkdir()
        case.configure(server.port)
        case.variables |= service.variables
        stores = "import sys; from mailsync.accounts import keyrings; keyrings.put('work', sys.stdin.read())"
        subprocess.run(
            [sys.executable, "-c", stores], input=SECRET.encode(), env=os.environ | case.variables, check=True
        )
        case.grant("work")
        assert "3 new" in case.run("sync")
        assert "a password: in the keyring" in case.run("doctor")
        case.run("export", "eml", str(case.folder / "exported"))
        case.check()


def test_an_account_that_is_added_the_dashboard_and_its_log(server: Dovecot, tmp_path: Path) -> None:
    with bench(tmp_path, SECRET) as case:
        options = ["--email", ALICE, "--username", "alice", "--host", "127.0.0.1", "--port", str(server.port)]
        options += ["--security", "none", "--password-stdin", "--consent", "all", "--secrets", "file"]
        case.run("account", "add", "work", *options, stdin=SECRET)
        assert found_in((case.data / "secrets" / "work.password").read_bytes(), [SECRET])
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(case.variables | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"})
            os.execv(sys.executable, [sys.executable, "-m", "mailsync", *case.places, "-vv"])
        log, deadline = case.data / "mailsync.log", time.monotonic() + 40
        while time.monotonic() < deadline and not (log.exists() and b"sync_finished" in log.read_bytes()):
            if select.select([terminal], [], [], 0.1)[0]:
                case.printed += os.read(terminal, 1 << 16)
        os.kill(pid, signal.SIGTERM)
        try:
            while data := os.read(terminal, 1 << 16):
                case.printed += data
        except OSError:
            pass  # the other end is closed
        os.waitpid(pid, 0)
        assert b"sync_finished" in log.read_bytes()
        case.check(but=r"/secrets/work\.password$")


def test_tokens_that_are_renewed(tmp_path: Path) -> None:
    with Oidc({ALICE: "secret"}) as provider, TokenDovecot(provider) as server:
        given = provider.tokens(ALICE)
        secret = tmp_path / "kept" / "client"
        with bench(tmp_path / "user", given["access_token"], given["refresh_token"]) as case:
            case.folder.mkdir()
            secret.parent.mkdir()
            secret.write_text(provider.client_secret)
            (tmp_path / "kept" / "mailsync.token-key").write_bytes(os.urandom(32))
            case.variables["CREDENTIALS_DIRECTORY"] = str(tmp_path / "kept")
            oauth = f'issuer = "{provider.issuer}"\nclient_id = "{provider.client_id}"\n'
            oauth += f'scopes = ["openid", "offline_access", "imap"]\nclient_secret_command = ["cat", "{secret}"]\n'
            case.configure(server.port, ALICE, f'auth = "oauth2"\n[accounts.work.oauth]\n{oauth}')
            tokens = Tokens(
                access=given["access_token"],
                refresh=given["refresh_token"],
                expires_at=time.time() + 10,
                scopes=("openid", "offline_access", "imap"),
                subject=ALICE,
                obtained_at=time.time() - 3600,
                refresh_obtained_at=time.time() - 3600,
                client_id=provider.client_id,
                issuer=provider.issuer,
                token_endpoint=f"{provider.issuer}/token",
            )
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "kept"))
                vault = Vault(case.data / "secrets")
                vault.store_token("work", tokens.dump())
                case.grant("work")
                case.run("sync")
                renewed = json.loads(vault.token("work") or b"")
                assert renewed["access"] != given["access_token"]
                case.check()
                case.secrets = (renewed["access"], renewed["refresh"], provider.client_secret)
                case.check()
            provider.revoke(ALICE)
            case.run("sync", code=3)
            case.check()
