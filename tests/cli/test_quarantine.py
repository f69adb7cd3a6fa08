"""`mailsync quarantine`: what was set aside is listed, looked at, tried again and discarded."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable

import pytest

from mailsync.store import audit, consents, quarantine
from mailsync.store.database import Store
from tests.cli.conftest import CommandLine
from tests.cli.mirror import FIRST
from tests.servers.fake import FakeServer, box

ODD = "ParseFailed\x1b[31m"
ACCOUNT = '[accounts.work]\nemail = "alice"\nhost = "127.0.0.1"\nport = {}\nsecurity = "none"\n'
CONTENT = 1
"""The content that the messages 1 and 4 of the mirror share."""


def change(cli: CommandLine, function: Callable[[sqlite3.Connection], object]) -> None:
    store = Store.open(cli.data)
    try:
        store.write(function).result()
    finally:
        store.close()


@pytest.fixture
def aside(mirrored: CommandLine) -> CommandLine:
    """A mirror with one content set aside, which is in two folders."""
    change(mirrored, lambda c: quarantine.failed(c, [(CONTENT, ODD)], 7, 1741080000.0))
    return mirrored


def test_the_list_tells_where_why_how_often_and_when(aside: CommandLine) -> None:
    out = aside("quarantine", "list").out
    assert "parse  work / INBOX, UID 1       1 attempt" in out
    assert "next now" in out
    assert "ParseFailed\ufffd[31m" in out
    assert "\x1b" not in out
    document = aside("quarantine", "list", "--json").json
    assert document["total"] == 2
    following = document["entries"][0].pop("next_attempt_at")
    assert "2025-03-04T09:20:48Z" <= following <= "2025-03-04T09:21:00Z"
    assert document["entries"][0] == {
        "id": "2",
        "account": "work",
        "folder": "Ünïcode/子",
        "uidvalidity": 7,
        "uid": 1,
        "message": "4",
        "stage": "parse",
        "error": ODD,
        "attempts": 1,
        "version": 7,
        "created_at": "2025-03-04T09:20:00Z",
        "last_attempt_at": "2025-03-04T09:20:00Z",
        "resolved_at": None,
        "discarded": False,
        "size": len(FIRST),
        "sha256": hashlib.sha256(FIRST).hexdigest(),
    }
    assert aside("quarantine", "list", "--stage", "fetch", "--json").json["total"] == 0
    assert aside("quarantine", "list", "--account", "work", "--json").json["total"] == 2
    assert aside("quarantine", "list", "--stage", "frob").code == 2
    nothing = aside("quarantine", "list", "--account", "work", "--discarded")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "nothing is discarded\n")
    wrong = aside("quarantine", "list", "--account", "other", "--json")
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err == "error: no account other is mirrored\nhint: mirrored: work\n"


def test_one_is_shown_as_far_as_it_can_be_read(aside: CommandLine) -> None:
    assert aside("quarantine", "show", "1", "--raw").raw == FIRST
    out = aside("quarantine", "show", "1").out
    assert out.startswith("[1] work / INBOX, UID 1, message 1\nStage: parse (it was not parsed)\nError: ParseFailed")
    assert "Tried: 1 time, first " in out
    assert "Subject: Grüße\ufffd[31m\n" in out
    assert "Attachment: a.pdf  application/pdf  4 B\n" in out
    assert out.endswith("\n\nHallo\ufffd du\n")
    assert "\x1b" not in out
    document = aside("quarantine", "show", "1", "--json").json
    assert (document["parsed"]["text"], document["problem"]) == ("Hallo\x9b du\n", None)
    for wrong in ("99", "x", "٣", "9" * 5000, "1e3"):
        missing = aside("quarantine", "show", wrong)
        assert (missing.code, "no entry" in missing.err) == (1, True)


def test_looking_needs_consent(aside: CommandLine) -> None:
    change(aside, lambda c: consents.revoke(c, "work", ["email_read"], 2.0))
    for option in ("--raw", "--json"):
        shown = aside("quarantine", "show", "1", option)
        assert (shown.code, shown.raw) == (3, b"")
    assert aside("quarantine", "list", "--json").json["total"] == 2  # numbers and our own words


def test_the_parsed_view_outlives_its_parser(aside: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    from mailsync.pipeline import glance

    def crash(*command: str) -> None:
        monkeypatch.setattr(glance.glance, "__kwdefaults__", {"seconds": 0.5, "command": (glance.CHILD[0], *command)})

    crash("-c", "import os; os.abort()")
    assert "(crash: the process that read it ended with -6)" in aside("quarantine", "show", "1").out
    crash("-c", "while True: pass")
    document = aside("quarantine", "show", "1", "--json").json
    assert (document["parsed"], "given up after" in document["problem"]) == (None, True)


def test_discarding_asks_and_leaves_every_byte(aside: CommandLine) -> None:
    asked = aside("quarantine", "discard", "1")
    assert (asked.code, "--yes is missing" in asked.err) == (2, True)
    assert aside("quarantine", "discard", "1", "99", "--yes").code == 1
    assert aside("quarantine", "list", "--json").json["total"] == 2
    assert aside("quarantine", "discard", "1", "--yes", "--json").json == {"ok": True, "discarded": ["1", "2"]}
    assert aside("quarantine", "list", "--json").json["total"] == 0
    assert aside("quarantine", "list", "--discarded", "--json").json["total"] == 2
    assert aside("show", "1", "--raw").raw == FIRST
    assert "never: discarded" in aside("quarantine", "show", "1").out
    assert aside("status", "--json").json["accounts"][0]["quarantined"] == 0
    assert trail(aside, "discarded") == ['{"count":2,"stage":"parse"}']


def test_status_and_health_name_the_command(aside: CommandLine) -> None:
    assert "  2 messages set aside: mailsync quarantine list --account work\n" in aside("status").out
    document = aside("health", "--json").json
    assert document["metrics"]["quarantined"] == 2
    (check,) = [one for one in document["checks"] if one["name"] == "quarantine"]
    assert (check["status"], check["hint"]) == ("warn", "mailsync quarantine list --account work")


def test_what_to_retry_must_be_said(aside: CommandLine) -> None:
    assert aside("quarantine", "retry").code == 2
    assert aside("quarantine", "retry", "1", "--all").code == 2
    change(aside, lambda c: quarantine.recovered(c, [CONTENT], 5.0))
    for words, told in ((["1"], "none of these is set aside any more\n"), (["--all"], "nothing is set aside\n")):
        nothing = aside("quarantine", "retry", *words)
        assert (nothing.code, nothing.err) == (0, told)


def test_what_a_server_did_not_give_is_asked_for_again(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    assert cli("consent", "grant", "work", "--all").code == 0
    with FakeServer({"INBOX": box(4), "Sent": box(2)}) as server:
        cli.configure(ACCOUNT.format(server.port))
        server.bad[3] = "omit"
        assert cli("sync").code == 0
        (entry,) = cli("quarantine", "list", "--json").json["entries"]
        assert (entry["stage"], entry["uid"], entry["sha256"]) == ("fetch", 3, None)
        assert cli("quarantine", "show", "1", "--raw").code == 1
        assert cli("quarantine", "show", "1").out.endswith("\nIts bytes are not here.\n")

        again = cli("quarantine", "retry", "1")
        assert again.code == 1
        assert "[1] work / INBOX, UID 3: failed again (" in again.out
        (entry,) = cli("quarantine", "list", "--json").json["entries"]
        assert entry["attempts"] == 2

        del server.bad[3]
        server.bodies.clear()
        done = cli("quarantine", "retry", "--all", "--json")
        assert done.code == 0
        assert done.json["ok"]
        assert [(one["tried"], one["resolved_at"] is not None) for one in done.json["entries"]] == [(True, True)]
        assert server.bodies == {3: 1}  # and nothing of the other folder
    assert cli("quarantine", "list", "--json").json["total"] == 0
    assert trail(cli, "released") == ['{"count":1,"stage":"fetch"}']


def test_a_server_that_is_away_is_said(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    assert cli("consent", "grant", "work", "--all").code == 0
    with FakeServer({"INBOX": box(2)}) as server:
        cli.configure(ACCOUNT.format(server.port))
        server.bad[1] = "omit"
        assert cli("sync").code == 0
    away = cli("quarantine", "retry", "1")
    assert away.code == 1
    assert away.out == "[1] work / INBOX, UID 1: not tried\n"
    assert "error: " in away.err
    assert "hint: " in away.err


def trail(cli: CommandLine, action: str) -> list[str]:
    store = Store.open(cli.data)
    try:
        with store.read() as connection:
            return [row.detail for row in audit.listing(connection, action=action)]
    finally:
        store.close()
