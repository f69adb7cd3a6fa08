"""Copies that stood for a label are taken away again, when what made them is undone.

Of such a copy the journal knows folder, UIDVALIDITY and UID; it has to have the Message-ID, too. One that is not there
any more is what was wanted, so this may be done any number of times before the rows themselves are begun.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from mailsync.cleanup import changes, recheck
from mailsync.cleanup.acting import select, take_away
from mailsync.cleanup.looking import BATCH
from mailsync.errors import CommandRefused
from mailsync.imap import showing
from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.store import cleanup_runs
from mailsync.store.cleanup_runs import Row

if TYPE_CHECKING:
    from mailsync.cleanup.execution import Execution

PAGE = 1000


async def uncopied(job: Execution, session: Session) -> None:
    """Take away the copies that rows of a run want to have no more."""
    places: dict[tuple[bytes, int], list[tuple[int, Row]]] = defaultdict(list)
    last = -1
    while True:
        page = partial(cleanup_runs.rows, run_id=job.run.id, states=("waiting", "begun"), after=last, limit=PAGE)
        rows = await job.store.aread(page)
        for row in rows:
            if row.before is not None and row.before.copies:
                for one in changes.difference(row.before, row.after).uncopy:
                    if one.uidvalidity is not None and one.uid is not None:
                        places[one.folder, one.uidvalidity].append((one.uid, row))
        if len(rows) < PAGE:
            break
        last = rows[-1].number
    for (folder, validity), some in places.items():
        await _folder(job, session, folder, validity, some)


async def _folder(
    job: Execution, session: Session, folder: bytes, validity: int, some: Sequence[tuple[int, Row]]
) -> None:
    await job.allowed()
    try:
        box = await select(session, folder)
    except CommandRefused:
        return  # it is gone with all that was in it, or nobody lets us
    if box.uidvalidity != validity:
        return
    for at in range(0, len(some), BATCH):
        batch = dict(some[at : at + BATCH])
        own = await job.store.aread(partial(recheck.own, rows=list(batch.values()), judge=None))
        question = showing.begin_show(session, UidSet.from_uids(batch), recheck.items(session))
        answers = await showing.shown(session, question)
        uids: list[int] = []
        for uid, row in batch.items():
            shown = recheck.read(answers.get(uid), session)
            if shown is not None and recheck.verdict(row, shown, own[row.number], None)[0] == "go":
                uids.append(uid)
        if uids:
            await job.allowed()
            await take_away(session, UidSet.from_uids(uids))
