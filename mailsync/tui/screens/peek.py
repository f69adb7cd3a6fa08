"""One message in front of a pane, to be read before anything is decided about it."""

from __future__ import annotations

from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from mailsync.store.database import Store
from mailsync.tui.drawing import clean
from mailsync.tui.widgets.attachment_list import AttachmentList
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.reading_pane import ReadingPane


class PeekScreen(ModalScreen[None]):
    """Shows the message with this id."""

    BINDING_GROUP_TITLE = "Message"
    AUTO_FOCUS = "#reader"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back", id="peek.back", tooltip="Back to the list"),
    ]
    reading = getters.query_one("#peek", ReadingPane)

    def __init__(self, store: Store, message_id: int) -> None:
        super().__init__()
        self._store, self._message_id = store, message_id

    def compose(self) -> ComposeResult:
        yield ReadingPane(self._store, id="peek")
        yield KeyBar()

    def on_mount(self) -> None:
        self.reading.border_title = "Message"
        self.reading.show_message(self._message_id)

    def on_attachment_list_told(self, message: AttachmentList.Told) -> None:
        told = clean(message.text) + (f"\n{clean(message.hint)}" if message.hint else "")
        self.notify(told, severity="error" if message.bad else "information", markup=False)
