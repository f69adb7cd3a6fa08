"""The rungs of the push ladder, each on connections that are signed in; when one breaks, `monitor` begins anew."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from mailsync.errors import CommandRefused, Unreachable
from mailsync.imap.responses import ListEntry, StatusEntry
from mailsync.imap.session import Session
from mailsync.store import folders
from mailsync.sync.account import proves_unchanged
from mailsync.sync.push import rest
from mailsync.sync.reacting import Dispatcher, Reactor, Status, Take, numbers_of

WATCHDOG_SECONDS = 120.0
"""IDLE that has not ended so long after it should have is on a dead line."""
SETTLE_SECONDS = 5.0
"""After arrivals in a folder that is not open: what else changed in it is looked at so much later."""
FOLDERS = ""
"""Stands for the list of folders itself where a folder's name is expected."""

Live = Callable[[dict[str, str]], None]
"""Is told how folders are watched from now on, by name."""


class NotifyRefused(CommandRefused):
    """The server announces NOTIFY and does not do it."""


@dataclass(slots=True)
class NotifyWatch:
    """NOTIFY (RFC 5465) for the mirrored folders of an account, on a connection that has none of them open.

    The server tells a folder's new numbers, whichever it is, and a worker connection does the rest: this one never
    stops listening. NOTIFY begins with the numbers of every folder, which closes the gap since they were synced.
    """

    reactor: Reactor
    take: Take
    live: Live
    names: frozenset[str]
    began: bool = field(default=False, init=False)
    """The server has told the numbers of every folder it is to tell of."""
    _told: dict[str, Status] = field(default_factory=dict, init=False)
    _gone: set[str] = field(default_factory=set, init=False)
    """Folders that the server said are not there any more; the next sync will find that."""
    _shown: frozenset[str] = field(default=frozenset(), init=False)
    _settles: dict[str, asyncio.TimerHandle] = field(default_factory=dict, init=False)
    _dispatcher: Dispatcher = field(init=False)

    def __post_init__(self) -> None:
        self._dispatcher = Dispatcher(self._act)

    async def run(self, session: Session) -> None:
        """Until the line breaks or is to be another one; NotifyRefused when the server will not."""
        try:
            await together(self._listen(session), self._dispatcher.run())
        finally:
            for handle in self._settles.values():
                handle.cancel()
            self._show(frozenset())

    def watch(self, names: frozenset[str]) -> None:
        """Watch these folders from now on."""
        added = names - self.names
        self.names = names
        self._gone &= names
        for name in added & self._told.keys():
            self._dispatcher.note(name)  # it may have changed since its first sync ended
        self._show(names & self._told.keys())

    @property
    def untold(self) -> frozenset[str]:
        """Folders of which the server never said anything."""
        return self.names - self._told.keys() - self._gone

    async def _listen(self, session: Session) -> None:
        await self._begin(session)
        while seconds := self.reactor.seconds(session, session.quirks.reidle):
            await listen(session, seconds)
            self._hear(session)
            self._show(self.names & self._told.keys())
            if session.overflowed:  # the same as NOTIFY NONE (RFC 5465 section 5.8)
                await self._begin(session)

    async def _begin(self, session: Session) -> None:
        if not await session.notify(selected=False):
            raise NotifyRefused("the server refused NOTIFY")
        mirror = self.reactor.mirror
        named = self._hear(session, tell=False)
        self.began = True
        present = await mirror.store.aread(lambda connection: folders.present(connection, mirror.account_id))
        if self.names - set(named) or set(named) - present.keys():
            self._dispatcher.note(FOLDERS)  # one came, went or was renamed while nobody listened
        for name in named:
            folder = present.get(name)
            if folder is not None and not proves_unchanged(folder, numbers_of(self._told[name])):
                self._dispatcher.note(name)
        self._show(self.names & self._told.keys())

    def _hear(self, session: Session, *, tell: bool = True) -> list[str]:
        """Take what the server told; the folders whose numbers it gave."""
        named = []
        for notice in session.take_notices():
            if isinstance(notice, ListEntry):
                self._dispatcher.note(FOLDERS)
                if "\\NonExistent" in notice.attributes:
                    self._told.pop(notice.name, None)
                    self._gone.add(notice.name)
                else:
                    self._told.setdefault(notice.name, {})  # its numbers follow when they change
                    self._gone.discard(notice.name)
            elif isinstance(notice, StatusEntry):
                name = notice.name
                named.append(name)
                before = self._told.get(name, {})
                self._told[name] = before | notice.items
                if notice.items.get("UIDNEXT", 0) > before.get("UIDNEXT", 0):
                    self.reactor.ledger.told(name, time.monotonic())
                if tell and self._told[name] != before:
                    self._dispatcher.note(name)
        return named

    async def _act(self, name: str) -> None:
        if name == FOLDERS:
            await self.reactor.refresh()
        elif name in self.names and name in self._told:
            arrived = await self.reactor.told(name, self._told[name], self.take)
            if arrived and name not in self._settles:
                self._settles[name] = asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._settle, name)

    def _settle(self, name: str) -> None:
        del self._settles[name]
        self._dispatcher.note(name)

    def _show(self, names: frozenset[str]) -> None:
        if names == self._shown:
            return
        self.live(dict.fromkeys(self._shown, "") | dict.fromkeys(names, "notify"))
        self._shown = names


