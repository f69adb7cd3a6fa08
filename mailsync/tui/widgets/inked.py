"""Widgets that draw their own lines with the inks of the theme."""

from __future__ import annotations

from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from mailsync.tui.drawing import GROUNDED, INKS, Line


class Inked(Widget):
    """A widget that draws with `self.line()`; its colours are the component classes `ink--…` of the style sheet."""

    COMPONENT_CLASSES = {f"ink--{name}" for name in INKS}

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._inks: dict[str, Style] = {}
        self._ground: Style | None = None

    def ink(self, name: str) -> Style:
        """The style of an ink, as a rule without a background, so that a cursor line can put its own below."""
        style = self._inks.get(name)
        if style is None:
            full = self.get_component_rich_style(f"ink--{name}")
            style = Style(color=full.color, bold=full.bold, italic=full.italic, underline=full.underline)
            if name in GROUNDED:
                style += Style(bgcolor=full.bgcolor)
            self._inks[name] = style
        return style

    def line(self) -> Line:
        """An empty line to fill."""
        return Line(self.ink)

    def finish(self, strip: Strip) -> Strip:
        """The strip on the background of this widget."""
        if self._ground is None:
            self._ground = self.rich_style
        return strip.apply_style(self._ground)

    def notify_style_update(self) -> None:
        """The theme changed, or the focus: every ink is mixed anew."""
        super().notify_style_update()
        self._inks.clear()
        self._ground = None
