"""The worker of the job queue: several at a time, cancelled when asked, and no job takes it down."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from mailsync.errors import StoreError, Unreachable
from mailsync.jobs import queue as queue_module
from mailsync.jobs import worker as worker_module
from mailsync.jobs.queue import Outcome, StoreQueue
from mailsync.jobs.worker import WORKERS, Handler, Worker
from mailsync.store import jobs
from mailsync.store.database import Store
from mailsync.store.jobs import Job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


@contextlib.asynccontextmanager
async def serving(store: Store, **handlers: Handler) -> AsyncIterator[Worker]:
    worker = Worker(StoreQueue(store, time.time), handlers)
    task = asyncio.create_task(worker.run())
    yield worker
    worker.stop()
    await asyncio.wait_for(task, 5)


async def insert(store: Store, kind: str, *, priority: int = 0) -> int:
    return await store.awrite(lambda connection: jobs.insert(connection, kind, time.time(), priority=priority))


async def cancel(store: Store, job_id: int) -> None:
    await store.awrite(lambda connection: jobs.request_cancel(connection, job_id, time.time()))


async def ended(store: Store, job_id: int, *statuses: str) -> Job:
    """The job once it has one of these states (any final one if none are named)."""
    async with asyncio.timeout(5):
        while True:
            job = await store.aread(lambda connection: jobs.get(connection, job_id))
            assert job is not None
            if job.status in (statuses or ("completed", "failed", "cancelled")):
                return job
            await asyncio.sleep(0.005)


async def rests(worker: Worker) -> None:
    """Until the worker runs nothing: others see a job's end in the store a moment before its task has returned."""
    async with asyncio.timeout(5):
        while True:
            if not worker.busy:
                return
            await asyncio.sleep(0.005)


async def succeed(job: Job, stopping: Callable[[], bool]) -> Outcome:
    return Outcome(True, {"ok": True, "params": dict(job.params)})


async def until_told(job: Job, stopping: Callable[[], bool]) -> Outcome:
    for _ in range(1000):
        if stopping():
            break
        await asyncio.sleep(0.005)
    return Outcome(False, {"ok": False, "exit_code": 130}, "stopped before it was complete")


async def test_a_job_runs_and_leaves_its_document(store: Store) -> None:
    async with serving(store, good=succeed) as worker:
        job = await ended(store, await insert(store, "good"))
        assert (job.status, job.result, job.error) == ("completed", {"ok": True, "params": {}}, None)
        await rests(worker)


async def test_jobs_of_other_processes_are_noticed(store: Store) -> None:
    async with serving(store, good=succeed):
        await asyncio.sleep(0.05)
        other = sqlite3.connect(store.path, isolation_level=None)
        started = time.monotonic()
        job_id = jobs.insert(other, "good", time.time())
        other.close()
        await ended(store, job_id)
        assert time.monotonic() - started < 5


async def test_failures_are_told_and_end_nothing(store: Store) -> None:
    async def unreachable(job: Job, stopping: Callable[[], bool]) -> Outcome:
        raise Unreachable("no route", hint="check the cable")

    async def defect(job: Job, stopping: Callable[[], bool]) -> Outcome:
        raise KeyError("secret of a person")

    async with serving(store, good=succeed, unreachable=unreachable, defect=defect):
        job = await ended(store, await insert(store, "unreachable"))
        assert (job.status, job.error, job.error_hint) == ("failed", "no route", "check the cable")
        assert job.result == {"ok": False, "exit_code": 4}
        job = await ended(store, await insert(store, "defect"))
        assert (job.status, job.error) == ("failed", "internal error: KeyError")
        assert "secret" not in str(job)
        job = await ended(store, await insert(store, "dance"))
        assert (job.status, job.error) == ("failed", "this mailsync knows no job 'dance'")
        assert (await ended(store, await insert(store, "good"))).status == "completed"


async def test_several_at_a_time_and_the_urgent_first(store: Store) -> None:
    running = most = 0
    order: list[int] = []

    async def count(job: Job, stopping: Callable[[], bool]) -> Outcome:
        nonlocal running, most
        order.append(job.id)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return Outcome(True, {})

    ids = [await insert(store, "count", priority=10 if number == 9 else 0) for number in range(10)]
    async with serving(store, count=count):
        for job_id in ids:
            await ended(store, job_id)
    assert most == WORKERS
    assert order[0] == ids[9]
    assert sorted(order) == ids


async def test_cancelling_what_runs_and_what_waits(store: Store) -> None:
    async with serving(store, wait=until_told, good=succeed) as worker:
        ids = [await insert(store, "wait") for _ in range(WORKERS + 2)]
        for job_id in ids[:WORKERS]:
            await ended(store, job_id, "running")
        assert worker.busy
        for job_id in (ids[0], ids[WORKERS]):
            await cancel(store, job_id)
        assert (await ended(store, ids[0])).status == "cancelled"
        assert (await ended(store, ids[WORKERS])).status == "cancelled"
        await ended(store, ids[WORKERS + 1], "running")  # the freed place is taken
        for job_id in ids[1:]:
            await cancel(store, job_id)
        for job_id in ids[1:]:
            assert (await ended(store, job_id)).status == "cancelled"
        assert (await ended(store, await insert(store, "good"))).status == "completed"


