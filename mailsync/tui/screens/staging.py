"""The dialog that makes a proposal of messages in the list: which of them, and what would be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from mailsync.config.actions import DEFAULT_LABEL
from mailsync.store.dashboard import Folder
from mailsync.tui import deciding
from mailsync.tui.asking import Wish
from mailsync.tui.completion import quoted
from mailsync.tui.sources import SearchSource
from mailsync.tui.widgets.fields import Choices, Picker
from mailsync.tui.widgets.marking import MarkingList, messages_of
from mailsync.tui.widgets.prose import Prose
from mailsync.tui.widgets.rows import RowList

LONGEST = 20_000
"""Messages of a folder that are named one by one; a larger one is named by its query."""
Staged = tuple[int, int]
"""Which of the scopes was picked, and which of `ACTIONS`."""
LEAD = (
    ("Nothing is changed now: it becomes a proposal, to be looked through and approved.", "plain"),
    ("What was written to you, flagged or answered stays out of it, as does whatever must be kept.", "muted"),
)
ACTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Archive", "out of the folder, into the archive", ("archive",)),
    ("Archive, with a label", f"the same, and to be found under {DEFAULT_LABEL}", ("label", "archive")),
    ("Trash", "the server empties it, in its own time", ("trash",)),
    ("Mark as read", "they stay where they are", ("mark_read",)),
    ("Label", f"{DEFAULT_LABEL}; they stay where they are", ("label",)),
    ("Remove for good", "only this mirror has them then; approval wants it typed", ("expunge",)),
)
"""What it is called, what it means, the actions."""


class StagingScreen(ModalScreen[Staged | None]):
    """Ends with what was picked of `scopes`, and what is to be done; None for nothing."""

    BINDING_GROUP_TITLE = "Proposal"
    AUTO_FOCUS = "Choices"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "scope(-1)", "Which", show=False, id="staging.scope_before", tooltip="Fewer or more of them"),
        Binding("right", "scope(1)", "Which", show=False, id="staging.scope", tooltip="Fewer or more of them"),
        Binding("escape", "dismiss", "Cancel", id="staging.cancel", tooltip="Propose nothing"),
    ]
    choices = getters.query_one(Choices)
    picker = getters.query_one(Picker)

    def __init__(self, scopes: Sequence[str], picked: int = 0) -> None:
        super().__init__()
        self._scopes, self._picked = list(scopes), picked

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="staging", can_focus=False):
            yield Prose(LEAD, classes="lead")
            yield Picker("Which", self._scopes)
            yield Choices([(what, more) for what, more, _ in ACTIONS])

    def on_mount(self) -> None:
        box = self.query_one("#staging")
        box.border_title, box.border_subtitle = "Propose a clean-up", Content("↑ ↓ what · ← → which · enter · esc")
        self.picker.pick(self._picked)

    def action_scope(self, step: int) -> None:
        self.picker.action_step(step)

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        self.dismiss((self.picker.picked, message.cursor))


Scope = tuple[str, Callable[[Sequence[str]], Wish]]
"""What it is called, and the wish to propose it for actions."""


def scopes(
    rows: MarkingList,
    found: tuple[SearchSource, str] | None,
    folder: Folder | None,
    accounts: Sequence[str],
    *,
    first: bool,
) -> list[Scope]:
    """What can be proposed of a list: what is marked, else what is under the cursor; and all of it.

    `found` is the search that the list is of, with its text, None for one of `folder`; `accounts` are all there are.
    `first`: the list is the beginning of what there is.
    """
    chosen = rows.marked or frozenset([rows.key] if rows.key is not None else [])
    listed, count = rows.listed, len(rows.listed)
    source, query = found if found is not None else (None, "")
    account = source.scope.account if source is not None else folder.account if folder is not None else None
    here, of = "", ""
    if folder is not None and (source is None or source.scope.folder_id is not None):
        here = f"{'label' if folder.virtual else 'folder'}:{quoted(folder.name)}"
        of = f" of {folder.account} / {folder.name}"
    marked = f"{len(chosen):,} chosen lines{of}" if len(chosen) > 1 else f"One line{of}"

    def some(actions: Sequence[str]) -> Wish:
        return deciding.stage(lambda c: messages_of(c, chosen, listed), actions, marked)

    def every(actions: Sequence[str]) -> Wish:
        if first or (here and count <= LONGEST):
            called = f"The first {count:,}" if first else query or "All"
            return deciding.stage(lambda c: listed, actions, called + of)
        both = f"({query}) {here}" if query and here else query or here
        return deciding.stage_found(both, [account] if account is not None else accounts, actions)

    told = f"{len(rows.marked):,} marked" if rows.marked else "this thread" if (rows.key or 0) < 0 else "this message"
    return [(told, some), (f"all {count:,} {'found' if query and not first else 'here'}", every)]
