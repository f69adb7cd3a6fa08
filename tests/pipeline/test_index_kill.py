"""Law 3 for the index: killed anywhere, the next run loses nothing, doubles nothing, and its words are those of a fresh
index. Some moments here, many in the soak."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from mailsync.pipeline import versions
from mailsync.store.database import Store
from tests.pipeline.test_indexer import index, letters, made
from tests.store.filled import fill

ROOT = Path(__file__).resolve().parents[2]
CODE = """if True:
    import sys
    from pathlib import Path
    from mailsync.pipeline import indexer, versions
    from mailsync.store import documents
    from mailsync.store.database import Store
    from tests.pipeline.test_indexer import index
    indexer.BATCH, indexer.LIST, indexer.CLEARED = 15, 4, 40
    store = Store.open(Path(sys.argv[1]))
    versions.INDEX = int(sys.argv[2])
    print("ready", flush=True)
    if sys.argv[3]:
        store.write(documents.clear).result()
    index(store)
    store.close()
"""


def start(directory: Path, anew: bool) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(directory), str(versions.INDEX), "anew" * anew],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def readers(directory: Path) -> list[int]:
    """Processes that were started on the database."""
    path = str(directory / "mailsync.db").encode()
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path in one.read_bytes():
                found.append(int(one.parent.name))
        except OSError:
            continue
    return found


def killed_anywhere(before: Path, work: Path, times: int, *, anew: bool = False) -> int:
    """Index the store in `before` again and again, killed at moments spread over the whole; how often it was caught.

    `anew` forgets what was made of its contents first.
    """
    whole = work / "whole"
    shutil.copytree(before, whole)
    started = time.monotonic()
    with start(whole, anew) as process:
        assert process.wait(60) == 0
    seconds = time.monotonic() - started
    with closing(Store.open(whole)) as store, store.read() as connection:
        expected = made(connection)
    dice = random.Random(times)
    caught = 0
    for number in range(times):
        directory = work / f"kill{number}"
        shutil.copytree(before, directory)
        with start(directory, anew) as process:
            time.sleep((number + dice.random()) / times * seconds * 0.8)
            process.send_signal(signal.SIGKILL)
            caught += process.wait() == -signal.SIGKILL
        with closing(sqlite3.connect(directory / "mailsync.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with closing(Store.open(directory)) as store:
            index(store)
            with store.read() as connection:
                assert made(connection) == expected
        until = time.monotonic() + 10
        while readers(directory):
            assert time.monotonic() < until, "a worker has outlived its owner"
            time.sleep(0.02)
        shutil.rmtree(directory)
    return caught


def prepared(directory: Path, count: int, *, indexed: bool = False) -> Path:
    with closing(Store.open(directory)) as store:
        fill(store, letters(count), indexed=indexed)
    return directory


def test_killed_anywhere(tmp_path: Path) -> None:
    assert killed_anywhere(prepared(tmp_path / "before", 200), tmp_path, 5) >= 2


def test_killed_while_a_newer_version_takes_the_place_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = prepared(tmp_path / "before", 120, indexed=True)
    monkeypatch.setattr(versions, "INDEX", versions.INDEX + 1)
    assert killed_anywhere(before, tmp_path, 3) >= 1


def test_killed_while_all_is_made_anew(tmp_path: Path) -> None:
    assert killed_anywhere(prepared(tmp_path / "before", 120, indexed=True), tmp_path, 3, anew=True) >= 1


@pytest.mark.soak
@pytest.mark.parametrize("anew", [False, True])
def test_killed_anywhere_often(tmp_path: Path, anew: bool) -> None:
    assert killed_anywhere(prepared(tmp_path / "before", 1000, indexed=anew), tmp_path, 50, anew=anew) >= 25
