"""The text of the reading pane: one message in one of its views, parsed and laid out in a thread worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip

from mailsync.privacy.consent import EMAIL_READ, how_to_grant
from mailsync.store import consents, duplicates, listing
from mailsync.store.database import Store
from mailsync.tui.document import Document, Lines, Mode, around, lines, raw_page
from mailsync.tui.drawing import clean, wrap
from mailsync.tui.matches import NOTHING, Matches
from mailsync.tui.widgets.lines import LineView, scroll_bindings


@dataclass(frozen=True, slots=True)
class _Wish:
    """A view of a message that is to be laid out; `after` is where a further page of the raw one starts."""

    message_id: int
    document: Document | None
    mode: Mode
    width: int
    matches: Matches
    after: int = 0


class Reader(LineView):
    """Shows one message in the view that is chosen; what was searched for is marked in it."""

    BINDING_GROUP_TITLE = "Message"
    BINDINGS: ClassVar[list[BindingType]] = scroll_bindings("reader")

    class Laid(Message):
        """A message is laid out; `document` is None when there is none, `problem` says why.

        `more` is where the next page starts, 0 without one.
        """

        def __init__(
            self, ticket: int, wish: _Wish, document: Document | None, laid: Lines, more: int = 0, problem: str = ""
        ) -> None:
            super().__init__()
            self.ticket, self.wish, self.document, self.laid = ticket, wish, document, laid
            self.more, self.problem = more, problem
            self.found = _found(laid) if wish.matches else []

    class Shown(Message):
        """Another message, or another view of it, is shown."""

    def __init__(self, store: Store, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._store = store
        self._ticket = 0
        self._message_id: int | None = None
        self._document: Document | None = None
        self._mode: Mode = "text"
        self._matches = NOTHING
        self._laid: Lines = []
        self._laid_width = 0
        self._more = 0
        self._loading_more = False
        self._found: list[tuple[int, int]] = []
        self._present = -1
        self._notice = "Choose a message to read it here."
        self._readable: frozenset[str] | None = None

    @property
    def message_id(self) -> int | None:
        """The message that is shown or on its way."""
        return self._message_id

    @property
    def document(self) -> Document | None:
        """The message that is shown; None until it is here, and when it may not be shown."""
        return self._document

    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def matches_told(self) -> str:
        """How many matches this view has, and at which of them one is; empty without a search."""
        if not self._matches or not self._laid:
            return ""
        count = len(self._found)
        here = f"{self._present + 1} of " if self._present >= 0 else ""
        return f"{here}{count:,} match{'' if count == 1 else 'es'}" if count else "no match here"

    def show_message(self, message_id: int | None) -> None:
        """Show another message from its top; None empties the pane."""
        if message_id == self._message_id:
            return
        self._message_id, self._mode = message_id, "text"
        self._document = None
        if message_id is None:
            self._ticket += 1
            self._set_lines([], 0, "Choose a message to read it here.")
            self.post_message(self.Shown())
        else:
            self._lay_out()

    def mark(self, matches: Matches) -> None:
        """Mark this from now on."""
        if matches is not self._matches:
            self._matches = matches
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

    def next_match(self, step: int) -> bool:
        """Go to the match after the present one, or before it with -1; from the last to the first. False for none."""
        if not self._found:
            return False
        if self._present < 0:
            top = self.scroll_offset.y
            below = [at for at, (line, _) in enumerate(self._found) if line >= top]
            self._present = (below[0] if below else 0) if step > 0 else (below[0] if below else 0) - 1
        else:
            self._present += step
        self._present %= len(self._found)
        line, height = self._found[self._present][0], max(1, self.scrollable_content_region.height)
        if not self.scroll_offset.y <= line < self.scroll_offset.y + height:
            self.jump(max(0, line - height // 3))
        self.refresh()
        self.post_message(self.Shown())
        return True

    def on_resize(self) -> None:
        if self._message_id is not None and self._text_width != self._laid_width:
            self._lay_out()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        near = new_value + 2 * self.scrollable_content_region.height >= len(self._laid)
        if self._more and near and not self._loading_more and self._message_id is not None:
            self._loading_more = True
            self._load(self._ticket, self._wish(self._more))

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def _text_width(self) -> int:
        return max(10, self.scrollable_content_region.width - 2)

    def _wish(self, after: int = 0) -> _Wish:
        return _Wish(self._message_id or 0, self._document, self._mode, self._text_width, self._matches, after)

    def _lay_out(self) -> None:
        if self._message_id is None or not self.size.width:
            return
        self._ticket += 1
        self._load(self._ticket, self._wish())

    # A description, or Textual would make one of the whole message.
    @work(thread=True, exclusive=True, group="reader", exit_on_error=False, description="reading a message")
    def _load(self, ticket: int, wish: _Wish) -> None:
        document = wish.document
        try:
            if document is None:
                with self._store.read() as connection:
                    message = listing.message(connection, wish.message_id)
                    twins = around(duplicates.of(connection, wish.message_id))
                    allowed = message is not None and EMAIL_READ in consents.granted(connection, message.account)
                if message is None:
                    told = "This message is gone from the folder."
                    self.post_message(self.Laid(ticket, wish, None, [], problem=told))
                    return
                if not allowed:
                    hint = how_to_grant(message.account, [EMAIL_READ])
                    told = clean(f"Not shown: {EMAIL_READ} is not granted to {message.account}; {hint}")
                    self.post_message(self.Laid(ticket, wish, None, [], problem=told))
                    return
                document = Document.of(message, twins)
            more = 0
            if wish.mode == "raw" and document.message.raw is not None:
                laid, more = raw_page(document.message.raw, wish.after, wish.width, wish.matches)
            else:
                laid = lines(document, wish.mode, wish.width, wish.matches)
        except Exception as error:
            self.post_message(self.Laid(ticket, wish, None, [], problem=f"This message cannot be shown: {error}"))
        else:
            self.post_message(self.Laid(ticket, wish, document, laid, more))

    def on_reader_laid(self, message: Reader.Laid) -> None:
        message.stop()
        if message.ticket != self._ticket:
            return
        new = self._document is None
        self._document, self._more, self._loading_more = message.document, message.more, False
        if message.wish.after:
            before = len(self._laid)
            self._laid.extend(message.laid)
            self._found.extend((line + before, piece) for line, piece in message.found)
            self.set_height(len(self._laid))
            self.refresh()
        else:
            self._set_lines(message.laid, message.wish.width, message.problem, message.found)
        if new:
            self.jump(0)
        self.post_message(self.Shown())

    def _set_lines(self, laid: Lines, width: int, notice: str, found: Sequence[tuple[int, int]] = ()) -> None:
        self._laid, self._laid_width, self._notice = laid, width, notice
        self._found, self._present = list(found), -1
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
            here = self._found[self._present] if 0 <= self._present < len(self._found) else (-1, -1)
            for number, (text, ink) in enumerate(self._laid[at] if at < len(self._laid) else []):
                line.add(text, "found" if (at, number) == here else ink)
        return self.finish(line.strip(width))


def _found(laid: Sequence[Sequence[tuple[str, str]]]) -> list[tuple[int, int]]:
    """Where the marked pieces are: (line, piece)."""
    return [(at, number) for at, line in enumerate(laid) for number, (_, ink) in enumerate(line) if ink == "match"]
