"""`mailsync cleanup`: what is shown of a list, asked, refused and told; carrying it out is tested where it is done."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

import pytest

from mailsync.cli import terminal
from mailsync.engine import ask
from mailsync.record import replace
from mailsync.store import cleanup_drafts
from mailsync.store.cleanups import Cleanup, Folder, Item
from mailsync.store.database import Store
from tests.cli.conftest import CommandLine

INBOX = Folder(0, 1, "INBOX", b"INBOX", "\\Inbox", 7, 3)
STAR = Folder(1, 3, "*star", b"*star", "", 7, 1)
DAY = 86400.0


def propose(mirrored: CommandLine, *actions: str, at: float | None = None, inbox: Folder = INBOX) -> Cleanup:
    """Three messages in two folders, from two senders."""

    def item(number: int, folder: int, uid: int, sender: str, subject: str) -> Item:
        about = (f"<{number}@shop.example>", bytes([number]) * 32, 1000, 1, "", None, 1_600_000_000 + number * 86400)
        return Item(number, folder, number + 1, uid, *about, sender, "", subject, 0.75, ("old", "from a list"))

    def write(connection: sqlite3.Connection) -> Cleanup:
        moment = time.time() if at is None else at
        number = cleanup_drafts.draft(
            connection, "work", "newsletters", "Old newsletters", actions or ["label", "archive"], moment
        )
        items = [
            item(0, 0, 1, "news@shop.example", "Sale\x1b[31m"),
            item(1, 0, 2, "news@shop.example", "More"),
            item(2, 1, 1, "info@club.example", "Meeting"),
        ]
        cleanup_drafts.add(connection, number, [inbox, STAR], items)
        return cleanup_drafts.freeze(connection, number, [0, 2], moment)

    store = Store.open(mirrored.data)
    try:
        return store.write(write).result()
    finally:
        store.close()


def test_a_list_is_told_whole(mirrored: CommandLine) -> None:
    one = propose(mirrored)
    (entry,) = mirrored("cleanup", "list", "--json").json["cleanups"]
    shown = mirrored("cleanup", "show", str(one.id), "--all", "--json").json
    assert {name: shown[name] for name in entry} == entry
    assert (entry["id"], entry["account"], entry["rule"]) == (str(one.id), "work", "newsletters")
    assert (entry["state"], entry["messages"], entry["bytes"]) == ("proposed", 3, 3000)
    assert (entry["first"], entry["last"]) == ("2020-09-13T12:26:40Z", "2020-09-15T12:26:40Z")
    assert (entry["hash"], entry["approved_by"], entry["run"]) == (one.hash, None, None)
    assert [(place["name"], place["messages"], place["of"]) for place in shown["folders"]] == [
        ("INBOX", 2, 3),
        ("*star", 1, 1),
    ]
    assert shown["senders"] == [
        {"sender": "news@shop.example", "messages": 2, "bytes": 2000, "excluded": 0, "unsubscribe": None},
        {"sender": "info@club.example", "messages": 1, "bytes": 1000, "excluded": 0, "unsubscribe": None},
    ]
    assert [each["id"] for each in shown["sample"]] == ["1", "3"]
    assert shown["items"][2] == {
        "id": "3",
        "folder": "*star",
        "uidvalidity": 7,
        "uid": 1,
        "message_id": "<2@shop.example>",
        "sha256": "02" * 32,
        "size": 1000,
        "flags": ["\\Seen"],
        "date": "2020-09-15T12:26:40Z",
        "internaldate": None,
        "from": "info@club.example",
        "list": None,
        "subject": "Meeting",
        "confidence": 0.75,
        "reasons": ["old", "from a list"],
        "excluded": False,
        "state": None,
        "reason": None,
        "run": None,
    }
    assert (shown["warnings"], shown["results"], shown["runs"]) == ([], None, [])


def test_a_list_is_shown_to_people(mirrored: CommandLine) -> None:
    one = propose(mirrored)
    listed = mirrored("cleanup", "list").out
    assert "Old newsletters" in listed
    assert "3 messages" in listed
    assert "proposed until" in listed
    out = mirrored("cleanup", "show", "1").out
    for said in (
        "Old newsletters (newsletters) of account work: 3 messages, 3.0 kB, 2020-09-13 to 2020-09-15",
        "what is done: label, then archive",
        "INBOX: 2 of 3",
        "  2   2.0 kB  news@shop.example",
        "Sale\ufffd[31m  (old, from a list)",
        f"list {one.hash}",
    ):
        assert said in out
    assert "\x1b" not in out
    assert "More" not in out
    assert "More" in mirrored("cleanup", "show", "1", "--all").out


def test_what_was_shown_is_approved_and_on_record(mirrored: CommandLine) -> None:
    one = propose(mirrored)
    done = mirrored("cleanup", "approve", "1", "--yes", "--hash", one.hash[:8], "--no-wait", "--json").json
    assert (done["ok"], done["state"], done["messages"], done["job"]) == (True, "approved", 3, "1")
    assert done["run"]["results"]["waiting"] == 3
    (entry,) = mirrored("audit", "list", "--action", "cleanup_approved", "--json").json["entries"]
    assert entry["actor"] == done["approved_by"] == done["decided_by"]
    again = mirrored("cleanup", "approve", "1", "--yes", "--hash", one.hash, "--no-wait")
    assert (again.code, again.err.count("was approved by")) == (1, 1)


def test_a_part_is_approved_by_the_hash_of_the_whole_or_its_own(mirrored: CommandLine) -> None:
    whole = propose(mirrored)
    words = ("--without-sender", "INFO@club.example", "--without", "2", "--no-wait", "--yes", "--json")
    part = mirrored("cleanup", "approve", "1", *words, "--hash", whole.hash).json
    assert (part["messages"], part["excluded"], part["bytes"]) == (1, 2, 1000)
    assert part["hash"] == part["hash"] != whole.hash
    propose(mirrored)
    again = mirrored("cleanup", "approve", "2", *words, "--hash", part["hash"]).json
    assert (again["hash"], again["messages"]) == (part["hash"], 1)
    propose(mirrored)
    only = ("--only-sender", "info@club.example", "--no-wait", "--yes", "--json", "--hash", whole.hash)
    assert mirrored("cleanup", "approve", "3", *only).json["messages"] == 1


def test_a_person_sees_the_rest_of_the_list_and_decides(mirrored: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    answers = iter([False, True])

    def answer(question: str, *, default: bool) -> bool:
        asked.append(question)
        assert not default
        return next(answers)

    one = propose(mirrored)
    monkeypatch.setattr(terminal, "is_there", lambda: True)
    monkeypatch.setattr(terminal, "confirm", answer)
    words = ("cleanup", "approve", "1", "--without", "3", "--no-wait")
    refused = mirrored(*words)
    assert (refused.code, asked) == (1, ["do this with 2 messages?"])
    assert "taken off the list: 1 message" in refused.err
    assert "nothing was changed" in refused.err
    now = mirrored("cleanup", "show", "1", "--json").json
    assert (now["hash"], now["excluded"], now["state"]) == (one.hash, 0, "proposed"), "as if nothing had been asked"
    assert mirrored(*words).code == 0
    assert mirrored("cleanup", "show", "1", "--json").json["run"]["messages"] == 2


def test_expunging_is_typed(mirrored: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    one = propose(mirrored, "expunge")
    words = ("cleanup", "approve", "1", "--no-wait")
    by_hash = (*words, "--yes", "--hash", one.hash)
    assert "whoever wants that types: EXPUNGE 3" in mirrored(*by_hash).err
    assert mirrored(*by_hash, "--expunge", "2").code == 2
    monkeypatch.setattr(terminal, "is_there", lambda: True)
    monkeypatch.setattr(terminal, "ask", lambda question: "yes")
    assert mirrored(*words).code == 1
    assert mirrored("cleanup", "show", "1", "--json").json["state"] == "proposed"
    monkeypatch.setattr(terminal, "ask", lambda question: "EXPUNGE 3")
    assert mirrored(*words).code == 0


def test_more_than_is_usual_has_to_be_said(mirrored: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    one = propose(mirrored, inbox=replace(INBOX, messages=300))
    mirrored.configure(mirrored.config.read_text("utf-8") + "[cleanup]\nmax_share = 0.005\n")
    words = ("cleanup", "approve", "1", "--no-wait")
    (caution,) = mirrored("cleanup", "show", "1", "--json").json["warnings"]
    assert caution == "2 of the 300 messages of INBOX: more than 0% of it"
    refused = mirrored(*words, "--yes", "--hash", one.hash)
    assert (refused.code, "this is more than is usual" in refused.err, "--large" in refused.err) == (2, True, True)
    assert mirrored(*words, "--yes", "--hash", one.hash, "--without", "2", "--json").json["large"] is False
    propose(mirrored, inbox=replace(INBOX, messages=300))
    monkeypatch.setattr(terminal, "is_there", lambda: True)
    monkeypatch.setattr(terminal, "ask", lambda question: "2")
    assert mirrored("cleanup", "approve", "2", "--no-wait").code == 1
    monkeypatch.setattr(terminal, "ask", lambda question: "3")
    assert mirrored("cleanup", "approve", "2", "--no-wait", "--json").json["large"] is True


def test_a_rejected_list_is_over(mirrored: CommandLine) -> None:
    one = propose(mirrored)
    rejected = mirrored("cleanup", "reject", "1", "--json").json
    assert (rejected["state"], rejected["approved_by"]) == ("rejected", None)
    assert rejected["decided_by"]
    assert mirrored("audit", "list", "--action", "cleanup_rejected", "--json").json["entries"]
    late = mirrored("cleanup", "approve", "1", "--yes", "--hash", one.hash)
    assert (late.code, "was rejected by" in late.err) == (1, True)
    propose(mirrored, at=time.time() - 8 * DAY)
    assert "too old to be decided on" in mirrored("cleanup", "reject", "2").err


REFUSED = [
    (("cleanup", "approve", "1"), 2, "somebody has to approve of the list"),
    (("cleanup", "approve", "1", "--yes"), 2, "--yes wants to know which list"),
    (("cleanup", "approve", "1", "--yes", "--hash", "0" * 64), 2, "not the hash of the list"),
    (("cleanup", "approve", "1", "--yes", "--hash", "0"), 2, "not the hash of the list"),
    (("--read-only", "cleanup", "approve", "1", "--yes", "--hash", "0" * 64), 2, "--read-only"),
    (("--read-only", "cleanup", "reject", "1"), 2, "--read-only"),
    (
        ("cleanup", "approve", "1", "--yes", "--hash", "0" * 8, "--without", "99"),
        2,
        "message 99 is not on this list",
    ),
    (("cleanup", "show", "7"), 1, "there is no clean-up 7"),
    (("cleanup", "show", "newest"), 1, "there is no newest"),
    (("cleanup", "list", "--account", "nobody"), 2, "no account nobody"),
]


def test_what_is_refused(mirrored: CommandLine) -> None:
    propose(mirrored)
    for words, code, told in REFUSED:
        result = mirrored(*words)
        assert (result.code, told in result.err) == (code, True), words
    assert mirrored("cleanup", "show", "1", "--json").json["state"] == "proposed"


def test_consent_is_needed_to_look_and_to_approve(mirrored: CommandLine) -> None:
    one = propose(mirrored)
    mirrored("consent", "revoke", "work", "mailbox_modify")
    refused = mirrored("cleanup", "approve", "1", "--yes", "--hash", one.hash, "--no-wait")
    assert (refused.code, "grant work mailbox_modify" in refused.err) == (3, True)
    mirrored("consent", "revoke", "work", "email_read")
    assert mirrored("cleanup", "show", "1").code == 3


def test_an_interrupt_tells_how_it_goes_on(mirrored: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    one = propose(mirrored)
    mirrored("consent", "grant", "work", "mailbox_modify")

    def interrupted(
        config: object, store: Store, *_: object, insert: Callable[[sqlite3.Connection], int], **__: object
    ) -> None:
        store.write(insert).result()
        raise KeyboardInterrupt

    monkeypatch.setattr(ask, "ask", interrupted)
    told = mirrored("cleanup", "approve", str(one.id), "--yes", "--large", "--hash", one.hash, "--json")
    assert (told.code, told.out) == (130, "")
    assert told.err == "interrupted: mailsync jobs retry 1 goes on, mailsync cleanup undo 1 takes it back\n"
