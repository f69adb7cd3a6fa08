"""A dialog that asks for one line: a name, a folder."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from mailsync.tui.drawing import clean
from mailsync.tui.widgets.fields import Field
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.prose import Prose, Told


class PromptScreen(ModalScreen[str | None]):
    """Ends with what was typed, None when it was left. `lead` says what it is for."""

    BINDING_GROUP_TITLE = "Dialog"
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", id="prompt.back", tooltip="Leave without doing it"),
    ]

    def __init__(self, title: str, label: str, value: str, lead: Told = ()) -> None:
        super().__init__()
        self._heading, self._label, self._value, self._lead = title, label, value, lead

    def compose(self) -> ComposeResult:
        with Vertical(id="prompt"):
            yield Prose(self._lead, classes="lead")
            yield Field(self._label, self._value)
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#prompt").border_title = Content(clean(self._heading))
        self.query_one(Field).focus_entry()

    def on_field_submitted(self) -> None:
        typed = self.query_one(Field).value.strip()
        if typed:
            self.dismiss(typed)
