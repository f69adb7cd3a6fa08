"""Who owns a data directory: an exclusive `flock` on `engine.lock`, whose content says which process it is.

The kernel drops the lock when its holder dies, however it dies, so a stale file means nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from mailsync.errors import OwnedElsewhere

FILE_NAME = "engine.lock"
ATTEMPTS = 20
ATTEMPT_SECONDS = 0.01
"""Whoever asks for the `owner` holds the lock for some microseconds, and must not be taken for one."""


class EngineLock:
    """Take with `acquire`, give back with `release`."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Become the owner; OwnedElsewhere when another process (or another engine of this one) is."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(descriptor):
            os.close(descriptor)
            pid = (owner(self._path.parent) or {}).get("pid") or "?"
            raise OwnedElsewhere(
                f"process {pid} runs the engine on {self._path.parent}", hint="stop it, or use another --data-dir"
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "since": time.time()}).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the directory back; nothing happens when it was not owned."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _locked(descriptor: int) -> bool:
    for _ in range(ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(ATTEMPT_SECONDS)
        else:
            return True
    return False


def owner(data_dir: Path) -> dict[str, Any] | None:
    """`{"pid", "since"}` (Unix seconds) of the process that owns `data_dir`, None when nobody does."""
    try:
        descriptor = os.open(data_dir / FILE_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            content = json.loads(os.pread(descriptor, 4096, 0) or b"{}")
        except ValueError:
            content = {}
        return {"pid": content.get("pid"), "since": content.get("since")}
    finally:
        os.close(descriptor)
    return None
