"""A few lines of text in the inks of the theme, folded to the width there is."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size
from textual.strip import Strip

from mailsync.tui.drawing import clean, wrap
from mailsync.tui.widgets.inked import Inked

Told = Sequence[tuple[str, str]]
"""Paragraphs: (text, ink)."""


class Prose(Inked):
    """Shows paragraphs; takes as many lines as they need, none for none."""

    def __init__(self, told: Told = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._told = list(told)

    def show(self, told: Told) -> None:
        """Show this instead."""
        if list(told) != self._told:
            self._told = list(told)
            self.refresh(layout=True)

    @property
    def text(self) -> str:
        """All that is shown, a line a paragraph."""
        return "\n".join(clean(text) for text, _ in self._told)

    def _lines(self, width: int) -> list[tuple[str, str]]:
        return [(part, ink) for text, ink in self._told for part in wrap(clean(text), max(12, width))]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = self._lines(width)
        line = self.line()
        if y < len(lines):
            line.add(*lines[y])
        return self.finish(line.strip(width))
