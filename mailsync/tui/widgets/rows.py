"""A list of any length that draws only what is visible: the base of every list on the screens."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mailsync.tui.drawing import INKS, wrap
from mailsync.tui.widgets.inked import Inked

CURSOR_MARK = "▌"
"""Stands left of the row under the cursor, so that the cursor is not told by colour alone."""


class RowList(Inked, ScrollView, can_focus=True):
    """Rows of `item_height` lines each, one of them under the cursor.

    A subclass sets `count` and gives the lines of a row by `draw_row`; what it draws is kept until `redraw`.
    """

    COMPONENT_CLASSES = {f"ink--{name}" for name in INKS} | {"rows--cursor"}
    ALLOW_SELECT = False
    marks_unfocused: ClassVar[bool] = True
    """The row under the cursor is marked even while another widget has the focus."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", "Up", show=False, id="list.up", tooltip="One row up"),
        Binding("down,j", "cursor_down", "Down", show=False, id="list.down", tooltip="One row down"),
        Binding("pageup", "page_up", "Page up", show=False, id="list.page_up", tooltip="One screenful up"),
        Binding("pagedown", "page_down", "Page down", show=False, id="list.page_down", tooltip="One screenful down"),
        Binding("home,g", "first", "First", show=False, id="list.first", tooltip="To the first row"),
        Binding("end,G", "last", "Last", show=False, id="list.last", tooltip="To the last row"),
        Binding("enter", "choose", "Open", id="list.open", tooltip="Open the row under the cursor"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False, init=False)
    """The row under the cursor; 0 in an empty list."""

    class Moved(Message):
        """The cursor came to another row, or to another thing in the same place."""

        def __init__(self, rows: RowList, cursor: int) -> None:
            super().__init__()
            self.rows, self.cursor = rows, cursor

        @property
        def control(self) -> RowList:
            return self.rows

    class Chosen(Moved):
        """The row under the cursor was opened, by key or by a click."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._count = 0
        self._item_height = 1
        # Finished lines by row, line and look. Textual keeps what it makes of a strip with the strip itself, so the
        # same object again costs a tenth of an equal one.
        self._drawn: LRUCache[tuple[int, int, int], Strip] = LRUCache(512)
        self._notice = ""
        self._width = self._top = 0

    # -- what a subclass gives ------------------------------------------------------------------------------------

    def draw_row(self, index: int, width: int) -> list[Strip]:
        """The `item_height` lines of a row in `width` cells, without a background."""
        raise NotImplementedError

    def row_arrived(self, index: int) -> bool:
        """False while the row is only a placeholder, which is drawn but not kept."""
        return True

    # -- what a subclass says -------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Rows in the list."""
        return self._count

    @property
    def item_height(self) -> int:
        """Lines a row."""
        return self._item_height

    def set_rows(self, count: int, item_height: int = 1) -> None:
        """The list now has `count` rows; all are drawn again when next seen."""
        self._count, self._item_height = count, item_height
        self.virtual_size = Size(0, count * item_height)
        self.redraw()
        if self.cursor >= count:
            self.cursor = max(0, count - 1)

    def set_notice(self, text: str) -> None:
        """What an empty list says: that it loads, that there is nothing, or what went wrong."""
        if text != self._notice:
            self._notice = text
            self.refresh()

    def redraw(self) -> None:
        """Draw every row anew."""
        self._drawn.clear()
        self.refresh()

    # -- drawing --------------------------------------------------------------------------------------------------

    def visible_rows(self) -> range:
        """The rows that are at least partly in view."""
        height = self._item_height
        first = self.scroll_offset.y // height
        last = (self.scroll_offset.y + max(1, self.scrollable_content_region.height) - 1) // height
        return range(min(first, self._count), min(last + 1, self._count))

    def render_lines(self, crop: Region) -> list[Strip]:
        # Asked for once a frame, not once a line: it is half the price of a line that is already drawn.
        self._width, self._top = self.scrollable_content_region.width, self.scroll_offset.y
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self._width
        if not self._count:
            return self.finish(self._notice_line(y, width))
        index, line = divmod(y + self._top, self._item_height)
        if index >= self._count:
            return self.finish(Strip.blank(width))
        focus = self.has_focus
        look = (2 if focus else int(self.marks_unfocused)) if index == self.cursor else 0
        strip = self._drawn.get((index, line, look))
        if strip is None:
            strips = self._draw(index, width, look)
            strip = strips[line]
            if self.row_arrived(index):
                for number, each in enumerate(strips):
                    self._drawn[(index, number, look)] = each
        return strip

    def _draw(self, index: int, width: int, look: int) -> list[Strip]:
        """The finished lines of a row. `look` is 0 for any row, 1 for the one under the cursor, 2 with the focus."""
        ink = ("plain", "muted", "accent")[look]
        mark = self.line().add(CURSOR_MARK if look else " ", ink).strip(1)
        lines = self.draw_row(index, max(0, width - 1))[: self._item_height]
        lines += [Strip.blank(width - 1)] * (self._item_height - len(lines))
        joined = [Strip.join([mark, strip]).adjust_cell_length(width) for strip in lines]
        if look < 2:
            return [self.finish(strip) for strip in joined]
        cursor = self.get_component_rich_style("rows--cursor")
        style = Style(color=cursor.color, bgcolor=cursor.bgcolor)
        return [strip.apply_style(style) for strip in joined]

    def _notice_line(self, y: int, width: int) -> Strip:
        lines = [part for line in self._notice.split("\n") for part in wrap(line, max(8, width - 4))]
        top = max(0, (self.scrollable_content_region.height - len(lines)) // 3)
        if not self._notice or not top <= y < top + len(lines):
            return Strip.blank(width)
        return self.line().gap(2).add(lines[y - top], "muted", width - 3).strip(width)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if hasattr(self, "_drawn"):
            self._drawn.clear()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        # The bar is drawn in eighths of a cell and costs as much as the list: left alone where it would look the same.
        steps = 8 * self.size.height / max(1, self.virtual_size.height)
        bar = self.vertical_scrollbar.position if self.show_vertical_scrollbar else new_value
        if int(bar * steps) != int(new_value * steps) or new_value in (0, self.max_scroll_y):
            super().watch_scroll_y(old_value, new_value)
        elif round(old_value) != round(new_value):
            self.refresh(self.size.region)

    def on_resize(self) -> None:
        self.redraw()
        self.call_after_refresh(self.show_cursor)

    def _refresh_row(self, index: int) -> None:
        self.refresh_lines(index * self._item_height, self._item_height)

    # -- the cursor -----------------------------------------------------------------------------------------------

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, self._count - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        self._refresh_row(old)
        self._refresh_row(new)
        self.show_cursor()
        self.post_message(self.Moved(self, new))

    def show_cursor(self) -> None:
        """Scroll as little as shows the row under the cursor."""
        height = self.scrollable_content_region.height
        top, below = self.cursor * self._item_height, (self.cursor + 1) * self._item_height
        if height <= 0:
            return
        if top < self.scroll_offset.y:
            self.jump(top)
        elif below > self.scroll_offset.y + height:
            self.jump(below - height)

    def jump(self, y: int) -> None:
        """Scroll to a line at once."""
        self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height // self._item_height - 1)

    def action_cursor_up(self) -> None:
        self.cursor -= 1

    def action_cursor_down(self) -> None:
        self.cursor += 1

    def action_page_up(self) -> None:
        self.cursor -= self._page()

    def action_page_down(self) -> None:
        self.cursor += self._page()

    def action_first(self) -> None:
        self.cursor = 0

    def action_last(self) -> None:
        self.cursor = self._count - 1

    def action_choose(self) -> None:
        if self._count:
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = (offset.y + self.scroll_offset.y) // self._item_height
        if index < self._count:
            again = index == self.cursor
            self.cursor = index
            if again or event.chain > 1:
                self.action_choose()
