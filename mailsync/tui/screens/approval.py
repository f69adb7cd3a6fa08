"""The question before anything is changed on a server: what will be done, in full, and Cancel under the finger."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.screen import ModalScreen
from textual.strip import Strip

from mailsync.errors import UsageError
from mailsync.tui.drawing import clean, width_of
from mailsync.tui.widgets.fields import Field
from mailsync.tui.widgets.inked import Inked
from mailsync.tui.widgets.prose import Prose, Told

AIR = 3
"""Cells on either side of the word of a button."""


class Answer(Inked, can_focus=True):
    """A button."""

    BINDING_GROUP_TITLE = "Answer"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "press", "Press", id="answer.press", tooltip="What the button says"),
        Binding("left,up", "app.focus_previous", "Before", show=False, id="answer.before", tooltip="To the one before"),
        Binding("right,down", "app.focus_next", "Next", show=False, id="answer.next", tooltip="To the next one"),
    ]

    class Pressed(Message):
        """The button was pressed."""

        def __init__(self, answer: Answer) -> None:
            super().__init__()
            self.answer = answer

    def __init__(self, word: str, *, id: str) -> None:
        super().__init__(id=id)
        self._word = clean(word)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return width_of(self._word) + 2 * AIR

    def render_line(self, y: int) -> Strip:
        line = self.line().gap(AIR - 2).add("▸ " if self.has_focus else "  ", "key")
        return self.finish(line.add(self._word, "strong").gap(AIR).strip(self.size.width))

    def action_press(self) -> None:
        self.post_message(self.Pressed(self))

    def on_click(self, event: events.Click) -> None:
        self.action_press()


class ApprovalScreen(ModalScreen[str | None]):
    """Ends with what was typed ("" where nothing has to be), None for no. `verb` is what yes does, `typed` what has to
    be typed for it, "" for nothing."""

    BINDING_GROUP_TITLE = "Approval"
    AUTO_FOCUS = "#no"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="approval.cancel", tooltip="Change nothing"),
    ]

    def __init__(self, title: str, told: Told, verb: str, typed: str = "") -> None:
        super().__init__()
        self._title, self._told, self._verb, self._typed = title, told, verb, typed

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="approval", can_focus=False):
            yield Prose(self._told, classes="lead")
            if self._typed:
                yield Field("Type", hint=self._typed)
            with Horizontal(id="answers"):
                yield Answer("Cancel", id="no")
                yield Answer(self._verb, id="yes")

    def on_mount(self) -> None:
        # Content, because a border parses a string as markup.
        box = self.query_one("#approval")
        box.border_title, box.border_subtitle = Content(clean(self._title)), Content("tab, enter · esc cancels")

    def on_answer_pressed(self, message: Answer.Pressed) -> None:
        if message.answer.id == "no":
            self.dismiss(None)
        elif self._fits():
            self.dismiss(self._typed)

    def on_field_submitted(self) -> None:
        if self._fits():
            self.query_one("#yes").focus()

    def _fits(self) -> bool:
        """What has to be typed was."""
        if not self._typed:
            return True
        field = self.query_one(Field)
        fits = " ".join(field.value.split()).replace(",", "") == self._typed
        if fits:
            field.remark()
        else:
            field.complain(UsageError(f"this is approved by typing {self._typed}"))
        return fits
