"""The mail screen: folder tree, message list, reading pane; side by side, or one at a time where there is no room."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from textual import events, getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from mailsync.store.dashboard import Folder
from mailsync.store.database import Store
from mailsync.tui import wording
from mailsync.tui.screens.pane import Pane
from mailsync.tui.vitals import Vitals
from mailsync.tui.widgets.folder_tree import FolderTree
from mailsync.tui.widgets.inked import Inked
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.message_list import MessageList
from mailsync.tui.widgets.reader import Reader
from mailsync.tui.widgets.rows import RowList
from mailsync.tui.widgets.topbar import TopBar

View = Literal["tree", "list", "reader"]
VIEWS: tuple[View, ...] = ("tree", "list", "reader")
FOLLOW_SECONDS = 0.15
"""The cursor rests so long before the list, or the reading pane, follows it."""


class ListStatus(Inked):
    """Which folder is shown, where the cursor is in it, how many are unread."""

    def __init__(self) -> None:
        super().__init__()
        self._told: tuple[str, int, int, int] = ("", 0, 0, 0)

    def show(self, folder: Folder | None, position: int, count: int) -> None:
        where = f"{folder.account} / {folder.name}" if folder else ""
        told = (where, position, count, folder.unread if folder else 0)
        if told != self._told:
            self._told = told
            self.refresh()

    def render_line(self, y: int) -> Strip:
        where, position, count, unread = self._told
        width = self.size.width
        place = f"{wording.count(position)}/{wording.count(count)}" if count else ""
        rest = f" · {wording.count(unread)} unread" if unread else ""
        line = self.line().gap(1).add(where, "muted", max(0, width - len(place) - len(rest) - 3))
        return self.finish(line.gap(1).add(place, "plain").add(rest, "accent").strip(width))


class MailScreen(Pane):
    """`now` gives Unix seconds; what `store` holds is read by the widgets themselves."""

    BINDING_GROUP_TITLE = "Mail"
    AUTO_FOCUS = "#list"
    TITLE = "Mail"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="mail.back", tooltip="Back to the list, the folders, the dashboard"),
        Binding("tab", "next_view(1)", "Next part", show=False, id="mail.next", tooltip="Folders, list, message"),
        Binding("shift+tab", "next_view(-1)", "Previous part", show=False, id="mail.previous", tooltip="The other way"),
        Binding("f", "fetch", "Fetch", id="mail.fetch", tooltip="Fetch a message that was left on the server"),
        Binding("y", "copy_id", "Copy id", show=False, id="mail.copy_id", tooltip="Copy the id for `mailsync show`"),
    ]
    folders = getters.query_one("#tree", FolderTree)
    messages = getters.query_one("#list", MessageList)
    reader = getters.query_one("#reader", Reader)

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        super().__init__()
        self._store, self._now = store, now
        self._folder_id: int | None = None
        self._wanted: int | None = None
        self._follow: Timer | None = None
        self._fetchable = False

    def compose(self) -> ComposeResult:
        yield TopBar("mail")
        with Horizontal(id="parts"):
            yield FolderTree(id="tree")
            with Vertical(id="list-box"):
                yield MessageList(self._store, self._now, id="list")
                yield ListStatus()
            yield Reader(self._store, id="reader")
        yield KeyBar()

    def on_mount(self) -> None:
        self.folders.border_title = "Folders"
        self.query_one("#list-box").border_title = "Messages"
        self.reader.border_title = "Message"
        self.folders.set_notice("no folders yet")
        self.messages.set_notice("no folder yet")
        self.add_class("-view-list")
        # Watched and not told by a message, so that row and status are drawn in the same frame.
        self.watch(self.messages, "cursor", self._show_status, init=False)

    # -- what the app says ----------------------------------------------------------------------------------------

    def show_vitals(self, vitals: Vitals) -> None:
        super().show_vitals(vitals)
        if not vitals.loaded:
            return
        self.reader.allow(vitals.snapshot.readable)
        self.folders.show([(account.name, account.state) for account in vitals.accounts], vitals.everything())
        if self._wanted is not None:
            self.show_folder(self._wanted)
        elif self._folder_id is None or self._folder() is None:
            first = self.folders.first_folder()
            if first is not None:
                self.folders.select(first.id)
                self._open(first)
        self._show_status()

    def store_changed(self) -> None:
        self.messages.store_changed()
        self.reader.store_changed()

    def show_folder(self, folder_id: int) -> None:
        """Show this folder's mail, as soon as the tree knows it."""
        self._wanted = folder_id
        if not self.vitals.loaded:
            return
        with self.folders.prevent(RowList.Moved):
            found = self.folders.select(folder_id)
        if found:
            self._wanted = None
            self._open(self._folder_of(folder_id))
            self.show_view("list")

    @property
    def chosen_account(self) -> str | None:
        node = self.folders.selected
        return node.key[0] if node else None

    # -- following the cursors ------------------------------------------------------------------------------------

    def _folder_of(self, folder_id: int | None) -> Folder | None:
        snapshot = self.vitals.snapshot
        known = snapshot.labels if folder_id is not None and folder_id < 0 else snapshot.folders
        return next((folder for folder in known if folder.id == folder_id), None)

    def _folder(self) -> Folder | None:
        return self._folder_of(self._folder_id)

    def _open(self, folder: Folder | None) -> None:
        if folder is None or folder.id == self._folder_id:
            return
        self._folder_id = folder.id
        outgoing = folder.special_use.lower() in ("\\sent", "\\drafts")
        self.messages.show_folder(folder.id, outgoing=outgoing)
        self.reader.show_message(None)

    def _show_status(self) -> None:
        count = self.messages.count
        self.query_one(ListStatus).show(self._folder(), self.messages.cursor + 1 if count else 0, count)

    def on_row_list_moved(self, message: RowList.Moved) -> None:
        if message.rows is self.messages:
            self._show_fetch()
        if self._follow is not None:
            self._follow.stop()
        if message.rows is self.folders and self.focused is self.folders:
            self._follow = self.set_timer(FOLLOW_SECONDS, self._follow_tree)
        elif message.rows is self.messages:
            self._follow = self.set_timer(FOLLOW_SECONDS, self._follow_list)

    @property
    def following(self) -> bool:
        """A cursor was moved, and what it stands on is not shown yet."""
        return self._follow is not None

    def _follow_tree(self) -> None:
        self._follow = None
        node = self.folders.selected
        if node is not None:
            self._open(node.folder)

    def _follow_list(self) -> None:
        self._follow = None
        if self.reader.display:
            self.reader.show_message(self.messages.message_id)

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        if message.rows is self.folders:
            self._follow_tree()
            self.show_view("list")
        elif self.messages.message_id is not None:
            self.reader.show_message(self.messages.message_id)
            self.show_view("reader")

    def on_message_list_shown(self) -> None:
        self._show_status()
        self._show_fetch()

    def _show_fetch(self) -> None:
        # Bindings are told anew only where they change: it costs more than the key itself.
        if self._fetchable != self.messages.withheld:
            self._fetchable = self.messages.withheld
            self.refresh_bindings()

    # -- the three parts ------------------------------------------------------------------------------------------

    def _part(self, view: View) -> Widget:
        return {"tree": self.folders, "list": self.messages, "reader": self.reader}[view]

    @property
    def view(self) -> View:
        """The part that has the focus, or had it last."""
        return next((view for view in VIEWS if self.has_class(f"-view-{view}")), "list")

    def show_view(self, view: View) -> None:
        """Bring a part to the front, where there is room for one only, and give it the focus."""
        for each in VIEWS:
            self.set_class(each == view, f"-view-{each}")
        self.call_after_refresh(self._focus_view)

    def _focus_view(self) -> None:
        # The view of this moment: with keys in quick succession it is not the one that was asked for first.
        self._part(self.view).focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for view in VIEWS:
            if self._part(view) is event.widget is self.focused:
                for each in VIEWS:
                    self.set_class(each == view, f"-view-{each}")
                if view == "reader":
                    self.reader.show_message(self.messages.message_id)

    def action_next_view(self, step: int) -> None:
        self.show_view(VIEWS[(VIEWS.index(self.view) + step) % len(VIEWS)])

    async def action_back(self) -> None:
        at = VIEWS.index(self.view)
        if at:
            self.show_view(VIEWS[at - 1])
        else:
            await self.run_action("app.show_mode('dashboard')")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "fetch":
            return (True if self.vitals.can_sync else None) if self.messages.withheld else False
        return super().check_action(action, parameters)

    def action_fetch(self) -> None:
        if self.messages.withheld and self.messages.message_id is not None:
            self.post_message(self.FetchWanted(self.messages.message_id))

    def action_copy_id(self) -> None:
        message_id = self.messages.message_id
        if message_id is not None:
            self.app.copy_to_clipboard(str(message_id))
            self.query_one(TopBar).say(f"Copied message id {message_id}")
