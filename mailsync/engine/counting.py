"""Tells the queue how far a job is, about once a second, while its handler goes on."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable

from mailsync.record import record
from mailsync.store import jobs
from mailsync.store.database import Store

EACH_SECONDS = 1.0


@record(frozen=True)
class Count:
    """How far a job is, in messages; `total` as far as anybody knows."""

    processed: int = 0
    failed: int = 0
    total: int = 0


@contextlib.asynccontextmanager
async def counted(
    store: Store, job_id: int, now: Callable[[], float], count: Callable[[sqlite3.Connection], Count]
) -> AsyncIterator[None]:
    """For as long as this lasts, and once at its end, what `count` gives is written down where it has changed."""
    last = Count()

    def write(connection: sqlite3.Connection) -> Count:
        current = count(connection)
        if current != last:
            jobs.progress(
                connection,
                job_id,
                current.processed,
                current.failed,
                now(),
                total=max(current.total, current.processed),
            )
        return current

    async def ticking() -> None:
        nonlocal last
        while True:
            await asyncio.sleep(EACH_SECONDS)
            last = await store.awrite(write)

    ticker = asyncio.create_task(ticking())
    try:
        yield
    finally:
        ticker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticker
        await store.awrite(write)
