"""Which messages of a list a folder of a server has already: what is there is not put there again.

    the mirror and earlier lists know UIDs -> those that are still there are it
    else Message-ID, or INTERNALDATE or size where there is none -> candidates -> their bytes tell

Servers store some bytes otherwise than they were sent (line ends, NUL): such a copy is a copy still. What another list,
or this one before it was stopped, may have sent is known by its UID: nobody else gave a message with this Message-ID,
or of this date, a UID from the UIDNEXT on that was noted then.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from mailsync.errors import FolderDoubt
from mailsync.imap.mailboxes import Mailbox
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.record import record
from mailsync.store import restorable
from mailsync.store.database import Store
from mailsync.store.restores import Item
from mailsync.sync import identity, searchkeys
from mailsync.sync.moves import look

ALL = 2000
EACH = 20
"""So many messages that nobody knows, or so many times those that are sought, are looked at one by one; of more the
server is asked to search."""
PIECE = 500
"""Messages whose metadata is held at a time."""
BODIES = 20
MAX_UID = 2**32 - 1
BODY_BYTES = 1 << 20
DAY = timedelta(days=1)


async def find(
    session: Session, store: Store, account_id: int, box: Mailbox, items: Sequence[Item], taken: UidSet = EMPTY
) -> dict[int, int]:
    """UIDs in the open folder, by the number of the item that is there. A message of the folder stands for one item,
    those that are `taken` for none. FolderDoubt when the server's answers contradict each other."""
    if not box.exists or not items:
        return {}
    there = await session.search_uids()
    if not there:
        raise FolderDoubt(f"the server says {box.exists} messages and finds none; nothing was put there")
    run = _Search(session, store, box, {})
    await run.by_digest(account_id, items, there - taken)
    rest = [item for item in items if item.number not in run.found]
    if rest:
        await run.by_likeness(rest, there - taken - UidSet.from_uids(run.found.values()))
    return run.found


async def learn(session: Session, store: Store, box: Mailbox, items: Sequence[Item], taken: UidSet) -> dict[int, int]:
    """The UIDs that a server without UIDPLUS gave `items`, which it has just taken: the same way as `find`."""
    await session.noop()  # some show what is new at that only
    first = min(item.uidnext for item in items if item.uidnext is not None)
    new = await session.search(within=UidSet([(first, MAX_UID)])) - taken
    run = _Search(session, store, box, {})
    if new:
        await run.by_likeness(items, new)
    return run.found


def likeness(raw: bytes, stripped: frozenset[str] = frozenset()) -> bytes:
    """Equal for messages that differ in what servers change: line ends, NUL, fields that they add (`stripped`)."""
    plain = identity.without(raw, stripped) if stripped else raw
    return hashlib.sha256(plain.replace(b"\r\n", b"\n").replace(b"\0", b"\x80").rstrip(b"\r\n")).digest()


