"""A run's work on one connection: folder by folder, in batches that overlap.

    SELECT -> (FETCH of a batch -> recheck -> consent and journal -> commands, FETCH of the next -> results) ...
           -> what is begun and has no result: once more, then look

While a batch is with the server the mirror's copies of the next one are read and judged. A connection may break, and
the process be killed, between any two steps: what is begun is looked for before anything is done to it again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from mailsync.cleanup import changes, recheck, recovery
from mailsync.cleanup.acting import Acting, Going, select
from mailsync.cleanup.breaker import Stopped
from mailsync.cleanup.changes import Change, Means
from mailsync.cleanup.folders import Folders
from mailsync.cleanup.recheck import Own, Shown
from mailsync.config.actions import Action, parse
from mailsync.errors import CommandRefused, Interrupted, MailsyncError, Unreachable
from mailsync.imap import showing
from mailsync.imap.mailboxes import Mailbox
from mailsync.imap.names import decode_name
from mailsync.imap.responses import Fetch
from mailsync.imap.session import Session
from mailsync.imap.showing import Question
from mailsync.imap.uidset import UidSet
from mailsync.record import record, replace
from mailsync.store import cleanup_runs
from mailsync.store.cleanup_places import Copy, Place
from mailsync.store.cleanup_runs import COPIED, PLACED, Result, Row
from mailsync.text import safe_text

if TYPE_CHECKING:
    from array import array

    from mailsync.cleanup.execution import Execution

BATCH = 100
"""Messages that are on their way at a time: so many have to be looked for after a kill."""
SOME_GONE = "[EXPUNGEISSUED]"
"""How a server says (RFC 5530) that it has refused a command since some of its messages are gone."""


@record
class Loaded:
    """A batch that comes next: its rows, and the mirror's copies as they are read and judged."""

    rows: Sequence[Row]
    own: asyncio.Task[dict[int, Own]]


