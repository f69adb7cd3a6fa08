"""The directory that an export is written to: locked, private, and never left by way of a symbolic link."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from mailsync.errors import MailsyncError

OPEN_FOLDERS = 32
"""Messages come in the order of their ids, hence from all folders in turn; a process may have 256 files open."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Busy(MailsyncError):
    """Another export is being written to this directory."""


class Tree:
    """A context manager: DEST, made if it is not there, with a lock that ends with the process.

    Paths are relative and made of components of `names`; below DEST no symbolic link is followed. Raises Busy, OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = -1
        self._open: OrderedDict[str, int] = OrderedDict()

    def __enter__(self) -> Self:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = os.open(self.path, _FOLDER)
        try:
            fcntl.flock(self._root, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._root)
            raise Busy(
                f"another export is being written to {self.path}", hint="wait for its end, or name another directory"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            os.close(self._open.popitem()[1])
        os.close(self._root)

    def folder(self, path: str) -> int:
        """The descriptor of a folder, which is made if it is not there; good until the next call but a few."""
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        while len(self._open) >= OPEN_FOLDERS:
            os.close(self._open.popitem(last=False)[1])
        self._open[path] = found = self._walk(path, create=True)
        return found

    def names(self, path: str) -> Iterator[str]:
        """The names in a folder; none if there is no such folder."""
        try:
            descriptor = self._walk(path, create=False)
        except FileNotFoundError:
            return
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    yield entry.name
        finally:
            os.close(descriptor)

    def _walk(self, path: str, *, create: bool) -> int:
        at = os.dup(self._root)
        for name in path.split("/") if path else ():
            try:
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, 0o700, dir_fd=at)
                below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            except OSError as error:
                error.filename = str(self.path / path)
                raise
            finally:
                os.close(at)
            at = below
        return at


def write_new(folder: int, name: str, content: bytes, seconds: int | None = None) -> None:
    """Write a file that nobody else may read, last modified at `seconds` (Unix); what a killed run left there goes."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    descriptor = os.open(
        name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
    )
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
        if seconds is not None:
            # A date that the file system cannot tell is told by the index alone.
            with contextlib.suppress(OSError, OverflowError):
                os.utime(descriptor, (seconds, seconds))


def replace(folder: int, name: str, content: bytes) -> None:
    """Have a file hold `content`: whoever reads it, and whenever this is killed, it is the old or the new one."""
    write_new(folder, f".{name}.tmp", content)
    os.replace(f".{name}.tmp", name, src_dir_fd=folder, dst_dir_fd=folder)


def holds(folder: int, name: str, content: bytes) -> bool:
    """A regular file of that name is there and holds exactly `content`."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        return stat.S_ISREG(status.st_mode) and status.st_size == len(content) and file.readall() == content


def private(path: Path) -> IO[bytes]:
    """A new file that nobody else may read; what a killed run left at `path` goes."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
