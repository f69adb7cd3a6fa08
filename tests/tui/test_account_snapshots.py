"""How the dialogs about accounts look, step by step: compared with pictures that a person has looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from mailsync.errors import SecretsUnavailable
from mailsync.tui.screens.pane import Pane
from mailsync.tui.screens.wizard import Wizard
from tests.tui import samples
from tests.tui.driving import settle, until
from tests.tui.entrances import PASSWORD, World, entrance
from tests.tui.prepared import Builder

Compare = Callable[..., bool]
FILES = '[general]\nsecrets = "file"\n'
HOME = FILES + '\n[accounts.home]\nemail = "ada@example.org"\nhost = "imap.example.org"\n'
ADDRESS = ("a", "<ada@example.org", "enter")
SERVER = (*ADDRESS, "enter")
GMAIL = ("a", "<ada@gmail.com", "enter", "enter", "ctrl+t", "<1234.apps.example.com", "enter")
NOWHERE = ("a", "<ada@nowhere.example", "enter", "<imap.nowhere.example", "down", "<99999", "enter")
CONSENT = (*SERVER, f"<{PASSWORD}", "enter")


def doing(*acts: str | Pane.DialogWanted) -> Callable[[Pilot[None]], Any]:
    """Each act in turn: a key, a text to paste behind `<`, or a dialog to open; and the wait for what it causes."""

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        for act in acts:
            if isinstance(act, Pane.DialogWanted):
                pilot.app.screen.post_message(act)
                await until(pilot, lambda: isinstance(pilot.app.screen, Wizard))
            elif act.startswith("<"):
                assert pilot.app.focused is not None
                pilot.app.focused.post_message(events.Paste(act[1:]))
            else:
                await pilot.press(act)
            await pilot.pause()
            await until(pilot, lambda: at_rest(pilot))
            await pilot.pause()
            await pilot.pause()

    return run


def at_rest(pilot: Pilot[None]) -> bool:
    """The dialog waits for its person, or for what never comes in this test."""
    screen = pilot.app.screen
    if not isinstance(screen, Wizard):
        return True
    waits = not screen.entrance.world.waits.is_set() or bool(getattr(screen.step, "address", ""))  # type: ignore[attr-defined]
    return screen.step is not None and (waits or not screen.at_work)


@pytest.fixture
def look(builder: Builder, tmp_path: Path, world: World, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Do something at the application, and compare what it looks like then."""
    monkeypatch.setattr("mailsync.tui.entrance.Entrance.secrets_folder", Path("~/.local/share/mailsync/secrets"))

    def run(acts: Sequence[Any], size: tuple[int, int] = (80, 24), config: str = FILES) -> None:
        samples.quiet(builder)
        app = samples.app(builder, entrance=entrance(tmp_path, builder.store, world, config))
        assert snap_compare(app, terminal_size=size, run_before=doing(*acts))

    return run


@pytest.mark.parametrize(
    "acts",
    [
        pytest.param(("a",), id="address"),
        pytest.param(("a", "<ada", "enter"), id="no-address"),
        pytest.param(("a", "<ada@gmial.com", "enter"), id="slip"),
        pytest.param(ADDRESS, id="server"),
        pytest.param(NOWHERE, id="by-hand"),
        pytest.param((*SERVER, "<wrong", "enter"), id="refused"),
        pytest.param(GMAIL[:4], id="app-password"),
        pytest.param(GMAIL[:5], id="application"),
        pytest.param(GMAIL, id="provider"),
        pytest.param((*GMAIL, "ctrl+t"), id="device"),
        pytest.param((*CONSENT, "space"), id="consent"),
        pytest.param((*CONSENT, "enter"), id="done"),
    ],
)
def test_adding(look: Any, acts: Sequence[str]) -> None:
    look(acts)


@pytest.mark.parametrize("size", [(160, 48), (60, 20)], ids=["160x48", "60x20"])
def test_permissions(look: Any, size: tuple[int, int]) -> None:
    look(CONSENT, size)


def test_while_a_server_is_looked_for(look: Any, world: World) -> None:
    world.waits.clear()
    look(ADDRESS)


def test_a_server_that_only_dns_names(look: Any, world: World) -> None:
    from mailsync.record import replace

    foreign = replace(world.servers["example.org"][0], host="mail.elsewhere.example", foreign=True)
    world.servers["example.org"] = [foreign]
    world.answering.add(foreign.host)
    look(ADDRESS)


def test_no_keyring(look: Any, world: World) -> None:
    world.keyring = SecretsUnavailable("the keyring is locked", hint="unlock it and try again")
    look(CONSENT, config="")


def test_signing_in_again(look: Any) -> None:
    look((Pane.DialogWanted("sign_in", "home"),), config=HOME)


def test_a_password_that_comes_from_elsewhere(look: Any) -> None:
    look((Pane.DialogWanted("sign_in", "home"),), config=HOME + 'password_command = ["pass", "show", "home"]\n')


def test_removing(look: Any) -> None:
    look((Pane.DialogWanted("remove", "home"),), config=HOME)
