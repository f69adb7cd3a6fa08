"""A scrolled column of lines whose number may change often: the base of lists and of the reading pane."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget

from mailsync.tui.drawing import INKS
from mailsync.tui.widgets.inked import Inked


def scroll_bindings(name: str) -> list[BindingType]:
    """The keys that move through something to read; `name` is the first part of their ids."""
    keys = (
        ("up,k", "scroll_up", "Up", "up", "One line up"),
        ("down,j", "scroll_down", "Down", "down", "One line down"),
        ("pageup", "page_up", "Page up", "page_up", "One screenful up"),
        ("pagedown,space", "page_down", "Page down", "page_down", "One screenful down"),
        ("home,g", "scroll_home", "Top", "top", "To the beginning"),
        ("end,G", "scroll_end", "End", "end", "To the end"),
    )
    return [
        Binding(key, action, told, show=False, id=f"{name}.{ident}", tooltip=tooltip)
        for key, action, told, ident, tooltip in keys
    ]


class LineView(Inked, ScrollView, can_focus=True):
    """Draws what is in view, line by line, and scrolls without animation."""

    COMPONENT_CLASSES = {f"ink--{name}" for name in INKS}
    ALLOW_SELECT = False
    sizes_itself: ClassVar[bool] = False
    """The height of the widget depends on the number of lines."""

    def set_height(self, lines: int) -> None:
        """There are `lines` lines to scroll through."""
        size = Size(0, lines)
        if size == self.virtual_size:
            return
        if self.sizes_itself:
            self.virtual_size = size
        else:
            # Without the layout of the whole screen that Textual makes of every new size: only the bar changes, and
            # by the style sheet that is always there.
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)

    def jump(self, y: int) -> None:
        """Scroll to a line at once."""
        self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        # The bar is drawn in eighths of a cell and costs as much as a list: left alone where it would look the same.
        steps = 8 * self.size.height / max(1, self.virtual_size.height)
        bar = self.vertical_scrollbar.position if self.show_vertical_scrollbar else new_value
        if int(bar * steps) != int(new_value * steps) or new_value in (0, self.max_scroll_y):
            super().watch_scroll_y(old_value, new_value)
        elif round(old_value) != round(new_value):
            self.refresh(self.size.region)
