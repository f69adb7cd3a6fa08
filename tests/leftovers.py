"""Nothing survives a run of the tests, however it ends: processes are ended and told of, temporary files removed.

Every process of a run has the run's directory for temporary files in its environment. One that is still there after
the last test fails the run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import FrameType

import pytest

PREFIX = "mailsync-tests-"
ENDING_SECONDS = 3.0
"""For processes that are on their way out when the last test ends."""

_left: list[str] = []
"""Command lines of what was found."""


def pytest_configure(config: pytest.Config) -> None:
    signal.signal(signal.SIGTERM, _interrupted)
    # A shell's background job ignores SIGINT, and so would every program that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if _is_worker(config):
        return
    _remove_of_the_dead(Path(tempfile.gettempdir()))
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())  # what pytest keeps stays where it was
    home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    home.chmod(0o755)  # servers that run as somebody else have to reach their own directories in it
    os.environ["TMPDIR"] = tempfile.tempdir = str(home)
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After the workers of pytest-xdist have ended."""
    if not _is_worker(session.config):
        _left.extend(_end_all(os.environ["TMPDIR"]))
        if _left and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for command in _left:
        terminalreporter.write_line(f"LEFT BEHIND by a test: {command}", red=True)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _interrupted(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _end_all(home: str) -> list[str]:
    """Kill the processes of the run that are still there after a moment; their command lines."""
    end = time.monotonic() + ENDING_SECONDS
    while (left := _processes(home)) and time.monotonic() < end:
        time.sleep(0.05)
    for pid in left:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return list(left.values())


def _processes(home: str) -> dict[int, str]:
    """Command lines of the processes whose TMPDIR is `home`, by pid; none where there is no /proc."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended, or somebody else's
            if f"TMPDIR={home}".encode() in (path / "environ").read_bytes().split(b"\0"):
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    return found


def _remove_of_the_dead(parent: Path) -> None:
    """The directories of runs that were killed."""
    for path in parent.glob(f"{PREFIX}*"):
        pid = path.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(ValueError, PermissionError):
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                shutil.rmtree(path, ignore_errors=True)
