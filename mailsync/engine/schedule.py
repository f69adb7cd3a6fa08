"""Periodic syncs: APScheduler inserts a sync job per account and interval, unless one waits or runs already."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mailsync.store import accounts, folders, jobs, messages
from mailsync.store.database import Store

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    from mailsync.config.models import Config

PURGE_SECONDS = 24 * 3600
PRUNE_SECONDS = 3600


class Schedule:
    """The schedules of every account; the first sync of each is due at once."""

    def __init__(self, config: Config, store: Store, now: Callable[[], float]) -> None:
        self._config = config
        self._store = store
        self._now = now
        self._scheduler: AsyncIOScheduler | None = None

    async def start(self) -> None:
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        scheduler = self._scheduler = AsyncIOScheduler(timezone=UTC)
        for name in self._config.accounts:
            scheduler.add_job(
                self._request_sync,
                "interval",
                args=(name,),
                seconds=self._config.accounts[name].sync_interval,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
                next_run_time=datetime.now(UTC),
            )
        scheduler.add_job(self._purge, "interval", seconds=PURGE_SECONDS, coalesce=True, max_instances=1)
        scheduler.add_job(self._prune, "interval", seconds=PRUNE_SECONDS, coalesce=True, max_instances=1)
        scheduler.start()

    def stop(self) -> None:
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)

    def resume(self, name: str, at: float) -> None:
        """Sync the account `name` again at `at` (Unix seconds): its last sync failed, and this is when to try."""
        if self._scheduler is not None and self._scheduler.running:
            self._scheduler.add_job(
                self._request_sync,
                "date",
                args=(name,),
                run_date=datetime.fromtimestamp(at, UTC),
                id=f"resume {name}",
                replace_existing=True,
                misfire_grace_time=None,
            )

    async def _request_sync(self, name: str) -> None:
        at = self._now()
        interval = self._config.accounts[name].sync_interval

        def write(connection: sqlite3.Connection) -> float | None:
            account_id = accounts.id_of(connection, name)
            resumes = accounts.resumes_at(connection, name)
            if resumes is not None and resumes > at:
                return resumes
            # A refused password is not tried on a schedule: servers lock out whoever keeps trying.
            if not jobs.pending_sync(connection, name) and not accounts.needs_login(connection, name):
                first = folders.unfinished(connection, account_id)
                kind, priority = ("backfill", jobs.BACKGROUND) if first else ("sync", 0)
                jobs.insert(connection, kind, at, account=name, params={"scheduled": True}, priority=priority)
            folders.set_next_sync(connection, account_id, at + interval)
            return None

        resumes = await self._store.awrite(write)
        if resumes is not None:
            self.resume(name, resumes)

    async def _purge(self) -> None:
        at, config = self._now(), self._config
        before, undo_since = at - config.store.keep_deleted, at - config.cleanup.undo_for
        while await self._store.awrite(lambda connection: messages.purge_removed(connection, before, undo_since)):
            pass

    async def _prune(self) -> None:
        at = self._now()
        await self._store.awrite(lambda connection: jobs.prune(connection, at))
