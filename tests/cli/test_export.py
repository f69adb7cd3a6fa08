from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from mailsync.export import chosen
from mailsync.store import messages
from mailsync.store.database import Store
from tests.cli import mirror
from tests.cli.conftest import CommandLine
from tests.cli.mirror import CONTENT


def index(dest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (dest / "index.jsonl").read_text("ascii").splitlines()]


def state(dest: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in dest.iterdir()}


def test_every_message_and_its_row(mirrored: CommandLine, tmp_path: Path) -> None:
    dest = tmp_path / "a" / "out"
    result = mirrored("export", "eml", str(dest), "--json")
    assert (result.code, result.json["written"], result.json["unchanged"]) == (0, 5, 0)
    rows = index(dest)
    expected = [(folder, uid, entry) for folder, entries in CONTENT.items() for uid, entry in enumerate(entries, 1)]
    assert len(rows) == len(expected)
    for number, (row, (folder, uid, (raw, flags, _))) in enumerate(zip(rows, expected, strict=True), 1):
        assert (dest / row["file"]).read_bytes() == raw
        assert sorted(row.pop("flags")) == sorted(flags)
        assert row.pop("internaldate") in (
            "2025-03-04T09:11:10Z",
            "2025-03-04T09:11:11Z",
            None,
            "1970-01-01T00:00:00Z",
            "1970-01-01T00:00:01Z",
        )
        assert row == {
            "file": f"{number}.eml",
            "id": str(number),
            "account": "work",
            "folder": folder,
            "uidvalidity": 7,
            "uid": uid,
            "sha256": hashlib.sha256(raw).hexdigest(),
        }
    assert {path.stat().st_mode & 0o777 for path in dest.iterdir()} == {0o600}
    assert dest.stat().st_mode & 0o777 == 0o700


def test_a_second_run_writes_nothing(mirrored: CommandLine, tmp_path: Path) -> None:
    mirrored("export", "eml", str(tmp_path / "out"))
    before = state(tmp_path / "out")
    result = mirrored("export", "eml", str(tmp_path / "out"), "--json")
    assert (result.json["written"], result.json["unchanged"]) == (0, 5)
    assert state(tmp_path / "out") == before


def test_damage_is_repaired(mirrored: CommandLine, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    mirrored("export", "eml", str(dest))
    before = {name: content for name, (_, content) in state(dest).items()}
    (dest / "1.eml").write_bytes(b"x")
    (dest / "2.eml").unlink()
    (dest / "2.eml").symlink_to(tmp_path / "elsewhere")
    (dest / "index.jsonl").write_text("nonsense\n[]\n{}")
    (dest / ".3.eml.tmp").write_bytes(b"left by a killed run")
    assert mirrored("export", "eml", str(dest), "--json").json["written"] == 2
    (dest / ".3.eml.tmp").unlink()
    assert {name: content for name, (_, content) in state(dest).items()} == before
    assert not (tmp_path / "elsewhere").exists()


def test_folders_and_accounts_one_after_another_share_an_index(mirrored: CommandLine, tmp_path: Path) -> None:
    mirror.make(mirrored.data, "home", {"INBOX": [(b"Subject: home\r\n\r\n", [], None)]})
    dest = tmp_path / "out"

    def exported(*filters: str) -> list[str]:
        assert mirrored("export", "eml", str(dest), *filters).code == 0
        return [row["id"] for row in index(dest)]

    assert exported("--folder", "*star") == ["5"]
    assert exported("--folder", "Ün*") == ["4", "5"]
    assert exported("--account", "home") == ["4", "5", "6"]
    assert exported("--folder", "inbox") == ["1", "2", "3", "4", "5", "6"]
    assert exported("--folder", "INBOX", "--account", "home") == ["1", "2", "3", "4", "5", "6"]
    remove(mirrored, 1, [2])
    assert exported("--account", "home") == ["1", "2", "3", "4", "5", "6"]
    assert exported("--folder", "INBOX") == ["1", "3", "4", "5", "6"]
    assert (dest / "2.eml").exists()
    (dest / "4.eml").unlink()
    assert exported("--folder", "INBOX") == ["1", "3", "5", "6"]
    assert exported() == ["1", "3", "4", "5", "6"]


def remove(cli: CommandLine, folder_id: int, uids: list[int]) -> None:
    store = Store.open(cli.data)
    try:
        store.write(lambda connection: messages.remove(connection, folder_id, uids, 2.0, "expunged")).result()
    finally:
        store.close()


def test_many_messages_are_read_in_pages(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen, "PAGE", 4)
    mirror.make(cli.data, content={"INBOX": [(b"Subject: %d\r\n\r\n" % number, [], None) for number in range(8)]})
    cli("export", "eml", str(tmp_path / "out"))
    assert [row["id"] for row in index(tmp_path / "out")] == [str(number) for number in range(1, 9)]


def test_what_was_not_fetched_is_left_out(mirrored: CommandLine, tmp_path: Path) -> None:
    store = Store.open(mirrored.data)
    store.write(lambda c: messages.add_without_content(c, 1, [(50, 0, "", None, 99)], 1.0)).result()
    store.close()
    result = mirrored("export", "eml", str(tmp_path / "out"), "--json")
    assert (result.code, result.json["skipped"], result.json["written"]) == (0, 1, 5)
    assert result.err == "1 message left out: not fetched yet\n"


def test_wrong_names(mirrored: CommandLine, tmp_path: Path) -> None:
    assert mirrored("export", "eml", str(tmp_path / "out"), "--account", "nope").code == 2
    assert mirrored("export", "eml", str(tmp_path / "out"), "--folder", "nope").code == 1
    assert mirrored("export", "tar", str(tmp_path / "out")).code == 2
    (tmp_path / "file").write_text("x")
    result = mirrored("export", "eml", str(tmp_path / "file"))
    assert result.code == 1
    assert result.err.startswith("error: ")
