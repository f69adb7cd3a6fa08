"""`mailsync auth` against a real OpenID provider: in a browser, over a pipe as over ssh, and out again."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailsync.accounts.oauth import login
from mailsync.accounts.oauth.token import load
from mailsync.accounts.vault import Vault
from mailsync.cli import auth
from mailsync.store import audit
from mailsync.store.database import Store
from mailsync.store.jobs import pending_sync
from mailsync.store.lock import EngineLock
from tests.cli.conftest import CommandLine
from tests.servers.oidc import Browser, Oidc

ROOT = Path(__file__).resolve().parents[2]
PERSON = "auth@example.com"
CONFIG = """
[general]
secrets = "file"

[accounts.plain]
email = "me@example.com"
host = "127.0.0.1"

[accounts.work]
email = "{person}"
host = "127.0.0.1"
security = "none"
auth = "oauth2"

[accounts.work.oauth]
client_id = "{id}"
client_secret_command = ["echo", "{secret}"]
issuer = "{issuer}"
scopes = ["openid", "email", "offline_access", "imap"]
"""


@pytest.fixture
def signing(cli: CommandLine, oidc: Oidc) -> CommandLine:
    """A command line whose account `work` is at the provider."""
    oidc.make_user(PERSON)
    cli.configure(CONFIG.format(person=PERSON, id=oidc.client_id, secret=oidc.client_secret, issuer=oidc.issuer))
    return cli


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Put a person at the desktop's browser who allows access, or not."""

    def sit_down(allow: bool = True) -> None:
        def opened(url: str) -> bool:
            threading.Thread(target=visit, args=(url,), daemon=True).start()
            return True

        def visit(url: str) -> None:
            with Browser() as one:
                one.get(one.sign_in(url, PERSON, "secret", allow=allow))

        monkeypatch.setattr(login, "open_browser", opened)

    return sit_down


def written(cli: CommandLine) -> list[tuple[str, str]]:
    """Actions and outcomes of the audit trail that are about `work`."""
    with contextlib.closing(Store.open(cli.data)) as store, store.read() as connection:
        return [(row.action, row.outcome) for row in audit.listing(connection, account="work")]


def asked_to_sync(cli: CommandLine) -> bool:
    with contextlib.closing(Store.open(cli.data)) as store, store.read() as connection:
        return pending_sync(connection, "work")


def test_in_and_out(signing: CommandLine, browser: Callable[..., None], oidc: Oidc) -> None:
    before = signing("auth", "status", "--json")
    assert before.code == 3
    (entry,) = before.json["accounts"]
    assert (entry["name"], entry["signed_in"], entry["hint"]) == ("work", False, "run: mailsync auth login work")

    browser()
    result = signing("auth", "login", "work", "--json")
    assert result.code == 0, result.err
    document = result.json
    assert (document["signed_in"], document["subject"], document["refreshable"]) == (True, PERSON, True)
    assert document["expires_at"].endswith("Z")
    assert f"{oidc.issuer}/auth?" in result.err
    assert not asked_to_sync(signing)  # nobody runs an engine

    tokens = load("work", Vault(signing.data / "secrets", "file").token("work"))
    assert tokens is not None
    status, text = signing("auth", "status", "--json"), signing("auth", "status")
    assert (status.code, text.code) == (0, 0)
    (entry,) = status.json["accounts"]
    assert (entry["subject"], entry["refreshable"], entry["problem"]) == (PERSON, True, None)
    assert f"work: signed in as {PERSON}" in text.out
    assert "renews itself  yes" in text.out
    for secret in (tokens.access, tokens.refresh, oidc.client_secret):
        assert secret not in result.out + result.err + status.out + text.out

    gone = signing("auth", "logout", "work", "--json")
    assert gone.json == {"name": "work", "signed_in": False, "provider": "revoked"}
    assert not oidc.introspect(tokens.refresh)["active"]
    assert signing("auth", "status").code == 3
    assert "nobody was signed in" in signing("auth", "logout", "work").out
    assert written(signing) == [("login", "ok"), ("logout", "ok"), ("logout", "ok")]


def test_a_running_engine_is_told(signing: CommandLine, browser: Callable[..., None]) -> None:
    lock = EngineLock(signing.data)
    lock.acquire()
    try:
        browser()
        assert signing("auth", "login", "work").code == 0
    finally:
        lock.release()
    assert asked_to_sync(signing)


def test_a_refusal_is_on_record(signing: CommandLine, browser: Callable[..., None]) -> None:
    browser(allow=False)
    result = signing("auth", "login", "work")
    assert result.code == 3
    assert result.err.splitlines()[-2:] == [
        "error: the sign-in was refused",
        "hint: sign in again and allow access",
    ]
    assert written(signing) == [("login", "SignInFailed")]


def test_given_up(signing: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(lines: Any, seconds: float) -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(auth._Lines, "wait", interrupt)
    assert signing("auth", "login", "work", "--no-browser").code == 130
    assert not [thread for thread in threading.enumerate() if thread.name == "mailsync-login"]


def test_over_ssh(signing: CommandLine, oidc: Oidc) -> None:
    """The address is opened elsewhere, and the one where it ends comes back through stdin."""
    command = [sys.executable, "-m", "mailsync", "--config", str(signing.config), "--data-dir", str(signing.data)]
    process = subprocess.Popen(
        [*command, "auth", "login", "work", "--no-browser"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stderr is not None
    told = [process.stderr.readline() for _ in range(4)]
    assert told[1].startswith(f"{oidc.issuer}/auth?")
    assert "ssh -N -L" in told[3]
    with Browser() as elsewhere:
        ended = elsewhere.sign_in(told[1].strip(), PERSON, "secret")
    out, err = process.communicate(f"what do I paste?\n{ended}\n", timeout=20)
    assert process.returncode == 0, err
    assert "paste the whole address" in err
    assert out == f"work: signed in as {PERSON}\n"


def test_accounts_with_passwords(signing: CommandLine) -> None:
    for command in ("login", "logout"):
        result = signing("auth", command, "plain")
        assert (result.code, "password" in result.err) == (2, True)
    assert signing("auth", "login", "nobody").code == 2
