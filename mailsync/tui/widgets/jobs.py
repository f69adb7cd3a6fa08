"""The job queue on the screen: the list of jobs, and one of them with what happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.strip import Strip

from mailsync.store.jobs import Event, Job
from mailsync.tui import rates, wording
from mailsync.tui.drawing import Column, Line, layout
from mailsync.tui.job import Piece, age, before, body, done, head, look, name
from mailsync.tui.rates import Meter
from mailsync.tui.widgets.lines import LineView, scroll_bindings
from mailsync.tui.widgets.rows import RowList

COLUMNS = (
    Column("status", "", 12, keep=80),
    Column("kind", "", 16, keep=100),
    Column("account", "", 10, keep=65),
    Column("news", "", 14, keep=70, share=True),
    Column("age", "", 8, keep=90, align="right"),
)
BAR = 12
"""Cells of a progress bar in the list at most."""


class JobList(RowList):
    """A row a job: what runs, what waits, what ended. The cursor stays on its job wherever that goes."""

    BINDING_GROUP_TITLE = "Queue"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._jobs: Sequence[Job] = ()
        self._at_work: Sequence[Job] = ()
        self._now = 0.0

    def show(self, jobs: Sequence[Job], now: float) -> None:
        """Show these, in this order."""
        here = self.selected
        if here is not None and here.ended and not self.cursor:
            here = None  # who looks at the top sees what begins
        self._jobs, self._now = jobs, now
        self._at_work = [job for job in jobs if job.status == "running"]
        self.set_rows(len(jobs))
        if here is not None:
            self.cursor = next((number for number, job in enumerate(jobs) if job.id == here.id), self.cursor)

    def pass_time(self, now: float) -> None:
        """Only the ages of the jobs are others."""
        if int(now) != int(self._now):
            self._now = now
            self.touch()

    @property
    def selected(self) -> Job | None:
        """The job under the cursor."""
        return self._jobs[self.cursor] if self._jobs else None

    def draw_row(self, index: int, width: int) -> list[Strip]:
        job, style = self._jobs[index], look(self._jobs[index])
        line = self.line()
        for number, (column, cells) in enumerate(layout(COLUMNS, width)):
            line.gap(2 if number else 0)
            match column.key:
                case "status":
                    line.add(f"{style.glyph} ", style.ink).add(style.word, style.ink, cells - 2)
                case "kind":
                    line.add(name(job.kind), "strong" if job.status == "running" else "plain", cells)
                case "account":
                    line.add(job.account or "", "plain", cells)
                case "news":
                    _news(line, job, self._at_work, cells)
                case "age":
                    line.add(age(job, self._now), "muted", cells, "right")
        return [line.strip(width)]


def _news(line: Line, job: Job, running: Sequence[Job], cells: int) -> None:
    """How far a job is; of one that failed, why; of one that waits, for what."""
    if job.error:
        line.add(job.error, "plain" if job.finished_at else "warning", cells)
    elif (first := before(job, running)) is not None:
        line.add(f"after job {first.id}", "muted", cells)
    elif job.total and job.status == "running":
        bar = rates.bar(job.processed, job.total, max(4, min(BAR, cells - 6)))
        told = f" {wording.percent(job.processed, job.total)}"
        line.add(bar[0], "accent").add(bar[1], "rule").add(told, "plain", cells - len(bar[0] + bar[1]))
    else:
        line.add(done(job), "muted", cells)


class JobView(LineView):
    """One job in full, and below what happened to it, the newest first."""

    BINDING_GROUP_TITLE = "The job"
    BINDINGS: ClassVar[list[BindingType]] = scroll_bindings("job")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._job: Job | None = None
        self._events: list[Event] = []
        self._meter = Meter()
        self._now = 0.0
        self._lines: list[list[Piece]] = []

    @property
    def text(self) -> str:
        """All that is shown."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def show(self, job: Job | None, now: float) -> None:
        """Tell of this job; of another one than before from its top, without its events until they are told."""
        if job is None or self._job is None or job.id != self._job.id:
            self._events, self._meter = [], Meter()
            self.jump(0)
        self._job, self._now = job, now
        if job is not None and job.status == "running":
            self._meter.sample(now, job.processed)
        self._lay_out()

    @property
    def wanted(self) -> tuple[int, int] | None:
        """Whose events are shown, and the last of them that is known, 0 for none."""
        return (self._job.id, self._events[-1].seq if self._events else 0) if self._job is not None else None

    def tell(self, wanted: tuple[int, int], events: Sequence[Event]) -> None:
        """What else happened to a job, in its order."""
        if wanted == self.wanted and events:
            self._events += events
            self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        job, width = self._job, self.scrollable_content_region.width - 2
        lines: list[list[Piece]] = []
        if job is not None:
            left = self._meter.seconds_for(job.total - job.processed)
            lines = [*head(job, width, self._now, left), *body(self._events, width)]
        if lines != self._lines:
            self._lines = lines
            self.set_height(len(lines))
            self.refresh()

    def render_line(self, y: int) -> Strip:
        line, at = self.line().gap(1), y + self.scroll_offset.y
        for text, ink in self._lines[at] if at < len(self._lines) else []:
            line.add(text, ink)
        return self.finish(line.strip(self.scrollable_content_region.width))
