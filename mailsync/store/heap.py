"""One heap for all threads: glibc gives each its own, and what batches leave free in one is of no use to another."""

from __future__ import annotations

import contextlib
import sys

_M_ARENA_MAX = -8


def share() -> None:
    """Before the first other thread of the process, or without effect; only where glibc is the C library.

    Measured: a first sync of 300,000 messages grows by 73 bytes a message without it, by 40 with it.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
