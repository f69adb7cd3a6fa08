"""Somebody at the keyboard of the dialogs about accounts, and what is left of what they did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot

from mailsync.store.database import Store
from mailsync.tui.app import MailsyncApp
from mailsync.tui.screens.dashboard import DashboardScreen
from mailsync.tui.screens.wizard import Wizard
from mailsync.tui.widgets.fields import Entry
from mailsync.tui.widgets.steps_signin import LoginStep
from tests.tui.driving import until


class Hands:
    """The application over a prepared store, somebody at its keyboard, and what they see."""

    def __init__(self, pilot: Pilot[None], app: MailsyncApp) -> None:
        self.pilot, self.app = pilot, app

    @property
    def dialog(self) -> Wizard:
        assert isinstance(self.app.screen, Wizard)
        return self.app.screen

    async def enter(self, text: str) -> None:
        """Put text into the line that has the focus, at once; as keys it takes a test three seconds."""
        assert isinstance(self.app.focused, Entry)
        self.app.focused.post_message(events.Paste(text))
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def at(self, step: type) -> Any:
        """Wait until this step is seen, and nothing is under way."""
        seen = lambda: isinstance(self.app.screen, Wizard) and isinstance(self.app.screen.step, step)  # noqa: E731
        await until(self.pilot, seen)
        if step is not LoginStep:
            await until(self.pilot, lambda: not self.dialog.at_work)
        await self.pilot.pause()
        await self.pilot.pause()
        return self.dialog.step

    def told(self) -> str:
        """All that is said in the dialog, by prose and by remarks."""
        return "\n".join(part.text for part in self.dialog.query("Prose").results() if part.display)  # type: ignore[attr-defined]

    async def until_told(self, text: str) -> None:
        await until(self.pilot, lambda: isinstance(self.app.screen, Wizard) and text in self.told())

    async def closed(self) -> None:
        await until(self.pilot, lambda: isinstance(self.app.screen, DashboardScreen))


Act = Callable[[Hands], Awaitable[None]]
Drive = Callable[..., None]


def written(tmp_path: Path) -> str:
    return (tmp_path / "config.toml").read_text("utf-8")


def kept(tmp_path: Path, name: str) -> str | None:
    path = tmp_path / "data" / "secrets" / f"{name}.password"
    return path.read_text("utf-8").strip() if path.exists() else None


def actions(store: Store) -> list[str]:
    with store.read() as connection:
        return [row[0] for row in connection.execute("SELECT action FROM audit_log ORDER BY seq")]


def jobs_of(store: Store) -> list[tuple[str, str]]:
    with store.read() as connection:
        return [tuple(row) for row in connection.execute("SELECT kind, account FROM jobs ORDER BY id")]
