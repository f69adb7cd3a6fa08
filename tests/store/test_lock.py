"""One engine a data directory, however its processes end."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mailsync.errors import OwnedElsewhere
from mailsync.store.lock import FILE_NAME, EngineLock, owner

HOLD = (
    "import sys; from pathlib import Path; from mailsync.store.lock import EngineLock\n"
    "EngineLock(Path(sys.argv[1])).acquire(); print('held', flush=True); sys.stdin.read()"
)


def holder(directory: Path) -> subprocess.Popen[str]:
    """A process that owns the directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    process.send_signal(number)
    process.communicate()


def test_there_is_one_owner_and_its_name_is_known(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        told = owner(tmp_path)
        assert told is not None
        assert told["pid"] == process.pid
        assert abs(told["since"] - time.time()) < 30
        with pytest.raises(OwnedElsewhere, match=f"process {process.pid} runs the engine"):
            EngineLock(tmp_path).acquire()
        assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    finally:
        end(process)


def test_a_killed_owner_owns_nothing(tmp_path: Path) -> None:
    end(holder(tmp_path))
    assert (tmp_path / FILE_NAME).read_text()  # the file is stale, the lock is not
    assert owner(tmp_path) is None
    lock = EngineLock(tmp_path)
    lock.acquire()
    told = owner(tmp_path)
    assert told is not None
    assert told["pid"] == os.getpid()
    lock.release()


def test_what_is_given_back_can_be_taken(tmp_path: Path) -> None:
    assert owner(tmp_path / "nowhere") is None
    first, second = EngineLock(tmp_path), EngineLock(tmp_path)
    second.release()
    first.acquire()
    with pytest.raises(OwnedElsewhere):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()
    assert owner(tmp_path) is None


def test_children_of_the_owner_do_not_inherit(tmp_path: Path) -> None:
    lock = EngineLock(tmp_path)
    lock.acquire()
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    lock.release()
    assert owner(tmp_path) is None
    child.communicate()


def test_someone_who_asks_for_the_owner_is_never_taken_for_it(tmp_path: Path) -> None:
    """A dashboard that looks while an engine starts must not keep it from starting."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            owner(tmp_path)

    lock = EngineLock(tmp_path)
    lock.acquire()  # from here on there is a file to look at
    lock.release()
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            lock.acquire()
            lock.release()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_an_unreadable_owner_is_an_owner_all_the_same(tmp_path: Path) -> None:
    lock = EngineLock(tmp_path)
    lock.acquire()
    (tmp_path / FILE_NAME).write_text("{half")
    assert owner(tmp_path) == {"pid": None, "since": None}
    with pytest.raises(OwnedElsewhere, match=r"process \?"):
        EngineLock(tmp_path).acquire()
    lock.release()
