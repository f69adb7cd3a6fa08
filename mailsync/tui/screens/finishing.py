"""The short wait at the end, while the engine finishes what it has in hand."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static


class FinishingScreen(ModalScreen[None]):
    """Says what is waited for; the way out is to ask again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,escape,ctrl+c", "leave", "Leave now", id="finishing.leave", tooltip="Leave without waiting"),
    ]

    def compose(self) -> ComposeResult:
        yield Static(
            "finishing…\n\nThe batch in hand is being written.\nPress q again to leave at once; nothing is lost.",
            id="finishing",
            markup=False,
        )

    def action_leave(self) -> None:
        self.app.exit()
