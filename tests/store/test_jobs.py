"""The rows of the job queue."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from mailsync.errors import NotFound, UsageError
from mailsync.jobs.queue import Outcome, settle
from mailsync.model import JobStatus
from mailsync.store import job_list, jobs
from mailsync.store.database import Store


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    Store.open(tmp_path).close()
    opened = sqlite3.connect(tmp_path / "mailsync.db", isolation_level=None)
    opened.row_factory = sqlite3.Row
    yield opened
    opened.close()


def status(connection: sqlite3.Connection, job_id: int) -> str:
    job = jobs.get(connection, job_id)
    assert job is not None
    return job.status


def events(connection: sqlite3.Connection, job_id: int) -> list[tuple[int, str]]:
    rows = connection.execute("SELECT seq, type FROM job_events WHERE job_id = ? ORDER BY seq", (job_id,))
    return [(row[0], row[1]) for row in rows]


def test_jobs_are_claimed_by_priority_then_age(connection: sqlite3.Connection) -> None:
    first = jobs.insert(connection, "sync", 1.0)
    second = jobs.insert(connection, "sync", 2.0, params={"full": True}, account="work")
    urgent = jobs.insert(connection, "verify", 3.0, priority=10)
    assert jobs.next_id(connection, 4.0, 1) == urgent
    claimed = [jobs.claim(connection, 4.0) for _ in range(4)]
    assert [job.id if job else None for job in claimed] == [urgent, first, second, None]
    assert jobs.next_id(connection, 4.0, 1) is None
    assert claimed[2] is not None
    assert (claimed[2].kind, claimed[2].account, claimed[2].params) == ("sync", "work", {"full": True})
    assert {status(connection, job_id) for job_id in (first, second, urgent)} == {"running"}


def test_a_job_from_start_to_end(connection: sqlite3.Connection) -> None:
    job_id = jobs.insert(connection, "sync", 1.0)
    jobs.claim(connection, 2.0)
    jobs.finish(connection, job_id, "failed", 3.0, result={"ok": False, "exit_code": 4}, error="no", hint="wait")
    job = jobs.get(connection, job_id)
    assert job is not None
    assert (job.status, job.error, job.error_hint, job.result) == (
        "failed",
        "no",
        "wait",
        {"ok": False, "exit_code": 4},
    )
    assert events(connection, job_id) == [(1, "created"), (2, "started"), (3, "failed")]
    row = connection.execute("SELECT created_at, started_at, finished_at, attempt FROM jobs").fetchone()
    assert tuple(row) == (1.0, 2.0, 3.0, 1)
    assert jobs.get(connection, 999) is None


def test_what_a_killed_engine_left_runs_again_while_attempts_are_left(connection: sqlite3.Connection) -> None:
    twice = jobs.insert(connection, "sync", 1.0, max_attempts=2)
    jobs.claim(connection, 2.0)
    once = jobs.insert(connection, "sync", 1.0)
    jobs.claim(connection, 2.0)
    waiting = jobs.insert(connection, "sync", 1.5, max_attempts=2)
    orphan = jobs.insert(connection, "sync", 1.5)
    done = jobs.insert(connection, "sync", 1.6)
    jobs.finish(connection, done, "completed", 2.0)
    everything = (twice, once, waiting, orphan, done)
    jobs.reclaim(connection, 3.0, lambda worker, beaten: True)
    jobs.abandon(connection, 3.0)
    assert [status(connection, one) for one in everything] == ["pending", "failed", "pending", "failed", "completed"]
    again = jobs.claim(connection, 4.0)
    assert again is not None
    assert again.id == twice
    jobs.reclaim(connection, 5.0, lambda worker, beaten: True)
    job = jobs.get(connection, twice)
    assert job is not None
    assert (job.status, job.error) == ("failed", "the process that ran it was killed")


def test_cancelling(connection: sqlite3.Connection) -> None:
    running = jobs.insert(connection, "sync", 1.0)
    jobs.claim(connection, 2.0)
    waiting = jobs.insert(connection, "sync", 1.0)
    done = jobs.insert(connection, "sync", 1.0)
    jobs.finish(connection, done, "completed", 2.0)
    for job_id in (running, waiting, done):
        jobs.request_cancel(connection, job_id, 3.0)
    assert [status(connection, one) for one in (running, waiting, done)] == ["running", "cancelled", "completed"]
    assert jobs.is_cancelled(connection, running)
    assert not jobs.is_cancelled(connection, done)
    assert not jobs.is_cancelled(connection, 999)
    assert jobs.claim(connection, 4.0) is None


def test_a_sync_is_pending_until_it_ends(connection: sqlite3.Connection) -> None:
    assert not jobs.pending_sync(connection, "work")
    job_id = jobs.insert(connection, "sync", 1.0, account="work")
    assert jobs.pending_sync(connection, "work")
    assert not jobs.pending_sync(connection, "home")
    jobs.claim(connection, 2.0)
    assert jobs.pending_sync(connection, "work")
    jobs.finish(connection, job_id, "completed", 3.0)
    assert not jobs.pending_sync(connection, "work")


def test_old_jobs_are_forgotten_with_their_events(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA foreign_keys = 1")
    now = 10 * jobs.KEPT_SECONDS
    planned = {"scheduled": True}
    ended = {
        jobs.insert(connection, "sync", 1.0, params=params): (at, status, stays)
        for at, status, params, stays in (
            (now - jobs.KEPT_SECONDS - 1, "completed", {}, False),
            (now - jobs.KEPT_SECONDS + 1, "completed", {}, True),
            (now - jobs.PLANNED_KEPT_SECONDS - 1, "completed", planned, False),
            (now - jobs.PLANNED_KEPT_SECONDS - 1, "failed", planned, True),
            (now - jobs.PLANNED_KEPT_SECONDS + 1, "completed", planned, True),
        )
    }
    waiting = jobs.insert(connection, "sync", 1.0)
    for job_id, (at, how, _) in ended.items():
        jobs.take(connection, job_id, 2.0, "")
        jobs.finish(connection, job_id, cast(JobStatus, how), at)
    jobs.prune(connection, now)
    for job_id, (_, _, stays) in ended.items():
        assert (jobs.get(connection, job_id) is not None) is stays
        assert bool(events(connection, job_id)) is stays
    assert status(connection, waiting) == "pending"


def test_one_changing_job_an_account_one_sync_and_a_place_for_what_is_short(connection: sqlite3.Connection) -> None:
    kinds = ["restore", "undo", "sync", "backfill", "verify", "cleanup_scan", "fetch"]
    asked = {(kind, of): jobs.insert(connection, kind, 1.0, account=of) for kind in kinds for of in ("work", "home")}
    claimed: list[int] = []
    while (job := jobs.claim(connection, 2.0, long=2)) is not None:
        claimed.append(job.id)
    # Two long ones, then only what is short; of each account one sync.
    short = [("restore", "work"), ("restore", "home"), ("sync", "work"), ("sync", "home")]
    assert claimed == [asked[one] for one in [*short, ("fetch", "work"), ("fetch", "home")]]
    jobs.finish(connection, asked["restore", "work"], "completed", 3.0)
    after = [job.id if (job := jobs.claim(connection, 4.0, long=2)) else None for _ in range(2)]
    assert after == [asked["undo", "work"], None]
    jobs.finish(connection, asked["restore", "home"], "completed", 5.0)
    jobs.finish(connection, asked["undo", "work"], "completed", 5.0)
    after = [job.id if (job := jobs.claim(connection, 6.0, long=9)) else None for _ in range(4)]
    assert after == [asked[one] for one in [("undo", "home"), ("verify", "work"), ("verify", "home")]] + [
        asked["cleanup_scan", "work"]
    ]
    with pytest.raises(ValueError, match="about one account"):
        jobs.insert(connection, "cleanup_apply", 1.0)


def test_a_failure_that_may_pass_is_tried_again_later_and_at_last_no_more(connection: sqlite3.Connection) -> None:
    passing = Outcome(False, {"ok": False}, "no route", "check the cable", passing=True)
    job_id = jobs.insert(connection, "sync", 0.0, max_attempts=4, backoff=10.0)
    at, waits = 0.0, []
    left = jobs.get(connection, job_id)
    while (job := jobs.claim(connection, at)) is not None:
        settle(connection, job, passing, at)
        assert jobs.claim(connection, at + 9.9) is None
        left = jobs.get(connection, job_id)
        assert left is not None
        waits.append(left.not_before - at)
        at = left.not_before
    assert left is not None
    assert waits[:3] == [10.0, 20.0, 40.0]
    assert (left.status, left.error, left.error_hint, left.attempt) == ("failed", "no route", "check the cable", 4)
    retrying = [event.data for event in job_list.events(connection, job_id) if event.type == "retrying"]
    assert [(one["attempt"], one["of"]) for one in retrying] == [(1, 4), (2, 4), (3, 4)]
    lasting = jobs.insert(connection, "sync", 0.0, max_attempts=4, backoff=10.0)
    job = jobs.claim(connection, at)
    assert job is not None
    settle(connection, job, Outcome(False, {}, "refused"), at)
    assert status(connection, lasting) == "failed"


def test_only_the_newest_attempt_can_end_a_job(connection: sqlite3.Connection) -> None:
    job_id = jobs.insert(connection, "sync", 1.0, max_attempts=3)
    old = jobs.claim(connection, 2.0, "first")
    assert old is not None
    assert jobs.reclaim(connection, 3.0, lambda worker, beaten: worker != "first") == 0
    assert jobs.reclaim(connection, 3.0, lambda worker, beaten: worker == "first") == 1
    new = jobs.claim(connection, 4.0, "second")
    assert new is not None
    assert jobs.wanted(connection, {job_id: old.attempt}) == {}
    assert jobs.wanted(connection, {job_id: new.attempt}) == {job_id: True}
    settle(connection, old, Outcome(True, {"by": "first"}), 5.0)
    assert status(connection, job_id) == "running"
    settle(connection, new, Outcome(True, {"by": "second"}), 6.0)
    settle(connection, old, Outcome(False, {"by": "first"}, unfinished=True), 7.0)
    job = jobs.get(connection, job_id)
    assert job is not None
    assert (job.status, job.result) == ("completed", {"by": "second"})


def test_what_was_asked_to_stop_is_not_begun_anew(connection: sqlite3.Connection) -> None:
    job_id = jobs.insert(connection, "sync", 1.0, max_attempts=3)
    jobs.claim(connection, 2.0)
    jobs.request_cancel(connection, job_id, 3.0)
    jobs.reclaim(connection, 4.0, lambda worker, beaten: True)
    assert status(connection, job_id) == "cancelled"


def test_trying_again_what_ended_badly(connection: sqlite3.Connection) -> None:
    job_id = jobs.insert(connection, "verify", 1.0)
    with pytest.raises(UsageError, match="is pending"):
        jobs.retry(connection, job_id, 2.0)
    jobs.claim(connection, 2.0)
    jobs.progress(connection, job_id, 70, 3, 2.5)
    jobs.finish(connection, job_id, "failed", 3.0, error="no", hint="wait")
    jobs.retry(connection, job_id, 4.0)
    jobs.abandon(connection, 5.0)  # the next engine takes it
    job = jobs.claim(connection, 6.0)
    assert job is not None
    assert (job.id, job.attempt, job.error, job.finished_at, job.processed) == (job_id, 2, None, None, 70)
    jobs.progress(connection, job_id, 20, 0, 7.0)  # it counts anew, but never downwards
    assert jobs.processed(connection, job_id) == 70
    done = jobs.insert(connection, "export", 1.0)
    jobs.finish(connection, done, "failed", 2.0)
    with pytest.raises(UsageError, match="by the command itself"):
        jobs.retry(connection, done, 3.0)
    with pytest.raises(NotFound):
        jobs.retry(connection, 999, 3.0)


def test_events_are_only_added_and_counters_only_grow(connection: sqlite3.Connection) -> None:
    job_id = jobs.insert(connection, "sync", 1.0)
    jobs.claim(connection, 2.0)
    jobs.progress(connection, job_id, 5, 1, 3.0)
    for change in (
        "UPDATE job_events SET type = 'completed'",
        """UPDATE job_events SET data = '{"a": 1}'""",
        "DELETE FROM job_events WHERE seq = 1",
        "UPDATE jobs SET processed = 4",
        "UPDATE jobs SET attempt = 0",
    ):
        with pytest.raises(sqlite3.IntegrityError, match=r"append-only|only grow"):
            connection.execute(change)


def test_progress_is_told_once_a_second_and_of_a_long_job_less_often(connection: sqlite3.Connection) -> None:
    job_id = jobs.insert(connection, "sync", 0.0)
    jobs.claim(connection, 0.0)
    connection.execute("BEGIN")
    for half in range(10_000):
        jobs.progress(connection, job_id, half, 0, half / 2, total=10_000)
    told = [event for event in job_list.events(connection, job_id, limit=10_000) if event.type == "progress"]
    gaps = [after.at - before.at for before, after in itertools.pairwise(told)]
    assert min(gaps) >= 1.0
    assert max(gaps) <= 5000 / 100 + 1
    assert len(told) < 600
    assert told[-1].data["total"] == 10_000
    assert jobs.processed(connection, job_id) == 9_999


def test_a_page_of_the_queue(connection: sqlite3.Connection) -> None:
    ids = [jobs.insert(connection, "sync", 1.0, account=f"a{number % 2}", priority=number) for number in range(6)]
    for job_id in ids[:4]:
        jobs.take(connection, job_id, 10.0 - job_id, "")
    for at, job_id in enumerate(ids[:2]):
        jobs.finish(connection, job_id, "completed", 20.0 + at, result={"ok": True})
    whole = [ids[3], ids[2], ids[5], ids[4], ids[1], ids[0]]  # runs, waits, has ended
    assert [job.id for job in job_list.page(connection, 10)] == whole
    for limit in (1, 2, 3, 4):
        pages = [job_list.page(connection, limit, offset) for offset in range(0, 6, limit)]
        assert [job.id for page in pages for job in page] == whole
    assert [job.id for job in job_list.page(connection, 10, active=True)] == whole[:4]
    assert [job.id for job in job_list.page(connection, 10, account="a0")] == [ids[2], ids[4], ids[0]]
    assert job_list.counts(connection) == {"running": 2, "pending": 2, "completed": 2}
