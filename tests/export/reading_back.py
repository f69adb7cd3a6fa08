"""Exports as another program reads them: Python's `mailbox`."""

from __future__ import annotations

import contextlib
import json
import mailbox
import re
from pathlib import Path
from typing import Any

from tests.sync.rig import Truth

LETTERS = {"D": "\\Draft", "F": "\\Flagged", "P": "$Forwarded", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}
MARKS = {"R": "\\Seen", "A": "\\Answered", "D": "\\Deleted", "F": "\\Flagged", "T": "\\Draft"}


def index(dest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (dest / "index.jsonl").read_text("ascii").splitlines()]


def folders(dest: Path) -> dict[str, Path]:
    """The path of each folder of one account."""
    return {row["folder"]: dest / row["path"] for row in json.loads((dest / "folders.json").read_bytes())["folders"]}


def assert_maildir_holds(dest: Path, truth: Truth) -> None:
    """Each Maildir has exactly the messages of its folder: bytes, dates, the flags it can tell; the index the rest."""
    rows = {row["file"]: row for row in index(dest)}
    assert len(rows) == sum(len(messages) for _, messages in truth.values())
    for name, path in folders(dest).items():
        uidvalidity, messages = truth[name]
        read = mailbox.Maildir(path, create=False)
        assert len(read) == len(messages)
        assert list((path / "new").iterdir()) == list((path / "tmp").iterdir()) == []
        for file in (path / "cur").iterdir():
            key = file.name.partition(":")[0]
            row = rows[str(file.relative_to(dest))]
            stored = messages[row["uid"]]
            message = mailbox.MaildirMessage()
            message.set_info(file.name.partition(":")[2])
            assert read.get_bytes(key) == file.read_bytes() == stored.raw
            assert message.get_flags() == "".join(sorted(message.get_flags()))
            told = {flag.lower() for flag in stored.flags}
            assert set(message.get_flags()) == {letter for letter, flag in LETTERS.items() if flag.lower() in told}
            assert (set(row["flags"]), row["folder"], row["uidvalidity"]) == (set(stored.flags), name, uidvalidity)
            if stored.internaldate is not None:
                assert file.stat().st_mtime == stored.internaldate


def assert_mbox_holds(dest: Path, truth: Truth) -> None:
    """Each file reads back as the messages of its folder, in their order."""
    rows = index(dest)
    assert len(rows) == sum(len(messages) for _, messages in truth.values())
    for name, path in folders(dest).items():
        uids = sorted(truth[name][1])
        told = [row for row in rows if row["folder"] == name]
        assert [row["uid"] for row in told] == uids
        with path.open("rb") as file, contextlib.closing(mailbox.mbox(path, create=False)) as read:
            assert len(read) == len(uids)
            for key, uid, row in zip(read.keys(), uids, told, strict=True):
                stored = truth[name][1][uid]
                status, marks, keywords, body = read.get_bytes(key).split(b"\n", 3)
                assert as_it_was(body) == with_plain_ends(stored.raw)
                letters = (status.partition(b":")[2] + marks.partition(b":")[2]).decode().replace("O", "").split()
                flags = [MARKS[letter] for letter in "".join(letters)] + keywords.decode().split()[1:]
                assert set(flags) == set(stored.flags)
                file.seek(row["offset"])
                text = file.read(row["length"])
                assert text.startswith(b"From MAILER-DAEMON ")
                assert text.endswith(body + b"\n")


def as_it_was(body: bytes) -> bytes:
    """Without the quoting of mboxrd."""
    return re.sub(rb"(?m)^>(>*From )", rb"\1", body)


def with_plain_ends(raw: bytes) -> bytes:
    """The documented changes: line ends are LF, and the last line has one."""
    text = raw.replace(b"\r\n", b"\n")
    return text if text.endswith(b"\n") or not text else text + b"\n"
