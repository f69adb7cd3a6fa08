"""What a person fills in: lines of text, one of several, some of several, and a row of words to pick from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input

from mailsync.errors import MailsyncError
from mailsync.tui.widgets.inked import Inked
from mailsync.tui.widgets.prose import Prose
from mailsync.tui.widgets.rows import RowList

LONGEST = 4096
"""Characters of an answer; an address that a browser ended at is the longest that is ever pasted."""
LABEL = 15
"""Cells of a label, as in the style sheet."""
MOVES: tuple[BindingType, ...] = (
    Binding("down", "app.focus_next", "Next field", show=False, id="field.next", tooltip="To the next field"),
    Binding("up", "app.focus_previous", "Field before", show=False, id="field.before", tooltip="To the field before"),
)


class Entry(Input):
    """The line of a `Field`. What is typed is in no message, and so in no log: whoever wants it asks the field."""

    BINDING_GROUP_TITLE = "Form"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Continue", id="field.submit", tooltip="Go on with what is filled in"),
        *MOVES,
    ]

    def __init__(self, value: str, placeholder: str, *, secret: bool) -> None:
        super().__init__(value, placeholder=placeholder, password=secret, compact=True, max_length=LONGEST)
        self.cursor_blink = False

    def _watch_value(self, value: str) -> None:
        with self.prevent(Input.Changed):
            super()._watch_value(value)

    def _on_blur(self, event: events.Blur) -> None:
        event.prevent_default()
        with self.prevent(Input.Blurred):
            super()._on_blur(event)

    def _on_paste(self, event: events.Paste) -> None:
        """What was copied with line ends around it, or folded over lines as a terminal folds an address."""
        event.prevent_default()
        lines = [line.strip() for line in event.text.strip().splitlines()]
        self.insert_text_at_cursor("".join(lines) if "://" in event.text else lines[0] if lines else "")
        event.stop()

    async def action_submit(self) -> None:
        self.post_message(Field.Submitted())

    def action_copy(self) -> None:
        if not self.password:
            super().action_copy()

    def action_cut(self) -> None:
        if not self.password:
            super().action_cut()


class Field(Vertical):
    """A label, a line to type in, and below it what is to be said about that."""

    class Submitted(Message):
        """Enter: the form is filled in."""

    def __init__(
        self, label: str, value: str = "", *, hint: str = "", secret: bool = False, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._label = label
        self._entry = Entry(value, hint, secret=secret)
        self._remark = Prose(classes="remark")

    def compose(self) -> ComposeResult:
        yield Prose([(self._label, "muted")], classes="label")
        yield self._entry
        yield self._remark

    @property
    def value(self) -> str:
        return self._entry.value

    @value.setter
    def value(self, value: str) -> None:
        self._entry.value = value
        self._entry.action_end()

    def focus_entry(self) -> None:
        self._entry.focus()

    def complain(self, error: MailsyncError) -> None:
        """What is wrong with it, and what to try; the person may type at once."""
        self._remark.show([(f"✕ {error}", "bad"), *([(f"  try: {error.hint}", "plain")] if error.hint else [])])
        self.focus_entry()

    def remark(self, text: str = "", ink: str = "accent") -> None:
        """Say this about it; nothing for ""."""
        self._remark.show([(text, ink)] if text else [])


class Choices(RowList):
    """One of several: each a line that says what, and a line below it that says more where one does."""

    BINDING_GROUP_TITLE = "Choices"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Continue", id="choices.take", tooltip="Take the line under the cursor"),
    ]

    def __init__(self, options: Sequence[tuple[str, str]] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._options = list(options)

    def on_mount(self) -> None:
        self.offer(self._options)

    def offer(self, options: Sequence[tuple[str, str]], cursor: int = 0) -> None:
        """Offer these: (what, more)."""
        self._options = list(options)
        height = 2 if any(more for _, more in self._options) else 1
        self.set_rows(len(self._options), height)
        self.styles.height = len(self._options) * height
        self.cursor = cursor
        self.redraw()

    def draw_row(self, index: int, width: int) -> list[Strip]:
        what, more = self._options[index]
        lines = [self.line().gap(1).add(what, "strong", width - 1).strip(width)]
        return (
            [*lines, self.line().gap(1).add(more, "muted", width - 1).strip(width)] if self.item_height > 1 else lines
        )


class Checks(Choices):
    """Some of several, each with a box to tick."""

    BINDING_GROUP_TITLE = "Boxes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,x", "tick", "Tick", id="checks.tick", tooltip="Tick the box under the cursor, or clear it"),
    ]

    class Changed(Message):
        """A box was ticked or cleared."""

    def __init__(
        self, options: Sequence[tuple[str, str]], ticked: Collection[int] = (), *, id: str | None = None
    ) -> None:
        super().__init__(options, id=id)
        self.ticked = set(ticked)

    def draw_row(self, index: int, width: int) -> list[Strip]:
        what, more = self._options[index]
        on = index in self.ticked
        line = self.line().gap(1).add("[", "muted").add("✓" if on else " ", "good").add("] ", "muted")
        line.add(what, "strong" if on else "plain", width - line.width)
        return [line.strip(width), self.line().gap(5).add(more, "muted", width - 5).strip(width)]

    def action_tick(self) -> None:
        self.ticked ^= {self.cursor}
        self.redraw()
        self.post_message(self.Changed())


class Picker(Inked, can_focus=True):
    """One of a few words that stand side by side, behind a label."""

    BINDING_GROUP_TITLE = "Form"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Left", show=False, id="picker.left", tooltip="The word to the left"),
        Binding("right,space", "step(1)", "Right", show=False, id="picker.right", tooltip="The word to the right"),
        Binding("enter", "submit", "Continue", id="picker.submit", tooltip="Go on with what is filled in"),
        *MOVES,
    ]

    def __init__(self, label: str, words: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = label
        self._words = list(words)
        self.picked = 0
        self._spans: list[tuple[int, int]] = []

    def render_line(self, y: int) -> Strip:
        line = self.line().add(self._label, "muted", LABEL)
        self._spans = []
        for number, word in enumerate(self._words):
            on = number == self.picked
            start = line.width
            line.add("◉ " if on else "○ ", "accent" if on else "muted")
            line.add(word, "strong" if on else "plain")
            self._spans.append((start, line.width))
            line.gap(3)
        line.add("← →" if self.has_focus else "", "accent")
        return self.finish(line.strip(self.size.width))

    def pick(self, number: int) -> None:
        self.picked = number % len(self._words)
        self.refresh()

    def action_step(self, step: int) -> None:
        self.pick(self.picked + step)

    def action_submit(self) -> None:
        self.post_message(Field.Submitted())

    def on_click(self, event: events.Click) -> None:
        for number, (start, stop) in enumerate(self._spans):
            if start <= event.x < stop:
                self.pick(number)
