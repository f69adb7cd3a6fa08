from __future__ import annotations

import pytest

from mailsync.store import messages
from mailsync.store.database import Store
from tests.cli.conftest import CommandLine
from tests.store.filled import Letter, fill


def letter(
    number: int, references: str = "", sender: str = "Ann <ann@example.org>", subject: str = "Re: Lunch"
) -> bytes:
    return (
        f"Message-ID: <{number}@example.org>\r\nFrom: {sender}\r\nTo: me@example.org\r\nSubject: {subject}\r\n"
        f"Date: Tue, 4 Mar 2025 10:{number:02d}:00 +0000\r\nReferences: {references}\r\n\r\nx"
    ).encode()


@pytest.fixture
def talk(cli: CommandLine) -> CommandLine:
    """Messages 1 to 6: a first one, two answers, the second in two folders and one answered at home; and another."""
    store = Store.open(cli.data)
    fill(
        store,
        [
            letter(3, "<1@example.org>", "Bob\x1b[2J <bob@example.org>"),
            Letter(letter(1, subject="[team] Lunch"), flags=1, keywords="$Work"),
            letter(2, "<1@example.org>"),
            Letter(letter(2, "<1@example.org>"), folder="Archive"),
            Letter(letter(4, "<1@example.org> <2@example.org>", subject="Re: Dinner (was: Lunch)"), account="home"),
            letter(9, "<8@example.org>", '"" <>', "Else"),
        ],
    )
    store.close()
    return cli


def test_a_thread_is_a_tree(talk: CommandLine) -> None:
    result = talk("thread", "3")
    assert result.code == 0
    assert "\x1b" not in result.out
    lines = result.out.splitlines()
    assert lines[0] == "[t1] Lunch"
    date = len("2  2025-03-04 10:01  ")
    assert [line[0] + line[date:].partition(" / ")[0] for line in lines[1:]] == [
        "2Ann        work",
        "3  Ann      work",
        "5    Ann    home",
        "1  Bob\ufffd[2J  work",
    ]
    assert lines[1].endswith("work / INBOX  \\Seen  $Work")
    assert lines[2].endswith("work / INBOX  +1 more")
    assert lines[3].endswith("home / INBOX  “Re: Dinner (was: Lunch)”")


def test_json_by_any_of_its_messages_or_its_own_id(talk: CommandLine) -> None:
    document = talk("thread", "4", "--json").json
    assert document == talk("thread", "t1", "--json").json == talk("thread", "5", "--json").json
    assert (document["thread_id"], document["subject"]) == ("t1", "Lunch")
    assert [(one["id"], one["depth"], one["parent"], one["copies"]) for one in document["messages"]] == [
        ("2", 0, None, []),
        ("3", 1, "2", ["4"]),
        ("5", 2, "3", []),
        ("1", 1, "2", []),
    ]
    assert document["messages"][0] == {
        "id": "2",
        "account": "work",
        "folder": "INBOX",
        "uid": 2,
        "date": "2025-03-04T10:01:00Z",
        "from": "Ann <ann@example.org>",
        "subject": "[team] Lunch",
        "flags": ["\\Seen", "$Work"],
        "depth": 0,
        "parent": None,
        "message_id": "<1@example.org>",
        "copies": [],
        "removed_at": None,
    }


def test_a_message_that_went_is_told_as_gone(talk: CommandLine) -> None:
    store = Store.open(talk.data)
    store.write(lambda connection: messages.remove(connection, 1, [3], 1741080000.0, "expunged")).result()
    store.close()
    entries = {one["id"]: one for one in talk("thread", "1", "--json").json["messages"]}
    assert (entries["4"]["copies"], entries["4"]["removed_at"]) == (["3"], None)  # the present copy stands for it
    assert talk("thread", "3").code == 0


def test_no_thread_is_shown_without_consent_to_read(talk: CommandLine) -> None:
    talk("consent", "revoke", "work", "email_read")
    for named in ("1", "t2", "6"):
        result = talk("thread", named, "--json")
        assert (result.code, result.raw) == (3, b"")
        assert "email_read" in result.err
    for named in ("5", "t1"):  # what may be read is, without what lies in the other account
        assert [one["id"] for one in talk("thread", named, "--json").json["messages"]] == ["5"]
    talk("consent", "revoke", "home", "email_read")
    assert talk("thread", "t1").code == 3


@pytest.mark.parametrize("named", ["0", "99", "t99", "t0", "t", "x", "٣", "9" * 400, "t" + "9" * 400])
def test_no_such_thread(talk: CommandLine, named: str) -> None:
    result = talk("thread", named)
    assert (result.code, result.raw) == (1, b"")
    assert result.err.startswith(f"error: no {'thread t99' if named == 't99' else 'message'}")
    assert "`mailsync search" in result.err


def test_a_message_that_was_not_looked_into_yet(cli: CommandLine) -> None:
    store = Store.open(cli.data)
    fill(store, [letter(1)], indexed=False)
    store.close()
    result = cli("thread", "1")
    assert (result.code, result.raw) == (1, b"")
    assert result.err.startswith("error: message 1 is in no thread yet")