@record
class _Search:
    """A search in one folder; `found` as `find` gives it."""

    session: Session
    store: Store
    box: Mailbox
    found: dict[int, int]

    async def by_digest(self, account_id: int, items: Sequence[Item], there: UidSet) -> None:
        """Those whose UIDs are known."""
        validity = self.box.uidvalidity
        if validity is None:
            return
        digests = dict.fromkeys(item.digest for item in items)
        held = await self.store.aread(lambda c: restorable.held(c, account_id, self.box.raw_name, validity, digests))
        uids: dict[bytes, list[int]] = defaultdict(list)
        for digest, uid in sorted(held, key=lambda pair: -pair[1]):
            if uid in there:
                uids[digest].append(uid)
        for item in items:
            if uids[item.digest]:
                self.found[item.number] = uids[item.digest].pop()

    async def by_likeness(self, items: Sequence[Item], uids: UidSet) -> None:
        """Those that look like messages which are there."""
        digests = dict.fromkeys(item.digest for item in items)
        heads = await self.store.aread(lambda connection: restorable.heads(connection, digests))
        marks = {digest: identity.mark(head) for digest, head in heads.items()}
        if len(uids) > max(ALL, EACH * len(items)):
            uids &= await self._narrowed(items, heads)
        by_mark: dict[int, list[Item]] = defaultdict(list)
        by_date: dict[int | None, list[Item]] = defaultdict(list)
        by_size: dict[int | None, list[Item]] = defaultdict(list)
        for item in items:
            if mark := marks.get(item.digest, 0):
                by_mark[mark].append(item)
            else:
                by_date[item.internaldate].append(item)
                by_size[item.size].append(item)
        for piece in uids.split(PIECE):
            candidates: dict[int, list[Item]] = {}
            dates: dict[int, int | None] = {}
            for one in await look(self.session, piece):
                if one.mark:
                    like = by_mark.get(one.mark, [])
                else:
                    like = by_date.get(one.internaldate, []) if one.internaldate is not None else []
                    like = like or by_size.get(one.size, [])
                like = [item for item in like if item.number not in self.found]
                if like:
                    candidates[one.uid] = like
                    dates[one.uid] = one.internaldate
            await self._compare(candidates)
            for uid in sorted(candidates.keys() - self.found.values()):
                sent = [item for item in candidates[uid] if self._was_sent(item, uid, dates[uid])]
                if sent:
                    self.found[sent[0].number] = uid

    def _was_sent(self, item: Item, uid: int, date: int | None) -> bool:
        """The message came after the item was begun and is dated as that: the server has altered its bytes."""
        begun = item.uidnext is not None and item.uidvalidity == self.box.uidvalidity and uid >= item.uidnext
        return begun and item.number not in self.found and item.internaldate in (None, date)

    async def _compare(self, candidates: dict[int, list[Item]]) -> None:
        """Ask for the bytes of candidates, and take those that are what is sought."""
        stripped = self.session.quirks.strip_headers
        sets = UidSet.from_uids(candidates).split(BODIES)
        async for batch in self.session.fetch(sets, "UID BODY.PEEK[]", BODY_BYTES):
            bodies = {one.uid: one.body for one in batch if one.uid in candidates and one.body is not None}
            wanted = {item.digest for uid in bodies for item in candidates[uid or 0]}
            ours = await self.store.aread(partial(_likenesses, digests=wanted, stripped=stripped))
            for uid, body in bodies.items():
                theirs = likeness(body, stripped)
                for item in candidates[uid or 0]:
                    if item.number not in self.found and ours.get(item.digest) == theirs:
                        self.found[item.number] = uid or 0
                        break

    async def _narrowed(self, items: Sequence[Item], heads: dict[bytes, bytes]) -> UidSet:
        """What the server finds by Message-ID, or by date, or by size."""
        criteria = {_criterion(item, heads.get(item.digest, b"")) for item in items}
        found = EMPTY
        for one in await self.session.search_many(sorted(criteria)):
            found |= one
        return found


def _criterion(item: Item, head: bytes) -> str:
    """A SEARCH that finds the item if it is there, and little else (RFC 3501 section 6.4.4)."""
    name = identity.message_id(head)
    inner = name[1:-1] if name.startswith(b"<") and name.endswith(b">") else name
    if 0 < len(inner) < 500 and all(0x20 < byte < 0x7F and byte not in b'"\\' for byte in inner):
        return f'HEADER MESSAGE-ID "{inner.decode("ascii")}"'
    if item.internaldate is None:
        return f"LARGER {max(item.size - item.size // 20 - 1, 0)} SMALLER {item.size + item.size // 20 + 2}"
    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=item.internaldate)  # in the server's zone: one day off
    return f"SINCE {searchkeys.search_date(day - DAY)} BEFORE {searchkeys.search_date(day + 2 * DAY)}"


def _likenesses(
    connection: sqlite3.Connection, *, digests: Iterable[bytes], stripped: frozenset[str]
) -> dict[bytes, bytes]:
    found = {digest: restorable.raw(connection, digest) for digest in digests}
    return {digest: likeness(raw, stripped) for digest, raw in found.items() if raw is not None}
