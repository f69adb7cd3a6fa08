"""Processes that parse, and that may die of it: `submit` contents, `gather` what became of them.

      submit -> waiting -> handed to a worker, two lists at a time -> outcomes
                   ^                |
                   |                | the worker ends: what it had done is kept, whoever was at work is tried alone
                   '----------------'   in another one, the rest goes on; who ends that one as well has failed

So a message costs the others nothing but time, whatever it does. See `worker` for the limits, and for the pipes.
"""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import mmap
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from mailsync.errors import MailsyncError
from mailsync.pipeline.limits import LENGTH, MARKER, OUT_OF_MEMORY

LISTS = 2
"""Lists a worker has at once, so that it never waits for the next."""
WORTH = 8
"""Lists that wait, before another worker is started for them: they take one as long as the start of another."""
PIPE = 1 << 20
"""Bytes that results may pile up to while nobody gathers."""
SILENCE_SECONDS = 60.0
"""Without a word from a worker that has work, it is ended: it has used its time, or it does not use any."""
START_SECONDS = 60.0
"""The same until its first word."""
STARTS = 3
"""Workers in a row that end without a message to blame, before it is the machine."""
ENTRY = "from mailsync.pipeline.worker import main; main()"
SILENT = "its parser did not come to an end"
_REASONS = {
    -signal.SIGPROF: "it took more than two seconds",
    OUT_OF_MEMORY: "it took more than 200 MB of memory",
    -signal.SIGKILL: "its parser was killed, as by a system without memory",
}

Outcome = tuple[int, Any]
"""A content id, and what `worker` says of it: a tuple, a text for its failure; None for one that is not stored."""


