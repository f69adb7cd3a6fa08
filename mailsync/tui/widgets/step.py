"""One step of a dialog: a form that is filled in, and handed on with `Done`."""

from __future__ import annotations

from typing import ClassVar

from textual.containers import Vertical
from textual.message import Message

from mailsync.errors import MailsyncError
from mailsync.tui.widgets.fields import Choices, Field


class Step(Vertical):
    """A form. `stage` is its place in the dialog's row of stages; it keeps what was filled in while later ones show."""

    stays: ClassVar[bool] = True
    """Whoever gives up what is under way stays here, to try it otherwise."""

    class Done(Message):
        """The form is filled in, as far as it can tell."""

        def __init__(self, step: Step) -> None:
            super().__init__()
            self.step = step

    def __init__(self, stage: int) -> None:
        super().__init__()
        self.stage = stage

    def on_mount(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Put the focus where the person goes on: where nothing is said, to the first thing that takes it."""
        for widget in self.query("Entry, Choices, Checks, Picker"):
            if widget.display and widget.can_focus:
                widget.focus()
                return

    def on_field_submitted(self, message: Field.Submitted) -> None:
        message.stop()
        self.check()

    def on_row_list_chosen(self, message: Choices.Chosen) -> None:
        message.stop()
        self.check()

    def check(self) -> None:
        """Enter was pressed: complain at the field concerned, or hand on."""
        self.post_message(self.Done(self))

    def complain(self, error: MailsyncError) -> None:
        """What came of it was no good: say so at the field concerned."""
        raise NotImplementedError
