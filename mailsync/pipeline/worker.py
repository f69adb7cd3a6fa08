"""The process that parses for the index; `pool` starts it, feeds it, and outlives it.

      stdin    lists of content ids
      stdout   (True at the end of a list, results so far)
      marker   the id of the content at work

What one message may cost is left to the kernel, since no loop in C can keep that waiting: a timer of processor time
ends the process, and its memory has a limit. What stood in the marker then is to blame.
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import mmap
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from mailsync.errors import ParseFailed
from mailsync.pipeline import limits
from mailsync.pipeline.index import Digested, digest
from mailsync.pipeline.limits import LENGTH, MARKER, MEMORY, OUT_OF_MEMORY
from mailsync.store import backlog, documents

LARGE = 1 << 20
"""Bytes of a message that are worth moving the limit of memory for."""
GROUP = 1 << 18
"""Raw bytes whose results are sent together, and a message more."""


def indexed(found: Digested) -> tuple[Any, ...]:
    """The fields of `documents.Document` behind the id."""
    return (*found, documents.pack(found.texts))


def main(understand: Callable[[bytes], Any] = digest, told: Callable[[Any], Any] = indexed) -> None:
    """`argv`: the database, the file descriptor of the marker, how nice to be. Returns when stdin ends.

    What is sent of a message is `told` of what `understand` finds in its bytes: builtins.
    """
    path, marker, niceness = sys.argv[1:]
    os.nice(int(niceness))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold mail
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else gets between the results
    gc.freeze()
    with (
        contextlib.suppress(BrokenPipeError),
        contextlib.closing(backlog.opened(path)) as connection,
        mmap.mmap(int(marker), MARKER.size) as seen,
    ):
        _send(results, (False, []))  # it is there
        memory = _Memory()
        for ids in _lists(sys.stdin.buffer):
            group: list[tuple[int, Any]] = []
            size = 0
            for number, raw in backlog.whole(connection, ids):
                MARKER.pack_into(seen, 0, number)
                memory.limit(len(raw or b""))
                signal.setitimer(signal.ITIMER_PROF, limits.CPU_SECONDS)
                group.append((number, _result(raw, understand, told)))
                size += len(raw or b"")
                if size > GROUP:
                    _send(results, (False, group))
                    group, size = [], 0
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            MARKER.pack_into(seen, 0, 0)
            _send(results, (True, group))


def _result(raw: bytes | None, understand: Callable[[bytes], Any], told: Callable[[Any], Any]) -> Any:
    """What is told of one message, or a text of ours for its failure."""
    if raw is None:
        return "the stored bytes are damaged"
    try:
        return told(understand(raw))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except ParseFailed as error:
        if isinstance(error.__cause__, MemoryError):
            os._exit(OUT_OF_MEMORY)
        return str(error)
    except Exception as error:  # whatever a hostile message provokes concerns that message only
        return type(error).__name__


class _Memory:
    """The limit of the process's address space, where the platform tells how large that is."""

    def __init__(self) -> None:
        self._base = self._now = 0
        self._most = resource.getrlimit(resource.RLIMIT_AS)[1]
        with contextlib.suppress(OSError):
            self._base = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()

    def limit(self, size: int) -> None:
        """Allow what a message of `size` bytes may take."""
        wanted = self._base + MEMORY + max(size, LARGE)
        if self._base and wanted != self._now:
            self._now = wanted
            if self._most == resource.RLIM_INFINITY or wanted < self._most:
                resource.setrlimit(resource.RLIMIT_AS, (wanted, self._most))


def _lists(pipe: BinaryIO) -> Iterator[list[int]]:
    while len(head := pipe.read(LENGTH.size)) == LENGTH.size:
        yield marshal.loads(pipe.read(*LENGTH.unpack(head)))


def _send(pipe: BinaryIO, message: Any) -> None:
    data = marshal.dumps(message)
    pipe.write(LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()
