"""The database file: opening, versions, the writer thread, readers beside it."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mailsync.errors import NewerSchema, StoreError
from mailsync.store import accounts, schema
from mailsync.store.database import FILE_NAME, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


def count(store: Store) -> int:
    with store.read() as connection:
        return int(connection.execute("SELECT count(*) FROM cursors").fetchone()[0])


def add(number: int) -> Any:
    return lambda connection: connection.execute("INSERT INTO cursors VALUES (?, ?)", (f"n{number}", number))


# Opening


def test_a_new_file_is_private_and_of_this_version(store: Store) -> None:
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    store.write(add(1)).result()
    for path in store.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    with store.read() as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_copy_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    for name in (FILE_NAME, f"{FILE_NAME}.v1.bak"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o644)
    store = Store.open(tmp_path)
    store.write(add(1)).result()
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    store.close()


def test_an_empty_folder_is_made_private_and_another_keeps_its_mode(tmp_path: Path) -> None:
    empty, home = tmp_path / "empty", tmp_path / "home"
    for folder in (empty, home):
        folder.mkdir()
        folder.chmod(0o755)
    (home / "letter").touch()
    for folder, mode in ((empty, 0o700), (home, 0o755)):
        Store.open(folder).close()
        assert stat.S_IMODE(folder.stat().st_mode) == mode


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    path = tmp_path / FILE_NAME
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NewerSchema, match="schema") as caught:
        Store.open(tmp_path)
    assert caught.value.exit_code == 2
    assert "newer mailsync" in caught.value.hint
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [FILE_NAME]


def older(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """Make the present schema the last but one, with `statement` as the newest migration."""
    version = schema.VERSION + 1

    def migrate(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        try:
            connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            connection.execute("ROLLBACK")
            raise

    monkeypatch.setattr(schema, "VERSION", version)
    monkeypatch.setattr(schema, "migrate", migrate)


def test_an_older_schema_is_migrated_after_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_data(tmp_path)
    old = schema.VERSION
    older(monkeypatch, "ALTER TABLE accounts ADD COLUMN colour TEXT NOT NULL DEFAULT 'green'")
    store = Store.open(tmp_path)
    with store.read() as connection:
        assert tuple(connection.execute("SELECT name, colour FROM accounts").fetchone()) == ("work", "green")
    store.close()
    backup = tmp_path / f"{FILE_NAME}.v{old}.bak"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    connection = sqlite3.connect(backup)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == old
    assert connection.execute("SELECT name FROM accounts").fetchall() == [("work",)]
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()


def test_a_migration_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_data(tmp_path)
    with monkeypatch.context() as patch:
        older(patch, "ALTER TABLE nowhere ADD COLUMN colour TEXT")
        with pytest.raises(StoreError, match="nowhere"):
            Store.open(tmp_path)
    store = Store.open(tmp_path)
    with store.read() as connection:
        assert connection.execute("SELECT name FROM accounts").fetchone()[0] == "work"
    store.close()


def with_data(directory: Path) -> None:
    store = Store.open(directory)
    store.write(lambda connection: accounts.ensure(connection, [("work", "a@example.org")])).result()
    store.close()


def test_nothing_is_made_where_nothing_may_be(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no mailsync database"):
        Store.open(tmp_path / "nowhere", create=False)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_database_is_said_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"this is my shopping list, not a database\n" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a database"):
        Store.open(tmp_path)
    assert path.read_bytes() == before


def test_a_directory_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/mailsync")):
        with pytest.raises(StoreError, match="cannot use"):
            Store.open(place)


def test_many_processes_may_open_a_new_directory_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mailsync.store.database import Store\n"
        "sys.stdin.readline(); Store.open(Path(sys.argv[1])).close()"
    )
    for attempt in range(3):
        argv = [sys.executable, "-c", code, str(tmp_path / str(attempt))]
        processes = [subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.communicate()[1] for process in processes] == [""] * 4
        assert [process.returncode for process in processes] == [0] * 4


# Writing


def test_a_write_that_fails_takes_no_other_with_it(store: Store) -> None:
    entered, release = threading.Event(), threading.Event()

    def hold(connection: sqlite3.Connection) -> None:
        entered.set()
        release.wait(5)

    def bad(connection: sqlite3.Connection) -> None:
        add(100)(connection)
        raise KeyError("mine")

    first = store.write(hold)
    entered.wait(5)
    # These wait together, so they share a transaction.
    futures: list[Future[Any]] = [store.write(add(1)), store.write(bad), store.write(add(1)), store.write(add(2))]
    release.set()
    first.result()
    futures[0].result()
    with pytest.raises(KeyError, match="mine"):
        futures[1].result()
    with pytest.raises(sqlite3.IntegrityError):
        futures[2].result()
    futures[3].result()
    assert count(store) == 2


def test_writers_and_readers_side_by_side(store: Store) -> None:
    """Every write counts both counters up in one transaction: no reader may ever see them differ."""
    store.write(lambda c: c.executemany("INSERT INTO cursors VALUES (?, 0)", [("a",), ("b",)])).result()
    stop = threading.Event()
    odd: list[tuple[int, ...]] = []

    def up(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE cursors SET position = position + 1 WHERE name = 'a'")
        connection.execute("UPDATE cursors SET position = position + 1 WHERE name = 'b'")

    def read() -> None:
        while not stop.is_set():
            with store.read() as connection:
                a = connection.execute("SELECT position FROM cursors WHERE name = 'a'").fetchone()[0]
                b = connection.execute("SELECT position FROM cursors WHERE name = 'b'").fetchone()[0]
            if a != b:
                odd.append((a, b))

    def write() -> None:
        for future in [store.write(up) for _ in range(100)]:
            future.result()

    readers = [threading.Thread(target=read) for _ in range(3)]
    writers = [threading.Thread(target=write) for _ in range(4)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert odd == []
    with store.read() as connection:
        assert [tuple(row) for row in connection.execute("SELECT * FROM cursors")] == [("a", 400), ("b", 400)]


def test_readers_cannot_write(store: Store) -> None:
    with store.read() as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        add(1)(connection)
    assert count(store) == 0


def test_a_reader_that_fails_gives_its_connection_back_clean(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.read():
        raise ZeroDivisionError
    store.write(add(1)).result()
    assert count(store) == 1


def test_what_is_queued_is_written_before_the_end(store: Store) -> None:
    futures = [store.write(add(number)) for number in range(200)]
    store.close()
    assert all(future.done() for future in futures)
    reopened = Store.open(store.path.parent)
    assert count(reopened) == 200
    reopened.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.write(add(1))


def test_a_read_of_a_task_that_was_cancelled_outlives_the_store(store: Store) -> None:
    """Its thread cannot be stopped, and a connection that is closed while it is in use takes the process with it."""
    began, closed = threading.Event(), threading.Event()

    def read() -> int:
        with store.read() as connection:
            began.set()
            assert closed.wait(5)
            return int(connection.execute("SELECT count(*) FROM cursors").fetchone()[0])

    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read)
        assert began.wait(5)
        store.close()
        closed.set()
        assert reading.result(5) == 0
    with pytest.raises(StoreError, match="closed"):
        count(store)


def test_commits_are_told(store: Store) -> None:
    told = threading.Event()
    seen: list[int] = []

    def tell() -> None:
        seen.append(count(store))
        told.set()

    store.subscribe(tell)
    store.write(add(1)).result()
    assert told.wait(5)
    assert seen == [1]  # commit, then tell
    store.unsubscribe(tell)
    store.unsubscribe(tell)
    store.write(add(2)).result()
    assert seen == [1]


def test_the_data_version_moves_with_commits_of_any_process(store: Store) -> None:
    first = store.data_version()
    assert store.data_version() == first
    store.write(add(1)).result()
    second = store.data_version()
    assert second != first
    code = "import sys, sqlite3; c = sqlite3.connect(sys.argv[1]); c.execute(\"INSERT INTO cursors VALUES ('x', 1)\"); "
    subprocess.run([sys.executable, "-c", code + "c.commit()", str(store.path)], check=True)
    assert store.data_version() != second
    assert count(store) == 2


async def test_a_caller_that_goes_away_does_not_undo_its_write(store: Store) -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        entered.set()
        release.wait(5)
        add(1)(connection)

    task = asyncio.create_task(store.awrite(slow))
    await asyncio.to_thread(entered.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await store.awrite(lambda connection: None)
    assert await store.aread(lambda c: c.execute("SELECT count(*) FROM cursors").fetchone()[0]) == 1


def test_two_processes_write_in_turns(store: Store) -> None:
    code = (
        "import sys; from pathlib import Path; from mailsync.store.database import Store\n"
        "s = Store.open(Path(sys.argv[1]))\n"
        "for n in range(100): s.write(lambda c: c.execute('INSERT INTO cursors VALUES (?, 1)', (f'p{n}',))).result()\n"
        "s.close()"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(store.path.parent)])
    for number in range(100):
        store.write(add(number)).result()
    assert process.wait(30) == 0
    assert count(store) == 200
