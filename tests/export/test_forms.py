"""Exports of a small mirror: repeated after changes, side by side, killed, and into directories that hold something."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mailsync.export import chosen, mbox
from mailsync.model import Flag
from mailsync.store import messages, reading
from mailsync.store.database import Operation, Store
from mailsync.store.reading import StoredMessage
from tests.cli import mirror
from tests.cli.conftest import CommandLine, cli, mirrored
from tests.export.reading_back import assert_maildir_holds, assert_mbox_holds, index
from tests.export.reading_back import folders as folders_of
from tests.sync.rig import Held, Truth

__all__ = ["cli", "mirrored"]

CHECKS = {"maildir": assert_maildir_holds, "mbox": assert_mbox_holds}


def change(cli: CommandLine, *operations: Operation) -> None:
    store = Store.open(cli.data)
    try:
        for operation in operations:
            store.write(operation).result()
    finally:
        store.close()


def as_truth(content: mirror.Content) -> Truth:
    return {
        name: (7, {uid: Held(raw, frozenset(flags), date) for uid, (raw, flags, date) in enumerate(entries, 1)})
        for name, entries in content.items()
    }


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_what_is_in_the_mirror_is_in_the_files(mirrored: CommandLine, tmp_path: Path, form: str) -> None:
    dest = tmp_path / "out"
    result = mirrored("export", form, str(dest), "--json")
    assert (result.code, result.json["written"], result.json["gone"]) == (0, 5, 0)
    CHECKS[form](dest, as_truth(mirror.CONTENT))
    for path in (dest, *dest.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
    before = {path: path.stat().st_ctime_ns for path in dest.rglob("*") if path.is_file()}
    assert mirrored("export", form, str(dest), "--json").json["unchanged"] == 5
    assert {path: path.stat().st_ctime_ns for path in dest.rglob("*") if path.is_file()} == before


def test_maildir_follows_flags_moves_and_other_programs(mirrored: CommandLine, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    mirrored("export", "maildir", str(dest))
    inbox = folders_of(dest)["INBOX"]
    (second,) = (inbox / "cur").glob("2.*")
    second.rename(inbox / "new" / second.name.replace(":2,", ":2,Sa"))
    (third,) = (inbox / "cur").glob("3.*")
    third.write_bytes(b"damaged")
    star = folders_of(dest)["*star"]
    change(
        mirrored,
        lambda c: messages.set_flags(c, 1, [(1, int(Flag.ANSWERED), "$Forwarded x")]),
        lambda c: c.execute("UPDATE messages SET folder_id = 1, uid = 9 WHERE id = 5").rowcount,
        lambda c: messages.remove(c, 2, [1], 2.0, "expunged"),
    )
    result = mirrored("export", "maildir", str(dest), "--json")
    told = {name: result.json[name] for name in ("written", "renamed", "unchanged", "gone")}
    assert told == {"written": 1, "renamed": 3, "unchanged": 0, "gone": 1}
    assert "1 message of earlier exports kept" in result.err
    assert sorted(path.name.partition(".")[0] for path in (inbox / "cur").iterdir()) == ["1", "2", "3", "5"]
    assert [path.name[-5:] for path in (inbox / "cur").glob("1.*")] == [":2,PR"]
    assert list((inbox / "new").iterdir()) == list((star / "cur").iterdir()) == []
    assert len(index(dest)) == 4
    with (dest / "index.jsonl").open("a") as lines:
        lines.write('{"id": "99", "account": "work", "folder": "INBOX", "sha256": null}\nnonsense\n')
    assert mirrored("export", "maildir", str(dest), "--folder", "*star", "--json").code == 0
    assert len(index(dest)) == 4


def test_mbox_grows_at_its_end_only(mirrored: CommandLine, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    mirrored("export", "mbox", str(dest), "--folder", "INBOX")
    path = folders_of(dest)["INBOX"]
    before = path.read_bytes()
    change(
        mirrored,
        lambda c: messages.set_flags(c, 1, [(1, 0, "")]),
        lambda c: messages.remove(c, 1, [2], 2.0, "expunged"),
        lambda c: c.execute("UPDATE messages SET folder_id = 1, uid = 9 WHERE id = 5").rowcount,
    )
    result = mirrored("export", "mbox", str(dest), "--json")
    assert (result.json["written"], result.json["unchanged"], result.json["gone"]) == (2, 2, 1)
    assert path.read_bytes().startswith(before)
    assert path.read_bytes()[len(before) :].endswith(b"Subject: star\n\nx\n\n")


def test_a_changed_mbox_is_not_touched(mirrored: CommandLine, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    mirrored("export", "mbox", str(dest))
    path = folders_of(dest)["INBOX"]
    with path.open("ab") as file:
        file.write(b"From someone else\n\n")
    before = path.read_bytes()
    for _ in range(2):
        result = mirrored("export", "mbox", str(dest))
        assert result.code == 1
        assert "was changed by another program" in result.err
        assert path.read_bytes() == before


def test_lines_that_look_like_the_start_of_a_message_are_quoted(cli: CommandLine, tmp_path: Path) -> None:
    content: mirror.Content = {
        "INBOX": [
            (b"From me\r\nSubject: x\r\n\r\nFrom a\r\n>From b\r\n>>From c\n From d\r\nFrom\r\nend", ["\\Seen"], 1),
            (b"\r\n\r\nFrom x", ["\\Deleted", "\\Draft", "a", "b"], -5),
        ]
    }
    mirror.make(cli.data, content=content)
    cli("export", "mbox", str(tmp_path / "out"))
    assert_mbox_holds(tmp_path / "out", as_truth(content))
    text = folders_of(tmp_path / "out")["INBOX"].read_bytes()
    assert text.count(b"\n>From ") + text.count(b"\n>>From ") + text.count(b"\n>>>From ") == 5
    assert text.startswith(
        b"From MAILER-DAEMON Thu Jan  1 00:00:01 1970\nStatus: RO\nX-Status: \nX-Keywords: \n>From me"
    )


def test_one_directory_holds_one_form_and_one_export_at_a_time(mirrored: CommandLine, tmp_path: Path) -> None:
    for form, other in (("eml", "mbox"), ("mbox", "maildir"), ("maildir", "eml")):
        dest = tmp_path / form
        assert mirrored("export", form, str(dest)).code == 0
        result = mirrored("export", other, str(dest))
        assert (result.code, f"holds an export as {form}" in result.err) == (2, True)
        descriptor = os.open(dest, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        result = mirrored("export", form, str(dest))
        os.close(descriptor)
        assert (result.code, "another export is being written" in result.err) == (1, True)
        assert mirrored("export", form, str(dest)).code == 0


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_no_symbolic_link_leads_out(mirrored: CommandLine, tmp_path: Path, form: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "work").symlink_to(tmp_path / "elsewhere")
    assert mirrored("export", form, str(tmp_path / "out")).code == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("form", ["maildir", "mbox", "eml"])
def test_interrupted_and_run_again(
    mirrored: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    loaded = reading.raw

    def interrupted(connection: sqlite3.Connection, message: StoredMessage) -> bytes | None:
        if message.id == 4:
            raise KeyboardInterrupt
        return loaded(connection, message)

    with monkeypatch.context() as patched:
        patched.setattr(reading, "raw", interrupted)
        result = mirrored("export", form, str(tmp_path / "out"))
    assert (result.code, result.raw) == (130, b"")
    assert result.err.startswith("error: the export was stopped\nhint: run it again")
    again = mirrored("export", form, str(tmp_path / "out"), "--json").json
    assert again["written"] + again["unchanged"] == 5
    assert len(index(tmp_path / "out")) == 5


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_killed_anywhere_and_run_again(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    content: mirror.Content = {
        name: [(b"Subject: %d\r\n\r\nFrom %s\r\n" % (n, name.encode() * 400), ["\\Seen"], n) for n in range(700)]
        for name in ("INBOX", "Lists/a")
    }
    mirror.make(cli.data, content=content)
    dest = tmp_path / "out"
    command = [sys.executable, "-m", "mailsync", "--config", str(cli.config), "--data-dir", str(cli.data)]
    chance = random.Random(5)
    torn = 0
    for _ in range(6):
        run = subprocess.Popen([*command, "export", form, str(dest)], stdout=subprocess.DEVNULL)
        while run.poll() is None and not (dest / "folders.json").exists():
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.12))
        run.send_signal(signal.SIGKILL)
        torn += run.wait() == -signal.SIGKILL
    assert torn
    if form == "mbox":  # as a kill between the messages and their rows leaves it
        (dest / mbox.UNFINISHED).write_text("work/INBOX.mbox")
        with (dest / "work" / "INBOX.mbox").open("ab") as file:
            file.write(b"From MAILER-DAEMON Thu")
        with (dest / "index.jsonl").open("ab") as file:
            file.write(b'{"file": "wo')
        assert cli("export", form, str(dest), "--folder", "Lists/a").code == 0
    monkeypatch.setattr(chosen, "PAGE", 90)
    assert cli("export", form, str(dest)).code == 0
    CHECKS[form](dest, as_truth(content))
    assert not (dest / mbox.UNFINISHED).exists()


def test_folder_names_that_servers_think_up(cli: CommandLine, tmp_path: Path) -> None:
    names = [
        "..",
        "../../x",
        "cur",
        "a/new",
        "A",
        "a",
        "é",
        "e\u0301",
        "CON",
        "x" * 300,
        "new\nline",
        "index.jsonl",
        "a.mbox/b",
    ]
    content: mirror.Content = {name: [(name.encode(), [], 1)] for name in names}
    mirror.make(cli.data, content=content)
    for form, check in CHECKS.items():
        assert cli("export", form, str(tmp_path / form / "out")).code == 0
        check(tmp_path / form / "out", as_truth(content))
        assert [path.name for path in (tmp_path / form).iterdir()] == ["out"]
        assert sorted(path.name for path in (tmp_path / form / "out").iterdir()) == [
            "folders.json",
            "index.jsonl",
            "work",
        ]
