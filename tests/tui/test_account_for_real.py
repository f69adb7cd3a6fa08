"""The dialogs about accounts with nothing made up but the person: real servers, engine, store and configuration."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from mailsync.config.load import load_config
from mailsync.engine.engine import Engine
from mailsync.store.database import Store
from mailsync.sync import monitor, reacting
from mailsync.tui.app import MailsyncApp
from mailsync.tui.widgets.steps_consent import ConsentStep
from mailsync.tui.widgets.steps_server import AddressStep, HandStep, ServerStep
from mailsync.tui.widgets.steps_signin import ApplicationStep, ChoiceStep, LoginStep, PasswordStep
from tests.servers.dovecot import Dovecot
from tests.servers.dovecot_oauth import TokenDovecot
from tests.servers.oidc import Browser, Oidc
from tests.tui.driving import settle, until
from tests.tui.hands import Hands

MINE = '# mine\n[general]\nsecrets = "file"\n'


class Place:
    """A configuration without accounts, an empty store, and the dashboard with an engine on them."""

    def __init__(self, folder: Path) -> None:
        self.path, self.data = folder / "config.toml", folder / "data"
        self.path.write_text(MINE, "utf-8")
        self.path.chmod(0o600)
        self.store = Store.open(self.data, create=True)
        config = load_config(self.path)
        self.engine = Engine(config, self.store, self.data, quiet=True, read_config=lambda: load_config(self.path))
        self.app = MailsyncApp(self.store, engine=self.engine, config_path=str(self.path))

    def drive(self, act: Callable[[Hands], Awaitable[None]]) -> None:
        async def run() -> None:
            async with self.app.run_test(size=(80, 24)) as pilot:
                await settle(pilot)
                await until(pilot, lambda: self.app.vitals.can_sync)
                await act(Hands(pilot, self.app))

        asyncio.run(run())

    async def mirrored(self, hands: Hands, messages: int) -> None:
        await hands.closed()
        await until(hands.pilot, lambda: self.app.vitals.snapshot.messages == messages)

    def holding(self, secret: str) -> list[str]:
        """The files with this in them, but for those that secrets are kept in."""
        files = [self.path, *(path for path in self.data.rglob("*") if "secrets" not in path.parts)]
        return [file.name for file in files if file.is_file() and secret.encode() in file.read_bytes()]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.engine.stop()
    made.store.close()


async def name_server(hands: Hands, address: str, *fields: str) -> None:
    """From the dashboard to the sign-in, with a server that is named by hand: host, port, user name, CA file."""
    await hands.press("a")
    await hands.at(AddressStep)
    await hands.enter(address)
    await hands.press("enter")
    await until(hands.pilot, lambda: isinstance(hands.dialog.step, HandStep | ServerStep))
    if isinstance(hands.dialog.step, ServerStep):
        await hands.at(ServerStep)
        await hands.press("end", "enter")
    await hands.at(HandStep)
    host, port, *rest = fields
    await hands.enter(host)
    await hands.press("tab")
    await hands.enter(port)
    await hands.press("tab")
    for field in rest:
        await hands.press("tab")
        await hands.enter(field)
    await hands.press("enter")
    await hands.at(PasswordStep)


def test_a_password_account_in_less_than_a_minute(place: Place, dovecot: Dovecot, fresh_user: str) -> None:
    password = dovecot.users[fresh_user]
    dovecot.fill(fresh_user, "INBOX", [(b"Subject: hello\r\n\r\nworld\r\n", (), None)])
    begun = time.monotonic()

    async def act(hands: Hands) -> None:
        address = f"{fresh_user}@localhost"
        await name_server(hands, address, "localhost", str(dovecot.tls_port), fresh_user, str(dovecot.ca_file))
        await hands.press(*password, "enter")
        await hands.at(ConsentStep)
        await hands.press("enter")
        done = await hands.at(ChoiceStep)
        assert "The first sync has begun" in done.text
        await hands.press("enter")
        await place.mirrored(hands, 1)

    place.drive(act)
    assert time.monotonic() - begun < 60
    assert place.path.read_text("utf-8").startswith(MINE + "\n[accounts.localhost]\n")
    assert not place.holding(password)
    assert stat.S_IMODE((place.data / "secrets" / "localhost.password").stat().st_mode) == 0o600


def test_a_provider_s_account_and_a_sign_in_after_it_was_revoked(
    place: Place, oidc: Oidc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(reacting, "RETAKE_SECONDS", 0.1)
    user = "dora@localhost"
    oidc.make_user(user)

    def browse(url: str) -> str:
        with Browser() as browser:
            return browser.sign_in(url, user, "secret")

    async def sign_in(hands: Hands) -> None:
        """On another machine: what is opened there, and pasted here."""
        step = await hands.at(LoginStep)
        await until(hands.pilot, lambda: bool(step.address))
        await hands.enter(await asyncio.to_thread(browse, step.address))
        await hands.press("enter")

    with TokenDovecot(oidc) as server:
        server.fill(user, "INBOX", [(b"Subject: hello\r\n\r\nworld\r\n", (), None)])

        async def act(hands: Hands) -> None:
            await name_server(hands, user, "localhost", str(server.tls_port), user, str(server.ca_file))
            await hands.press("ctrl+t")
            await hands.at(ApplicationStep)
            await hands.enter(oidc.issuer)
            await hands.press("tab")
            await hands.enter(oidc.client_id)
            await hands.press("tab")
            await hands.enter(f"echo {oidc.client_secret}")
            await hands.press("enter")
            await sign_in(hands)
            await hands.at(ConsentStep)
            await hands.press("enter")
            await hands.at(ChoiceStep)
            await hands.press("enter")
            await place.mirrored(hands, 1)

            oidc.revoke(user)
            server.fill(user, "INBOX", [(b"Subject: again\r\n\r\nworld\r\n", (), None)])
            server.doveadm("kick", user)
            await hands.press("s")
            await until(hands.pilot, lambda: place.app.vitals.accounts[0].state == "needs_login")
            await hands.press("l")
            await sign_in(hands)
            await place.mirrored(hands, 2)
            await until(hands.pilot, lambda: place.app.vitals.accounts[0].state != "needs_login")

        place.drive(act)
    assert not place.holding((place.data / "secrets" / "localhost.token").read_text("utf-8", "replace"))
