"""The message list: any number of messages, read from the store a page at a time.

What is kept: the ids of the whole folder (8 bytes each) and the lines of a few thousand messages. Everything is read
in one thread worker at a time; what is not there yet shows as a placeholder and is asked for when it comes into view.
"""

from __future__ import annotations

import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from textual import work
from textual.message import Message
from textual.strip import Strip

from mailsync.errors import MailsyncError
from mailsync.model import Flag
from mailsync.store import listing
from mailsync.store.database import Store
from mailsync.tui import wording
from mailsync.tui.drawing import Column, Line, layout
from mailsync.tui.states import ANSWERED, ATTACHMENT, DRAFT, FLAGGED, UNREAD, WITHHELD
from mailsync.tui.widgets.rows import RowList

PAGE = 200
"""Messages a reading."""
KEPT = 20 * PAGE
"""Lines kept at most; the rest is read again when it is scrolled to."""
COLUMNS = (
    Column("marks", "", 4, keep=100),
    Column("from", "From", 15, keep=80),
    Column("subject", "Subject", 20, keep=100, share=True),
    Column("size", "Size", 8, keep=20, align="right"),
    Column("date", "Date", 8, keep=60, align="right"),
)
WIDE_COLUMNS = tuple(replace(column, width=26) if column.key == "from" else column for column in COLUMNS)
WIDE = 90
"""Cells of a row from which on there is room for whole names."""
REST = 0.2
"""Seconds between two looks at a changing store at least: what changes more often cannot be read anyway."""
REST_SHARE = 5
"""And this many times the length of the last look, so that reading a very long list again stays a small load."""


@dataclass(slots=True)
class _Wish:
    """What the worker shall read; ids are None when the whole list is wanted."""

    folder_id: int
    generation: int
    ids: array[int] | None
    seen: listing.Horizon | None
    wanted: list[int] = field(default_factory=list)
    first: bool = False
    """The list is new on the screen: show its beginning before the rest is read."""


