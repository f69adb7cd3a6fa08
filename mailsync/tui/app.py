"""The dashboard application: the bridge from the store to the screens, and the life of the embedded engine.

      10 times a second: did anything commit? -> one reading in a thread -> the screen that is seen
      once a second:     meters and times     -> the same screen

The screens never wait for the engine (law 9): the loop here runs no query but the version check, and an engine in the
same process gets the interpreter in short slices.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.message import Message
from textual.screen import Screen

from mailsync.engine.health import Plan
from mailsync.errors import MailsyncError
from mailsync.privacy.log import get_logger
from mailsync.privacy.mishaps import outline
from mailsync.store import dashboard
from mailsync.store.database import Store
from mailsync.text import safe_text
from mailsync.tui import asking, dialogs, handle
from mailsync.tui.commands import MailCommands, everywhere
from mailsync.tui.entrance import Entrance, Listed
from mailsync.tui.handle import EngineHandle, Helm
from mailsync.tui.panes import PANES
from mailsync.tui.screens.cleanup import CleanupScreen
from mailsync.tui.screens.dashboard import DashboardScreen
from mailsync.tui.screens.finishing import FinishingScreen
from mailsync.tui.screens.health import HealthScreen
from mailsync.tui.screens.help import HelpScreen
from mailsync.tui.screens.jobs import JobsScreen
from mailsync.tui.screens.mail import MailScreen
from mailsync.tui.screens.pane import Pane
from mailsync.tui.screens.quarantine import QuarantineScreen
from mailsync.tui.searches import Searches
from mailsync.tui.vitals import Vitals
from mailsync.tui.widgets.topbar import TopBar

log = get_logger("dashboard")

TICK_SECONDS = 0.1
LOOK_SECONDS = 0.25
"""Between two readings at least: numbers that change more often cannot be read, and each costs the engine a little."""
HANDS_SECONDS = 0.25
HANDS_OFF_SECONDS = 0.5
"""While keys come in quicker succession than the first, a reading waits, at most as long as the second: the answer to
a key goes before news of the sync, and new mail still shows within a second."""
SAMPLE_SECONDS = 1.0
FINISH_SECONDS = 25.0
"""How long the end waits for the engine; a batch takes milliseconds, a server that hangs is not waited for."""
EVERY_SECONDS = 300.0
"""The schedule of an account where nothing else is said."""
COLLECTOR = (20_000, 25, 50)
"""Thresholds of the garbage collector: a pause of it is felt at a key, a few megabytes of garbage are not."""
SLICE_SECONDS = 0.0005
"""How long a busy engine keeps the interpreter from the screen (`sys.setswitchinterval`, 5 ms by default)."""


class MailsyncApp(App[None]):
    """The dashboard over `store`.

    `accounts` are (name, email) of the configuration, in order, `intervals` the seconds between two scheduled syncs of
    each. `engine` is started and stopped here; without one,
    `viewer_of` is the pid of the process that runs it, if any does. `clock` gives Unix seconds.
    """

    CSS_PATH = ["mailsync.tcss", "quarantine.tcss", "cleanup.tcss", "jobs.tcss"]
    TITLE = "mailsync"
    BINDING_GROUP_TITLE = "Everywhere"
    COMMANDS = App.COMMANDS | {MailCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(
                one.key, f"show_mode('{one.mode}')", one.name, show=False, id=f"app.{one.mode}", tooltip=one.tooltip
            )
            for one in PANES
        ),
        Binding("question_mark", "help", "Help", key_display="?", id="app.help", tooltip="The keys that work here"),
        Binding("q", "quit", "Quit", id="app.quit", tooltip="Let the engine finish its batch, and leave"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="app.quit_anywhere", tooltip="Quit, anywhere"),
    ]

    class Looked(Message):
        """A reading of the store is done."""

        def __init__(self, snapshot: dashboard.Snapshot, disk: int) -> None:
            super().__init__()
            self.snapshot, self.disk = snapshot, disk

    class Told(Message):
        """Something to tell the person, by a worker."""

        def __init__(self, text: str, hint: str = "", *, bad: bool = False) -> None:
            super().__init__()
            self.text, self.hint, self.bad = text, hint, bad

    class EngineStarted(Message):
        """The engine runs; `problem` is why it does not."""

        def __init__(self, problem: Exception | None = None) -> None:
            super().__init__()
            self.problem = problem

    class EngineStopped(Message):
        """The engine has finished."""

    def __init__(
        self,
        store: Store,
        *,
        accounts: Sequence[tuple[str, str]] = (),
        intervals: Mapping[str, float] | None = None,
        engine: EngineHandle | None = None,
        viewer_of: int | None = None,
        config_path: str = "config.toml",
        entrance: Entrance | None = None,
        clock: Callable[[], float] = time.time,
        pid: int | None = None,
    ) -> None:
        super().__init__()
        self.store = store
        self.helm = Helm(engine, viewer_of, os.getpid() if pid is None else pid)
        self.vitals = Vitals(accounts)
        self._config_path = config_path
        self._entrance = entrance or Entrance(Path(config_path), store, clock)
        self._clock = clock
        self._finishing = False
        self._version = -1
        self._changed = True
        self._looking = False
        self._asked: set[int] = set()
        self._next_look = 0.0
        self._last_input = 0.0
        self._slice: float | None = None
        self.add_mode("dashboard", lambda: DashboardScreen(self._config_path))
        self.add_mode("mail", lambda: MailScreen(self.store, self._clock, Searches(Path(self._config_path))))
        self._plans = [Plan(name, (intervals or {}).get(name, EVERY_SECONDS)) for name, _ in accounts]
        self.add_mode("health", lambda: HealthScreen(self.store, self._plans, lambda: self.helm.look()[1], self._clock))
        self.add_mode("quarantine", lambda: QuarantineScreen(self.store, self._clock))
        self.add_mode("cleanup", lambda: CleanupScreen(self.store, Path(self._config_path), self._clock))
        self.add_mode("jobs", lambda: JobsScreen(self.store, self._clock))

    # -- life -----------------------------------------------------------------------------------------------------

    async def on_mount(self) -> None:
        self.vitals.now = self._clock()
        self._set_status()
        await self.switch_mode("dashboard")
        self.set_interval(TICK_SECONDS, self._tick)
        self.set_interval(SAMPLE_SECONDS, self._sample)
        self._listen_to_signals()
        if not self.is_headless:
            gc.set_threshold(*COLLECTOR)
        if self.helm.engine is not None:
            self._slice = sys.getswitchinterval()
            sys.setswitchinterval(SLICE_SECONDS)
            self._start_engine(self.helm.engine)
        self._tick()

    def on_unmount(self) -> None:
        if self._slice is not None:
            sys.setswitchinterval(self._slice)

    def _listen_to_signals(self) -> None:
        if self.is_headless or threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(NotImplementedError, ValueError):
                loop.add_signal_handler(number, self._finish)

    @work(thread=True, group="engine", exit_on_error=False)
    def _start_engine(self, engine: EngineHandle) -> None:
        try:
            handle.start_behind(engine)
        except Exception as error:  # whatever it is, the person keeps the dashboard and is told
            self.post_message(self.EngineStarted(error))
        else:
            self.post_message(self.EngineStarted())

    def on_mailsync_app_engine_started(self, message: EngineStarted) -> None:
        self.helm.started(well=message.problem is None)
        if message.problem is not None:
            hint = getattr(message.problem, "hint", "")
            self._tell(str(message.problem) or type(message.problem).__name__, hint, bad=True)
        self._show()

    @work(thread=True, group="engine", exit_on_error=False)
    def _stop_engine(self, engine: EngineHandle) -> None:
        with contextlib.suppress(Exception):
            engine.stop()
        self.post_message(self.EngineStopped())

    def on_mailsync_app_engine_stopped(self) -> None:
        if self._finishing:
            self.exit()

    def _finish(self) -> None:
        if self.helm.engine is None or self.helm.failed or self._finishing:
            self.exit()
            return
        self._finishing = True
        self.push_screen(FinishingScreen())
        self.set_timer(FINISH_SECONDS, self.exit)
        self._stop_engine(self.helm.engine)

    async def action_quit(self) -> None:
        """Leave, after the engine has finished its batch; asked again, leave at once."""
        self._finish()

    # -- the bridge -----------------------------------------------------------------------------------------------

    @property
    def pane(self) -> Pane | None:
        """The pane that is seen, perhaps below a dialog; None while it is being put together."""
        base = self.screen_stack[0] if self.screen_stack else None
        return base if isinstance(base, Pane) and base.ready else None

    async def on_event(self, event: events.Event) -> None:
        """Note that somebody is typing or pointing; then what came from the store waits a little."""
        if isinstance(event, events.InputEvent):
            self._last_input = time.monotonic()
        await super().on_event(event)

    def _tick(self) -> None:
        version = self.store.data_version()
        if version != self._version:
            self._version, self._changed = version, True
        now = time.monotonic()
        if not self._changed or self._looking or now < self._next_look:
            return
        if now - self._last_input < HANDS_SECONDS and now < self._next_look + HANDS_OFF_SECONDS:
            return
        self._changed, self._looking = False, True
        self._look()
        if self.pane is not None:
            with contextlib.suppress(NoMatches):
                self.pane.store_changed()

    @work(thread=True, group="look", exit_on_error=False)
    def _look(self) -> None:
        try:
            with self.store.read() as connection:
                snapshot = dashboard.read(connection)
                ended = asking.ended(connection, tuple(self._asked))
            self._asked.difference_update(ended)
            for one in filter(None, ended.values()):
                self.post_message(self.Told(one.told, one.hint, bad=one.bad))
            self.post_message(self.Looked(snapshot, _disk(self.store)))
        except (sqlite3.Error, MailsyncError) as error:
            self.post_message(self.Told("cannot read the mirror", str(error), bad=True))
            self._looking = False

    def on_mailsync_app_looked(self, message: Looked) -> None:
        self._looking = False
        self._next_look = time.monotonic() + LOOK_SECONDS
        first = not self.vitals.loaded
        self.vitals.take(message.snapshot, message.disk, self._clock())
        if first:
            self.vitals.sample(self._clock())
        self._show()

    def _sample(self) -> None:
        self.vitals.sample(self._clock())
        self._show()

    def _show(self) -> None:
        self._set_status()
        if self.pane is not None:
            with contextlib.suppress(NoMatches):  # at the very end the pane is taken apart, its parts first
                self.pane.show_vitals(self.vitals)

    def _set_status(self) -> None:
        self.vitals.engine, pid = self.helm.look()
        self.vitals.can_sync = pid is not None

    def on_pane_resumed(self) -> None:
        if not self.is_headless:
            # What is there now mostly stays. The collector would look at all of it again and again, for up to 100 ms.
            gc.freeze()
        if self.pane is not None:
            self.pane.store_changed()
            self._show()

    # -- wishes ---------------------------------------------------------------------------------------------------

    def on_pane_sync_wanted(self, message: Pane.SyncWanted) -> None:
        if message.accounts:
            self._carry_out(asking.sync(message.accounts))

    def on_pane_fetch_wanted(self, message: Pane.FetchWanted) -> None:
        self._carry_out(asking.fetch(message.message_id))

    def on_pane_wished(self, message: Pane.Wished) -> None:
        self._carry_out(message.wish)

    @work(thread=True, group="ask", exit_on_error=False)
    def _carry_out(self, wish: asking.Wish) -> None:
        try:
            told, job = wish(self.store, self._clock())
        except MailsyncError as error:
            self.post_message(self.Told(str(error), error.hint, bad=True))
            return
        if job is not None:
            self._asked.add(job)
        self.post_message(self.Told(told))

    def on_pane_dialog_wanted(self, message: Pane.DialogWanted) -> None:
        self.push_screen(dialogs.dialog(message, self._entrance, self._clock), self._accounts_changed)

    def _accounts_changed(self, accounts: Listed | None) -> None:
        if accounts is not None:
            self.vitals.configured = [(name, email) for name, email, _ in accounts]
            self._plans[:] = [Plan(name, every) for name, _, every in accounts]
            self._show()

    def on_mailsync_app_told(self, message: Told) -> None:
        self._tell(message.text, message.hint, bad=message.bad)

    def _tell(self, text: str, hint: str = "", *, bad: bool = False) -> None:
        if bad or hint:
            told = safe_text(text, 400) + (f"\n{safe_text(hint, 400)}" if hint else "")
            self.notify(told, severity="error" if bad else "information", timeout=10, markup=False)
        elif self.pane is not None:
            self.pane.query_one(TopBar).say(text)

    async def on_pane_folder_wanted(self, message: Pane.FolderWanted) -> None:
        await self.switch_mode("mail")
        if isinstance(self.pane, MailScreen):
            self.pane.show_folder(message.folder_id)

    async def action_show_mode(self, mode: str) -> None:
        """Switch to a pane, out of any dialog."""
        await self.switch_mode(mode)

    def action_help(self) -> None:
        """Show the keys that work at this moment."""
        bindings = self.screen.active_bindings
        display = {key: self.get_key_display(active.binding) for key, active in bindings.items()}
        self.push_screen(HelpScreen(bindings, display))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No switching, no commands and no second help from within a dialog."""
        if action in ("show_mode", "help", "command_palette") and not isinstance(self.screen, Pane):
            return None
        return True

    def _fatal_error(self) -> None:
        """A defect of ours. Textual would show the values of variables, and mail and passwords are among them."""
        if (error := self._exception) is not None:
            log.error("dashboard_failed", exc_info=error)
            self._exit_renderables.append(Text(outline(error)))
        self._close_messages_no_wait()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The commands of the palette that are not about an account or a folder."""
        yield from everywhere(self)


def _disk(store: Store) -> int:
    """Bytes of the database and its log on disk."""
    total = 0
    for path in (store.path, store.path.with_name(store.path.name + "-wal")):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total
