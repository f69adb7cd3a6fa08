"""A running engine and a mailbox that opens for access tokens only: a Dovecot that asks a real OpenID provider."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mailsync.accounts.oauth.login import Login
from mailsync.accounts.vault import Vault
from mailsync.config.models import Config
from mailsync.engine.engine import Engine
from mailsync.errors import SignInFailed
from mailsync.imap import auth
from mailsync.imap.auth import TokenRefused
from mailsync.imap.connect import Endpoint, connect
from mailsync.privacy.secret import Bearer
from mailsync.store import accounts, audit, consents, jobs
from mailsync.store.database import Store
from mailsync.sync import access, download, monitor, reacting
from tests.servers.dovecot import CONDSTORE_ONLY
from tests.servers.dovecot_oauth import TokenDovecot
from tests.servers.oidc import Browser, Oidc
from tests.servers.process import wait_until
from tests.servers.proxy import FaultProxy, Faults

NAME = "work"
ALICE, BOB, CAROL = (f"{name}@example.org" for name in ("alice", "bob", "carol"))


@pytest.fixture(scope="module")
def provider() -> Iterator[Oidc]:
    with Oidc({ALICE: "secret", BOB: "secret", CAROL: "secret"}) as running:
        yield running


@pytest.fixture(scope="module")
def server(provider: Oidc) -> Iterator[TokenDovecot]:
    with TokenDovecot(provider) as running:
        yield running


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(reacting, "RETAKE_SECONDS", 0.1)


class Person:
    """Somebody who visits the page of the provider and ends where that sends the browser."""

    def __init__(self, provider: Oidc, user: str) -> None:
        self.provider, self.user = provider, user

    def visit(self, url: str, opened: bool) -> None:
        threading.Thread(target=self._browse, args=(url,), daemon=True).start()

    def _browse(self, url: str) -> None:
        with Browser() as browser:
            browser.get(browser.sign_in(url, self.user, self.provider.users[self.user]))

    def code(self, user_code: str, url: str, seconds: float) -> None:
        raise AssertionError("nobody asked for a code")

    def note(self, text: str) -> None:
        raise AssertionError(text)


class Running:
    """An engine on one account, and people who sign in beside it."""

    def __init__(self, folder: Path, provider: Oidc, port: int, user: str, **options: Any) -> None:
        self.provider, self.user = provider, user
        self.folder = folder
        self.store = Store.open(folder)
        account = {
            "email": user,
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "auth": "oauth2",
            "oauth": {"client_id": provider.client_id, "issuer": provider.issuer}
            | {"client_secret_command": ["echo", provider.client_secret]},
        }
        named = {"general": {"secrets": "file"}, "accounts": {NAME: account | options}}
        self.config = Config.model_validate(named)
        self.store.write(lambda c: accounts.ensure(c, [(NAME, user)])).result()
        self.store.write(lambda c: consents.grant(c, NAME, ["mailbox_access", "email_read"], 1.0)).result()
        self.engine = Engine(self.config, self.store, folder)

    def sign_in(self) -> None:
        """What `mailsync auth login` does, beside the engine, with a person at the browser."""
        account = self.config.accounts[NAME]
        signed = Login(
            NAME, account, Vault(self.folder / "secrets", "file"), Person(self.provider, self.user), browser=False
        ).run()
        assert signed.refreshable

    def row(self, statement: str) -> tuple[Any, ...]:
        with self.store.read() as connection:
            return tuple(connection.execute(statement).fetchone())

    def state(self) -> str:
        return str(self.row("SELECT state FROM accounts")[0])

    def told(self) -> str:
        return " | ".join(self.row("SELECT state_detail, state_hint FROM accounts"))

    def messages(self) -> int:
        return int(self.row("SELECT count(*) FROM messages")[0])

    def holds(self, count: int) -> bool:
        return self.messages() == count

    def until(self, state: str, seconds: float = 15.0) -> None:
        wait_until(lambda: self.state() == state, seconds, state)

    def audited(self) -> list[tuple[str, str]]:
        with self.store.read() as connection:
            rows = audit.listing(connection, account=NAME)
        return [(row.action, row.outcome) for row in rows if row.action.startswith("sign_in")]


@contextlib.contextmanager
def running(*arguments: Any, **options: Any) -> Iterator[Running]:
    one = Running(*arguments, **options)
    try:
        yield one
    finally:
        one.engine.stop()
        one.store.close()


def letters(count: int, size: int = 100) -> list[tuple[bytes, tuple[str, ...], None]]:
    return [(b"Subject: %d\r\n\r\n" % number + b"x" * size + b"\r\n", (), None) for number in range(count)]


def sign_ins(provider: Oidc) -> int:
    """Attempts with a token at the mail server, which asks about each."""
    return sum(one["path"] == "/token/introspection" for one in provider.requests())


@pytest.mark.parametrize("initial", [True, False], ids=["SASL-IR", "asked"])
@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
async def test_both_mechanisms(provider: Oidc, server: TokenDovecot, mechanism: str, initial: bool) -> None:
    endpoint = Endpoint("127.0.0.1", server.port, "none")
    offered = frozenset({f"AUTH={mechanism}"} | ({"SASL-IR"} if initial else set()))
    for token, user in ((provider.tokens(ALICE)["access_token"], ALICE), ("x" * 43, ALICE)):
        protocol, _ = await connect(endpoint)
        signing = auth.sign_in(protocol, offered, endpoint, user, Bearer(token))
        if token == "x" * 43:
            with pytest.raises(TokenRefused, match=r"\((401|invalid_token)\)") as caught:
                await signing
            assert caught.value.renewable
        else:
            assert (await signing).status == "OK"
        protocol.fail(SignInFailed("enough"))
    assert f"method={mechanism}" in server.log


def test_a_sign_in_that_is_ended_in_the_middle_of_a_sync_and_begun_anew(
    provider: Oidc, server: TokenDovecot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One refused token, one refused renewal, and nothing more until someone signs in: then all goes on by itself."""
    monkeypatch.setattr(download, "BATCH_BYTES", 20_000)
    server.fill(ALICE, "INBOX", letters(300, 2000))
    with (
        FaultProxy(server.port, Faults(stall_after=200_000)) as proxy,
        running(tmp_path, provider, proxy.port, ALICE, max_connections=3) as one,
    ):
        one.sign_in()
        one.engine.start()
        wait_until(lambda: one.messages() > 40, 15, "the first messages")
        assert one.state() == "syncing"
        provider.revoke(ALICE)
        tried, renewed = sign_ins(provider), len(provider.requests("refresh_token"))
        proxy.faults = Faults()
        proxy.drop_all()
        one.until("needs_login")
        assert "ended at the provider" in one.told()
        assert f"mailsync auth login {NAME}" in one.told()
        assert one.messages() < 300
        time.sleep(1.0)
        assert one.state() == "needs_login"
        assert sign_ins(provider) == tried + 1
        assert [one["status"] for one in provider.requests("refresh_token")[renewed:]] == [400]
        assert one.audited() == [("sign_in", "ok"), ("sign_in_failed", "LoginNeeded")]
        one.store.write(lambda c: jobs.insert(c, "sync", time.time(), account=NAME)).result()  # a person's
        wait_until(lambda: one.row("SELECT count(*) FROM jobs WHERE status = 'failed'")[0] >= 1, 5, "the job")
        assert (one.state(), sign_ins(provider)) == ("needs_login", tried + 1)
        one.sign_in()
        one.until("watching")
        wait_until(lambda: one.messages() == 300, 10, "the rest")
        assert one.audited()[-1] == ("sign_in", "ok")
        with server.client(ALICE) as client:
            client.append("INBOX", b"Subject: pushed\r\n\r\n")
        wait_until(lambda: one.messages() == 301, 5, "the push")


