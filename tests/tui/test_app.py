"""The life of the application: its engine, its keys, its wishes."""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets._toast import Toast

import mailsync.tui
from mailsync.errors import OwnedElsewhere
from mailsync.store import consents, jobs
from mailsync.tui.app import MailsyncApp
from mailsync.tui.screens.dashboard import DashboardScreen
from mailsync.tui.screens.finishing import FinishingScreen
from mailsync.tui.screens.help import HelpScreen
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.topbar import TopBar
from tests.tui import samples
from tests.tui.driving import mail_screen, settle, until
from tests.tui.prepared import NOW, Builder, letter


class FakeEngine:
    """Counts what is asked of it; `stop` waits for `may_stop`."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.running = False
        self.failure = failure
        self.may_stop = threading.Event()
        self.may_stop.set()

    def start(self) -> None:
        self.calls.append("start")
        if self.failure is not None:
            raise self.failure
        self.running = True

    def stop(self) -> None:
        self.may_stop.wait(10)
        self.calls.append("stop")
        self.running = False


def drive(app: MailsyncApp, act: Callable[[Pilot[None]], Awaitable[None]], size: tuple[int, int] = (100, 30)) -> None:
    async def run() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await settle(pilot)
            await act(pilot)

    asyncio.run(run())


def top(app: MailsyncApp) -> str:
    return app.screen_stack[0].query_one(TopBar).render_line(0).text


def syncs(builder: Builder) -> list[str]:
    with builder.store.read() as connection:
        return [row[0] for row in connection.execute("SELECT account FROM jobs WHERE kind = 'sync' ORDER BY id")]


def test_the_engine_starts_with_the_screen_and_finishes_before_it_goes(builder: Builder) -> None:
    samples.quiet(builder)
    engine = FakeEngine()
    app = samples.app(builder, engine=engine, viewer_of=None, pid=4711)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.vitals.can_sync)
        assert "engine in this process (pid 4711)" in top(app)
        engine.may_stop.clear()
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, FinishingScreen))
        assert engine.calls == ["start"]
        engine.may_stop.set()
        await until(pilot, lambda: app._exit)
        assert engine.calls == ["start", "stop"]

    drive(app, act, (140, 30))


def test_asked_again_it_leaves_at_once(builder: Builder) -> None:
    engine = FakeEngine()
    app = samples.app(builder, engine=engine, viewer_of=None)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.vitals.can_sync)
        engine.may_stop.clear()
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, FinishingScreen))
        await pilot.press("q")
        await until(pilot, lambda: app._exit)
        assert "stop" not in engine.calls
        engine.may_stop.set()

    drive(app, act)


def test_an_engine_that_cannot_start_is_told_and_the_mail_stays_readable(builder: Builder) -> None:
    samples.quiet(builder)
    failure = OwnedElsewhere("pid 12 runs the engine [here]", hint="look at \x1b[1mit")
    app = samples.app(builder, engine=FakeEngine(failure), viewer_of=None)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: bool(app.screen.query(Toast)))
        assert "the engine does not run" in top(app)
        told = str(app.screen.query_one(Toast).render())
        assert "pid 12 runs the engine [here]" in told
        assert "look at \ufffd[1mit" in told
        assert not app.vitals.can_sync
        await pilot.press("2")
        await settle(pilot)
        assert mail_screen(app).messages.count > 0
        await pilot.press("q")
        await until(pilot, lambda: app._exit)

    drive(app, act)


def test_a_viewer_says_so_and_notices_when_the_engine_is_gone(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.quiet(builder)
    app = samples.app(builder, viewer_of=os.getpid())

    async def act(pilot: Pilot[None]) -> None:
        assert f"viewing the engine of pid {os.getpid()}" in top(app)
        assert app.vitals.can_sync
        monkeypatch.setattr("mailsync.tui.handle.alive", lambda pid: False)
        app._sample()
        assert f"the engine of pid {os.getpid()} is gone" in top(app)
        assert not app.vitals.can_sync

    drive(app, act, (140, 30))


def test_sync_is_asked_for_once(builder: Builder) -> None:
    samples.quiet(builder)
    app = samples.app(builder)

    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("j", "j", "s")
        await until(pilot, lambda: syncs(builder) == ["office"])
        await until(pilot, lambda: "Sync asked for: office" in top(app))
        await pilot.press("s")
        await until(pilot, lambda: "on its way already" in top(app))
        await pilot.press("S")
        await until(pilot, lambda: syncs(builder) == ["office", "home"])
        await pilot.press("2")
        await settle(pilot)
        assert mail_screen(app).chosen_account == "home"

    drive(app, act)


def test_without_an_engine_sync_is_dimmed_and_does_nothing(builder: Builder) -> None:
    samples.quiet(builder)
    app = samples.app(builder, viewer_of=None)

    async def act(pilot: Pilot[None]) -> None:
        bar = app.screen.query_one(KeyBar)
        assert {key: enabled for key, _, _, enabled, _ in bar._keys}["s"] is False
        await pilot.press("s", "S")
        await settle(pilot)
        assert syncs(builder) == []

    drive(app, act)


def test_from_the_dashboard_to_a_message_and_back(builder: Builder) -> None:
    samples.quiet(builder)
    app = samples.app(builder)

    async def act(pilot: Pilot[None]) -> None:
        screen = app.pane
        assert isinstance(screen, DashboardScreen)
        await pilot.press("j", "tab", "end", "enter")
        await settle(pilot)
        mail = mail_screen(app)
        shown = mail._folder()
        assert shown is not None
        assert shown.name == "ящик/архив/2023"
        await pilot.press("enter")
        await settle(pilot)
        assert mail.view == "reader"
        assert "Письмо" in "".join(text for text, _ in mail.reader._laid[0])
        await pilot.press("h")
        await settle(pilot)
        modes = [mail.reader.mode]
        await pilot.press("r")
        await settle(pilot)
        assert [*modes, mail.reader.mode] == ["headers", "raw"]
        await pilot.press("escape", "escape", "escape")
        await settle(pilot)
        assert isinstance(app.pane, DashboardScreen)

    drive(app, act)


@pytest.mark.parametrize(("size", "visible"), [((60, 20), 1), ((90, 24), 2), ((160, 48), 3)])
def test_as_many_parts_as_have_room(builder: Builder, size: tuple[int, int], visible: int) -> None:
    samples.quiet(builder)
    app = samples.app(builder)

    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await settle(pilot)
        mail = mail_screen(app)
        for expected in (mail.reader, mail.folders, mail.messages):
            await pilot.press("tab")
            await settle(pilot)
            parts = (mail.folders, mail.messages, mail.reader)
            assert app.focused is expected
            assert sum(bool(part.region) and part.region.width > 0 for part in parts) == visible

    drive(app, act, size)


def test_hidden_panes_are_left_alone_and_caught_up(builder: Builder) -> None:
    samples.quiet(builder)
    app = samples.app(builder)

    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("2")
        await settle(pilot)
        mail = mail_screen(app)
        count = mail.messages.count
        await pilot.press("1")
        await settle(pilot)
        with builder.store.read() as connection:
            inbox = connection.execute("SELECT id FROM folders WHERE name = 'INBOX' ORDER BY id").fetchone()[0]
        builder.fill(inbox, [letter("New", "x@y.example", 1)], 500)
        await until(pilot, lambda: app.vitals.snapshot.messages == 45)
        assert mail.messages.count == count
        await pilot.press("2")
        await until(pilot, lambda: mail.messages.count == count + 1)

    drive(app, act)


def test_help_lists_the_live_bindings(builder: Builder) -> None:
    samples.quiet(builder)
    app = samples.app(builder)

    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("question_mark")
        await settle(pilot)
        assert isinstance(app.screen, HelpScreen)
        table = dict(app.screen._table)
        assert list(table) == ["Accounts", "Dashboard", "Everywhere"]
        assert ("↓  j", "One row down", True) in table["Accounts"]
        assert ("s", "Sync the chosen account now", True) in table["Dashboard"]
        await pilot.press("escape")
        assert isinstance(app.screen, DashboardScreen)

    drive(app, act)


def test_the_palette_goes_to_any_folder(builder: Builder) -> None:
    samples.quiet(builder)
    app = samples.app(builder)

    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("ctrl+p", *"drawings")
        await until(pilot, lambda: app.screen.query_one("CommandList").option_count > 0)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await settle(pilot)
        await settle(pilot)
        shown = mail_screen(app)._folder()
        assert shown is not None
        assert shown.name == "Projects.Engine.Drawings"

    drive(app, act)


def test_what_may_not_be_read_is_not_shown(builder: Builder) -> None:
    samples.quiet(builder)
    app = samples.app(builder)

    def told() -> str:
        reader = mail_screen(app).reader
        return reader._notice if not reader._laid else "".join(text for text, _ in reader._laid[0])

    def change(how: Callable[..., None]) -> None:
        with builder.store.read() as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM accounts")]
        for name in names:
            builder.store.write(lambda c, n=name: how(c, n, ["email_read"], NOW)).result()  # type: ignore[misc]

    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("2", "enter")
        await settle(pilot)
        assert mail_screen(app).reader._laid
        change(consents.revoke)
        await until(pilot, lambda: told().startswith("Not shown: email_read is not granted to "))
        assert "run: mailsync consent grant" in told()
        await pilot.press("r")
        await settle(pilot)
        assert told().startswith("Not shown")
        change(consents.grant)
        await until(pilot, lambda: bool(mail_screen(app).reader._laid))

    drive(app, act)


def test_a_message_left_on_the_server_is_asked_for(builder: Builder) -> None:
    samples.quiet(builder)
    builder.withheld(1, 900, 61_203_117, age=60.0)
    app = samples.app(builder)

    def shown() -> str:
        return "\n".join("".join(text for text, _ in line) for line in mail_screen(app).reader._laid)

    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("2", "enter")
        await settle(pilot)
        assert "press f" in shown()
        assert "f" in app.screen.active_bindings
        await pilot.press("f")
        await settle(pilot)
        job = builder.store.write(lambda c: jobs.claim(c, NOW)).result()
        assert job is not None
        assert (job.kind, job.params) == ("fetch", {"message": mail_screen(app).messages.message_id})
        builder.store.write(lambda c: jobs.finish(c, job.id, "failed", NOW, error="no\x1bway", hint="later")).result()
        await until(pilot, lambda: bool(app.screen.query(Toast)))
        assert "no\ufffdway" in str(app.screen.query_one(Toast).render())
        builder.fill(1, [letter("It came", "a@b.example", 60)], 900)
        builder.read_envelopes()
        await until(pilot, lambda: shown().startswith("It came"))
        await until(pilot, lambda: "f" not in app.screen.active_bindings)

    drive(app, act, (140, 30))


def test_a_defect_is_shown_without_what_variables_hold(builder: Builder, capsys: pytest.CaptureFixture[str]) -> None:
    app = samples.app(builder)

    def fails(password: str) -> None:
        raise ValueError(password)

    async def act(pilot: Pilot[object]) -> None:
        app.call_later(fails, "geheim" + str(NOW))
        while app.is_running:
            await pilot.pause(0.01)

    app.run(headless=True, auto_pilot=act)
    shown = capsys.readouterr().err
    assert "builtins.ValueError" in shown
    assert "in fails" in shown
    assert "geheim" not in shown


def owners(*kinds: type) -> Iterator[type]:
    """These and what is made of them in the dashboard: whatever may have keys."""
    for kind in kinds:
        if kind.__module__.startswith("mailsync.tui."):
            yield kind
        yield from owners(*kind.__subclasses__())


def test_every_binding_has_an_id_a_tooltip_and_no_control_key_of_the_terminal() -> None:
    for module in pkgutil.walk_packages(mailsync.tui.__path__, "mailsync.tui."):
        importlib.import_module(module.name)
    seen: dict[str, Binding] = {}
    for owner in owners(MailsyncApp, Widget):
        for binding in vars(owner).get("BINDINGS", ()):
            assert isinstance(binding, Binding)
            assert binding.id, binding
            assert binding.tooltip, binding
            assert seen.setdefault(binding.id, binding) == binding, f"{binding.id} is used twice"
            assert not {"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m"} & set(binding.key.split(","))
