"""Messages from the wire into the store: newest first, in batches bounded by bytes, a few on their way at a time.

While one batch is compressed and written, the next is read; more than `IN_FLIGHT` never wait, so memory is bounded by
these constants and the largest single message. What the server leaves out is asked for again, then set aside. When
connections die twice with the same messages on their way, these come last and one by one, until the one that kills
the line is known and set aside; the rest of the folder does not wait for it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice, takewhile

from mailsync.errors import ConnectionLost
from mailsync.imap.fetching import FetchStream
from mailsync.imap.responses import Fetch
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, MAX_UID, UidSet
from mailsync.model import FolderResult, split_flags
from mailsync.privacy.log import get_logger
from mailsync.store import activity, folders, messages, quarantine
from mailsync.store.database import Store
from mailsync.sync import identity, internaldate
from mailsync.sync.plan import FlagState

log = get_logger("sync")

BATCH_BYTES = 2 << 20
"""Raw bytes a transaction: large enough to amortise a commit, small enough to lose little and hold little."""
IN_FLIGHT = 2
PIECE = 400
"""Messages a FETCH command asks for."""
ATTEMPTS = 3
"""Times a message is asked for before it is set aside."""
GUESS = 75_000
"""Bytes of a message, as long as none has come."""
STRIKES = 2
"""Connections a message may kill while asked for alone."""
ITEMS = "UID FLAGS INTERNALDATE{} BODY.PEEK[]"


def items(capabilities: frozenset[str]) -> str:
    """What is asked of each message: its bytes, and its EMAILID or X-GM-MSGID where the server has them."""
    named = identity.items(capabilities)
    return ITEMS.format(f" {named}" if named else "")


class Download:
    """Fetches sets of UIDs of one folder. Keep it across reconnects: it learns which message breaks the line."""

    def __init__(
        self,
        store: Store,
        account: str,
        account_id: int,
        folder: folders.Folder,
        result: FolderResult,
        now: Callable[[], float],
        stopping: Callable[[], bool],
    ) -> None:
        self._store = store
        self._account = account
        self._account_id = account_id
        self._folder = folder
        self._result = result
        self._now = now
        self._stopping = stopping
        self.allowance: Callable[[], int | None] = lambda: None
        """Bytes that the day has left; None without a limit."""
        self._came = self._bytes = 0
        self._splits: dict[tuple[str, ...], FlagState] = {}
        self._on_the_way: list[UidSet] = []
        self._lost_with = UidSet()
        self._suspects = UidSet()
        self._strikes: dict[int, int] = {}
        self._unsure: set[int] = set()

    async def run(self, session: Session, wanted: UidSet) -> None:
        """Fetch and store `wanted`; what cannot be had is quarantined. ConnectionLost and the like pass through."""
        for _ in range(ATTEMPTS):
            if not wanted or self._stopping():
                return
            pieces = self._affordable((wanted - self._suspects).split(PIECE, newest_first=True))
            wanted -= await self._stream(session, self._timely(pieces, session), depth=2)
            if wanted and not session.remaining(self._now()):
                await session.logout()
                self._on_the_way = []
                raise ConnectionLost("the access token ends")
            suspects = wanted & self._suspects
            wanted -= await self._stream(session, suspects.split(1, newest_first=True), depth=1)
        if not wanted or self._stopping():
            return
        still_there = wanted & await session.search_uids()
        if still_there:
            await self._set_aside(still_there, "the server lists the message but does not give its bytes", session)

    async def above(self, session: Session, first: int) -> UidSet:
        """Fetch every message with a UID of at least `first`; returns those that came."""
        if first > MAX_UID:  # a server may announce any UIDNEXT
            return UidSet()
        return await self._stream(session, iter([UidSet([(first, MAX_UID)])]), depth=1)

    async def consume(self, stream: FetchStream) -> UidSet:
        """Store what `stream` (of `items`) gives; returns the UIDs whose bytes came and were committed."""
        self._on_the_way = []
        return await self._drain(stream)

    def take_unsure(self) -> UidSet:
        """Messages whose flags are to be asked for again: told without bytes, or bytes without flags. Empty then."""
        unsure, self._unsure = UidSet.from_uids(self._unsure), set()
        return unsure

    async def lost(self) -> bool:
        """The connection died during `run`. True when that taught which messages to be careful with."""
        lost_with = UidSet()
        for piece in self._on_the_way:
            lost_with |= piece
        again = lost_with & self._lost_with
        self._lost_with, self._on_the_way = lost_with, []
        if len(lost_with) == 1 and lost_with.min in self._suspects:
            (uid,) = lost_with
            self._strikes[uid] = self._strikes.get(uid, 0) + 1
            if self._strikes[uid] >= STRIKES:
                await self._set_aside(lost_with, "the server closes the connection on this message")
                self._suspects -= lost_with
            return True
        learned = again - self._suspects
        self._suspects |= learned
        return bool(learned)

    async def _stream(self, session: Session, pieces: Iterator[UidSet], *, depth: int) -> UidSet:
        """One pass; returns the UIDs whose bytes came and were committed."""
        self._on_the_way = []
        wanted = items(session.capabilities)
        return await self._drain(session.fetch(self._tracked(pieces, depth), wanted, BATCH_BYTES, depth=depth))

    async def _drain(self, stream: FetchStream) -> UidSet:
        got = EMPTY
        writes: list[asyncio.Task[UidSet]] = []
        try:
            async for batch in stream:
                writes.append(asyncio.create_task(self._keep(batch)))
                if len(writes) > IN_FLIGHT:
                    got |= await writes.pop(0)
        finally:
            # Also when the connection is lost: what came whole is kept and not asked for again.
            for uids in await asyncio.gather(*writes):
                got |= uids
        return got

    def _timely(self, pieces: Iterator[UidSet], session: Session) -> Iterator[UidSet]:
        """Those to ask for before the connection is to be another one."""
        return takewhile(lambda piece: session.remaining(self._now()) > 0, pieces)

    def _affordable(self, pieces: Iterator[UidSet]) -> Iterator[UidSet]:
        """The pieces, cut smaller where one might be more than a quarter of what the day has left."""
        for piece in pieces:
            while (left := self.allowance()) is not None and len(piece) > 1:
                mean = self._bytes / self._came if self._came else GUESS
                part = next(piece.split(max(1, int(left / 4 / max(mean, 1))), newest_first=True))
                if len(part) == len(piece):
                    break
                yield part
                piece -= part
            yield piece

    def _tracked(self, pieces: Iterator[UidSet], depth: int) -> Iterator[UidSet]:
        """Remembers the last `depth` pieces asked for: those are on their way when a connection dies."""
        for piece in pieces:
            if self._stopping():
                return
            self._on_the_way = [*self._on_the_way[1 - depth :], piece] if depth > 1 else [piece]
            yield piece
        if depth == 1:
            self._on_the_way = []

    async def _keep(self, batch: list[Fetch]) -> UidSet:
        """Compress a batch off the loop and commit it; returns the UIDs it gave bytes for."""
        # Flags without bytes are no answer to us: another client changed them. Bytes without flags lack them.
        self._unsure.update(answer.uid for answer in batch if answer.uid and (answer.flags is None) == answer.has_body)
        answers = {answer.uid: answer for answer in batch if answer.body is not None}
        if not answers:
            return EMPTY
        uids: list[int] = []
        bits: list[int] = []
        keywords: list[str] = []
        dates: list[int | None] = []
        modseqs: list[int | None] = []
        bodies: list[bytes] = []
        emailids: list[str | None] = []
        threadids: list[str | None] = []
        for uid, answer in answers.items():
            assert uid is not None
            assert answer.body is not None
            state = self._splits.get(answer.flags or ())
            if state is None:
                state = self._splits[answer.flags or ()] = split_flags(answer.flags or ())
            uids.append(uid)
            bits.append(state[0])
            keywords.append(state[1])
            dates.append(internaldate.parse(answer.internaldate))
            modseqs.append(answer.modseq)
            bodies.append(answer.body)
            if answer.extra:
                emailids.append(identity.emailid(answer))
                threadids.append(identity.threadid(answer))
        answers.clear()
        batch.clear()
        packed = await asyncio.to_thread(self._store.codec.pack, bodies)
        bodies.clear()
        if len(emailids) != len(uids):  # what not every answer has is no name of a message
            emailids, threadids = [], []
        arrivals = messages.Arrivals(uids, bits, keywords, dates, modseqs, packed, emailids, threadids)
        size = sum(packed.sizes)
        at = self._now()
        stored = UidSet.from_uids(uids)
        named = str(stored)

        def write(connection: sqlite3.Connection) -> None:
            messages.add(connection, self._folder.id, arrivals, at)
            activity.add(
                connection, at, self._account, self._folder.name, "new", count=len(uids), size=size, uids=named
            )

        await self._store.awrite(write)
        if packed.dictionary:
            self._store.codec.saved()
        self._came += len(uids)
        self._bytes += size
        self._result.new += len(uids)
        self._result.bytes += size
        return stored

    async def _set_aside(self, uids: UidSet, why: str, session: Session | None = None) -> None:
        """Rows without bytes, with what `session` can still tell of them, and an entry in the quarantine for each."""
        at = self._now()
        chosen = UidSet.from_uids(islice(uids, 10_000))
        rows: dict[int, tuple[int, int, str, int | None, int]] = {uid: (uid, 0, "", None, 0) for uid in chosen}
        if session is not None:
            stream = session.fetch(chosen.split(PIECE), "UID FLAGS INTERNALDATE", BATCH_BYTES)
            async for answer in (answer async for batch in stream for answer in batch):
                if answer.uid in rows:
                    date = internaldate.parse(answer.internaldate)
                    rows[answer.uid] = (answer.uid, *split_flags(answer.flags or ()), date, 0)

        def write(connection: sqlite3.Connection) -> None:
            folder = folders.get(connection, self._folder.id)
            messages.add_without_content(connection, folder.id, list(rows.values()), at)
            quarantine.add(connection, self._account_id, folder.id, folder.uidvalidity or 0, rows, "fetch", why, at)

        await self._store.awrite(write)
        log.warning("messages_quarantined", account=self._account, messages=len(rows))
        self._result.quarantined += len(rows)
