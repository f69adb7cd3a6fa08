"""The smaller parts of the dashboard: totals, problems, recent activity, and the form for an empty mirror."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.geometry import Size
from textual.strip import Strip

from mailsync.store.activity import Entry
from mailsync.store.dashboard import Snapshot
from mailsync.tui import rates, wording
from mailsync.tui.drawing import clean, wrap
from mailsync.tui.states import look
from mailsync.tui.widgets.inked import Inked
from mailsync.tui.widgets.rows import RowList


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of the dashboard. `disk` is the size of the database in bytes."""

    messages: int = 0
    expected: int = 0
    """Messages here when all that is under way has come."""
    bytes: int = 0
    disk: int = 0
    rate: float = 0.0
    history: tuple[float, ...] = ()
    eta: str = wording.UNKNOWN
    quarantined: int = 0


class Overview(Inked):
    """The totals in one glance: three lines where there is room, one where there is not."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._totals = Totals()

    def show(self, totals: Totals) -> None:
        if totals != self._totals:
            self._totals = totals
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        strip = self._short(width) if self.size.height == 1 else self._tile_line(y, width)
        return self.finish(strip)

    def _short(self, width: int) -> Strip:
        totals = self._totals
        line = self.line().gap(1).add(f"{wording.count(totals.messages)}", "strong").add(self._of(), "muted")
        line.add(" messages · ", "muted").add(wording.size(totals.bytes), "strong")
        if width >= 76:
            line.add(" mail · ", "muted").add(wording.size(totals.disk), "strong").add(" on disk", "muted")
        line.add(" · ", "muted").add(wording.rate(totals.rate), "strong")
        if totals.eta != wording.UNKNOWN:
            line.add(f" {totals.eta}", "plain")
        if totals.quarantined:
            line.add(f" · ✕ {totals.quarantined} quarantined", "warning")
        return line.strip(width)

    def _of(self) -> str:
        totals = self._totals
        return f" of {wording.count(totals.expected)}" if totals.expected > totals.messages else ""

    def _tile_line(self, y: int, width: int) -> Strip:
        totals = self._totals
        missing = totals.expected - totals.messages
        small = 0 < totals.disk < totals.bytes
        share = f"{wording.percent(totals.disk, totals.bytes)} of the mail" if small else "the whole database"
        progress = f"{wording.percent(totals.messages, totals.expected)} of what is under way"
        tiles = [
            ("Messages", wording.count(totals.messages) + self._of(), progress if missing > 0 else "all here", "muted"),
            ("Mail", wording.size(totals.bytes), "as the servers sent it", "muted"),
            ("On disk", wording.size(totals.disk), share, "muted"),
            ("Now", wording.rate(totals.rate), f"{totals.eta} to go" if missing > 0 else "nothing to go", "muted"),
            (
                "Quarantined",
                wording.count(totals.quarantined),
                "set aside: press 4" if totals.quarantined else "nothing set aside",
                "warning" if totals.quarantined else "muted",
            ),
        ]
        cells = width // len(tiles)
        line = self.line()
        for title, value, note, ink in tiles:
            text, kind = ((title, "muted"), (value, "strong"), (note, ink))[min(y, 2)]
            if title == "Now" and y == 1:
                line.gap(1).add(value, "strong", 10)
                line.add(rates.sparkline(totals.history, cells - 14).lstrip(), "spark", cells - 11)
            else:
                line.gap(1).add(text, kind, cells - 1)
        return line.strip(width)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that needs a person or another try; `ink` and `glyph` tell how badly."""

    where: str
    what: str
    hint: str
    glyph: str
    ink: str


def problems(snapshot: Snapshot, now: float) -> list[Problem]:
    """The problems of accounts, then those of folders, at `now` (Unix seconds)."""
    found = []
    for account in snapshot.accounts:
        style = look(account.state)
        if style.trouble:
            what = account.state_detail or account.error or style.word
            if account.resumes_at is not None and account.resumes_at > now:
                what = f"{what} ({wording.until(account.resumes_at, now)})"
            hint = account.state_hint or account.error_hint
            found.append(Problem(account.name, what, hint, style.glyph, style.ink))
        elif account.error:
            found.append(Problem(account.name, account.error, account.error_hint, "✕", "bad"))
    told = {(problem.where, problem.what) for problem in found}
    return found + [
        Problem(f"{folder.account} / {folder.name}", folder.error, folder.error_hint, "✕", "bad")
        for folder in snapshot.folders
        if folder.error and (folder.account, folder.error) not in told
    ]


