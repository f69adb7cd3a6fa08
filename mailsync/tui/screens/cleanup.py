"""The clean-ups: what is proposed, what is on the list of it and why, and the decision; then how it goes.

Side by side on a wide terminal, one above the other on a narrow one, one of them on a tiny one.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from mailsync.errors import MailsyncError
from mailsync.privacy import readonly
from mailsync.store.cleanups import GOING, Cleanup, Item, Sender
from mailsync.store.database import Store
from mailsync.tui import asking, deciding, dialogs, proposals, questions, wording
from mailsync.tui.drawing import clean
from mailsync.tui.proposals import Detail, Reading, Wish
from mailsync.tui.screens.confirm import ConfirmScreen
from mailsync.tui.screens.deciding import DecidingPane
from mailsync.tui.screens.peek import PeekScreen
from mailsync.tui.vitals import Vitals
from mailsync.tui.widgets.cleanups import ManifestList, ProposalList
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.proposal_view import ProposalView
from mailsync.tui.widgets.rows import RowList
from mailsync.tui.widgets.topbar import TopBar

REST_SECONDS = 0.3
REST_SHARE = 5
"""Between two readings at least, and this many times the length of the last one."""
FOLLOW_SECONDS = 0.1
"""The cursor rests so long before the list of its proposal is read."""
DECISIONS = frozenset(
    {"approve", "reject", "stop", "go_on", "undo", "leave_out", "only", "leave", "scan", "permissions"}
)
"""What --read-only hides."""
UNDOABLE = ("completed", "interrupted", "undone", "part_undone")
NOTHING = (
    "Nothing is proposed.\n\nc looks through the mirror for newsletters, notices and other mail that nobody needs any "
    "more, and proposes what may go. Nothing is changed before you approve of a list, and nothing that was written to "
    "you is ever on one."
)
FORBIDDEN = "mailsync runs with --read-only: nothing can be approved, rejected or undone"


class CleanupScreen(DecidingPane):
    """`config_path` leads to the configuration, `now` gives Unix seconds."""

    BINDING_GROUP_TITLE = "Clean-up"
    AUTO_FOCUS = "#proposals"
    TITLE = "Clean-up"
    VIEWS = ("list", "manifest")
    HOME = "list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "Approve", id="cleanup.approve", tooltip="Approve of the list: you see it once more"),
        Binding("r", "reject", "Reject", id="cleanup.reject", tooltip="Nothing of this"),
        Binding("r", "stop", "Stop", id="cleanup.stop", tooltip="Stop it; what is done so far can be taken back"),
        Binding("t", "go_on", "Go on", id="cleanup.go_on", tooltip="Go on with what was interrupted"),
        Binding("u", "undo", "Undo", id="cleanup.undo", tooltip="Take back all of it; from the list, what is there"),
        Binding("x,space", "leave_out", "Leave out", id="cleanup.leave_out", tooltip="Off the list, or on it again"),
        Binding("o", "only", "Only", show=False, id="cleanup.only", tooltip="Nothing but this sender on the list"),
        Binding("v", "view", "Sample", id="cleanup.view", tooltip="A sample of the messages, or the senders"),
        Binding("l", "leave", "Leave", show=False, id="cleanup.leave", tooltip="Leave the list of this sender"),
        Binding("c", "scan", "Look", id="cleanup.scan", tooltip="Look through the mirror for what may go"),
        Binding("p", "permissions", "Allow", id="cleanup.permissions", tooltip="Allow what a clean-up needs"),
        Binding("escape", "back", "Back", show=False, id="cleanup.back", tooltip="Back to proposals, the dashboard"),
        Binding("tab,shift+tab", "next_view(1)", "Other part", show=False, id="cleanup.turn", tooltip="List, proposal"),
    ]
    listed = getters.query_one("#proposals", ProposalList)
    proposal = getters.query_one("#proposal", ProposalView)
    manifest = getters.query_one("#manifest", ManifestList)

    class Told(Message):
        """A reading is done; `problem` says why not."""

        def __init__(self, reading: Reading | None, problem: str = "") -> None:
            super().__init__()
            self.reading, self.problem = reading, problem

    def __init__(self, store: Store, config_path: Path, now: Callable[[], float]) -> None:
        super().__init__(store, now)
        self._config_path = config_path
        self._detail: Detail | None = None
        self._lacking: Mapping[str, Sequence[str]] = {}
        self._reading = False
        self._dirty = True
        self._began = self._next_look = 0.0
        self._waits: Timer | None = None
        self._titles = ("", "")
        self._waiting = 0
        self._looking: tuple[int, int] | None = None

    def compose(self) -> ComposeResult:
        yield TopBar("cleanup")
        with Container(id="cleanup-parts"):
            yield ProposalList(id="proposals")
            yield ProposalView(id="proposal")
        yield KeyBar()

    def on_mount(self) -> None:
        self.listed.set_notice("reading…")
        self._show_title()

    def part(self, view: str) -> Widget:
        return self.listed if view == "list" else self.manifest

    # -- what the app says ----------------------------------------------------------------------------------------

    def show_vitals(self, vitals: Vitals) -> None:
        super().show_vitals(vitals)
        self._look()

    def store_changed(self) -> None:
        self._dirty = True
        self._look()

    @property
    def chosen_account(self) -> str | None:
        one = self.listed.selected
        return one.account if one else None

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def reading(self) -> bool:
        """Something is being read, or about to be."""
        return self._reading or self._waits is not None or self.deciding

    def _look(self) -> None:
        moment = time.monotonic()
        if not self._dirty or self._reading or self._waits is not None:
            return
        if moment < self._next_look:
            self._waits = self.set_timer(self._next_look - moment, self._look_now)
            return
        self._dirty, self._reading, self._began = False, True, moment
        one = self.listed.selected
        target = self._target()
        self._read(Wish(one.id if one else None, self.manifest.opened, target[0] if target else None, self._detail))

    def _look_now(self) -> None:
        if self._waits is not None:
            self._waits.stop()
        self._waits, self._dirty, self._next_look = None, True, 0.0
        self._look()

    @work(thread=True, group="cleanups", exit_on_error=False, description="reading clean-ups")
    def _read(self, wish: Wish) -> None:
        try:
            with self.store.read() as connection:
                self.post_message(self.Told(proposals.read(connection, self.now(), wish)))
        except (sqlite3.Error, MailsyncError) as error:
            self.post_message(self.Told(None, f"the mirror cannot be read: {error}"))

    def on_cleanup_screen_told(self, message: Told) -> None:
        message.stop()
        moment = time.monotonic()
        self._reading = False
        self._next_look = moment + max(REST_SECONDS, REST_SHARE * (moment - self._began))
        reading = message.reading
        self.listed.set_notice(clean(message.problem) if message.problem else NOTHING)
        listed = reading.listed if reading is not None else ()
        self._lacking = reading.lacking if reading is not None else {}
        self._looking = reading.looking if reading is not None else None
        self._waiting = sum(one.messages for one in listed if one.state == "proposed")
        with self.listed.prevent(RowList.Moved):
            self.listed.show(listed, self.now())
        if not listed and self.view == "manifest":
            self.show_view("list")  # what is hidden now had the focus
        self.set_class(not listed, "-nothing")
        one = self.listed.selected
        if one is not None and reading is not None and reading.chosen == one.id:
            self._detail = reading.detail
        else:
            self._read_soon()
        self._show_one()
        self._ask_offer()
        self.refresh_bindings()
        self._look()

    def _ask_offer(self) -> None:
        """Have it read how the list of the sender under the cursor is left."""
        target = self._target()
        if target is not None and self._detail is not None and target[0] not in self._detail.offers:
            self._read_soon()

    def _read_soon(self) -> None:
        """The cursor came to something else."""
        if self._waits is not None:
            self._waits.stop()
        self._waits = self.set_timer(FOLLOW_SECONDS, self._look_now)

    # -- showing --------------------------------------------------------------------------------------------------

    def _show_one(self) -> None:
        one = self.listed.selected
        self.proposal.show(one, self._detail, self.now(), self._notes(one) if one is not None else ())
        self._show_title()

    def _notes(self, one: Cleanup) -> list[tuple[str, str]]:
        if readonly.forbidden():
            return [(FORBIDDEN, "warning")]
        lacking = self._lacking.get(one.account)
        if one.state in ("proposed", *UNDOABLE) and lacking:
            word = "is" if len(lacking) == 1 else "are"
            return [(f"{', '.join(lacking)} {word} not granted to {one.account}: press p to allow it", "warning")]
        return []

    def _show_title(self) -> None:
        looked = self._looking
        far = (
            f", {wording.count(looked[0])} of {wording.messages(looked[1])}" if looked is not None and looked[1] else ""
        )
        titles = (
            " · ".join(["Proposals", *([wording.messages(self._waiting)] if self._waiting else [])]),
            f"looking{far}" if looked is not None else "",
        )
        if titles != self._titles:
            self._titles = titles
            self.listed.border_title, self.listed.border_subtitle = map(Content, titles)

    def on_row_list_moved(self, message: RowList.Moved) -> None:
        if message.rows is self.listed:
            self._show_one()
            self._read_soon()
            self.refresh_bindings()
        elif message.rows is self.manifest:
            self.proposal.tell()
            self.refresh_bindings()
            self._ask_offer()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        if message.rows is self.listed:
            self.show_view("manifest")
        elif isinstance(row := self.manifest.selected, Item):
            self.app.push_screen(PeekScreen(self.store, row.message_id))

    def on_manifest_list_opened(self) -> None:
        self._look_now()

    # -- keys -----------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        one = self.listed.selected if self.ready else None
        if action == "view":
            return True if one is not None else None
        if action in DECISIONS and readonly.forbidden():
            return False
        undecided = one is not None and one.state == "proposed"
        match action:
            case "scan":
                return True if self.vitals.can_sync and self._looking is None else None
            case "approve":
                return undecided or None
            case "reject":
                return undecided or (False if self._job() is not None else None)
            case "stop":
                return self._job() is not None
            case "go_on":
                return one is not None and one.state == "interrupted" and one.run is not None
            case "undo":
                return one is not None and one.state in UNDOABLE
            case "leave":
                return self.view == "manifest" and self._target() is not None
            case "leave_out" | "only":
                return undecided and self.view == "manifest" and self._target() is not None
            case "permissions":
                return one is not None and bool(self._lacking.get(one.account))
        return super().check_action(action, parameters)

    def _target(self) -> tuple[str, int | None] | None:
        """The sender under the cursor, or the message with its sender."""
        row = self.manifest.selected
        if isinstance(row, Sender):
            return row.sender, None
        return (row.sender, row.message_id) if isinstance(row, Item) else None

    def action_approve(self) -> None:
        """Find out what would be done; then it is asked for."""
        one = self.listed.selected
        if one is not None and self._lacking.get(one.account):
            self.action_permissions()
        elif one is not None:
            self.inquire(lambda c: questions.approval(c, self._config_path, one.id, self.now()))

    def action_undo(self) -> None:
        """Find out what there is to take back; then it is asked for."""
        one = self.listed.selected
        sender, message = (self._target() if self.view == "manifest" else None) or (None, None)
        if one is not None:
            senders = [sender] if sender is not None and message is None else []
            messages = [message] if message is not None else []
            self.inquire(lambda c: questions.taking_back(c, one.id, self.now(), senders, messages))

    def action_leave(self) -> None:
        """Find out how a list is left; then it is asked for."""
        one, target = self.listed.selected, self._target()
        if one is not None and target is not None:
            self.inquire(lambda c: questions.unsubscribing(c, one.id, *target))

    def action_reject(self) -> None:
        one = self.listed.selected
        if one is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.post_message(self.Wished(deciding.reject(one)))

        told = [
            (one.title, "strong"),
            (f"{wording.messages(one.messages)} of {one.account} stay as they are.", "plain"),
        ]
        self.app.push_screen(ConfirmScreen("Reject", told, "nothing of this"), answered)

    def _job(self) -> int | None:
        """The job that carries the proposal out, or takes it back."""
        one = self.listed.selected if self.ready else None
        return one.run.job_id if one is not None and one.run is not None and one.state in GOING else None

    def action_stop(self) -> None:
        one, job = self.listed.selected, self._job()
        if one is not None and job is not None:
            self.post_message(self.Wished(asking.cancel(job, one.title)))

    def action_leave_out(self) -> None:
        """A sender or a message, off the list; on it again where it was off."""
        one, row = self.listed.selected, self.manifest.selected
        if one is None:
            return
        if isinstance(row, Sender):
            self.change(deciding.keep(one, senders=[row.sender], out=row.excluded < row.messages))
        elif isinstance(row, Item):
            self.change(deciding.keep(one, messages=[row.message_id], out=not row.excluded))

    def action_only(self) -> None:
        one, target = self.listed.selected, self._target()
        if one is not None and target is not None:
            self.change(deciding.keep_only(one, target[0]))

    def decided(self) -> None:
        self._look_now()

    def action_go_on(self) -> None:
        one = self.listed.selected
        if one is not None and one.run is not None and one.run.job_id is not None:
            self.post_message(self.Wished(asking.again(one.run.job_id, one.title)))

    def action_view(self) -> None:
        self.proposal.turn()

    def action_scan(self) -> None:
        self.post_message(self.Wished(deciding.scan()))

    def action_permissions(self) -> None:
        if self.listed.selected is not None:
            self.post_message(self.DialogWanted(dialogs.PERMISSIONS, self.listed.selected.account))
