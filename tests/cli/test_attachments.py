from __future__ import annotations

import hashlib
from pathlib import Path

from tests.cli.conftest import CommandLine
from tests.cli.test_consent_enforced import trail

DIGEST = hashlib.sha256(b"%PDF").hexdigest()


def test_the_list(mirrored: CommandLine) -> None:
    assert mirrored("attachments", "1").out == f"1  a.pdf  application/pdf  4 B  {DIGEST}\n"
    result = mirrored("attachments", "1", "--json")
    assert result.json == {
        "id": "1",
        "attachments": [
            {"number": 1, "name": "a.pdf", "type": "application/pdf", "size": 4, "sha256": DIGEST, "within": None}
        ],
        "dir": None,
        "saved": [],
    }
    none = mirrored("attachments", "5")
    assert (none.code, none.raw, none.err) == (0, b"", "message 5 has no attachments\n")
    assert mirrored("attachments", "99").code == 1
    thread = mirrored("attachments", "t1")
    assert (thread.code, thread.err.splitlines()[1]) == (1, "hint: its messages: mailsync thread t1")
    assert mirrored("attachments", "1", "--number", "2").err.startswith("error: message 1 has no attachment 2\n")


def test_saving(mirrored: CommandLine, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    assert mirrored("attachments", "1", "--save", str(dest)).out == f"{dest}/a.pdf  4 B\n"
    assert mirrored("attachments", "1", "--save", str(dest)).out == f"{dest}/a.pdf  4 B, already there\n"
    result = mirrored("attachments", "1", "--save", str(dest), "--number", "1", "--json")
    assert result.json["dir"] == str(dest)
    assert result.json["saved"] == [{"number": 1, "file": "a.pdf", "size": 4, "sha256": DIGEST, "written": False}]
    assert (dest / "a.pdf").read_bytes() == b"%PDF"
    told = {"form": "attachments", "messages": 1, "files": 1, "bytes": 0, "written": 0}
    first, *later = trail(mirrored, "exported")
    assert first == ("work", "ok", told | {"bytes": 4, "written": 1})
    assert later == [("work", "ok", told)] * 2


def test_a_file_is_no_place_to_save_to(mirrored: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = mirrored("attachments", "1", "--save", str(tmp_path / "file"))
    assert (result.code, result.raw) == (1, b"")
    assert result.err.splitlines()[1:] == ["hint: name a directory, or what is not there yet"]


def test_nothing_is_saved_without_consent(mirrored: CommandLine, tmp_path: Path) -> None:
    mirrored("consent", "revoke", "work", "attachment_access")
    assert mirrored("attachments", "1").code == 0
    result = mirrored("attachments", "1", "--save", str(tmp_path / "out"))
    assert (result.code, result.raw, (tmp_path / "out").exists()) == (3, b"", False)
    assert "hint: run: mailsync consent grant work attachment_access" in result.err
    mirrored("consent", "revoke", "work", "email_read")
    assert mirrored("attachments", "1").code == 3
