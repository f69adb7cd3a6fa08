"""Adding an account, by keyboard: with a network and a keyring that a test makes up, and once for real."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from textual.message import Message

from mailsync.config.load import load_config
from mailsync.errors import SecretsUnavailable
from mailsync.store import consents
from mailsync.tui.screens.account_add import AddScreen
from mailsync.tui.screens.help import HelpScreen
from mailsync.tui.widgets.fields import Choices, Entry, Field
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.steps_consent import ConsentStep
from mailsync.tui.widgets.steps_server import AddressStep, HandStep, ServerStep
from mailsync.tui.widgets.steps_signin import ApplicationStep, ChoiceStep, LoginStep, PasswordStep
from tests.tui.driving import until
from tests.tui.entrances import PASSWORD, URL, World
from tests.tui.hands import Drive, Hands, actions, kept, written
from tests.tui.prepared import Builder


def test_from_an_address_to_an_account(drive: Drive, builder: Builder, tmp_path: Path, world: World) -> None:
    async def act(hands: Hands) -> None:
        await hands.press("a")
        await hands.at(AddressStep)
        await hands.enter("ada@example.org")
        await hands.press("enter")
        server = await hands.at(ServerStep)
        assert server.chosen.host == "imap.example.org"  # the one that answers, before the one that is named first
        await hands.press("enter")
        await hands.at(PasswordStep)
        await hands.enter("wrong")
        await hands.press("enter")
        await hands.until_told("refused the user name or password")
        await hands.press("ctrl+u")
        await hands.enter(PASSWORD)
        await hands.press("enter")
        await hands.at(ConsentStep)
        assert kept(tmp_path, "example") is None
        await hands.press("down", "down", "space", "enter")
        done = await hands.at(ChoiceStep)
        assert "example is added" in done.text
        await hands.press("enter")
        await hands.closed()
        assert [account.name for account in hands.app.vitals.accounts] == ["example"]

    drive(act)
    assert '[accounts.example]\nemail = "ada@example.org"\nhost = "imap.example.org"' in written(tmp_path)
    assert kept(tmp_path, "example") == PASSWORD
    with builder.store.read() as connection:
        assert consents.granted(connection, "example") == {"mailbox_access", "email_read"}
    assert "account_added" in actions(builder.store)
    assert world.calls == ["sign in ada@example.org", "sign in ada@example.org", "commit example"]


def test_what_is_no_address_is_said_kindly_at_the_field(drive: Drive) -> None:
    async def act(hands: Hands) -> None:
        await hands.press("a")
        await hands.at(AddressStep)
        for typed, told in (
            ("", "there is no address"),
            ("ada", "ada has no domain: what stands behind the @ is missing"),
            ("ada @ example.org and more", "there is a blank within"),
        ):
            await hands.press("ctrl+u")
            await hands.enter(typed)
            await hands.press("enter")
            await hands.until_told(told)
            assert "try: an address looks like me@example.com" in hands.told()
            assert isinstance(hands.app.focused, Entry)

    drive(act)


def test_a_pasted_address_is_tidied_and_a_slip_is_asked_about(drive: Drive) -> None:
    async def act(hands: Hands) -> None:
        await hands.press("a")
        step = await hands.at(AddressStep)
        entry = step.query_one(Entry)
        entry.value = "  Ada <ａｄａ＠gmial.com> "
        await hands.press("enter")
        await hands.until_told("slip of the hand")
        assert isinstance(hands.app.focused, Choices)
        await hands.press("enter")
        await hands.at(ServerStep)
        assert step.address.text == "ada@gmail.com"
        await hands.press("escape")
        assert entry.value == "ada@gmail.com"
        await hands.press("escape")
        await hands.closed()

    drive(act)


def test_a_search_is_given_up_and_nothing_is_left_behind(drive: Drive, tmp_path: Path, world: World) -> None:
    before = sorted(path.name for path in tmp_path.rglob("*"))

    async def act(hands: Hands) -> None:
        world.waits.clear()
        await hands.press("a")
        await hands.at(AddressStep)
        await hands.enter("ada@example.org")
        await hands.press("enter")
        await hands.until_told("looking for the server of example.org")
        before = time.monotonic()
        await hands.press("escape")
        assert time.monotonic() - before < 2
        assert not hands.dialog.at_work
        world.waits.set()
        await hands.pilot.pause(0.1)
        assert isinstance(hands.dialog.step, AddressStep)  # what was found meanwhile interests nobody
        await hands.press("enter")
        await hands.at(ServerStep)
        await hands.press("enter")
        await hands.at(PasswordStep)
        await hands.enter(PASSWORD)
        await hands.press("enter")
        await hands.at(ConsentStep)
        await hands.press("escape", "escape", "escape", "escape")
        await hands.closed()

    drive(act)
    assert written(tmp_path) == '[general]\nsecrets = "file"\n'
    assert {path.name for path in tmp_path.rglob("*")} <= {
        *before,
        "config.toml",
        "mailsync.db-wal",
        "mailsync.db-shm",
    }


def test_a_server_is_named_by_hand(drive: Drive, tmp_path: Path, world: World) -> None:
    async def act(hands: Hands) -> None:
        await hands.press("a")
        await hands.at(AddressStep)
        await hands.enter("ada@nowhere.example")
        await hands.press("enter")
        await hands.at(HandStep)
        assert "no server was found for nowhere.example" in hands.told()
        await hands.enter("imap.other.example")
        await hands.press("down")
        await hands.enter("99999")
        await hands.press("enter")
        await hands.until_told("99999 is no port")
        await hands.press("ctrl+u", "enter")
        await hands.until_told("imap.other.example does not answer")
        world.answering.add("imap.other.example")
        await hands.press("down", "down", "right", "right", "down")
        await hands.enter("lovelace")
        await hands.press("enter")
        step = await hands.at(PasswordStep)
        assert step.username == "lovelace"
        await hands.press("up", "up", "ctrl+u")
        await hands.enter("two words")
        await hands.press("down", "down")
        await hands.enter(PASSWORD)
        await hands.press("enter")
        await hands.until_told("is no name for an account")
        await hands.press("ctrl+u")
        await hands.enter("work")
        await hands.press("enter")
        await hands.at(ConsentStep)
        await hands.press("enter")
        await hands.at(ChoiceStep)

    drive(act)
    account = load_config(tmp_path / "config.toml").accounts["work"]
    assert (account.host, account.port, account.security) == ("imap.other.example", 143, "starttls")
    assert account.username == "lovelace"


def test_without_a_keyring_files_are_only_taken_when_asked_for(drive: Drive, tmp_path: Path, world: World) -> None:
    world.keyring = SecretsUnavailable("the keyring is locked", hint="unlock it")

    async def act(hands: Hands) -> None:
        await hands.press("a")
        await hands.at(AddressStep)
        await hands.enter("ada@example.org")
        await hands.press("enter")
        await hands.at(ServerStep)
        await hands.press("enter")
        await hands.at(PasswordStep)
        await hands.enter(PASSWORD)
        await hands.press("enter")
        await hands.at(ChoiceStep)
        assert "the keyring is locked" in hands.told()
        await hands.press("enter")  # back is what enter means here
        await hands.at(PasswordStep)
        assert not world.calls
        await hands.press("enter")
        await hands.at(ChoiceStep)
        await hands.press("down", "enter")
        await hands.at(ConsentStep)
        await hands.press("enter")
        await hands.at(ChoiceStep)

    drive(act, config="")
    assert 'secrets = "file"' in written(tmp_path)
    assert kept(tmp_path, "example") == PASSWORD


def test_a_provider_s_page_a_code_and_a_pasted_address(drive: Drive, tmp_path: Path, world: World) -> None:
    async def act(hands: Hands) -> None:
        await hands.press("a")
        await hands.at(AddressStep)
        await hands.enter("ada@gmail.com")
        await hands.press("enter")
        await hands.at(ServerStep)
        await hands.press("enter")
        await hands.at(PasswordStep)
        await hands.press("ctrl+t")
        await hands.at(ApplicationStep)
        await hands.press("enter")
        await hands.until_told("there is none")
        await hands.enter("1234.apps.example.com")
        await hands.press("enter")
        login = await hands.at(LoginStep)
        await hands.until_told(URL)
        await hands.press("ctrl+y")
        assert hands.app.clipboard == URL
        await hands.press("ctrl+t")
        await hands.until_told("WDJB-MJHT")
        await hands.press("ctrl+t")
        await hands.until_told(URL)
        await hands.enter("code=4/abc")
        await hands.press("enter")
        await hands.until_told("not the address that is waited for")
        login.query_one(Field).value = "http://127.0.0.1:41234/nQ3xv8?code=4/abc&state=x"
        await hands.press("enter")
        await hands.at(ConsentStep)
        assert (tmp_path / "data" / "secrets" / "gmail.token").exists()
        await hands.press("escape")
        await hands.at(ApplicationStep)
        await until(hands.pilot, lambda: not (tmp_path / "data" / "secrets" / "gmail.token").exists())
        await hands.press("enter")
        await hands.at(LoginStep)
        await hands.until_told(URL)
        await hands.press("escape")
        await hands.at(ApplicationStep)
        assert "accounts" not in written(tmp_path)

    drive(act)
    assert world.calls.count("cancel") == 3


def test_keys_are_told_and_commands_stay_outside(drive: Drive) -> None:
    async def act(hands: Hands) -> None:
        await hands.press("a")
        await hands.at(AddressStep)
        await hands.press("ctrl+p")
        assert isinstance(hands.app.screen, AddScreen)
        shown = [text for _, _, text, _, _ in hands.app.screen.query_one(KeyBar)._keys]
        assert shown == ["Continue", "Back", "Help"]
        await hands.press("f1")
        assert isinstance(hands.app.screen, HelpScreen)
        assert [title for title, _ in hands.app.screen._table] == ["Form", "Dialog"]

    drive(act)


def test_a_password_is_in_nothing_that_is_shown_or_said(
    drive: Drive, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(hands: Hands) -> None:
        await hands.press("a")
        await hands.at(AddressStep)
        await hands.enter("ada@example.org")
        await hands.press("enter")
        await hands.at(ServerStep)
        await hands.press("enter")
        step = await hands.at(PasswordStep)
        said: list[str] = []
        dialog = hands.dialog
        post = AddScreen.post_message

        def overhear(self: AddScreen, message: Message) -> bool:
            said.append(repr(message))
            return post(self, message)

        monkeypatch.setattr(AddScreen, "post_message", overhear)
        world.waits.clear()
        await hands.enter(PASSWORD)
        await hands.press("enter")
        await hands.until_told("signing in")
        said.extend([repr(step), repr(dialog), repr(step.password), repr(dialog._errand), hands.told()])
        said.append(hands.app.export_screenshot())
        await hands.press("home", "ctrl+shift+a", "ctrl+c", "ctrl+x")
        said.append(hands.app.clipboard)
        world.waits.set()
        await hands.at(ConsentStep)
        assert len(said) > 8
        assert not [text for text in said if PASSWORD in text]

    drive(act)
