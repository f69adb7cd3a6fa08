from __future__ import annotations

import sqlite3
from pathlib import Path

from mailsync.store import accounts, consents, folders, health, probes, quarantine, traffic
from mailsync.store.database import Store

NOW = 1_741_788_131.0


def fill(connection: sqlite3.Connection, names: list[str], each: int) -> None:
    ids = accounts.ensure(connection, [(name, f"{name}@example.org") for name in names])
    for name, ident in ids.items():
        found = [(f"F{number}", f"F{number}".encode(), "/", "", 7, None) for number in range(each)]
        folders.upsert(connection, ident, found)
        consents.grant(connection, name, ["email_read"], NOW)
        probes.put(connection, ident, {"idle": "ok", "old": "gone"}, NOW - 9, NOW + 9)
        probes.put(connection, ident, {"old": "gone"}, NOW - 9, NOW - 1)
        traffic.add(connection, ident, NOW, 500)
        traffic.add(connection, ident, NOW - 86400, 900)
        first = folders.present(connection, ident)["F0"].id
        quarantine.add(connection, ident, first, 1, [4, 5], "fetch", "no", NOW)
        connection.execute("UPDATE folders SET gone_at = 1 WHERE account_id = ? AND name = 'F1'", (ident,))


def test_one_reading_however_much_there_is(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    statements: list[str] = []

    def read() -> health.Facts:
        statements.clear()
        with store.read() as connection:
            connection.set_trace_callback(statements.append)
            facts = health.read(connection, NOW)
            connection.set_trace_callback(None)
        return facts

    try:
        store.write(lambda c: fill(c, ["a"], 2)).result()
        facts = read()
        few = len(statements)
        assert [folder.name for folder in facts.folders] == ["F0"]
        assert [(probe.name, probe.value) for probe in facts.probes] == [("idle", "ok")]
        assert (facts.granted, facts.quarantined) == ({"a": frozenset({"email_read"})}, {"a": 2})
        assert facts.received_today == {"a": 500}
        store.write(lambda c: fill(c, [f"n{number}" for number in range(9)], 30)).result()
        assert len(read().folders) == 1 + 9 * 29
        assert len(statements) == few
    finally:
        store.close()


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    try:
        with store.read() as connection:
            assert health.damage(connection) == ""
        path = store.path
    finally:
        store.close()
    data = bytearray(path.read_bytes())
    data[-8192:] = b"\xff" * 8192
    path.write_bytes(data)
    with sqlite3.connect(path) as connection:
        assert health.damage(connection) != ""
    connection.close()


def test_what_the_probe_of_quirks_may_hold() -> None:
    assert health.matched('[["icloud", "why"], ["x", "y"]]') == (("icloud", "why"), ("x", "y"))
    assert health.matched("nonsense") == health.matched('{"a": 1}') == health.matched("[1]") == ()
