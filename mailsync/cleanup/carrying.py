"""A run's work on one connection: folder by folder, in batches that overlap.

    SELECT -> (FETCH of a batch -> recheck -> consent and journal -> commands, FETCH of the next -> results) ...
           -> what is begun and has no result: once more, then look

While a batch is with the server the mirror's copies of the next one are read and judged. A connection may break, and
the process be killed, between any two steps: what is begun is looked for before anything is done to it again.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from mailsync.cleanup import changes, recheck
from mailsync.cleanup.acting import Acting, Going, select
from mailsync.cleanup.breaker import Stopped
from mailsync.cleanup.changes import Means
from mailsync.cleanup.folders import Folders
from mailsync.cleanup.looking import BATCH, Looking, as_left, change_of, now, uid_of
from mailsync.cleanup.recheck import Own
from mailsync.cleanup.uncopying import uncopied
from mailsync.config.actions import Action, parse
from mailsync.errors import CommandRefused, ConnectionLost, Interrupted, MailsyncError, Unreachable
from mailsync.imap import showing
from mailsync.imap.mailboxes import Mailbox
from mailsync.imap.names import decode_name
from mailsync.imap.responses import Fetch
from mailsync.imap.session import Session
from mailsync.imap.showing import Question
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.record import record, replace
from mailsync.store import cleanup_runs
from mailsync.store.cleanup_places import Place
from mailsync.store.cleanup_runs import COPIED, PLACED, Result, Row
from mailsync.text import safe_text

if TYPE_CHECKING:
    from mailsync.cleanup.execution import Execution

PAGE = 1000
"""Rows that are held at a time where nothing is to be done about them."""
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
    looking: Looking = field(init=False)
    actions: tuple[Action, ...] = field(init=False)
    absent: dict[int, Row] = field(default_factory=dict, init=False)
    """Rows whose messages the server has not shown, by number."""
    _reading: asyncio.Task[dict[int, Own]] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        job = self.job
        self.folders = Folders(self.session, job.allowed, job.made)
        self.acting = Acting(self.session, self.folders.targets, self.folders.make, job.noted)
        self.looking = Looking(job, self.session)
        self.actions = tuple(map(parse, job.run.actions)) if job.run.kind == "apply" else ()

    async def run(self) -> None:
        try:
            await self._run()
        finally:
            if self._reading is not None:
                self._reading.cancel()

    async def _run(self) -> None:
        job = self.job
        places = await job.store.aread(partial(cleanup_runs.places, run_id=job.run.id))
        if job.run.kind == "undo":
            await uncopied(job, self.session)
        for (folder, validity), numbers in places.items():
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
        for at in range(0, len(numbers), PAGE):
            rows = [row for row in await self._rows(numbers[at : at + PAGE]) if row.state == "waiting"]
            await self.job.settle([Result(row.number, "failed", row.before, row.after, why) for row in rows])

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
            box = await self._left_behind(box, means)
        await self.looking.conclude(box, await self._begun(numbers), self.absent.values(), mending=True)
        self.absent.clear()
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
        job, begun = self.job, await self._begun(numbers)
        await self.looking.settle_absent(await self.looking.traced(begun))
        looked_for = {row.number for row in begun}
        waiting = [number for number in numbers if number not in looked_for]
        if job.run.kind == "undo":
            job.lost += [row for row in await self._rows(waiting) if row.state == "waiting"]
        elif gone:
            why = f"the folder {_named(folder)} is not there any more"
            await job.settle([Result(number, "skipped", None, None, why) for number in waiting])
        elif waiting:
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
        """All rows of the folder, and once more those of which the server has told nothing, or that it has refused.
        Gives why a whole batch was refused again, "" where none was."""
        why, again = "", numbers
        for _ in range(2):
            sought = [row for row in await self._begun(again) if self.looking.left_traces(row)]
            if sought:
                await self.looking.traced(sought)
                box = await self._reopened(box)
            why = await self._round(box, means, again)
            again = again if why else array("I", [number for number in numbers if number in self.job.unsure])
            if not again or self.job.stop:
                break
        return why

    async def _left_behind(self, box: Mailbox, means: Means) -> Mailbox:
        """Take away what the server said had left the folder, and has not. Only whoever opens it anew sees that:
        Dovecot 2.3 tells a session that its expunge is done also where another one's came in its way."""
        job = self.job
        departed = await job.store.aread(
            partial(cleanup_runs.departed, run_id=job.run.id, folder=box.raw_name, uidvalidity=box.uidvalidity)
        )
        if not departed or job.stop:
            return box
        box = await self._reopened(box)
        there = await self.session.search_uids() if box.exists else EMPTY
        stayed = [number for uid, number in departed if uid in there]
        if stayed:
            await job.store.awrite(partial(cleanup_runs.reopen, run_id=job.run.id, numbers=stayed, at=job.mirror.now()))
            await self._round(box, means, stayed)
        return box

    async def _begun(self, numbers: Sequence[int]) -> list[Row]:
        """Few: a batch, or what the server did not tell of."""
        job = self.job
        begun = await job.store.aread(partial(cleanup_runs.rows, run_id=job.run.id, states=("begun",), limit=-1))
        wanted = frozenset(numbers) if begun else frozenset()
        return [row for row in begun if row.number in wanted]

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
        return showing.begin_show(self.session, UidSet.from_uids(map(uid_of, batch.rows)), recheck.items(self.session))

    async def _checked(self, box: Mailbox, means: Means, batch: Loaded, answers: dict[int, Fetch]) -> list[Going]:
        """Look at a batch once more, and note what is begun of it and what is left out."""
        job, own = self.job, await batch.own
        going: list[Going] = []
        results: list[Result] = []
        for row in batch.rows:
            shown = recheck.read(answers.get(uid_of(row)), self.session)
            what, why = recheck.verdict(row, shown, own[row.number], job.judge)
            if shown is None:
                self.absent[row.number] = row
                continue
            job.checked += 1
            job.disagreeing += what == "other"
            place = now(box, row, shown)
            if what != "go":
                results.append(as_left(row, await self.looking.kept(row, place), why))
                continue
            one = self._going(row, place, means)
            if one.change.nothing and row.state == "waiting":
                results.append(Result(row.number, "done", place, place, "it was so already"))
            else:
                going.append(one)
        await self.folders.aim({folder for one in going for folder in one.change.folders})
        for one in going:
            targets = tuple(self.folders.targets[folder] for folder in sorted(one.change.folders))
            one.row = replace(one.row, before=one.before, after=one.after, targets=targets)
        await job.begin([one.row for one in going], results)
        return going

    def _going(self, row: Row, place: Place, means: Means) -> Going:
        """What is to be done to a message. A row that was begun keeps its first `before`: that is what is undone."""
        if row.before is None:
            change = changes.difference(place, changes.wanted(self.actions, place, means))
        else:
            change = change_of(row)
        before = row.before if row.state == "begun" and row.before is not None else place
        after = changes.shifted(place, change)
        if after is not None and row.after is not None and row.step >= COPIED:
            after = replace(after, copies=row.after.copies)
            change = replace(change, copy=())
        if after is not None and row.after is not None and row.step >= PLACED:
            after = replace(after, uidvalidity=row.after.uidvalidity, uid=row.after.uid)
        return Going(row, uid_of(row), change, before, after, row.step)

    async def _act(self, going: list[Going], coming: Loaded | None) -> Question | None:
        """Carry a batch out, and send the FETCH of the next behind it."""
        job = self.job
        asked: list[Question | None] = []
        if not going:
            return self._ask(coming)
        try:
            await self.acting.run(going, lambda: asked.append(self._ask(coming)))
        except BaseException as error:
            if self.session.closed is None:  # answers are still on their way
                self.session.fail(error if isinstance(error, MailsyncError) else ConnectionLost("a batch was left"))
            raise
        job.unsure |= {one.row.number: one.why for one in going if not one.done}
        await job.settle([one.result for one in going])
        return asked[0]


def _names_folder(action: Action) -> bool:
    return action.verb in ("archive", "trash", "move", "label")


def _named(raw_name: bytes) -> str:
    return safe_text(decode_name(raw_name), 80)