@dataclass(slots=True)
class FolderWatch:
    """One folder, open on a connection of its own: IDLE (RFC 2177), or NOOP where there is no IDLE.

    Arrivals are fetched on this very connection: no other path is shorter. It begins by comparing everything, since
    nobody knows what was missed.
    """

    reactor: Reactor
    live: Live
    name: str
    pushes: bool
    """True for IDLE."""

    async def run(self, session: Session) -> None:
        """Until the line breaks or is to be another one, or the folder is not there."""
        folder = await self.reactor.folder(self.name)
        if folder is None:
            return
        await self.reactor.reconcile(session, folder)
        await self._listen(session, lambda: self.reactor.pushed(session, folder))

    async def _listen(self, session: Session, react: Callable[[], Awaitable[None]]) -> None:
        self.live({self.name: "idle" if self.pushes else "poll"})
        pause = 0.0
        try:
            rhythm = session.quirks.reidle if self.pushes else session.quirks.poll
            while not self.reactor.stopping() and (seconds := self.reactor.seconds(session, rhythm)):
                began = time.monotonic()
                if self.pushes:
                    await listen(session, seconds)
                else:
                    await asyncio.sleep(seconds)
                    await session.noop()
                pause = rest(pause, time.monotonic() - began)
                await react()
                await asyncio.sleep(pause)
        finally:
            self.live({self.name: ""})


@dataclass(slots=True)
class InboxWatch(FolderWatch):
    """Gmail's INBOX, which is a label of what is mirrored in All Mail (`name`), and told sooner than All Mail."""

    take: Take

    async def run(self, session: Session) -> None:
        await session.examine(b"INBOX")
        await self.reactor.told(self.name, {}, self.take, arrived=False)
        await self._listen(session, lambda: self._react(session))

    async def _react(self, session: Session) -> None:
        box = session.mailbox
        if box is None or not (box.arrived or box.disturbed):
            return
        arrived, disturbed = box.arrived, box.disturbed
        box.arrived = box.disturbed = False
        box.take_pushed()
        if arrived:
            self.reactor.ledger.told(self.name, time.monotonic())
            await self.reactor.told(self.name, {}, self.take, arrived=True)
        if disturbed:
            await self.reactor.told(self.name, {}, self.take, arrived=False)


@dataclass(slots=True)
class StatusWatch:
    """Folders whose numbers are asked for by STATUS now and then."""

    reactor: Reactor
    take: Take
    live: Live
    names: tuple[str, ...]
    _seen: dict[str, Status] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Until a connection cannot be had, or is to be another one."""
        try:
            while not self.reactor.stopping():
                async with self.take() as session:
                    for name in self.names:
                        await self._ask(session, name)
                    seconds = self.reactor.seconds(session, session.quirks.poll)
                if not seconds:
                    return
                self.live(dict.fromkeys(self.names, "poll"))
                await asyncio.sleep(seconds)
        finally:
            self.live(dict.fromkeys(self.names, ""))

    async def _ask(self, session: Session, name: str) -> None:
        folder = await self.reactor.folder(name)
        if folder is None:
            return
        if session.quirks.poll_by == "EXAMINE":
            await self.reactor.reconcile(session, folder)
            return
        status = await session.status(folder.raw_name)
        if status is None:
            await self.reactor.refresh()
            return
        same = self._seen.get(name) == status
        self._seen[name] = status
        # Without MODSEQ numbers prove nothing, but numbers that stay the same are left to the schedule.
        if not same or (status.get("MESSAGES"), status.get("UIDNEXT")) != (folder.messages, folder.uidnext):
            await self.reactor.told(name, status, lambda: contextlib.nullcontext(session))


async def listen(session: Session, seconds: float) -> None:
    """IDLE until something is told or `seconds` have passed; Unreachable when it does not end in time."""
    try:
        async with asyncio.timeout(seconds + WATCHDOG_SECONDS):
            await session.idle(seconds)
    except TimeoutError:
        session.close()
        raise Unreachable(f"{session.endpoint} has been silent for too long") from None


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Run side by side until the first ends, which ends the others; raises what it raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
