from __future__ import annotations

import sqlite3

import pytest

from mailsync.model import AccountState
from mailsync.store import accounts, folders, probes
from mailsync.store.database import Store
from mailsync.store.lock import EngineLock
from tests.cli.conftest import CommandLine

ENGINE_OFF = {"running": False, "pid": None, "since": None}


def note(cli: CommandLine, state: AccountState) -> None:
    """What an engine leaves in the tables while it runs."""
    store = Store.open(cli.data)

    def write(connection: sqlite3.Connection) -> None:
        accounts.set_state(connection, "work", state, 1.0, "", "try this")
        folders.set_watch(connection, 1, "idle")
        folders.set_next_sync(connection, 1, 1741090000)
        folders.fail_sync(connection, 2, "it broke\x1b", "")

    try:
        store.write(write).result()
    finally:
        store.close()


def test_before_anything(cli: CommandLine) -> None:
    result = cli("status", "--json")
    assert (result.code, result.err) == (0, "")
    assert result.json["engine"] == ENGINE_OFF
    (account,) = result.json["accounts"]
    assert (account["name"], account["email"], account["state"]) == ("work", "me@example.com", "needs_consent")
    assert account["folders"] == []
    assert "mailsync consent grant work mailbox_access email_read" in cli("status").out
    assert not cli.data.exists()


def test_without_accounts(cli: CommandLine) -> None:
    cli.configure("")
    index = {"done": 0, "total": 0}
    assert cli("status", "--json").json == {"engine": ENGINE_OFF, "index": index, "accounts": []}
    assert "no accounts yet" in cli("status").err


def test_what_is_mirrored(mirrored: CommandLine) -> None:
    mirrored("consent", "grant", "work", "--all")
    (account,) = mirrored("status", "--json").json["accounts"]
    assert account["state"] == "disconnected"
    found = {folder["name"]: folder for folder in account["folders"]}
    assert set(found) == {"INBOX", "Ünïcode/子", "*star"}
    inbox = found["INBOX"]
    assert (inbox["messages"], inbox["unread"], inbox["strategy"], inbox["error"]) == (3, 2, "first", None)
    assert inbox["last_sync"] == "2025-03-04T09:20:00Z"
    assert (inbox["watch"], inbox["next_sync"]) == (None, None)
    assert inbox["bytes"] > 1000


def test_an_engine_that_runs(mirrored: CommandLine) -> None:
    mirrored("consent", "grant", "work", "--all")
    note(mirrored, "watching")
    assert mirrored("status", "--json").json["accounts"][0]["state"] == "disconnected"
    lock = EngineLock(mirrored.data)
    lock.acquire()
    try:
        document = mirrored("status", "--json").json
        text = mirrored("status").out
    finally:
        lock.release()
    assert document["engine"]["running"] is True
    assert document["engine"]["since"].endswith("Z")
    (account,) = document["accounts"]
    inbox = next(folder for folder in account["folders"] if folder["name"] == "INBOX")
    assert (account["state"], inbox["watch"], inbox["next_sync"]) == ("watching", "idle", "2025-03-04T12:06:40Z")
    assert "engine: running as process" in text
    assert "\x1b" not in text
    assert "it broke\ufffd" in text


def test_how_a_folder_is_synced_and_what_is_proved(mirrored: CommandLine) -> None:
    mirrored("consent", "grant", "work", "--all")
    store = Store.open(mirrored.data)

    def write(connection: sqlite3.Connection) -> None:
        accounts.set_state(connection, "work", "backing_off", 1.0, "asked to wait")
        connection.execute("UPDATE accounts SET server = 'Dovecot', line = 'not compressed: fast', resumes_at = 9e8")
        connection.execute(
            "UPDATE folders SET strategy = 'condstore', why = 'no QRESYNC', pushed = 37, missed = 3, pushed_since = 7"
        )
        probes.put(connection, 1, {"quirks": '[["icloud", "QRESYNC loses mail"]]'}, 1.0, 9e9)
        connection.execute(
            """INSERT INTO certificates (folder_id, at, uidvalidity, highestmodseq, messages, uids_digest,
                                         contents_digest, exceptions, verified_at, deep)
               VALUES (1, 1e9, 7, 99, 3, 'c0ffee00c0ffee', 'be', '[{"kind": "withheld", "count": 2}]', 1e9, 1)"""
        )

    try:
        store.write(write).result()
    finally:
        store.close()
    (account,) = mirrored("status", "--json").json["accounts"]
    assert (account["server"], account["line"]) == ("Dovecot", "not compressed: fast")
    assert account["resumes_at"] == "1998-07-09T16:00:00Z"
    assert account["quirks"] == [{"name": "icloud", "why": "QRESYNC loses mail"}]
    found = {folder["name"]: folder for folder in account["folders"]}
    inbox = found["INBOX"]
    assert (inbox["strategy"], inbox["why"]) == ("condstore", "no QRESYNC")
    assert inbox["push"] == {"told": 37, "missed": 3, "since": "1970-01-01T00:00:07Z"}
    assert inbox["certificate"] == {
        "at": "2001-09-09T01:46:40Z",
        "uidvalidity": 7,
        "highestmodseq": 99,
        "messages": 3,
        "uids_digest": "c0ffee00c0ffee",
        "contents_digest": "be",
        "exceptions": [{"kind": "withheld", "count": 2}],
        "verified_at": "2001-09-09T01:46:40Z",
        "deep": True,
    }
    assert found["*star"]["certificate"] is None
    text = mirrored("status", "--folders").out
    for line in (
        "  line: not compressed: fast",
        "  quirk icloud: QRESYNC loses mail",
        "    synced 2025-03-04T09:20:00Z by condstore: no QRESYNC",
        "    push missed 3 of 40",
        "    complete 2001-09-09T01:46:40Z: 3 messages, 2 withheld, UIDs c0ffee00c0ff, "
        "verified 2001-09-09T01:46:40Z with contents",
    ):
        assert line in text.splitlines()
    assert "condstore" not in mirrored("status").out


@pytest.mark.parametrize("state", ["needs_login", "error", "paused"])
def test_what_waits_for_a_person_outlives_the_engine(mirrored: CommandLine, state: AccountState) -> None:
    mirrored("consent", "grant", "work", "--all")
    note(mirrored, state)
    (account,) = mirrored("status", "--json").json["accounts"]
    assert (account["state"], account["hint"]) == (state, "try this")


def test_an_account_that_left_the_configuration_is_still_shown(mirrored: CommandLine) -> None:
    mirrored.configure("")
    (account,) = mirrored("status", "--json").json["accounts"]
    assert (account["name"], account["configured"], account["state"]) == ("work", False, "disconnected")


def test_stats_and_path(mirrored: CommandLine) -> None:
    document = mirrored("db", "stats", "--json").json
    assert (document["accounts"], document["folders"], document["messages"], document["contents"]) == (1, 3, 5, 4)
    assert 0 < document["raw_bytes"] < document["message_bytes"]
    assert "messages" in mirrored("db", "stats").out
    assert mirrored("db", "path").out == f"{mirrored.data / 'mailsync.db'}\n"
    assert mirrored("db", "path", "--json").json == {"path": str(mirrored.data / "mailsync.db"), "exists": True}
