"""A pane of several parts, one of which is at the front where there is no room for all of them."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.widget import Widget

from mailsync.tui.screens.pane import Pane


class PartsPane(Pane):
    """`VIEWS` names the parts in their order, `HOME` the one where a pane begins and where Back leads.

    The screen has the class `-view-NAME` of the part that has the focus, or had it last; the style sheet hides the
    others where it must.
    """

    VIEWS: ClassVar[tuple[str, ...]] = ()
    HOME: ClassVar[str] = ""

    def part(self, view: str) -> Widget:
        """The widget that has the focus while this part is at the front."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.mark_view(self.HOME)

    @property
    def view(self) -> str:
        """The part that has the focus, or had it last."""
        return next((view for view in self.VIEWS if self.has_class(f"-view-{view}")), self.HOME)

    def mark_view(self, view: str) -> None:
        """Bring a part to the front, and leave the focus where it is."""
        for each in self.VIEWS:
            self.set_class(each == view, f"-view-{each}")

    def show_view(self, view: str) -> None:
        """Bring a part to the front and give it the focus."""
        if not self.has_class("-wide"):
            # Or what is hidden now would hand the focus to whatever comes next, which would be brought to the front.
            self.set_focus(None)
        self.mark_view(view)
        self.call_after_refresh(self._focus_view)

    def _focus_view(self) -> None:
        # The view of this moment: with keys in quick succession it is not the one that was asked for first.
        self.part(self.view).focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for view in self.VIEWS:
            if self.part(view) is event.widget is self.focused:
                self.mark_view(view)
                self.view_entered(view)

    def view_entered(self, view: str) -> None:
        """A part has got the focus."""

    def action_next_view(self, step: int) -> None:
        self.show_view(self.VIEWS[(self.VIEWS.index(self.view) + step) % len(self.VIEWS)])

    async def action_back(self) -> None:
        if self.view != self.HOME:
            self.show_view(self.HOME)
        else:
            await self.run_action("app.show_mode('dashboard')")