class ProblemPanel(Inked):
    """What is wrong, each with its hint; not there when nothing is. Shows what fits and counts the rest."""

    AT_MOST: ClassVar[int] = 8
    """Lines, so that problems never push everything else off the screen."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._problems: Sequence[Problem] = ()
        self._lines: list[list[tuple[str, str]]] = []

    def show(self, found: Sequence[Problem]) -> None:
        if found != self._problems:
            self._problems = found
            self.display = bool(found)
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        room = self.AT_MOST if viewport.height >= 22 else 4
        self._lines = self._compose_lines(width, room)
        return len(self._lines)

    def _compose_lines(self, width: int, room: int) -> list[list[tuple[str, str]]]:
        lines: list[list[tuple[str, str]]] = []
        for number, problem in enumerate(self._problems):
            head = f"{problem.where}: "
            text = wrap(clean(problem.what), max(10, width - 3 - len(head)))
            block = [[(f"{problem.glyph} ", problem.ink), (head, "strong"), (text[0], problem.ink)]]
            block += [[("  ", "plain"), (part, problem.ink)] for part in text[1:2]]
            if problem.hint:
                hints = wrap(clean(problem.hint), max(10, width - 9))
                block += [[("  try: ", "muted"), (hints[0], "plain")]]
                block += [[("       ", "muted"), (part, "plain")] for part in hints[1:2]]
            left = len(self._problems) - number
            if len(lines) + len(block) > room - (left > 1) and lines:
                lines.append([(f"  and {left} more: press 3", "muted")])
                break
            lines += block
        return lines[:room]

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        line = self.line()
        for text, ink in self._lines[y] if y < len(self._lines) else []:
            line.add(text, ink)
        return self.finish(line.strip(width))


class ActivityList(RowList):
    """What happened lately, newest first."""

    BINDING_GROUP_TITLE = "Activity"
    marks_unfocused = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entries: Sequence[Entry] = ()

    def show(self, entries: Sequence[Entry]) -> None:
        """Show these; the cursor stays on its entry, or at the top if it was there."""
        if entries == self._entries:
            return
        here = self._entries[self.cursor].seq if self._entries and self.cursor else None
        self._entries = entries
        self.set_rows(len(entries))
        places = [number for number, entry in enumerate(entries) if entry.seq == here]
        if places:
            self.cursor = places[0]

    @property
    def selected(self) -> Entry | None:
        """The entry under the cursor."""
        return self._entries[self.cursor] if self._entries else None

    def draw_row(self, index: int, width: int) -> list[Strip]:
        entry = self._entries[index]
        line = self.line().add(f"{wording.clock_time(entry.at)}  ", "muted")
        glyph, ink, text = _told(entry)
        line.add(f"{glyph} ", ink)
        where = f"{entry.account} / {entry.folder}" if entry.folder else entry.account
        room = max(8, width - line.width)
        cells = min(len(where), max(12, room - len(text) - 2))
        line.add(where, "plain", cells).gap(2)
        return [line.add(text, ink if ink == "bad" else "muted", max(0, width - line.width)).strip(width)]


def _told(entry: Entry) -> tuple[str, str, str]:
    number = wording.count(entry.count)
    match entry.type:
        case "new":
            return "+", "good", f"{number} new · {wording.size(entry.bytes)}"
        case "flags":
            return "±", "accent", f"{number} flags changed"
        case "removed":
            return "-", "warning", f"{number} removed"
        case "folder_added":
            return "+", "good", "folder added"
        case "folder_removed":
            return "-", "warning", "folder removed"
        case "quarantined":
            return "✕", "warning", f"{number} {entry.detail}"
        case "released" | "discarded":
            return "✓" if entry.type == "released" else "·", "muted", f"{number} {entry.detail}"
        case "error":
            return "✕", "bad", entry.detail
        case "state":
            return "○", "muted", entry.detail
        case _:
            return "·", "muted", entry.detail


class FirstSteps(Inked):
    """What to do when there is no account yet. `config_path` is where the configuration is looked for."""

    def __init__(self, config_path: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._config_path = config_path

    def _steps(self) -> list[tuple[str, str]]:
        return [
            ("Nothing to mirror yet", "strong"),
            ("", "plain"),
            ("Press a to add an account: a mail address is enough to begin.", "key"),
            ("", "plain"),
            ("To look around with sample mail instead:", "muted"),
            ("  mailsync demo", "accent"),
            ("", "plain"),
            ("Without a screen:", "muted"),
            ("  mailsync account add", "accent"),
            ("", "plain"),
            ("Accounts are written to", "muted"),
            (f"  {self._config_path}", "accent"),
        ]

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        lines: list[tuple[str, str]] = []
        for text, ink in self._steps():
            lines += [(part, ink) for part in wrap(clean(text), max(20, width - 2))]
        left = max(1, (width - max(len(text) for text, _ in lines)) // 2)
        top = max(0, (height - len(lines)) // 2)
        if not top <= y < top + len(lines):
            return self.finish(Strip.blank(width))
        text, ink = lines[y - top]
        return self.finish(self.line().gap(left).add(text, ink).strip(width))
