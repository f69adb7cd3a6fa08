"""A new UIDVALIDITY makes every UID meaningless (RFC 4549 section 4.1), not the mail: rows get their new UIDs in place.

Seen twice before it is believed, followed a few times a day only. The folder is told anew, a line of metadata a
message; what is surely the same message keeps its row and its bytes, and a sample is fetched whole and compared. The
new UIDs, the rows that found none (removed, restorable) and the new UIDVALIDITY are one transaction; a kill before it
leaves everything as it was, a kill after it leaves a folder that is merely not complete.
"""

from __future__ import annotations

import random
import sqlite3
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from sys import intern

from mailsync.errors import FolderDoubt, StoreError
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.model import FolderResult
from mailsync.store import activity, contents, folders, identities, quarantine
from mailsync.store.database import Store
from mailsync.sync import guard, identity
from mailsync.sync.identity import Pairs
from mailsync.sync.moves import PIECE, Shown, look
from mailsync.sync.plan import Numbers

ROWS = 2000
"""Rows of the mirror read at a time."""
BATCH_BYTES = 4 << 20
PROBES = 12
"""Messages whose identity is probed where UIDVALIDITY is known to tell nothing."""


@dataclass(slots=True)
class _Theirs:
    """The folder as it is now, in order of UID; parallel sequences."""

    uids: array[int] = field(default_factory=lambda: array("I"))
    flags: array[int] = field(default_factory=lambda: array("B"))
    keys: array[int] = field(default_factory=lambda: array("q"))
    names: array[int] = field(default_factory=lambda: array("q"))
    keywords: list[str] = field(default_factory=list)
    emailids: list[tuple[str | None, str | None]] = field(default_factory=list)
    """EMAILID and THREADID; empty where the server has none."""

    def add(self, shown: list[Shown], *, named: bool) -> None:
        for one in sorted(shown, key=lambda one: one.uid):
            self.uids.append(one.uid)
            self.flags.append(one.flags)
            self.keywords.append(intern(one.keywords))
            self.keys.append(identity.key(one.internaldate, one.size, one.mark))
            self.names.append(identity.emailid_key(one.emailid or ""))
            if named:
                self.emailids.append((one.emailid, one.threadid))


@dataclass(slots=True)
class _Ours:
    """The rows that have their bytes, in order of their old UIDs; parallel arrays."""

    rows: array[int] = field(default_factory=lambda: array("q"))
    contents: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("q"))
    names: array[int] = field(default_factory=lambda: array("q"))


def _pairs(theirs: _Theirs, ours: _Ours) -> Pairs:
    """Indexes of what is the same in both: by EMAILID, and of the rest by date, size and Message-ID; the keys are gone
    then."""
    there, here = identity.join(theirs.names, ours.names, ours.contents)
    for index in there:
        theirs.keys[index] = 0
    for index in here:
        ours.keys[index] = 0
    more_there, more_here = identity.join(theirs.keys, ours.keys, ours.contents)
    for keys in (theirs.names, theirs.keys, ours.names, ours.keys):
        del keys[:]
    return there + more_there, here + more_here


