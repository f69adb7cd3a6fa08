"""The line at the top of every screen: where one is, and who runs the engine."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.strip import Strip
from textual.timer import Timer

from mailsync.tui.drawing import Line, clean, width_of
from mailsync.tui.panes import PANES
from mailsync.tui.widgets.inked import Inked

SAID_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Who runs the engine, in words of two lengths, and how that looks."""

    glyph: str
    ink: str
    text: str
    short: str


class TopBar(Inked):
    """Name, tabs, and the status of the engine. `mode` is the tab it stands on."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode
        self._status = EngineStatus("○", "muted", "no engine", "no engine")
        self._spans: list[tuple[int, int, str]] = []
        self._said = ""
        self._silence: Timer | None = None

    def say(self, text: str) -> None:
        """Tell something in passing, in the place of the status, for three seconds."""
        self._said = text
        self.refresh()
        if self._silence is not None:
            self._silence.stop()
        self._silence = self.set_timer(SAID_SECONDS, lambda: self.say("")) if text else None

    def show(self, status: EngineStatus) -> None:
        if status != self._status:
            self._status = status
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width, status = self.size.width, self._status
        needed = width_of(clean(self._said or (status.text if status.ink == "bad" else status.short))) + 3
        # Air between the tabs while there is room for it; then none; then a name only for the one that is seen.
        for air, named in ((2, True), (1, True), (1, False)):
            line = self._tabs(air, named=named)
            if line.width + needed <= width:
                break
        room = width - line.width - 3
        if self._said:
            line.gap(max(0, room + 2 - width_of(clean(self._said))))
            return self.finish(line.add(self._said, "accent").strip(width))
        text = clean(status.text) if width_of(clean(status.text)) <= room else clean(status.short)
        line.gap(room - width_of(text)).add(f"{status.glyph} ", status.ink).add(text, "plain", max(0, room))
        return self.finish(line.strip(width))

    def _tabs(self, air: int, *, named: bool) -> Line:
        line = self.line().gap(1).add("mailsync", "accent").gap(air)
        self._spans = []
        for key, mode, title, *_ in PANES:
            start = line.width
            here = mode == self._mode
            line.add("▌" if here else " ", "accent").add(f"{key} ", "muted")
            if here or named:
                line.add(title, "strong" if here else "plain")
            self._spans.append((start, line.width, mode))
            line.gap(air)
        return line

    async def on_click(self, event: events.Click) -> None:
        for start, stop, mode in self._spans:
            if start <= event.x < stop:
                await self.app.run_action(f"app.show_mode('{mode}')")
