"""The reading pane: tabs, and below them one message in the view that is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from textual import events, getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mailsync.store.database import Store
from mailsync.tui.matches import Matches
from mailsync.tui.widgets.attachment_list import AttachmentList
from mailsync.tui.widgets.inked import Inked
from mailsync.tui.widgets.prose import Prose, Told
from mailsync.tui.widgets.reader import Reader
from mailsync.tui.widgets.rows import RowList

if TYPE_CHECKING:
    from mailsync.pipeline.scores import Score

Tab = Literal["text", "html", "headers", "raw", "structure", "attachments"]
TABS: tuple[Tab, ...] = get_args(Tab)
TITLES: dict[Tab, str] = {
    "text": "Text",
    "html": "HTML",
    "headers": "Headers",
    "raw": "Raw",
    "structure": "Structure",
    "attachments": "Attachments",
}
SHORT: dict[Tab, str] = TITLES | {"headers": "Head", "structure": "Parts", "attachments": "Files"}


class ReaderTabs(Inked):
    """A line of tabs; those with nothing in them are dim."""

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, tab: Tab) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self) -> None:
        super().__init__()
        self._told: tuple[Tab, frozenset[Tab], int] = ("text", frozenset(), 0)
        self._spans: list[tuple[int, int, Tab]] = []

    def show(self, here: Tab, full: frozenset[Tab], attachments: int) -> None:
        told = (here, full, attachments)
        if told != self._told:
            self._told = told
            self.refresh()

    def render_line(self, y: int) -> Strip:
        here, full, attachments = self._told
        width = self.size.width
        count = f" {attachments}" if attachments else ""
        needed = sum(len(title) + 2 for title in TITLES.values()) + len(count)
        titles = TITLES if needed < width else SHORT
        line = self.line()
        self._spans = []
        for tab in TABS:
            start = line.width
            line.add("▌" if tab == here else " ", "accent")
            line.add(titles[tab], "strong" if tab == here else "plain" if tab in full else "muted")
            if tab == "attachments":
                line.add(count, "accent")
            self._spans.append((start, line.width, tab))
            line.gap(1)
        return self.finish(line.strip(width))

    def on_click(self, event: events.Click) -> None:
        for start, stop, tab in self._spans:
            if start <= event.x < stop:
                self.post_message(self.Chosen(tab))


class ReadingPane(Vertical):
    """Shows one message: as text, its HTML as text, all headers, raw, its structure, its attachments."""

    BINDING_GROUP_TITLE = "Message"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "tab(-1)", "Tab before", show=False, id="reader.tab_before", tooltip="The tab to the left"),
        Binding("right", "tab(1)", "Next tab", show=False, id="reader.tab_next", tooltip="The tab to the right"),
        Binding("h", "turn_to('headers')", "Headers", id="reader.headers", tooltip="All header fields, or the text"),
        Binding("r", "turn_to('raw')", "Raw", id="reader.raw", tooltip="The message as it came, or readable"),
        Binding("a", "turn_to('attachments')", "Files", id="reader.attachments", tooltip="Attachments, or the text"),
    ]
    reader = getters.query_one("#reader", Reader)
    attachments = getters.query_one("#attachments", AttachmentList)
    lacking = getters.query_one("#lacking", Prose)
    why = getters.query_one("#reasons", Prose)

    def __init__(self, store: Store, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._store = store
        self._listing = False
        self._could_show = False
        self._told = ""

    def compose(self) -> ComposeResult:
        yield ReaderTabs()
        yield Prose(id="reasons")
        yield Reader(self._store, id="reader")
        yield Prose(id="lacking")
        yield AttachmentList(self._store, id="attachments")

    def on_mount(self) -> None:
        self.attachments.display = False
        self.lacking.display = False
        self.why.display = False

    @property
    def front(self) -> Widget:
        """The part that takes the keys."""
        return self.attachments if self._listing else self.reader

    @property
    def tab(self) -> Tab:
        return "attachments" if self._listing else self.reader.mode

    def show_message(self, message_id: int | None, score: Score | None = None) -> None:
        """Show another message, as text; above it what it comes to in a list by priority, and why."""
        self.why.display = score is not None
        self.why.show(reasons(score) if score is not None else [])
        if message_id != self.reader.message_id:
            self.reader.show_message(message_id)
            self.attachments.show_message(message_id)
            self._list(listing=False)

    def store_changed(self) -> None:
        """Something was committed: bytes may have come, attachments been understood, consent given or taken."""
        self.reader.store_changed()
        if self._listing:
            self.attachments.show_message(self.reader.message_id)

    def mark(self, matches: Matches) -> None:
        """Mark this from now on."""
        self.reader.mark(matches)
        self.attachments.mark(matches)

    def set_tab(self, tab: Tab) -> None:
        """Another view of the same message."""
        if self.reader.message_id is None:
            return
        if tab != "attachments":
            self.reader.set_mode(tab)
        else:
            self.attachments.show_message(self.reader.message_id)
        self._list(listing=tab == "attachments")

    def _list(self, *, listing: bool) -> None:
        focused = self.has_focus_within
        changed = listing != self._listing
        self._listing = listing
        self.reader.display, self.attachments.display = not listing, listing
        self._show()
        if changed and focused:
            self.front.focus()

    def action_tab(self, step: int) -> None:
        self.set_tab(TABS[(TABS.index(self.tab) + step) % len(TABS)])

    def action_turn_to(self, tab: Tab) -> None:
        self.set_tab("text" if self.tab == tab else tab)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("turn_to", "tab") and self.reader.document is None:
            return None
        return True

    def on_reader_tabs_chosen(self, message: ReaderTabs.Chosen) -> None:
        self.set_tab(message.tab)
        self.front.focus()

    def on_reader_shown(self) -> None:
        self._show()

    def on_attachment_list_listed(self) -> None:
        self._show()

    def on_row_list_moved(self, message: RowList.Moved) -> None:
        """A cursor in here is no concern of the screen, which follows those of its lists."""
        message.stop()

    def _show(self) -> None:
        document = self.reader.document
        full: set[Tab] = {tab for tab in TABS if tab != "attachments" and document is not None and document.has(tab)}
        found = self.attachments.found if document is not None else ()
        if found:
            full.add("attachments")
        self.query_one(ReaderTabs).show(self.tab, frozenset(full), len(found))
        told = "" if self._listing else self.reader.matches_told
        if told != self._told:
            self._told = told
            self.border_subtitle = Content(told)  # a string would be parsed as markup
        lacking = self.attachments.lacking if self._listing else ""
        self.lacking.display = bool(lacking)
        self.lacking.show([(f"✕ {lacking}", "warning")] if lacking else [])
        if self._could_show != (document is not None):
            self._could_show = document is not None
            self.refresh_bindings()


def reasons(score: Score) -> Told:
    """What a message comes to, and its reasons with their weights, those first that say most."""
    # The blank after a weight keeps it with its reason.
    told = [f"{'−' if one.weight < 0 else '+'}{abs(one.weight):.1f}\u00a0{one.text}" for one in score.reasons]
    return [(f"Priority {score.score:.2f}, confidence {score.confidence:.2f}", "accent"), (" · ".join(told), "plain")]
