"""Restores as the engine runs them, without a command line: a list of one wish, approved and carried out."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from mailsync.engine import restoring
from mailsync.engine.restoring import Wish
from mailsync.jobs.queue import Outcome
from mailsync.model import JobStatus
from mailsync.privacy.consent import SCOPES
from mailsync.privacy.secret import Password
from mailsync.store import accounts, consents, jobs, restores
from mailsync.store.restores import Frozen
from mailsync.sync.account import AccountMirror
from tests.sync.rig import ACCOUNT, Rig, account_config


def consent(rig: Rig, *accounts: str) -> None:
    """Every scope, for the account of the rig and others."""

    def write(connection: sqlite3.Connection) -> None:
        for name in (ACCOUNT, *accounts):
            consents.grant(connection, name, SCOPES, 1.0)

    rig.store.write(write).result()


def another(rig: Rig, port: int, user: str, password: str, name: str = "new") -> AccountMirror:
    """A second account in the store of the rig, with every consent."""
    named = [(ACCOUNT, rig.mirror.config.email), (name, f"{user}@example.org")]
    account_id = rig.store.write(lambda connection: accounts.ensure(connection, named)[name]).result()
    consent(rig, name)
    config = account_config(port, user)
    return AccountMirror(rig.store, name, account_id, config, lambda renew: Password(password), time.time)


def frozen(rig: Rig, to: AccountMirror, **wish: Any) -> Frozen:
    """A list, of all accounts where the wish names none."""
    named = [(one.name, one.config.email) for one in {rig.mirror.name: rig.mirror, to.name: to}.values()]
    return rig.store.write(lambda connection: restoring.freeze(connection, named, Wish(to.name, **wish))).result()


def submitted(rig: Rig, one: Frozen, *, approved: bool = True) -> jobs.Job:
    """The job of a list."""

    def write(connection: sqlite3.Connection) -> jobs.Job:
        number = restores.submit(connection, one, time.time(), approved=approved)
        job = jobs.get(connection, number)
        assert job is not None
        return job

    return rig.store.write(write).result()


async def outcome(
    rig: Rig,
    *,
    to: AccountMirror | None = None,
    approved: bool = True,
    stopping: Callable[[], bool] = lambda: False,
    **wish: Any,
) -> Outcome:
    """Freeze, approve, carry out; to the account of the rig unless told."""
    target = to or rig.mirror
    return await carried_out(rig, target, submitted(rig, frozen(rig, target, **wish), approved=approved), stopping)


async def carried_out(
    rig: Rig, target: AccountMirror, job: jobs.Job, stopping: Callable[[], bool] = lambda: False
) -> Outcome:
    """What becomes of a job, as the queue would note it."""
    told = await restoring.restored(target, job, stopping)
    status: JobStatus = "completed" if told.ok else "failed"
    rig.store.write(lambda connection: jobs.finish(connection, job.id, status, time.time())).result()
    return told


async def restored(rig: Rig, **wish: Any) -> tuple[int, int, int]:
    """How many messages were restored, were there already, and failed."""
    told = (await outcome(rig, **wish)).document
    return told["restored"], told["present"], told["failed"]
