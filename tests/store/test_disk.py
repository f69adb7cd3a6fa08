"""Disks that fill up and processes that are killed: clear errors, and what was committed stays."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mailsync.errors import StoreError
from mailsync.store.database import Store


def fill(connection: sqlite3.Connection) -> None:
    for _ in range(100):
        connection.execute("INSERT INTO contents (digest, size, body) VALUES (randomblob(32), 1, randomblob(100000))")


def names(store: Store) -> list[str]:
    with store.read() as connection:
        return [row[0] for row in connection.execute("SELECT name FROM cursors ORDER BY name")]


def test_a_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.write(lambda c: c.execute("INSERT INTO cursors VALUES ('before', 1)")).result()
    store.write(lambda c: c.execute("PRAGMA max_page_count = 60")).result()
    with pytest.raises(StoreError, match="disk is full") as caught:
        store.write(fill).result()
    assert "free space" in caught.value.hint
    store.write(lambda c: c.execute("PRAGMA max_page_count = 1000000")).result()
    store.write(lambda c: c.execute("INSERT INTO cursors VALUES ('after', 1)")).result()
    assert names(store) == ["after", "before"]
    with store.read() as connection:
        assert connection.execute("SELECT count(*) FROM contents").fetchone()[0] == 0
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    store.close()


REFUSED_BY_THE_SYSTEM = """
import resource, sys
from pathlib import Path
from mailsync.errors import StoreError
from mailsync.store.database import Store
store = Store.open(Path(sys.argv[1]))
store.write(lambda c: c.execute("INSERT INTO cursors VALUES ('before', 1)")).result()
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
big = "INSERT INTO contents (digest, size, body) VALUES (randomblob(32), 1, randomblob(3000000))"
try:
    store.write(lambda c: c.execute(big)).result()
except StoreError as error:
    print("StoreError", error)
store.close()
"""


def test_a_write_that_the_system_refuses_is_said(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", REFUSED_BY_THE_SYSTEM, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert run.stdout.startswith("StoreError cannot write"), run
    store = Store.open(tmp_path)
    assert names(store) == ["before"]
    store.close()


WRITES_UNTIL_KILLED = """
import sys
from pathlib import Path
from mailsync.store.database import Store
store = Store.open(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    store.write(lambda c: c.execute("INSERT INTO cursors VALUES (?, ?)", (f"n{number:06}", number))).result()
    print(number, flush=True)
"""


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES_UNTIL_KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(300):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    told = 300 + len(process.stdout.read().splitlines())
    process.wait()
    process.stdout.close()
    store = Store.open(tmp_path)
    kept = names(store)
    assert len(kept) in (told, told + 1)  # the last may have been committed and not told
    assert kept == [f"n{number:06}" for number in range(1, len(kept) + 1)]
    with store.read() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    store.close()
