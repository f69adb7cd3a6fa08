"""The health pane: what its keys do, and what it notices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from textual import events
from textual.pilot import Pilot

from mailsync.privacy.log import FILE_NAME
from mailsync.privacy.logtail import Entry
from mailsync.store import connections
from mailsync.tui.app import MailsyncApp
from mailsync.tui.screens.health import HealthScreen
from mailsync.tui.screens.mail import MailScreen
from mailsync.tui.widgets import log
from mailsync.tui.widgets.log import LogList
from tests.tui import health_samples
from tests.tui.driving import settle, until
from tests.tui.prepared import NOW, Builder

COUNT = len(health_samples.LINES) + 1


def drive(app: MailsyncApp, act: Callable[[Pilot[None], HealthScreen], Awaitable[None]]) -> None:
    async def run() -> None:
        async with app.run_test(size=(140, 40)) as pilot:
            await settle(pilot)
            await pilot.press("3")
            await settle(pilot)
            assert isinstance(app.pane, HealthScreen)
            await act(pilot, app.pane)

    asyncio.run(run())


def title(screen: HealthScreen, part: str) -> str:
    return str(screen.query_one(f"#{part}").border_title)


def test_the_server_follows_the_check_and_opening_goes_to_the_folder(builder: Builder) -> None:
    health_samples.well(builder)
    app = health_samples.app(builder)

    async def act(pilot: Pilot[None], screen: HealthScreen) -> None:
        assert title(screen, "server") == "Server · office"
        shown = "\n".join("".join(text for text, _ in line) for line in screen.server._lines)
        assert "microsoft: it rewrites messages" in shown
        assert "\x1b" not in shown
        await pilot.press("j")
        check = screen.checks.selected
        assert check is not None
        assert (check.name, check.folder) == ("push", "INBOX")
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.pane, MailScreen)
        folder = app.pane._folder()
        assert folder is not None
        assert (folder.account, folder.name) == ("office", "INBOX")

    drive(app, act)


def test_the_log_is_filtered_and_followed(builder: Builder) -> None:
    health_samples.well(builder)
    app = health_samples.app(builder)

    async def act(pilot: Pilot[None], screen: HealthScreen) -> None:
        lines = screen.log_list
        assert lines.count == COUNT
        assert lines.cursor == lines.count - 1
        await pilot.press("l", "l")
        assert title(screen, "log") == "Log · warnings and errors"
        assert lines.count == 2
        await pilot.press("a")
        assert title(screen, "log") == "Log · warnings and errors · home"
        assert lines.count == 1
        with (builder.store.path.parent / FILE_NAME).open("a") as file:
            for level, event, account in (("info", "a", "home"), ("error", "b", "home"), ("error", "c", "")):
                file.write(json.dumps({"level": level, "event": event, "account": account}) + "\n")
        await until(pilot, lambda: lines.count == 2)
        assert lines.selected is not None
        assert lines.selected.event == "b"
        await pilot.press("l", "l", "a", "a")
        assert lines.count == COUNT + 3

    drive(app, act)


def test_what_is_committed_is_seen(builder: Builder) -> None:
    health_samples.well(builder)
    app = health_samples.app(builder)

    async def act(pilot: Pilot[None], screen: HealthScreen) -> None:
        assert title(screen, "connections") == "Connections · 3"
        builder.store.write(lambda c: connections.add(c, "home", "check", "connecting", NOW)).result()
        await until(pilot, lambda: screen.connections.count == 4)
        app.helm.viewer_of = None
        await until(pilot, lambda: screen.connections.count == 0)
        assert any(check.name == "engine" and check.status == "warn" for check in screen.checks._checks)

    drive(app, act)


def test_tabs_in_quick_succession_end_where_they_should(builder: Builder) -> None:
    health_samples.well(builder)
    app = health_samples.app(builder)

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("3")
            await settle(pilot)
            screen = app.pane
            assert isinstance(screen, HealthScreen)
            for _ in range(3):
                app.post_message(events.Key("tab", None))
            await until(pilot, lambda: screen.log_list.has_focus)
            await settle(pilot)
            assert screen.view == "log"
            assert screen.log_list.display

    asyncio.run(run())


def test_escape_leads_back(builder: Builder) -> None:
    app = health_samples.app(builder, viewer_of=None)

    async def act(pilot: Pilot[None], screen: HealthScreen) -> None:
        await pilot.press("tab", "tab")
        await settle(pilot)
        assert screen.connections.has_focus
        await pilot.press("escape")
        await settle(pilot)
        assert screen.checks.has_focus
        await pilot.press("escape")
        await settle(pilot)
        assert not isinstance(app.pane, HealthScreen)

    drive(app, act)


def test_the_log_is_bounded_and_keeps_the_cursor_on_its_line(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "KEPT", 50)
    monkeypatch.setattr(log, "SPARE", 10)
    app = health_samples.app(builder, viewer_of=None)

    def entry(number: int) -> Entry:
        return Entry(NOW + number, "info", "engine", f"event_{number}", "", "")

    async def act(pilot: Pilot[None], screen: HealthScreen) -> None:
        del pilot
        lines = LogList()
        await screen.mount(lines)
        lines.add([entry(number) for number in range(55)])
        assert lines.count == 55
        lines.cursor = 40
        lines.add([entry(number) for number in range(55, 70)])
        assert lines.count == 50
        assert lines.selected == entry(40)
        lines.cursor = lines.count - 1
        lines.add([entry(70)])
        assert lines.selected == entry(70)

    drive(app, act)
