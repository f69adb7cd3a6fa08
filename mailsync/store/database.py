"""The database file: one writer thread with a queue, pooled read-only connections, WAL.

Durability. Batches commit with `synchronous = NORMAL`: a kill at any instruction loses nothing that was committed, a
power cut may lose the last commits since the WAL was last forced to disk, never consistency; what is lost is simply
not there and is fetched again. A write asked for with `durable=True` commits with FULL, which forces the whole WAL
before it to disk as well. The end of each folder's sync is such a write: what a sync has reported as done survives
a power cut.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from mailsync.errors import NewerSchema, StoreError
from mailsync.privacy.files import private_file, private_folder
from mailsync.store import contents, heap, schema
from mailsync.store.codec import Codec

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], Any]

FILE_NAME = "mailsync.db"
BUSY_SECONDS = 30.0
"""How long a statement waits for another process's write transaction; those last milliseconds."""
PAGE_SIZE = 8192
"""Bytes. Compressed messages are a few kilobytes: larger pages mean fewer overflow pages per message."""
CACHE_KIB = 8192
READER_CACHE_KIB = 2048
"""There are several readers, and each would keep its own copy of what the operating system caches for all."""
WAL_BYTES = 16 << 20
"""From this size on the WAL is copied into the database, by a thread of its own: its disk waits stop no commit."""
WAL_REST_SECONDS = 0.3
WAL_LIMIT = 128 << 20
"""From this size on the writer waits for that copy and starts over: a long first sync never gives it a rest."""
GROUP = 64
"""Writes that wait together share one transaction, up to this many."""


