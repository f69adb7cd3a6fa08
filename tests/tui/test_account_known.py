"""Signing in again, permissions and removal of an account that is there, by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailsync.store import consents
from mailsync.tui.screens.account_known import PermissionsScreen, RemoveScreen, SignInScreen
from mailsync.tui.screens.dashboard import DashboardScreen
from mailsync.tui.widgets.fields import Field
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.steps_consent import ConsentStep
from mailsync.tui.widgets.steps_signin import ChoiceStep, LoginStep, PasswordStep
from tests.tui import samples
from tests.tui.driving import until
from tests.tui.entrances import PASSWORD, URL
from tests.tui.hands import Drive, Hands, actions, jobs_of, kept, written
from tests.tui.prepared import Builder

WORK = '[general]\nsecrets = "file"\n\n[accounts.home]\nemail = "ada@example.org"\nhost = "imap.example.org"\n'
TOKENS = """[general]
secrets = "file"

[accounts.home]
email = "ada@example.org"
host = "imap.example.org"
auth = "oauth2"

[accounts.home.oauth]
client_id = "mailsync"
issuer = "https://login.example.org"
"""


def needing(builder: Builder, state: Any) -> None:
    home = builder.account("home", "ada@example.org", state, detail="refused", hint="sign in", synced=None)
    builder.folder(home, "INBOX", samples.inbox()[:3])


@pytest.mark.usefixtures("owned")
def test_a_new_password_is_tried_kept_and_the_engine_goes_on(drive: Drive, builder: Builder, tmp_path: Path) -> None:
    needing(builder, "needs_login")

    async def act(hands: Hands) -> None:
        assert "Sign in" in [text for _, _, text, _, _ in hands.app.screen.query_one(KeyBar)._keys]
        await hands.press("enter")
        await hands.at(PasswordStep)
        assert isinstance(hands.app.screen, SignInScreen)
        await hands.enter("wrong")
        await hands.press("enter")
        await hands.until_told("refused")
        assert kept(tmp_path, "home") is None
        await hands.press("ctrl+u")
        await hands.enter(PASSWORD)
        await hands.press("enter")
        await hands.closed()

    drive(act, config=WORK)

    assert kept(tmp_path, "home") == PASSWORD
    assert jobs_of(builder.store) == [("sync", "home")]
    assert actions(builder.store)[-2:] == ["login", "login"]


@pytest.mark.usefixtures("owned")
def test_a_sign_in_at_the_provider_again(drive: Drive, builder: Builder, tmp_path: Path) -> None:
    needing(builder, "needs_login")

    async def act(hands: Hands) -> None:
        await hands.press("l")
        login = await hands.at(LoginStep)
        await hands.until_told(URL)
        login.query_one(Field).value = "http://127.0.0.1:41234/nQ3xv8?code=4/abc&state=x"
        await hands.press("enter")
        await hands.closed()

    drive(act, config=TOKENS)

    assert (tmp_path / "data" / "secrets" / "home.token").exists()
    assert jobs_of(builder.store) == [("sync", "home")]


def test_what_an_account_lacks_is_allowed_on_the_spot(drive: Drive, builder: Builder) -> None:
    needing(builder, "needs_consent")

    async def act(hands: Hands) -> None:
        await hands.press("p")
        await hands.at(ConsentStep)
        assert isinstance(hands.app.screen, PermissionsScreen)
        await hands.press("space")
        assert "Nothing is mirrored until both needed boxes are ticked" in hands.told()
        await hands.press("space", "end", "x", "enter")
        await hands.closed()

    drive(act, config=WORK)
    with builder.store.read() as connection:
        assert len(consents.granted(connection, "home")) == 4
    assert jobs_of(builder.store) == [("sync", "home")]


@pytest.mark.parametrize("purge", [False, True], ids=["keep", "purge"])
def test_an_account_is_removed(drive: Drive, builder: Builder, tmp_path: Path, purge: bool) -> None:
    needing(builder, "watching")

    async def act(hands: Hands) -> None:
        await hands.press("ctrl+p", *"remove account")
        await until(hands.pilot, lambda: hands.app.screen.query_one("CommandList").option_count > 0)  # type: ignore[attr-defined]
        await hands.press("enter")
        await hands.at(ChoiceStep)
        assert isinstance(hands.app.screen, RemoveScreen)
        await hands.press("enter")  # leaves it as it is
        await hands.closed()
        assert "[accounts.home]" in written(tmp_path)
        hands.app.screen.post_message(DashboardScreen.DialogWanted("remove", "home"))
        await hands.at(ChoiceStep)
        await hands.press("down", *["down"] * purge, "enter")
        await hands.closed()

    drive(act, config=WORK)
    assert "[accounts.home]" not in written(tmp_path)
    with builder.store.read() as connection:
        left = connection.execute("SELECT count(*) FROM messages").fetchone()[0]
        assert left == (0 if purge else 3)
        assert not consents.granted(connection, "home")
