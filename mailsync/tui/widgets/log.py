"""The log as a list: the newest line at the bottom, which the view follows while the cursor is there."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from textual.strip import Strip

from mailsync.privacy.logtail import Entry
from mailsync.tui import states, wording
from mailsync.tui.drawing import Column, layout
from mailsync.tui.widgets.rows import RowList

KEPT = 2000
"""Lines kept for the filters; some hundred kilobytes."""
SPARE = 200
"""So many more are let come before the oldest are dropped, all at once: each time the list is drawn anew."""
LEVELS = ("", "info", "warning", "error")
"""What `level` may be: from which level on lines are shown, "" for all."""
_RANK = {"debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 3}
COLUMNS = (
    Column("at", "", 8, keep=60),
    Column("level", "", 9, keep=80),
    Column("account", "", 10, keep=70),
    Column("event", "", 24, keep=100, share=True),
)


class LogList(RowList):
    """A row a line of the log, filtered by level and account."""

    BINDING_GROUP_TITLE = "Log"
    marks_unfocused = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entries: deque[Entry] = deque(maxlen=KEPT + SPARE)
        self._shown: list[Entry] = []
        self.level = ""
        self.account: str | None = None

    def add(self, entries: Sequence[Entry]) -> None:
        """Lines were written. Whoever stands on the last row stays on the last."""
        if not entries:
            return
        follow = self.cursor >= len(self._shown) - 1
        full = len(self._entries) + len(entries) > KEPT + SPARE
        self._entries.extend(entries)
        if full:
            while len(self._entries) > KEPT:
                self._entries.popleft()
            self._filter(follow=follow)
            return
        self._shown += [entry for entry in entries if self._wanted(entry)]
        self.grow(len(self._shown))
        if follow:
            self.cursor = len(self._shown) - 1

    def show_only(self, level: str, account: str | None) -> None:
        """Show lines of `level` and worse, of one account or of all."""
        self.level, self.account = level, account
        self._filter(follow=True)

    @property
    def selected(self) -> Entry | None:
        """The line under the cursor."""
        return self._shown[self.cursor] if self._shown else None

    def _wanted(self, entry: Entry) -> bool:
        return _RANK.get(entry.level, 1) >= _RANK.get(self.level, 0) and self.account in (None, entry.account)

    def _filter(self, *, follow: bool) -> None:
        here = self.selected
        self._shown = [entry for entry in self._entries if self._wanted(entry)]
        self.set_rows(len(self._shown))
        self.redraw()
        place = len(self._shown) - 1
        if not follow:
            place = next((number for number, entry in enumerate(self._shown) if entry is here), 0)
        self.cursor = place
        self.show_cursor()

    def draw_row(self, index: int, width: int) -> list[Strip]:
        entry = self._shown[index]
        style = states.of(states.LEVELS, entry.level)
        line = self.line()
        for number, (column, cells) in enumerate(layout(COLUMNS, width)):
            line.gap(2 if number else 0)
            match column.key:
                case "at":
                    line.add(wording.clock_time(entry.at) if entry.at is not None else "", "muted", cells)
                case "level":
                    line.add(f"{style.glyph} ", style.ink).add(style.word, style.ink, cells - 2)
                case "account":
                    line.add(entry.account or entry.logger, "strong" if entry.account else "muted", cells)
                case "event":
                    line.add(entry.event.replace("_", " "), "plain")
                    line.gap(2).add(entry.rest, "muted", max(0, width - line.width - 2))
        return [line.strip(width)]
