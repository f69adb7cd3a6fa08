"""What a worker needs of a queue, and nothing more: another engine's queue can stand behind it.

`StoreQueue` is the one in the database, shared by all processes that have it open.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from mailsync.errors import StoreError
from mailsync.model import JobStatus
from mailsync.record import record
from mailsync.store import jobs, presence
from mailsync.store.database import Store
from mailsync.store.jobs import Job

LOOK_SECONDS = 0.5
"""What becomes due changes nothing in the database: so often there is a look in any case."""

LONG_JOBS = 2
"""One worker of three is always there for what is done soon."""


@record
class Outcome:
    """What a handler gives back: its document, and whether the job did all it was asked for."""

    ok: bool
    document: dict[str, Any]
    error: str | None = None
    hint: str | None = None
    unfinished: bool = False
    """It was stopped and goes on with the next engine, unless it was cancelled."""
    passing: bool = False
    """It failed for a reason that may pass: worth another attempt later."""


@record
class Look:
    """What a worker sees of its queue: whether a job seems to wait, and of those it runs, which shall go on.

    False for one that somebody asked to stop; one that is no longer this worker's is missing.
    """

    ready: bool
    wanted: Mapping[int, bool]


class Queue(Protocol):
    """A queue as one worker sees it. Every call may raise StoreError, and may be made again after that."""

    async def open(self, wake: Callable[[], None]) -> None:
        """Show that this worker is alive, and take back what dead ones left. Before all else, and now and then.

        `wake` may be called, from any thread, when there is something to look at; looks come without it, too.
        """

    def look(self, running: Mapping[int, Job]) -> Look | None:
        """None when nothing has changed since the last look. Cheap: asked many times a second."""

    async def claim(self) -> Job | None:
        """Take the next job; None when there is none for now."""

    async def beat(self, running: Mapping[int, Job]) -> None:
        """Note that these are being worked at."""

    async def settle(self, job: Job, outcome: Outcome) -> None:
        """A job of this worker came to an end, of its own or because it was asked to."""

    def close(self, *, idle: bool) -> None:
        """This worker does nothing any more; unless `idle`, it leaves jobs for others to take back."""


class StoreQueue:
    """The queue of `store`; `now` gives Unix seconds. At most `long` of the long jobs run at a time."""

    def __init__(self, store: Store, now: Callable[[], float], *, long: int = LONG_JOBS) -> None:
        self._store = store
        self._now = now
        self._long = long
        self._data_dir = store.path.parent
        self._version = -1
        self._looked = 0.0
        self._presence: presence.Presence | None = None
        self._wake: Callable[[], None] | None = None

    async def open(self, wake: Callable[[], None]) -> None:
        if self._wake is None:
            self._wake = wake
            self._store.subscribe(wake)
        if self._presence is None:
            try:
                self._presence = presence.Presence(self._data_dir)
            except OSError as error:
                raise StoreError(f"cannot use {self._data_dir}: {error.strerror}", hint="check --data-dir") from error
        at = self._now()
        gone = partial(presence.gone, self._data_dir, now=at)
        await self._store.awrite(lambda connection: jobs.reclaim(connection, at, gone))
        presence.sweep(self._data_dir)

    def look(self, running: Mapping[int, Job]) -> Look | None:
        version, clock = self._store.data_version(), time.monotonic()
        if version == self._version and clock - self._looked < LOOK_SECONDS:
            return None
        self._version, self._looked = version, clock
        with self._store.read() as connection:
            ready = jobs.next_id(connection, self._now(), self._long) is not None
            return Look(ready, jobs.wanted(connection, _leases(running)) if running else {})

    async def claim(self) -> Job | None:
        assert self._presence is not None
        name, at = self._presence.name, self._now()
        return await self._store.awrite(lambda connection: jobs.claim(connection, at, name, long=self._long))

    async def beat(self, running: Mapping[int, Job]) -> None:
        at = self._now()
        await self._store.awrite(lambda connection: jobs.heartbeat(connection, _leases(running), at))

    async def settle(self, job: Job, outcome: Outcome) -> None:
        at = self._now()
        await self._store.awrite(lambda connection: settle(connection, job, outcome, at))

    def close(self, *, idle: bool) -> None:
        if self._wake is not None:
            self._store.unsubscribe(self._wake)
            self._wake = None
        if self._presence is not None:
            self._presence.release(idle=idle)
            self._presence = None


def _leases(running: Mapping[int, Job]) -> dict[int, int]:
    return {number: job.attempt for number, job in running.items()}


def settle(connection: sqlite3.Connection, job: Job, outcome: Outcome, at: float) -> None:
    """Write down what became of a job, unless it was taken away from this attempt meanwhile."""
    error, hint, attempt = outcome.error, outcome.hint, job.attempt
    if not outcome.ok and jobs.is_cancelled(connection, job.id):
        jobs.finish(
            connection, job.id, "cancelled", at, result=outcome.document, error=error, hint=hint, attempt=attempt
        )
    elif outcome.unfinished:
        jobs.requeue(connection, job.id, at, attempt)
    elif outcome.passing and job.backoff and job.attempt < job.max_attempts:
        jobs.retry_later(connection, job, at, error, hint)
    else:
        status: JobStatus = "completed" if outcome.ok else "failed"
        jobs.finish(connection, job.id, status, at, result=outcome.document, error=error, hint=hint, attempt=attempt)
