"""One account: its folders mirrored side by side over a small pool of connections."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from typing import TYPE_CHECKING

from mailsync.errors import ConsentMissing, Interrupted, MailsyncError
from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.model import AccountResult, FolderResult
from mailsync.privacy.log import get_logger
from mailsync.record import record
from mailsync.store import accounts, activity, certificates, folders, quarantine
from mailsync.sync import copies, trail
from mailsync.sync.certify import certify
from mailsync.sync.connection import AccountConnection
from mailsync.sync.discover import Chosen, Discovery, Found
from mailsync.sync.plan import Numbers, choose
from mailsync.sync.scope import Scope

if TYPE_CHECKING:
    from mailsync.sync.folder import FolderSync

log = get_logger("sync")

LOSSES = 3
"""Connections in a row that may be lost in a folder without any progress."""


@record
class AccountMirror(AccountConnection):
    """Mirrors one account of the configuration."""

    locks: defaultdict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """By folder id: one sync of a folder at a time, whoever asks for it."""
    found: Callable[[FolderResult, float], None] | None = field(default=None, init=False)
    """Is told what a sync found in a folder, and when it began (monotonic seconds): push should have told of it."""

    async def sync(
        self,
        only: Sequence[str] = (),
        *,
        full: bool = False,
        dry_run: bool = False,
        scheduled: bool = False,
        stopping: Callable[[], bool] = lambda: False,
        result: AccountResult | None = None,
    ) -> AccountResult:
        """Sync the selected folders, or those named in `only`. Never raises MailsyncError: the result tells.

        `scheduled`: no person asked for it. `result` is filled as the sync goes on, for whoever looks at it meanwhile.
        """
        result, outcome = result or AccountResult(self.name), "ok"

        def over() -> bool:
            return stopping() or self.allowance.spent

        try:
            await self.begin(asked=not scheduled)
            self.discovering = None if dry_run else await self._expected()
            async with self.pool.session() as session:
                self.discovering = None
                discovery = Discovery(self.mail, self.name, self.account_id, self.config, self.now)
                found = await discovery.refresh(session, only, dry_run=dry_run)
            self.syncing = True
            await self.set_state("syncing")
            result.folders += _told(found, dry_run=dry_run)
            await self._sync_folders(
                found.chosen, result, full=full, dry_run=dry_run, scheduled=scheduled, stopping=over
            )
            if not dry_run:
                await copies.settle(self, [one.folder for one in found.chosen], result, over)
            self.ended(None)
        except MailsyncError as failure:
            error = failure
            if isinstance(failure, Interrupted) and self.allowance.spent and not stopping():
                error = await self.allowance.error()
            await (self.set_state(self.resting) if isinstance(error, Interrupted) else self.note_failure(error))
            result.error, result.hint, result.exit_code = self.ended(error), error.hint, error.exit_code
            outcome = type(error).__name__
            if not isinstance(error, Interrupted):
                log.warning("sync_failed", account=self.name, exc_info=error)
        except asyncio.CancelledError:  # nobody wants it any more, and the server is silent
            await self.set_state(self.resting)
            raise
        finally:
            self.syncing, self.discovering = False, None
            await self.end()
        result.folders.sort(key=lambda folder: folder.name)
        if result.error is None:
            failed = next((folder for folder in result.folders if folder.error), None)
            if failed:
                result.exit_code, outcome = 1, "partly"
            await self.set_state(self.resting)
        if not dry_run:
            await self._conclude(result, outcome, scheduled=scheduled)
        return result

    async def _expected(self) -> list[bytes]:
        """Raw names of folders whose STATUS will be wanted, where LIST did not tell it the last time."""
        if self.knowledge.offered("LIST-STATUS"):
            return []
        present = await self.store.aread(lambda connection: folders.present(connection, self.account_id))
        return [folder.raw_name for folder in present.values()]

    async def _conclude(self, result: AccountResult, outcome: str, *, scheduled: bool) -> None:
        at = self.now()

        def write(connection: sqlite3.Connection) -> None:
            if result.exit_code != Interrupted.exit_code:
                accounts.finish_sync(connection, self.name, at, result.error, result.hint)
            trail.note(connection, self.account_id, result, outcome, at, scheduled=scheduled)

        await self.store.awrite(write)

    async def _sync_folders(
        self,
        chosen: Sequence[Chosen],
        result: AccountResult,
        *,
        full: bool,
        dry_run: bool,
        scheduled: bool,
        stopping: Callable[[], bool],
    ) -> None:
        """Several folders at a time. A folder's failure is its own; what concerns the account ends all of it."""
        unchanged = [] if full else await self._proven_unchanged(chosen, dry_run=dry_run)
        result.folders += [FolderResult(folder.name, folder.uidvalidity, strategy="unchanged") for folder in unchanged]
        skip = {folder.name for folder in unchanged}
        queue = [one for one in reversed(chosen) if one.folder.name not in skip]

        async def work() -> None:
            while queue and not stopping():
                one = queue.pop()
                if dry_run:
                    await self.check_consent()  # nothing is written, so nothing else would find that it is gone
                if dry_run and (one.folder.first_sync_at is None or one.reselected):
                    result.folders.append(await self._preview(one))
                    continue
                task = self.task(one.folder, full=full, dry_run=dry_run, scheduled=scheduled, stopping=stopping)
                task.status = one.numbers
                result.cut.append(task.result)
                result.folders.append(await self.sync_folder(task, self.worker))
                result.cut.remove(task.result)
            if not dry_run and not stopping():
                await self.probe()

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

    def scope(self, folder: folders.Folder) -> Scope:
        """The selection of messages for a folder."""
        config = self.config
        own = (config.email or config.username, *config.aliases)
        return Scope(config.messages, self.name, folder.name, own, self.now)

    def task(
        self,
        folder: folders.Folder,
        *,
        full: bool = False,
        dry_run: bool = False,
        scheduled: bool = False,
        stopping: Callable[[], bool] = lambda: False,
    ) -> FolderSync:
        """The sync of one folder under its selection of messages."""
        from mailsync.sync.folder import FolderSync  # with all it needs: most syncs find that STATUS proves everything

        account = (self.mail, self.name, self.account_id)
        task = FolderSync(*account, folder, self.now, full, dry_run, stopping, scheduled, self.scope(folder))
        task.download.allowance = self.allowance.left
        return task

    async def _preview(self, one: Chosen) -> FolderResult:
        """What a first sync or a new selection would do; a folder's failure is its own."""
        from mailsync.sync.preview import preview

        try:
            async with self.pool.session() as session:
                return await preview(session, self.store, one, self.scope(one.folder))
        except MailsyncError as error:
            if error.scope in ("account", "engine"):
                raise
            return FolderResult(one.folder.name, error=str(error))

    async def _proven_unchanged(self, chosen: Sequence[Chosen], *, dry_run: bool) -> list[folders.Folder]:
        """The folders that need no look because their STATUS proves it, noted as synced in one transaction."""
        at = self.now()
        retry_due = await self.store.aread(lambda c: quarantine.folders_due(c, self.account_id, at))
        proven = [
            one.folder
            for one in chosen
            if one.numbers is not None
            and not one.reselected
            and one.folder.id not in retry_due
            and proves_unchanged(one.folder, one.numbers)
        ]
        if proven and not dry_run:
            ids = [folder.id for folder in proven]

            def note(connection: sqlite3.Connection) -> set[int]:
                folders.note_unchanged(connection, ids, at)
                return certificates.renew(connection, ids, at)

            for folder_id in set(ids) - await self.mail.awrite(note):
                await certify(self.store, folder_id, at)
        return proven

    async def sync_folder(
        self, task: FolderSync, take: Callable[[], AbstractAsyncContextManager[Session]]
    ) -> FolderResult:
        """Run a folder's sync over sessions from `take`, reconnecting while there is progress."""
        losses = 0
        began = time.monotonic()
        while True:
            before = task.result.new
            try:
                async with take() as session:
                    try:
                        async with self.locks[task.folder.id]:
                            await task.run(session)
                        if self.found is not None:
                            self.found(task.result, began)
                        return task.result
                    except MailsyncError as error:
                        if session.closed is None or isinstance(error, ConsentMissing):
                            raise
                        # The line broke in the middle of this folder.
                        progress = task.result.new > before or await task.download.lost()
                        losses = 0 if progress else losses + 1
                        if losses >= LOSSES:
                            raise
                await asyncio.sleep(0.2 * 4**losses)
            except (Interrupted, asyncio.CancelledError) as error:
                task.result.error = str(error) or str(Interrupted())
                await self.store.awrite(lambda connection: folders.stop_sync(connection, task.folder.id))
                raise
            except MailsyncError as error:
                await self._folder_failed(task, error)
                if error.scope in ("account", "engine"):
                    raise
                return task.result

    async def _folder_failed(self, task: FolderSync, error: MailsyncError) -> None:
        task.result.error = str(error)
        log.warning("folder_failed", account=self.name, exc_info=error)
        at = self.now()

        def write(connection: sqlite3.Connection) -> None:
            folders.fail_sync(connection, task.folder.id, str(error), error.hint)
            activity.add(connection, at, self.name, task.folder.name, "error", detail=str(error))

        await self.store.awrite(write)


def proves_unchanged(folder: folders.Folder, status: Numbers) -> bool:
    """True when STATUS alone proves that the mirror of `folder` is up to date."""
    held = folder.messages + len(UidSet.parse(folder.outside))
    stored = Numbers(folder.uidvalidity, folder.uidnext, folder.highestmodseq, held)
    complete = folder.first_sync_at is not None and folder.uidnext is not None
    return choose(stored, status, complete=complete, held=held) == "unchanged"


def _told(found: Found, *, dry_run: bool) -> list[FolderResult]:
    """What is to be said of folders that are not synced: doubts, and what a sync would remove with its folder."""
    names = {one.folder.name for one in found.chosen}
    left = [
        FolderResult(folder.name, folder.uidvalidity, deleted=folder.messages)
        for folder in found.leaving
        if dry_run and folder.name not in names
    ]
    missing = len(found.doubted)
    error = f"missing from the server's list together with {missing - 1} others; nothing was removed"
    return left + [FolderResult(folder.name, folder.uidvalidity, error=error) for folder in found.doubted]