class MessageList(RowList):
    """The messages of one folder, newest first. The cursor stays on its message whatever arrives or goes."""

    BINDING_GROUP_TITLE = "Messages"
    leaps = True

    class Read(Message):
        """A reading is done. `ids` is None when it failed; `complete` is False for the beginning of a long list."""

        def __init__(
            self,
            wish: _Wish,
            ids: array[int] | None,
            seen: listing.Horizon | None,
            rows: dict[int, listing.Row],
            *,
            complete: bool = True,
            seconds: float = 0.0,
            problem: str = "",
        ) -> None:
            super().__init__()
            self.wish, self.ids, self.seen, self.rows = wish, ids, seen, rows
            self.complete, self.seconds, self.problem = complete, seconds, problem

    class Shown(Message):
        """The list is another than before, and the cursor may be at another place in it."""

    def __init__(self, store: Store, now: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._store = store
        self._now = now
        self._folder_id: int | None = None
        self._generation = 0
        self._ids: array[int] = array("q")
        self._seen: listing.Horizon | None = None
        self._rows: OrderedDict[int, listing.Row] = OrderedDict()
        self._fresh: set[int] = set()
        self._reading = False
        self._dirty = False
        self._rest_until = 0.0
        self._waiting = False
        self._outgoing = False

    # -- what the screen says -------------------------------------------------------------------------------------

    def show_folder(self, folder_id: int | None, *, outgoing: bool = False) -> None:
        """Show another folder from its top; `outgoing` shows whom mail went to instead of whom it came from."""
        self._generation += 1
        self._folder_id, self._outgoing = folder_id, outgoing
        self._ids, self._seen = array("q"), None
        self._rows.clear()
        self._fresh.clear()
        self._rest_until = 0.0
        self.set_rows(0)
        self.cursor = 0
        self.jump(0)
        self.set_notice("" if folder_id is None else "reading…")
        self._read()

    def store_changed(self) -> None:
        """Something was committed: look whether it concerns what is on the screen."""
        self._dirty = True
        self._read()

    @property
    def message_id(self) -> int | None:
        """The message under the cursor."""
        return self._ids[self.cursor] if self._count else None

    @property
    def withheld(self) -> bool:
        """The message under the cursor was left on the server."""
        row = self._rows.get(self._ids[self.cursor]) if self._count else None
        return row is not None and bool(row.withheld) and not row.fetched

    @property
    def loading_list(self) -> bool:
        """True until the whole list has been read once."""
        return self._folder_id is not None and self._seen is None

    # -- reading --------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Start a reading of what is missing, unless one is under way; then it follows that one."""
        if self._reading or self._folder_id is None or not self.is_attached:
            return
        whole = self._seen is None
        wanted = self._missing()
        rest = self._rest_until - time.monotonic()
        look = self._dirty and rest <= 0
        if self._dirty and not look and not self._waiting:
            self._waiting = True
            self.set_timer(rest, self._rested)
        if not (whole or wanted or look):
            return
        if look:
            self._dirty = False
            self._fresh.clear()
            wanted = self._missing()
        self._reading = True
        self._read_store(
            _Wish(
                self._folder_id,
                self._generation,
                None if whole else self._ids,
                self._seen if look or whole else None,
                wanted,
                first=whole and not self._ids,
            )
        )

    def _rested(self) -> None:
        self._waiting = False
        self._read()

    def _missing(self) -> list[int]:
        """The ids of the pages around what is visible, if any that is visible was not read or may have changed."""
        visible = self.visible_rows()
        if all(ident in self._fresh for ident in self._ids[visible.start : visible.stop]):
            return []
        if any(ident not in self._rows for ident in self._ids[visible.start : visible.stop]):
            start, stop = visible.start // PAGE * PAGE, -(-visible.stop // PAGE) * PAGE
        else:
            start, stop = visible.start, visible.stop
        return [ident for ident in self._ids[start:stop] if ident not in self._fresh]

    # A description, or Textual would make one of the whole list.
    @work(thread=True, group="message-list", exit_on_error=False, description="reading messages")
    def _read_store(self, wish: _Wish) -> None:
        started = time.monotonic()
        try:
            with self._store.read() as connection:
                now = listing.horizon(connection, wish.folder_id)
                ids = wish.ids
                if ids is not None and wish.seen is not None:
                    ids = listing.extended(connection, wish.folder_id, ids, wish.seen, now)
                if ids is None:
                    ids = array("q")
                    for chunk in listing.chunks(connection, wish.folder_id):
                        ids.extend(chunk)
                        if wish.first and len(ids) < now.messages and len(ids) == len(chunk):
                            rows = listing.page(connection, ids[:PAGE])
                            self.post_message(self.Read(wish, ids[:], None, rows, complete=False))
                    seen: listing.Horizon | None = now
                else:
                    seen = now if wish.seen is not None else None
                rows = listing.page(connection, wish.wanted or ids[:PAGE])
        except MailsyncError as error:
            self.post_message(self.Read(wish, None, None, {}, problem=str(error)))
        except Exception as error:
            self.post_message(self.Read(wish, None, None, {}, problem=f"cannot read the mirror: {error}"))
        else:
            self.post_message(self.Read(wish, ids, seen, rows, seconds=time.monotonic() - started))

    def on_message_list_read(self, message: MessageList.Read) -> None:
        message.stop()
        if message.complete:
            self._reading = False
        if message.wish.generation != self._generation:
            self._read()
            return
        if message.ids is None:
            self.set_notice(message.problem)
            self._rest_until = time.monotonic() + 1.0
            return
        self._keep(message.rows, message.wish.wanted)
        if message.seen is not None:
            self._seen = message.seen
        if message.complete and message.wish.seen is not None:
            self._rest_until = time.monotonic() + max(REST, REST_SHARE * message.seconds)
        if message.ids is not self._ids:
            self._take(message.ids)
        elif message.seen is not None:
            self.post_message(self.Shown())
        self.set_notice("no messages in this folder" if message.complete else "reading…")
        self._read()

    def _keep(self, rows: dict[int, listing.Row], wanted: Iterable[int]) -> None:
        changed = set()
        for ident, row in rows.items():
            if self._rows.pop(ident, None) != row:
                changed.add(ident)
            self._rows[ident] = row
        self._fresh.update(rows)
        # A message that went away between two readings: not asked for again before the list is.
        self._fresh.update(wanted)
        while len(self._rows) > KEPT:
            gone, _ = self._rows.popitem(last=False)
            self._fresh.discard(gone)
        if changed:
            self.redraw_rows(lambda index: index < len(self._ids) and self._ids[index] in changed)

    def _take(self, ids: array[int]) -> None:
        """A new list in place of the old one; the cursor stays on its message, the view on its lines."""
        old, self._ids = self._ids, ids
        if old and ids[: len(old)] == old:
            self.grow(len(ids))
            self.post_message(self.Shown())
            return
        cursor, top = self.cursor, self.scroll_offset.y
        if old and ids:
            found = _find(ids, old[cursor], cursor + len(ids) - len(old)) if cursor < len(old) else 0
            place = min(cursor, len(ids) - 1) if found is None else found
            # Whoever looks at the very top sees new mail come in, as long as the cursor stays in view.
            moved = place - cursor if top > 0 or place >= self.scrollable_content_region.height else 0
        else:
            place = moved = 0
        with self.prevent(RowList.Moved):
            self._drawn.clear()
            self.set_rows(len(ids))
            self.set_reactive(RowList.cursor, place)
            self.refresh()
        if moved:
            self.jump(max(0, top + moved))
        self.show_cursor()
        if not old or not ids or ids[place] != (old[cursor] if cursor < len(old) else None):
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
        row = self._rows.get(self._ids[index])
        line = self.line()
        columns = layout(WIDE_COLUMNS if width > WIDE else COLUMNS, width)
        for number, (column, cells) in enumerate(columns):
            line.gap(2 if number > 1 else 0 if number == 0 else 1)
            if row is None:
                line.add("…" if column.key == "subject" else "", "muted", cells)
            else:
                self._draw_cell(line, row, column, cells, width)
        return [line.strip(width)]

    def _draw_cell(self, line: Line, row: listing.Row, column: Column, cells: int, width: int) -> None:
        unread = not row.flags & Flag.SEEN
        main = "strong" if unread else "plain"
        match column.key:
            case "marks":
                self._draw_marks(line, row, unread=unread)
            case "from":
                line.add(self._person(row), main, cells)
            case "subject" if not row.fetched and row.withheld:
                line.add(f"{WITHHELD} {row.withheld}, {wording.size(row.size)}: not fetched", "muted", cells)
            case "subject" if not row.fetched:
                line.add("not fetched: quarantined", "warning", cells)
            case "subject" if not row.envelope:
                line.add("…", "muted", cells)
            case "subject":
                line.add(row.subject or "(no subject)", main if row.subject else "muted", cells)
            case "size":
                line.add(wording.size(row.size), "muted", cells, column.align)
            case "date":
                line.add(wording.list_date(row.internaldate, self._now()), "muted", cells, column.align)

    def _person(self, row: listing.Row) -> str:
        if self._outgoing and row.to:
            return f"→ {row.to}"
        return row.from_name or row.from_addr or ("" if not row.envelope else "(no sender)")

    def _draw_marks(self, line: Line, row: listing.Row, *, unread: bool) -> None:
        line.add(UNREAD if unread else " ", "accent")
        line.add(FLAGGED if row.flags & Flag.FLAGGED else " ", "warning")
        if row.flags & Flag.DRAFT:
            line.add(DRAFT, "muted")
        else:
            line.add(ANSWERED if row.flags & Flag.ANSWERED else " ", "muted")
        line.add(ATTACHMENT if row.has_attachments else " ", "muted")


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
