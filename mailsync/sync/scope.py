"""Which messages of a folder are wanted: `[accounts.NAME.messages]` held against what the server says of them.

A server's search is a first guess. What it calls old is sampled, what it calls new or small is held against its own
INTERNALDATE and RFC822.SIZE before a byte is fetched, and what it would skip has to be missing from the opposite
search: a search that lies costs an answer more, never a message.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mailsync.errors import CommandRefused, FolderDoubt, ProtocolError, QueryError
from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.model import FolderResult, split_flags
from mailsync.record import record
from mailsync.store import activity, folders, holdings, messages, quarantine, selection
from mailsync.store.database import Store
from mailsync.sync import internaldate

if TYPE_CHECKING:
    from mailsync.config.models import MessagesConfig

FEW = 50
"""So many messages are looked at one by one; more are searched first."""
SAMPLE = 64
"""Messages that a search calls old whose dates are looked at."""
DAY = 86_400.0
PIECE = 1000
BATCH_BYTES = 1 << 20
NOT_SELECTED = "not selected"
ITEMS = "UID FLAGS INTERNALDATE RFC822.SIZE"

Listed = tuple[int, int, str, int | None, int]
"""UID, system flags, keywords, INTERNALDATE in Unix seconds, size in bytes."""


def fingerprint(limits: MessagesConfig) -> str:
    """Differs where the selection of messages differs; empty where everything is wanted."""
    chosen = [limits.newer_than, limits.max_size, limits.skip_query]
    return "" if chosen == [None, None, ""] else json.dumps(chosen)


@record(frozen=True)
class Narrowed:
    """A set of UIDs in three parts."""

    fetch: UidSet
    withheld: list[Listed] = field(default_factory=list)
    """Too large: to be listed without their bytes."""
    outside: UidSet = field(default_factory=UidSet)
    """Not to be mirrored."""


@record(frozen=True)
class Reselected:
    """What a changed selection means for the rows of a folder."""

    remove: UidSet
    """No longer selected."""
    admit: UidSet
    """Listed without their bytes until now, which are wanted."""


@record(frozen=True)
class Scope:
    """The selection of messages for one folder. `addresses` are the account's own, `now` gives Unix seconds."""

    limits: MessagesConfig
    account: str
    folder: str
    addresses: Sequence[str]
    now: Callable[[], float]

    @property
    def active(self) -> bool:
        """False where everything is wanted."""
        return bool(self.fingerprint)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.limits)

    async def narrow(self, session: Session, uids: UidSet) -> Narrowed:
        """Sort `uids` of the open folder. What the server does not tell enough about is fetched.

        QueryError (of the account) when `skip_query` cannot be asked, FolderDoubt when the server contradicts itself
        about it.
        """
        if not self.active or not uids:
            return Narrowed(uids)
        outside = await self._skipped(session, uids)
        doubtful = uids - outside
        if self.limits.newer_than is not None:
            old = await self._called_old(session, doubtful)
            outside |= old
            doubtful -= old
        elif self.limits.max_size is not None:
            doubtful = await self._called_large(session, doubtful)
        else:
            doubtful = UidSet()
        looked_at = await self._look(session, doubtful)
        too_old = UidSet.from_uids(one[0] for one in looked_at if self._too_old(one[3]))
        outside |= too_old
        withheld = [one for one in looked_at if self._too_large(one[4]) and one[0] not in too_old]
        return Narrowed(uids - outside - UidSet.from_uids(one[0] for one in withheld), withheld, outside)

    async def settle(
        self, session: Session, store: Store, folder_id: int, uids: UidSet, result: FolderResult
    ) -> UidSet:
        """Sort `uids`, which have no row; note and count what stays on the server, return what is to be fetched."""
        if not self.active:
            return uids
        outside = UidSet.parse((await store.aread(lambda connection: selection.read(connection, folder_id)))[0])
        found = await self.narrow(session, uids - outside)
        if found.withheld or found.outside:
            at, text = self.now(), str(outside | found.outside)

            def write(connection: sqlite3.Connection) -> None:
                selection.withhold(connection, folder_id, found.withheld, at)
                folders.note_outside(connection, folder_id, text)

            await store.awrite(write)
            result.withheld += len(found.withheld)
            result.outside += len(found.outside)
        return found.fetch

    async def reselect(self, session: Session, store: Store, folder_id: int) -> Reselected:
        """Hold the open folder's rows against a selection that has changed; nothing is written.

        Only what has changed is asked about: rows that grew too old under an unchanged `newer_than` stay, and so do
        the bytes that are there already of a message that is now too large.
        """
        limits = self.limits

        def read(connection: sqlite3.Connection) -> tuple[str, str, str, str]:
            since = None if limits.newer_than is None else self.now() - limits.newer_than
            return (
                selection.read(connection, folder_id)[1],
                "" if since is None else selection.older_than(connection, folder_id, since),
                selection.withheld(connection, folder_id, limits.max_size),
                holdings.uids(connection, folder_id) if limits.skip_query else "",
            )

        before, old, small, held = await store.aread(read)
        newer_than, _, skip_query = json.loads(before) if before else (None, None, "")
        remove = UidSet.parse(old) if newer_than != limits.newer_than else UidSet()
        if skip_query != limits.skip_query and session.mailbox is not None and session.mailbox.exists:
            remove |= await self._skipped(session, UidSet.parse(held))
        return Reselected(remove, UidSet.parse(small) - remove)

    async def apply(self, session: Session, store: Store, folder_id: int) -> UidSet:
        """Make the open folder's rows follow a selection that has changed; returns UIDs whose bytes are wanted now.

        What was outside is forgotten: `settle` sorts it anew with all that has no row. May be killed and run again:
        the selection counts as changed until `conclude`.
        """
        found = await self.reselect(session, store, folder_id)
        at = self.now()

        def write(connection: sqlite3.Connection) -> None:
            if found.remove:
                removed = messages.remove(connection, folder_id, found.remove, at, NOT_SELECTED)
                quarantine.settle(connection, folder_id, at)
                uids = str(found.remove)
                activity.add(
                    connection, at, self.account, self.folder, "removed", count=removed, uids=uids, detail=NOT_SELECTED
                )
            folders.note_outside(connection, folder_id, "")

        await store.awrite(write)
        return found.admit

    def conclude(self, connection: sqlite3.Connection, folder_id: int) -> None:
        """A sync of the folder is complete: a selection that has changed is followed from here on."""
        selection.conclude(connection, folder_id, self.fingerprint, self.limits.max_size)

    # -- the questions -----------------------------------------------------------------------------------------

    async def _skipped(self, session: Session, uids: UidSet) -> UidSet:
        """Those of `uids` that `skip_query` matches, and that its opposite does not."""
        if not self.limits.skip_query or not uids:
            return UidSet()
        key = self.skip_key(labels="X-GM-EXT-1" in session.capabilities)
        if key is None or key == "ALL":
            return uids if key else UidSet()
        matching, others = await session.search_many([key, f"NOT {key}"])
        if matching & others & uids:
            raise FolderDoubt(
                "the server's searches for skip_query and for its opposite contradict each other; nothing was left out",
                hint="simplify skip_query, or exclude whole folders instead",
            )
        return uids & matching

    def skip_key(self, *, labels: bool) -> str | None:
        """`skip_query` as a SEARCH key, see `compile_query`; QueryError says which configuration is wrong."""
        from mailsync.query.parse import parse
        from mailsync.sync.searchkeys import Asked, compile_query

        today = datetime.fromtimestamp(self.now(), UTC).date()
        asked = Asked(self.account, self.folder, self.addresses, today, labels)
        try:
            return compile_query(parse(self.limits.skip_query), asked)
        except QueryError as error:
            error.args = (f"accounts.{self.account}.messages.skip_query: {error}",)
            error.scope = "account"
            raise

    async def _called_old(self, session: Session, uids: UidSet) -> UidSet:
        """Those of `uids` that the server's search takes for too old, unless a sample of their dates gives it the lie.

        The search is for a day earlier than the limit: servers differ in whose midnight a day begins with.
        """
        from mailsync.sync.searchkeys import search_date

        if len(uids) <= FEW:
            return UidSet()
        assert self.limits.newer_than is not None
        limit = max(self.now() - self.limits.newer_than - DAY, 0)
        try:
            recent = await session.search(
                f"SINCE {search_date(datetime.fromtimestamp(limit, UTC).date())}", within=uids
            )
        except (CommandRefused, ProtocolError):
            return UidSet()
        old = uids - recent
        looked_at = await self._look(session, _sample(old))
        lies = any(not self._too_old(one[3]) for one in looked_at)
        return UidSet() if lies else old

    async def _called_large(self, session: Session, uids: UidSet) -> UidSet:
        """Those of `uids` that the server's search takes for too large; all of them where it cannot say."""
        if len(uids) <= FEW:
            return uids
        assert self.limits.max_size is not None
        try:
            return uids & await session.search(f"LARGER {min(self.limits.max_size, 2**32 - 1)}", within=uids)
        except (CommandRefused, ProtocolError):
            return uids

    async def _look(self, session: Session, uids: UidSet) -> list[Listed]:
        """What the server tells of each of `uids`; one it says nothing of is absent."""
        found: list[Listed] = []
        async for batch in session.fetch(uids.split(PIECE, newest_first=True), ITEMS, BATCH_BYTES):
            for answer in batch:
                if answer.uid is not None and answer.uid in uids and answer.flags is not None:
                    date = internaldate.parse(answer.internaldate)
                    found.append((answer.uid, *split_flags(answer.flags), date, answer.size or 0))
        return found

    def _too_old(self, date: int | None) -> bool:
        limit = self.limits.newer_than
        return limit is not None and date is not None and date < self.now() - limit

    def _too_large(self, size: int) -> bool:
        return self.limits.max_size is not None and size > self.limits.max_size


def _sample(uids: UidSet) -> UidSet:
    """Up to SAMPLE of `uids`: the newest and some of the others."""
    newest = next(uids.split(SAMPLE // 4, newest_first=True), UidSet())
    ranges = (uids - newest).ranges
    picked = random.choices(ranges, [high - low + 1 for low, high in ranges], k=SAMPLE - len(newest)) if ranges else ()
    return newest | UidSet.from_uids(random.randint(low, high) for low, high in picked)
