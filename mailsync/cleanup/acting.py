"""What is sent to a server for a batch: flags, labels, copies for labels, then the way to another folder or out of it.

    STORE, STORE ... -> COPY for a label, noted -> MOVE
                                                or COPY, noted -> STORE \\Deleted, UID EXPUNGE

Every UID that is sent is that of a row which was begun. A message is taken away only where the server has told the UID
of its copy. What it does not tell stays begun: somebody has to look.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import field

from mailsync.cleanup.changes import Change
from mailsync.errors import CommandRefused, ProtocolError
from mailsync.imap.changing.copy import Moved, Transfer, begin_copy, finish_transfer
from mailsync.imap.changing.create import create, subscribe
from mailsync.imap.changing.expunge import begin_expunge
from mailsync.imap.changing.flags import Sign, begin_store
from mailsync.imap.changing.labels import begin_label
from mailsync.imap.changing.move import begin_move
from mailsync.imap.changing.select import select
from mailsync.imap.protocol import Pending
from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.record import record, replace
from mailsync.store.cleanup_places import Copy, Place
from mailsync.store.cleanup_runs import COPIED, PLACED, Result, Row, Target

__all__ = ["Acting", "Going", "create", "keep", "select", "subscribe", "take_away"]
MISSING = frozenset({"TRYCREATE", "NONEXISTENT"})
STORES = 5
"""On their way at a time; there may be as few as ten commands in all."""


@record
class Going:
    """A row on its way: the UID of the message where it is now, what is to be done, and where that takes it."""

    row: Row
    uid: int
    change: Change
    before: Place
    after: Place | None
    step: int = 0
    done: bool = False
    why: str = ""
    """What the server would not do, in its words."""

    @property
    def result(self) -> Result:
        """How far it has come."""
        return Result(
            self.row.number, "done" if self.done else "begun", self.before, self.after, self.why, step=self.step
        )


@record
class Acting:
    """Batches on one connection. `targets` are the folders that messages go to, and learn of the UIDs that are given;
    `make` makes one that is gone; `noted` notes how far rows have come before more is done to them."""

    session: Session
    targets: dict[bytes, Target]
    make: Callable[[bytes], Awaitable[None]]
    noted: Callable[[Sequence[Going]], Awaitable[None]]
    trouble: str = field(default="", init=False)
    """How an answer contradicts what was asked; from then on nothing more should be."""

    async def run(self, batch: Sequence[Going], follow: Callable[[], None]) -> None:
        """Do it, and tell in `batch` what was done. `follow` is called once, when nothing more will be sent for it."""
        stores = await self._begin_stores(batch)
        for folder in dict.fromkeys(name for one in batch for name in one.change.copy):
            await self._copy(folder, [one for one in batch if folder in one.change.copy])
        rest = [one for one in batch if not one.why and not self.trouble]
        ways: dict[bytes, list[Going]] = defaultdict(list)
        for one in rest:
            if one.change.move is not None:
                ways[one.change.move].append(one)
        gone = [one for one in rest if one.change.expunge]
        moves: list[tuple[bytes, list[Going], Transfer]] = []
        for folder, some in ways.items():
            by_move = [one for one in some if one.step < PLACED and self.session.offers("MOVE")]
            await self._copy_away(folder, [one for one in some if one not in by_move])
            if by_move:
                moves.append((folder, by_move, await self._begin_move(folder, by_move)))
        takes = self._begin_taking(gone) if gone else []
        follow()
        for pending, some in stores:
            await self._refused(pending, some)
        for folder, some, transfer in moves:
            await self._finish_move(folder, some, transfer)
        await self._taken(takes, gone)
        for one in rest:
            stays = one.change.move is None and not one.change.expunge
            one.done = one.done or (stays and not one.why)

    # -- flags and labels --------------------------------------------------------------------------------------

    async def _begin_stores(self, batch: Sequence[Going]) -> list[tuple[Pending, list[Going]]]:
        """A command for each flag, keyword or label; those that are on their way still."""
        groups: dict[tuple[bool, Sign, str], list[Going]] = defaultdict(list)
        for one in batch:
            change = one.change
            for of_gmail, given, taken in ((False, change.give, change.take), (True, change.label, change.unlabel)):
                for name in given:
                    groups[of_gmail, "+", name].append(one)
                for name in taken:
                    groups[of_gmail, "-", name].append(one)
        sent: list[tuple[Pending, list[Going]]] = []
        for (of_gmail, sign, name), some in groups.items():
            if len(sent) >= STORES:
                await self._refused(*sent.pop(0))
            begin = begin_label if of_gmail else begin_store
            sent.append((begin(self.session, _uids(some), sign, [name]), some))
        return sent

    async def _refused(self, pending: Pending, some: Sequence[Going]) -> None:
        """Note what a STORE was refused with: the flags of these may be as they were."""
        answer = await self.session.protocol.finish(pending)
        try:
            self.session.check(answer, pending.name)
        except (CommandRefused, ProtocolError) as error:
            for one in some:
                one.why = one.why or str(error)

    # -- copies and moves --------------------------------------------------------------------------------------

    async def _copy(self, folder: bytes, some: Sequence[Going]) -> None:
        """Copies that stand for a label."""
        moved = await self._transferred(begin_copy, folder, some)
        uids = self._believed(folder, moved)
        for one in some:
            if one.uid in uids:
                assert one.after is not None
                copy = Copy(folder, moved.uidvalidity, uids[one.uid])
                copies = tuple(copy if each.folder == folder else each for each in one.after.copies)
                one.after, one.step = replace(one.after, copies=copies), COPIED
            else:
                one.why = moved.why or "the server has not told of its copy"
        await self.noted([one for one in some if one.uid in uids])

    async def _begin_move(self, folder: bytes, some: Sequence[Going]) -> Transfer:
        transfer = begin_move(self.session, _uids(some), folder)
        if not transfer.single:
            await asyncio.wait([transfer.pending.future])
        return transfer

    async def _finish_move(self, folder: bytes, some: Sequence[Going], transfer: Transfer) -> None:
        moved = await finish_transfer(self.session, transfer)
        if moved.code in MISSING and not moved.uids:
            await self.make(folder)
            moved = await finish_transfer(self.session, await self._begin_move(folder, some))
        if moved.status == "BAD":
            self.session.latch_off("MOVE")
        self._arrived(folder, some, moved)

    def _arrived(self, folder: bytes, some: Sequence[Going], moved: Moved) -> None:
        """Those that the server says it has moved are done."""
        uids = self._believed(folder, moved)
        for one in some:
            if one.uid in uids and one.after is not None:
                one.after = replace(one.after, uidvalidity=moved.uidvalidity, uid=uids[one.uid])
                one.done = True
            else:
                one.why = moved.why

    async def _copy_away(self, folder: bytes, some: Sequence[Going]) -> None:
        """Where there is no MOVE: a copy, and once that is noted the message leaves its folder."""
        fresh = [one for one in some if one.step < PLACED]
        if fresh:
            moved = await self._transferred(begin_copy, folder, fresh)
            self._arrived(folder, fresh, moved)
            for one in fresh:
                one.step, one.done = (PLACED if one.done else one.step), False
        placed = [one for one in some if one.step == PLACED]
        if placed:
            await self.noted(placed)
            await self._taken(self._begin_taking(placed), placed)

    async def _transferred(
        self, begin: Callable[[Session, UidSet, bytes], Transfer], folder: bytes, some: Sequence[Going]
    ) -> Moved:
        """The answer to a COPY; the folder is made where it is gone."""
        moved = await finish_transfer(self.session, begin(self.session, _uids(some), folder))
        if moved.code in MISSING:
            await self.make(folder)
            moved = await finish_transfer(self.session, begin(self.session, _uids(some), folder))
        return moved

    def _believed(self, folder: bytes, moved: Moved) -> dict[int, int]:
        """The UIDs that the server tells of, where they can be: that of the target, and above what was there."""
        target = self.targets[folder]
        trouble = moved.contradiction
        if moved.uids and target.uidvalidity not in (None, moved.uidvalidity):
            trouble = trouble or "COPYUID tells another UIDVALIDITY than the folder has"
        if moved.uids and min(moved.uids.values()) < (target.uidnext or 1):
            trouble = trouble or "COPYUID tells UIDs that were given to others before"
        if trouble:
            self.trouble = self.trouble or trouble
            return {}
        if moved.uids:
            self.targets[folder] = Target(folder, moved.uidvalidity, max(moved.uids.values()) + 1)
        return moved.uids

    # -- away --------------------------------------------------------------------------------------------------

    def _begin_taking(self, some: Sequence[Going]) -> list[Pending]:
        if not self.session.offers("UIDPLUS", "IMAP4REV2"):
            for one in some:
                one.why = one.why or "the server cannot take single messages away (no UIDPLUS)"
            return []
        uids = _uids(some)
        return [begin_store(self.session, uids, "+", ["\\Deleted"]), begin_expunge(self.session, uids)]

    async def _taken(self, takes: Sequence[Pending], some: Sequence[Going]) -> None:
        for pending in takes:
            await self._refused(pending, some)
        for one in some:
            one.done = bool(takes) and not one.why


async def keep(session: Session, uids: UidSet) -> None:
    """Messages of the open folder that we have marked \\Deleted are not."""
    await session.ok(begin_store(session, uids, "-", ["\\Deleted"]))


async def take_away(session: Session, uids: UidSet) -> None:
    """Messages of the open folder leave the server for good. CommandRefused where it will not."""
    takes = [begin_store(session, uids, "+", ["\\Deleted"]), begin_expunge(session, uids)]
    for pending in takes:
        await session.ok(pending)


def _uids(some: Sequence[Going]) -> UidSet:
    return UidSet.from_uids(one.uid for one in some)
