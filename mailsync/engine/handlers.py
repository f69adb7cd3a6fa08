"""What each kind of job does: the bridge from the queue to the mirrors."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mailsync.engine.counting import Count, counted
from mailsync.errors import Interrupted, MailsyncError, Unreachable
from mailsync.jobs.queue import Outcome
from mailsync.jobs.worker import Handler
from mailsync.model import AccountResult, sync_document
from mailsync.privacy.log import get_logger
from mailsync.store import documents, folders, quarantine, selection
from mailsync.store.database import Store
from mailsync.store.jobs import Job
from mailsync.sync.account import AccountMirror

if TYPE_CHECKING:
    from mailsync.config.models import Config
    from mailsync.engine.applying import Resync
    from mailsync.sync.verify import Verdict

log = get_logger("engine")

WAIT_SECONDS = 0.1
"""Between two looks whether a sync that is in the way has ended."""


class Handlers:
    """The handlers over the mirrors of an engine. A job's `params` may name `accounts` and `folders`.

    `reload` has the engine go on with the configuration as it is now, once the handlers have come to their end.
    """

    def __init__(
        self,
        store: Store,
        mirrors: dict[str, AccountMirror],
        config: Config,
        now: Callable[[], float],
        reload: Callable[[], bool],
    ) -> None:
        self._store = store
        self._mirrors = mirrors
        self._config = config
        self._now = now
        self._reload = reload
        self._syncing = {name: asyncio.Lock() for name in mirrors}
        self._restoring = {name: asyncio.Lock() for name in mirrors}

    def table(self) -> dict[str, Handler]:
        return {
            "sync": self.sync,
            "backfill": self.sync,
            "verify": self.verify,
            "fetch": self.fetch,
            "check": self.check,
            "reload": self.reload,
            "purge": self.purge,
            "restore": self.restore,
            "unsubscribe": self.unsubscribe,
            "cleanup_scan": self.cleanup_scan,
            "cleanup_apply": self.cleanup_apply,
            "undo": self.undo,
            "quarantine_retry": self.quarantine_retry,
            "parse": self.parse,
        }

    def _chosen(self, job: Job) -> list[AccountMirror]:
        names = job.params.get("accounts") or ([job.account] if job.account else list(self._mirrors))
        unknown = [name for name in names if name not in self._mirrors]
        if unknown:
            raise MailsyncError(
                f"the engine knows no account {unknown[0]}", hint="it takes a changed config.toml on SIGHUP"
            )
        return [self._mirrors[name] for name in names]

    async def sync(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """A sync of some or all accounts, side by side; one account's failure is its own."""
        chosen = [(mirror, job.params.get("folders", ())) for mirror in self._chosen(job)]
        return await self._sync(job, chosen, stopping)

    async def _sync(
        self, job: Job, chosen: Sequence[tuple[AccountMirror, Sequence[str]]], stopping: Callable[[], bool]
    ) -> Outcome:
        """A sync of these folders of each account; of all that are selected for none."""
        started, params = time.monotonic(), job.params
        results = [AccountResult(mirror.name) for mirror, _ in chosen]
        ids = [mirror.account_id for mirror, _ in chosen]

        async def one(mirror: AccountMirror, names: Sequence[str], result: AccountResult) -> None:
            async with self._syncing[mirror.name]:
                await mirror.sync(
                    names,
                    full=bool(params.get("full")),
                    dry_run=bool(params.get("dry_run")),
                    scheduled=bool(params.get("scheduled")),
                    stopping=stopping,
                    result=result,
                )
            log.info("sync_finished", account=mirror.name, ok=result.ok, folders=len(result.folders))

        def count(connection: sqlite3.Connection) -> Count:
            done, left = sum(result.done for result in results), folders.remaining(connection, ids)
            return Count(done, sum(result.quarantined for result in results), done + left)

        async with counted(self._store, job.id, self._now, count):
            await asyncio.gather(*(one(*each, result) for each, result in zip(chosen, results, strict=True)))
        document = sync_document(results, time.monotonic() - started)
        code = exit_code([result.exit_code for result in results])
        failed = next((result for result in results if not result.ok), None)
        error = failed.error or next((f.error for f in failed.folders if f.error), None) if failed else None
        return Outcome(
            document["ok"],
            document | {"exit_code": code},
            error,
            failed.hint if failed else None,
            passing=code == Unreachable.exit_code,
        )

    async def fetch(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """The bytes of one message (`params["message"]`, its id) that is listed without them."""
        from mailsync.sync.ondemand import fetch_withheld

        del stopping
        number = int(job.params["message"])
        where = await self._store.aread(lambda connection: selection.find_withheld(connection, number))
        if where is None:  # someone else has fetched it meanwhile
            return Outcome(True, {"ok": True, "exit_code": 0})
        if where.account not in self._mirrors:
            raise MailsyncError(
                f"the engine knows no account {where.account}", hint="it is not in config.toml any more"
            )
        mirror = self._mirrors[where.account]
        try:
            await fetch_withheld(mirror, number, where)
        except MailsyncError as error:
            return Outcome(False, {"ok": False, "exit_code": error.exit_code}, str(error), error.hint)
        finally:
            await mirror.pool.close()
        return Outcome(True, {"ok": True, "exit_code": 0})

    async def quarantine_retry(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """Try again what is set aside: `params["entries"]`, without it everything that is not discarded.

        What a server did not give is asked for by a sync of its folders. The pipeline takes the rest as it does by
        itself, behind this job.
        """
        from mailsync.store import asides

        ids = job.params.get("entries")
        chosen = await self._store.awrite(lambda connection: quarantine.ask(connection, ids, self._now()))
        wanted = await self._store.aread(lambda connection: asides.to_fetch(connection, chosen))
        log.info("quarantine_retried", messages=len(chosen))
        known = [(self._mirrors[name], names) for name, names in wanted.items() if name in self._mirrors]
        outcome = await self._sync(job, known, stopping)
        gone = sorted(wanted.keys() - self._mirrors.keys())
        if gone and outcome.ok:
            return Outcome(
                False,
                outcome.document | {"ok": False, "exit_code": 1},
                f"the engine knows no account {gone[0]}",
                "it is not in config.toml any more",
            )
        return outcome

    async def verify(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """Hold the mirror against the server, folder by folder."""
        verdicts: list[Verdict] = []
        codes: list[int] = []
        failure: MailsyncError | None = None
        chosen = self._chosen(job)
        ids, names = [mirror.account_id for mirror in chosen], job.params.get("folders", ())
        total = await self._store.aread(lambda connection: folders.held(connection, ids, names))

        def count(connection: sqlite3.Connection) -> Count:
            done = sum(verdict.server_count for verdict in verdicts)
            return Count(done, sum(verdict.faults for verdict in verdicts), max(done, total))

        async with counted(self._store, job.id, self._now, count):
            for mirror in chosen:
                try:
                    await self._verify_account(mirror, job.params, verdicts, stopping)
                    codes.append(0)
                except MailsyncError as error:
                    codes.append(error.exit_code)
                    failure = failure or error
        ok = bool(verdicts) and failure is None and all(verdict.ok for verdict in verdicts)
        code = exit_code(codes) or (0 if ok else 1)
        document: dict[str, Any] = {
            "ok": ok,
            "folders": [verdict.as_dict() for verdict in verdicts],
            "exit_code": code,
        }
        if not verdicts and failure is None:
            failure = MailsyncError("nothing was verified: no folder is mirrored yet", hint="mailsync sync")
        return Outcome(ok, document, str(failure) if failure else None, failure.hint if failure else None)

    async def _verify_account(
        self, mirror: AccountMirror, params: dict[str, Any], verdicts: list[Verdict], stopping: Callable[[], bool]
    ) -> None:
        from mailsync.sync.verify import Verdict, verify_folder

        try:
            await mirror.begin(asked=True)
            async with self._syncing[mirror.name], mirror.pool.session() as session:
                present = await self._store.aread(lambda c: folders.present(c, mirror.account_id))
                for name in params.get("folders") or list(present):
                    if stopping():
                        raise Interrupted
                    await mirror.check_consent()
                    if name not in present:
                        verdicts.append(Verdict(mirror.name, name, error="not mirrored"))
                        continue
                    folder, deep = present[name], bool(params.get("deep"))
                    try:
                        async with mirror.locks[folder.id]:  # what a monitor stores meanwhile would look like a fault
                            verdict = await verify_folder(
                                self._store, session, mirror.name, folder, deep=deep, stopping=stopping
                            )
                        verdicts.append(verdict)
                    except MailsyncError as error:
                        if error.scope in ("account", "engine"):
                            raise
                        verdicts.append(Verdict(mirror.name, name, error=str(error)))
        finally:
            await mirror.end()
            await mirror.set_state(mirror.resting)

    async def check(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """Look at the server of one account; see `sync.check`."""
        from mailsync.sync.check import checked

        del stopping  # a few round trips
        (mirror,) = self._chosen(job)
        document, failure = await checked(mirror)
        document["exit_code"] = failure.exit_code if failure else 0
        return Outcome(failure is None, document, str(failure) if failure else None, failure.hint if failure else None)

    async def purge(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """Remove what was mirrored of accounts, also of those that are not configured any more; `store.purge`.

        Reading is not allowed from then on: what could still be on its way is not stored.
        """
        from mailsync.store import purge

        purged = []
        for name in job.params["accounts"]:
            configured = name in self._mirrors
            async with self._syncing[name] if configured else contextlib.nullcontext():
                counts = await asyncio.to_thread(
                    purge.run, self._store, name, self._now(), keep=configured, stopping=stopping
                )
            purged.append({"name": name, **counts})
            log.info("account_purged", account=name, messages=counts["messages"])
        emptied = await asyncio.to_thread(purge.reclaim, self._store.path)
        return Outcome(True, {"ok": True, "exit_code": 0, "accounts": purged, "overwritten": emptied})

    async def restore(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """Put an approved list of messages back on a server, or look what it would come to; see `sync.restore`."""
        from mailsync.engine.restoring import restored

        (mirror,) = self._chosen(job)
        async with self._restoring[mirror.name]:  # two lists may name the same message
            return await restored(mirror, job, stopping)

    async def cleanup_apply(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """Carry out a list of messages to clear away that was approved; see `cleanup.execution`."""
        from mailsync.cleanup.sparing import Sparing
        from mailsync.engine.applying import applied

        (mirror,) = self._chosen(job)
        judge = Sparing(self._config, self._now(), int(job.params["run"]))
        share, resync = self._config.cleanup.max_share, self._resync(mirror, stopping)
        return await applied(mirror, job, stopping, judge, share, resync)

    async def undo(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """Take back what a clean-up did, as it was approved; see `cleanup.undo`."""
        from mailsync.cleanup.sparing import Sparing
        from mailsync.engine.undoing import undone

        (mirror,) = self._chosen(job)
        judge = Sparing(self._config, self._now(), int(job.params["run"]))
        share, resync = self._config.cleanup.max_share, self._resync(mirror, stopping)
        return await undone(mirror, job, stopping, judge, share, resync)

    def _resync(self, mirror: AccountMirror, stopping: Callable[[], bool]) -> Resync:
        """Has the mirror see what these folders hold now; a sync that goes on may take long, and is not waited for by a
        job that is to stop."""
        syncing = self._syncing[mirror.name]

        async def resync(names: Sequence[str]) -> None:
            while not stopping():
                try:
                    async with asyncio.timeout(WAIT_SECONDS):
                        await syncing.acquire()
                except TimeoutError:
                    continue
                try:
                    await mirror.sync(names, stopping=stopping)
                finally:
                    syncing.release()
                return

        return resync

    async def unsubscribe(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """Leave a list by the one click that was approved of; see `cleanup.leaving`."""
        from mailsync.engine.unsubscribing import unsubscribed

        del stopping  # one request
        return await unsubscribed(self._store, job, self._now)

    async def cleanup_scan(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """Look for what could be cleared away. No server is asked."""
        from mailsync.engine.cleaning import scanned

        return await scanned(self._store, self._config, job, self._now, stopping)

    async def parse(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """Begin the index anew: behind this the pipeline goes over all that is stored. No server is asked."""
        del job, stopping
        await self._store.awrite(documents.clear)
        return Outcome(True, {"ok": True, "exit_code": 0})

    async def reload(self, job: Job, stopping: Callable[[], bool]) -> Outcome:
        """Take the configuration as it is now: accounts that came, changed and went. A wrong one changes nothing."""
        del job, stopping
        reloaded = await asyncio.to_thread(self._reload)
        return Outcome(True, {"ok": True, "reloaded": reloaded, "exit_code": 0})


def exit_code(codes: list[int]) -> int:
    """The exit code of a command over several accounts: theirs where all agree, else 1."""
    return codes[0] if codes and len(set(codes)) == 1 else int(any(codes))