def test_tokens_that_end_soon_are_renewed_and_nobody_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By XOAUTH2 without SASL-IR, and with IDLE: the other tests have OAUTHBEARER with it, and NOTIFY."""
    monkeypatch.setattr(access, "LEAST_SECONDS", 0.5)
    with (
        Oidc({BOB: "secret"}, access_seconds=3) as provider,
        TokenDovecot(provider, capability=CONDSTORE_ONLY, mechanisms="xoauth2") as server,
        running(tmp_path, provider, server.port, BOB) as one,
    ):
        one.sign_in()
        one.engine.start()
        one.until("watching")
        states: set[str] = set()
        with server.client(BOB) as client:
            for number in range(30):
                client.append("INBOX", b"Subject: %d\r\n\r\n" % number)
                wait_until(partial(one.holds, number + 1), 5, "the push")
                states.add(one.state())
                if len(provider.requests("refresh_token")) > 1:
                    break
        one.until("watching", 3)
        renewals = provider.requests("refresh_token")
        assert len(renewals) >= 2
        assert all(request["status"] == 200 for request in renewals)
        assert states <= {"watching", "syncing", "connecting", "authenticated"}
        assert server.log.count("method=XOAUTH2") >= 3
        assert "auth failed" not in server.log
        assert one.audited() == [("sign_in", "ok")]


def test_a_password_that_is_put_right(
    server: TokenDovecot, provider: Oidc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody stores a token here, so a person's sync is what lifts the refusal."""
    monkeypatch.setenv(f"MAILSYNC_PASSWORD_{NAME.upper()}", "wrong")
    with running(tmp_path, provider, server.port, CAROL, auth="password", oauth={}) as one:
        one.engine.start()
        one.until("needs_login")
        monkeypatch.setenv(f"MAILSYNC_PASSWORD_{NAME.upper()}", "secret")
        time.sleep(0.5)
        assert one.state() == "needs_login"
        one.store.write(lambda c: jobs.insert(c, "sync", time.time(), account=NAME)).result()
        one.until("watching")
        assert one.audited() == [("sign_in_failed", "SignInFailed"), ("sign_in", "ok")]


def test_a_command_is_the_way_out(provider: Oidc, server: TokenDovecot, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(provider.tokens(CAROL)["access_token"])
    server.fill(CAROL, "INBOX", letters(3))
    data = tmp_path / "data"
    with running(data, provider, server.port, CAROL, oauth_command=["cat", str(token)]) as one:
        one.engine.start()
        one.until("watching")
        assert one.messages() == 3
        provider.revoke(CAROL)
        tried = sign_ins(provider)
        server.doveadm("kick", CAROL)
        one.until("needs_login")
        assert f"try oauth_command of [accounts.{NAME}]" in one.told()
        assert sign_ins(provider) == tried + 1
        token.write_text(provider.tokens(CAROL)["access_token"])
        one.store.write(lambda c: jobs.insert(c, "sync", time.time(), account=NAME)).result()
        one.until("watching")
        assert not (data / "secrets").exists()
