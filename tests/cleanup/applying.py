"""Clean-ups as the engine carries them out, over a rig: a list of chosen messages, approved and applied."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from mailsync.engine import applying
from mailsync.jobs.queue import Outcome, settle
from mailsync.model import Flag
from mailsync.store import cleanups, jobs
from mailsync.store.cleanup_runs import Row
from mailsync.store.database import Store
from tests.cleanup.undoing import approved, listed, proposed
from tests.sync.rig import Rig


class Lenient:
    """A judge who spares what is flagged, answered or a draft, and nothing for what it says."""

    def learn(self, store: Store) -> None:
        del store

    def spared(self, connection: sqlite3.Connection, read: Sequence[tuple[Row, bytes]]) -> dict[int, str]:
        del connection, read
        return {}

    def state(self, row: Row, flags: int, keywords: tuple[str, ...]) -> str:
        del row, keywords
        return "flagged or answered" if flags & (Flag.FLAGGED | Flag.ANSWERED | Flag.DRAFT) else ""


def claimed(rig: Rig, job: jobs.Job) -> jobs.Job:
    """A job that a worker has just taken; one that failed is tried again."""

    def take(connection: sqlite3.Connection) -> jobs.Job:
        known = jobs.get(connection, job.id)
        if known is not None and known.ended:
            jobs.retry(connection, job.id, time.time())
        taken = jobs.take(connection, job.id, time.time(), "test")
        assert taken is not None
        return taken

    return rig.store.write(take).result()


async def carried_out(
    rig: Rig,
    job: jobs.Job,
    *,
    stopping: Callable[[], bool] = lambda: False,
    share: float = 1.0,
    syncs: bool = True,
) -> Outcome:
    """What becomes of a job, noted as the queue would. Without `syncs` the mirror stays as it is."""
    job = claimed(rig, job)

    async def resync(names: Sequence[str]) -> None:
        if syncs:
            await rig.mirror.sync(names)

    outcome = await applying.applied(rig.mirror, job, stopping, Lenient(), share, resync)
    rig.store.write(lambda connection: settle(connection, job, outcome, time.time())).result()
    return outcome


def chosen(
    rig: Rig,
    folders: Sequence[str],
    actions: Sequence[str],
    where: Callable[[int], bool] = lambda uid: True,
    *,
    large: bool = True,
) -> jobs.Job:
    """The approved job of a list of these messages."""
    return approved(rig, proposed(rig, folders, actions, listed(rig, folders, where)), large=large)


async def applied(rig: Rig, folders: Sequence[str], actions: Sequence[str], **more: Any) -> dict[str, int]:
    """Approve and carry out; messages by what became of them."""
    outcome = await carried_out(rig, chosen(rig, folders, actions, **more))
    assert outcome.ok, (outcome.error, outcome.document)
    counts: dict[str, int] = outcome.document["results"]
    return counts


def told(rig: Rig, job: jobs.Job) -> dict[int, tuple[str, str]]:
    """What became of each message of a list, and why, by its UID at the scan."""
    with rig.store.read() as connection:
        items = cleanups.items(connection, int(job.params["cleanup"]), limit=-1)
    return {item.uid: (item.state, item.reason) for item in items}


def states(rig: Rig, job: jobs.Job) -> Collection[str]:
    return [state for state, _ in told(rig, job).values()]
