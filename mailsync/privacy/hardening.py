"""What a process that holds secrets gives away: as little as the system lets it."""

from __future__ import annotations

import contextlib
import os
import sys

from mailsync.privacy import environment

_PR_SET_DUMPABLE = 4
_sealed = False


def harden() -> None:
    """At the start of every command: new files are the user's alone, a crash leaves no core, children no passwords.

    The limit on cores is a hard one and goes on to children.
    """
    os.umask(0o077)
    environment.take()
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def seal() -> None:
    """Before the first secret: on Linux, no other process of the user may read this one's memory or environment.

    Core dumps that are piped to a program heed this alone (core(5)). Only root debugs or profiles such a process.
    """
    global _sealed
    if _sealed or not sys.platform.startswith("linux"):
        return
    _sealed = True
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