@dataclass(slots=True)
class Reset:
    """One folder's move to a new UIDVALIDITY."""

    store: Store
    account: str
    folder: folders.Folder
    result: FolderResult
    now: Callable[[], float]
    choice: random.Random = field(default_factory=random.Random)
    doubts: list[str] = field(default_factory=list)
    contradicted: bool = False
    """Messages that looked the same were not: nothing that looks like one of the mirror's is to be believed."""

    async def run(self, session: Session, server: Numbers, *, dry_run: bool = False) -> UidSet:
        """Follow the folder to the UIDVALIDITY of `server`; returns all UIDs that it was found to have.

        FolderDoubt, with nothing changed, when the server contradicts itself or has changed it too often.
        """
        assert server.uidvalidity is not None
        counted = guard.resets(self.folder.resets, self.folder.reset_at, self.now())
        await self._believe(session, server.uidvalidity)
        theirs = await self._theirs(session)
        ours = await self._ours(honest=session.quirks.honest_size)
        pairs = _pairs(theirs, ours)
        if pairs[0] and not await self._sample_holds(session, theirs, ours, pairs):
            pairs, self.contradicted = (array("I"), array("I")), True
        if dry_run:
            self.result.deleted += self.folder.messages - len(pairs[0])
            return UidSet.from_uids(theirs.uids) - UidSet.from_uids(theirs.uids[at] for at in pairs[0])
        await self._write(theirs, ours, pairs, server.uidvalidity, counted)
        return UidSet.from_uids(theirs.uids)

    async def _believe(self, session: Session, uidvalidity: int) -> None:
        """A second look has to agree; where the number went down, a look of another kind as well."""
        again = await session.examine(self.folder.raw_name)
        seen = again.uidvalidity
        if seen == uidvalidity and uidvalidity < (self.folder.uidvalidity or 0):
            self.doubts.append(f"UIDVALIDITY went down from {self.folder.uidvalidity} to {uidvalidity}")
            seen = (await session.status(self.folder.raw_name) or {}).get("UIDVALIDITY", seen)
        if seen != uidvalidity:
            raise FolderDoubt(
                "the server gave two different UIDVALIDITY values in a row; nothing was changed",
                hint="run the sync again later",
            )

    async def _theirs(self, session: Session) -> _Theirs:
        theirs = _Theirs()
        named = bool(identity.items(session.capabilities))
        box = session.mailbox
        if box is None or not box.exists:
            return theirs
        listed = await session.search()
        if len(listed) != box.exists:
            theirs.add(await look(session, "1:*"), named=named)
            return theirs
        for piece in listed.split(PIECE * 4):
            theirs.add([one for one in await look(session, piece) if one.uid in piece], named=named)
        return theirs

    async def _ours(self, *, honest: bool) -> _Ours:
        ours = _Ours()
        above = 0

        def read(connection: sqlite3.Connection) -> tuple[list[identities.Row], dict[int, int]]:
            rows = identities.rows(connection, self.folder.id, above, ROWS)
            return rows, identities.marks(connection, {row.content for row in rows}, identity.mark)

        while True:
            rows, marks = await self.store.aread(read)
            if not rows:
                return ours
            above = rows[-1].uid
            for row in rows:
                ours.rows.append(row.id)
                ours.contents.append(row.content)
                ours.names.append(identity.emailid_key(row.emailid))
                size = row.size if honest else None
                ours.keys.append(identity.key(row.internaldate, size, marks.get(row.content, 0)))

    async def _sample_holds(self, session: Session, theirs: _Theirs, ours: _Ours, pairs: Pairs) -> bool:
        """A sample, fetched whole, has the bytes that the mirror has."""
        chosen = identity.sample(len(pairs[0]), self.choice)
        expected = {theirs.uids[pairs[0][at]]: ours.contents[pairs[1][at]] for at in chosen}
        stripped = session.quirks.strip_headers
        seen = wrong = 0
        async for batch in session.fetch(UidSet.from_uids(expected).split(20), "UID BODY.PEEK[]", BATCH_BYTES):
            for answer in batch:
                content = expected.get(answer.uid or 0)
                if content is None or answer.body is None:
                    continue
                seen += 1
                stored = await self.store.aread(partial(_load, content=content))
                same = stored is not None and identity.without(answer.body, stripped) == identity.without(
                    stored, stripped
                )
                wrong += not same
        if wrong or not seen:
            self.doubts.append(f"{wrong} of {seen} messages with a new UID have other bytes than their likeness here")
        return bool(seen) and not wrong

    async def _write(
        self,
        theirs: _Theirs,
        ours: _Ours,
        pairs: Pairs,
        uidvalidity: int,
        counted: tuple[int, float],
    ) -> None:
        at = self.now()
        folder = self.folder

        def rekeyed(there: int, here: int) -> identities.Rekeyed:
            names = theirs.emailids[there] if theirs.emailids else (None, None)
            return ours.rows[here], theirs.uids[there], theirs.flags[there], theirs.keywords[there], *names

        def write(connection: sqlite3.Connection) -> tuple[int, int]:
            changed, removed = identities.rekey(connection, folder.id, lambda: map(rekeyed, *pairs), at)
            quarantine.rekey(connection, folder.id, uidvalidity, at)
            folders.restart(connection, folder.id, uidvalidity, *counted)
            activity.add(
                connection, at, self.account, folder.name, "note", count=len(pairs[0]),
                detail=f"new UIDVALIDITY: {len(pairs[0])} messages recognised",
            )  # fmt: skip
            if removed:
                activity.add(
                    connection, at, self.account, folder.name, "removed", count=removed, detail="new UIDVALIDITY"
                )
            return changed, removed

        changed, removed = await self.store.awrite(write)
        self.result.changed += changed
        self.result.deleted += removed


def _load(connection: sqlite3.Connection, content: int) -> bytes | None:
    try:
        return contents.load(connection, content)
    except StoreError:
        return None


async def same_messages(store: Store, session: Session, folder: folders.Folder, held: UidSet) -> bool:
    """False when UIDs of the open folder belong to other messages than they did, though UIDVALIDITY is the same.

    A sample by Message-ID; what the server does not tell, or the mirror does not know, contradicts nothing.
    """
    wanted = EMPTY
    ranges = held.ranges
    if ranges:
        picked = random.choices(ranges, [high - low + 1 for low, high in ranges], k=PROBES)
        wanted = UidSet.from_uids(random.randint(low, high) for low, high in picked)
    shown = {one.uid: one for one in await look(session, wanted)} if wanted else {}

    def read(connection: sqlite3.Connection) -> list[tuple[int, int]]:
        rows = [
            row
            for uid in shown
            for row in identities.rows(connection, folder.id, uid - 1, 1)
            if row.uid == uid
        ]  # fmt: skip
        marks = identities.marks(connection, {row.content for row in rows}, identity.mark)
        return [(row.uid, marks.get(row.content, 0)) for row in rows]

    marked = await store.aread(read)
    return not any(shown[uid].mark and mark and shown[uid].mark != mark for uid, mark in marked)
