"""The reading pane: one message, parsed and laid out in a thread worker."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from mailsync.privacy.consent import EMAIL_READ, how_to_grant
from mailsync.store import consents, listing
from mailsync.store.database import Store
from mailsync.tui.document import Document, Mode, Piece, lines
from mailsync.tui.drawing import clean, wrap
from mailsync.tui.widgets.lines import LineView


class Reader(LineView):
    """Shows one message as text, with all its headers, or raw."""

    BINDING_GROUP_TITLE = "Message"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False, id="reader.up", tooltip="One line up"),
        Binding("down,j", "scroll_down", "Down", show=False, id="reader.down", tooltip="One line down"),
        Binding("pageup", "page_up", "Page up", show=False, id="reader.page_up", tooltip="One screenful up"),
        Binding(
            "pagedown,space", "page_down", "Page down", show=False, id="reader.page_down", tooltip="One screenful down"
        ),
        Binding("home,g", "scroll_home", "Top", show=False, id="reader.top", tooltip="To the beginning"),
        Binding("end,G", "scroll_end", "End", show=False, id="reader.end", tooltip="To the end"),
        Binding("h", "headers", "Headers", id="reader.headers", tooltip="All header fields, or only the usual ones"),
        Binding("r", "raw", "Raw", id="reader.raw", tooltip="The message as it came, or readable"),
    ]

    class Laid(Message):
        """A message is laid out for `width` cells; `document` is None when there is none, `problem` says why."""

        def __init__(
            self, ticket: int, document: Document | None, laid: list[list[Piece]], width: int, problem: str = ""
        ) -> None:
            super().__init__()
            self.ticket, self.document, self.laid, self.width, self.problem = ticket, document, laid, width, problem

    def __init__(self, store: Store, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._store = store
        self._ticket = 0
        self._message_id: int | None = None
        self._document: Document | None = None
        self._mode: Mode = "text"
        self._laid: list[list[Piece]] = []
        self._laid_width = 0
        self._notice = "Choose a message to read it here."
        self._could_show = False
        self._readable: frozenset[str] | None = None

    @property
    def message_id(self) -> int | None:
        """The message that is shown or on its way."""
        return self._message_id

    @property
    def mode(self) -> Mode:
        return self._mode

    def show_message(self, message_id: int | None) -> None:
        """Show another message from its top; None empties the pane."""
        if message_id == self._message_id:
            return
        self._message_id, self._mode = message_id, "text"
        self._document = None
        if message_id is None:
            self._ticket += 1
            self._set_lines([], 0, "Choose a message to read it here.")
        else:
            self._lay_out()

    def store_changed(self) -> None:
        """Something was committed: a message that was not here may have come."""
        if self._document is not None and self._document.message.raw is None:
            self._document = None
            self._lay_out()

    def allow(self, accounts: frozenset[str]) -> None:
        """The mail of these accounts may be read; what is shown follows."""
        if accounts != self._readable and self._readable is not None and self._message_id is not None:
            self._document = None
            self._lay_out()
        self._readable = accounts

    def set_mode(self, mode: Mode) -> None:
        """Another view of the same message, from its top."""
        if self._message_id is not None:
            self._mode = mode
            self.jump(0)
            self._lay_out()

    def action_headers(self) -> None:
        self.set_mode("text" if self._mode == "headers" else "headers")

    def action_raw(self) -> None:
        self.set_mode("text" if self._mode == "raw" else "raw")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("headers", "raw") and not self._could_show:
            return None
        return True

    def on_resize(self) -> None:
        if self._message_id is not None and self._text_width != self._laid_width:
            self._lay_out()

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def _text_width(self) -> int:
        return max(10, self.scrollable_content_region.width - 2)

    def _lay_out(self) -> None:
        if self._message_id is None or not self.size.width:
            return
        self._ticket += 1
        self._load(self._ticket, self._message_id, self._document, self._mode, self._text_width)

    # A description, or Textual would make one of the whole message.
    @work(thread=True, exclusive=True, group="reader", exit_on_error=False, description="reading a message")
    def _load(self, ticket: int, message_id: int, document: Document | None, mode: Mode, width: int) -> None:
        try:
            if document is None:
                with self._store.read() as connection:
                    message = listing.message(connection, message_id)
                    allowed = message is not None and EMAIL_READ in consents.granted(connection, message.account)
                if message is None:
                    self.post_message(self.Laid(ticket, None, [], width, "This message is gone from the folder."))
                    return
                if not allowed:
                    hint = how_to_grant(message.account, [EMAIL_READ])
                    told = clean(f"Not shown: {EMAIL_READ} is not granted to {message.account}; {hint}")
                    self.post_message(self.Laid(ticket, None, [], width, told))
                    return
                document = Document.of(message)
            laid = lines(document, mode, width)
        except Exception as error:
            self.post_message(self.Laid(ticket, None, [], width, f"This message cannot be shown: {error}"))
        else:
            self.post_message(self.Laid(ticket, document, laid, width))

    def on_reader_laid(self, message: Reader.Laid) -> None:
        message.stop()
        if message.ticket != self._ticket:
            return
        new = self._document is None
        self._document = message.document
        if message.document is not None and not self._could_show:
            self._could_show = True
            self.refresh_bindings()
        self._set_lines(message.laid, message.width, message.problem)
        if new:
            self.jump(0)

    def _set_lines(self, laid: list[list[Piece]], width: int, notice: str) -> None:
        self._laid, self._laid_width, self._notice = laid, width, notice
        self.set_height(len(laid))
        self.refresh()

    # -- drawing --------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        line = self.line().gap(1)
        if not self._laid:
            notice = wrap(self._notice, max(10, width - 4))
            top = self.scrollable_content_region.height // 3
            if top <= y < top + len(notice):
                line.gap(1).add(notice[y - top], "muted")
        else:
            at = y + self.scroll_offset.y
            for text, ink in self._laid[at] if at < len(self._laid) else []:
                line.add(text, ink)
        return self.finish(line.strip(width))
