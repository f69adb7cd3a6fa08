"""The quarantine: what failed and was set aside, and one of it in full.

Side by side on a wide terminal, one above the other on a narrow one, one of them on a tiny one.
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

from mailsync.errors import MailsyncError
from mailsync.store import asides, quarantine
from mailsync.store.asides import Aside
from mailsync.store.database import Store
from mailsync.tui import asking, wording
from mailsync.tui.drawing import clean
from mailsync.tui.screens.confirm import ConfirmScreen
from mailsync.tui.screens.parts import PartsPane
from mailsync.tui.vitals import Vitals
from mailsync.tui.widgets.asides import AsideList, AsideView
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.rows import RowList
from mailsync.tui.widgets.topbar import TopBar

LISTED = 1000
"""Entries in the list; who has more has another problem, and the command line."""
REST_SECONDS = 0.5
REST_SHARE = 5
"""Between two readings at least, and this many times the length of the last one."""
NOTHING = (
    "Nothing is set aside.\n\nA message that cannot be fetched or read would be here, and the others would not wait."
)
_VIEWS = {"text": "", "raw": " · raw", "hex": " · bytes"}


class QuarantineScreen(PartsPane):
    """`now` gives Unix seconds."""

    BINDING_GROUP_TITLE = "Quarantine"
    AUTO_FOCUS = "#asides"
    TITLE = "Quarantine"
    VIEWS = ("list", "message")
    HOME = "list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "retry", "Try again", id="quarantine.retry", tooltip="Try this one again now"),
        Binding("T", "retry_all", "Try all", id="quarantine.retry_all", tooltip="Try all of them again now"),
        Binding("d", "discard", "Discard", id="quarantine.discard", tooltip="Try it no more; the message stays here"),
        Binding("v", "view", "View", id="quarantine.view", tooltip="The message as text, as it came, in hexadecimal"),
        Binding("escape", "back", "Back", show=False, id="quarantine.back", tooltip="Back to the list, the dashboard"),
        Binding(
            "tab,shift+tab", "next_view(1)", "Other part", show=False, id="quarantine.turn", tooltip="List or message"
        ),
    ]
    entries = getters.query_one("#asides", AsideList)
    detail = getters.query_one("#aside", AsideView)

    class Listed(Message):
        """A reading is done; `problem` says why not."""

        def __init__(self, found: Sequence[Aside], total: int, problem: str = "") -> None:
            super().__init__()
            self.found, self.total, self.problem = found, total, problem

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        super().__init__()
        self._store, self._now = store, now
        self._total = 0
        self._listing = False
        self._dirty = True
        self._began = self._next_look = 0.0
        self._readable: frozenset[str] | None = None
        self._titles = ("", "")

    def compose(self) -> ComposeResult:
        yield TopBar("quarantine")
        with Container(id="aside-parts"):
            yield AsideList(id="asides")
            yield AsideView(self._store, id="aside")
        yield KeyBar()

    def on_mount(self) -> None:
        self.entries.set_notice("reading…")
        self._show_titles()

    # -- what the app says ----------------------------------------------------------------------------------------

    def show_vitals(self, vitals: Vitals) -> None:
        super().show_vitals(vitals)
        if vitals.loaded and vitals.snapshot.readable != self._readable:
            if self._readable is not None:
                self.detail.forget()
            self._readable = vitals.snapshot.readable
        self._look()

    def store_changed(self) -> None:
        self._dirty = True
        self._look()

    @property
    def chosen_account(self) -> str | None:
        one = self.entries.selected
        return one.account if one else None

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def reading(self) -> bool:
        """A list or a message is on its way."""
        return self._listing or self.detail.reading

    def _look(self) -> None:
        moment = time.monotonic()
        if self._dirty and not self._listing and moment >= self._next_look:
            self._dirty, self._listing, self._began = False, True, moment
            self._read()

    @work(thread=True, group="asides", exit_on_error=False)
    def _read(self) -> None:
        try:
            with self._store.read() as connection:
                found = asides.listing(connection, limit=LISTED)
                total = quarantine.count(connection)
            self.post_message(self.Listed(found, total))
        except (sqlite3.Error, MailsyncError) as error:
            self.post_message(self.Listed((), 0, f"the mirror cannot be read: {error}"))

    def on_quarantine_screen_listed(self, message: Listed) -> None:
        message.stop()
        moment = time.monotonic()
        self._listing = False
        self._next_look = moment + max(REST_SECONDS, REST_SHARE * (moment - self._began))
        self._total = message.total
        self.entries.set_notice(clean(message.problem) if message.problem else NOTHING)
        self.entries.show(message.found, self._now())
        if not message.found and self.view == "message":
            self.show_view("list")  # what is hidden now had the focus
        self.set_class(not message.found, "-nothing")
        self._show_one()
        self.refresh_bindings()

    # -- showing --------------------------------------------------------------------------------------------------

    def _show_one(self) -> None:
        self.detail.show(self.entries.selected, self._now())
        self._show_titles()

    def _show_titles(self) -> None:
        one = self.entries.selected
        shown = f", {self.entries.count:,} newest shown" if self._total > self.entries.count else ""
        titles = (
            f"Set aside · {wording.count(self._total)}{shown}" if self._total else "Set aside",
            f"{clean(one.folder)}, UID {one.uid}{_VIEWS[self.detail.view]}" if one else "Message",
        )
        if titles != self._titles:
            self._titles = titles
            # Content, because a border parses a string as markup.
            self.entries.border_title, self.detail.border_title = map(Content, titles)

    def on_row_list_moved(self, message: RowList.Moved) -> None:
        if message.rows is self.entries:
            self._show_one()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        if message.rows is self.entries:
            self.show_view("message")

    # -- keys -----------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("retry", "retry_all"):
            return True if self.entries.count and self.vitals.can_sync else None
        if action in ("discard", "view"):
            return True if self.entries.count else None
        return super().check_action(action, parameters)

    def action_retry(self) -> None:
        if one := self.entries.selected:
            self.post_message(self.Wished(asking.retry([one.id])))

    def action_retry_all(self) -> None:
        self.post_message(self.Wished(asking.retry(None)))

    def action_discard(self) -> None:
        one = self.entries.selected
        if one is None:
            return
        told = [
            (f"{one.account} / {one.folder}, UID {one.uid}", "strong"),
            (one.error, "muted"),
            ("", "plain"),
            ("It is tried no more and not counted. The message stays in the mirror, with every byte.", "plain"),
            (f"mailsync quarantine retry {one.id} takes that back.", "muted"),
        ]

        def answered(yes: bool | None) -> None:
            if yes:
                self.post_message(self.Wished(asking.discard([one.id])))

        self.app.push_screen(ConfirmScreen("Discard", told, "try it no more"), answered)

    def action_view(self) -> None:
        self.detail.next_view()
        self._show_titles()

    def part(self, view: str) -> Widget:
        return self.entries if view == "list" else self.detail
