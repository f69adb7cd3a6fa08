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

from mailsync.errors import FolderDoubt, StoreError
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.model import FolderResult
from mailsync.store import activity, contents, folders, identities, quarantine
from mailsync.store.database import Store
from mailsync.sync import guard, identity
from mailsync.sync.moves import PIECE, look, looks
from mailsync.sync.plan import Numbers
from mailsync.sync.sides import Likeness, Ours, Theirs, compare

ROWS = 2000
"""Rows of the mirror read at a time."""
BATCH_BYTES = 4 << 20
PROBES = 12
"""Messages whose identity is probed where UIDVALIDITY is known to tell nothing."""


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
        ours = await self._ours(named=theirs.named, honest=session.quirks.honest_size)
        alike = compare(theirs, ours)
        if alike and not await self._sample_holds(session, theirs, ours, alike):
            alike, self.contradicted = Likeness(), True
        if dry_run:
            self.result.deleted += self.folder.messages - len(alike)
            return UidSet.ascending(theirs.uids) - UidSet.from_uids(theirs.uids[at] for at in alike.there)
        await self._write(theirs, ours, alike, server.uidvalidity, counted)
        return UidSet.ascending(theirs.uids)

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

    async def _theirs(self, session: Session) -> Theirs:
        theirs = Theirs(named=bool(identity.items(session.capabilities)))
        box = session.mailbox
        if box is None or not box.exists:
            return theirs
        listed = await session.search()
        whole = len(listed) == box.exists
        async for shown in looks(session, listed.split(PIECE) if whole else ["1:*"]):
            theirs.add(one for one in shown if not whole or one.uid in listed)
        theirs.settle()
        return theirs

    async def _ours(self, *, named: bool, honest: bool) -> Ours:
        ours = Ours(named)
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
                size = row.size if honest else None
                ours.add(row, identity.key(row.internaldate, size, marks.get(row.content, 0)))

    async def _sample_holds(self, session: Session, theirs: Theirs, ours: Ours, alike: Likeness) -> bool:
        """A sample, fetched whole, has the bytes that the mirror has."""
        chosen = identity.sample(len(alike), self.choice)
        expected = {theirs.uids[alike.there[at]]: ours.contents[alike.here[at]] for at in chosen}
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
        theirs: Theirs,
        ours: Ours,
        alike: Likeness,
        uidvalidity: int,
        counted: tuple[int, float],
    ) -> None:
        at = self.now()
        folder = self.folder

        there = alike.there
        rows = identities.Rekeyed(
            array("q", (ours.rows[here] for here in alike.here)),
            array("I", (ours.uids[here] for here in alike.here)),
            array("I", (theirs.uids[at] for at in there)),
            lambda number: theirs.state(there[number]),
            (lambda number: theirs.identifiers(there[number])) if theirs.named else None,
        )
        ours.forget()

        def write(connection: sqlite3.Connection) -> tuple[int, int]:
            changed, removed = identities.rekey(connection, folder.id, rows, at)
            quarantine.rekey(connection, folder.id, uidvalidity, at)
            folders.restart(connection, folder.id, uidvalidity, *counted)
            activity.add(
                connection, at, self.account, folder.name, "note", count=len(alike),
                detail=f"new UIDVALIDITY: {len(alike)} messages recognised",
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
