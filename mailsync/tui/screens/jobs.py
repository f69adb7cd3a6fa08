"""The job queue: what runs, what waits, what ended, and one of the jobs with what happens to it.

Side by side on a wide terminal, one above the other on a narrow one, one of them on a tiny one.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal, get_args

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from mailsync.errors import MailsyncError
from mailsync.store import job_list
from mailsync.store.database import Store
from mailsync.store.jobs import Event, Job
from mailsync.tui import asking, states, wording
from mailsync.tui.drawing import clean
from mailsync.tui.job import name, repeatable
from mailsync.tui.screens.parts import PartsPane
from mailsync.tui.vitals import Vitals
from mailsync.tui.widgets.jobs import JobList, JobView
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.rows import RowList
from mailsync.tui.widgets.topbar import TopBar

REST_SECONDS = 0.4
REST_SHARE = 5
"""Between two readings at least, and this many times the length of the last one."""
FOLLOW_SECONDS = 0.1
"""The cursor rests so long before the events of its job are read."""
LISTED = 200
"""Jobs that run or wait, and jobs that ended, in the list: it costs the same however long the queue is."""
Part = Literal["all", "open", "failed"]
PARTS: tuple[Part, ...] = get_args(Part)
NOTHING: dict[Part, str] = {
    "all": "No jobs yet.\n\nEvery sync, clean-up, restore or export that somebody or a schedule asks for is one.",
    "open": "Nothing runs and nothing waits.\n\nf shows what ended.",
    "failed": "No job of the last seven days failed.\n\nf shows the others.",
}


class JobsScreen(PartsPane):
    """`now` gives Unix seconds."""

    BINDING_GROUP_TITLE = "Jobs"
    AUTO_FOCUS = "#jobs"
    TITLE = "Jobs"
    VIEWS = ("list", "job")
    HOME = "list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "cancel", "Cancel", id="jobs.cancel", tooltip="Stop this job at its next step"),
        Binding("t", "retry", "Try again", id="jobs.retry", tooltip="Put this job into the queue again"),
        Binding("f", "filter", "Filter", id="jobs.filter", tooltip="All, those that run or wait, those that failed"),
        Binding("y", "copy_id", "Copy id", show=False, id="jobs.copy_id", tooltip="Copy the id for `mailsync jobs`"),
        Binding("escape", "back", "Back", show=False, id="jobs.back", tooltip="Back to the queue, the dashboard"),
        Binding("tab,shift+tab", "next_view(1)", "Other part", show=False, id="jobs.turn", tooltip="Queue or job"),
    ]
    jobs = getters.query_one("#jobs", JobList)
    detail = getters.query_one("#job", JobView)

    class Listed(Message):
        """A reading of the queue is done: `jobs` of a part of it, and how many there are of each status.

        `problem` says why it could not be read.
        """

        def __init__(self, part: Part, jobs: Sequence[Job], counts: Mapping[str, int], problem: str = "") -> None:
            super().__init__()
            self.part, self.jobs, self.counts, self.problem = part, jobs, counts, problem

    class Told(Message):
        """The events of a job after the last one that was known."""

        def __init__(self, wanted: tuple[int, int], events: Sequence[Event]) -> None:
            super().__init__()
            self.wanted, self.events = wanted, events

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        super().__init__()
        self._store, self._now = store, now
        self._part: Part = "all"
        self._counts: Mapping[str, int] = {}
        self._listing = False
        self._dirty = True
        self._began = self._next_look = 0.0
        self._follow: Timer | None = None
        self._titles = ("", "", "")
        self._can = (False, False)

    def compose(self) -> ComposeResult:
        yield TopBar("jobs")
        with Container(id="job-parts"):
            yield JobList(id="jobs")
            yield JobView(id="job")
        yield KeyBar()

    def on_mount(self) -> None:
        self.jobs.set_notice("reading…")
        self._show_titles()

    def part(self, view: str) -> Widget:
        return self.jobs if view == "list" else self.detail

    # -- what the app says ----------------------------------------------------------------------------------------

    def show_vitals(self, vitals: Vitals) -> None:
        super().show_vitals(vitals)
        self.jobs.pass_time(self._now())
        self.detail.show(self.jobs.selected, self._now())
        self._look()

    def store_changed(self) -> None:
        self._dirty = True
        self._look()

    @property
    def chosen_account(self) -> str | None:
        job = self.jobs.selected
        return job.account or None if job else None

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def reading(self) -> bool:
        """The queue, or the events of a job, are on their way."""
        return self._listing or self._follow is not None

    def _look(self) -> None:
        moment = time.monotonic()
        if self._dirty and not self._listing and moment >= self._next_look:
            self._dirty, self._listing, self._began = False, True, moment
            self._read(self._part)

    @work(thread=True, group="jobs", exit_on_error=False, description="reading the queue")
    def _read(self, part: Part) -> None:
        try:
            with self._store.read() as connection:
                self.post_message(self.Listed(part, *_listed(connection, part)))
        except (sqlite3.Error, MailsyncError) as error:
            self.post_message(self.Listed(part, (), {}, f"the queue cannot be read: {error}"))

    def on_jobs_screen_listed(self, message: Listed) -> None:
        message.stop()
        moment = time.monotonic()
        self._listing = False
        self._next_look = moment + max(REST_SECONDS, REST_SHARE * (moment - self._began))
        if message.part != self._part:
            self._next_look = 0.0  # another part is wanted by now
            self._look()
            return
        self._counts = message.counts
        self.jobs.set_notice(clean(message.problem) if message.problem else NOTHING[self._part])
        self.jobs.show(message.jobs, self._now())
        if not message.jobs and self.view == "job":
            self.show_view("list")  # what is hidden now had the focus
        self.set_class(not message.jobs, "-nothing")
        self._show_one()
        self._follow_events()

    def _follow_events(self) -> None:
        self._follow = None
        if (wanted := self.detail.wanted) is not None:
            self._read_events(wanted)

    @work(thread=True, exclusive=True, group="job", exit_on_error=False, description="reading what happened to a job")
    def _read_events(self, wanted: tuple[int, int]) -> None:
        job_id, last = wanted
        found: list[Event] = []
        with contextlib.suppress(sqlite3.Error, MailsyncError), self._store.read() as connection:
            while more := job_list.events(connection, job_id, last):
                found += more
                last = more[-1].seq
        self.post_message(self.Told(wanted, found))

    def on_jobs_screen_told(self, message: Told) -> None:
        message.stop()
        self.detail.tell(message.wanted, message.events)

    # -- showing --------------------------------------------------------------------------------------------------

    def _show_one(self) -> None:
        self.detail.show(self.jobs.selected, self._now())
        self._show_titles()
        can = (bool(self.check_action("cancel", ())), bool(self.check_action("retry", ())))
        if can != self._can:  # bindings are told anew only where they change: it costs more than the key itself
            self._can = can
            self.refresh_bindings()

    def _show_titles(self) -> None:
        counts, job = self._counts, self.jobs.selected
        told = [f"{wording.count(counts[status])} {status}" for status in states.JOBS if counts.get(status)]
        hidden = sum(counts.values()) - self.jobs.count if self._part == "all" else 0
        titles = (
            {"all": "Queue", "open": "Queue · what runs or waits", "failed": "Queue · what failed"}[self._part],
            " · ".join([*told, *([f"{wording.count(hidden)} not listed"] if hidden else [])]),
            f"Job {job.id}" if job else "Job",
        )
        if titles != self._titles:
            self._titles = titles
            # Content, because a border parses a string as markup.
            self.jobs.border_title, self.jobs.border_subtitle, self.detail.border_title = map(Content, titles)

    def on_row_list_moved(self, message: RowList.Moved) -> None:
        if message.rows is self.jobs:
            self._show_one()
            if self._follow is not None:
                self._follow.stop()
            self._follow = self.set_timer(FOLLOW_SECONDS, self._follow_events)

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        if message.rows is self.jobs:
            self.show_view("job")

    # -- keys -----------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        job = self.jobs.selected if self.ready else None
        if action == "cancel":
            return True if job and job.status in ("pending", "running") and not job.cancel_requested else None
        if action == "retry":
            return True if job and repeatable(job) and self.vitals.can_sync else None
        return super().check_action(action, parameters)

    def action_cancel(self) -> None:
        if job := self.jobs.selected:
            self.post_message(self.Wished(asking.cancel(job.id, name(job.kind))))

    def action_retry(self) -> None:
        if job := self.jobs.selected:
            self.post_message(self.Wished(asking.again(job.id, name(job.kind))))

    def action_filter(self) -> None:
        self._part = PARTS[(PARTS.index(self._part) + 1) % len(PARTS)]
        self._dirty, self._next_look = True, 0.0
        self.jobs.cursor = 0
        self._look()

    def action_copy_id(self) -> None:
        if job := self.jobs.selected:
            self.app.copy_to_clipboard(str(job.id))
            self.query_one(TopBar).say(f"Copied job id {job.id}")


def _listed(connection: sqlite3.Connection, part: Part) -> tuple[list[Job], dict[str, int]]:
    """The jobs of a part of the queue, as many as are listed, and how many there are of each status."""
    counts = job_list.counts(connection)
    if part == "failed":
        return job_list.page(connection, LISTED, failed=True), counts
    found = job_list.page(connection, LISTED, active=True)
    if part == "all":
        found += job_list.page(connection, LISTED, counts.get("running", 0) + counts.get("pending", 0))
    return found, counts
