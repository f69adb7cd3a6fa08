"""What the screens ask of an engine, as job rows. Each call blocks and is made from a worker thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from mailsync.store import jobs
from mailsync.store.database import Store

PRIORITY = 10
"""Before what a schedule asks for."""


def for_sync(store: Store, accounts: Iterable[str], now: float) -> list[str]:
    """Ask for a sync of these accounts, but for those whose sync waits already; returns whose was asked for."""

    def insert(connection: sqlite3.Connection) -> list[str]:
        asked = [name for name in accounts if not jobs.pending_sync(connection, name)]
        for name in asked:
            jobs.insert(connection, "sync", now, account=name, priority=PRIORITY)
        return asked

    return store.write(insert).result()


def for_message(store: Store, message_id: int, now: float) -> int:
    """Ask for the bytes of a message that was left on the server; returns the id of the job."""
    return store.write(
        lambda connection: jobs.insert(connection, "fetch", now, params={"message": message_id}, priority=PRIORITY)
    ).result()


def ended(connection: sqlite3.Connection, job_ids: Iterable[int]) -> dict[int, tuple[str, str] | None]:
    """Those of the jobs that have ended: None for one that went well, else (error, hint)."""
    found: dict[int, tuple[str, str] | None] = {}
    for ident in job_ids:
        job = jobs.get(connection, ident)
        if job is None or job.status == "completed":
            found[ident] = None
        elif job.status not in ("pending", "running"):
            found[ident] = (job.error or f"the job was {job.status}", job.error_hint or "")
    return found
