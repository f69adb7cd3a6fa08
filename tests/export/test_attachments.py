"""Attachments become files: under harmless names, in the directory and nowhere else, once."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.errors import ConsentMissing, MessageFailed
from mailsync.export import attachments as leaving
from mailsync.export.filenames import file_name, numbered
from mailsync.export.tree import Busy, Tree
from mailsync.store import audit, consents, reading
from mailsync.store.codec import SAMPLES, dictionary_of
from mailsync.store.database import Store
from tests.store.filled import fill

NASTY = {
    "../../etc/passwd": "passwd",
    "..\\..\\boot.ini": "boot.ini",
    "C:\\temp\\x.exe": "x.exe",
    "/": "attachment-3.pdf",
    "..": "attachment-3.pdf",
    ". .hidden ": "hidden",
    "-rf": "_-rf",
    "a:b|c?.txt": "a_b_c_.txt",
    "invoice\u202efdp.exe": "invoicefdp.exe",
    "two\r\nlines\t.txt": "two lines .txt",
    "\x1b[31mred\0.txt": "[31mred.txt",
    "CON": "_CON",
    "con .tar.gz": "_con .tar.gz",
    "com¹.txt": "_com¹.txt",
    "end. .": "end",
    "Cafe\u0301.pdf": "Café.pdf",
    "x" * 300 + ".pdf": "x" * 176 + ".pdf",
    "子" * 100: "子" * 60,
    "Grüße 📎.pdf": "Grüße 📎.pdf",
}


def message(*files: tuple[str, bytes]) -> bytes:
    parts = b"".join(
        b"--b\r\nContent-Type: a/b; name*=utf-8''%s\r\n\r\n%s\r\n"
        % ("".join(f"%{byte:02x}" for byte in name.encode()).encode(), content)
        for name, content in files
    )
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "data")
    yield store
    store.close()


def allow(store: Store) -> None:
    store.write(lambda connection: consents.grant(connection, "work", ["attachment_access"], 1.0)).result()


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


@pytest.mark.parametrize("name", NASTY)
def test_nasty_names(name: str) -> None:
    assert file_name(name, "application/pdf", 3) == NASTY[name]


@given(st.text(max_size=40) | st.text("./\\: -\u202e\u0301CONaux¹", max_size=12), st.integers(1, 3))
def test_every_name_is_harmless(name: str, count: int) -> None:
    *_, made = (one for one, _ in zip(numbered(file_name(name, "image/png", 1)), range(count), strict=False))
    assert 0 < len(made.encode()) < 200
    assert not set('/\\:*?"<>|') & set(made)
    assert made[0] not in " .-"
    assert made[-1] not in " ."
    assert made == unicodedata.normalize("NFC", made)
    assert not any(unicodedata.category(char)[0] == "C" for char in made)
    assert made.split(".")[0].strip().upper() not in ("CON", "AUX", "COM¹")
    if count == 1:
        assert file_name(made, "image/png", 1) == made


def test_files_are_private_whole_and_written_once(store: Store, tmp_path: Path) -> None:
    (number,) = fill(
        store,
        [
            message(
                ("a.txt", b"one"),
                ("A.TXT", b"two"),
                ("a.txt", b"one"),
                ("../a.txt", b"three"),
                ("é", b"1"),
                ("e\u0301", b"2"),
            )
        ],
    )
    allow(store)
    dest = tmp_path / "new" / "out"
    saved = leaving.save(store, number, dest)
    assert [(one.name, one.written) for one in saved] == [
        ("a.txt", True),
        ("A (2).TXT", True),
        ("a.txt", False),
        ("a (3).txt", True),
        ("é", True),
        ("é (2)", True),
    ]
    assert {path.name: path.read_bytes() for path in dest.iterdir()} == {
        "a.txt": b"one",
        "A (2).TXT": b"two",
        "a (3).txt": b"three",
        "é": b"1",
        "é (2)": b"2",
    }
    assert {path.stat().st_mode & 0o777 for path in dest.iterdir()} == {0o600}
    before = state(dest)
    again = leaving.save(store, number, dest)
    assert [one.name for one in again] == [one.name for one in saved]
    assert not any(one.written for one in again)
    assert state(dest) == before
    with store.read() as connection:
        rows = audit.listing(connection, action="exported")
    assert '"bytes":13,"files":6,"form":"attachments","messages":1,"written":5' in rows[0].detail


def test_a_large_one_is_whole_however_it_was_packed(store: Store, tmp_path: Path) -> None:
    """Longer than what is unpacked and decoded at a time, in a message with a dictionary of its own."""
    content = os.urandom(700_000)
    encoded = base64.encodebytes(content)
    large = (
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: a/b; name=large\n"
        b"Content-Transfer-Encoding: base64\n\n" + encoded + b"--b\nContent-Type: a/b; name=small\n\nx\n--b--\n"
    )
    letters = [b"Subject: %d\n\n%s" % (number, os.urandom(20).hex().encode() * 9) for number in range(SAMPLES)]
    number = fill(store, [*letters, large], indexed=False)[-1]
    allow(store)
    with store.read() as connection:
        (frame,) = connection.execute("SELECT body FROM contents ORDER BY id DESC LIMIT 1").fetchone()
    assert dictionary_of(frame)
    saved = leaving.save(store, number, tmp_path / "out")
    assert [(one.name, one.size) for one in saved] == [("large", 700_000), ("small", 1)]
    assert (tmp_path / "out" / "large").read_bytes() == content
    assert (tmp_path / "out" / "small").read_bytes() == b"x"


def test_what_is_there_stays(store: Store, tmp_path: Path) -> None:
    (number,) = fill(store, [message(("a", b"new"), ("link", b"new"), ("pipe", b"new"))])
    allow(store)
    (tmp_path / "target").write_bytes(b"new")
    dest = tmp_path / "out"
    dest.mkdir()
    (dest / "a").write_bytes(b"old")
    (dest / "link").symlink_to(tmp_path / "target")
    os.mkfifo(dest / "pipe")
    (dest / ".mailsync-0123456789abcdef.tmp").symlink_to(tmp_path / "target")
    assert [one.name for one in leaving.save(store, number, dest)] == ["a (2)", "link (2)", "pipe (2)"]
    assert (dest / "a").read_bytes() == b"old"
    assert (tmp_path / "target").read_bytes() == b"new"
    assert not (dest / ".mailsync-0123456789abcdef.tmp").is_symlink()


def test_symbolic_links_that_race_lead_nowhere(store: Store, tmp_path: Path) -> None:
    (number,) = fill(store, [message(*((f"{name}.txt", b"content") for name in range(50)))])
    allow(store)
    dest, moved, outside = tmp_path / "out", tmp_path / "moved", tmp_path / "outside"
    dest.mkdir()
    outside.mkdir()
    stop = threading.Event()

    def race() -> None:
        dest.rename(moved)
        dest.symlink_to(outside)
        while not stop.is_set():
            for name in ("7.txt", "40.txt", "40 (2).txt"):
                with contextlib.suppress(OSError):
                    (moved / name).symlink_to(outside / name)

    thread = threading.Thread(target=race)
    original = Tree.names

    def names(self: Tree, path: str) -> Iterator[str]:
        found = list(original(self, path))
        thread.start()
        while not dest.is_symlink():
            pass
        return iter(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tree, "names", names)
        saved = leaving.save(store, number, dest)
    stop.set()
    thread.join()
    assert list(outside.iterdir()) == []
    assert {(moved / one.name).read_bytes() for one in saved if not (moved / one.name).is_symlink()} == {b"content"}
    assert sum(not path.is_symlink() for path in moved.iterdir()) == 50


def test_without_hard_links(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (number,) = fill(store, [message(("a", b"one"), ("b", b"two"))])
    allow(store)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    leaving.save(store, number, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {"a": b"one", "b": b"two"}


def test_consent_is_asked_for_each_time(store: Store, tmp_path: Path) -> None:
    (number,) = fill(store, [message(("a", b"x"))])
    dest = tmp_path / "out"
    with pytest.raises(ConsentMissing, match="attachment_access"):
        leaving.save(store, number, dest)
    assert not dest.exists()
    allow(store)
    leaving.save(store, number, dest)
    store.write(lambda connection: consents.revoke(connection, "work", ["attachment_access"], 2.0)).result()
    with pytest.raises(ConsentMissing):
        leaving.save(store, number, dest)


def test_what_is_not_indexed_yet_is_parsed_now(store: Store, tmp_path: Path) -> None:
    raw = message(("a", b"x"), ("b", b"y"))
    first, second = fill(store, [raw, raw + b"epilogue"], indexed=False)
    with store.read() as connection:
        before = [
            leaving.listed(connection, one) for number in (first, second) if (one := reading.find(connection, number))
        ]
    fill(store, [])
    with store.read() as connection:
        after = [
            leaving.listed(connection, one) for number in (first, second) if (one := reading.find(connection, number))
        ]
    assert before == after
    assert [one.digest for one in after[0]] == [hashlib.sha256(text).digest() for text in (b"x", b"y")]


def test_bytes_that_are_not_what_was_listed_leave_no_file(store: Store, tmp_path: Path) -> None:
    (number,) = fill(store, [message(("a", b"one"), ("b", b"two"))])
    allow(store)
    store.write(
        lambda connection: connection.execute("UPDATE attachments SET start = start - 1 WHERE number = 2")
    ).result()
    with pytest.raises(MessageFailed):
        leaving.save(store, number, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
    with store.read() as connection:
        (row,) = audit.listing(connection, action="exported")
    assert (row.outcome, '"written":1' in row.detail) == ("MessageFailed", True)


def test_one_at_a_time(store: Store, tmp_path: Path) -> None:
    (number,) = fill(store, [message(("a", b"one"))])
    allow(store)
    with Tree(tmp_path), pytest.raises(Busy):
        leaving.save(store, number, tmp_path)
