from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine


def forge(cli: CommandLine, statement: str) -> None:
    with sqlite3.connect(cli.data / "mailsync.db") as connection:
        for name in ("is_not_changed", "is_not_cut"):
            connection.execute(f"DROP TRIGGER audit_log_{name}")
        connection.execute(statement)
    connection.close()


@pytest.fixture
def used(cli: CommandLine) -> CommandLine:
    cli("consent", "grant", "work", "--all")
    cli("consent", "revoke", "work", "email_read")
    return cli


def test_list(used: CommandLine) -> None:
    entries = used("audit", "list", "--json").json["entries"]
    assert [(entry["seq"], entry["action"]) for entry in entries] == [
        (1, "audit_started"),
        (2, "consent_granted"),
        (3, "consent_revoked"),
    ]
    assert entries[2]["detail"] == {"email_read": True}
    assert entries[2]["account"] == "work"
    assert entries[0]["at"].endswith("Z")
    lines = used("audit", "list").out.splitlines()
    assert re.search(r"^3  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  work  consent_revoked  ok  email_read", lines[2])

    def seqs(*options: str) -> list[int]:
        return [entry["seq"] for entry in used("audit", "list", "--json", *options).json["entries"]]

    assert seqs("--account", "work") == [2, 3]
    assert seqs("--action", "consent_granted") == [2]
    assert seqs("--limit", "1") == [3]
    assert seqs("--since", "1h") == [1, 2, 3]
    assert seqs("--since", "2999-01-01") == []
    assert used("audit", "list", "--account", "nobody").err == "no entries\n"


@pytest.mark.parametrize(
    "options", [["--since", "yesterday"], ["--action", "dreamt"], ["--limit", "0"], ["--since", "0001-01-01T00:00"]]
)
def test_wrong_usage(used: CommandLine, options: list[str]) -> None:
    result = used("audit", "list", *options)
    assert (result.code, result.raw) == (2, b"")
    assert result.err.splitlines()[1].startswith("hint: ")


def test_verify(used: CommandLine) -> None:
    result = used("audit", "verify")
    assert result.code == 0
    assert re.fullmatch(r"ok: 3 rows\nhead: [0-9a-f]{64}\n", result.out)
    head = result.out.split()[-1]
    used("consent", "grant", "work", "email_read")
    document = used("audit", "verify", "--json", "--head", head.upper()).json
    assert (document["ok"], document["rows"], document["expected"]) == (True, 4, {"head": head, "seq": 3})
    assert used("audit", "verify", "--head", head).out.startswith("ok: 4 rows, 1 row since that head\n")

    result = used("audit", "verify", "--head", "0" * 64)
    assert (result.code, result.raw) == (1, b"")
    assert "the trail was written anew" in result.err
    result = used("audit", "verify", "--head", "abc")
    assert result.code == 2


def test_what_was_done_to_it_is_told(used: CommandLine) -> None:
    forge(used, "UPDATE audit_log SET detail = 'no JSON' WHERE seq = 2")
    result = used("audit", "verify")
    assert (result.code, result.raw) == (1, b"")
    assert result.err.splitlines()[0] == "error: row 2 was altered"
    assert result.err.splitlines()[-1].startswith("hint: ")
    document = used("audit", "verify", "--json").json
    assert document["breaks"] == [{"seq": 2, "count": 1, "what": "altered", "text": "row 2 was altered"}]
    assert used("audit", "list").code == 0  # and it can still be read


def test_no_trail_yet(cli: CommandLine, tmp_path: Path) -> None:
    assert cli("audit", "verify").code == 1
    assert not (tmp_path / "data").exists()
