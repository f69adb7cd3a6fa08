"""Restores as the engine runs them, without a command line: a list of one wish, approved and carried out."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from mailsync.engine import restoring
from mailsync.engine.restoring import Wish
from mailsync.jobs.worker import Outcome
from mailsync.privacy.consent import SCOPES
from mailsync.store import consents, jobs, restores
from mailsync.store.restores import Frozen
from tests.sync.rig import ACCOUNT, Rig


def consent(rig: Rig, *accounts: str) -> None:
    """Every scope, for the account of the rig and others."""

    def write(connection: sqlite3.Connection) -> None:
        for name in (ACCOUNT, *accounts):
            consents.grant(connection, name, SCOPES, 1.0)

    rig.store.write(write).result()


def frozen(rig: Rig, **wish: Any) -> Frozen:
    """A list to the account of the rig."""
    named = [(ACCOUNT, rig.mirror.config.email)]
    return rig.store.write(lambda connection: restoring.freeze(connection, named, Wish(ACCOUNT, **wish))).result()


def submitted(rig: Rig, one: Frozen, *, approved: bool = True) -> jobs.Job:
    """The job of a list."""

    def write(connection: sqlite3.Connection) -> jobs.Job:
        number = restores.submit(connection, one, time.time(), approved=approved)
        job = jobs.get(connection, number)
        assert job is not None
        return job

    return rig.store.write(write).result()


async def outcome(
    rig: Rig, *, approved: bool = True, stopping: Callable[[], bool] = lambda: False, **wish: Any
) -> Outcome:
    """Freeze, approve, carry out."""
    job = submitted(rig, frozen(rig, **wish), approved=approved)
    return await restoring.restored(rig.mirror, job, stopping)


async def restored(rig: Rig, **wish: Any) -> tuple[int, int, int]:
    """How many messages were restored, were there already, and failed."""
    told = (await outcome(rig, **wish)).document
    return told["restored"], told["present"], told["failed"]
