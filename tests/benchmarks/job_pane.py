"""The jobs pane beside a queue that moves: ten commits a second, with few jobs in it and with very many.

    idle   the screen's thread while nobody touches a key, CPU time in a second
    move   the work from a key to the finished drawing, CPU time
    news   from a commit until the screen shows it

`python -m tests.benchmarks.job_pane`
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from mailsync.store import jobs
from mailsync.store.database import Store
from mailsync.tui.app import MailsyncApp
from mailsync.tui.screens.jobs import JobsScreen
from tests.benchmarks.message_list import report, timed, until

QUEUES = (10, 1_000, 10_000)
SECONDS = 4
COMMITS = 10
"""A second."""
MOVES = 40


def fill(connection: sqlite3.Connection, waiting: int) -> int:
    """A job that runs, so many behind it, and a week of jobs that ended; gives the one that runs."""
    now = time.time()
    running = jobs.insert(connection, "verify", now, account="home")
    jobs.take(connection, running, now, "1-a")
    for number in range(2_000):
        ended = jobs.insert(connection, "sync", now - number, account="home")
        jobs.finish(connection, ended, "completed", now - number, result={"folders": ["x" * 100] * 20})
    for number in range(waiting):
        jobs.insert(connection, "sync", now, account=f"account {number}")
    return running


async def measure(store: Store, running: int) -> None:
    """The pane at work."""
    app = MailsyncApp(store, viewer_of=1)
    stop = asyncio.Event()
    done = 0

    async def commit() -> None:
        nonlocal done
        while not stop.is_set():
            done += 1
            await store.awrite(partial(jobs.progress, job_id=running, processed=done, failed=0, at=time.time()))
            await asyncio.sleep(1 / COMMITS)

    async with app.run_test(size=(160, 48)) as pilot:
        await until(lambda: app.vitals.loaded)
        await app.switch_mode("jobs")
        screen = app.screen
        assert isinstance(screen, JobsScreen)
        await until(lambda: screen.jobs.count > 0)
        await pilot.pause(1)
        gc.freeze()  # as the application does on a real terminal
        working = asyncio.create_task(commit())
        spent, moves, news = [], [], []
        for _ in range(SECONDS):
            started = time.thread_time()
            await asyncio.sleep(1)
            spent.append((time.thread_time() - started) * 1000)
        for _ in range(MOVES):
            moves.append(await timed(pilot, screen.jobs.action_cursor_down))
            await asyncio.sleep(0.02)
        screen.jobs.cursor = 0
        for _ in range(5):
            before, started = done, time.perf_counter()
            await until(lambda before=before: (job := screen.jobs.selected) is not None and job.processed > before)  # type: ignore[misc]
            news.append((time.perf_counter() - started) * 1000)
        stop.set()
        await working
    print(f"idle      {statistics.median(spent):8.1f} ms a second")
    report("move", moves)
    report("news", news)


def main() -> None:
    """Each queue in a store of its own."""
    for waiting in QUEUES:
        print(f"{waiting:,} jobs wait")
        with tempfile.TemporaryDirectory() as folder:
            store = Store.open(Path(folder))
            try:
                running = store.write(lambda c, waiting=waiting: fill(c, waiting)).result()  # type: ignore[misc]
                asyncio.run(measure(store, running))
            finally:
                store.close()


if __name__ == "__main__":
    main()
