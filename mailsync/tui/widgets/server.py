"""The panel beside the checks: the one under the cursor in full, and its account's server."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.strip import Strip

from mailsync.engine.health import Check
from mailsync.store.health import Facts
from mailsync.tui.server import Piece, lines
from mailsync.tui.widgets.lines import LineView


class ServerPanel(LineView):
    """Shows a check and the server of its account; scrolls where that is long."""

    BINDING_GROUP_TITLE = "Server"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False, id="server.up", tooltip="One line up"),
        Binding("down,j", "scroll_down", "Down", show=False, id="server.down", tooltip="One line down"),
        Binding("pageup", "page_up", "Page up", show=False, id="server.page_up", tooltip="One screenful up"),
        Binding("pagedown", "page_down", "Page down", show=False, id="server.page_down", tooltip="One screenful down"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._told: tuple[Check | None, Facts, float] = (None, Facts(), 0.0)
        self._lines: list[list[Piece]] = []

    def show(self, check: Check | None, facts: Facts, now: float) -> None:
        """Tell of this check; another one than before from its top."""
        before = self._told[0]
        self._told = (check, facts, now)
        self._lay_out()
        if before is None or check is None or (before.name, before.account) != (check.name, check.account):
            self.jump(0)

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        check, facts, now = self._told
        laid = lines(check, facts, max(20, self.scrollable_content_region.width - 2), now)
        if laid != self._lines:
            self._lines = laid
            self.set_height(len(laid))
            self.refresh()

    def render_line(self, y: int) -> Strip:
        line, at = self.line().gap(1), y + self.scroll_offset.y
        for text, ink in self._lines[at] if at < len(self._lines) else []:
            line.add(text, ink)
        return self.finish(line.strip(self.scrollable_content_region.width))
