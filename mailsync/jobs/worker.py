"""Takes jobs out of a queue and runs their handlers, several at a time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from mailsync.errors import Interrupted, MailsyncError, StoreError
from mailsync.jobs.queue import Outcome, Queue
from mailsync.record import record
from mailsync.store.job_kinds import WAITING
from mailsync.store.jobs import Job

WORKERS = 3
POLL_SECONDS = 0.04
"""How often other processes' wishes are looked for; a look where nothing has changed costs some microseconds."""
BEAT_SECONDS = 5.0
"""How often a running job is noted as alive."""
RECLAIM_SECONDS = 30.0
"""How often jobs of processes that were killed are looked for."""
DROP_SECONDS = 0.6
"""A cancelled job that only waits for a server has this long to come to its next step."""
ATTEMPTS = 4
RETRY_SECONDS = 0.5
"""For writing to the queue itself; each attempt waits longer than the one before."""


@record
class Running:
    """A job at work. `cancelled` turns true when it should end at the next step."""

    job: Job
    cancelled: bool = False
    since: float = 0.0
    """When that was asked, by the monotonic clock."""
    dropped: bool = False
    ending: bool = False
    """Its handler has come to an end; what is left is to write that down."""


Handler = Callable[[Job, Callable[[], bool]], Awaitable[Outcome]]


class Worker:
    """Runs jobs until `stop()`; handlers are given the job and a `stopping()` to ask between steps."""

    def __init__(self, queue: Queue, handlers: Mapping[str, Handler], *, workers: int = WORKERS) -> None:
        self._queue = queue
        self._handlers = handlers
        self._workers = workers
        self._running: dict[int, tuple[Running, asyncio.Task[None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waking: asyncio.Future[None] | None = None
        self._stopping = False
        self._failure: StoreError | None = None

    @property
    def busy(self) -> bool:
        """True while a job runs."""
        return bool(self._running)

    def stop(self) -> None:
        """Ask what runs to end at its next step and take nothing more."""
        self._stopping = True
        self._wake()

    async def run(self) -> None:
        """Serve the queue; returns after `stop()` when the last job has ended. StoreError when it cannot be served."""
        try:
            self._loop = asyncio.get_running_loop()
            await self._retried(self._open)
            await self._serve()
            await asyncio.gather(*(task for _, task in self._running.values()))
        finally:
            self._queue.close(idle=not self._running)
        if self._failure is not None:
            raise self._failure

    async def _serve(self) -> None:
        beaten = opened = time.monotonic()
        while not self._stopping and self._failure is None:
            now = time.monotonic()
            if self._running and now - beaten > BEAT_SECONDS:
                beaten = now
                await self._retried(partial(self._queue.beat, self._jobs()))
            if now - opened > RECLAIM_SECONDS:
                opened = now
                await self._retried(self._open)
            look = self._queue.look(self._jobs())
            if look is not None:
                self._heed(look.wanted, now)
                if look.ready:
                    await self._retried(self._take)
            self._drop(now)
            await self._rest()

    async def _open(self) -> None:
        await self._queue.open(self._rung)

    def _rung(self) -> None:
        """Something has changed; called from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._wake)

    async def _rest(self) -> None:
        """Until the next look. Of all ways to wait this costs an idle engine the least."""
        assert self._loop is not None
        self._waking = self._loop.create_future()
        timer = self._loop.call_later(POLL_SECONDS, self._wake)
        await self._waking
        timer.cancel()

    def _wake(self) -> None:
        if self._waking is not None and not self._waking.done():
            self._waking.set_result(None)

    def _jobs(self) -> dict[int, Job]:
        return {number: running.job for number, (running, _) in self._running.items()}

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

    def _heed(self, wanted: Mapping[int, bool], now: float) -> None:
        """Tell jobs that nobody wants any more, or that are somebody else's by now."""
        for number, (running, _) in self._running.items():
            if not running.cancelled and not wanted.get(number, False):
                running.cancelled, running.since = True, now

    def _drop(self, now: float) -> None:
        """Jobs that were cancelled and do not come to their next step for waiting for a server."""
        for running, task in self._running.values():
            late = running.cancelled and now - running.since > DROP_SECONDS
            if late and running.job.kind in WAITING and not (running.dropped or running.ending):
                running.dropped = True
                task.cancel()

    async def _take(self) -> None:
        while len(self._running) < self._workers and not self._stopping:
            job = await self._queue.claim()
            if job is None:
                return
            running = Running(job)
            self._running[job.id] = (running, asyncio.create_task(self._run_one(running)))

    async def _run_one(self, running: Running) -> None:
        job, task = running.job, asyncio.current_task()
        assert task is not None
        try:
            outcome = await self._outcome(running)
        except asyncio.CancelledError:
            if not running.dropped:
                raise
            task.uncancel()
            error = Interrupted("cancelled while it waited for the server")
            outcome = Outcome(False, {"ok": False, "exit_code": error.exit_code}, str(error))
        running.ending = True
        if self._stopping and not running.cancelled and outcome.document.get("exit_code") == Interrupted.exit_code:
            outcome.unfinished = outcome.unfinished or job.attempt < job.max_attempts
        await self._retried(partial(self._queue.settle, job, outcome))
        del self._running[job.id]
        self._wake()

    async def _outcome(self, running: Running) -> Outcome:
        job = running.job
        try:
            if job.kind not in self._handlers:
                raise MailsyncError(f"this mailsync knows no job {job.kind!r}")
            return await self._handlers[job.kind](job, lambda: running.cancelled or self._stopping)
        except MailsyncError as error:
            document = {"ok": False, "exit_code": error.exit_code}
            return Outcome(False, document, str(error), error.hint, passing=error.retry == "backoff")
        except Exception as error:  # a defect in a handler must not take the engine down
            self._report(job.kind, error)
            return Outcome(False, {"ok": False, "exit_code": 1}, f"internal error: {type(error).__name__}")

    def _report(self, kind: str, error: Exception) -> None:
        from mailsync.privacy.log import get_logger

        get_logger("jobs").error("job_failed", kind=kind, exc_info=error)
