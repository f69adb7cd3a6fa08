"""What the mirror still holds is not read, exported or kept against the person's will."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mailsync.store import audit, messages
from mailsync.store.database import Store
from tests.cli import mirror
from tests.cli.conftest import CommandLine
from tests.cli.mirror import EMPTY, FIRST, NOT_MAIL
from tests.servers.fake import FakeServer, box


def trail(cli: CommandLine, action: str) -> list[tuple[str, str, dict[str, object]]]:
    store = Store.open(cli.data)
    try:
        with store.read() as connection:
            rows = audit.listing(connection, action=action)
    finally:
        store.close()
    return [(row.account, row.outcome, json.loads(row.detail)) for row in rows]


@pytest.mark.parametrize("option", ["--raw", "--json", "--text", "--headers"])
def test_nothing_is_shown_without_consent_to_read(mirrored: CommandLine, option: str) -> None:
    mirrored("consent", "revoke", "work", "email_read")
    result = mirrored("show", "1", option)
    assert (result.code, result.raw) == (3, b"")
    assert result.err == ("error: consent is missing: email_read\nhint: run: mailsync consent grant work email_read\n")
    mirrored("consent", "grant", "work", "email_read")
    assert mirrored("show", "1", "--raw").raw == FIRST


def test_what_is_gone_from_the_server_is_not_shown_either(mirrored: CommandLine) -> None:
    store = Store.open(mirrored.data)
    store.write(lambda connection: messages.remove(connection, 1, [1], 1741080000.0, "expunged")).result()
    store.close()
    mirrored("consent", "revoke", "work", "email_read")
    assert mirrored("show", "1").code == 3


def test_nothing_is_exported_without_consent_to_read(mirrored: CommandLine, tmp_path: Path) -> None:
    mirror.make(mirrored.data, "home", {"INBOX": [(NOT_MAIL, [], None)]})
    mirrored("consent", "revoke", "work", "email_read")
    for options in ((), ("--account", "work")):
        result = mirrored("export", "eml", str(tmp_path / "out"), *options)
        assert (result.code, result.raw) == (3, b"")
        assert "email_read" in result.err
        assert not (tmp_path / "out").exists()
    assert mirrored("export", "eml", str(tmp_path / "out"), "--account", "home").code == 0
    assert [(account, outcome) for account, outcome, _ in trail(mirrored, "exported")] == [("home", "ok")]


@pytest.mark.parametrize("command", ["sync", "verify --deep", "account check"])
def test_no_server_is_asked_without_consent(mirrored: CommandLine, command: str) -> None:
    mirrored("consent", "revoke", "work", "mailbox_access")
    result = mirrored(*command.split(), "work")
    assert (result.code, result.raw) == (3, b"")
    assert "consent is missing: mailbox_access\nhint: run: mailsync consent grant work mailbox_access\n" in result.err


def test_messages_with_attachments_are_left_out_without_consent_to_those(mirrored: CommandLine, tmp_path: Path) -> None:
    """By what they are made of: the header of one says nothing of its attachment, that of another says too much."""
    deep = b"Content-Type: text/plain\r\n\r\nend"
    for number in range(60):
        deep = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n%s\r\n--b%d--\r\n' % (
            number,
            number,
            deep,
            number,
        )
    content: mirror.Content = {
        "INBOX": [
            (FIRST, [], 1),
            (EMPTY, [], 1),
            (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nonly text\r\n--b--\r\n", [], 1),
            (b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n"
             b"Content-Type: text/plain; name=a.txt\r\n\r\nattached\r\n--b--\r\n", [], 1),
            (deep, [], 1),
        ]
    }  # fmt: skip
    mirror.make(mirrored.data, "home", content)
    account = '[accounts.{}]\nemail = "me@example.com"\nhost = "127.0.0.1"\nsecurity = "none"\n'
    mirrored.configure(account.format("work") + account.format("home"))
    mirrored("consent", "revoke", "home", "attachment_access")
    dest = tmp_path / "out"
    result = mirrored("export", "eml", str(dest), "--account", "home", "--json")
    assert (result.code, result.json["ok"], result.json["written"], result.json["withheld"]) == (3, False, 2, 3)
    assert result.err == (
        "error: 3 messages with attachments left out: attachment_access is not granted\n"
        "hint: run: mailsync consent grant home attachment_access, then this again\n"
    )
    assert {path.read_bytes() for path in dest.glob("*.eml")} == {EMPTY, content["INBOX"][2][0]}
    assert len((dest / "index.jsonl").read_text().splitlines()) == 2
    assert trail(mirrored, "exported")[-1] == (
        "home",
        "ok",
        {"bytes": result.json["bytes"], "form": "eml", "messages": 2, "withheld": 3, "written": 2},
    )
    mirrored("consent", "grant", "home", "attachment_access")
    assert mirrored("export", "eml", str(dest), "--account", "home", "--json").json["written"] == 3
    assert len(list(dest.glob("*.eml"))) == 5


def test_an_export_that_fails_is_on_record(mirrored: CommandLine, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    (dest / "2.eml").mkdir(parents=True)  # no file can have that name
    assert mirrored("export", "eml", str(dest)).code == 1
    ((account, outcome, detail),) = trail(mirrored, "exported")
    assert (account, outcome, detail["written"]) == ("work", "IsADirectoryError", 1)


def test_a_purge_removes_what_is_mirrored(mirrored: CommandLine) -> None:
    result = mirrored("consent", "revoke", "work", "mailbox_access", "--purge")
    assert (result.code, result.raw) == (2, b"")
    assert "email_read of work stays granted" in result.err
    assert mirrored("consent", "list", "--json").json["accounts"][0]["missing"] == []

    document = mirrored("consent", "revoke", "work", "email_read", "--purge", "--json").json
    assert (document["missing"], document["purged"]["messages"]) == (["email_read"], 5)
    assert mirrored("show", "1").code == 1  # there is no such message
    assert mirrored("db", "stats", "--json").json["messages"] == 0
    assert [outcome for _, outcome, _ in trail(mirrored, "purged")] == ["begun", "ok"]
    again = mirrored("consent", "revoke", "work", "email_read", "--purge")
    assert again.out.startswith("work: 0 messages removed from this disk")


def test_a_purge_of_an_account_that_left_the_configuration(mirrored: CommandLine) -> None:
    mirrored.configure("")
    result = mirrored("consent", "revoke", "work", "--all", "--purge")
    assert (result.code, result.out.splitlines()[-1]) == (0, "work: granted nothing")
    assert mirrored("status", "--json").json["accounts"] == []
    assert mirrored("consent", "list", "--json").json["accounts"] == []


@pytest.mark.parametrize(("answer", "left"), [(b"\n", 5), (b"y\n", 0)])
def test_a_person_is_asked(mirrored: CommandLine, answer: bytes, left: int) -> None:
    command = [sys.executable, "-m", "mailsync", "--config", str(mirrored.config), "--data-dir", str(mirrored.data)]
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*command, "consent", "revoke", "work", "email_read"], stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(master, 4096)
    assert b"Remove the 5 messages mirrored of work from this disk?" in said
    os.write(master, answer)
    assert process.wait(30) == 0
    os.close(master)
    with sqlite3.connect(mirrored.data / "mailsync.db") as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (left,)
    connection.close()


def test_a_running_daemon_purges_for_whoever_asks(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    with FakeServer({"INBOX": box(3)}) as server:
        cli.configure(
            f'[accounts.work]\nemail = "a@example.com"\nusername = "alice"\nhost = "127.0.0.1"\nport = {server.port}\n'
            'security = "none"\n'
        )
        cli("consent", "grant", "work", "mailbox_access", "email_read")
        command = [sys.executable, "-m", "mailsync", "--config", str(cli.config), "--data-dir", str(cli.data)]
        daemon = subprocess.Popen([*command, "--daemon"], stderr=subprocess.DEVNULL)
        try:
            for wanted, change in ((3, "grant"), (0, "revoke"), (3, "grant")):
                options = ["--purge"] if change == "revoke" else []
                result = cli("consent", change, "work", "email_read", *options)
                assert result.code == 0, result.err
                deadline = time.monotonic() + 15
                while cli("db", "stats", "--json").json["messages"] != wanted:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
        finally:
            daemon.terminate()
            assert daemon.wait(20) == 0
    assert cli("audit", "verify").code == 0
