"""What a job of kind `unsubscribe` comes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mailsync.cleanup.leaving import leave
from mailsync.errors import MailsyncError
from mailsync.jobs.queue import Outcome
from mailsync.store.database import Store
from mailsync.store.jobs import Job


async def unsubscribed(store: Store, job: Job, now: Callable[[], float]) -> Outcome:
    """Ask a list to let somebody go, as was approved of. A failure is not tried again by itself."""
    number = int(job.params["unsubscribe"])
    document: dict[str, Any] = {"unsubscribe": str(number)}
    try:
        one = await leave(store, number, now)
    except MailsyncError as error:
        document |= {"ok": False, "exit_code": error.exit_code}
        return Outcome(False, document, str(error), error.hint)
    return Outcome(True, document | {"ok": True, "exit_code": 0, "detail": one.detail})
