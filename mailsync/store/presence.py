"""Which processes work at jobs: each holds a `flock` on a file of its own in `workers/`, and is named after it.

The kernel drops the lock when its holder dies, however it dies; a process that is only silent (suspended, a slow disk)
keeps it. So a lock that can be taken is proof of a death, where a process id may belong to another one by now and an
old heartbeat may come from one that is merely slow.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from mailsync.privacy.files import private_folder

FOLDER = "workers"
SILENT_SECONDS = 60.0
"""Where somebody has removed the file itself, a heartbeat this old is taken for a death."""


class Presence:
    """Shows that this process is alive, from now until `release` or its end."""

    def __init__(self, data_dir: Path) -> None:
        folder = data_dir / FOLDER
        private_folder(folder)
        self.name = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._path = folder / self.name
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def release(self, *, idle: bool = True) -> None:
        """Nothing is done by this process any more. Unless it is `idle`, a job of its is left for others to find.

        May be called twice.
        """
        if self._descriptor >= 0:
            if idle:
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1


def gone(data_dir: Path, name: str, heartbeat_at: float, now: float) -> bool:
    """True when the process of this name is no more: its lock is free, or there is nothing to see of it at all."""
    path = data_dir / FOLDER / name
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW) if name else -1
    except OSError:
        descriptor = -1
    if descriptor < 0:
        return now - heartbeat_at > SILENT_SECONDS
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def sweep(data_dir: Path) -> None:
    """Remove the files of processes that are no more. A file that is being made is younger than a minute."""
    now = time.time()
    folder = data_dir / FOLDER
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                if now - path.stat().st_mtime > SILENT_SECONDS and gone(data_dir, path.name, now, now):
                    path.unlink()