async def test_what_hangs_on_a_server_is_dropped_and_what_changes_one_never_is(store: Store) -> None:
    goes_on = asyncio.Event()

    async def hang(job: Job, stopping: Callable[[], bool]) -> Outcome:
        await goes_on.wait()
        return Outcome(False, {"stopped": stopping()}, "stopped before it was complete")

    async with serving(store, verify=hang, restore=hang, good=succeed) as worker:
        number = await store.awrite(lambda c: jobs.insert(c, "restore", time.time(), account="work", max_attempts=9))
        ids = [await insert(store, "verify"), number]
        for job_id in ids:
            await ended(store, job_id, "running")
        asked = time.monotonic()
        for job_id in ids:
            await cancel(store, job_id)
        looked = await ended(store, ids[0])
        assert time.monotonic() - asked < 1.0
        assert (looked.status, looked.error) == ("cancelled", "cancelled while it waited for the server")
        assert (await ended(store, await insert(store, "good"))).status == "completed"
        assert (await ended(store, ids[1], "running")).cancel_requested
        goes_on.set()
        changed = await ended(store, ids[1])
        assert (changed.status, changed.result) == ("cancelled", {"stopped": True})
        await rests(worker)


async def test_a_worker_that_lost_a_job_ends_it_without_effect(store: Store) -> None:
    async with serving(store, wait=until_told):
        number = await insert(store, "wait")
        await ended(store, number, "running")
        # As after a long suspension in which somebody had removed the file that says it is alive.
        await store.awrite(lambda c: jobs.reclaim(c, time.time(), lambda worker, beaten: True))
        other = await ended(store, number, "failed")
        assert other.error == "the process that ran it was killed"
        await asyncio.sleep(0.1)
        assert await ended(store, number) == other


async def test_a_heartbeat_tells_that_a_silent_job_is_being_worked_at(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "BEAT_SECONDS", 0.05)
    async with serving(store, wait=until_told):
        number = await insert(store, "wait")
        first = (await ended(store, number, "running")).heartbeat_at
        await asyncio.sleep(0.3)
        later = (await ended(store, number, "running")).heartbeat_at
        assert first is not None
        assert later is not None
        assert later > first
        await cancel(store, number)


async def test_what_failed_for_now_is_tried_again_when_it_is_due(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "LOOK_SECONDS", 0.01)
    attempts: list[float] = []

    async def flaky(job: Job, stopping: Callable[[], bool]) -> Outcome:
        attempts.append(time.monotonic())
        if len(attempts) < 3:
            raise Unreachable("no route")
        return Outcome(True, {})

    async with serving(store, flaky=flaky):
        number = await store.awrite(lambda c: jobs.insert(c, "flaky", time.time(), max_attempts=5, backoff=0.1))
        job = await ended(store, number)
    assert (job.status, job.attempt, job.error) == ("completed", 3, None)
    assert attempts[1] - attempts[0] >= 0.1
    assert attempts[2] - attempts[1] >= 0.2


async def test_stopping_ends_what_runs_and_takes_nothing_more(store: Store) -> None:
    async with serving(store, wait=until_told) as worker:
        ids = [await insert(store, "wait") for _ in range(WORKERS + 1)]
        await ended(store, ids[WORKERS - 1], "running")
        worker.stop()
    states = [(await ended(store, job_id, "failed", "pending")).status for job_id in ids]
    assert states == ["failed"] * WORKERS + ["pending"]


async def test_a_store_that_fails_for_a_while_delays_a_job(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"claim": 2, "finish": 2}

    def sometimes(name: str) -> Callable[..., object]:
        real = getattr(jobs, name)

        def call(*arguments: object, **options: object) -> object:
            if broken[name]:
                broken[name] -= 1
                raise sqlite3.OperationalError("database or disk is full")
            return real(*arguments, **options)

        return call

    monkeypatch.setattr(worker_module, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(jobs, "claim", sometimes("claim"))
    monkeypatch.setattr(jobs, "finish", sometimes("finish"))
    async with serving(store, good=succeed):
        assert (await ended(store, await insert(store, "good"))).status == "completed"
    assert broken == {"claim": 0, "finish": 0}


async def test_a_store_that_fails_for_good_ends_the_worker(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(worker_module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(jobs, "finish", full)
    worker = Worker(StoreQueue(store, time.time), {"good": succeed})
    await insert(store, "good")
    with pytest.raises(StoreError, match="disk is full"):
        await asyncio.wait_for(worker.run(), 5)


async def test_what_an_engine_interrupts_goes_on_with_the_next_while_it_has_attempts(store: Store) -> None:
    async with serving(store, wait=until_told):
        once = await insert(store, "wait")
        often = await store.awrite(lambda c: jobs.insert(c, "wait", time.time(), max_attempts=2))
        await ended(store, once, "running")
        await ended(store, often, "running")
    assert [(await ended(store, one, "failed", "pending")).status for one in (once, often)] == ["failed", "pending"]


async def test_what_an_engine_leaves_unfinished_waits_for_the_next(store: Store) -> None:
    async def half(job: Job, stopping: Callable[[], bool]) -> Outcome:
        told = await until_told(job, stopping)
        told.unfinished = True
        return told

    async with serving(store, long=half):
        left = await insert(store, "long")
        await ended(store, left, "running")
    async with serving(store, long=half):
        await ended(store, left, "running")
        await cancel(store, left)
        assert (await ended(store, left)).status == "cancelled"
