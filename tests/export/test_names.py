"""Folder names on disk: distinct, the same again, and never outside."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from mailsync.export.names import Names, encoded

NASTY = [
    "..", ".", "", "../../etc/passwd", "/", "a/../b", "con", "NUL.txt", "COM1", "cur", "New", "tmp", ".hidden", "end.",
    "end ", "-rf", "a:b", 'q"', "a\\b", "*?<>|", "new\nline", "\x1b[31m", "\u202e", "\ud800", "x" * 300, "子" * 100,
    "Straße", "STRASSE", "é", "e\u0301", "Å", "\u212b", "index.jsonl", "folders.json",
    "a.mbox/b", "a", "A", "a/B", "A/b",
]  # fmt: skip


def same_on_some_disk(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def given_paths(names: list[str], ending: str) -> tuple[Names, list[str]]:
    made = Names(ending, taken=("folders.json", "index.jsonl"))
    return made, [made.path("work", name, "/") for name in names]


@given(st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=20)), unique=True), st.sampled_from(["", ".mbox"]))
def test_paths_are_safe_distinct_and_remembered(names: list[str], ending: str) -> None:
    made, paths = given_paths(names, ending)
    assert len({same_on_some_disk(path) for path in paths}) == len(paths)
    for path in paths:
        for part in path.split("/"):
            assert 0 < len(part.encode()) <= 200
            assert part.isprintable()
            assert not set('\\:*?"<>|') & set(part)
            assert part[0] not in " .-"
            assert part[-1] not in " ."
            assert part.split(".")[0].upper() not in ("CON", "NUL", "COM1")
            assert part.casefold() not in ("cur", "new", "tmp")
    document = json.loads(made.document("maildir"))
    again = Names(ending, taken=("folders.json", "index.jsonl"))
    again.remember(document["folders"])
    assert again.paths == made.paths
    assert [again.path("work", name, "/") for name in reversed(names)] == paths[::-1]


def test_readable_names_stay_as_they_are() -> None:
    for name in ("INBOX", "[Gmail]", "Ünïcode", "Lists.python", "R&D (2025)", "📨 post"):
        assert encoded(name) == name


def test_who_came_second_keeps_its_digest() -> None:
    made, (first, second) = given_paths(["Post", "post"], "")
    assert (first, second.startswith("work/post%~")) == ("work/Post", True)
    alone = Names()
    alone.remember(row for row in json.loads(made.document("maildir"))["folders"] if row["folder"] == "post")
    assert alone.path("work", "post", "/") == second


def test_paths_that_are_not_ours_are_not_taken_over() -> None:
    for path in ("../x", "work/../x", "/etc/x", "work/other", "work", 3, None):
        names = Names()
        names.remember([{"account": "work", "folder": "x", "delimiter": "/", "path": path}, {}, None])
        assert names.paths == {}
