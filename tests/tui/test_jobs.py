"""The jobs pane: what its keys do to the queue, what it follows, and how little a long queue costs it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from mailsync.store import job_list, jobs
from mailsync.tui.job import EVENTS, body
from mailsync.tui.screens.jobs import LISTED, JobsScreen
from tests.tui import job_samples, samples
from tests.tui.driving import settle, until
from tests.tui.prepared import NOW, Builder
from tests.tui.test_contrast import faint

Act = Callable[[Pilot[None], JobsScreen], Awaitable[None]]


def drive(builder: Builder, act: Act, *, size: tuple[int, int] = (140, 40), viewer_of: int | None = 1) -> None:
    app = samples.app(builder, viewer_of=viewer_of)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            await pilot.press("6")
            await settle(pilot)
            assert isinstance(app.pane, JobsScreen)
            await act(pilot, app.pane)

    asyncio.run(run())


def one(builder: Builder, job_id: int) -> jobs.Job:
    with builder.store.read() as connection:
        found = jobs.get(connection, job_id)
    assert found is not None
    return found


async def stand_on(pilot: Pilot[None], screen: JobsScreen, kind: str, status: str) -> int:
    """Move the cursor to a job; gives its id."""
    await pilot.press("g")
    while (job := screen.jobs.selected) is not None and (job.kind, job.status) != (kind, status):
        assert screen.jobs.cursor < screen.jobs.count - 1
        await pilot.press("j")
    await settle(pilot)
    assert job is not None
    return job.id


def test_cancelling_ends_what_waits_and_asks_what_runs(builder: Builder) -> None:
    job_samples.busy(builder)

    async def act(pilot: Pilot[None], screen: JobsScreen) -> None:
        waits = await stand_on(pilot, screen, "undo", "pending")
        await pilot.press("c")
        await until(pilot, lambda: one(builder, waits).status == "cancelled")
        runs = await stand_on(pilot, screen, "cleanup_apply", "running")
        await pilot.press("c")
        await until(pilot, lambda: one(builder, runs).cancel_requested)
        assert one(builder, runs).status == "running"
        await until(pilot, lambda: "cancelling" in screen.detail.text and "cancel requested" in screen.detail.text)
        assert screen.check_action("cancel", ()) is None  # it is asked once
        assert not faint(screen)

    drive(builder, act)


def test_a_job_is_tried_again_and_its_end_told(builder: Builder) -> None:
    job_samples.busy(builder)

    async def act(pilot: Pilot[None], screen: JobsScreen) -> None:
        await stand_on(pilot, screen, "export", "cancelled")
        assert screen.check_action("retry", ()) is None  # no engine can: the command did it itself
        failed = await stand_on(pilot, screen, "verify", "failed")
        await pilot.press("t")
        await until(pilot, lambda: one(builder, failed).status == "pending")
        await until(pilot, lambda: "retried" in screen.detail.text)
        assert screen.jobs.selected is not None
        assert screen.jobs.selected.id == failed  # the cursor went with it
        builder.store.write(lambda c: jobs.take(c, failed, NOW, "4711-b")).result()
        builder.store.write(lambda c: jobs.finish(c, failed, "failed", NOW, error="refused again")).result()
        await until(pilot, lambda: any("refused again" in told.message for told in screen.app._notifications))

    drive(builder, act)


def test_without_an_engine_nothing_is_tried_again(builder: Builder) -> None:
    job_samples.busy(builder)

    async def act(pilot: Pilot[None], screen: JobsScreen) -> None:
        failed = await stand_on(pilot, screen, "verify", "failed")
        await pilot.press("t")
        await settle(pilot)
        assert one(builder, failed).status == "failed"

    drive(builder, act, viewer_of=None)


def test_events_come_as_they_happen(builder: Builder) -> None:
    job_samples.busy(builder)

    async def act(pilot: Pilot[None], screen: JobsScreen) -> None:
        runs = await stand_on(pilot, screen, "cleanup_apply", "running")
        before = screen.detail.text.count("progress")

        def go_on(connection: sqlite3.Connection) -> None:
            jobs.progress(connection, runs, 4_000, 2, NOW + 60)
            jobs.add_event(connection, runs, NOW + 61, "note", {"text": "half\x1b[31m of it", "folders": ["A", "B"]})

        builder.store.write(go_on).result()
        await until(pilot, lambda: "4,000 of 5,000 messages" in screen.detail.text and "note" in screen.detail.text)
        assert screen.detail.text.count("progress") == before + 1
        assert 'folders ["A", "B"]' in screen.detail.text
        assert "\x1b" not in screen.detail.text

    drive(builder, act)


def test_the_cursor_goes_with_its_job_and_from_an_ended_one_to_what_begins(builder: Builder) -> None:
    samples.quiet(builder)
    one_job = builder.store.write(lambda c: jobs.insert(c, "sync", NOW, account="home")).result()

    async def act(pilot: Pilot[None], screen: JobsScreen) -> None:
        def stands_on(job_id: int, status: str) -> bool:
            job = screen.jobs.selected
            return job is not None and (job.id, job.status) == (job_id, status)

        other = builder.store.write(lambda c: jobs.insert(c, "sync", NOW, account="office")).result()
        builder.store.write(lambda c: jobs.take(c, other, NOW, "4711-a")).result()
        await until(pilot, lambda: screen.jobs.count == 2)
        assert stands_on(one_job, "pending")
        for job_id in (other, one_job):
            builder.store.write(lambda c, done=job_id: jobs.finish(c, done, "completed", NOW + 1)).result()  # type: ignore[misc]
        await until(pilot, lambda: stands_on(one_job, "completed"))
        await pilot.press("g")
        third = builder.store.write(lambda c: jobs.insert(c, "sync", NOW, account="home")).result()
        await until(pilot, lambda: stands_on(third, "pending"))

    drive(builder, act)


def test_a_filter_leaves_what_failed(builder: Builder) -> None:
    job_samples.busy(builder)

    async def act(pilot: Pilot[None], screen: JobsScreen) -> None:
        await pilot.press("end", "f", "f")
        await until(pilot, lambda: screen.jobs.count == 1)
        assert "Verify: office" in screen.detail.text
        builder.store.write(lambda c: jobs.retry(c, screen.jobs.selected.id, NOW)).result()  # type: ignore[union-attr]
        await until(pilot, lambda: "No job of the last seven days failed." in screen.jobs._notice)

    drive(builder, act)


def test_a_queue_that_cannot_be_read_says_so(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise sqlite3.DatabaseError("malformed\x1b")

    monkeypatch.setattr(job_list, "counts", fail)

    async def act(pilot: Pilot[None], screen: JobsScreen) -> None:
        assert screen.jobs._notice == "the queue cannot be read: malformed\ufffd"

    drive(builder, act)


def test_a_long_queue_is_read_in_part(builder: Builder) -> None:
    """What is read and drawn does not grow with the queue; what ended still has its place below what waits."""
    job_samples.busy(builder)

    def fill(connection: sqlite3.Connection) -> None:
        for number in range(1000):
            jobs.insert(connection, "sync", NOW - number, account=f"account {number}")

    builder.store.write(fill).result()

    async def act(pilot: Pilot[None], screen: JobsScreen) -> None:
        assert screen.jobs.count == LISTED + 4
        await pilot.press("end")
        await settle(pilot)
        assert screen.jobs.selected is not None
        assert screen.jobs.selected.ended
        assert "not listed" in str(screen.jobs.border_subtitle)

    drive(builder, act)


def test_a_tiny_terminal_shows_one_part(builder: Builder) -> None:
    job_samples.busy(builder)

    async def act(pilot: Pilot[None], screen: JobsScreen) -> None:
        assert (screen.jobs.display, screen.detail.display) == (True, False)
        await pilot.press("enter")
        await settle(pilot)
        assert (screen.jobs.display, screen.detail.display) == (False, True)
        await pilot.press("escape")
        await until(pilot, lambda: screen.jobs.has_focus)

    drive(builder, act, size=(60, 20))


def test_of_many_events_the_newest_are_laid_out() -> None:
    events = [jobs.Event(seq, NOW + seq, "progress", {"processed": seq}) for seq in range(1, 5001)]
    told = ["".join(text for text, _ in line) for line in body(events, 60)]
    assert len(told) == EVENTS + 2
    assert told[1].endswith("progress  5,000")
    assert told[-1] == "and 4,800 before"
