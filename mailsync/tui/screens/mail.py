"""The mail screen: folder tree, message list, reading pane; side by side, or one at a time where there is no room.

Above the list, while somebody searches, the line that the search is typed into; the list is then of what it finds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widget import Widget

from mailsync.privacy import readonly
from mailsync.store.dashboard import Folder
from mailsync.store.database import Store
from mailsync.tui import wording
from mailsync.tui.completion import names_in
from mailsync.tui.drawing import clean
from mailsync.tui.matches import NOTHING
from mailsync.tui.priority import PrioritySource
from mailsync.tui.screens.parts import PartsPane
from mailsync.tui.screens.prompt import PromptScreen
from mailsync.tui.screens.staging import ACTIONS, StagingScreen, scopes
from mailsync.tui.searches import KeptSearches, Searches
from mailsync.tui.sources import FolderSource, SearchSource, Source, scopes_at
from mailsync.tui.vitals import Vitals
from mailsync.tui.widgets.attachment_list import AttachmentList
from mailsync.tui.widgets.folder_tree import FolderTree
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.list_status import ListStatus
from mailsync.tui.widgets.marking import MarkingList
from mailsync.tui.widgets.message_list import MessageList
from mailsync.tui.widgets.reader import Reader
from mailsync.tui.widgets.reading_pane import ReadingPane
from mailsync.tui.widgets.rows import RowList
from mailsync.tui.widgets.search_line import SearchLine
from mailsync.tui.widgets.topbar import TopBar

FOLLOW_SECONDS = 0.15
"""The cursor rests so long before the list, or the reading pane, follows it."""


class MailScreen(PartsPane):
    """`now` gives Unix seconds; what `store` holds is read by the widgets themselves."""

    BINDING_GROUP_TITLE = "Mail"
    AUTO_FOCUS = "#list"
    TITLE = "Mail"
    VIEWS = ("tree", "list", "reader")
    HOME = "list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="mail.back", tooltip="Back to the list, the folders, the dashboard"),
        Binding("tab", "next_view(1)", "Next part", show=False, id="mail.next", tooltip="Folders, list, message"),
        Binding("shift+tab", "next_view(-1)", "Previous part", show=False, id="mail.previous", tooltip="The other way"),
        Binding("slash", "search", "Search", key_display="/", id="mail.search", tooltip="Search all mail"),
        Binding("n", "match(1)", "Next match", show=False, id="mail.match", tooltip="To the next match in the message"),
        Binding("N", "match(-1)", "Match before", show=False, id="mail.match_before", tooltip="To the match before"),
        Binding("ctrl+o", "scope", "Where", id="search.scope", tooltip="Search everywhere, the account, the folder"),
        Binding("ctrl+s", "keep", "Keep", id="search.keep", tooltip="Keep this search, by a name, in the folder tree"),
        Binding("f", "fetch", "Fetch", id="mail.fetch", tooltip="Fetch a message that was left on the server"),
        Binding("o", "order", "Order", id="mail.order", tooltip="By priority, with the reasons, or the newest first"),
        Binding("d", "propose", "Clean up", id="mail.propose", tooltip="Propose it, or all of the list, to be cleared"),
        Binding("y", "copy_id", "Copy id", show=False, id="mail.copy_id", tooltip="Copy the id for `mailsync show`"),
    ]
    folders = getters.query_one("#tree", FolderTree)
    messages = getters.query_one("#list", MarkingList)
    reading = getters.query_one("#reading", ReadingPane)
    reader = getters.query_one("#reader", Reader)
    search = getters.query_one("#search", SearchLine)

    def __init__(self, store: Store, now: Callable[[], float], searches: Searches) -> None:
        super().__init__()
        self._store, self._now = store, now
        self._kept = KeptSearches(self, store, searches, now)
        self._found: SearchSource | None = None
        self._listed: FolderSource | SearchSource | None = None
        self.by_priority = False
        """What wants somebody's attention first is listed first, instead of the newest."""
        self._before: int | None = None
        self._folder_id: int | None = None
        self._wanted: int | None = None
        self._follow: Timer | None = None
        self._fetchable = False

    def compose(self) -> ComposeResult:
        yield TopBar("mail")
        with Horizontal(id="parts"):
            yield FolderTree(id="tree")
            with Vertical(id="list-box"):
                yield SearchLine(self._now, id="search")
                yield MarkingList(self._store, self._now, id="list")
                yield ListStatus()
            yield ReadingPane(self._store, id="reading")
        yield KeyBar()

    def on_mount(self) -> None:
        self.folders.border_title = "Folders"
        self.query_one("#list-box").border_title = "Messages"
        self.reading.border_title = "Message"
        self.folders.set_notice("no folders yet")
        self.messages.set_notice("no folder yet")
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
        self.reading.store_changed()
        self._kept.count()

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
        return node.account if node else None

    # -- following the cursors ------------------------------------------------------------------------------------

    def _folder_of(self, folder_id: int | None) -> Folder | None:
        snapshot = self.vitals.snapshot
        known = snapshot.labels if folder_id is not None and folder_id < 0 else snapshot.folders
        return next((folder for folder in known if folder.id == folder_id), None)

    def _folder(self) -> Folder | None:
        return self._folder_of(self._folder_id)

    def _open(self, folder: Folder | None, at: int | None = None) -> None:
        if folder is None or (folder.id == self._folder_id and self._found is None):
            return
        self._end_search()
        self._folder_id = folder.id
        outgoing = folder.special_use.lower() in ("\\sent", "\\drafts")
        self._list(FolderSource(folder.id, outgoing), at)

    def _list(self, source: FolderSource | SearchSource, at: int | None = None) -> None:
        """Show this list, in the order that is wanted, with the cursor `at` a message."""
        self._listed = source
        self.messages.show_source(self._ordered(source), at)
        self.reading.show_message(None)
        self._show_title()

    def _ordered(self, source: FolderSource | SearchSource) -> Source:
        if not self.by_priority:
            return source
        if isinstance(source, SearchSource):
            query, scope, matches = source.query, source.scope, source.matches
        else:
            query, scope, matches = None, scopes_at(self._folder())[-1], NOTHING
        folder = self._folder_of(scope.folder_id)
        return PrioritySource(query, scope, folder.name if folder else "", self.search.addresses, self._now, matches)

    def _show_title(self) -> None:
        title = "Messages" if self._found is None else "Found"
        self.query_one("#list-box").border_title = f"{title}, by priority" if self.by_priority else title

    def action_order(self) -> None:
        self.by_priority = not self.by_priority
        if self._listed is not None:
            # What comes first is at the top; the way back leads to the message among its neighbours.
            self._list(self._listed, None if self.by_priority else self.messages.message_id)

    def _show_status(self) -> None:
        rows, folder = self.messages, self._folder()
        count, note = rows.count, [rows.note] if rows.note else []
        if self._found is not None:
            threads = [f"{wording.messages(rows.messages)}"] if rows.threaded and count else []
            taken = [f"{max(1, round(1000 * rows.seconds))} ms"] if not rows.loading_list else []
            where, note = f"found {self._found.scope.told}", [*threads, *taken, *note]
        else:
            where = f"{folder.account} / {folder.name}" if folder else ""
            note += [f"{wording.count(folder.unread)} unread"] if folder and folder.unread else []
        note += [f"{wording.count(len(rows.marked))} marked"] if rows.marked else []
        self.query_one(ListStatus).show(where, rows.cursor + 1 if count else 0, count, " · ".join(note))

    def on_row_list_moved(self, message: RowList.Moved) -> None:
        if message.rows is self.messages:
            self._show_fetch()
            follow = self._follow_list
        elif message.rows is self.folders and self.focused is self.folders:
            follow = self._follow_tree
        else:  # the tree moved by itself
            return
        if self._follow is not None:
            self._follow.stop()
        self._follow = self.set_timer(FOLLOW_SECONDS, follow)

    @property
    def following(self) -> bool:
        """A cursor was moved, and what it stands on is not shown yet."""
        return self._follow is not None

    def _follow_tree(self) -> None:
        self._follow = None
        node = self.folders.selected
        if node is not None and node.search:
            self.search.fill(node.search)
        elif node is not None:
            self._open(node.folder)

    def _follow_list(self) -> None:
        self._follow = None
        if self.reading.display:
            self._read()

    def _read(self) -> None:
        self.reading.show_message(self.messages.message_id, self.messages.score)

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        if message.rows is self.folders:
            self._follow_tree()
            self.show_view("list")
        elif self.messages.message_id is not None:
            self._read()
            self.show_view("reader")

    def on_message_list_shown(self) -> None:
        if self.reader.message_id is not None and self.reader.message_id == self.messages.message_id:
            self._read()  # it may come to something else by now
        self._show_status()
        self._show_fetch()

    def _show_fetch(self) -> None:
        # Bindings are told anew only where they change: it costs more than the key itself.
        if self._fetchable != self.messages.withheld:
            self._fetchable = self.messages.withheld
            self.refresh_bindings()

    # -- the three parts ------------------------------------------------------------------------------------------

    def part(self, view: str) -> Widget:
        return {"tree": self.folders, "list": self.messages}.get(view, self.reading.front)

    def view_entered(self, view: str) -> None:
        if view == "reader":
            self._read()

    async def action_back(self) -> None:
        at = self.VIEWS.index(self.view)
        if self.messages.marked and self.view == "list":
            self.messages.unmark()
        elif self.search.has_focus_within or (self.search.display and self.view == "list"):
            self._leave_search()
        elif at:
            self.show_view(self.VIEWS[at - 1])
        else:
            await self.run_action("app.show_mode('dashboard')")

    # -- searching ------------------------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Let the person type a search; the present one stands there."""
        self.mark_view("list")
        if not self.search.display:
            self._before = self.messages.message_id
        self.search.open(names_in(self.vitals.snapshot), scopes_at(self._folder()))

    def on_search_line_wanted(self, message: SearchLine.Wanted) -> None:
        if message.source is None:
            if message.done:
                self._leave_search()
            return
        self._found = message.source
        self._list(message.source)
        self.reading.mark(message.source.matches)
        self.refresh_bindings()
        if message.done and self.search.has_focus_within:
            self.show_view("list")

    def on_message_list_refused(self, message: MessageList.Refused) -> None:
        self.search.complain(message.error)

    def _leave_search(self) -> None:
        """Back to the folder, and to the message where one was in it."""
        folder, found = self._folder(), self._found
        if found is not None:
            self._open(folder, self._before)
        self._end_search()
        if folder is not None:
            with self.folders.prevent(RowList.Moved):
                self.folders.select(folder.id)
        self.show_view("list")

    def _end_search(self) -> None:
        self._found = None
        self.search.close()
        self._show_title()
        self.reading.mark(NOTHING)
        self.refresh_bindings()

    def action_scope(self) -> None:
        self.search.widen()

    def action_match(self, step: int) -> None:
        if self.messages.message_id is None:
            self.query_one(TopBar).say("Nothing was found")
        elif not self.reading.display:
            self.show_view("reader")
        elif not self.reader.next_match(step):
            self.query_one(TopBar).say("Nothing of the search is in this view")

    def action_keep(self) -> None:
        """Ask for a name, and keep the search under it."""
        text = self.search.text.strip()
        lead = [(text, "accent"), ("It stands above the folders, and in [searches] of config.toml.", "muted")]

        def under(name: str | None) -> None:
            if name is not None:
                self._kept.keep("-".join(name.split()), text)

        self.app.push_screen(PromptScreen("Keep this search", "Name", "", lead), under)

    def on_kept_searches_read(self, message: KeptSearches.Read) -> None:
        self.search.addresses = message.kept.addresses
        self.folders.show_searches(message.kept.searches)
        if message.error is not None:
            self.show_error(str(message.error), message.error.hint)
        elif message.told:
            self.query_one(TopBar).say(message.told)

    def on_attachment_list_told(self, message: AttachmentList.Told) -> None:
        if message.bad:
            self.show_error(message.text, message.hint)
        else:
            self.notify(clean(message.text), markup=False)

    # -- keys -----------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "search":
            return not self.search.has_focus_within
        if action in ("match", "scope", "keep"):
            return self._found is not None or (action == "scope" and self.search.has_focus_within)
        if action == "fetch":
            return (True if self.vitals.can_sync else None) if self.messages.withheld else False
        if action == "propose":
            return False if readonly.forbidden() else True if self.vitals.can_sync else None
        return super().check_action(action, parameters)

    def action_propose(self) -> None:
        """Ask what of the list is to be proposed, and what for."""
        if not self.messages.count or self.messages.loading_list:
            return
        found = (self._found, self.search.text.strip()) if self._found is not None else None
        names = [one.name for one in self.vitals.accounts]
        offered = scopes(self.messages, found, self._folder(), names, first=self.by_priority)
        picked = 1 if found is not None and not self.messages.marked else 0

        def answered(staged: tuple[int, int] | None) -> None:
            if staged is not None:
                self.messages.unmark()
                self.post_message(self.Wished(offered[staged[0]][1](ACTIONS[staged[1]][2])))

        self.app.push_screen(StagingScreen([told for told, _ in offered], picked), answered)

    def action_fetch(self) -> None:
        if self.messages.withheld and self.messages.message_id is not None:
            self.post_message(self.FetchWanted(self.messages.message_id))

    def action_copy_id(self) -> None:
        message_id = self.messages.message_id
        if message_id is not None:
            self.app.copy_to_clipboard(str(message_id))
            self.query_one(TopBar).say(f"Copied message id {message_id}")
