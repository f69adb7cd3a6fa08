"""Asking for a job and waiting for its end, whoever runs the engine: the path of every command that needs a server."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailsync.engine.engine import Engine
from mailsync.errors import Interrupted, MailsyncError, OwnedElsewhere
from mailsync.store import jobs
from mailsync.store.database import Store
from mailsync.store.jobs import Job
from mailsync.store.lock import owner

if TYPE_CHECKING:
    from mailsync.config.models import Config

POLL_SECONDS = 0.01
INDEXED = ("sync", "backfill", "quarantine_retry", "parse")
"""Jobs after which an engine of this process makes what is stored searchable before it ends."""
OWNER_SECONDS = 1.0
"""How often a command that waits for another process's engine makes sure that there still is one."""


def ask(
    config: Config,
    store: Store,
    data_dir: Path,
    kind: str,
    params: dict[str, Any],
    *,
    each: Callable[[], None] = lambda: None,
    insert: Callable[[sqlite3.Connection], int] | None = None,
) -> Job:
    """Run a job to its end and return its row.

    Where nobody owns the data directory an engine is embedded for the length of the job; where the owner dies
    meanwhile, too. `each()` is called while waiting, every 10 ms or more often. `insert(connection)` puts the job into
    the queue in place of `kind` and `params`. Interrupted (KeyboardInterrupt), the job is cancelled and the interrupt
    goes on; where somebody else cancels it before it has begun, it is the error Interrupted.
    """
    indexes = kind in INDEXED and not params.get("dry_run")
    engine = _embed(config, store, data_dir, indexes)
    committed = threading.Event()
    store.subscribe(committed.set)
    try:
        attempts = 1 if engine else 3
        job_id = store.write(
            insert or (lambda c: jobs.insert(c, kind, time.time(), params=params, priority=10, max_attempts=attempts))
        ).result()
        version, looked = -1, time.monotonic()
        try:
            while True:
                current = store.data_version()
                if current != version:
                    version = current
                    with store.read() as connection:
                        job = jobs.get(connection, job_id)
                    if job is None or job.status not in ("pending", "running"):
                        break
                if time.monotonic() - looked > OWNER_SECONDS:
                    looked = time.monotonic()
                    if engine is None and owner(data_dir) is None:
                        engine = _embed(config, store, data_dir, indexes)
                    elif engine is not None and not engine.running:
                        raise engine.failure
                each()
                committed.wait(POLL_SECONDS)  # an engine of this process tells at once
                committed.clear()
        except KeyboardInterrupt:
            store.write(lambda connection: jobs.request_cancel(connection, job_id, time.time())).result()
            raise
        if job is None:
            raise MailsyncError("the job was removed while it waited")
        if job.status == "cancelled" and job.result is None:
            raise Interrupted(f"job {job_id} was cancelled")
        if engine is not None and indexes:
            indexed = engine.index()
            while not indexed.wait(POLL_SECONDS) and engine.running:
                each()
        return job
    finally:
        store.unsubscribe(committed.set)
        if engine is not None:
            engine.stop()


def _embed(config: Config, store: Store, data_dir: Path, indexes: bool) -> Engine | None:
    engine = Engine(config, store, data_dir, schedules=False, monitors=False, indexes=indexes)
    try:
        engine.start()
    except OwnedElsewhere:
        return None
    return engine
