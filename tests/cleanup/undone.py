"""Undos as the engine carries them out, over a rig."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

from mailsync.engine import undoing
from mailsync.jobs.queue import Outcome, settle
from mailsync.store import cleanup_undo, cleanups, jobs
from tests.cleanup.applying import Lenient, claimed
from tests.sync.rig import Rig


def approved(rig: Rig, cleanup_id: int, *, typed: str = "", **wanted: Any) -> jobs.Job:
    """The job of an undo, of a part of it by `messages` and `senders`, or `again`."""

    def write(connection: sqlite3.Connection) -> jobs.Job:
        planned = cleanup_undo.plan(connection, cleanup_id, time.time(), **wanted)
        number = cleanup_undo.approve(connection, planned, time.time(), typed=typed)
        job = jobs.get(connection, number)
        assert job is not None
        return job

    return rig.store.write(write).result()


async def carried_out(
    rig: Rig, job: jobs.Job, *, stopping: Callable[[], bool] = lambda: False, syncs: bool = True
) -> Outcome:
    """What becomes of a job, noted as the queue would. Without `syncs` the mirror stays as it is."""
    job = claimed(rig, job)

    async def resync(names: Sequence[str]) -> None:
        if syncs:
            await rig.mirror.sync(names)

    outcome = await undoing.undone(rig.mirror, job, stopping, Lenient(), 1.0, resync)
    rig.store.write(lambda connection: settle(connection, job, outcome, time.time())).result()
    return outcome


async def undone(rig: Rig, cleanup_id: int, **wanted: Any) -> dict[str, int]:
    """Approve of an undo and carry it out; messages by what became of them."""
    outcome = await carried_out(rig, approved(rig, cleanup_id, **wanted))
    assert outcome.ok, (outcome.error, outcome.document)
    counts: dict[str, int] = outcome.document["results"]
    return counts


def state(rig: Rig, cleanup_id: int) -> str:
    """What a clean-up is told to be."""
    with rig.store.read() as connection:
        return cleanups.get(connection, cleanup_id, time.time()).state
