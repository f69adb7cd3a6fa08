"""Arrivals that are no strangers: a message moved or copied on the server is not downloaded again, and keeps its id.

Before bodies are asked for, a line of metadata a message is held against what the mirror has of the account, removed
messages included. Matches are verified by complete headers (RFC 3501 section 6.4.5, BODY.PEEK[HEADER]): moves by a
sample, copies one and all, since the same mail delivered twice in one second looks like a copy. One contradiction, and
the whole batch is downloaded.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import field
from functools import lru_cache, partial
from typing import NamedTuple

from mailsync.imap.responses import Fetch
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.model import FolderResult, split_flags
from mailsync.record import record
from mailsync.store import activity, contents, folders, identities
from mailsync.store.database import Store
from mailsync.sync import identity, internaldate
from mailsync.sync.identity import Candidate, Match

PIECE = 1000
"""Messages looked at in one round trip."""
BATCH_BYTES = 1 << 20
LOOK_BYTES = 1 << 18
"""As `FetchStream` counts: some five hundred messages."""
HEADERS = 50
"""Complete headers asked for at once."""
MESSAGE_ID = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"


class Shown(NamedTuple):
    """What the server tells of one message short of its bytes; `mark` is that of its Message-ID, 0 for none."""

    uid: int
    flags: int
    keywords: str
    internaldate: int | None
    size: int | None
    emailid: str | None
    threadid: str | None
    mark: int


_split = lru_cache(maxsize=4096)(split_flags)


async def look(session: Session, uids: UidSet) -> list[Shown]:
    """Metadata of `uids` in the open folder, each once; what the server does not tell enough of is absent."""
    found = {one.uid: one async for batch in looks(session, uids.split(PIECE)) for one in batch}
    return list(found.values())


async def looks(session: Session, sets: Iterable[UidSet | str]) -> AsyncIterator[list[Shown]]:
    """The same as it comes, a bounded number of messages at a time: in any order, and perhaps told twice."""
    items = f"UID FLAGS INTERNALDATE RFC822.SIZE {identity.items(session.capabilities)} {MESSAGE_ID}"
    honest = session.quirks.honest_size
    async for batch in session.fetch(sets, " ".join(items.split()), LOOK_BYTES):
        yield [one for answer in batch if (one := _shown(answer, honest=honest)) is not None]


def _heads(connection: sqlite3.Connection, ids: Iterable[int]) -> dict[int, bytes | None]:
    return dict(contents.heads_of(connection, ids))


def _shown(answer: Fetch, *, honest: bool) -> Shown | None:
    if answer.uid is None or answer.flags is None or not (answer.sections or answer.extra):
        return None
    header = answer.section("BODY[HEADER.FIELDS")
    return Shown(
        answer.uid,
        *_split(answer.flags),
        internaldate.parse(answer.internaldate),
        answer.size if honest else None,
        identity.emailid(answer),
        identity.threadid(answer),
        identity.mark(header) if header else 0,
    )


@record
class Moves:
    """Takes over for one folder what need not be downloaded; `doubts` tells what was contradicted."""

    store: Store
    account: str
    account_id: int
    folder: folders.Folder
    result: FolderResult
    now: Callable[[], float]
    choice: random.Random = field(default_factory=random.Random)
    doubts: list[str] = field(default_factory=list)

    async def take(self, session: Session, wanted: UidSet) -> UidSet:
        """Store those of `wanted` that are known; returns what is still to be downloaded."""
        taken = EMPTY
        for piece in wanted.split(PIECE, newest_first=True):
            shown = [one for one in await look(session, piece) if one.uid in piece]
            matches = await self.store.aread(partial(self._matches, shown=shown))
            if matches:
                matches = await self._verified(session, shown, matches)
            if matches:
                taken |= await self._store_rows(shown, matches)
        return wanted - taken

    def _matches(self, connection: sqlite3.Connection, *, shown: list[Shown]) -> list[Match]:
        found = identities.by_emailid(connection, self.account_id, [one.emailid for one in shown])
        candidates = [Candidate(one.arrival, one.row, one.content, one.gone, named=True) for one in found]
        times = Counter((one.internaldate, one.size, one.mark) for one in shown)
        marks = [one.mark if times[one.internaldate, one.size, one.mark] == 1 else 0 for one in shown]
        dated = [
            (one.internaldate, one.size) if mark and one.internaldate is not None else (None, None)
            for one, mark in zip(shown, marks, strict=True)
        ]
        found = identities.by_date(connection, self.account_id, self.folder.id, dated)
        theirs = identities.marks(connection, {one.content for one in found}, identity.mark)
        candidates += [
            Candidate(one.arrival, one.row, one.content, one.gone, named=False, mark=theirs.get(one.content, 0))
            for one in found
        ]
        return identity.choose(marks, candidates)

    async def _verified(self, session: Session, shown: list[Shown], matches: list[Match]) -> list[Match]:
        """`matches` without those whose headers did not come; none at all when a header is another one."""
        copies = [one for one in matches if one.row is None and not one.named]
        others = [one for one in matches if one.row is not None or one.named]
        if len(others) > identity.ALL_OF:
            others = [others[at] for at in identity.sample(len(others), self.choice)]
        chosen = copies + others
        asked = {shown[one.arrival].uid: one for one in chosen}
        wrong = 0
        unproven = set(asked)
        stripped = session.quirks.strip_headers
        sets = UidSet.from_uids(asked).split(HEADERS)
        async for batch in session.fetch(sets, "UID BODY.PEEK[HEADER]", BATCH_BYTES):
            headers = {
                answer.uid: header
                for answer in batch
                if answer.uid in asked and (header := answer.sections.get("BODY[HEADER]")) is not None
            }
            ids = {asked[uid].content for uid in headers}
            bodies = await self.store.aread(partial(_heads, ids=ids))
            for uid, header in headers.items():
                body = bodies.get(asked[uid].content)
                if body is None or not identity.same_header(header, body, stripped):
                    wrong += 1
                unproven.discard(uid)
        if wrong:
            self.doubts.append(f"{wrong} of {len(asked)} messages taken for moved or copied have other headers")
            return []
        return [one for one in matches if shown[one.arrival].uid not in unproven]

    async def _store_rows(self, shown: list[Shown], matches: list[Match]) -> UidSet:
        adopted = [
            identities.Adopted(
                one.uid, match.row, match.content, one.flags, one.keywords, one.internaldate, one.emailid, one.threadid
            )
            for match in matches
            for one in [shown[match.arrival]]
        ]
        at = self.now()

        def write(connection: sqlite3.Connection) -> UidSet:
            held = UidSet.from_uids(identities.adopt(connection, self.folder.id, adopted, at))
            if held:
                activity.add(
                    connection, at, self.account, self.folder.name, "new", count=len(held), uids=str(held),
                    detail="moved or copied on the server: not downloaded again",
                )  # fmt: skip
            return held

        held = await self.store.awrite(write)
        self.result.new += len(held)
        return held
