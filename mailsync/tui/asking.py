"""What the screens ask of an engine, as job rows, and the little they write themselves. It blocks: call it in a worker.

A `Wish` is carried out by the application, which tells the person what was asked for, and later how the job ended.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mailsync.store import jobs, quarantine
from mailsync.store.database import Store
from mailsync.tui import wording

SPARED = 4
"""Reasons for which messages are no candidates that are named."""
PRIORITY = 10
"""Before what a schedule asks for."""
ATTEMPTS = 4
BACKOFF_SECONDS = 15.0
Wish = Callable[[Store, float], tuple[str, int | None]]
"""At a moment in Unix seconds; gives what to tell, and the job whose end is to be told, if any."""


def for_sync(store: Store, accounts: Iterable[str], now: float) -> list[str]:
    """Ask for a sync of these accounts, but for those whose sync waits already; returns whose was asked for."""

    def insert(connection: sqlite3.Connection) -> list[str]:
        asked = [name for name in accounts if not jobs.pending_sync(connection, name)]
        for name in asked:
            jobs.insert(connection, "sync", now, account=name, priority=PRIORITY)
        return asked

    return store.write(insert).result()


def sync(accounts: Sequence[str]) -> Wish:
    """A sync of each of these accounts."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        asked = for_sync(store, accounts, now)
        return (f"Sync asked for: {', '.join(asked)}" if asked else "A sync is on its way already"), None

    return carry_out


def fetch(message_id: int) -> Wish:
    """The bytes of a message that was left on the server."""
    return lambda store, now: ("Fetching the message", _job(store, "fetch", {"message": message_id}, now))


def retry(entries: Sequence[int] | None) -> Wish:
    """Another try for these entries of the quarantine, or for all of them."""
    told = "Trying all of them again" if entries is None else f"Trying {wording.messages(len(entries))} again"
    params: dict[str, Any] = {} if entries is None else {"entries": list(entries)}
    return lambda store, now: (told, _job(store, "quarantine_retry", params, now))


def discard(entries: Sequence[int]) -> Wish:
    """No more tries for these entries of the quarantine; no engine is needed for that."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        store.write(lambda connection: quarantine.discard(connection, entries, now)).result()
        return f"Discarded: {wording.messages(len(entries))}", None

    return carry_out


def cancel(job_id: int, told: str) -> Wish:
    """The end of a job, `told` in words: at once while it waits, at its next step where it runs."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        store.write(lambda connection: jobs.request_cancel(connection, job_id, now)).result()
        return f"Cancelling: {told}", None

    return carry_out


def again(job_id: int, told: str) -> Wish:
    """Another run of a job that failed or was cancelled."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        store.write(lambda connection: jobs.retry(connection, job_id, now)).result()
        return f"In the queue again: {told}", job_id

    return carry_out


def _job(store: Store, kind: str, params: dict[str, Any], now: float) -> int:
    """Nobody sits at a prompt until it ends: what fails for a reason that may pass is tried again by itself."""
    return store.write(
        lambda connection: jobs.insert(
            connection, kind, now, params=params, priority=PRIORITY, max_attempts=ATTEMPTS, backoff=BACKOFF_SECONDS
        )
    ).result()


class Ending(NamedTuple):
    """What to tell of the end of a job: in a line and what follows from it; `bad` where it did not go well."""

    told: str
    hint: str
    bad: bool


def ended(connection: sqlite3.Connection, job_ids: Iterable[int]) -> dict[int, Ending | None]:
    """Those of the jobs that have ended; None where that needs no words."""
    found: dict[int, Ending | None] = {}
    for ident in job_ids:
        job = jobs.get(connection, ident)
        if job is None or job.status == "completed":
            found[ident] = _went(job.kind, job.result or {}) if job is not None else None
        elif job.status not in ("pending", "running"):
            found[ident] = Ending(job.error or f"the job was {job.status}", job.error_hint or "", True)
    return found


def _went(kind: str, result: Mapping[str, Any]) -> Ending | None:
    """The words for a job that went well, where it was asked for to know them."""
    if kind == "cleanup_scan":
        lists, spared = len(result.get("cleanups", ())), result.get("protected", {})
        told = f"{lists} new proposal{'s' if lists != 1 else ''}: 5 shows them" if lists else "Nothing may go"
        reasons = [f"{reason} ({wording.count(count)})" for reason, count in list(spared.items())[:SPARED]]
        kept = f"{wording.messages(sum(spared.values()))} spared: {'; '.join(reasons)}" if spared else ""
        return Ending(told, kept, False)
    if kind in ("cleanup_apply", "undo"):
        counts = result.get("results", {})
        left = [f"{wording.count(counts[one])} {one}" for one in ("skipped", "failed") if counts.get(one)]
        word = "Done" if kind == "cleanup_apply" else "Undone"
        return Ending(", ".join([f"{word}: {wording.messages(counts.get('done', 0))}", *left]), "", False)
    return None
