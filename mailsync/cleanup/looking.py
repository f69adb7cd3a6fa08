"""What became of rows that were begun and have no result: they are looked for where they were and where they belong.

still there: what can be seen of the change? -> done, in part, or not at all
not there:   where it should be, under a UID from the noted one on? -> done; else somebody else has taken it
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mailsync.cleanup import changes, recheck, recovery
from mailsync.cleanup.acting import keep
from mailsync.cleanup.changes import Change
from mailsync.cleanup.recheck import Shown
from mailsync.imap import showing
from mailsync.imap.mailboxes import Mailbox
from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.model import Flag
from mailsync.record import record, replace
from mailsync.store import cleanup_runs
from mailsync.store.cleanup_places import Copy, Place
from mailsync.store.cleanup_runs import COPIED, MARKED, PLACED, Result, Row, State

if TYPE_CHECKING:
    from mailsync.cleanup.execution import Execution

BATCH = 100
"""Messages that are on their way at a time: so many have to be looked for after a kill."""


@record
class Looking:
    """Looks on one connection."""

    job: Execution
    session: Session

    async def run(self) -> None:
        """Give every row of the run that was begun its result; nothing is changed on the server."""
        job, session = self.job, self.session
        rows = await job.store.aread(partial(cleanup_runs.rows, run_id=job.run.id, states=("begun",), limit=-1))
        places: dict[tuple[bytes, int | None], list[Row]] = defaultdict(list)
        for row in rows:
            if row.before is not None:
                places[row.before.folder, row.before.uidvalidity].append(row)
        for (folder, validity), begun in places.items():
            there = await session.status(folder) is not None
            box = await session.examine(folder) if there else None
            if box is not None and box.uidvalidity == validity:
                await self.conclude(box, begun)
            else:
                await self.settle_absent(await self.traced(begun))

    def left_traces(self, row: Row) -> bool:
        """What was begun may be in its folder and in another one."""
        change = change_of(row)
        copied = change.move is not None and row.step < PLACED and not self.session.offers("MOVE")
        return bool(row.targets) and (copied or (bool(change.copy) and row.step < COPIED))

    async def conclude(
        self, box: Mailbox, begun: Sequence[Row], absent: Iterable[Row] = (), *, mending: bool = False
    ) -> None:
        """Look what became of rows that were begun and have no result, and whether what was not shown is gone. Their
        folder is open, to be changed where it is `mending`; another one may be open after this."""
        job = self.job
        rows = {row.number: row for row in (*absent, *begun)}
        seen: dict[int, Shown | None] = {}
        for at in range(0, len(rows), BATCH):
            seen |= await self._seen(list(rows.values())[at : at + BATCH])
        places = {number: now(box, rows[number], shown) for number, shown in seen.items() if shown is not None}
        if mending:
            places = {number: await self.kept(rows[number], place) for number, place in places.items()}
        sought = [row for row in begun if row.targets and (row.number not in seen or self.left_traces(row))]
        rows |= {row.number: row for row in await self.traced(sought)}
        results: list[Result] = []
        for row in rows.values():
            shown = seen.get(row.number)
            if shown is not None:
                why = job.unsure.get(row.number) or "it was stopped before anything was done"
                results.append(as_left(row, places[row.number], why, "failed"))
            elif row.number in seen:
                results.append(Result(row.number, "failed", row.before, row.before, "the server does not show it"))
        await job.settle(results)
        await self.settle_absent([row for row in rows.values() if row.number not in seen])

    async def kept(self, row: Row, place: Place) -> Place:
        """The message where it is left: a row that was begun to take it away has not marked it \\Deleted for good."""
        marked = row.state == "begun" and row.before is not None and not row.before.flags & Flag.DELETED
        if not marked or not place.flags & Flag.DELETED or row.step == PLACED:
            return place
        await self.job.allowed()
        await keep(self.session, UidSet.from_uids([uid_of(row)]))
        return replace(place, flags=place.flags & ~Flag.DELETED)

    async def _seen(self, rows: Sequence[Row]) -> dict[int, Shown | None]:
        """The messages that are in the open folder, by the number of the row; None for one that is not shown."""
        session, uids = self.session, UidSet.from_uids(map(uid_of, rows))
        answers = await showing.shown(session, showing.begin_show(session, uids, recheck.items(session)))
        shown = {row.number: recheck.read(answers.get(uid_of(row)), session) for row in rows}
        hidden = uids - UidSet.from_uids(uid_of(row) for row in rows if shown[row.number] is not None)
        there = await session.search(within=hidden) if hidden else hidden
        return {row.number: shown[row.number] for row in rows if shown[row.number] is not None or uid_of(row) in there}

    async def traced(self, rows: Sequence[Row]) -> list[Row]:
        """The rows, with what can be found of them in the folders that they were to go to. Opens these to read."""
        job = self.job
        found = {row.number: row for row in rows}
        for folder in dict.fromkeys(one.folder for row in rows for one in row.targets):
            some = [row for row in found.values() if any(one.folder == folder for one in row.targets)]
            validity, uids = await recovery.find(self.session, job.store, job.run.id, folder, some)
            found |= {
                row.number: _placed(row, folder, validity, uids[row.number]) for row in some if row.number in uids
            }
        moved = [row for row in found.values() if row.step]
        await job.settle([Result(row.number, "begun", row.before, row.after, "", row.step) for row in moved])
        return list(found.values())

    async def settle_absent(self, rows: Sequence[Row]) -> None:
        """Rows whose messages are not where they were: they have arrived, or somebody else has taken them."""
        job = self.job
        results: list[Result] = []
        for row in rows:
            begun = row.state == "begun" and row.before is not None
            if begun and (row.step == PLACED or row.after is None):
                results.append(Result(row.number, "done", row.before, row.after))
            elif job.run.kind == "undo":
                job.lost.append(replace(row, state="waiting"))
                results.append(Result(row.number, "waiting", row.before, row.after))
            else:
                after = row.after if begun else None
                results.append(Result(row.number, "gone", row.before, after, "it is not there any more"))
        await job.settle(results)


def now(box: Mailbox, row: Row, shown: Shown) -> Place:
    """A message as it is in the open folder."""
    assert box.uidvalidity is not None
    return recheck.now(row, shown, box.raw_name, box.uidvalidity, uid_of(row))


def uid_of(row: Row) -> int:
    """Where a message is in the folder that its row is carried out in."""
    uid = row.uid if row.before is None else row.before.uid
    assert uid is not None
    return uid


def change_of(row: Row) -> Change:
    """What a row that has both ends is about."""
    assert row.before is not None
    return changes.difference(row.before, row.after)


def _placed(row: Row, folder: bytes, uidvalidity: int | None, uid: int) -> Row:
    """A row of which that was found."""
    change, after = change_of(row), row.after
    assert after is not None
    if folder in change.copy:
        copies = tuple(Copy(folder, uidvalidity, uid) if one.folder == folder else one for one in after.copies)
        return replace(row, after=replace(after, copies=copies), step=max(row.step, COPIED))
    return replace(row, after=replace(after, uidvalidity=uidvalidity, uid=uid), step=PLACED)


def as_left(row: Row, now: Place, why: str, state: State = "skipped") -> Result:
    """A message that is left as it is now; `state` where nothing was done to it."""
    if row.state == "waiting" or row.before is None:
        return Result(row.number, "skipped", now, now, why)
    if row.step == PLACED:
        return Result(row.number, "failed", row.before, _in_both(row, now), f"it is in both folders: {why}", PLACED)
    place = changes.made(row.before, now, change_of(row))
    if row.after is None and now.flags & Flag.DELETED & ~row.before.flags:
        place = replace(place, flags=place.flags | Flag.DELETED)
        return Result(row.number, "failed", row.before, place, f"it is marked \\Deleted: {why}", MARKED)
    if row.step == COPIED and row.after is not None:
        place = replace(place, copies=row.after.copies)
    if place == row.before:
        return Result(row.number, state, row.before, row.before, why)
    return Result(row.number, "done", row.before, place, "" if place == row.after else f"in part only: {why}")


def _in_both(row: Row, now: Place) -> Place:
    """Where a message is of which a copy is where it should have gone: an undo takes that away."""
    assert row.before is not None
    assert row.after is not None
    place, there = changes.made(row.before, now, change_of(row)), row.after
    copies = (*there.copies, Copy(there.folder, there.uidvalidity, there.uid))
    return replace(place, flags=place.flags | now.flags & Flag.DELETED, copies=copies)
