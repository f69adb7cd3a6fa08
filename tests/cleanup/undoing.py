"""Clean-ups of what a rig mirrors, without a scan: a list of chosen messages, approved, carried out, undone."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Sequence

from mailsync.model import JobStatus
from mailsync.store import (
    cleanup_decisions,
    cleanup_drafts,
    cleanup_runs,
    cleanup_undo,
    cleanups,
    consents,
    jobs,
)
from mailsync.store.cleanup_places import Place
from mailsync.store.cleanup_runs import Result, Row, Run
from mailsync.store.cleanups import Folder, Item
from tests.sync.rig import ACCOUNT, Rig


def consent(rig: Rig) -> None:
    """What an approval needs."""
    rig.store.write(lambda connection: consents.grant(connection, ACCOUNT, cleanup_decisions.SCOPES, 1.0)).result()


def listed(rig: Rig, folders: Collection[str], where: Callable[[int], bool] = lambda uid: True) -> list[Item]:
    """The messages of these folders, as a scan would put them on a list; folders are numbered as they are named."""
    items: list[Item] = []
    for place, name in enumerate(folders):
        rows = rig.execute(
            """SELECT m.id, m.uid, coalesce(e.message_id, ''), c.digest, c.size, m.flags, m.keywords, m.internaldate
               FROM messages m JOIN folders f ON f.id = m.folder_id JOIN contents c ON c.id = m.content_id
               LEFT JOIN envelopes e ON e.content_id = c.id WHERE f.name = ? ORDER BY m.uid""",
            name,
        )
        for id_, uid, identifier, digest, size, flags, keywords, date in rows:
            if where(uid):
                facts = (identifier, digest, size, flags, keywords, date, date, "news@shop.example", "", "Sale", 0.9)
                items.append(Item(len(items), place, id_, uid, *facts, ("old",)))
    return items


def proposed(rig: Rig, folders: Sequence[str], actions: Sequence[str], items: Sequence[Item]) -> cleanups.Cleanup:
    """A frozen list."""
    known = rig.folders()

    def write(connection: sqlite3.Connection) -> cleanups.Cleanup:
        at = time.time()
        number = cleanup_drafts.draft(connection, ACCOUNT, cleanups.SELECTION, "Chosen", actions, at)
        places = [
            Folder(number, one.id, one.name, one.raw_name, one.special_use, one.uidvalidity or 0, one.messages)
            for number, one in enumerate(known[name] for name in folders)
        ]
        cleanup_drafts.add(connection, number, places, items)
        return cleanup_drafts.freeze(connection, number, [], at)

    return rig.store.write(write).result()


def approved(rig: Rig, one: cleanups.Cleanup, *, large: bool = True) -> jobs.Job:
    """The job that carries a list out."""
    typed = f"EXPUNGE {one.messages}" if "expunge" in one.actions else ""

    def write(connection: sqlite3.Connection) -> jobs.Job:
        number = cleanup_decisions.approve(connection, one.id, one.hash, time.time(), large=large, typed=typed)
        job = jobs.get(connection, number)
        assert job is not None
        return job

    return rig.store.write(write).result()


def applied_by_hand(rig: Rig, job: jobs.Job, after: Callable[[Item], Place | None]) -> None:
    """The run of a job has been carried out, by somebody else; where it has left each message."""
    number = int(job.params["run"])

    def carry_out(connection: sqlite3.Connection) -> None:
        cleanup_id = cleanup_runs.get(connection, number).cleanup_id
        items = {item.number: item for item in cleanups.items(connection, cleanup_id, limit=-1)}
        cleanup_runs.start(connection, number)
        results = []
        for row in cleanup_runs.rows(connection, number, ("waiting",), limit=-1):
            item = items[row.item]
            flags = (item.flags, tuple(item.keywords.split()), None, item.internaldate)
            before = Place(row.folder, row.uidvalidity, row.uid, *flags)
            results.append(Result(row.number, "done", before, after(item)))
        cleanup_runs.settle(connection, number, results, 1.0)
        cleanup_runs.finish(connection, number, 1.0)

    rig.store.write(carry_out).result()
    ended(rig, job.id)


def undo_of(rig: Rig, cleanup_id: int) -> tuple[Run, int, list[Row]]:
    """The undo of a whole clean-up, approved: its run, its job, which is running, and its rows."""

    def write(connection: sqlite3.Connection) -> tuple[Run, int, list[Row]]:
        planned = cleanup_undo.plan(connection, cleanup_id, 1.0)
        job_id = cleanup_undo.approve(connection, planned, 1.0)
        connection.execute("UPDATE jobs SET status = 'running', started_at = 1 WHERE id = ?", (job_id,))
        number = connection.execute("SELECT max(id) FROM cleanup_runs").fetchone()[0]
        return cleanup_runs.get(connection, number), job_id, waiting(connection, number)

    return rig.store.write(write).result()


def waiting(connection: sqlite3.Connection, run_id: int) -> list[Row]:
    """The rows of a run that wait."""
    return cleanup_runs.rows(connection, run_id, ("waiting",), limit=-1)


def ended(rig: Rig, job_id: int, status: JobStatus = "completed") -> None:
    """A job is over, as the queue would note it."""
    rig.store.write(lambda connection: jobs.finish(connection, job_id, status, time.time())).result()
