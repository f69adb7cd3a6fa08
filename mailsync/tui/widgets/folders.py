"""The folders of one account, or of all: how much of each is here, and how long the rest may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.strip import Strip

from mailsync.store.dashboard import Folder
from mailsync.tui import rates, wording
from mailsync.tui.drawing import Column, Line, layout
from mailsync.tui.tree import special_word
from mailsync.tui.widgets.inked import Inked
from mailsync.tui.widgets.rows import RowList

COLUMNS = (
    Column("name", "Folder", 24, keep=100, share=True),
    Column("use", "Use", 9, keep=10),
    Column("messages", "Messages", 17, keep=90, align="right"),
    Column("bytes", "Size", 8, keep=50, align="right"),
    Column("progress", "Progress", 17, keep=70),
    Column("eta", "To go", 11, keep=80, align="right"),
    Column("synced", "Synced", 10, keep=40, align="right"),
    Column("next", "Next", 9, keep=20, align="right"),
    Column("watch", "Watch", 6, keep=30),
)
QUIET_COLUMNS = (
    Column("name", "Folder", 24, keep=100, share=True),
    Column("use", "Use", 9, keep=10),
    Column("messages", "Messages", 10, keep=90, align="right"),
    Column("bytes", "Size", 8, keep=60, align="right"),
    Column("progress", "Progress", 10, keep=80),
    Column("synced", "Synced", 10, keep=70, align="right"),
    Column("next", "Next", 9, keep=20, align="right"),
    Column("watch", "Watch", 6, keep=50),
)
"""While nothing is on its way, names have the room of the bars."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A folder and the guess about its time to go."""

    folder: Folder
    eta: str


class FolderTable(RowList):
    """A row a folder; opening one shows its mail."""

    BINDING_GROUP_TITLE = "Folders"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Progress] = ()
        self._now = 0.0
        self._with_account = False

    def show(self, lines: Sequence[Progress], now: float, *, with_account: bool) -> None:
        """Show these folders, with the account before the name if `with_account`; the cursor stays on its folder."""
        # Who has not moved the cursor is shown the first row, whatever that comes to be.
        here = self.selected if self.cursor else None
        columns = self.columns
        self._lines, self._now, self._with_account = lines, now, with_account
        if columns is not self.columns:
            self.redraw()
        self.set_rows(len(lines))
        if here is not None:
            places = [number for number, line in enumerate(lines) if line.folder.id == here.id]
            if places:
                self.cursor = places[0]

    @property
    def columns(self) -> Sequence[Column]:
        """The columns for what there is to show."""
        return COLUMNS if any(line.folder.remaining for line in self._lines) else QUIET_COLUMNS

    @property
    def selected(self) -> Folder | None:
        """The folder under the cursor."""
        return self._lines[self.cursor].folder if self._lines else None

    def draw_row(self, index: int, width: int) -> list[Strip]:
        shown = self._lines[index]
        line = self.line()
        for number, (column, cells) in enumerate(layout(self.columns, width)):
            line.gap(2 if number else 0)
            self._cell(line, shown, column, cells)
        return [line.strip(width)]

    def _cell(self, line: Line, shown: Progress, column: Column, cells: int) -> None:
        folder = shown.folder
        ink, text = "muted", ""
        match column.key:
            case "name":
                ink = "bad" if folder.error else "plain"
                mark = "✕ " if folder.error else ""
                prefix = f"{folder.account} / " if self._with_account else ""
                line.add(mark, ink).add(prefix, "muted")
                line.add(folder.name, ink, max(1, cells - len(mark) - len(prefix)))
                return
            case "use":
                text = special_word(folder)
            case "messages":
                ink, text = "plain", wording.count(folder.messages)
                if folder.remaining and folder.server_messages is not None:
                    text = f"{text} / {wording.count(folder.server_messages)}"
            case "bytes":
                text = wording.size(folder.bytes)
            case "progress":
                self._progress(line, folder, cells)
                return
            case "eta":
                text = shown.eta
                if not folder.remaining:
                    text = "" if folder.first_sync_at else "waiting" if folder.server_messages is None else "—"
                ink = "plain" if folder.remaining else "muted"
            case "synced":
                text = "syncing" if folder.syncing else wording.ago(folder.last_sync_at, self._now)
                ink = "accent" if folder.syncing else "muted"
            case "next":
                text = wording.until(folder.next_sync_at, self._now)
            case "watch":
                text = folder.watch or wording.UNKNOWN
                ink = "good" if folder.watch in ("idle", "notify") else "muted"
        line.add(text, ink, cells, column.align)

    def _progress(self, line: Line, folder: Folder, cells: int) -> None:
        if folder.error and not folder.syncing:
            line.add("stopped", "bad", cells)
        elif folder.first_sync_at is not None and not folder.remaining:
            line.add("✓ ", "good").add("complete", "muted", cells - 2)
        else:
            whole = folder.server_messages or 0
            part = whole - folder.remaining if whole else 0
            done, todo = rates.bar(part, whole or 1, max(4, cells - 6))
            line.add(done, "accent").add(todo, "rule")
            line.add(wording.percent(part, whole or 1), "plain", 6, "right")


class FolderHeadings(Inked):
    """The titles above a `FolderTable`, which must be as wide."""

    def __init__(self, table: FolderTable) -> None:
        super().__init__()
        self._table = table
        self._shown = table.columns

    def follow(self) -> None:
        """The table may have other columns now."""
        if self._table.columns is not self._shown:
            self._shown = self._table.columns
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        line = self.line().gap(1)
        inner = self._table.scrollable_content_region.width - 1
        for number, (column, cells) in enumerate(layout(self._table.columns, inner) if inner > 0 else []):
            line.gap(2 if number else 0).add(column.title, "muted", cells, column.align)
        return self.finish(line.strip(width))
