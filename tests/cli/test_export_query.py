"""`mailsync export --query`: what a query finds leaves, repeatably; what it no longer finds stays where it was."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from mailsync.store.database import Store
from tests.cli.conftest import CommandLine
from tests.store.filled import Letter, fill


def letter(number: int, subject: str) -> bytes:
    return f"Subject: {subject}\r\nMessage-ID: <{number}@x>\r\nFrom: a@example.org\r\n\r\ntext {number}\r\n".encode()


LETTERS = [
    Letter(letter(1, "apple"), "INBOX", flags=4),
    Letter(letter(2, "apple pear"), "Archive"),
    Letter(letter(3, "pear"), "INBOX"),
    Letter(letter(4, "plum"), "Other"),
]


@pytest.fixture
def filled(cli: CommandLine) -> CommandLine:
    store = Store.open(cli.data)
    fill(store, LETTERS)
    store.close()
    return cli


def rows(dest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (dest / "index.jsonl").read_text().splitlines()]


def files(dest: Path) -> list[str]:
    return sorted(str(path.relative_to(dest)) for path in dest.rglob("*") if path.is_file())


def change(cli: CommandLine, sql: str) -> None:
    store = Store.open(cli.data)
    store.write(lambda connection: connection.execute(sql)).result()
    store.close()


def count(form: str, dest: Path) -> int:
    """How many messages lie there."""
    if form == "mbox":
        return sum(path.read_bytes().count(b"From MAILER-DAEMON") for path in dest.rglob("*.mbox"))
    return sum(1 for name in files(dest) if name.endswith(".eml") or "/cur/" in name)


@pytest.mark.parametrize("form", ["eml", "maildir", "mbox"])
def test_what_the_query_finds_leaves_once_and_what_it_finds_no_more_stays(
    filled: CommandLine, tmp_path: Path, form: str
) -> None:
    dest = tmp_path / "out"

    def export(*more: str) -> Any:
        result = filled("export", form, str(dest), "--json", *more)
        assert result.code == 0, result.err
        return result.json

    assert export("--query", "apple")["written"] == 2
    assert {row["id"] for row in rows(dest)} == {"1", "2"}
    assert not [name for name in files(dest) if "Other" in name]
    again = export("--query", "apple")
    assert (again["written"], again["unchanged"], again.get("gone", 0)) == (0, 2, 0)
    before = files(dest)
    change(filled, "UPDATE messages SET flags = 1 WHERE id = 1")
    assert export("--query", "is:flagged OR pear")["written"] == 1
    assert {row["id"] for row in rows(dest)} == {"1", "2", "3"}
    assert set(before) <= set(files(dest))
    assert count(form, dest) == 3
    everything = export()
    assert everything["written"] == 1
    assert count(form, dest) == 4


def test_folders_and_accounts_narrow_a_query(filled: CommandLine, tmp_path: Path) -> None:
    result = filled("export", "eml", str(tmp_path / "out"), "--query", "apple", "--folder", "INBOX", "--json")
    assert result.json["written"] == 1


def test_nothing_found_is_an_empty_export(filled: CommandLine, tmp_path: Path) -> None:
    for form in ("eml", "maildir", "mbox"):
        result = filled("export", form, str(tmp_path / form), "--query", "folder:nix OR zebra")
        assert result.code == 0
        assert 'no folder matches "nix"' in result.err
        assert count(form, tmp_path / form) == 0


def test_a_wrong_query_writes_nothing(filled: CommandLine, tmp_path: Path) -> None:
    result = filled("export", "eml", str(tmp_path / "out"), "--query", "apple nope:x")
    assert result.code == 2
    assert "column 7" in result.err
    assert not (tmp_path / "out").exists()


def test_what_is_not_indexed_yet_is_told(filled: CommandLine, tmp_path: Path) -> None:
    store = Store.open(filled.data)
    fill(store, [letter(9, "apple pie")], indexed=False)
    store.close()
    result = filled("export", "eml", str(tmp_path / "out"), "--query", "apple", "--json")
    assert result.json["written"] == 2
    assert "not indexed yet" in result.err


def test_a_query_is_resumed_after_a_stop(filled: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mailsync.store import reading

    real, calls = reading.raw, []

    def raw(connection: sqlite3.Connection, message: reading.StoredMessage) -> bytes | None:
        calls.append(message.id)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(connection, message)

    dest = tmp_path / "out"
    monkeypatch.setattr(reading, "raw", raw)
    assert filled("export", "mbox", str(dest), "--query", "apple").code == 130
    result = filled("export", "mbox", str(dest), "--query", "apple", "--json")
    assert result.json["written"] + result.json["unchanged"] == 2
    assert count("mbox", dest) == 2
