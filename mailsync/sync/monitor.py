"""Watching an account: chooses the rung of the push ladder for each folder, and keeps what watches them running.

    look (every 2 s) -> candidates -> choose (pure) -> start and stop what watches -> count what push missed

Each watch reconnects on its own and begins by comparing, since nobody knows what was missed. A folder whose push
misses too much is polled for a day, then tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from mailsync.config.selection import is_selected
from mailsync.errors import ConnectionLost, ConsentMissing, Interrupted, MailsyncError, StoreError
from mailsync.imap.session import Session
from mailsync.model import FolderResult
from mailsync.privacy import consent
from mailsync.privacy.log import get_logger
from mailsync.store import accounts, activity, consents, folders, jobs, pushes
from mailsync.sync.account import AccountMirror
from mailsync.sync.push import GRACE_SECONDS, Candidate, Ladder, Ledger, Offers, Tally, choose, jumped
from mailsync.sync.reacting import Reactor, Take, Worker
from mailsync.sync.watching import FolderWatch, InboxWatch, NotifyRefused, NotifyWatch, StatusWatch, together

LOOK_SECONDS = 2.0
"""Between two looks for folders to watch that were not there before, and for watches that gave up."""
LOOK_ANYWAY_SECONDS = 60.0
"""The same where the store has not changed meanwhile."""
TICK_SECONDS = 5.0
"""Between two looks at the clocks."""
GIVEN_SECONDS = 0.5
"""Until a server has noticed that a connection was closed."""
BACKOFF_SECONDS = (1.0, 300.0)
"""The first and the longest pause before a folder that failed by itself is watched again; doubled each time."""

Work = Callable[[], Awaitable[None]]
log = get_logger("monitor")


class AccountMonitor:
    """Watches the folders of one account until cancelled. `stopping` is asked between two steps."""

    def __init__(self, mirror: AccountMirror, stopping: Callable[[], bool] = lambda: False) -> None:
        self._mirror = mirror
        self._stopping = stopping
        self._ledger = Ledger(GRACE_SECONDS)
        self._reactor = Reactor(mirror, self._ledger, stopping)
        self._worker = Worker(mirror, lambda: self._complete)
        self._candidates: list[Candidate] = []
        self._mirrored: set[int] = set()
        """Ids of folders that have had a first sync."""
        self._offers: Offers | None = None
        self._complete = False
        """Every folder of the account has had its first sync."""
        self._tasks: dict[tuple[str, ...], asyncio.Task[None]] = {}
        self._sessions: set[Session] = set()
        self._spare: Session | None = None
        self._notify: NotifyWatch | None = None
        self._notified: frozenset[str] = frozenset()
        self._untold: frozenset[str] = frozenset()
        self._silent: frozenset[str] = frozenset()
        self._inbox_in: str | None = None
        """The folder that holds what is in INBOX, where INBOX itself is not mirrored (Gmail)."""
        self._unreliable: frozenset[str] = frozenset()
        self._live: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        self._mirror.found = self._found
        self._mirror.give_way = self._give_way
        try:
            await together(self._supervise(), self._tick())
        finally:
            self._mirror.found = self._mirror.give_way = None
            self._mirror.resting = "disconnected"
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._spare is not None:
                self._spare.close()

    # -- the ladder --------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        version, looked_at = -1, 0.0
        while not self._stopping():
            try:
                if await self._mirror.heal():
                    await self._reactor.refresh()
                current, now = self._mirror.store.data_version(), time.monotonic()
                if current != version or now - looked_at > LOOK_ANYWAY_SECONDS:
                    self._candidates = await self._look()
                    version, looked_at = current, now
                self._climb()
                await self._show()
                await self._judge()
            except StoreError as error:  # a full disk may be emptied
                log.error("watch_failed", account=self._mirror.name, exc_info=error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()

    async def _look(self) -> list[Candidate]:
        """The mirrored folders, INBOX first. None while the account waits for a person (sign-in, consent)."""
        mirror, config = self._mirror, self._mirror.config
        at = mirror.now()
        if not await self._allowed():
            return []

        def read(connection: sqlite3.Connection) -> tuple[dict[str, folders.Folder], dict[str, Tally]]:
            if accounts.waits_for_person(connection, mirror.name):
                return {}, {}
            counts = pushes.counts(connection, mirror.account_id)
            return folders.present(connection, mirror.account_id), {n: Tally(*c) for n, c in counts.items()}

        present, tallies = await mirror.store.aread(read)
        present = {
            name: folder
            for name, folder in present.items()
            if is_selected(name, folder.special_use, config.folders.include, config.folders.exclude)
        }
        expired = [name for name, tally in tallies.items() if tally.expired(at)]
        if expired:
            await mirror.store.awrite(lambda c: pushes.start_over(c, mirror.account_id, expired, at))
            tallies.update(dict.fromkeys(expired, Tally()))
        await self._tell_unreliable({name: tally for name, tally in tallies.items() if tally.unreliable})
        # A folder that starts over under another UIDVALIDITY goes on being watched.
        self._mirrored |= {folder.id for folder in present.values() if folder.first_sync_at is not None}
        self._complete = all(folder.first_sync_at is not None for folder in present.values())
        mirrors_inbox = any(name.upper() == "INBOX" for name in present)
        everything = next((name for name, folder in present.items() if folder.special_use == "\\All"), None)
        watches_inbox = is_selected("INBOX", "", config.watch, ())
        self._inbox_in = everything if watches_inbox and not mirrors_inbox else None
        return [
            Candidate(
                name,
                name == self._inbox_in or is_selected(name, folder.special_use, config.watch, ()),
                name in self._unreliable or name in self._silent,
            )
            for name, folder in sorted(present.items(), key=lambda item: (item[0].upper() != "INBOX", item[0]))
            if folder.id in self._mirrored
        ]

    async def _allowed(self) -> bool:
        """The person allows the account's work. Where that is new, it begins by itself."""
        mirror = self._mirror

        def read(connection: sqlite3.Connection) -> tuple[bool, bool]:
            granted = consents.granted(connection, mirror.name)
            return not consent.missing(granted), accounts.needs_consent(connection, mirror.name)

        allowed, waiting = await mirror.store.aread(read)
        if allowed and waiting:
            at = mirror.now()

            def resume(connection: sqlite3.Connection) -> None:
                if accounts.resume(connection, mirror.name, at) and not jobs.pending_sync(connection, mirror.name):
                    jobs.insert(connection, "sync", at, account=mirror.name, params={"scheduled": True})

            await mirror.store.awrite(resume)
        if not allowed and not waiting:
            with contextlib.suppress(ConsentMissing):
                await mirror.check_consent()  # which says so
        if not allowed:
            await mirror.pool.close()
            if self._spare is not None:
                self._spare.close()
        return allowed

    async def _tell_unreliable(self, tallies: dict[str, Tally]) -> None:
        mirror, at = self._mirror, self._mirror.now()
        told = {name: tally for name, tally in tallies.items() if name not in self._unreliable and name in self._live}
        self._unreliable = frozenset(tallies)
        if not told:
            return

        def write(connection: sqlite3.Connection) -> None:
            for name, tally in told.items():
                activity.add(connection, at, mirror.name, name, "note", detail=f"{tally}: polled for a day instead")

        await mirror.store.awrite(write)

    def _climb(self) -> None:
        """Start what should run and does not, stop what should not."""
        works: dict[tuple[str, ...], Work] = {}
        candidates, connections = self._candidates, self._mirror.watchers
        if self._offers is not None:
            works = self._works(choose(candidates, self._offers, connections))
        elif connections and any(one.wanted for one in candidates):
            works = {("meet",): partial(self._connected, self._meet)}
        for key, task in list(self._tasks.items()):
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                # A defect of ours must not end the watching of everything; it begins anew.
                log.error("watch_failed", account=self._mirror.name, exc_info=error)
            if task.done() or key not in works:
                task.cancel()
                del self._tasks[key]
        for key in works.keys() - self._tasks.keys():
            self._tasks[key] = asyncio.create_task(self._forever(works[key]))

    def _works(self, ladder: Ladder) -> dict[tuple[str, ...], Work]:
        works: dict[tuple[str, ...], Work] = {}
        self._notified = frozenset(ladder.notify)
        if ladder.notify:
            works["notify",] = partial(self._connected, self._watch_all)
            if self._notify is not None:
                self._follow(self._notify)
        for name in ladder.idle + ladder.noop:
            works["folder", name] = partial(self._connected, self._folder_watch(name, pushes=bool(ladder.idle)).run)
        if ladder.status:
            poll = partial(self._poll, ladder.status)
            # Where nothing else holds a connection, this does; else one is borrowed.
            works["status", *ladder.status] = poll if works else partial(self._connected, poll)
        if ladder.notify or ladder.status or self._inbox_in in ladder.idle + ladder.noop:
            works["worker",] = self._worker.keep
        return works

    def _follow(self, watch: NotifyWatch) -> None:
        """Folders were added or taken away. A server that never told of one is asked anew, once; then it is polled."""
        if watch.names != self._notified:
            watch.watch(self._notified)
        if watch.began:
            untold = watch.untold
            again = untold - self._untold
            self._silent |= untold & self._untold
            self._untold = untold
            if again and ("notify",) in self._tasks:
                self._notify = None  # it takes some time to end, and is not to be asked again
                self._tasks["notify",].cancel()

    def _folder_watch(self, name: str, *, pushes: bool) -> FolderWatch:
        if name == self._inbox_in:
            return InboxWatch(self._reactor, self._told_live, name, pushes, self._worker.session)
        return FolderWatch(self._reactor, self._told_live, name, pushes)

    # -- what watches ------------------------------------------------------------------------------------------

    async def _meet(self, session: Session) -> None:
        """Learn what the server offers; the connection waits for the first watch."""
        idle = "IDLE" in session.capabilities
        self._offers = Offers(idle and "NOTIFY" in session.capabilities, idle, session.quirks.poll_by == "NOOP")
        self._spare = session
        self._wake.set()

    async def _watch_all(self, session: Session) -> None:
        watch = self._notify = NotifyWatch(self._reactor, self._worker.session, self._told_live, self._notified)
        try:
            await watch.run(session)
        except NotifyRefused:
            assert self._offers is not None
            self._offers = replace(self._offers, notify=False)
            self._spare = session
            self._wake.set()
        finally:
            self._notify = None

    async def _poll(self, names: tuple[str, ...], session: Session | None = None) -> None:
        take: Take = self._worker.session if session is None else lambda: contextlib.nullcontext(session)
        await StatusWatch(self._reactor, take, self._told_live, names).run()

    async def _connected(self, watch: Callable[[Session], Awaitable[None]]) -> None:
        """Watch on a connection; when its token ends, on another one. It begins by comparing: nothing is missed."""
        while True:
            session, self._spare = self._spare, None
            if session is None or session.closed is not None:
                session = await self._mirror.connect()
            self._sessions.add(session)
            try:
                await watch(session)
                if session.remaining(self._mirror.now()):
                    return
                await session.logout()
            except ConnectionLost:
                if session.remaining(self._mirror.now()):
                    raise
            finally:
                if session is not self._spare:
                    self._sessions.discard(session)
                    session.close()

    async def _forever(self, work: Work) -> None:
        """Run `work` until it ends by itself; after a failure of the account its pause is waited for.

        A folder's own trouble has a pause of its own, and is not the account's.
        """
        pause = BACKOFF_SECONDS[0]
        while not self._stopping():
            try:
                await work()
                return
            except Interrupted:
                return
            except MailsyncError as error:
                log.warning("watch_interrupted", account=self._mirror.name, exc_info=error)
                if error.retry == "never":
                    await self._mirror.note_failure(error)
                    return
                if error.scope in ("account", "engine"):
                    await self._mirror.note_failure(error)
                    await self._mirror.until_resumed()
                    continue
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))
            pause = min(pause * 2, BACKOFF_SECONDS[1])

    async def _give_way(self) -> bool:
        """End what watches, for a sync that gets no connection otherwise; the next look begins what may run beside it.
        False when nothing had a connection."""
        had = any(session.closed is None for session in self._sessions)
        tasks = [task for task in self._tasks.values() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._spare is not None:
            self._spare.close()
        if had:
            await asyncio.sleep(GIVEN_SECONDS)
        return had

    # -- what is shown and counted -----------------------------------------------------------------------------

    def _told_live(self, watches: dict[str, str]) -> None:
        """These folders are watched so from now on ('' is not at all)."""
        self._live |= watches
        self._live = {name: how for name, how in self._live.items() if how}
        self._mirror.resting = "watching" if self._live else "disconnected"
        self._ledger.watch([name for name, how in self._live.items() if how != "poll"], time.monotonic())
        self._wake.set()

    async def _show(self) -> None:
        live, mirror = dict(self._live), self._mirror
        if live == self._shown:
            return
        await mirror.store.awrite(lambda connection: pushes.set_watches(connection, mirror.account_id, live.items()))
        if live.keys() - self._shown.keys() and not mirror.syncing:
            await mirror.set_state("watching")
        self._shown = live

    def _found(self, result: FolderResult, began: float) -> None:
        """A sync of a folder that `began` then (monotonic seconds) has ended."""
        if result.strategy in ("qresync", "condstore", "scan"):
            self._ledger.found(result.name, result.new, began, time.monotonic())

    async def _judge(self) -> None:
        verdicts = self._ledger.verdicts(time.monotonic())
        mirror, at = self._mirror, self._mirror.now()
        if not verdicts:
            return

        def write(connection: sqlite3.Connection) -> None:
            for one in verdicts:
                pushes.add(connection, mirror.account_id, one.name, at, pushed=one.pushed, missed=one.missed)

        await mirror.store.awrite(write)

    async def _tick(self) -> None:
        """A machine that slept has dead connections that nobody tells of: all begin anew, and compare."""
        while True:
            monotonic, wall = time.monotonic(), self._mirror.now()
            await asyncio.sleep(TICK_SECONDS)
            if jumped(TICK_SECONDS, time.monotonic() - monotonic, self._mirror.now() - wall):
                log.info("machine_slept", account=self._mirror.name)
                for session in list(self._sessions):
                    session.close()
                self._worker.close()
                await self._mirror.pool.close()
