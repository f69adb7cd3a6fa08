from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import subprocess
import sys

import pytest

from mailsync.store import folders, messages
from mailsync.store.database import Store
from tests.cli import mirror
from tests.cli.conftest import CommandLine
from tests.cli.mirror import EMPTY, FIRST, NOT_MAIL
from tests.store.filled import fill


@pytest.mark.parametrize(("number", "content"), [("1", FIRST), ("2", NOT_MAIL), ("3", EMPTY)])
def test_raw_is_every_byte_and_nothing_else(mirrored: CommandLine, number: str, content: bytes) -> None:
    result = mirrored("show", number, "--raw")
    assert (result.code, result.raw, result.err) == (0, content, "")


def test_raw_through_a_real_pipe(mirrored: CommandLine) -> None:
    command = [sys.executable, "-m", "mailsync", "--data-dir", str(mirrored.data), "show", "2", "--raw"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == NOT_MAIL


def test_the_view_for_people_is_harmless(mirrored: CommandLine) -> None:
    out = mirrored("show", "1").out
    assert "\x1b" not in out
    assert "\x9b" not in out
    assert "[1] work / INBOX, UID 1\n" in out
    assert "Received: 2025-03-04T09:11:10Z  \\Seen \\Flagged $Work\n" in out
    assert "From: Jürgen <j@example.org>\n" in out
    assert "Subject: Grüße\ufffd[31m\n" in out
    assert f"Attachment: a.pdf  application/pdf  4 B  sha256 {hashlib.sha256(b'%PDF').hexdigest()}\n" in out
    assert out.endswith("\n\nHallo\ufffd du\n")


def test_text_headers_and_html(mirrored: CommandLine) -> None:
    assert mirrored("show", "1", "--text").out == "Hallo\ufffd du\n"
    headers = mirrored("show", "1", "--headers").out
    assert headers.startswith("Date: Tue, 4 Mar 2025 10:11:10 +0100\nFrom: Jürgen <j@example.org>\n")
    assert "\x1b" not in headers
    assert mirrored("show", "1", "--html").out == "<p>Hallo\x9b <b>du</b></p>"
    assert mirrored("show", "5", "--html").code == 1


def test_json(mirrored: CommandLine) -> None:
    result = mirrored("show", "1", "--json")
    assert result.raw.isascii()
    document = result.json
    assert document["headers"][4] == {"name": "Message-ID", "value": "<1@example.org>"}
    assert len(document["headers"]) == 7
    del document["headers"]
    assert document == {
        "id": "1",
        "account": "work",
        "folder": "INBOX",
        "uidvalidity": 7,
        "uid": 1,
        "flags": ["\\Seen", "\\Flagged", "$Work"],
        "internaldate": "2025-03-04T09:11:10Z",
        "size": len(FIRST),
        "sha256": hashlib.sha256(FIRST).hexdigest(),
        "subject": "Grüße\x1b[31m",
        "from": "Jürgen <j@example.org>",
        "to": "me@example.com",
        "cc": "",
        "people": {
            "from": [{"name": "Jürgen", "address": "j@example.org"}],
            "to": [{"name": "", "address": "me@example.com"}],
        },
        "date": "2025-03-04T09:11:10Z",
        "message_id": "<1@example.org>",
        "in_reply_to": [],
        "references": [],
        "text": "Hallo\x9b du\n",
        "attachments": [
            {
                "number": 1,
                "name": "a.pdf",
                "type": "application/pdf",
                "size": 4,
                "sha256": hashlib.sha256(b"%PDF").hexdigest(),
                "within": None,
            }
        ],
        "calendar": [],
        "holds": [],
        "cut": [],
        "copies": [{"id": "4", "account": "work", "folder": "Ünïcode/子", "uid": 1}],
        "versions": [],
        "removed_at": None,
    }


@pytest.mark.parametrize("number", ["0", "99", "-1", "x", "1e3", "٣", "9" * 19, "9" * 400, "' OR 1"])
def test_no_such_message(mirrored: CommandLine, number: str) -> None:
    result = mirrored("show", "--raw", "--", number)
    assert (result.code, result.raw) == (1, b"")
    assert result.err.startswith("error: no message ")


def test_one_view_at_a_time(mirrored: CommandLine) -> None:
    assert mirrored("show", "1", "--raw", "--json").code == 2
    assert mirrored("show", "1", "--raw", "--structure").code == 2


def test_structure(mirrored: CommandLine) -> None:
    assert mirrored("show", "1", "--structure").out == (
        'multipart/mixed 2 parts\n├─ 1 text/html utf-8, 24 B\n└─ 2 application/pdf 4 B "a.pdf" [attachment 1]\n'
    )
    document = mirrored("show", "1", "--structure", "--json").json
    assert (document["id"], document["cut"], len(document["parts"])) == ("1", [], 3)
    assert document["parts"][2] == {
        "depth": 1,
        "section": "2",
        "type": "application/pdf",
        "parts": 0,
        "size": 4,
        "sent": 4,
        "encoding": "",
        "charset": "",
        "disposition": "",
        "name": "a.pdf",
        "holds": "",
        "attachment": 1,
        "cut": "",
    }


def test_elements(mirrored: CommandLine) -> None:
    out = mirrored("show", "1", "--elements").out
    assert "\x1b" not in out
    assert "NarrativeText " in out
    assert "\n    Hallo\ufffd du\n" in out
    assert "sent_by mailto:j@example.org\n" in out
    document = mirrored("show", "1", "--elements", "--json").json
    assert (document["id"], document["builder"]) == ("1", "builtin")
    assert [one["type"] for one in document["elements"]] == ["Title", "NarrativeText", "Attachment"]
    assert document["elements"][2]["metadata"]["sha256"] == hashlib.sha256(b"%PDF").hexdigest()
    assert len(document["elements"][0]["element_id"]) == 32
    relation = {"subject": "mid:1@example.org", "predicate": "sent_to", "object": "mailto:me@example.com"}
    assert relation in document["relations"]
    with contextlib.closing(Store.open(mirrored.data)) as store:
        fill(store, [])
    thread = mirrored("thread", "1", "--json").json["thread_id"]
    told = mirrored("show", "1", "--elements", "--json").json["relations"]
    assert [one["object"] for one in told if one["predicate"] == "in_thread"] == [f"thread:{thread}"]


def test_the_same_message_elsewhere_and_what_it_invites_to(mirrored: CommandLine) -> None:
    invitation = (
        b"Message-ID: <1@example.org>\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n"
        b"BEGIN:VEVENT\r\nSUMMARY:Tea\xc2\x9b\\, cake\r\nDTSTART:20250304T100000Z\r\nDTEND:20250304T113000Z\r\n"
        b"LOCATION:Kitchen\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    mirror.make(mirrored.data, "home", {"INBOX": [(invitation, [], 1)]})
    with contextlib.closing(Store.open(mirrored.data)) as store:
        fill(store, [], indexed=False)
    out = mirrored("show", "1").out
    assert "Also in: work / Ünïcode/子, UID 1 [4]\n" in out
    assert f"Another version: [6] home / INBOX, UID 1, {len(invitation)} B\n" in out
    assert "Calendar request: Tea\ufffd, cake; 2025-03-04 10:00 to 11:30, UTC; Kitchen\n" in mirrored("show", "6").out
    (version,) = mirrored("show", "6", "--json").json["versions"]
    assert (version["id"], version["sha256"]) == ("1", hashlib.sha256(FIRST).hexdigest())


def test_no_mirror_yet(cli: CommandLine) -> None:
    result = cli("show", "1")
    assert result.code == 1
    assert "no mailsync database" in result.err
    assert not cli.data.exists()


def test_what_is_gone_from_the_server_can_still_be_shown(mirrored: CommandLine) -> None:
    change(mirrored, lambda connection: messages.remove(connection, 1, [1], 1741080000.0, "expunged"))
    assert mirrored("show", "1", "--raw").raw == FIRST
    assert "Gone from the server: 2025-03-04T09:20:00Z" in mirrored("show", "1").out
    assert mirrored("show", "1", "--json").json["uidvalidity"] == 7


def test_what_could_not_be_fetched_says_why(mirrored: CommandLine) -> None:
    from mailsync.store import quarantine

    def add(connection: sqlite3.Connection) -> None:
        messages.add_without_content(connection, 1, [(50, 0, "", None, 99)], 1.0)
        quarantine.add(connection, folders.get(connection, 1).id, 1, 7, [50], "fetch", "no answer\x1b", 1.0)

    change(mirrored, add)
    result = mirrored("show", "6")
    assert result.code == 1
    assert "message 6 could not be fetched yet: no answer\ufffd" in result.err


def change(cli: CommandLine, function: object) -> None:
    store = Store.open(cli.data)
    try:
        store.write(function).result()  # type: ignore[arg-type]
    finally:
        store.close()