class Store:
    """An open mailsync database. Thread-safe; close it when done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue: queue.SimpleQueue[tuple[Operation, Future[Any], bool] | None] = queue.SimpleQueue()
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._subscribers: list[Callable[[], None]] = []
        self._version_connection = self._connect(read_only=True)
        self._writer_connection = self._connect()
        self._closing = threading.Event()
        self.codec = Codec(contents.dictionary(self._version_connection))
        self._wal = path.with_name(path.name + "-wal")
        self._wal_wakes = threading.Semaphore(0)
        self._wal_busy = False
        self._guard: Callable[[sqlite3.Connection], None] | None = None
        self._threads = [
            threading.Thread(target=self._write_loop, name="mailsync-writer", daemon=True),
            threading.Thread(target=self._checkpoint_loop, name="mailsync-checkpoint", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    # -- opening -----------------------------------------------------------------------------------------------

    @classmethod
    def open(cls, data_dir: Path, *, create: bool = True) -> Store:
        """Open, create or migrate the database in `data_dir`.

        Raises NewerSchema for a file of a later mailsync, StoreError for one that is not there (`create=False`),
        cannot be opened or is no database. An older file is copied to `mailsync.db.v<N>.bak` before it is migrated.
        """
        path = data_dir / FILE_NAME
        if not path.exists() and not create:
            raise StoreError(f"no mailsync database at {path}", hint="run `mailsync sync` first, or check --data-dir")
        if create:  # a command that only reads is over too soon to gain by it
            heap.share()
        try:
            if not data_dir.is_dir() or not any(data_dir.iterdir()):
                private_folder(data_dir)  # one with something in it may be a home or /tmp: doctor tells
            with _alone(data_dir):
                _prepare(path)
            return cls(path)
        except sqlite3.Error as error:
            raise StoreError(f"cannot use {path}: {error}", hint="check the disk and the file's permissions") from error
        except OSError as error:
            raise StoreError(f"cannot use {data_dir}: {error.strerror or error}", hint="check --data-dir") from error

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB if read_only else CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")
        if read_only:
            connection.execute("PRAGMA query_only = 1")
        else:
            connection.execute("PRAGMA foreign_keys = 1")
            connection.execute("PRAGMA secure_delete = 1")  # what is deleted is overwritten; many builds do so anyway
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        return connection

    # -- reading -----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection from the pool, in one snapshot for the length of the block."""
        try:
            connection = self._readers.get_nowait()
        except queue.Empty:
            if self._closing.is_set():
                raise StoreError("the database is closed") from None
            connection = self._connect(read_only=True)
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            with self._lock:
                if self._closing.is_set():
                    connection.close()
                else:
                    self._readers.put(connection)

    async def aread(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run `function(connection)` in a worker thread."""

        def call() -> T:
            with self.read() as connection:
                return function(connection)

        # Here, because commands that only read need no event loop, and it takes a tenth of their whole time to load.
        import asyncio

        return await asyncio.to_thread(call)

    def data_version(self) -> int:
        """A number that differs from the last one when anything was committed since, by any process."""
        with self._lock:
            return int(self._version_connection.execute("PRAGMA data_version").fetchone()[0])

    # -- writing -----------------------------------------------------------------------------------------------

    def write(self, function: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> Future[T]:
        """Queue `function(connection)` for the writer thread; it runs whole or not at all.

        The future holds its result once the transaction is committed. `durable` forces it to disk as well.
        """
        future: Future[T] = Future()
        if self._closing.is_set():
            raise StoreError("the database is closed")
        guard = self._guard
        if guard is None:
            self._queue.put((function, future, durable))
        else:
            self._queue.put((lambda connection: (guard(connection), function(connection))[1], future, durable))
        return future

    def guarded(self, guard: Callable[[sqlite3.Connection], None]) -> Store:
        """This store, but `guard(connection)` comes first in the transaction of each write: what it raises the write
        raises, and nothing of it is kept. Not to be closed."""
        view = object.__new__(Store)
        view.__dict__.update(self.__dict__)
        view._guard = guard
        return view

    async def awrite(self, function: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> T:
        """`write`, awaited. Cancelling the caller does not undo a write that is already queued."""
        import asyncio

        return await asyncio.shield(asyncio.wrap_future(self.write(function, durable=durable)))

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback()` called, from the writer thread, after each commit of this process."""
        with self._lock:
            self._subscribers.append(callback)

    def unsubscribe(self, callback: Callable[[], None]) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._subscribers.remove(callback)

    def close(self) -> None:
        """Finish what is queued, then close every connection; a read that still goes on in another thread, since its
        task was cancelled, closes its own, which nobody else may. May be called twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._queue.put(None)
        self._threads[0].join()
        self._wal_wakes.release()
        self._threads[1].join()
        with self._lock:
            while not self._readers.empty():
                self._readers.get().close()
            self._version_connection.close()
            self._writer_connection.close()

    def _write_loop(self) -> None:
        connection = self._writer_connection
        running = True
        while running:
            item = self._queue.get()
            batch = []
            while True:
                if item is None:
                    running = False
                    break
                batch.append(item)
                if len(batch) >= GROUP:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._commit(connection, batch)
                with self._lock:
                    subscribers = tuple(self._subscribers)
                for callback in subscribers:
                    callback()
                self._tend_wal(connection)

    def _tend_wal(self, connection: sqlite3.Connection) -> None:
        try:
            size = self._wal.stat().st_size
        except OSError:
            return
        if size > WAL_LIMIT:
            with contextlib.suppress(sqlite3.OperationalError):  # a reader in another process holds it: next time
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        elif size > WAL_BYTES and not self._wal_busy:
            self._wal_busy = True
            self._wal_wakes.release()

    def _checkpoint_loop(self) -> None:
        with contextlib.closing(self._connect()) as connection:
            while self._wal_wakes.acquire() and not self._closing.is_set():
                with contextlib.suppress(sqlite3.OperationalError):
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self._closing.wait(WAL_REST_SECONDS)
                self._wal_busy = False

    def _commit(self, connection: sqlite3.Connection, batch: list[tuple[Operation, Future[Any], bool]]) -> None:
        durable = any(item[2] for item in batch)
        alone = len(batch) == 1  # a savepoint keeps every page that is changed after it as it was, in memory
        done: list[tuple[Future[Any], Any]] = []
        try:
            if durable:
                connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            for function, future, _ in batch:
                if not future.set_running_or_notify_cancel():
                    continue
                if not alone:
                    connection.execute("SAVEPOINT one")
                try:
                    result = function(connection)
                except Exception as error:
                    if not connection.in_transaction:
                        raise  # a full or broken disk: SQLite has given up the whole transaction
                    connection.execute("ROLLBACK" if alone else "ROLLBACK TO one")
                    if not alone:
                        connection.execute("RELEASE one")
                    refused = isinstance(error, sqlite3.OperationalError)
                    future.set_exception(self._refused(error) if refused else error)
                else:
                    if not alone:
                        connection.execute("RELEASE one")
                    done.append((future, result))
            if connection.in_transaction:
                connection.execute("COMMIT")
        except Exception as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            for _, future, _ in batch:
                if not future.done():
                    future.set_exception(self._refused(error))
            return
        finally:
            if durable:
                connection.execute("PRAGMA synchronous = NORMAL")
        for future, result in done:
            future.set_result(result)

    def _refused(self, error: Exception) -> StoreError:
        failure = StoreError(f"cannot write {self.path}: {error}", hint="check free space and permissions")
        failure.__cause__ = error
        return failure


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """One process at a time makes or migrates the file. The directory itself is locked, so nothing is left behind."""
    descriptor = os.open(data_dir, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _prepare(path: Path) -> None:
    """Create or migrate the file at `path` so that it has this program's schema."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    for one in path.parent.glob(f"{FILE_NAME}*"):
        private_file(one)  # a copy that was put back may be open to others; the WAL is as open as the database
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        version = _version(connection)
        if version > schema.VERSION:
            raise NewerSchema(
                f"{path} has schema {version}, this mailsync knows up to {schema.VERSION}",
                hint="install a newer mailsync, or use another --data-dir",
            )
        if version == schema.VERSION:
            return
        if version > 0:
            copy = f"{path}.v{version}.bak"
            os.close(os.open(copy, os.O_CREAT | os.O_RDWR, 0o600))
            with contextlib.closing(sqlite3.connect(copy)) as backup:
                connection.backup(backup)
        else:
            connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
            connection.execute("PRAGMA journal_mode = WAL")
        schema.migrate(connection)
    finally:
        connection.close()


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
