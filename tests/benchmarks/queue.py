"""The job queue: how soon a job begins, and what a long queue costs who works through it.

    claim    from the claim of a job until its handler runs; milliseconds
    start    the same from the commit of the wish, asked for by this process and by another one
    drain    jobs a second that do nothing, one after the other through three workers
    look     one look at a queue in which nothing has changed, and in which something has; microseconds
    page     the first 200 of the queue, as a screen reads them; milliseconds
    idle     processor time of a worker that waits, in a second; milliseconds

`python -m tests.benchmarks.queue`
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

from mailsync.jobs.queue import Outcome, StoreQueue
from mailsync.jobs.worker import Worker
from mailsync.store import job_list, jobs
from mailsync.store.database import Store
from mailsync.store.jobs import Job

WISHES = 100
QUEUES = (10, 1_000, 10_000)
IDLE_SECONDS = 3.0
LIMIT_MS = 50.0
OTHER = """
import sqlite3, sys, time
from mailsync.store import jobs
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for line in sys.stdin:
    jobs.insert(connection, "fetch", time.time())
"""
"""Another process: a wish a line; when it was committed is the job's `created_at`, to well under a millisecond."""


Begun = dict[int, tuple[float, float]]
"""By job: the seconds from its wish and from its claim until it began."""


@contextlib.asynccontextmanager
async def serving(store: Store, begun: Begun) -> AsyncIterator[None]:
    async def handler(job: Job, stopping: Callable[[], bool]) -> Outcome:
        now = time.time()
        begun[job.id] = (now - job.created_at, now - (job.started_at or now))
        return Outcome(True, {})

    worker = Worker(StoreQueue(store, time.time), {"fetch": handler})
    task = asyncio.create_task(worker.run())
    await asyncio.sleep(0.2)
    yield
    worker.stop()
    await task


def report(name: str, values: list[float], unit: str) -> None:
    ordered = sorted(values)
    p95 = ordered[int(len(ordered) * 0.95)]
    print(f"{name:<28} {statistics.median(ordered):8.2f} median {p95:8.2f} p95 {ordered[-1]:8.2f} most  {unit}")


async def start(store: Store) -> None:
    begun: Begun = {}
    async with serving(store, begun):
        for _ in range(WISHES):
            await store.awrite(lambda connection: jobs.insert(connection, "fetch", time.time()))
            await asyncio.sleep(0.037)
        claims = [claim * 1000 for _, claim in begun.values()]
        report("claim", claims, "ms")
        print(f"{'':<28} {'within' if max(claims) < LIMIT_MS else 'NOT WITHIN'} {LIMIT_MS:.0f} ms")
        report("start, this process", [wish * 1000 for wish, _ in begun.values()], "ms")
        begun.clear()
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", OTHER, str(store.path), stdin=subprocess.PIPE
        )
        assert other.stdin is not None
        for _ in range(WISHES):
            other.stdin.write(b"\n")
            await other.stdin.drain()
            await asyncio.sleep(0.037)
        other.stdin.close()
        await other.wait()
        await asyncio.sleep(0.2)
        report("start, another process", [wish * 1000 for wish, _ in begun.values()], "ms")


def fill(connection: sqlite3.Connection, count: int) -> None:
    for number in range(count):
        jobs.insert(connection, "fetch", time.time(), priority=number % 3)


async def drain(store: Store, count: int) -> None:
    await store.awrite(lambda connection: fill(connection, count))
    begun: Begun = {}
    async with serving(store, begun):
        done = 0
        while done < count:
            await asyncio.sleep(0.02)
            done = (await store.aread(job_list.counts)).get("completed", 0)
    with store.read() as connection:
        first, last = connection.execute("SELECT min(started_at), max(finished_at) FROM jobs").fetchone()
    print(f"drain {count:>6,} waiting {count / (last - first):15,.0f} jobs/s")


async def look(store: Store, count: int) -> None:
    await store.awrite(lambda connection: fill(connection, count))
    queue = StoreQueue(store, time.time)
    idle: list[float] = []
    moved: list[float] = []
    pages: list[float] = []
    for number in range(200):
        await store.awrite(lambda connection: connection.execute("UPDATE jobs SET heartbeat_at = 1 WHERE id = 1"))
        for times in (moved, idle) if number else ([], []):
            at = time.perf_counter()
            queue.look({})
            times.append((time.perf_counter() - at) * 1e6)
        with store.read() as connection:
            at = time.perf_counter()
            job_list.page(connection, 200)
            job_list.counts(connection)
            pages.append((time.perf_counter() - at) * 1e3)
    report(f"look {count:>6,} waiting", idle, "us")
    report(f"look {count:>6,}, moved", moved, "us")
    report(f"page {count:>6,} waiting", pages, "ms")


async def idle(store: Store) -> None:
    async with serving(store, {}):
        spent = time.process_time()
        await asyncio.sleep(IDLE_SECONDS)
        print(f"{'idle':<28} {(time.process_time() - spent) / IDLE_SECONDS * 1000:8.2f} ms of processor time a second")


def main() -> None:
    steps: list[Callable[[Store], Awaitable[None]]] = [start, idle]
    steps += [partial(drain, count=count) for count in QUEUES[:2]] + [partial(look, count=count) for count in QUEUES]
    for step in steps:
        with tempfile.TemporaryDirectory(prefix="mailsync-bench-") as folder:
            store = Store.open(Path(folder))
            try:
                asyncio.run(_step(step, store))
            finally:
                store.close()


async def _step(step: Callable[[Store], Awaitable[None]], store: Store) -> None:
    await step(store)


if __name__ == "__main__":
    main()
