"""Takes jobs out of the queue and runs their handlers, several at a time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from mailsync.errors import MailsyncError, StoreError
from mailsync.record import record
from mailsync.store import jobs
from mailsync.store.database import Store

CONCURRENT = 4
POLL_SECONDS = 0.1
"""How often other processes' wishes are looked for; this process's own wake the worker at once."""
ATTEMPTS = 4
RETRY_SECONDS = 0.5
"""For writing to the queue itself; each attempt waits longer than the one before."""


@record
class Outcome:
    """What a handler gives back: its document, and whether the job did all it was asked for."""

    ok: bool
    document: dict[str, Any]
    error: str | None = None
    hint: str | None = None
    unfinished: bool = False
    """It was stopped and goes on with the next engine, unless it was cancelled."""


@record
class Running:
    """A job at work. `stopping` turns true when it should end at the next step."""

    job: jobs.Job
    cancelled: bool = False


Handler = Callable[[jobs.Job, Callable[[], bool]], Awaitable[Outcome]]


class Worker:
    """Runs jobs until `stop()`; handlers are given the job and a `stopping()` to ask between steps."""

    def __init__(self, store: Store, handlers: Mapping[str, Handler], now: Callable[[], float]) -> None:
        self._store = store
        self._handlers = handlers
        self._now = now
        self._running: dict[int, tuple[Running, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._failure: StoreError | None = None

    @property
    def busy(self) -> bool:
        """True while a job runs."""
        return bool(self._running)

    def wake(self) -> None:
        """Look at the queue now. Call it on the worker's loop."""
        self._wake.set()

    def stop(self) -> None:
        """Ask what runs to end at its next step and take nothing more."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Serve the queue; returns after `stop()` when the last job has ended. StoreError when it cannot be served."""
        version = -1
        while not self._stopping and self._failure is None:
            current = self._store.data_version()
            if current != version or self._wake.is_set():
                version = current
                self._wake.clear()
                await self._retried(self._look)
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue
        await asyncio.gather(*(task for _, task in self._running.values()))
        if self._failure is not None:
            raise self._failure

    async def _retried(self, step: Callable[[], Awaitable[None]]) -> None:
        """A full disk may be emptied soon. If not, the queue cannot be served, and `run` says so."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await step()
                return
            except StoreError as error:
                if attempt == ATTEMPTS:
                    self._failure = error
                    return
            await asyncio.sleep(RETRY_SECONDS * attempt)

    async def _look(self) -> None:
        for running, _ in list(self._running.values()):
            running.cancelled = await self._store.aread(partial(jobs.is_cancelled, job_id=running.job.id))
        while len(self._running) < CONCURRENT and not self._stopping:
            if not await self._store.aread(jobs.waiting):
                return
            job = await self._store.awrite(lambda connection: jobs.claim(connection, self._now()))
            if job is None:
                return
            running = Running(job)
            task = asyncio.create_task(self._run_one(running))
            self._running[job.id] = (running, task)

    async def _run_one(self, running: Running) -> None:
        job = running.job
        handler = self._handlers.get(job.kind)
        try:
            if handler is None:
                raise MailsyncError(f"this mailsync knows no job {job.kind!r}")
            outcome = await handler(job, lambda: running.cancelled or self._stopping)
        except MailsyncError as error:
            outcome = Outcome(False, {"ok": False, "exit_code": error.exit_code}, str(error), error.hint)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # a defect in a handler must not take the engine down
            outcome = Outcome(False, {"ok": False, "exit_code": 1}, f"internal error: {type(error).__name__}")
            self._report(job.kind, error)
        cancelled = await self._store.aread(partial(jobs.is_cancelled, job_id=job.id))
        status: Any = "cancelled" if cancelled else "completed" if outcome.ok else "failed"
        at = self._now()

        def finish(connection: sqlite3.Connection) -> None:
            if outcome.unfinished and not cancelled:
                return jobs.requeue(connection, job.id, at)
            document, error, hint = outcome.document, outcome.error, outcome.hint
            jobs.finish(connection, job.id, status, at, result=document, error=error, hint=hint)
            return None

        await self._retried(partial(self._store.awrite, finish))
        del self._running[job.id]
        self._wake.set()

    def _report(self, kind: str, error: Exception) -> None:
        from mailsync.privacy.log import get_logger

        get_logger("jobs").error("job_failed", kind=kind, exc_info=error)
