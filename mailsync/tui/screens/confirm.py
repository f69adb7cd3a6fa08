"""A question before something that a person should mean."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from mailsync.tui.widgets.prose import Prose, Told


class ConfirmScreen(ModalScreen[bool]):
    """Asks; True for yes. `verb` is what yes does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("n,escape,q", "dismiss(False)", "No", id="confirm.no", tooltip="Leave it as it is"),
    ]

    def __init__(self, title: str, told: Told, verb: str) -> None:
        super().__init__()
        self._title = title
        self._told = [*told, ("", "plain"), (f"y  {verb}", "key"), ("n  leave it as it is", "plain")]

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm"):
            yield Prose(self._told)

    def on_mount(self) -> None:
        # Content, because a border parses a string as markup.
        self.query_one("#confirm").border_title = Content(self._title)
