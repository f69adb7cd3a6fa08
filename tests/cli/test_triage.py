"""`mailsync triage`: what people and programs see, and that it scores by the configuration as it is."""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from mailsync.store import consents
from mailsync.store.database import Store
from mailsync.store.lock import EngineLock
from tests.cli.conftest import CommandLine
from tests.store.filled import Letter, fill

CONFIG = '[accounts.work]\nemail = "max@example.com"\nnames = ["Max"]\nhost = "h.example"\n'


def letter(number: int, sender: str, subject: str, text: str, age: float = 0.0, more: str = "") -> bytes:
    return (
        f"From: {sender}\r\nTo: max@example.com\r\nSubject: {subject}\r\nMessage-ID: <{number}@x>\r\n"
        f"Date: {formatdate(time.time() - age)}\r\n{more}\r\n{text}\r\n"
    ).encode()


@pytest.fixture
def filled(cli: CommandLine) -> CommandLine:
    cli.configure(CONFIG)
    store = Store.open(cli.data)
    fill(
        store,
        [
            letter(1, "Ann <ann@example.org>", "Zoom \x1b[31mtomorrow", "Hi Max, can you send the Zoom link?"),
            Letter(letter(2, "bob@example.org", "report", "Here it is.", 3 * 86400), flags=1),
            letter(3, "shop@example.org", "Zoom in: big sale", "x", 60, "List-Unsubscribe: <https://x.example/u>\r\n"),
        ],
    )
    store.close()
    return cli


def subjects(cli: CommandLine, *options: str) -> list[str]:
    result = cli("triage", "--json", *options)
    assert result.code == 0, result.err
    return [message["subject"].split()[0] for message in result.json["messages"]]


def test_the_document(filled: CommandLine) -> None:
    document = filled("triage", "--top", "1", "--json").json
    assert document.pop("seconds") >= 0
    (message,) = document.pop("messages")
    assert document == {"not_scored": 0, "unknown": []}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", message.pop("date"))
    assert re.fullmatch(r"t\d+", message.pop("thread_id"))
    reasons = message.pop("reasons")
    assert {"name": "to", "text": "addressed to you", "weight": 1.5} in reasons
    assert {reason["name"] for reason in reasons} == {"to", "name", "question", "unread"}
    assert 0.5 < message.pop("score") < 1
    assert 0.5 < message.pop("confidence") < 1
    assert message == {
        "id": "1",
        "account": "work",
        "folder": "INBOX",
        "from": "Ann <ann@example.org>",
        "subject": "Zoom \x1b[31mtomorrow",
        "flags": [],
    }


def test_options_narrow_it(filled: CommandLine) -> None:
    assert subjects(filled) == ["Zoom", "report", "Zoom"]
    assert subjects(filled, "--top", "2") == ["Zoom", "report"]
    assert subjects(filled, "--unread") == ["Zoom", "Zoom"]
    assert subjects(filled, "--about", "zoom", "--about", "from:ann") == ["Zoom"]
    assert subjects(filled, "--about", "report", "--unread") == []
    assert "report" not in subjects(filled, "--today")


def test_what_people_see(filled: CommandLine) -> None:
    result = filled("triage", "--about", "zoom")
    assert result.code == 0
    assert "\x1b" not in result.out
    first, why, *_ = result.out.splitlines()
    assert re.fullmatch(r"0\.\d\d  1  .{16}  Ann <ann@example\.org>  Zoom \ufffd\[31mtomorrow  \[work/INBOX\]", first)
    assert why.strip().startswith("addressed to you +1.50; ")
    assert filled("triage", "--about", "nobody").err == "nothing here wants your attention\n"


def test_a_wrong_query_is_pointed_at(filled: CommandLine) -> None:
    result = filled("triage", "--about", "is:nothing")
    assert result.code == 2
    assert "column 4" in result.err


def test_what_is_configured_counts_at_once(filled: CommandLine) -> None:
    assert subjects(filled)[1] == "report"
    filled.configure(CONFIG + "[triage.weights]\nbulk = 3.0\n")
    assert subjects(filled)[0] == "Zoom"
    assert filled("triage", "--json").json["messages"][0]["from"] == "shop@example.org"


def test_another_engine_is_left_to_score(filled: CommandLine) -> None:
    lock = EngineLock(Path(filled.data))
    lock.acquire()
    try:
        result = filled("triage")
    finally:
        lock.release()
    assert result.code == 0
    assert "3 messages are not scored yet" in result.err


def test_without_consent_nothing_is_shown(filled: CommandLine) -> None:
    store = Store.open(filled.data)
    store.write(lambda connection: consents.revoke(connection, "work", ["email_read"], 2.0)).result()
    store.close()
    result = filled("triage")
    assert result.code == 3
    assert "Ann" not in result.out
