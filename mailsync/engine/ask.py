"""Asking for a job and waiting for its end, whoever runs the engine: the path of every command that needs a server."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mailsync.config.models import Config
from mailsync.engine.engine import Engine
from mailsync.errors import OwnedElsewhere
from mailsync.store import jobs
from mailsync.store.database import Store
from mailsync.store.jobs import Job

POLL_SECONDS = 0.01


def ask(
    config: Config,
    store: Store,
    data_dir: Path,
    kind: str,
    params: dict[str, Any],
    *,
    each: Callable[[], None] = lambda: None,
) -> Job:
    """Run a job to its end and return its row.

    Where nobody owns the data directory an engine is embedded for the length of the job. `each()` is called while
    waiting, about every 10 ms. Interrupted (KeyboardInterrupt), the job is cancelled and the interrupt goes on.
    """
    engine: Engine | None = Engine(config, store, data_dir, schedules=False, monitors=False)
    try:
        assert engine is not None
        engine.start()
    except OwnedElsewhere:
        engine = None
    try:
        job_id = store.write(lambda c: jobs.insert(c, kind, time.time(), params=params, priority=10)).result()
        try:
            return _wait(store, job_id, each)
        except KeyboardInterrupt:
            store.write(lambda connection: jobs.request_cancel(connection, job_id, time.time())).result()
            raise
    finally:
        if engine is not None:
            engine.stop()


def _wait(store: Store, job_id: int, each: Callable[[], None]) -> Job:
    version = -1
    while True:
        current = store.data_version()
        if current != version:
            version = current
            with store.read() as connection:
                job = jobs.get(connection, job_id)
            assert job is not None
            if job.status not in ("pending", "running"):
                return job
        each()
        time.sleep(POLL_SECONDS)
