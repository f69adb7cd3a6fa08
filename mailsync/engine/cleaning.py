"""What the job `cleanup_scan` does: the rules are asked about accounts, or a person's choice is looked at."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mailsync.engine.counting import Count, counted
from mailsync.errors import ConsentMissing, MailsyncError, NotFound
from mailsync.jobs.queue import Outcome
from mailsync.pipeline import versions
from mailsync.privacy.consent import EMAIL_READ
from mailsync.privacy.log import get_logger
from mailsync.store import candidates, consents, overview
from mailsync.store.database import Store
from mailsync.store.jobs import Job

if TYPE_CHECKING:
    from mailsync.cleanup.scan import Found
    from mailsync.config.models import Config

log = get_logger("engine")


async def scanned(
    store: Store, config: Config, job: Job, now: Callable[[], float], stopping: Callable[[], bool]
) -> Outcome:
    """The document names the new proposals; `protected` counts by reason what the guard spared."""
    started = time.monotonic()
    parts = await store.aread(lambda connection: _parts(connection, config, job.params))
    done: list[Found] = []
    counts = [Count() for _ in parts]

    def count(connection: sqlite3.Connection) -> Count:
        return Count(sum(one.processed for one in counts), 0, sum(one.total for one in counts))

    async with counted(store, job.id, now, count):
        for number, part in enumerate(parts):

            def tell(processed: int, total: int, number: int = number) -> None:
                counts[number] = Count(processed, 0, total)

            done.append(await asyncio.to_thread(part, store, config, now(), stopping, tell))
    protected = sum((one.protected for one in done), Counter[str]())
    document: dict[str, Any] = {
        "ok": True,
        "exit_code": 0,
        "cleanups": [str(ident) for one in done for ident in one.cleanups],
        "looked_at": sum(one.looked_at for one in done),
        "protected": dict(protected.most_common()),
        "unknown": list(dict.fromkeys(line for one in done for line in one.unknown)),
        "not_indexed": await store.aread(lambda connection: candidates.unseen(connection, versions.INDEX)),
        "seconds": round(time.monotonic() - started, 3),
    }
    log.info("cleanup_scanned", lists=len(document["cleanups"]), messages=document["looked_at"])
    return Outcome(True, document)


_Part = Callable[[Store, "Config", float, Callable[[], bool], Callable[[int, int], None]], "Found"]


def _parts(connection: sqlite3.Connection, config: Config, params: dict[str, Any]) -> list[_Part]:
    """What there is to do: a scan of each account, or a look at each draft."""
    if "drafts" in params:
        return [partial(_select, int(one["draft"]), one["messages"]) for one in params["drafts"]]
    named: Sequence[str] = params.get("accounts") or ()
    unknown = [name for name in named if name not in config.accounts]
    if unknown:
        raise MailsyncError(
            f"the engine knows no account {unknown[0]}", hint="it takes a changed config.toml on SIGHUP"
        )
    mirrored = {one.name for one in overview.accounts(connection) if one.folders}
    wanted = []
    for name in named or config.accounts:
        try:
            consents.require(connection, name, [EMAIL_READ])
        except ConsentMissing:
            if named:
                raise
            continue
        if name in mirrored:
            wanted.append(name)
        elif named:
            raise NotFound(f"nothing of {name} is mirrored", hint=f"run: mailsync sync {name}")
    return [partial(_scan, name) for name in wanted]


def _scan(
    name: str,
    store: Store,
    config: Config,
    at: float,
    stopping: Callable[[], bool],
    tell: Callable[[int, int], None],
) -> Found:
    from mailsync.cleanup.scan import scan

    return scan(store, config, name, at, stopping=stopping, tell=tell)


def _select(
    draft: int,
    messages: Sequence[int] | None,
    store: Store,
    config: Config,
    at: float,
    stopping: Callable[[], bool],
    tell: Callable[[int, int], None],
) -> Found:
    from mailsync.cleanup.scan import select

    return select(store, config, draft, messages, at, stopping=stopping, tell=tell)
