"""`mailsync search`: what people and programs see, saved searches, and queries that are wrong or hostile."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mailsync.cli import searching, shortcut
from mailsync.cli.context import Context
from mailsync.store import consents
from mailsync.store.database import Store
from tests.cli.conftest import CommandLine
from tests.store.filled import Letter, fill


def letter(number: int, subject: str, text: str = "Nothing to say", more: str = "") -> bytes:
    return (
        f"From: Ann <ann@example.org>\r\nTo: Me <me@example.com>\r\nSubject: {subject}\r\nMessage-ID: <{number}@x>\r\n"
        f"Date: {number} Mar 2025 10:00:00 +0000\r\n{more}\r\n{text}\r\n"
    ).encode()


ATTACHED = (
    b"From: bob@example.org\r\nTo: list@example.org\r\nCc: max@example.com\r\nSubject: Rechnung\r\n"
    b"Date: 3 Mar 2025 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\nsee the f\xc3\xb6rm\r\n--b\r\nContent-Type: application/pdf; name=bill.pdf\r\n"
    b"Content-Disposition: attachment; filename=bill.pdf\r\n\r\n%PDF\r\n--b--\r\n"
)
LETTERS = [
    Letter(
        letter(1, "Hello \x1b[31mworld", "The quick brown fox. " * 30 + "A needle here. " + "And hay. " * 30), flags=5
    ),
    Letter(letter(2, "Hello again", "東京都に行きました"), "Archive", keywords="todo"),
    Letter(ATTACHED, "Archive", "home"),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    store = Store.open(folder)
    fill(store, LETTERS)
    store.close()
    return folder


@pytest.fixture
def found(cli: CommandLine, filled: Path) -> CommandLine:
    cli.configure(
        '[accounts.work]\nemail = "me@example.com"\naliases = ["max@example.com"]\nhost = "h.example"\n'
        '[accounts.home]\nemail = "max@example.com"\nhost = "h.example"\n'
        '[searches]\nbills = "has:attachment OR invoice"\nmine = "is:direct"\n'
    )
    shutil.copytree(filled, cli.data)
    return cli


def write(cli: CommandLine, change: Callable[[sqlite3.Connection], Any]) -> None:
    store = Store.open(cli.data)
    store.write(change).result()
    store.close()


def subjects(cli: CommandLine, *words: str) -> list[str]:
    result = cli("search", "--json", *words)
    assert result.code == 0, result.err
    return [message["subject"] for message in result.json["messages"]]


def test_the_document(found: CommandLine) -> None:
    document = found("search", "förm from:bob", "--json").json
    assert document.pop("seconds") >= 0
    (message,) = document["messages"]
    assert message.pop("attachments")[0].items() >= {"name": "bill.pdf", "type": "application/pdf", "size": 4}.items()
    assert re.fullmatch(r"t\d+", message.pop("thread_id"))
    assert message == {
        "id": "3",
        "account": "home",
        "folder": "Archive",
        "uid": 1,
        "date": "2025-03-03T10:00:00Z",
        "from": "bob@example.org",
        "to": "list@example.org",
        "subject": "Rechnung",
        "snippet": "see the förm",
        "flags": [],
        "size": len(ATTACHED),
    }
    del document["messages"]
    assert document == {"query": "förm from:bob", "total": 1, "unknown": [], "not_indexed": 0}


def test_what_people_see(found: CommandLine) -> None:
    result = found("search", "hello")
    assert result.code == 0
    assert "\x1b" not in result.out
    lines = result.out.splitlines()
    assert lines[0].startswith("2  2025-03-02")
    assert "[work/Archive *]" in lines[0]
    assert lines[1] == "    東京都に行きました"
    assert "Hello \ufffd[31mworld  [work/INBOX !]" in lines[2]
    assert "2 messages" in result.err
    assert "attached: bill.pdf" in found("search", "filename:bill").out
    needle = found("search", "needle").out
    assert "A needle here." in needle
    assert "…" in needle


def test_matches_are_bold_on_a_terminal_unless_no_color_says_otherwise(
    found: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = []
    for value in ("", "1"):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("NO_COLOR", value)
        monkeypatch.setattr(sys, "stdout", Terminal())
        shared = Context(found.config, found.data)
        searching.search(shared, ["NEEDLE OR from:ann"])
        shared.close()
        assert isinstance(sys.stdout, io.StringIO)
        shown.append(sys.stdout.getvalue())
    assert "A \x1b[1mneedle\x1b[0m here" in shown[0]
    assert "<\x1b[1mann\x1b[0m@example.org>" in shown[0]
    assert "\x1b" not in shown[1]
    assert "A needle here" in shown[1]


def test_pages_and_their_total(found: CommandLine) -> None:
    result = found("search", "e*", "--limit", "1", "--offset", "1", "--json")
    assert (result.json["total"], [one["id"] for one in result.json["messages"]]) == (3, ["2"])
    assert "2 to 2 of 3 messages" in found("search", "e*", "--limit", "1", "--offset", "1").err
    assert "--offset 2 shows more" in found("search", "e*", "--limit=1", "--offset=1").err
    assert found("search", "e*", "--offset", "9", "--json").json["total"] == 3
    far = found("search", "e*", "--sort", "relevance", "--offset", "9" * 30, "--limit", "9" * 30, "--json")
    assert (far.json["total"], far.json["messages"]) == (3, [])
    assert found("search", "hello", "--limit", "0").code == 2
    assert found("search", "hello", "--sort", "size").code == 2
    assert subjects(found, "hello OR needle", "--sort", "relevance")[0].startswith("Hello")


def test_saved_searches_and_what_narrows_them(found: CommandLine) -> None:
    assert subjects(found, "@bills") == ["Rechnung"]
    assert subjects(found, "@bills -folder:archive") == []
    assert subjects(found, "@mine") == ["Rechnung", "Hello again", LETTERS[0].raw.decode().split("\r\n")[2][9:]]
    assert subjects(found, "@mine account:home") == ["Rechnung"]
    assert "@bills" in found("search", "--saved").out
    assert found("search", "--saved", "--json").json["searches"][0] == {
        "name": "bills",
        "query": "has:attachment OR invoice",
    }
    wrong = found("search", "@bils")
    assert wrong.code == 2
    assert "@bills" in wrong.err
    narrowed = found("search", "@bills nope:x")
    assert narrowed.code == 2
    assert "column 8" in narrowed.err


def test_a_saved_search_that_is_wrong_is_told_when_the_configuration_is_read(cli: CommandLine) -> None:
    cli.configure('[searches]\nx = "a (b"\n')
    result = cli("search", "@x")
    assert result.code == 2
    assert "config.toml:2: searches.x: column 3: this parenthesis is never closed" in result.err


@pytest.mark.parametrize(
    ("query", "column", "caret"),
    [
        ("from:a nope:b", 8, 9),
        ("a OR", 5, 6),
        ("東京 (x", 4, 7),
        ("a " * 100 + "is:x", 204, 63),
        ("a !!", 3, 4),
        ("", 1, 2),
    ],
)
def test_errors_point_at_the_column(found: CommandLine, query: str, column: int, caret: int) -> None:
    result = found("search", query)
    assert result.code == 2
    shown, pointer, error = result.err.splitlines()[:3]
    assert pointer == " " * caret + "^", shown
    assert error.startswith(f"error: column {column}: ")
    assert found("search").err.splitlines()[0] == "error: there is nothing to look for"


HOSTILE = [
    *('"', "a*", "*", "**", "^a", "a^b", "NEAR(a b)", "NEAR", "a NEAR/2 b", "{subject}:x", "- a", "--", "%", "ß*"),
    *("'; DROP TABLE words;", "a\0b", "\0", "\ud800", "a\udfffb", 'subject:"a"b"', "rowid:1", "words MATCH x"),
    *("a" * 10_000, "a " * 5_000, "a" * 10_001, "(" * 49 + "a" + ")" * 49, "(" * 5_000, "-" * 40 + "a"),
    *("larger:999999999999999G", "on:0001-01-01", "after:9999-12-31", "before:99999y", "filename:../../x"),
    *('label:"% _ \' * ?"', "folder:[a-z]*", "account:*", "\u202e\x1b[31m", "𐍈 OR 🎉", "-(-(-(a)))", "NOT NOT a"),
    "".join(f"-w{number} " for number in range(1_200)),
    " OR ".join("abcdefghij" * 200),
    " ".join(f"larger:{number}" for number in range(900)),
    " OR ".join(f"(is:read from:u{number})" for number in range(300)),
]


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_queries_are_errors_or_results(found: CommandLine, query: str) -> None:
    result = found("search", "--", query)
    assert result.code in (0, 2), result.err
    assert "unexpected" not in result.err
    assert "database" not in result.err
    assert "\x1b" not in result.err
    assert ("error: " in result.err) is (result.code == 2)
    assert found("search", "--json", "--sort=relevance", "--", query).code == result.code


def test_nothing_found_is_no_failure_and_says_what_may_be_the_reason(found: CommandLine) -> None:
    result = found("search", "folder:Inbx zebra")
    assert (result.code, result.out) == (0, "")
    assert 'no folder matches "Inbx"' in result.err
    assert "no message matches" in result.err
    store = Store.open(found.data)
    fill(store, [letter(5, "zebra"), letter(6, "zebra crossing")], indexed=False)
    store.close()
    result = found("search", "zebra")
    assert (result.code, result.out) == (0, "")
    assert "2 messages are not indexed yet" in result.err
    assert found("search", "zebra", "--json").json["not_indexed"] == 2


def test_what_may_not_be_read_is_not_searched(found: CommandLine) -> None:
    write(found, lambda connection: consents.revoke(connection, "home", ["email_read"], 2.0))
    result = found("search", "e*", "--json")
    assert {one["account"] for one in result.json["messages"]} == {"work"}
    assert result.json["total"] == 2
    assert "not searched, since email_read is not granted: home" in found("search", "e*").err
    assert subjects(found, "has:attachment OR account:home") == []
    write(found, lambda connection: consents.revoke(connection, "work", ["email_read"], 2.0))
    result = found("search", "e*")
    assert (result.code, result.out) == (3, "")
    assert "consent grant home email_read" in result.err


def test_without_a_mirror_there_is_nothing_to_search(cli: CommandLine) -> None:
    result = cli("search", "x")
    assert result.code == 1
    assert "mailsync sync" in result.err


PLAIN = [
    "search a",
    "search a b --json",
    "--data-dir d search --limit 5 --offset=3 a",
    "search --sort relevance from:x --saved",
    "-v search (a",
]


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_line_means_what_the_parser_makes_of_it(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def note(shared: Context, words: Sequence[str], **given: Any) -> int:
        usual = {"limit": searching.LIMIT, "offset": 0, "sort": "date", "saved": False, "as_json": False}
        seen.append((shared.data_dir_option, shared.verbose, list(words), usual | given))
        return 7

    from mailsync.cli.run import run

    monkeypatch.setattr(searching, "search", note)
    assert shortcut.plain(line.split(), Context()) is not None
    assert run(line.split()) == 7
    monkeypatch.setattr(shortcut, "plain", lambda words, shared: None)
    assert run(line.split()) == 7
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "line", ["search --limit 0 a", "search --limit", "search --sort=x a", "search -h", "search -- -a"]
)
def test_mistakes_are_left_to_the_parser(line: str) -> None:
    assert shortcut.plain(line.split(), Context()) is None


def test_no_word_of_a_query_is_kept(found: CommandLine, tmp_path: Path) -> None:
    found("-v", "search", "secretword")
    files = [path for path in found.data.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"secretword" in path.read_bytes()]
