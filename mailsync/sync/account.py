"""One account: which folders there are, which are to be mirrored, and their syncs over a small pool of connections."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from mailsync.config.models import AccountConfig
from mailsync.config.providers import PRESETS
from mailsync.config.selection import is_selected
from mailsync.errors import ConsentMissing, FolderDoubt, Interrupted, MailsyncError, NotFound, SignInFailed
from mailsync.imap.connect import Endpoint
from mailsync.imap.pool import Pool
from mailsync.imap.session import Listed, Session
from mailsync.model import AccountResult, AccountState, FolderResult
from mailsync.privacy import consent
from mailsync.store import accounts, activity, consents, folders, messages, quarantine
from mailsync.store.database import Store
from mailsync.sync.folder import FolderSync
from mailsync.sync.plan import Numbers, choose

LOSSES = 3
"""Connections in a row that may be lost in a folder without any progress."""
SPECIAL_USES = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash", "\\Important")


@dataclass(slots=True)
class AccountMirror:
    """Mirrors one account of the configuration.

    `password` is asked for at each connection and may raise CredentialMissing; it runs in a worker thread.
    """

    store: Store
    name: str
    account_id: int
    config: AccountConfig
    password: Callable[[], str]
    now: Callable[[], float] = time.time
    resting: AccountState = "disconnected"
    """The state between syncs: `watching` while a monitor has a connection."""
    syncing: bool = field(default=False, init=False)
    pool: Pool = field(init=False)
    watchers: int = field(init=False)
    """Connections that are kept for monitors."""
    locks: defaultdict[int, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """By folder id: one sync of a folder at a time, whoever asks for it."""
    _sign_in: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _refusal: SignInFailed | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        # The ceiling is the provider's: what monitors hold, syncs cannot have. One folder of `watch`, one connection.
        most = self.config.max_connections
        self.watchers = min(len(self.config.watch), most // 2)
        self.pool = Pool(self.connect, most - self.watchers)

    async def connect(self) -> Session:
        """A signed-in session; the account's state follows what happens. One sign-in at a time.

        A refused password is not tried again, whoever asks, before a person asks for a sync.
        """
        async with self._sign_in:
            if self._refusal is not None:
                raise self._refusal
            try:
                return await self._connect()
            except SignInFailed as error:
                self._refusal = error
                raise

    async def _connect(self) -> Session:
        await self.check_consent()
        announces = self.resting == "disconnected" and not self.syncing
        if announces:
            await self.set_state("connecting")
        try:
            password = await asyncio.to_thread(self.password)
            session = await Session.open(self.endpoint(), self.config.username or self.config.email, password)
        except MailsyncError as error:
            preset = PRESETS.get(self.config.provider)
            if type(error) is SignInFailed and preset is not None and preset.hint:
                error.hint = preset.hint
            if not self.syncing:  # else the sync goes on with fewer connections, or says itself how it ended
                await self.note_failure(error)
            raise
        server = " ".join(value for key, value in session.server_id.items() if key in ("name", "version") and value)

        def write(connection: sqlite3.Connection) -> None:
            accounts.set_server(connection, self.name, server or session.greeting.text[:200], session.capabilities)
            if announces:
                accounts.set_state(connection, self.name, "authenticated", self.now())

        await self.store.awrite(write)
        return session

    def endpoint(self) -> Endpoint:
        config = self.config
        return Endpoint(config.host, config.port, config.security, str(config.tls_ca_file or ""))

    async def check_consent(self) -> None:
        """ConsentMissing unless the person allowed to open the mailbox and to read mail."""
        granted = await self.store.aread(lambda connection: consents.granted(connection, self.name))
        try:
            consent.require(self.name, granted)
        except ConsentMissing as error:
            await self.note_failure(error)
            raise

    async def set_state(self, state: AccountState, detail: str = "", hint: str = "") -> None:
        await self.store.awrite(lambda c: accounts.set_state(c, self.name, state, self.now(), detail, hint))

    async def note_failure(self, error: MailsyncError) -> None:
        """The account's state after a failure that concerns all of it."""
        state: AccountState = "error"
        if isinstance(error, ConsentMissing):
            state = "needs_consent"
        elif error.exit_code == 3:
            state = "needs_login"
        elif error.retry == "backoff":
            state = "backing_off"
        await self.set_state(state, str(error), error.hint)

    # -- a sync of everything ----------------------------------------------------------------------------------

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
        if not scheduled:
            self._refusal = None
        try:
            async with self.pool.session() as session:
                chosen = await self._refresh_folders(session, only, dry_run=dry_run)
            self.syncing = True
            await self.set_state("syncing")
            await self._sync_folders(chosen, result, full=full, dry_run=dry_run, stopping=stopping)
        except MailsyncError as error:
            result.error, result.hint, result.exit_code = str(error), error.hint, error.exit_code
            await (self.set_state(self.resting) if isinstance(error, Interrupted) else self.note_failure(error))
        finally:
            self.syncing = False
            await self.pool.close()
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

    async def _refresh_folders(
        self, session: Session, only: Sequence[str], *, dry_run: bool
    ) -> list[tuple[folders.Folder, Numbers | None]]:
        """The folders to sync, with their STATUS; folders that appeared or vanished are noted on the way."""
        listed = await session.list_folders()
        known = await self.store.aread(lambda connection: folders.present(connection, self.account_id))
        if not listed and known:
            raise FolderDoubt(
                "the server lists no folders at all; nothing was removed",
                hint="run the sync again later",
                scope="account",
            )
        by_name = {item.entry.name: item for item in listed}
        chosen = {name: item for name, item in by_name.items() if self._is_selected(name, item)}
        missing = [name for name in only if name not in by_name]
        if missing:
            raise NotFound(f"account {self.name} has no folder {missing[0]!r}", hint="see: mailsync status")
        gone = [] if dry_run else [known[name] for name in known if name not in by_name]
        vanished = [folder for folder in gone if await _is_gone(session, folder)]
        at = self.now()

        def write(connection: sqlite3.Connection) -> dict[str, folders.Folder]:
            for folder in vanished:
                removed = messages.remove(connection, folder.id, None, at, "folder gone")
                quarantine.settle(connection, folder.id, at)
                folders.mark_gone(connection, folder.id, at)
                activity.add(connection, at, self.name, folder.name, "folder_removed", count=removed)
            for name in chosen:
                if name not in known:
                    activity.add(connection, at, self.name, name, "folder_added")
            folders.upsert(connection, self.account_id, [_row(name, item) for name, item in chosen.items()])
            return folders.present(connection, self.account_id)

        present = await self.store.awrite(write)
        wanted = [name for name in chosen if not only or name in only]
        wanted += [name for name in only if name not in chosen]
        unlisted = [name for name in wanted if name not in present]
        if unlisted:  # named on the command line but excluded by the configuration
            rows = [_row(name, by_name[name]) for name in unlisted]
            await self.store.awrite(lambda connection: folders.upsert(connection, self.account_id, rows))
            present = await self.store.aread(lambda connection: folders.present(connection, self.account_id))
        wanted.sort(key=lambda name: (name.upper() != "INBOX", not special_use(by_name[name]), name))
        return [(present[name], _numbers(by_name[name])) for name in wanted]

    def _is_selected(self, name: str, item: Listed) -> bool:
        return is_selected(name, special_use(item), self.config.folders.include, self.config.folders.exclude)

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
                result.folders.append(await self.sync_folder(task, self.pool.session))

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


async def _is_gone(session: Session, folder: folders.Folder) -> bool:
    """True only when the server says so; a folder that it cannot look at for now is a folder."""
    try:
        return await session.status(folder.raw_name) is None
    except MailsyncError as error:
        if error.scope != "folder":
            raise
        return False


def special_use(item: Listed) -> str:
    """The special use (RFC 6154) of a listed folder, '' for none."""
    return next((use for use in SPECIAL_USES if use in item.entry.attributes), "")


def _row(name: str, item: Listed) -> tuple[str, bytes, str, str, int | None, int | None]:
    entry = item.entry
    return name, entry.raw_name, entry.delimiter or "", special_use(item), item.status.get("MESSAGES"), None


def _numbers(item: Listed) -> Numbers | None:
    status = item.status
    if "MESSAGES" not in status or not status.get("UIDVALIDITY"):
        return None
    return Numbers(
        status["UIDVALIDITY"], status.get("UIDNEXT"), status.get("HIGHESTMODSEQ") or None, status["MESSAGES"]
    )
