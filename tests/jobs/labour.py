"""A worker process on a queue, and jobs whose effects can be counted: lines in a file, as a server would keep them.

Each step is noted as begun, done outside the database, and noted as settled; who finds one begun looks in the file
first, as every handler that changes a server does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mailsync.jobs import worker as worker_module
from mailsync.jobs.queue import Outcome, StoreQueue
from mailsync.jobs.worker import Worker
from mailsync.store import jobs
from mailsync.store.database import Store
from mailsync.store.job_kinds import KINDS
from mailsync.store.jobs import Job

LEDGER = "ledger"
STEP_SECONDS = 0.01


class Forge:
    """Starts workers out of a process that has imported all of this already; `close` it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.jobs.labour"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, data_dir: Path) -> int:
        """A worker on the queue in `data_dir`; its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(data_dir, file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=10)


def forge() -> None:
    """A line is a directory to work in; the answer is the process that does so."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        if not (number := os.fork()):
            work(line.strip())
            os._exit(0)
        print(number, flush=True)


def kill(number: int) -> None:
    """Kill a worker; returns when it is no more."""
    os.kill(number, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(number, 0)
            time.sleep(0.001)


def prepare(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE steps (job_id, step, PRIMARY KEY (job_id, step))")


def lines(data_dir: Path) -> list[tuple[int, int, int]]:
    """(job, step, attempt) of everything that was done, in the order in which it was."""
    ledger = data_dir / LEDGER
    rows = ledger.read_text().splitlines() if ledger.exists() else []
    return [(int(job), int(step), int(attempt)) for job, step, attempt in map(str.split, rows)]


def work(data_dir: str) -> None:
    """Serve the queue until SIGTERM."""
    worker_module.RECLAIM_SECONDS = 0.1
    asyncio.run(_serve(Path(data_dir)))


async def _serve(data_dir: Path) -> None:
    store = Store.open(data_dir)

    async def labour(job: Job, stopping: Callable[[], bool]) -> Outcome:
        for step in range(int(job.params["steps"])):
            if stopping():
                return Outcome(False, {"ok": False}, "stopped", unfinished=True)
            begun = await store.awrite(partial(_begin, job=job, step=step))
            if not begun or (job.id, step) not in {line[:2] for line in lines(data_dir)}:
                _do(data_dir, job, step)
            await store.awrite(partial(_settle, job=job, step=step))
            await asyncio.sleep(STEP_SECONDS)
        return Outcome(True, {"ok": True})

    worker = Worker(StoreQueue(store, time.time), dict.fromkeys(KINDS, labour))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    await worker.run()
    store.close()


def _begin(connection: sqlite3.Connection, job: Job, step: int) -> bool:
    """Note a step as begun; True when it was, before. Nothing is begun by who has lost the job."""
    assert job.id in jobs.wanted(connection, {job.id: job.attempt})
    noted = connection.execute("INSERT OR IGNORE INTO steps VALUES (?, ?)", (job.id, step))
    return not noted.rowcount


def _settle(connection: sqlite3.Connection, job: Job, step: int) -> None:
    jobs.progress(connection, job.id, step + 1, 0, time.time())


def _do(data_dir: Path, job: Job, step: int) -> None:
    descriptor = os.open(data_dir / LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{job.id} {step} {job.attempt}\n".encode())
    os.close(descriptor)


if __name__ == "__main__":
    forge()
