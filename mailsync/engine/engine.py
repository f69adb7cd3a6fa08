"""The engine: one thread, one event loop, owner of a data directory.

      start() -> [thread] open loop -> worker + pipeline (+ schedules + monitors) -> stop() -> finish what is in hand
                                  ^------------- reload(): the same with another configuration

Front ends never call into it while it runs: they insert jobs and read tables (inside law 1). `start`, `stop` and
`reload` are the only calls that cross threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailsync.accounts import command
from mailsync.accounts.credentials import credential_for
from mailsync.accounts.vault import Vault
from mailsync.engine.handlers import Handlers
from mailsync.engine.pipeline import Pipeline
from mailsync.engine.schedule import Schedule
from mailsync.errors import MailsyncError
from mailsync.jobs.queue import StoreQueue
from mailsync.jobs.worker import Worker
from mailsync.privacy.log import get_logger
from mailsync.privacy.secret import Credential
from mailsync.store import accounts, connections, jobs, messages
from mailsync.store.database import Store
from mailsync.store.lock import EngineLock
from mailsync.sync.account import AccountMirror

if TYPE_CHECKING:
    from mailsync.config.models import AccountConfig, Config

STOP_SECONDS = 20.0
"""What is in hand gets this long to finish when the engine stops."""
CONNECTIONS_KEPT_SECONDS = 60.0
"""For the next sync, in an engine that goes on; one that serves a single command logs out at once."""
log = get_logger("engine")


class Engine:
    """Runs the mirror of every account of `config` on `store`.

    `schedules` turns on periodic syncs, `monitors` push; `quiet` keeps what password commands say off the screen.
    `indexes` announces that `index` will be called, by who turns schedules off.
    `read_config` reads the configuration again when that is asked for; without it, `config` stays.
    `start()` raises OwnedElsewhere when another process runs the engine of this data directory.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        data_dir: Path,
        *,
        schedules: bool = True,
        monitors: bool = True,
        quiet: bool = False,
        indexes: bool = False,
        read_config: Callable[[], Config] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._store = store
        self._lock = EngineLock(data_dir)
        self._secrets = data_dir / "secrets"
        self._vault = Vault(self._secrets, config.general.secrets)
        self._with_schedules = schedules
        self._with_monitors = monitors
        self._quiet = quiet
        self._indexes = indexes
        self._read_config = read_config
        self._configs: deque[Config] = deque()
        """What to go on with; the last is the newest."""
        self._now = now
        self._ready: threading.Event = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ended = False
        """Nobody wants this engine any more."""
        self._begun = False
        self._stopping = False
        self._pipeline: Pipeline | None = None
        self._thread = threading.Thread(target=self._main, name="mailsync-engine", daemon=True)

    # -- called from other threads -----------------------------------------------------------------------------

    def start(self) -> None:
        """Take the data directory and start the thread; returns when the engine serves jobs."""
        self._lock.acquire()
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            self._lock.release()
            raise self._failure

    def stop(self) -> None:
        """Finish the batch in hand, log out, release the data directory. Blocks; may be called twice."""
        self._ended = self._stopping = True
        self._wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._lock.release()

    def reload(self) -> bool:
        """Read the configuration and go on with it, after what is in hand; False where that was not provided for.

        Returns at once. Raises ConfigError for one that is wrong: the engine then goes on as before.
        """
        if self._read_config is None:
            return False
        self._configs.append(self._read_config())
        self._wake()
        return True

    def index(self) -> threading.Event:
        """Have everything indexed that is stored, once no job runs; what this gives is set when it is, or cannot be."""
        done = threading.Event()
        pipeline = self._pipeline
        if pipeline is None or not self._call(lambda: pipeline.index(done)):
            done.set()
        return done

    def _wake(self) -> None:
        if self._stop is not None:
            self._call(self._stop.set)

    def _call(self, function: Callable[[], None]) -> bool:
        """Have it called on the loop; False when that has ended meanwhile."""
        if self._loop is None:
            return False
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)
            return True
        return False

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    @property
    def failure(self) -> MailsyncError:
        """Why the engine is not running although nobody stopped it."""
        if isinstance(self._failure, MailsyncError):
            return self._failure
        return MailsyncError("the engine ended unexpectedly", hint="see the log, then start it again")

    # -- the thread --------------------------------------------------------------------------------------------

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._run())
                while not self._ended:
                    while self._configs:
                        self._config = self._configs.popleft()
                    log.info("config_reloaded")
                    runner.run(self._run())
        except BaseException as error:
            self._failure = error
            log.error("engine_failed", exc_info=error)
        finally:
            self._ready.set()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        stop = self._stop = asyncio.Event()
        self._stopping = self._ended
        if self._ended or self._configs:  # that came before there was anything to set
            stop.set()
        store = self._store
        mirrors = await self._mirrors()
        handlers = Handlers(store, mirrors, self._config, self._now, self.reload)
        workers = self._config.general.workers
        queue = StoreQueue(store, self._now, long=max(1, workers - 1))
        worker = Worker(queue, handlers.table(), workers=workers)
        pipeline = self._pipeline = Pipeline(
            store, self._config, self._now, lambda: worker.busy, stays=self._with_schedules, indexes=self._indexes
        )

        def tell() -> None:
            self._call(pipeline.wake)

        store.subscribe(tell)
        following = asyncio.create_task(pipeline.run())
        working = asyncio.create_task(worker.run())
        background: list[asyncio.Task[None]] = []
        schedule = Schedule(self._config, store, self._now) if self._with_schedules else None
        try:
            if schedule:
                for name, mirror in mirrors.items():
                    mirror.retry = partial(schedule.resume, name)
                await schedule.start()
            if self._with_monitors:
                background = [asyncio.create_task(self._monitor(mirror)) for mirror in mirrors.values()]
            self._ready.set()
            log.info("engine_started")
            asked = asyncio.create_task(stop.wait())
            await asyncio.wait({asked, working}, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
        finally:
            self._stopping = True
            pipeline.stop()
            if schedule:
                schedule.stop()
            worker.stop()
            command.stop_all()  # nobody waits for a password any more
            for task in background:
                task.cancel()
            await _bounded(asyncio.gather(*background, return_exceptions=True), 2.0)
            await _bounded(working, STOP_SECONDS)
            pipeline.drain()
            await _bounded(following, STOP_SECONDS)
            store.unsubscribe(tell)
            await asyncio.gather(*(mirror.close() for mirror in mirrors.values()))

            def rest(connection: sqlite3.Connection) -> None:
                connections.clear(connection)
                accounts.reset_states(connection, self._now(), problems=False)

            await store.awrite(rest)
            log.info("engine_stopped")
        if working.done() and not working.cancelled():
            working.result()  # an engine whose queue cannot be served has failed

    async def _mirrors(self) -> dict[str, AccountMirror]:
        config, store, at = self._config, self._store, self._now()
        self._vault = Vault(self._secrets, config.general.secrets)
        named = [(name, account.email) for name, account in config.accounts.items()]

        def prepare(connection: sqlite3.Connection) -> dict[str, int]:
            if not self._begun:
                jobs.abandon(connection, at)
            jobs.prune(connection, at)
            connections.clear(connection)
            accounts.reset_states(connection, at, problems=True)
            messages.purge_removed(connection, at - config.store.keep_deleted, at - config.cleanup.undo_for)
            return accounts.ensure(connection, named)

        ids = await store.awrite(prepare)
        self._begun = True
        keep = CONNECTIONS_KEPT_SECONDS if self._with_schedules else 0.0
        return {
            name: AccountMirror(
                store,
                name,
                ids[name],
                account,
                partial(self._credential, name, account),
                self._now,
                keep,
                token_changed=partial(self._vault.token_changed, name),
            )
            for name, account in config.accounts.items()
        }

    def _credential(self, name: str, account: AccountConfig, renew: bool) -> Credential:
        return credential_for(name, account, self._vault, quiet=self._quiet, renew=renew)

    async def _monitor(self, mirror: AccountMirror) -> None:
        """Watch the account's folders, as soon as they are mirrored and whenever they can be."""
        from mailsync.sync.monitor import AccountMonitor  # a single command watches nothing

        await AccountMonitor(mirror, lambda: self._stopping).run()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _bounded(work: asyncio.Future[Any], seconds: float) -> None:
    """Wait for `work`, then cancel it."""
    done, _ = await asyncio.wait({work}, timeout=seconds)
    if not done:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
