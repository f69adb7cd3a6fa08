"""Progress on stderr, only where that is a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from mailsync.text import safe_text

if TYPE_CHECKING:
    import rich.progress

    from mailsync.store.dashboard import Folder
    from mailsync.store.database import Store

EACH_SECONDS = 0.2
"""Between two looks at the store."""
INDEX_SECONDS = 1.0
"""Between two looks at how far the index is: it is counted."""
FOLDERS = 12
"""Folders with a line of their own; the busiest ones, so that the screen never scrolls."""


class Bar(Protocol):
    """Something that is told of progress."""

    def advance(self, steps: int) -> None: ...


class _Silent:
    def advance(self, steps: int) -> None:
        pass


class _Shown:
    def __init__(self, progress: rich.progress.Progress, task: rich.progress.TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: int) -> None:
        self._progress.advance(self._task, steps)


@contextlib.contextmanager
def bar(label: str, total: int | None) -> Iterator[Bar]:
    """One bar that counts messages, up to `total` where that is known."""
    if not sys.stderr.isatty():
        yield _Silent()
        return
    with _bars() as progress:
        yield _Shown(progress, progress.add_task(label, total=total, size=""))


def _bars() -> rich.progress.Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[size]}", markup=False),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # the result goes to stdout, whatever is drawn meanwhile
        redirect_stderr=False,
    )


@contextlib.contextmanager
def mirroring(store: Store, accounts: Sequence[str] = ()) -> Iterator[Callable[[], None]]:
    """Bars for what is synced of some accounts, or all; call what this gives as often as you like while waiting.

    Everything shown is read from the store, so it does not matter which process runs the engine.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with _bars() as bars:
        yield _Mirroring(store, frozenset(accounts), bars).tick


@contextlib.contextmanager
def indexing(store: Store) -> Iterator[Callable[[], None]]:
    """A bar for the index alone, used as that of `mirroring`."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with _bars() as bars:
        yield _Indexing(store, bars).tick


class _Indexing:
    """What the pipeline has gone through of what is stored."""

    def __init__(self, store: Store, bars: rich.progress.Progress) -> None:
        self._store = store
        self._bars = bars
        self._task: rich.progress.TaskID | None = None
        self._next = 0.0

    def tick(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + INDEX_SECONDS
        from mailsync.store import documents

        with self._store.read() as connection:
            done, total = documents.progress(connection)
        if self._task is None:
            self._task = self._bars.add_task("index", total=None, size="")
        self._bars.update(self._task, completed=done, total=total)


class _Mirroring:
    def __init__(self, store: Store, accounts: frozenset[str], bars: rich.progress.Progress) -> None:
        self._store = store
        self._accounts = accounts
        self._bars = bars
        self._tasks: dict[int, rich.progress.TaskID] = {}
        self._all = bars.add_task("all folders", total=None, size="")
        self._index = _Indexing(store, bars)
        self._next = 0.0
        self._version = -1

    def tick(self) -> None:
        """Look at the store and redraw, if it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EACH_SECONDS
        self._index.tick()
        version = self._store.data_version()
        if version != self._version:
            self._version = version
            from mailsync.store import dashboard

            with self._store.read() as connection:
                folders = dashboard.read(connection, 0).folders
            self._show([folder for folder in folders if not self._accounts or folder.account in self._accounts])

    def _show(self, folders: list[Folder]) -> None:
        from mailsync.cli.output import size

        bars = self._bars
        held = sum(folder.messages for folder in folders)
        bars.update(
            self._all,
            completed=held,
            total=held + sum(folder.remaining for folder in folders),
            size=size(sum(folder.bytes for folder in folders)),
        )
        busy = sorted((f for f in folders if f.syncing), key=lambda f: -f.remaining)[:FOLDERS]
        for ident in set(self._tasks) - {folder.id for folder in busy}:
            bars.remove_task(self._tasks.pop(ident))
        for folder in busy:
            task = self._tasks.get(folder.id)
            if task is None:
                name = safe_text(f"{folder.account} / {folder.name}", 40)
                task = self._tasks[folder.id] = bars.add_task(name, total=None, size="")
            bars.update(
                task,
                completed=folder.messages,
                total=folder.messages + folder.remaining,
                size=size(folder.bytes),
            )
        bars.refresh()
