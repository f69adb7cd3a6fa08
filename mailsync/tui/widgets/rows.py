"""A list of any length that draws only what is visible: the base of every list on the screens."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from mailsync.tui.drawing import INKS, wrap
from mailsync.tui.widgets.lines import LineView

KEPT_LINES = 600
"""Finished lines kept; a few screenfuls, each line with what Textual makes of it some kilobytes."""
CURSOR_MARK = "▌"
"""Stands left of the row under the cursor, so that the cursor is not told by colour alone."""


class RowList(LineView):
    """Rows of `item_height` lines each, one of them under the cursor.

    A subclass sets `count` and gives the lines of a row by `draw_row`; what it draws is kept until `redraw`.
    """

    COMPONENT_CLASSES = {f"ink--{name}" for name in INKS} | {"rows--cursor"}
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

    leaps: ClassVar[bool] = False
    """A cursor that steps out of view moves the view by a third of it and not by a line: then one key in many draws
    the whole list, which is 13 kB to a terminal that may be far away, and the others two lines of it."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._count = 0
        self._item_height = 1
        # Finished lines by row, line and look. Textual keeps what it makes of a strip with the strip itself, so the
        # same object again costs a tenth of an equal one.
        self._drawn: dict[tuple[int, int, int], Strip] = {}
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
        """The list now has `count` rows; all that show something else than before are painted."""
        fewer, taller = count < self._count, item_height != self._item_height
        first = not self._count
        self._count, self._item_height = count, item_height
        self.set_height(count * self._item_height)
        if self.cursor >= count:
            self.cursor = max(0, count - 1)
        if fewer or taller or first:
            self.redraw()
        else:
            self.touch()

    def grow(self, count: int) -> None:
        """Rows were added below the last one; those above are as they were."""
        old, self._count = self._count, count
        self.set_height(count * self._item_height)
        if not old:
            self.redraw()
        visible = self.visible_rows()
        if old < visible.stop:
            self.refresh_lines(old * self._item_height, (visible.stop - old) * self._item_height)

    def set_notice(self, text: str) -> None:
        """What an empty list says: that it loads, that there is nothing, or what went wrong."""
        if text != self._notice:
            self._notice = text
            if not self._count:
                self.refresh()

    def redraw(self) -> None:
        """Draw every row anew."""
        self._drawn.clear()
        self.refresh()

    def redraw_rows(self, changed: Callable[[int], bool]) -> None:
        """Draw those rows anew for whose index `changed` is true."""
        for key in [key for key in self._drawn if changed(key[0])]:
            del self._drawn[key]
        for index in self.visible_rows():
            if changed(index):
                self._refresh_row(index)

    def touch(self) -> None:
        """Rows may show something else than before: draw those in view, paint those that do."""
        before, self._drawn = self._drawn, {}
        width = self.scrollable_content_region.width
        for index in self.visible_rows():
            look = self._look(index)
            changed = False
            for number, strip in enumerate(self._draw(index, width, look)):
                old = before.get((index, number, look))
                changed |= old != strip
                self._drawn[(index, number, look)] = strip if old is None or old != strip else old
            if changed:
                self._refresh_row(index)

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
        look = self._look(index)
        strip = self._drawn.get((index, line, look))
        if strip is None:
            strips = self._draw(index, width, look)
            strip = strips[line]
            if len(self._drawn) > KEPT_LINES:
                self._drawn.clear()
            if self.row_arrived(index):
                for number, each in enumerate(strips):
                    self._drawn[(index, number, look)] = each
        return strip

    def _look(self, index: int) -> int:
        if index != self.cursor:
            return 0
        return 2 if self.has_focus else int(self.marks_unfocused)

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
        """Scroll so far that the row under the cursor is in view."""
        height = self.scrollable_content_region.height
        top, below = self.cursor * self._item_height, (self.cursor + 1) * self._item_height
        if height <= 0:
            return
        above, under = self.scroll_offset.y - top, below - self.scroll_offset.y - height
        leap = height // 3 if self.leaps else 0
        if above > 0:
            self.jump(top - (leap if above <= leap else 0))
        elif under > 0:
            self.jump(below - height + (leap if under <= leap else 0))

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
