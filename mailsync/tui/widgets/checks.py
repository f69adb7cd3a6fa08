"""The checks and the live connections: what the health pane shows on its left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.strip import Strip

from mailsync.engine.health import Check, Report, Status
from mailsync.store.connections import Row
from mailsync.tui import states, wording
from mailsync.tui.drawing import Column, Line, layout
from mailsync.tui.widgets.inked import Inked
from mailsync.tui.widgets.rows import RowList

CHECK_COLUMNS = (
    Column("status", "", 6, keep=100),
    Column("where", "", 12, keep=70),
    Column("name", "", 11, keep=80),
    Column("detail", "", 20, keep=90, share=True),
)
WIDE_CHECK_COLUMNS = tuple(replace(column, width=18) if column.key == "where" else column for column in CHECK_COLUMNS)
WIDE = 78
"""Cells of a row from which on there is room for whole folder names."""
CONNECTION_COLUMNS = (
    Column("state", "", 12, keep=100),
    Column("account", "", 8, keep=95),
    Column("purpose", "", 7, keep=70),
    Column("folder", "", 8, keep=80, share=True),
    Column("line", "", 7, keep=50),
    Column("bytes", "", 8, keep=60, align="right"),
    Column("since", "", 6, keep=40, align="right"),
)


class HealthSummary(Inked):
    """The whole report in one line."""

    def __init__(self) -> None:
        super().__init__()
        self._report: Report | None = None

    def show(self, report: Report) -> None:
        if report != self._report:
            self._report = report
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width, report = self.size.width, self._report
        line = self.line().gap(1)
        if report is None:
            return self.finish(line.add("checking…", "muted").strip(width))
        style = states.of(states.HEALTH, report.status)
        line.add(f"{style.glyph} ", style.ink).add(style.word, style.ink).gap(2)
        words: tuple[tuple[Status, str], ...] = (("fail", "failed"), ("warn", "warned"), ("pass", "passed"))
        counts = [f"{report.count(status)} {word}" for status, word in words if report.count(status)]
        line.add(" · ".join(counts), "plain")
        numbers = report.metrics
        beside = [
            (numbers["messages"], wording.messages(numbers["messages"])),
            (numbers["quarantined"], f"{wording.count(numbers['quarantined'])} set aside"),
            (numbers["active_jobs"], f"{wording.count(numbers['active_jobs'])} active in the queue"),
        ]
        for number, told in beside:
            if number and line.width + len(told) + 3 < width:
                line.add(f" · {told}", "muted")
        return self.finish(line.strip(width))


class CheckList(RowList):
    """A row a check, the worst first. Its cursor chooses whose server is told of."""

    BINDING_GROUP_TITLE = "Checks"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._checks: Sequence[Check] = ()

    def show(self, checks: Sequence[Check]) -> None:
        """Show these; the cursor stays on its check, unless it never left the first row."""
        if checks == self._checks:
            return
        here = self.selected if self.cursor else None
        self._checks = checks
        self.set_rows(len(checks))
        if here is not None:
            key = (here.name, here.account, here.folder)
            places = [n for n, check in enumerate(checks) if (check.name, check.account, check.folder) == key]
            if places:
                self.cursor = places[0]

    @property
    def selected(self) -> Check | None:
        """The check under the cursor."""
        return self._checks[self.cursor] if self._checks else None

    def draw_row(self, index: int, width: int) -> list[Strip]:
        check = self._checks[index]
        style = states.of(states.CHECKS, check.status)
        line = self.line()
        for number, (column, cells) in enumerate(layout(WIDE_CHECK_COLUMNS if width > WIDE else CHECK_COLUMNS, width)):
            line.gap(2 if number else 0)
            match column.key:
                case "status":
                    line.add(f"{style.glyph} ", style.ink).add(style.word, style.ink, cells - 2)
                case "where":
                    where = " / ".join(part for part in (check.account, check.folder) if part)
                    line.add(where or "mailsync", "strong" if style.trouble else "plain" if where else "muted", cells)
                case "name":
                    line.add(check.name.replace("_", " "), "plain" if style.trouble else "muted", cells)
                case "detail":
                    line.add(check.detail, "plain" if style.trouble else "muted", max(0, width - line.width))
        return [line.strip(width)]


class ConnectionList(RowList):
    """A row a live connection."""

    BINDING_GROUP_TITLE = "Connections"
    marks_unfocused = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: Sequence[Row] = ()
        self._now = 0.0

    def show(self, rows: Sequence[Row], now: float) -> None:
        """Show these; the cursor stays on its connection."""
        here = self.selected
        self._rows, self._now = rows, now
        self.set_rows(len(rows))
        places = [number for number, row in enumerate(rows) if here is not None and row.id == here.id]
        if places:
            self.cursor = places[0]

    @property
    def selected(self) -> Row | None:
        """The connection under the cursor."""
        return self._rows[self.cursor] if self._rows else None

    def draw_row(self, index: int, width: int) -> list[Strip]:
        row = self._rows[index]
        line = self.line()
        for number, (column, cells) in enumerate(layout(CONNECTION_COLUMNS, width)):
            line.gap(2 if number else 0)
            self._cell(line, row, column, cells)
        return [line.strip(width)]

    def _cell(self, line: Line, row: Row, column: Column, cells: int) -> None:
        match column.key:
            case "state":
                style = states.of(states.CONNECTIONS, row.state)
                line.add(f"{style.glyph} ", style.ink).add(style.word, style.ink, cells - 2)
            case "account":
                line.add(row.account, "strong", cells)
            case "purpose":
                line.add(row.purpose, "muted", cells)
            case "folder":
                line.add(row.folder or row.detail, "plain" if row.folder else "muted", cells)
            case "line":
                line.add("deflate" if row.compressed else "plain", "muted", cells)
            case "bytes":
                line.add(wording.size(row.received), "plain", cells, "right")
            case "since":
                line.add(wording.span(max(0.0, self._now - row.changed_at)), "muted", cells, "right")
