"""The rows of the job queue."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.store import jobs
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
    old, recent, waiting = (jobs.insert(connection, "sync", 1.0) for _ in range(3))
    for job_id, at in ((old, 10.0), (recent, 20.0)):
        jobs.claim(connection, 2.0)
        jobs.finish(connection, job_id, "completed", at)
    jobs.prune(connection, 15.0)
    assert jobs.get(connection, old) is None
    assert events(connection, old) == []
    assert status(connection, recent) == "completed"
    assert status(connection, waiting) == "pending"
