"""A job that the command which asks for it does itself: it is in the queue for others to see, follow and cancel."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from mailsync.errors import Interrupted, MailsyncError
from mailsync.model import JobStatus
from mailsync.store import jobs
from mailsync.store.database import Store
from mailsync.store.jobs import Job
from mailsync.store.presence import Presence

EACH_SECONDS = 0.2
"""Between two looks at whether somebody wants it to end; progress is written as often."""


class Here:
    """A job at work in this process; tell it of each step."""

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._job = job
        self._done = 0
        self._next = 0.0

    def advance(self, steps: int) -> None:
        """So many more messages are done. Interrupted when somebody has cancelled the job."""
        self._done += steps
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EACH_SECONDS
        self.note()
        with self._store.read() as connection:
            wanted = jobs.wanted(connection, {self._job.id: self._job.attempt})
        if not wanted.get(self._job.id, False):
            raise Interrupted(f"job {self._job.id} was cancelled")

    def note(self) -> None:
        """Write down how far it is."""
        self._store.write(lambda connection: jobs.progress(connection, self._job.id, self._done, 0, time.time()))


@contextlib.contextmanager
def done_here(store: Store, kind: str, total: int, *, account: str | None, params: dict[str, Any]) -> Iterator[Here]:
    """A job of this process for the length of the block; how the block ends is how it ends."""
    presence = Presence(store.path.parent)

    def begin(connection: Any) -> Job | None:
        at = time.time()
        number = jobs.insert(connection, kind, at, account=account, params=params, priority=jobs.ASKED)
        jobs.approve(connection, number, None, total)
        return jobs.take(connection, number, at, presence.name)

    job = store.write(begin).result()
    assert job is not None
    here = Here(store, job)
    status: JobStatus = "failed"
    error: str | None = None
    hint: str | None = None
    try:
        yield here
        status = "completed"
    except (KeyboardInterrupt, Interrupted):
        status = "cancelled"
        raise
    except MailsyncError as failure:
        error, hint = str(failure), failure.hint
        raise
    except BaseException as failure:
        error = f"the command ended: {type(failure).__name__}"
        raise
    finally:
        here.note()
        store.write(
            lambda connection: jobs.finish(connection, job.id, status, time.time(), error=error, hint=hint)
        ).result()
        presence.release()
