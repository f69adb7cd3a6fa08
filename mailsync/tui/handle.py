"""The little that the dashboard knows of an engine: start it, stop it, see whether it lives."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import Protocol

from mailsync.tui.widgets.topbar import EngineStatus

BEHIND = 15
"""Niceness of the engine's threads."""
OURS = "mailsync-"
"""How the names of the store's threads begin, which the engine keeps busy and the screen never waits for."""


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


def start_behind(engine: EngineHandle) -> None:
    """Start the engine with a lower priority than the screen has; raises what its start raises.

    The interpreter is rarely what a key waits for: two cores are taken by the server's side, compression and SQLite,
    which need no interpreter. Measured during a first sync on 2 cores: keys painted within 75 ms (p95) with equal
    priorities, within 40 ms with these, and the sync takes as long either way.
    """
    failures: list[BaseException] = []

    def start() -> None:
        # On Linux priorities belong to threads, and a thread has that of the one that started it. So all threads of
        # the engine get it from this one, which exists for nothing else because it could not get its own one back.
        lower_priority(threading.get_native_id())
        try:
            engine.start()
        except BaseException as error:
            failures.append(error)

    starter = threading.Thread(target=start, name="engine-starter")
    starter.start()
    starter.join()
    for thread in threading.enumerate():
        if thread.name.startswith(OURS) and thread.native_id is not None:
            lower_priority(thread.native_id)
    if failures:
        raise failures[0]


def lower_priority(native_id: int) -> None:
    """Let a thread of this process wait for those that a person waits for; elsewhere than on Linux nothing happens."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, native_id, BEHIND)


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


class Helm:
    """Who runs the engine of the store: this process by `engine`, the one with the id `viewer_of`, or nobody."""

    def __init__(self, engine: EngineHandle | None, viewer_of: int | None, pid: int) -> None:
        self.engine = engine
        self.viewer_of = viewer_of
        self._pid = pid
        self._up = False
        self.failed = False
        """The engine of this process could not be started."""

    def started(self, *, well: bool) -> None:
        """The engine of this process runs, or does not."""
        self._up, self.failed = well, not well

    def look(self) -> tuple[EngineStatus, int | None]:
        """What to show of it now, and the process that can be asked for something; None for none."""
        if self.engine is not None:
            if self._up and self.engine.running:
                return embedded(self._pid), self._pid
            return (FAILED if self._up or self.failed else STARTING), None
        if self.viewer_of is not None:
            living = alive(self.viewer_of)
            return elsewhere(self.viewer_of, living=living), self.viewer_of if living else None
        return NONE, None
