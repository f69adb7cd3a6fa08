"""What is set aside: the list of it, and one of it in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from mailsync.errors import ParseFailed
from mailsync.privacy.consent import EMAIL_READ, how_to_grant
from mailsync.store import asides, consents
from mailsync.store.asides import Aside
from mailsync.store.database import Store
from mailsync.tui import wording
from mailsync.tui.aside import SHOWN, VIEWS, Glimpse, Piece, View, body, following, head
from mailsync.tui.drawing import Column, clean, layout
from mailsync.tui.widgets.lines import LineView, scroll_bindings
from mailsync.tui.widgets.rows import RowList

REST_SECONDS = 0.15
"""For the cursor to stay before a message is read: each is parsed by a process of its own."""
COLUMNS = (
    Column("when", "", 8, keep=60),
    Column("where", "", 16, keep=90, share=True),
    Column("stage", "", 8, keep=80),
    Column("error", "", 22, keep=100, share=True),
    Column("attempts", "", 4, keep=65, align="right"),
    Column("next", "", 10, keep=70, align="right"),
)


class AsideList(RowList):
    """A row an entry, the newest first."""

    BINDING_GROUP_TITLE = "Set aside"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._asides: Sequence[Aside] = ()
        self._now = 0.0

    def show(self, found: Sequence[Aside], now: float) -> None:
        """Show these; the cursor stays on its entry, or where that was."""
        here = self.selected
        self._asides, self._now = found, now
        self.set_rows(len(found))
        places = [number for number, one in enumerate(found) if here is not None and one.id == here.id]
        if places:
            self.cursor = places[0]

    @property
    def selected(self) -> Aside | None:
        """The entry under the cursor."""
        return self._asides[self.cursor] if self._asides else None

    def draw_row(self, index: int, width: int) -> list[Strip]:
        one = self._asides[index]
        line = self.line()
        for number, (column, cells) in enumerate(layout(COLUMNS, width)):
            line.gap(2 if number else 0)
            match column.key:
                case "when":
                    line.add(wording.list_date(one.created_at, self._now), "muted", cells)
                case "where":
                    line.add(f"{one.account} / {one.folder}", "strong", cells)
                case "stage":
                    line.add(one.stage, "warning", cells)
                case "error":
                    line.add(one.error, "plain", cells)
                case "attempts":
                    line.add(f"{one.attempts:,}×", "muted", cells, "right")
                case "next":
                    line.add(following(one, self._now), "muted", cells, "right")
        return [line.strip(width)]


class AsideView(LineView):
    """One entry in full; its message is read in a worker, and parsed in a process that may fail."""

    BINDING_GROUP_TITLE = "One of it"
    BINDINGS: ClassVar[list[BindingType]] = scroll_bindings("aside")

    class Read(Message):
        """What could be read of an entry, laid out as `view` for `width` cells."""

        def __init__(self, entry: int, glimpse: Glimpse, view: View, width: int, laid: list[list[Piece]]) -> None:
            super().__init__()
            self.entry, self.glimpse, self.view, self.width, self.laid = entry, glimpse, view, width, laid

    def __init__(self, store: Store, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._store = store
        self._aside: Aside | None = None
        self._glimpse: Glimpse | None = None
        self._view: View = "text"
        self._now = 0.0
        self._head: list[list[Piece]] = []
        self._body: list[list[Piece]] = []
        self._laid_width = 0
        self._rest: Timer | None = None
        self.reading = False
        """A message is on its way."""

    @property
    def view(self) -> View:
        """How the message is shown."""
        return self._view

    @property
    def text(self) -> str:
        """All that is shown."""
        return "\n".join("".join(text for text, _ in line) for line in (*self._head, *self._body))

    def show(self, aside: Aside | None, now: float) -> None:
        """Tell of this entry; another one than before from its top."""
        before = self._aside
        self._aside, self._now = aside, now
        if aside is None:
            self._stop()
            self._glimpse, self._body = None, []
        elif before is None or (before.id, before.attempts) != (aside.id, aside.attempts):
            self._glimpse, self._view = None, "text"
            self._body = [[("reading…", "muted")]]
            self.jump(0)
            self._stop()
            self.reading = True
            self._rest = self.set_timer(REST_SECONDS, self._lay_out)
        self._show_head()

    def next_view(self) -> None:
        """The same message as text, as it came, in hexadecimal."""
        self._view = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        self.jump(0)
        if self._glimpse is not None:
            self._lay_out()

    def forget(self) -> None:
        """Read the message anew: what may be read has changed."""
        aside, self._aside = self._aside, None
        self.show(aside, self._now)

    def on_resize(self) -> None:
        self._show_head()
        if self._glimpse is not None and self._text_width != self._laid_width:
            self._lay_out()

    @property
    def _text_width(self) -> int:
        return self.scrollable_content_region.width - 2

    def _stop(self) -> None:
        self.reading = False
        if self._rest is not None:
            self._rest.stop()

    def _lay_out(self) -> None:
        if self._aside is not None:
            self.reading = True
            self._load(self._aside, self._glimpse, self._view, self._text_width)

    # A description, or Textual would make one of the message.
    @work(thread=True, exclusive=True, group="aside", exit_on_error=False, description="reading what is set aside")
    def _load(self, aside: Aside, glimpse: Glimpse | None, view: View, width: int) -> None:
        try:
            glimpse = glimpse or read(self._store, aside)
        except Exception as error:
            glimpse = Glimpse(None, 0, None, f"This message cannot be shown: {error}")
        self.post_message(self.Read(aside.id, glimpse, view, width, body(glimpse, view, width)))

    def on_aside_view_read(self, message: Read) -> None:
        message.stop()
        if self._aside is None or message.entry != self._aside.id or message.view != self._view:
            return  # another one is on its way
        self._glimpse, self._body, self._laid_width = message.glimpse, message.laid, message.width
        self.reading = False
        self._show_lines()

    def _show_head(self) -> None:
        self._head = head(self._aside, self._text_width, self._now) if self._aside is not None else []
        self._show_lines()

    def _show_lines(self) -> None:
        self.set_height(len(self._head) + len(self._body))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        line, at = self.line().gap(1), y + self.scroll_offset.y
        if at >= len(self._head):
            shown, at = self._body, at - len(self._head)
        else:
            shown = self._head
        for text, ink in shown[at] if at < len(shown) else []:
            line.add(text, ink)
        return self.finish(line.strip(self.scrollable_content_region.width))


def read(store: Store, aside: Aside) -> Glimpse:
    """The message of an entry, as far as it may and can be read. Blocks."""
    from mailsync.pipeline.glance import glance

    with store.read() as connection:
        allowed = EMAIL_READ in consents.granted(connection, aside.account)
        raw = asides.raw(connection, aside) if allowed else None
    if not allowed:
        told = f"Not shown: {EMAIL_READ} is not granted to {aside.account}; {how_to_grant(aside.account, [EMAIL_READ])}"
        return Glimpse(None, 0, None, clean(told))
    if raw is None:
        return Glimpse(None, 0, None, "The server did not give this message: there is nothing of it here.")
    try:
        return Glimpse(raw[:SHOWN], len(raw), glance(raw))
    except ParseFailed as failure:
        return Glimpse(raw[:SHOWN], len(raw), None, str(failure))
