"""The line at the bottom: the keys that work now, made from the live bindings.

Textual's own footer mounts a widget a key and lays the screen out anew whenever a binding changes: 80 ms, at a moment
when somebody has just pressed a key. This one is a line.
"""

from __future__ import annotations

from textual import events
from textual.screen import Screen
from textual.strip import Strip

from mailsync.tui.drawing import clean, width_of
from mailsync.tui.widgets.inked import Inked

HELP = "question_mark"


class KeyBar(Inked):
    """Shows the bindings that want to be shown, dimmed where they are disabled; a click is the key."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[tuple[str, str, str, bool, str]] = []
        self._spans: list[tuple[int, int, str, bool, str]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if screen is not self.screen:
            return
        keys: dict[str, tuple[str, str, str, bool, str]] = {}
        palette = self.app.COMMAND_PALETTE_BINDING
        for key, (_, binding, enabled, tooltip) in screen.active_bindings.items():
            if binding.show and binding.description and key != palette and binding.action not in keys:
                shown = self.app.get_key_display(binding)
                keys[binding.action] = (key, shown, binding.description, enabled, tooltip)
        if not screen.is_modal:
            keys["palette"] = (palette, "^p", "Commands", True, "Search for a command or a folder")
        if list(keys.values()) != self._keys:
            self._keys = list(keys.values())
            self.refresh()

    def render_line(self, y: int) -> Strip:
        line, width = self.line().gap(1), self.size.width
        needed = sum(width_of(clean(shown + description)) + 1 for _, shown, description, _, _ in self._keys)
        air = 3 if needed + 3 * len(self._keys) <= width else 2 if needed + 2 * len(self._keys) <= width else 1
        # Where there is no room for all of them, there is some for the key that tells the others.
        least = next((width_of(clean(one[1] + one[2])) + 1 + air for one in self._keys if one[0] == HELP), 0)
        self._spans = []
        for key, shown, description, enabled, tooltip in self._keys:
            start = line.width
            if key == HELP:
                least = 0
            if start + width_of(clean(shown + description)) + 1 + least > width:
                continue
            line.add(shown, "key" if enabled else "muted").add(f" {description}", "plain" if enabled else "muted")
            self._spans.append((start, line.width, key, enabled, tooltip))
            line.gap(air)
        return self.finish(line.strip(width))

    def on_click(self, event: events.Click) -> None:
        for start, stop, key, enabled, _ in self._spans:
            if start <= event.x < stop:
                self.app.simulate_key(key) if enabled else self.app.bell()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        told = next((tooltip for start, stop, *_, tooltip in self._spans if start <= event.x < stop), None)
        if told != self.tooltip:
            self.tooltip = told
