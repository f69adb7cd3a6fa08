"""The help: every key that works where it was asked for, from the live bindings, and what the glyphs mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from mailsync.tui import states

Section = tuple[str, list[tuple[str, str, bool]]]
"""(where the keys belong, [(keys, what they do, enabled)])."""


def key_table(bindings: Mapping[str, ActiveBinding], display: Mapping[str, str]) -> list[Section]:
    """Live bindings by where they belong, as a widget's BINDING_GROUP_TITLE says; `display` names the keys."""
    sections: dict[str, dict[str, tuple[list[str], str, bool]]] = {}
    for key, (node, binding, enabled, tooltip) in bindings.items():
        title = getattr(node, "BINDING_GROUP_TITLE", None)
        told = tooltip or binding.description
        if title is None or not told or binding.id is None:
            continue
        keys, _, _ = sections.setdefault(title, {}).setdefault(binding.id or binding.action, ([], told, enabled))
        keys.append(display[key])
    return [
        (title, [("  ".join(keys), told, enabled) for keys, told, enabled in rows.values()])
        for title, rows in sections.items()
    ]


class HelpScreen(ModalScreen[None]):
    """Shows the bindings of the screen below, as they are when it opens."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", id="help.close", tooltip="Close the help"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="help.down", tooltip="Down"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="help.up", tooltip="Up"),
    ]

    def __init__(self, bindings: Mapping[str, ActiveBinding], display: Mapping[str, str]) -> None:
        super().__init__()
        self._table = key_table(bindings, display)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(self._keys(), id="help-keys")
            yield Static(self._glyphs(), id="help-glyphs")

    def on_mount(self) -> None:
        box = self.query_one("#help")
        box.border_title = "Keys"
        box.border_subtitle = "esc closes"

    def _keys(self) -> Text:
        variables = self.app.theme_variables
        text = Text()
        width = max((len(keys) for _, rows in self._table for keys, _, _ in rows), default=0)
        for number, (title, rows) in enumerate(self._table):
            text.append(("\n" if number else "") + title + "\n", f"bold {variables['text-primary']}")
            for keys, told, enabled in rows:
                text.append(f"  {keys.ljust(width)}  ", "bold" if enabled else "")
                text.append(told + ("" if enabled else "  (not now)") + "\n")
        return text

    def _glyphs(self) -> Text:
        variables = self.app.theme_variables
        text = Text()
        text.append("What the marks mean\n", f"bold {variables['text-primary']}")
        for look in states.LOOKS.values():
            text.append(f"  {look.glyph}  {look.word}\n")
        marks = (
            (states.UNREAD, "unread"),
            (states.FLAGGED, "flagged"),
            (states.ANSWERED, "answered"),
            (states.DRAFT, "draft"),
            (states.ATTACHMENT, "has attachments"),
            (states.LABEL, "a label, shown as a folder"),
            (states.WITHHELD, "not fetched, because you said so"),
            (states.MARKED, "marked, to be proposed together"),
        )
        text.append("\n")
        for look in states.CHECKS.values():
            text.append(f"  {look.glyph}  check: {look.word}\n")
        text.append("\n")
        for glyph, word in marks:
            text.append(f"  {glyph}  {word}\n")
        return text

    def action_scroll(self, step: int) -> None:
        self.query_one("#help").scroll_relative(y=step, animate=False)
