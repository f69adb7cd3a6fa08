"""The little that the dashboard knows of an engine: start it, stop it, see whether it lives."""

from __future__ import annotations

import os
from typing import Protocol

from mailsync.tui.widgets.topbar import EngineStatus


class EngineHandle(Protocol):
    """An engine that this process may run. Both calls block and are made from a worker thread."""

    def start(self) -> None:
        """Start the engine's thread; raises MailsyncError when it cannot run here."""

    def stop(self) -> None:
        """Finish the batch in hand and end the thread. May be called twice, and before `start`."""

    @property
    def running(self) -> bool:
        """True while the engine's thread lives."""
        raise NotImplementedError


def alive(pid: int) -> bool:
    """True when there is a process with this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def embedded(pid: int) -> EngineStatus:
    return EngineStatus("●", "good", f"engine in this process (pid {pid})", f"engine pid {pid}")


def elsewhere(pid: int, *, living: bool) -> EngineStatus:
    """The status while the engine belongs to another process."""
    if living:
        return EngineStatus("●", "good", f"viewing the engine of pid {pid}", f"viewing pid {pid}")
    return EngineStatus("✕", "bad", f"the engine of pid {pid} is gone: start mailsync again", f"pid {pid} is gone")


STARTING = EngineStatus("◔", "accent", "starting the engine", "starting")
FAILED = EngineStatus("✕", "bad", "the engine does not run", "no engine")
NONE = EngineStatus("○", "muted", "no engine: only looking", "no engine")
