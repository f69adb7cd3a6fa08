"""The health screen: the checks, the server of the one under the cursor, the live connections, and the log.

All four side by side on a wide terminal; on a narrow one the checks stay, and below them is what has the focus.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from mailsync.engine.health import Plan, Report, Surroundings, examine
from mailsync.errors import MailsyncError
from mailsync.privacy.logtail import Entry, LogTail
from mailsync.store import health
from mailsync.store.database import Store
from mailsync.tui.drawing import clean
from mailsync.tui.screens.parts import PartsPane
from mailsync.tui.vitals import Vitals
from mailsync.tui.widgets.checks import CheckList, ConnectionList, HealthSummary
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.log import LEVELS, LogList
from mailsync.tui.widgets.rows import RowList
from mailsync.tui.widgets.server import ServerPanel
from mailsync.tui.widgets.topbar import TopBar

REST_SECONDS = 0.9
"""Between two readings at least; the log is looked at as often, the store only if something was committed."""
REST_SHARE = 5
"""And this many times the length of the last one, so that thousands of folders stay a small load."""
AGE_SECONDS = 5.0
"""Checks are made anew after so long even if nothing was committed: folders get late by themselves."""


class HealthScreen(PartsPane):
    """`plans` are the configured accounts, `engine` gives the pid of the engine that runs, `now` Unix seconds."""

    BINDING_GROUP_TITLE = "Health"
    AUTO_FOCUS = "#checks"
    TITLE = "Health"
    VIEWS = ("checks", "server", "connections", "log")
    HOME = "checks"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "level", "Level", id="health.level", tooltip="Which lines of the log: all, info, warning, error"),
        Binding(
            "a", "account", "Account", id="health.account", tooltip="Whose lines of the log: all, or one account's"
        ),
        Binding("y", "copy", "Copy hint", show=False, id="health.copy", tooltip="Copy what the check says to try"),
        Binding("escape", "back", "Back", show=False, id="health.back", tooltip="Back to the checks, the dashboard"),
        Binding("tab", "next_view(1)", "Next part", show=False, id="health.next", tooltip="Server, connections, log"),
        Binding(
            "shift+tab", "next_view(-1)", "Previous part", show=False, id="health.previous", tooltip="The other way"
        ),
    ]
    checks = getters.query_one("#checks", CheckList)
    server = getters.query_one("#server", ServerPanel)
    connections = getters.query_one("#connections", ConnectionList)
    log_list = getters.query_one("#log", LogList)

    class Examined(Message):
        """A reading is done. `report` is None when only the log was looked at, or when `problem` says why not."""

        def __init__(self, facts: health.Facts, report: Report | None, entries: list[Entry], problem: str = "") -> None:
            super().__init__()
            self.facts, self.report, self.entries, self.problem = facts, report, entries, problem

    def __init__(
        self, store: Store, plans: Sequence[Plan], engine: Callable[[], int | None], now: Callable[[], float]
    ) -> None:
        super().__init__()
        self._store, self._plans, self._engine, self._now = store, plans, engine, now
        self._tail = LogTail(store.path.parent)
        self._facts = health.Facts()
        self._pid: int | None = None
        self._examining = False
        self._dirty = True
        self._next_look = self._stale_at = self._began = 0.0
        self._titles: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        yield TopBar("health")
        yield HealthSummary()
        with Container(id="panels"):
            yield CheckList(id="checks")
            yield ServerPanel(id="server")
            yield LogList(id="log")
            yield ConnectionList(id="connections")
        yield KeyBar()

    def on_mount(self) -> None:
        self.checks.set_notice("checking…")
        self._show_titles()

    # -- what the app says ----------------------------------------------------------------------------------------

    def show_vitals(self, vitals: Vitals) -> None:
        super().show_vitals(vitals)
        self._look()

    def store_changed(self) -> None:
        self._dirty = True
        self._look()

    @property
    def chosen_account(self) -> str | None:
        check = self.checks.selected
        return check.account or None if check else None

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def examining(self) -> bool:
        """A reading is under way."""
        return self._examining

    def _look(self) -> None:
        moment = time.monotonic()
        pid = self._engine()
        if pid != self._pid:
            self._pid, self._dirty = pid, True
        elif moment < self._next_look:
            return
        if self._examining or not self.vitals.loaded:
            return
        store_too = self._dirty or moment >= self._stale_at
        self._examining, self._dirty, self._began = True, False, moment
        self._read(pid, store_too=store_too)

    @work(thread=True, group="health", exit_on_error=False)
    def _read(self, pid: int | None, *, store_too: bool) -> None:
        entries = self._tail.read()
        if not store_too:
            self.post_message(self.Examined(self._facts, None, entries))
            return
        now = self._now()
        try:
            with self._store.read() as connection:
                facts = health.read(connection, now)
            path = self._store.path
            around = Surroundings(pid, health.room(path.parent), health.wal_bytes(path))
            self.post_message(self.Examined(facts, examine(facts, self._plans, around, now), entries))
        except (sqlite3.Error, MailsyncError) as error:
            self.post_message(self.Examined(self._facts, None, entries, f"the mirror cannot be read: {error}"))

    def on_health_screen_examined(self, message: Examined) -> None:
        message.stop()
        moment = time.monotonic()
        self._examining = False
        self._next_look = moment + max(REST_SECONDS, REST_SHARE * (moment - self._began))
        self.log_list.add(message.entries)
        if message.report is not None:
            self._stale_at = moment + AGE_SECONDS
            self._facts = message.facts
            self.query_one(HealthSummary).show(message.report)
            self.checks.show(message.report.checks)
            self._show_server()
        elif message.problem:
            self.checks.set_notice(clean(message.problem))
        self.connections.show(self._facts.connections if self._pid is not None else (), self._now())
        self._show_titles()
        if self._dirty:
            self._look()

    # -- showing --------------------------------------------------------------------------------------------------

    def _show_server(self) -> None:
        self.server.show(self.checks.selected, self._facts, self._now())

    def _show_titles(self) -> None:
        check = self.checks.selected
        log = ["Log"]
        if self.log_list.level:
            log.append({"info": "info and worse", "warning": "warnings and errors"}.get(self.log_list.level, "errors"))
        if self.log_list.account:
            log.append(clean(self.log_list.account))
        running = self._pid is not None
        titles = {
            "checks": "Checks",
            "server": f"Server · {clean(check.account)}" if check and check.account else "Server",
            "connections": f"Connections · {self.connections.count}" if self.connections.count else "Connections",
            "log": " · ".join(log),
        }
        self.connections.set_notice("no connection is open" if running else "no engine runs: nothing is connected")
        filtered = self.log_list.level or self.log_list.account
        self.log_list.set_notice("no such lines" if filtered else "nothing is logged yet")
        if titles != self._titles:
            self._titles = titles
            for view, title in titles.items():
                # Content, because a border parses a string as markup.
                self.query_one(f"#{view}").border_title = Content(title)

    def on_row_list_moved(self, message: RowList.Moved) -> None:
        if message.rows is self.checks:
            self._show_server()
            self._show_titles()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        if message.rows is self.checks:
            check = self.checks.selected
            if check is not None and not self._open(check.account, check.folder):
                self.show_view("server")
        elif message.rows is self.connections:
            row = self.connections.selected
            if row is not None:
                self._open(row.account, row.folder)
        else:
            entry = self.log_list.selected
            if entry is not None and entry.account:
                self._filter(self.log_list.level, None if self.log_list.account else entry.account)

    def _open(self, account: str, folder: str) -> bool:
        for each in self._facts.folders:
            if folder and (each.account, each.name) == (account, folder):
                self.post_message(self.FolderWanted(each.id))
                return True
        return False

    # -- keys -----------------------------------------------------------------------------------------------------

    def _filter(self, level: str, account: str | None) -> None:
        self.log_list.show_only(level, account)
        self._show_titles()

    def action_level(self) -> None:
        at = LEVELS.index(self.log_list.level)
        self._filter(LEVELS[(at + 1) % len(LEVELS)], self.log_list.account)

    def action_account(self) -> None:
        names = [None, *(account.name for account in self.vitals.accounts)]
        at = names.index(self.log_list.account) if self.log_list.account in names else 0
        self._filter(self.log_list.level, names[(at + 1) % len(names)])

    def action_copy(self) -> None:
        check = self.checks.selected
        if check is not None and check.hint:
            self.app.copy_to_clipboard(check.hint)
            self.query_one(TopBar).say("Copied the hint")

    def part(self, view: str) -> Widget:
        parts: dict[str, Widget] = {"checks": self.checks, "server": self.server, "connections": self.connections}
        return parts.get(view, self.log_list)