@record
class Carrying:
    """The work on one connection."""

    job: Execution
    session: Session
    folders: Folders = field(init=False)
    acting: Acting = field(init=False)
    actions: tuple[Action, ...] = field(init=False)
    absent: dict[int, Row] = field(default_factory=dict, init=False)
    """Rows whose messages the server has not shown, by number."""
    _reading: asyncio.Task[dict[int, Own]] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        job = self.job
        self.folders = Folders(self.session, job.allowed, job.made)
        self.acting = Acting(self.session, self.folders.targets, self.folders.make, job.noted)
        self.actions = tuple(map(parse, job.run.actions)) if job.run.kind == "apply" else ()

    async def run(self) -> None:
        try:
            await self._run()
        finally:
            if self._reading is not None:
                self._reading.cancel()

    async def _run(self) -> None:
        job = self.job
        left = await job.store.aread(partial(cleanup_runs.places, run_id=job.run.id))
        for (folder, validity), numbers in left.items():
            if job.stopping():
                raise Interrupted
            try:
                await self._folder(folder, validity, numbers)
            except MailsyncError as error:
                if error.scope != "folder" or self.session.closed is not None:
                    raise
                await self._fail(numbers, str(error))

    async def _fail(self, numbers: array[int], why: str) -> None:
        """Nothing more can be done to what waits. What is begun stays so: nobody knows."""
        rows = await self._rows(numbers)
        waiting = [Result(row.number, "failed", row.before, row.after, why) for row in rows if row.state == "waiting"]
        await self.job.settle(waiting)

    async def _rows(self, numbers: Sequence[int]) -> list[Row]:
        job = self.job
        return await job.store.aread(partial(cleanup_runs.some, run_id=job.run.id, numbers=numbers))

    # -- folders -----------------------------------------------------------------------------------------------

    async def _folder(self, folder: bytes, validity: int | None, numbers: array[int]) -> None:
        job = self.job
        box = await self._open(folder) if folder else None
        if box is None or validity is None or box.uidvalidity != validity:
            await self._elsewhere(folder, numbers, gone=box is None)
            return
        means = await self._means(box)
        why = changes.refusal(self.actions, means)
        job.measure(decode_name(folder), len(numbers), box.exists)
        if not why and not job.stop:
            why = await self._rounds(box, means, numbers)
        await self._conclude(box, numbers)
        if job.stop:
            raise Stopped(job.stop)
        if why:
            await self._fail(numbers, why)

    async def _open(self, folder: bytes) -> Mailbox | None:
        """The folder, to be changed; None when it is not there any more."""
        await self.job.allowed()
        try:
            return await select(self.session, folder)
        except CommandRefused:
            if await self.session.status(folder) is None:
                return None
            raise

    async def _reopened(self, box: Mailbox) -> Mailbox:
        again = await self._open(box.raw_name)
        if again is None or again.uidvalidity != box.uidvalidity:
            raise Stopped(f"the folder {_named(box.raw_name)} is another one than before")
        return again

    async def _elsewhere(self, folder: bytes, numbers: array[int], *, gone: bool) -> None:
        """The folder is not the one of the list: no message is where it was."""
        job, rows = self.job, await self._rows(numbers)
        begun = await self._traced([row for row in rows if row.state == "begun" and row.targets])
        await self._settle_absent(begun)
        rest = [row for row in rows if row.number not in {one.number for one in begun}]
        if job.run.kind == "undo":
            job.lost += rest
        elif gone:
            why = f"the folder {_named(folder)} is not there any more"
            await job.settle([Result(row.number, "skipped", row.before, row.before, why) for row in rest])
        elif rest:
            raise Stopped(f"{_named(folder)} has another UIDVALIDITY: its messages are not under the UIDs of the list")

    async def _means(self, box: Mailbox) -> Means:
        session = self.session
        kept = box.permanent_flags
        gmail = session.offers("X-GM-EXT-1")
        removes = session.offers("UIDPLUS", "IMAP4REV2")
        return Means(
            gmail,
            None if kept is None else frozenset(name.lower() for name in kept),
            await self.folders.special_use(box.raw_name) if gmail else "",
            await self.folders.of(self.actions) if any(map(_names_folder, self.actions)) else {},
            removes,
            removes or session.offers("MOVE"),
        )

    # -- batches -----------------------------------------------------------------------------------------------

    async def _rounds(self, box: Mailbox, means: Means, numbers: array[int]) -> str:
        """All rows of the folder, and once more those of which the server has told nothing. Gives why a whole batch was
        refused, "" where none was."""
        again = [row for row in await self._rows(numbers) if row.state == "begun" and self._left_traces(row)]
        if again:
            await self._traced(again)
            box = await self._reopened(box)
        why = await self._round(box, means, numbers)
        left = [number for number in numbers if number in self.job.unsure]
        if left and not why and not self.job.stop:
            why = await self._round(box, means, left)
        return why

    def _left_traces(self, row: Row) -> bool:
        """What was begun may be in its folder and in another one."""
        change = _change(row)
        copied = change.move is not None and row.step < PLACED and not self.session.offers("MOVE")
        return bool(row.targets) and (copied or (bool(change.copy) and row.step < COPIED))

    async def _round(self, box: Mailbox, means: Means, numbers: Sequence[int]) -> str:
        job, session = self.job, self.session
        queue = deque(numbers[at : at + BATCH] for at in range(0, len(numbers), BATCH))
        batch = await self._load(queue)
        question = self._ask(batch)
        why = ""
        while batch is not None and question is not None:
            shown = await showing.shown(session, question)
            going = await self._checked(box, means, batch, shown)
            batch = await self._load(queue)
            question = await self._act(going, batch)
            job.stop = job.stop or self.acting.trouble or job.disagreement
            if going and not any(one.done for one in going):
                why = next((one.why for one in going if one.why and not one.why.startswith(SOME_GONE)), "")
            late = not session.remaining(job.mirror.now())
            if job.stop or why or late or job.stopping():
                if question is not None:
                    await showing.shown(session, question)
                if not job.stop and not why and job.stopping():
                    raise Interrupted
                if late:
                    await session.logout()
                    raise Unreachable("the access token ends")
                break
        return why

    async def _load(self, queue: deque[Sequence[int]]) -> Loaded | None:
        """The next batch; its messages are read from the mirror while others are on their way."""
        job = self.job
        while queue:
            rows = await self._rows(queue.popleft())
            if rows:
                read = partial(recheck.own, rows=rows, judge=job.judge)
                self._reading = asyncio.create_task(job.store.aread(read))
                return Loaded(rows, self._reading)
        return None

    def _ask(self, batch: Loaded | None) -> Question | None:
        if batch is None:
            return None
        return showing.begin_show(self.session, UidSet.from_uids(map(_uid, batch.rows)), recheck.items(self.session))

    async def _checked(self, box: Mailbox, means: Means, batch: Loaded, answers: dict[int, Fetch]) -> list[Going]:
        """Look at a batch once more, and note what is begun of it and what is left out."""
        job, own = self.job, await batch.own
        going: list[Going] = []
        results: list[Result] = []
        for row in batch.rows:
            shown = recheck.read(answers.get(_uid(row)), self.session)
            what, why = recheck.verdict(row, shown, own[row.number], job.judge)
            if shown is None:
                self.absent[row.number] = row
                continue
            job.checked += 1
            job.disagreeing += what == "other"
            now = self._now(box, row, shown)
            if what != "go":
                results.append(_left(row, now, why))
                continue
            one = self._going(row, now, means)
            if one.change.nothing and row.state == "waiting":
                results.append(Result(row.number, "done", now, now, "it was so already"))
            else:
                going.append(one)
        await self.folders.aim({folder for one in going for folder in one.change.folders})
        for one in going:
            targets = tuple(self.folders.targets[folder] for folder in sorted(one.change.folders))
            one.row = replace(one.row, before=one.before, after=one.after, targets=targets)
        await job.begin([one.row for one in going], results)
        return going

    def _now(self, box: Mailbox, row: Row, shown: Shown) -> Place:
        assert box.uidvalidity is not None
        return recheck.now(row, shown, box.raw_name, box.uidvalidity, _uid(row))

    def _going(self, row: Row, now: Place, means: Means) -> Going:
        """What is to be done to a message. A row that was begun keeps its first `before`: that is what is undone."""
        if row.before is None:
            change = changes.difference(now, changes.wanted(self.actions, now, means))
        else:
            change = _change(row)
        before = row.before if row.state == "begun" and row.before is not None else now
        after = changes.shifted(now, change)
        if after is not None and row.after is not None and row.step >= COPIED:
            after = replace(after, copies=row.after.copies)
            change = replace(change, copy=())
        if after is not None and row.after is not None and row.step >= PLACED:
            after = replace(after, uidvalidity=row.after.uidvalidity, uid=row.after.uid)
        return Going(row, _uid(row), change, before, after, row.step)

    async def _act(self, going: list[Going], coming: Loaded | None) -> Question | None:
        """Carry a batch out, and send the FETCH of the next behind it."""
        job = self.job
        asked: list[Question | None] = []
        if not going:
            return self._ask(coming)
        await self.acting.run(going, lambda: asked.append(self._ask(coming)))
        job.unsure |= {one.row.number: one.why for one in going if not one.done}
        await job.settle([one.result for one in going])
        return asked[0]

    # -- what nobody knows -------------------------------------------------------------------------------------

    async def _conclude(self, box: Mailbox, numbers: Sequence[int]) -> None:
        """Look what became of rows that were begun and have no result, and whether what was not shown is gone."""
        job = self.job
        begun = [row for row in await self._rows(numbers) if row.state == "begun"]
        rows = {row.number: row for row in (*self.absent.values(), *begun)}
        self.absent.clear()
        seen: dict[int, Shown | None] = {}
        for at in range(0, len(rows), BATCH):
            seen |= await self._seen(list(rows.values())[at : at + BATCH])
        sought = [row for row in begun if row.targets and (row.number not in seen or self._left_traces(row))]
        rows |= {row.number: row for row in await self._traced(sought)}
        results: list[Result] = []
        for row in rows.values():
            shown = seen.get(row.number)
            if shown is not None:
                why = job.unsure.get(row.number) or "it was stopped before anything was done"
                results.append(_left(row, self._now(box, row, shown), why))
            elif row.number in seen:
                results.append(Result(row.number, "failed", row.before, row.before, "the server does not show it"))
        await job.settle(results)
        await self._settle_absent([row for row in rows.values() if row.number not in seen])

    async def _seen(self, rows: Sequence[Row]) -> dict[int, Shown | None]:
        """The messages that are in the open folder, by the number of the row; None for one that is not shown."""
        session, uids = self.session, UidSet.from_uids(map(_uid, rows))
        answers = await showing.shown(session, showing.begin_show(session, uids, recheck.items(session)))
        shown = {row.number: recheck.read(answers.get(_uid(row)), session) for row in rows}
        hidden = uids - UidSet.from_uids(_uid(row) for row in rows if shown[row.number] is not None)
        there = await session.search(within=hidden) if hidden else hidden
        return {row.number: shown[row.number] for row in rows if shown[row.number] is not None or _uid(row) in there}

    async def _traced(self, rows: Sequence[Row]) -> list[Row]:
        """The rows, with what can be found of them in the folders that they were to go to."""
        job = self.job
        found = {row.number: row for row in rows}
        for folder in dict.fromkeys(name for row in rows for name in _change(row).folders):
            some = [row for row in found.values() if folder in _change(row).folders]
            validity, uids = await recovery.find(self.session, job.store, job.run.id, folder, some)
            found |= {
                row.number: _placed(row, folder, validity, uids[row.number]) for row in some if row.number in uids
            }
        moved = [row for row in found.values() if row.step]
        await job.settle([Result(row.number, "begun", row.before, row.after, "", row.step) for row in moved])
        return list(found.values())

    async def _settle_absent(self, rows: Sequence[Row]) -> None:
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
                results.append(Result(row.number, "gone", row.before, None, "it is not there any more"))
        await job.settle(results)


