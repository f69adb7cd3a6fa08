"""The message list: any number of messages, read from the store a page at a time.

What is kept: the ids of the whole list (8 bytes each) and the lines of a few thousand messages. Everything is read
in one thread worker at a time; what is not there yet shows as a placeholder and is asked for when it comes into view.
"""

from __future__ import annotations

import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from mailsync.errors import MailsyncError, QueryError
from mailsync.store.conversations import Conversation
from mailsync.store.database import Store
from mailsync.tui.drawing import clean
from mailsync.tui.gathering import PAGE, LineOf, Reading, Rows, View, Wish, gather
from mailsync.tui.matches import NOTHING
from mailsync.tui.sources import FolderSource, Source
from mailsync.tui.widgets import message_row
from mailsync.tui.widgets.rows import RowList

if TYPE_CHECKING:
    from mailsync.pipeline.scores import Score

KEPT = 20 * PAGE
"""Lines kept at most; the rest is read again when it is scrolled to."""
SCORED_LINES = 2
"""Lines a row of a list by priority: the second one says why."""
REST = 0.2
"""Seconds between two looks at a changing store at least: what changes more often cannot be read anyway."""
REST_SHARE = 5
"""And this many times the length of the last look, so that reading a very long list again stays a small load."""


class MessageList(RowList):
    """The messages of a folder, or those that were found, newest first; as threads where that is wanted.

    The cursor stays on its message, or its thread, whatever arrives or goes.
    """

    BINDING_GROUP_TITLE = "Messages"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "threads", "Threads", id="messages.threads", tooltip="One line a thread, or one a message"),
        Binding("right", "open_thread", "Open thread", show=False, id="messages.open", tooltip="Open this thread"),
        Binding("left", "close_thread", "Close thread", show=False, id="messages.close", tooltip="Close this thread"),
    ]
    leaps = True

    class Read(Message):
        """A reading is done; `reading` is None when it failed with `error`."""

        def __init__(self, wish: Wish, reading: Reading | None, error: Exception | None = None) -> None:
            super().__init__()
            self.wish, self.reading, self.error = wish, reading, error

    class Refused(Message):
        """The list cannot be: `error` says what is wrong with its query."""

        def __init__(self, error: QueryError) -> None:
            super().__init__()
            self.error = error

    class Shown(Message):
        """The list is another than before, and the cursor may be at another place in it."""

    def __init__(self, store: Store, now: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._store = store
        self._now = now
        self._source: Source | None = None
        self._at = 0
        self._view = View()
        self._generation = 0
        self._known: Rows | None = None
        self._ids: array[int] = array("q")
        self._heads: array[int] = self._ids
        self._seen: object | None = None
        self._rows: OrderedDict[int, LineOf] = OrderedDict()
        self._fresh: set[int] = set()
        self._reading = False
        self._dirty = False
        self._rest_until = 0.0
        self._waiting = False
        self.seconds = 0.0
        """What the first reading of the list took."""
        self.note = ""
        """What else there is to say about the list."""

    # -- what the screen says -------------------------------------------------------------------------------------

    def show_folder(self, folder_id: int | None, *, outgoing: bool = False) -> None:
        """Show another folder from its top; `outgoing` shows whom mail went to instead of whom it came from."""
        self.show_source(FolderSource(folder_id, outgoing) if folder_id is not None else None)

    def show_source(self, source: Source | None, at: int | None = None) -> None:
        """Show another list from its top, or with the cursor `at` a message; None for none."""
        self._generation += 1
        self._source, self._at = source, at or 0
        self._view = View(self._view.threaded)
        self._known, self._seen = None, None
        self._ids = self._heads = array("q")
        self._rows.clear()
        self._fresh.clear()
        self._rest_until, self.seconds, self.note = 0.0, 0.0, ""
        self.set_rows(0, SCORED_LINES if source is not None and source.scores is not None else 1)
        self.cursor = 0
        self.jump(0)
        self.set_notice("" if source is None else "reading…")
        self._read()

    def store_changed(self) -> None:
        """Something was committed: look whether it concerns what is on the screen."""
        self._dirty = True
        self._read()

    @property
    def message_id(self) -> int | None:
        """The message under the cursor; of a thread, its newest one in the list."""
        return self._heads[self.cursor] if self._count else None

    @property
    def score(self) -> Score | None:
        """What the message under the cursor comes to, in a list by priority."""
        return self._score_of(self._heads[self.cursor]) if self._count else None

    def _score_of(self, message_id: int) -> Score | None:
        known = self._source.scores if self._source is not None else None
        return known.get(message_id) if known is not None else None

    @property
    def withheld(self) -> bool:
        """The message under the cursor was left on the server."""
        line = self._rows.get(self._ids[self.cursor]) if self._count else None
        row = line.head if isinstance(line, Conversation) else line
        return row is not None and bool(row.withheld) and not row.fetched

    @property
    def loading_list(self) -> bool:
        """True until the whole list has been read once."""
        return self._source is not None and self._seen is None

    @property
    def messages(self) -> int:
        """Messages in the list, which has fewer rows where threads are folded."""
        return len(self._known.ids) if self._known is not None else 0

    @property
    def threaded(self) -> bool:
        """Threads are folded, or about to be."""
        return self._view.threaded

    @property
    def changing(self) -> bool:
        """Another view is wanted than is shown."""
        return self._known is not None and self._known.view != self._view

    # -- threads --------------------------------------------------------------------------------------------------

    def action_threads(self) -> None:
        self._set_view(View(not self._view.threaded))

    def action_choose(self) -> None:
        """Open a thread, or close it; a message is shown."""
        thread = self._thread()
        if thread is None:
            super().action_choose()
        else:
            self._set_view(View(True, self._view.open ^ {thread}))

    def action_open_thread(self) -> None:
        thread = self._thread()
        if thread is not None and thread not in self._view.open:
            self._set_view(View(True, self._view.open | {thread}))

    def action_close_thread(self) -> None:
        """Close the thread that the cursor is on, or in."""
        if not self._count or self._known is None:
            return
        place = self.cursor
        while place and self._ids[place] in self._known.members:
            place -= 1
        thread = -self._ids[place]
        if thread in self._view.open:
            self.cursor = place
            self._set_view(View(True, self._view.open - {thread}))

    def _thread(self) -> int | None:
        """The thread whose line is under the cursor, if it has more than one message."""
        key = self._ids[self.cursor] if self._count else 0
        line = self._rows.get(key)
        return -key if isinstance(line, Conversation) and line.messages > 1 else None

    def _set_view(self, view: View) -> None:
        self._view = view
        self._read()

    # -- reading --------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Start a reading of what is missing, unless one is under way; then it follows that one."""
        if self._reading or self._source is None or not self.is_attached:
            return
        whole = self._known is None or self._seen is None
        wanted = self._missing()
        rest = self._rest_until - time.monotonic()
        look = self._dirty and rest <= 0
        if self._dirty and not look and not self._waiting:
            self._waiting = True
            self.set_timer(rest, self._rested)
        if not (whole or wanted or look or self.changing):
            return
        if look:
            self._dirty = False
            self._fresh.clear()
            wanted = self._missing()
        self._reading = True
        known = None if whole else self._known
        anchor = self._at if whole else self.message_id or 0
        look = look or whole or self.changing
        self._read_store(Wish(self._source, self._generation, self._view, known, self._seen, look, wanted, anchor))

    def _rested(self) -> None:
        self._waiting = False
        self._read()

    def _missing(self) -> list[tuple[int, int]]:
        """The rows of the pages around what is visible, if any that is visible was not read or may have changed."""
        visible = self.visible_rows()
        if all(key in self._fresh for key in self._ids[visible.start : visible.stop]):
            return []
        if any(key not in self._rows for key in self._ids[visible.start : visible.stop]):
            start, stop = visible.start // PAGE * PAGE, -(-visible.stop // PAGE) * PAGE
        else:
            start, stop = visible.start, visible.stop
        pairs = zip(self._ids[start:stop], self._heads[start:stop], strict=True)
        return [(key, head) for key, head in pairs if key not in self._fresh]

    # A description, or Textual would make one of the whole list.
    @work(thread=True, group="message-list", exit_on_error=False, description="reading messages")
    def _read_store(self, wish: Wish) -> None:
        try:
            with self._store.read() as connection:
                for reading in gather(connection, wish):
                    self.post_message(self.Read(wish, reading))
        except Exception as error:
            self.post_message(self.Read(wish, None, error))

    def on_message_list_read(self, message: MessageList.Read) -> None:
        message.stop()
        wish, reading = message.wish, message.reading
        if reading is None or reading.complete:
            self._reading = False
        if wish.generation != self._generation:
            self._read()
            return
        if reading is None:
            ours = isinstance(message.error, MailsyncError)
            self.set_notice(clean(f"{message.error}" if ours else f"cannot read the mirror: {message.error}"))
            if isinstance(message.error, QueryError):
                self._source = None
                self.post_message(self.Refused(message.error))
            self._view = self._known.view if self._known is not None else self._view
            self._rest_until = time.monotonic() + 1.0
            return
        self._keep(reading.lines, wish.wanted)
        if reading.seen is not None:
            if self._seen is None:
                self.seconds = reading.seconds
            self._seen, self.note = reading.seen, reading.note
            self._rest_until = time.monotonic() + max(REST, REST_SHARE * reading.seconds)
        known, self._known = self._known, reading.rows
        if known is not None and known.view != reading.rows.view:
            self.redraw()
        if known is None or reading.rows.keys is not known.keys:
            self._take(reading.rows, reading.follow)
        elif reading.seen is not None:
            self._heads = reading.rows.heads
            if self._item_height == SCORED_LINES:
                self.touch()  # the same messages for other reasons
            self.post_message(self.Shown())
        assert self._source is not None
        self.set_notice(self._source.nothing if reading.complete else "reading…")
        self._read()

    def _keep(self, lines: dict[int, LineOf], wanted: Iterable[tuple[int, int]]) -> None:
        changed = set()
        for key, line in lines.items():
            if self._rows.pop(key, None) != line:
                changed.add(key)
            self._rows[key] = line
        self._fresh.update(lines)
        # A message that went away between two readings: not asked for again before the list is.
        self._fresh.update(key for key, _ in wanted)
        while len(self._rows) > KEPT:
            gone, _ = self._rows.popitem(last=False)
            self._fresh.discard(gone)
        if changed:
            self.redraw_rows(lambda index: index < len(self._ids) and self._ids[index] in changed)

    def _take(self, rows: Rows, follow: int | None) -> None:
        """A new list in place of the old one; the cursor stays on its row, or goes to `follow`, the view with it."""
        old, ids = self._ids, rows.keys
        self._ids, self._heads = ids, rows.heads
        if old and ids[: len(old)] == old:
            self.grow(len(ids))
            if follow is not None and not self.cursor:
                self.cursor = _find(ids, follow, 0) or 0
            self.post_message(self.Shown())
            return
        cursor, top = self.cursor, self.scroll_offset.y
        stayed = old[cursor] if cursor < len(old) else None
        if ids and (old or follow is not None):
            found = _find(ids, stayed, cursor + len(ids) - len(old)) if stayed is not None else None
            if found is None and follow is not None:
                found = _find(ids, follow, cursor)
            place = min(cursor, len(ids) - 1) if found is None else found
            # Whoever looks at the very top sees new mail come in, as long as the cursor stays in view.
            moved = place - cursor if top > 0 or place >= self.scrollable_content_region.height else 0
        else:
            place = moved = 0
        with self.prevent(RowList.Moved):
            self._drawn.clear()
            self.set_rows(len(ids), self._item_height)
            self.set_reactive(RowList.cursor, place)
            self.refresh()
        if moved:
            self.jump(max(0, top + moved))
        self.show_cursor()
        if not old or not ids or ids[place] != stayed:
            self.post_message(self.Moved(self, place))
        self.post_message(self.Shown())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._read()

    def on_resize(self) -> None:
        super().on_resize()
        self._read()

    # -- drawing --------------------------------------------------------------------------------------------------

    def row_arrived(self, index: int) -> bool:
        return self._ids[index] in self._rows

    def draw_row(self, index: int, width: int) -> list[Strip]:
        key = self._ids[index]
        known, source = self._known, self._source
        look = message_row.Look(
            self._now(),
            source.matches if source is not None else NOTHING,
            outgoing=source is not None and source.outgoing,
            threaded=known is not None and known.view.threaded,
            open=known is not None and -key in known.view.open,
            member=known.members.get(key) if known is not None else None,
            scored=self._item_height == SCORED_LINES,
            score=self._score_of(self._heads[index]),
        )
        line = self.line()
        message_row.draw(line, self._rows.get(key), look, width)
        if not look.scored:
            return [line.strip(width)]
        below = self.line()
        message_row.draw_reasons(below, look, width)
        return [line.strip(width), below.strip(width)]


def _find(ids: array[int], wanted: int, near: int) -> int | None:
    """Where an id is, looking around `near` first; None when it is not there."""
    low, high = max(0, near - 2 * PAGE), max(0, near + 2 * PAGE)
    for at, ident in enumerate(ids[low:high], low):
        if ident == wanted:
            return at
    try:
        return ids.index(wanted)
    except ValueError:
        return None
