from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.config.selection import is_selected, matches


@pytest.mark.parametrize(
    ("pattern", "name", "special_use", "expected"),
    [
        ("*", "a/b/c", "", True),
        ("Archive/*", "Archive/2024/05", "", True),
        ("Archive/*", "Archive", "", False),
        ("*/05", "Archive/2024/05", "", True),
        ("inbox", "INBOX", "", True),
        ("INBOX", "Inbox", "", True),
        ("inbox/a", "INBOX/a", "", False),
        ("work", "Work", "", False),
        ("\\Junk", "Spam", "\\Junk", True),
        ("\\junk", "Spam", "\\Junk", True),
        ("\\Junk", "\\Junk", "", False),
        ("\\Trash", "Spam", "\\Junk", False),
        ("\\All", "[Gmail]/All Mail", "\\All \\Important", True),
        ("[Gmail]/*", "[Gmail]/Spam", "", True),
        ("[Gmail]/*", "G/Spam", "", False),
        ("*star", "*star", "", True),
        ("\\*star", "*star", "", True),
        ("\\*star", "xstar", "", False),
        ("back\\slash", "back\\slash", "", True),
        ("wh?t", "what", "", True),
        ("wh?t", "wht", "", False),
        ("line*", "line\nbreak", "", True),
        ("%pct", "%pct", "", True),
        ("%", "a", "", False),
    ],
)
def test_patterns(pattern: str, name: str, special_use: str, expected: bool) -> None:
    assert matches(pattern, name, special_use) is expected


def test_composed_and_decomposed_names_are_the_same() -> None:
    assert matches(unicodedata.normalize("NFC", "Ünïcode/*"), unicodedata.normalize("NFD", "Ünïcode/子"))


def test_exclude_wins() -> None:
    assert is_selected("a", "", ["*"], ["b"])
    assert not is_selected("b", "", ["*"], ["b"])
    assert not is_selected("Spam", "\\Junk", ["*"], ["\\Junk", "\\Trash"])
    assert not is_selected("a", "", [], [])


@given(st.text(max_size=40))
def test_every_name_is_matched_by_itself(name: str) -> None:
    # Three words are special uses and never names.
    assert matches(name, name) or name.startswith("\\")
    assert is_selected(name, "", ["*"], [])


@given(st.text(alphabet="ab*?\\[", max_size=12), st.text(alphabet="ab*?\\[/", max_size=12))
def test_any_pattern_works(pattern: str, name: str) -> None:
    assert isinstance(matches(pattern, name), bool)
