"""The tree of saved searches, accounts and folders beside the message list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.strip import Strip

from mailsync.store.dashboard import Folder
from mailsync.tui import wording
from mailsync.tui.drawing import width_of
from mailsync.tui.searches import Saved
from mailsync.tui.states import LABEL, look
from mailsync.tui.tree import SEARCHES, Node, flatten, kept
from mailsync.tui.widgets.rows import RowList


class FolderTree(RowList):
    """A line an account, and below it a line a folder, above them the searches; lines with children open and close."""

    BINDING_GROUP_TITLE = "Folder tree"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "fold", "Close", show=False, id="tree.close", tooltip="Close this branch, or go to its parent"),
        Binding("right", "unfold", "Open branch", show=False, id="tree.open", tooltip="Open this branch"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._accounts: Sequence[tuple[str, str]] = ()
        self._folders: Sequence[Folder] = ()
        self._searches: Sequence[Saved] = ()
        self._folded: set[tuple[str, ...]] = set()
        self._shown: list[Node] = []

    def show_searches(self, searches: Sequence[Saved]) -> None:
        """Show these saved searches above the accounts; the cursor stays on its line."""
        if searches != self._searches:
            self._searches = searches
            self._rebuild(self._shown[self.cursor].key if self._shown else None)

    def show(self, accounts: Sequence[tuple[str, str]], folders: Sequence[Folder]) -> None:
        """Show these accounts, as (name, state), with their folders; the cursor stays on its line."""
        if (accounts, folders) == (self._accounts, self._folders):
            return
        self._accounts, self._folders = accounts, folders
        self._rebuild(self._shown[self.cursor].key if self._shown else None)

    @property
    def selected(self) -> Node | None:
        """The line under the cursor."""
        return self._shown[self.cursor] if self._shown else None

    def select(self, folder_id: int) -> bool:
        """Put the cursor on a folder, opening what hides it; False when there is no such folder."""
        nodes = flatten([name for name, _ in self._accounts], self._folders, ())
        keys = [node.key for node in nodes if node.folder is not None and node.folder.id == folder_id]
        if not keys:
            return False
        self._folded -= {keys[0][:length] for length in range(1, len(keys[0]))}
        self._rebuild(keys[0])
        return True

    def first_folder(self) -> Folder | None:
        """The folder to begin with: the first one, which is the INBOX where there is one."""
        return next((node.folder for node in self._shown if node.folder is not None), None)

    def _rebuild(self, key: tuple[str, ...] | None) -> None:
        accounts = [name for name, _ in self._accounts]
        nodes = [*kept(self._searches, self._folded), *flatten(accounts, self._folders, self._folded)]
        self._shown = nodes
        self.set_rows(len(nodes))
        places = [place for place, node in enumerate(nodes) if node.key == key]
        if places:
            self.cursor = places[0]

    def action_fold(self) -> None:
        node = self.selected
        if node is None:
            return
        if node.has_children and node.open:
            self._folded.add(node.key)
            self._rebuild(node.key)
        elif len(node.key) > 1:
            self._rebuild(node.key[:-1])

    def action_unfold(self) -> None:
        node = self.selected
        if node is not None and node.has_children and not node.open:
            self._folded.discard(node.key)
            self._rebuild(node.key)

    def action_choose(self) -> None:
        """Open a folder; a line that is only a name opens or closes."""
        node = self.selected
        if node is not None and node.folder is None and not node.search:
            (self.action_fold if node.open else self.action_unfold)()
        else:
            super().action_choose()

    def draw_row(self, index: int, width: int) -> list[Strip]:
        node = self._shown[index]
        line = self.line()
        label = node.folder is not None and node.folder.virtual
        branch = ("▾ " if node.open else "▸ ") if node.has_children else f"{LABEL} " if label else "  "
        if node.key == SEARCHES:
            line.add(branch, "muted").add("/ ", "key")
        elif node.depth == 0:
            style = look(dict(self._accounts).get(node.label, "disconnected"))
            line.add(branch, "muted").add(f"{style.glyph} ", style.ink)
        else:
            line.gap(2 * node.depth - 1 if node.depth * 2 < width // 2 else width // 2).add(branch, "muted")
        unread = wording.count(node.unread) if node.unread else ""
        if node.folder is not None and node.folder.syncing:
            unread = f"{unread} ◐".strip()
        if node.folder is not None and node.folder.error:
            unread = f"{unread} ✕".strip()
        known = node.folder is not None or bool(node.search)
        ink = "strong" if node.unread or node.depth == 0 else "plain" if known else "muted"
        line.add(node.label, ink, max(1, width - line.width - width_of(unread) - 1))
        return [line.gap(1).add(unread, "accent").strip(width)]
