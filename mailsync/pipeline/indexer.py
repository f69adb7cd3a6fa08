"""Has every stored content understood, and makes it found: the stage behind the envelopes, in processes of its own.

      contents after the cursor -> batches -> pool -> one transaction a batch: documents, words, threads, cursor

The cursor moves in the transaction of the last row it covers, so a kill repeats or loses nothing. While one batch is
written, the next is parsed. What a worker dies of is set aside (quarantine, stage `parse`), is tried again when that is
due, and at once by a newer version.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import field
from functools import partial
from typing import Any

from mailsync.pipeline import versions
from mailsync.pipeline.pool import Pool
from mailsync.record import record
from mailsync.store import backlog, documents, envelopes, quarantine, threads
from mailsync.store.database import Store

BATCH = 2000
BATCH_BYTES = 6 << 20
"""Messages, and raw bytes of them, a transaction has at most; a larger one goes alone."""
GENTLE = 100
"""Messages a transaction has where others must not wait for it."""
LIST = 64
LIST_BYTES = 1 << 20
"""Messages, and raw bytes of them, a worker is given at a time."""
AHEAD = 2
"""Batches that are parsed at once: more would only take memory."""
WAIT_SECONDS = 0.2
"""After which `step` asks again whether it should stop."""
WRITTEN_SECONDS = 0.01
"""The same, whether a batch is written."""
CLEARED = 2000
STALE = 200
MERGED = 200
"""Rows deleted, documents whose words are taken out or whose threads are looked at again, pages of the index put
together: in one transaction, some ten milliseconds each."""
BACKLOG = 5000
"""With more contents to go through, putting pieces of the index together is left for later."""
TIDYING_SECONDS = 0.1
"""What that may take of a single command that had little to do."""


_NOT_TAKEN = (ValueError, OverflowError, TypeError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.DataError)
"""Faults of what is written, not of the disk."""


@record
class _Batch:
    """Contents at work: so many of them have no outcome yet. The cursor moves from `first` to `last`, if `last`."""

    first: int
    last: int
    left: int
    found: list[documents.Document] = field(default_factory=list)
    failed: list[tuple[int, str]] = field(default_factory=list)


class _Changed(Exception):
    """The cursor is not where the batch began: someone has asked for all of it again."""


class Indexer:
    """Call `step()` until it returns 0, then `close()`; it blocks, so call it in worker threads, one at a time.

    `gentle` keeps its transactions short, for an engine that others watch. It goes no further than the envelopes.
    """

    def __init__(
        self, store: Store, now: Callable[[], float], pool: Pool, *, stopping: Callable[[], bool], gentle: bool = False
    ) -> None:
        self._store = store
        self._now = now
        self._pool = pool
        self._stopping = stopping
        self._size = GENTLE if gentle else BATCH
        self._gentle = gentle
        self._batches: deque[_Batch] = deque()
        self._of: dict[int, _Batch] = {}
        self._position = -1
        """Up to where contents are at work; -1 to read the cursor."""
        self._written: tuple[_Batch, Future[None]] | None = None
        self._bulk = False
        self._tidied = 0.0
        """Seconds, of a single command."""

    def start(self) -> None:
        """There will be something to do soon."""
        self._pool.start()

    def close(self) -> None:
        """End the workers, and leave what they were at; `step` may be called again."""
        self._reset()

    def step(self) -> int:
        """Do the next of what is to be done; 0 when that is nothing, or when it should stop."""
        try:
            return self._step()
        except _Changed:
            self._reset()
            return 1
        except BaseException:
            self._reset()
            raise

    def _reset(self) -> None:
        """Forget what is at work: the cursor stands before it."""
        self._batches.clear()
        self._of.clear()
        self._position = -1
        self._written = None
        self._pool.close()

    def _step(self) -> int:
        self._read_ahead()
        if not self._batches:
            self._wait_for_write()
            return self._tidy()
        batch = self._batches[0]
        while batch.left:
            if self._stopping():
                self._reset()
                return 0
            self._gather(WAIT_SECONDS)
        self._batches.popleft()
        self._wait_for_write()
        self._written = batch, self._store.write(partial(self._write, batch=batch))
        return 1

    def _read_ahead(self) -> None:
        while len(self._batches) < AHEAD:
            with self._store.read() as connection:
                if documents.clearing(connection):
                    return
                last = envelopes.cursor(connection, quarantine.ENVELOPE)
                if self._position < 0:
                    self._position = documents.cursor(connection, versions.INDEX)
                    self._bulk = last - self._position > BACKLOG and not self._gentle
                page = backlog.sizes_after(connection, self._position, last, self._size)
                discarded = quarantine.discarded(connection) if page else frozenset()
            if not page:
                return
            chosen = _bounded(page, BATCH_BYTES)
            first, self._position = self._position, chosen[-1][0]
            self._begin([one for one in chosen if one[0] not in discarded], first, self._position)

    def _begin(self, page: Sequence[tuple[int, int]], first: int, last: int) -> None:
        """Have contents, as (id, raw size), parsed."""
        batch = _Batch(first, last, len(page))
        self._batches.append(batch)
        self._of.update((number, batch) for number, _ in page)
        while page:
            given = _bounded(page[:LIST], LIST_BYTES)
            self._pool.submit([number for number, _ in given])
            page = page[len(given) :]

    def _gather(self, seconds: float) -> None:
        for number, outcome in self._pool.gather(seconds):
            self._take(number, outcome)

    def _take(self, number: int, outcome: Any) -> None:
        batch = self._of.pop(number, None)
        if batch is None:
            return
        batch.left -= 1
        if isinstance(outcome, str):
            batch.failed.append((number, outcome))
        elif outcome is not None:
            batch.found.append(documents.Document(number, *outcome))

    def _add(self, connection: sqlite3.Connection, batch: Sequence[documents.Document]) -> None:
        if documents.clearing(connection):
            raise _Changed
        documents.add(connection, batch, versions.INDEX)

    def _write(self, connection: sqlite3.Connection, batch: _Batch, *, added: bool = False) -> None:
        version, at = versions.INDEX, self._now()
        if batch.last and documents.cursor(connection, version) != batch.first:
            raise _Changed
        documents.set_merging(connection, not self._bulk)
        if not added:
            self._add(connection, batch.found)
        quarantine.failed(connection, batch.failed, version, at)
        quarantine.recovered(connection, [one.content_id for one in batch.found], at)
        if batch.last:
            documents.move_cursor(connection, version, batch.last)

    def _wait_for_write(self) -> None:
        if self._written is None:
            return
        (batch, written), self._written = self._written, None
        while self._of and not written.done():  # no worker waits until somebody hears it out
            self._gather(WRITTEN_SECONDS)
        try:
            written.result()
        except _NOT_TAKEN:
            self._divide(batch)

    def _divide(self, batch: _Batch) -> None:
        """Something in a batch is nothing for the store: write it in halves, and set aside what is alone then."""
        parts, batch.found = [batch.found], []
        while parts:
            part = parts.pop()
            try:
                self._store.write(partial(self._add, batch=part)).result()
                batch.found += part
            except _NOT_TAKEN as error:
                half = len(part) // 2
                if half:
                    parts += [part[half:], part[:half]]
                else:
                    batch.failed.append((part[0].content_id, f"it cannot be stored ({type(error).__name__})"))
        self._store.write(partial(self._write, batch=batch, added=True)).result()

    def _tidy(self) -> int:
        """What is done while nothing is new."""
        with self._store.read() as connection:
            clearing = documents.clearing(connection)
            stale = documents.has_stale(connection)
            behind = threads.is_behind(connection)
            due = [] if clearing else quarantine.due(connection, versions.INDEX, self._now(), LIST)
            sizes = backlog.sizes(connection, due)
            untidy = documents.is_untidy(connection)
        if clearing:
            return self._store.write(lambda connection: documents.clear_some(connection, CLEARED)).result() or 1
        if stale:
            return self._store.write(lambda connection: documents.forget(connection, STALE)).result()
        if behind:
            return self._store.write(lambda connection: threads.catch_up(connection, STALE)).result()
        if sizes:
            self._begin(sizes, 0, 0)
            return self._step()
        if untidy and (self._gentle or (not self._bulk and self._tidied < TIDYING_SECONDS)):
            started = time.monotonic()
            self._store.write(lambda connection: documents.tidy(connection, MERGED)).result()
            self._tidied += time.monotonic() - started
            return 1
        return 0


def _bounded(page: Sequence[tuple[int, int]], size: int) -> Sequence[tuple[int, int]]:
    """As many of (id, size) as have so many bytes together; at least one."""
    total = 0
    for count, (_, one) in enumerate(page):
        total += one
        if total > size:
            return page[: count or 1]
    return page