class Pool:
    """Up to `count` workers on the database at `path`, started when there is something for them; for one thread.

    `entry` is the Python that a worker runs, `told` goes into its environment.
    """

    def __init__(
        self,
        path: Path,
        count: int,
        *,
        niceness: int = 0,
        entry: str = ENTRY,
        told: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._path = path
        self._told = told
        self._count = count
        self._niceness = niceness
        self._entry = entry
        self._waiting: deque[_Work] = deque()
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._failures = 0

    def submit(self, ids: Sequence[int]) -> None:
        """Have these contents, in ascending order, parsed by one worker."""
        self._waiting.append(_Work(ids))

    def start(self) -> None:
        """Have a worker ready, since there will soon be something for it."""
        if not self._workers:
            self._add()

    def gather(self, seconds: float) -> list[Outcome]:
        """What has become of contents, waiting up to so many seconds for anything; MailsyncError if none can work."""
        self._hand_out()
        found: list[Outcome] = []
        for key, _ in self._selector.select(seconds):
            worker: _Worker = key.data
            open_still = worker.read()
            for ended, outcomes in worker.messages():
                if ended or outcomes:
                    self._failures = 0
                found += outcomes
                found += worker.finished(ended, outcomes)
            if not open_still:
                found += self._bury(worker)
        for worker in self._workers:
            if worker.works and time.monotonic() - worker.heard > (SILENCE_SECONDS if worker.spoke else START_SECONDS):
                worker.silent = True
                worker.process.kill()
        return found

    def close(self) -> None:
        """End the workers and forget what they had; more may be submitted."""
        self._waiting.clear()
        for worker in list(self._workers):
            self._end(worker)

    def _hand_out(self) -> None:
        while self._waiting and (worker := self._taker(self._waiting[0].alone)) is not None:
            worker.give(self._waiting.popleft())

    def _taker(self, alone: bool) -> _Worker | None:
        """Who takes the next list; what has ended a worker is for one that has done nothing yet, and waits for it."""
        for worker in [worker for worker in self._workers if not worker.works]:
            if not alone or not worker.used:
                return worker
            self._end(worker)
        if not self._workers or (len(self._workers) < self._count and (alone or len(self._waiting) >= WORTH)):
            return self._add()
        open_to_more = [one for one in self._workers if len(one.works) < LISTS and not one.works[-1].alone]
        return None if alone else min(open_to_more, key=lambda one: len(one.works), default=None)

    def _add(self) -> _Worker:
        try:
            worker = _Worker(self._path, self._niceness, self._entry, self._told)
        except OSError as error:
            raise MailsyncError(
                f"cannot start a process that parses messages: {error.strerror or error}",
                hint="check the limits of memory and processes",
            ) from error
        self._workers.append(worker)
        self._selector.register(worker.results, selectors.EVENT_READ, worker)
        return worker

    def _end(self, worker: _Worker) -> None:
        worker.process.kill()
        self._remove(worker)

    def _remove(self, worker: _Worker) -> None:
        self._selector.unregister(worker.results)
        self._workers.remove(worker)
        worker.close()

    def _bury(self, worker: _Worker) -> list[Outcome]:
        """A worker has ended with `works` in hand: what is to be done again, and the failure if there is one."""
        code = worker.process.wait()
        suspect, works = worker.suspect, list(worker.works)
        self._remove(worker)
        failed: list[Outcome] = []
        if works and suspect in works[0].left:
            guilty = works[0].alone or code == -signal.SIGPROF  # the time that it took is its own in any company
            works[0].left.remove(suspect)
            if guilty:
                failed.append((suspect, SILENT if worker.silent else _REASONS.get(code, f"its parser ended ({code})")))
            else:
                works.insert(0, _Work([suspect], alone=True))
        else:
            self._failures += 1
            if self._failures >= STARTS:
                raise MailsyncError(
                    f"the process that parses messages does not start ({code})", hint="run `mailsync doctor`"
                )
        self._waiting.extendleft(work for work in reversed(works) if work.left)
        return failed


class _Work:
    """A list of contents; `left` are those without an outcome, in order. `alone` is one that has ended a worker."""

    def __init__(self, ids: Sequence[int], alone: bool = False) -> None:
        self.left = deque(ids)
        self.alone = alone


class _Worker:
    """A process, and the works that it was given."""

    def __init__(self, path: Path, niceness: int, entry: str, told: Mapping[str, str]) -> None:
        with tempfile.TemporaryFile() as file:
            file.truncate(MARKER.size)
            self._marker = mmap.mmap(file.fileno(), MARKER.size)
            # The package is found where it is here, and nothing in the current directory passes for it.
            found = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
            env = {
                name: value for name, value in os.environ.items() if not name.startswith("MAILSYNC_")
            }  # no passwords
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", entry, str(path), str(file.fileno()), str(niceness)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[file.fileno()],
                env={**env, **told, "PYTHONPATH": os.pathsep.join(filter(None, found))},
                process_group=0,  # an interrupt from the terminal is for its owner
            )
        self.results = self._pipe(self.process.stdout)
        os.set_blocking(self.results, False)
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # one user may only have so much of it
                fcntl.fcntl(self.results, fcntl.F_SETPIPE_SZ, PIPE)
        self.works: deque[_Work] = deque()
        self.heard = time.monotonic()
        self.spoke = self.used = self.silent = False
        self._buffer = bytearray()

    @staticmethod
    def _pipe(stream: IO[bytes] | None) -> int:
        assert stream is not None
        return stream.fileno()

    @property
    def suspect(self) -> int:
        """The content that was at work last, 0 for none."""
        number: int = MARKER.unpack_from(self._marker)[0]
        return number

    def give(self, work: _Work) -> None:
        if not self.works:
            self.heard = time.monotonic()
        self.used = True
        self.works.append(work)
        data = marshal.dumps(list(work.left))
        with contextlib.suppress(BrokenPipeError):  # it has ended: whoever reads from it finds out
            os.write(self._pipe(self.process.stdin), LENGTH.pack(len(data)) + data)

    def read(self) -> bool:
        """Take what has come; False when that was all that ever will."""
        self.heard = time.monotonic()
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.results, PIPE):
                self._buffer += data
                if len(data) < PIPE:
                    return True
            return False
        return True

    def messages(self) -> Iterator[tuple[bool, list[Outcome]]]:
        """What has come whole: whether a list is at its end, and outcomes."""
        at = 0
        while len(self._buffer) - at >= LENGTH.size:
            (size,) = LENGTH.unpack_from(self._buffer, at)
            if len(self._buffer) - at - LENGTH.size < size:
                break
            at += LENGTH.size
            with memoryview(self._buffer) as view:
                message = marshal.loads(view[at : at + size])
            at += size
            self.spoke = True
            yield message
        del self._buffer[:at]

    def finished(self, ended: bool, outcomes: list[Outcome]) -> list[Outcome]:
        """Take outcomes off the work in hand; at its end those that are not stored any more are left."""
        for number, _ in outcomes:
            self.works[0].left.remove(number)
        if not ended:
            return []
        return [(number, None) for number in self.works.popleft().left]

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self.process.wait()
        self._marker.close()
