"""A dialog of several steps: one form at a time, back with escape, and nothing waits for a server but the person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.strip import Strip

from mailsync.errors import MailsyncError
from mailsync.tui.drawing import clean
from mailsync.tui.entrance import Entrance, Listed
from mailsync.tui.errand import Errand
from mailsync.tui.screens.help import HelpScreen
from mailsync.tui.widgets.inked import Inked
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.prose import Prose
from mailsync.tui.widgets.step import Step

SPIN_SECONDS = 0.25
SPINNER = "◐◓◑◒"
TOLD_AFTER_SECONDS = 3
"""A wait this long is told in seconds."""


class Stages(Inked):
    """What the dialog is made of, and how far one is."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(id="stages")
        self._names = names
        self._here = 0

    def show(self, here: int) -> None:
        self._here = here
        self.refresh()

    def render_line(self, y: int) -> Strip:
        line, width = self.line(), self.size.width
        if sum(len(name) + 5 for name in self._names) > width:
            line.add(f"{self._here + 1} of {len(self._names)}  ", "muted").add(self._names[self._here], "accent")
            return self.finish(line.strip(width))
        for number, name in enumerate(self._names):
            mark, ink = (
                ("✓", "good") if number < self._here else ("▸", "accent") if number == self._here else ("·", "muted")
            )
            line.add(f"{mark} ", ink).add(name, "strong" if number == self._here else "muted").gap(3)
        return self.finish(line.strip(width))


class Wizard(ModalScreen[Listed | None]):
    """`title` stands on the frame, `stages` name the parts. Ends with the accounts there are, None for no change."""

    BINDING_GROUP_TITLE = "Dialog"
    AUTO_FOCUS = None
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (72, "-roomy")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (26, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="dialog.back", tooltip="A step back; from the first one, leave"),
        Binding("f1", "keys", "Help", id="dialog.help", tooltip="The keys that work here"),
    ]
    busy = getters.query_one("#busy", Prose)
    stages = getters.query_one(Stages)

    def __init__(self, entrance: Entrance, clock: Callable[[], float], title: str, stages: Sequence[str]) -> None:
        super().__init__()
        self.entrance = entrance
        self.outcome: Listed | None = None
        self._clock = clock
        self._heading = title
        self._names = stages
        self._steps: list[Step] = []
        self._errand: Errand | None = None
        self._since = 0.0

    def compose(self) -> ComposeResult:
        with Vertical(id="wizard"):
            yield Stages(self._names)
            yield VerticalScroll(id="steps", can_focus=False)
            yield Prose(id="busy")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#wizard").border_title = Content(clean(self._heading))
        self.stages.display = len(self._names) > 1
        self.set_class(len(self._names) == 1, "-single")
        self.set_interval(SPIN_SECONDS, self._spin)
        self.start()

    def start(self) -> None:
        """Show the first step."""
        raise NotImplementedError

    # -- steps ----------------------------------------------------------------------------------------------------

    @property
    def step(self) -> Step | None:
        """The step that is seen."""
        return self._steps[-1] if self._steps else None

    def push(self, step: Step) -> None:
        """Go on to a step; escape comes back to the one that is seen now."""
        if self.step is not None:
            self.step.display = False
        self._steps.append(step)
        self.query_one("#steps").mount(step)
        self.stages.show(step.stage)

    def replace(self, step: Step, *, all_of_them: bool = False) -> None:
        """Go on to a step from which there is no way back to the one that is seen, or to any."""
        for left in self._steps if all_of_them else self._steps[-1:]:
            left.remove()
        del self._steps[0 if all_of_them else -1 :]
        self.push(step)

    def pop(self) -> None:
        """Back to the step before, as it was left."""
        self._steps.pop().remove()
        assert self.step is not None
        self.step.display = True
        self.step.begin()
        self.stages.show(self.step.stage)

    async def action_back(self) -> None:
        """Give up what is under way, else a step back, else leave."""
        if self._errand is not None:
            if self._errand.lasting:
                return
            self.give_up()
            if self.step is None or self.step.stays:
                return
        if len(self._steps) > 1:
            self.left(self._steps[-1])
            self.pop()
        else:
            self.leave()

    def left(self, step: Step) -> None:
        """The person goes back from a step."""

    def leave(self) -> None:
        """End the dialog."""
        self.dismiss(self.outcome)

    # -- what takes time ------------------------------------------------------------------------------------------

    def do(
        self,
        told: str,
        work: Callable[[], Any],
        then: Callable[[Any], object],
        *,
        lasting: bool = False,
        give_up: Callable[[], None] = lambda: None,
        failed: Callable[[MailsyncError], object] | None = None,
    ) -> None:
        """Have `work` done outside, then call `then` with what came of it; an error is shown at the step."""
        if self._errand is not None:
            return
        self._since = self._clock()
        self._errand = Errand(self, told, work, then, lasting=lasting, give_up=give_up, failed=failed)
        self._spin()

    @property
    def at_work(self) -> bool:
        """Something is under way."""
        return self._errand is not None

    def give_up(self) -> None:
        """Wait no longer for what is under way."""
        if self._errand is not None:
            self._errand.give_up()
        self._rest()

    def _rest(self) -> None:
        self._errand = None
        self.busy.show([])

    def on_errand_done(self, message: Errand.Done) -> None:
        errand = message.errand
        if errand is not self._errand or not errand.wanted:
            return
        self._rest()
        if message.error is None:
            errand.then(message.result)
        elif errand.failed is not None:
            errand.failed(message.error)
        elif self.step is not None:
            self.step.complain(message.error)

    def on_unmount(self) -> None:
        if self._errand is not None and not self._errand.lasting:
            self._errand.give_up()

    def _spin(self) -> None:
        if self._errand is None or not self._errand.told:
            return
        waited = self._clock() - self._since
        glyph = SPINNER[int(waited / SPIN_SECONDS) % len(SPINNER)]
        seconds = f"  {waited:.0f} s" if waited >= TOLD_AFTER_SECONDS else ""
        self.busy.show([(f"{glyph} {self._errand.told} …{seconds}", "accent")])

    def action_keys(self) -> None:
        """Show the keys that work in this step."""
        bindings = self.active_bindings
        display = {key: self.app.get_key_display(active.binding) for key, active in bindings.items()}
        self.app.push_screen(HelpScreen(bindings, display))
