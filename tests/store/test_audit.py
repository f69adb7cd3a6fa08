"""`audit_log` in the file: append-only, chained across processes, betraying what was done to it with other tools."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlite_utils

from mailsync.errors import StoreError
from mailsync.privacy.audit import Break, Verdict
from mailsync.store import audit, consents, schema
from mailsync.store.database import FILE_NAME, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def record(store: Store, count: int = 1) -> None:
    def write(connection: sqlite3.Connection) -> None:
        for number in range(count):
            audit.record(connection, "sync", at=number, account="work", new=number)

    store.write(write).result()


def verdict(store: Store, expected: str = "") -> Verdict:
    with store.read() as connection:
        return audit.verify(connection, expected)


def forge(store: Store, statement: str) -> None:
    """What someone can do who has the file and another program."""
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        for name in ("is_not_changed", "is_not_cut", "only_grows"):
            connection.execute(f"DROP TRIGGER IF EXISTS audit_log_{name}")
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET at = 0",
        "DELETE FROM audit_log",
        "INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log WHERE seq = 2",
    ],
)
def test_rows_stay_as_they_are(store: Store, statement: str) -> None:
    record(store)
    with (
        contextlib.closing(sqlite3.connect(store.path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)
    assert (verdict(store).rows, verdict(store).broken) == (2, 0)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE audit_log SET outcome = 'failed' WHERE seq = 3", Break(3, "altered")),
        ("UPDATE audit_log SET detail = x'00ff' WHERE seq = 3", Break(3, "altered")),
        ("DELETE FROM audit_log WHERE seq = 1", Break(1, "missing")),
        ("DELETE FROM audit_log WHERE seq IN (3, 4)", Break(3, "missing", 2)),
        ("DELETE FROM audit_log WHERE seq = 6", Break(6, "missing")),
        ("DELETE FROM audit_log", Break(1, "missing", 6)),
        ("UPDATE audit_log SET seq = 9 WHERE seq = 6", Break(6, "missing", 3)),
    ],
)
def test_what_was_done_to_the_rows_is_found(store: Store, statement: str, found: Break) -> None:
    record(store, 5)
    forge(store, statement)
    assert verdict(store).breaks[0] == found
    record(store)  # the trail goes on, and hides nothing
    assert verdict(store).breaks[0] == found


def test_a_head_kept_elsewhere_proves_that_history_was_not_rewritten(store: Store) -> None:
    record(store, 3)
    kept = verdict(store).head
    record(store, 3)
    assert verdict(store, kept).expected_at == 4
    forge(store, "DELETE FROM audit_log WHERE seq > 2")
    forge(store, "UPDATE sqlite_sequence SET seq = 2 WHERE name = 'audit_log'")
    after = verdict(store, kept)
    assert (after.broken, after.expected_at) == (0, None)  # without the head, nothing betrays it


def test_several_processes_write_one_chain(store: Store) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        from mailsync.store import audit
        from mailsync.store.database import Store
        store = Store.open(Path(sys.argv[1]))
        for number in range(150):
            store.write(lambda c: audit.record(c, "sign_in", at=number, account="work", address="me@example.org"))
        store.close()"""
    others = [subprocess.Popen([sys.executable, "-c", code, str(store.path.parent)]) for _ in range(2)]
    while any(other.poll() is None for other in others):
        record(store)
    assert [other.returncode for other in others] == [0, 0]
    found = verdict(store)
    assert found.rows > 300
    assert found.broken == 0
    with store.read() as connection:
        rows = audit.listing(connection, action="sign_in", limit=1000)
    assert len(rows) == 300
    assert len({row.address for row in rows}) == 1


def test_addresses_are_digests_under_a_private_key(store: Store) -> None:
    def write(name: str, connection: sqlite3.Connection) -> None:
        audit.record(connection, "sign_in", at=1.0, account=name, address="me@example.org")

    store.write(partial(write, "work")).result()
    path = store.path.with_name(audit.KEY_NAME)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store.write(partial(write, "me@example.org")).result()  # an account may be called so
    path.unlink()
    store.write(partial(write, "work")).result()
    with store.read() as connection:
        rows = audit.listing(connection)[1:]
        assert audit.listing(connection, account="work") == [rows[0], rows[2]]
    assert rows[1].account == rows[1].address == rows[0].address != rows[2].address
    assert verdict(store).broken == 0
    assert not any("example" in str(row) for row in rows)
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="cannot use"):
        store.write(partial(write, "work")).result()


def test_a_row_and_what_it_tells_of_are_one_transaction(store: Store) -> None:
    def half(connection: sqlite3.Connection) -> None:
        consents.grant(connection, "work", ["email_read"], 1.0)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(half).result()
    assert verdict(store).rows == 1
    with store.read() as connection, pytest.raises(ValueError, match="knows no action"):
        audit.record(connection, "dreamt", at=1.0)


def test_an_older_database_gets_a_trail_that_says_so(tmp_path: Path) -> None:
    migrations = sqlite_utils.Migrations("mailsync")

    @migrations()
    def m001_initial(db: sqlite_utils.Database) -> None:
        schema._run(db, schema._MIGRATION_1, 1)

    @migrations()
    def m002_mirror_engine(db: sqlite_utils.Database) -> None:
        schema._run(db, schema._MIGRATION_2, 2)

    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as old:
        migrations.apply(sqlite_utils.Database(old))
    store = Store.open(tmp_path)
    with store.read() as connection:
        rows = audit.listing(connection)
    store.close()
    assert [(row.seq, row.action) for row in rows] == [(1, "audit_started"), (2, "migrated")]
    assert rows[1].detail == '{"before":2,"schema":3}'
    assert (tmp_path / f"{FILE_NAME}.v2.bak").exists()
