"""Runs the stages of the pipeline beside the mirror, which comes first.

      a commit -> envelopes, until none is left -> the index, a batch, then scores -> again, until none is left -> wait

An engine that stays gives the index one worker of low priority, short transactions and rests in between. One that
serves a single command leaves all of it for the end: the envelopes are made before it stops, and the index at the same
time where that is asked for, by all cores, and then the scores.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mailsync.pipeline import versions
from mailsync.pipeline.runner import Runner
from mailsync.pipeline.terms import terms
from mailsync.privacy.log import get_logger
from mailsync.store import documents, quarantine, scores
from mailsync.store.database import Store

if TYPE_CHECKING:
    from mailsync.config.models import Config
    from mailsync.pipeline.indexer import Indexer
    from mailsync.pipeline.scorer import Scorer

PACE_SECONDS = 0.25
"""Between two pages while a job runs: 2,000 envelopes a second."""
BUSY_SECONDS = 1.0
"""Between two batches of the index while a job runs: the mirror and the screen come first."""
REST_SECONDS = 0.02
"""Between two batches of the index, at least; otherwise as long as the batch took."""
FAILED_SECONDS = 60.0
"""Before the index is tried again where it cannot work at all, in an engine that stays."""
PROCESSES = 4
"""Workers of a single command at most: one writer has no use for more."""
NICE = 10
BEHIND_SECONDS = 0.02
"""Before the index looks again whether the envelopes have come further."""
END_SECONDS = 0.005
"""Between two looks whether the last job has come to its end."""
log = get_logger("engine")


class Pipeline:
    """`stays` tells the two kinds of engine apart, `busy` whether a job runs; `index` will be called if `indexes`.

    `drain`, then `run` ends by itself.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        now: Callable[[], float],
        busy: Callable[[], bool],
        *,
        stays: bool,
        indexes: bool,
    ) -> None:
        self._store = store
        self._config = config
        self._now = now
        self._busy = busy
        self._stays = stays
        self._indexes = indexes
        self._woken = asyncio.Event()
        self._stopping = False
        self._drained = False
        self._wanted: threading.Event | None = None
        self._indexer: Indexer | None = None
        self._scorer: Scorer | None = None
        self._resumes = 0.0
        """When the index may go on, on the monotonic clock."""
        self._put_off = False
        """Scores wait for a job to end."""

    def wake(self) -> None:
        """Something was committed. Call it on the loop, as all of these."""
        self._woken.set()

    def index(self, done: threading.Event) -> None:
        """Have everything indexed once no job runs, and set `done` when it is."""
        self._wanted = done
        self._woken.set()

    def stop(self) -> None:
        """Leave the index where it is, and do not rest any more."""
        self._stopping = True

    def drain(self) -> None:
        """Nothing more will be stored: come to the end of the envelopes."""
        self._stopping = self._drained = True
        self._woken.set()

    async def run(self) -> None:
        runner = Runner(self._store, self._now)
        try:
            while True:
                self._woken.clear()
                last = self._drained
                more = False
                try:
                    if not self._stays and not last and self._busy():
                        await self._prepare()
                    elif self._wanted is not None and not last:
                        await self._all(runner)
                    else:
                        await self._envelopes(runner)
                        more = self._stays and not last and await self._index_gently()
                    if not more and not last:
                        await self._rest()
                except Exception as error:  # a full disk, or a defect of ours: the cursors stand, the mirror goes on
                    log.error("pipeline_failed", exc_info=error)
                    self._resumes = time.monotonic() + FAILED_SECONDS
                    self._tell()
                    if not last:
                        await self._rest()
                if last:
                    return
        finally:
            runner.close()
            if self._indexer is not None:
                await asyncio.to_thread(self._indexer.close)
            self._tell()

    async def _envelopes(self, runner: Runner) -> None:
        while await asyncio.to_thread(runner.step) > 0:
            if self._busy() and not self._stopping:
                await asyncio.sleep(PACE_SECONDS)

    async def _prepare(self) -> None:
        """A worker takes a while to start: the first is there when what comes now is to be indexed."""
        if (
            self._indexes
            and self._indexer is None
            and not self._stopping
            and await self._store.aread(lambda connection: documents.is_new(connection, versions.INDEX))
        ):
            self._indexer = await asyncio.to_thread(self._made)
            await asyncio.to_thread(self._indexer.start)

    async def _all(self, runner: Runner) -> None:
        """Both stages at once, to their ends."""
        envelopes = asyncio.create_task(self._envelopes(runner))
        try:
            while not self._stopping:
                complete = envelopes.done()
                if not await asyncio.to_thread(self._step) and not (complete and await asyncio.to_thread(self._score)):
                    if complete:
                        break
                    await asyncio.wait({envelopes}, timeout=BEHIND_SECONDS)
        finally:
            await envelopes
        self._tell()

    async def _index_gently(self) -> bool:
        """A batch of the index, and a rest; whether there may be more."""
        if self._stopping or time.monotonic() < self._resumes:
            return False
        started = time.monotonic()
        indexed = await asyncio.to_thread(self._step)
        self._put_off = not indexed and self._busy()  # it is Python all through, which the screen would feel
        scored = not (indexed or self._put_off) and await asyncio.to_thread(self._score)
        if indexed or scored:
            await asyncio.sleep(BUSY_SECONDS if self._busy() else max(REST_SECONDS, time.monotonic() - started))
        if not indexed and self._indexer is not None:
            await asyncio.to_thread(self._indexer.close)
        return indexed or scored

    def _step(self) -> bool:
        if self._indexer is None:
            with self._store.read() as connection:
                if not documents.is_work(connection, versions.INDEX, self._now(), tidy=self._stays):
                    return False
            self._indexer = self._made()
        return bool(self._indexer.step())

    def _score(self) -> bool:
        if self._scorer is None:
            with self._store.read() as connection:
                if not scores.is_work(connection, terms(self._config).stamp):
                    return False
            from mailsync.pipeline.scorer import Scorer

            self._scorer = Scorer(self._store, self._config, gentle=self._stays)
        return bool(self._scorer.step())

    def _made(self) -> Indexer:
        from mailsync.pipeline.indexer import Indexer  # most syncs find nothing new
        from mailsync.pipeline.pool import Pool

        count = 1 if self._stays else min(PROCESSES, os.cpu_count() or 1)
        pool = Pool(self._store.path, count, niceness=NICE if self._stays else 0)
        return Indexer(self._store, self._now, pool, stopping=lambda: self._stopping, gentle=self._stays)

    def _tell(self) -> None:
        if self._wanted is not None:
            self._wanted.set()
            self._wanted = None

    async def _rest(self) -> None:
        """Until something is committed, or what is set aside is due."""
        seconds: float | None = None
        if self._wanted is not None:
            seconds = END_SECONDS  # nothing tells when the job is over
        elif self._stays:
            if (wait := self._resumes - time.monotonic()) > 0:
                seconds = wait
            else:
                due = await self._store.aread(lambda connection: quarantine.next_due(connection, versions.INDEX))
                seconds = None if due is None else max(due - self._now(), 1.0)
        if self._put_off:
            seconds = BUSY_SECONDS if seconds is None else min(seconds, BUSY_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
