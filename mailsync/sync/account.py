"""One account: its folders mirrored side by side over a small pool of connections."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from mailsync.errors import Interrupted, MailsyncError
from mailsync.imap.session import Session
from mailsync.model import AccountResult, FolderResult
from mailsync.store import accounts, activity, folders, quarantine
from mailsync.sync.connection import AccountConnection
from mailsync.sync.discover import Discovery
from mailsync.sync.folder import FolderSync
from mailsync.sync.plan import Numbers, choose

LOSSES = 3
"""Connections in a row that may be lost in a folder without any progress."""


@dataclass(slots=True)
class AccountMirror(AccountConnection):
    """Mirrors one account of the configuration."""

    locks: defaultdict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """By folder id: one sync of a folder at a time, whoever asks for it."""

    async def sync(
        self,
        only: Sequence[str] = (),
        *,
        full: bool = False,
        dry_run: bool = False,
        scheduled: bool = False,
        stopping: Callable[[], bool] = lambda: False,
    ) -> AccountResult:
        """Sync the selected folders, or those named in `only`. Never raises MailsyncError: the result tells.

        `scheduled`: no person asked for it.
        """
        result = AccountResult(self.name)

        def over() -> bool:
            return stopping() or self.over_budget()

        try:
            await self.begin(asked=not scheduled)
            async with self.pool.session() as session:
                discovery = Discovery(self.store, self.name, self.account_id, self.config, self.now)
                chosen = await discovery.refresh(session, only, dry_run=dry_run)
            self.syncing = True
            await self.set_state("syncing")
            await self._sync_folders(chosen, result, full=full, dry_run=dry_run, stopping=over)
            self.ended(None)
        except MailsyncError as failure:
            error = failure
            if isinstance(failure, Interrupted) and self.over_budget() and not stopping():
                error = await self.budget_spent()
            await (self.set_state(self.resting) if isinstance(error, Interrupted) else self.note_failure(error))
            result.error, result.hint, result.exit_code = self.ended(error), error.hint, error.exit_code
        finally:
            self.syncing = False
            await self.end()
        result.folders.sort(key=lambda folder: folder.name)
        if result.error is None:
            failed = next((folder for folder in result.folders if folder.error), None)
            if failed:
                result.exit_code = 1
            await self.set_state(self.resting)
        if not dry_run and result.exit_code != Interrupted.exit_code:
            at = self.now()
            await self.store.awrite(lambda c: accounts.finish_sync(c, self.name, at, result.error, result.hint))
        return result

    async def _sync_folders(
        self,
        chosen: list[tuple[folders.Folder, Numbers | None]],
        result: AccountResult,
        *,
        full: bool,
        dry_run: bool,
        stopping: Callable[[], bool],
    ) -> None:
        """Several folders at a time. A folder's failure is its own; what concerns the account ends all of it."""
        unchanged = [] if full else await self._proven_unchanged(chosen, dry_run=dry_run)
        result.folders += [FolderResult(folder.name, folder.uidvalidity, strategy="unchanged") for folder in unchanged]
        skip = {folder.id for folder in unchanged}
        queue = [folder for folder, _ in reversed(chosen) if folder.id not in skip]

        async def work() -> None:
            while queue and not stopping():
                folder = queue.pop()
                task = FolderSync(self.store, self.name, self.account_id, folder, self.now, full, dry_run, stopping)
                result.folders.append(await self.sync_folder(task, self.worker))

        workers = [asyncio.create_task(work()) for _ in range(min(self.pool.ceiling, len(queue)))]
        try:
            await asyncio.gather(*workers)
        except BaseException:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            raise
        if queue:
            raise Interrupted

    async def _proven_unchanged(
        self, chosen: list[tuple[folders.Folder, Numbers | None]], *, dry_run: bool
    ) -> list[folders.Folder]:
        """The folders that need no look because their STATUS proves it, noted as synced in one transaction."""
        at = self.now()
        retry_due = await self.store.aread(lambda c: quarantine.folders_due(c, self.account_id, at))
        proven = [
            folder
            for folder, status in chosen
            if status is not None and folder.id not in retry_due and proves_unchanged(folder, status)
        ]
        if proven and not dry_run:
            ids = [folder.id for folder in proven]
            await self.store.awrite(lambda connection: folders.note_unchanged(connection, ids, at))
        return proven

    async def sync_folder(
        self, task: FolderSync, take: Callable[[], AbstractAsyncContextManager[Session]]
    ) -> FolderResult:
        """Run a folder's sync over sessions from `take`, reconnecting while there is progress."""
        losses = 0
        while True:
            before = task.result.new
            try:
                async with take() as session:
                    try:
                        async with self.locks[task.folder.id]:
                            return await task.run(session)
                    except MailsyncError:
                        if session.closed is None:
                            raise
                        # The line broke in the middle of this folder.
                        progress = task.result.new > before or await task.download.lost()
                        losses = 0 if progress else losses + 1
                        if losses >= LOSSES:
                            raise
                await asyncio.sleep(0.2 * 4**losses)
            except Interrupted as error:
                task.result.error = str(error)
                raise
            except MailsyncError as error:
                await self._folder_failed(task, error)
                if error.scope in ("account", "engine"):
                    raise
                return task.result

    async def _folder_failed(self, task: FolderSync, error: MailsyncError) -> None:
        task.result.error = str(error)
        at = self.now()

        def write(connection: sqlite3.Connection) -> None:
            folders.fail_sync(connection, task.folder.id, str(error), error.hint)
            activity.add(connection, at, self.name, task.folder.name, "error", detail=str(error))

        await self.store.awrite(write)


def proves_unchanged(folder: folders.Folder, status: Numbers) -> bool:
    """True when STATUS alone proves that the mirror of `folder` is up to date."""
    stored = Numbers(folder.uidvalidity, folder.uidnext, folder.highestmodseq, folder.messages)
    complete = folder.first_sync_at is not None and folder.uidnext is not None
    return choose(stored, status, complete=complete, held=folder.messages) == "unchanged"
