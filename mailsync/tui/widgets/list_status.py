"""The line below the message list: what is listed, where the cursor is in it, and what else there is to say."""

from __future__ import annotations

from textual.strip import Strip

from mailsync.tui import wording
from mailsync.tui.drawing import clean, width_of
from mailsync.tui.widgets.inked import Inked


class ListStatus(Inked):
    """On the left what is listed, on the right the place of the cursor, how many rows there are, and `more`."""

    def __init__(self) -> None:
        super().__init__()
        self._told: tuple[str, int, int, str] = ("", 0, 0, "")

    def show(self, where: str, position: int, count: int, more: str) -> None:
        told = (where, position, count, more)
        if told != self._told:
            self._told = told
            self.refresh()

    def render_line(self, y: int) -> Strip:
        where, position, count, more = self._told
        width = self.size.width
        place = f"{wording.count(position)}/{wording.count(count)}" if count else ""
        rest = clean(f" · {more}" if more and place else more)
        line = self.line().gap(1).add(where, "muted", max(0, width - len(place) - width_of(rest) - 3))
        return self.finish(line.gap(1).add(place, "plain").add(rest, "accent").strip(width))