def _uid(row: Row) -> int:
    """Where a message is in the folder that its row is carried out in."""
    uid = row.uid if row.before is None else row.before.uid
    assert uid is not None
    return uid


def _change(row: Row) -> Change:
    """What a row that has both ends is about."""
    assert row.before is not None
    return changes.difference(row.before, row.after)


def _placed(row: Row, folder: bytes, uidvalidity: int | None, uid: int) -> Row:
    """A row of which that was found."""
    change, after = _change(row), row.after
    assert after is not None
    if folder in change.copy:
        copies = tuple(Copy(folder, uidvalidity, uid) if one.folder == folder else one for one in after.copies)
        return replace(row, after=replace(after, copies=copies), step=max(row.step, COPIED))
    return replace(row, after=replace(after, uidvalidity=uidvalidity, uid=uid), step=PLACED)


def _left(row: Row, now: Place, why: str) -> Result:
    """A message that is left as it is now, perhaps in the middle of what was to be done."""
    if row.state == "waiting" or row.before is None:
        return Result(row.number, "skipped", now, now, why)
    if row.step == PLACED:
        return Result(row.number, "failed", row.before, None, f"it is in both folders: {why}")
    place = changes.made(row.before, now, _change(row))
    if row.step == COPIED and row.after is not None:
        place = replace(place, copies=row.after.copies)
    if place == row.before:
        return Result(row.number, "failed", row.before, row.before, why)
    return Result(row.number, "done", row.before, place, "" if place == row.after else f"in part only: {why}")


def _names_folder(action: Action) -> bool:
    return action.verb in ("archive", "trash", "move", "label")


def _named(raw_name: bytes) -> str:
    return safe_text(decode_name(raw_name), 80)
