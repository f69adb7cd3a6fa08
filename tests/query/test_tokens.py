"""The words of a text: the same as FTS5's own, and scripts without blanks between words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.query.tokens import indexable, readable, tokens


@pytest.fixture(scope="module")
def index() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE words USING fts5(x, tokenize = 'unicode61 remove_diacritics 2')")
        connection.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(words, 'instance')")
        yield connection


def fts5(index: sqlite3.Connection, text: str) -> list[str]:
    index.execute("DELETE FROM words")
    index.execute("INSERT INTO words (x) VALUES (?)", (text,))
    return [term for (term,) in index.execute("SELECT term FROM terms ORDER BY offset")]


def test_every_character_is_what_the_index_makes_of_it(index: sqlite3.Connection) -> None:
    # Each within a word and as a word of its own, 4,096 at a time; of the empty planes their beginnings.
    for start in (*range(0, 0x20000, 4096), 0x20000, 0x30000, 0xE0000, 0xE1000, 0xF0000, 0x10F000):
        text = " ".join(f"q{chr(code)}q {chr(code)}" for code in range(start, start + 4096) if code >> 11 != 0x1B)
        assert tokens(text) == fts5(index, text), hex(start)


@given(
    st.text(
        st.one_of(st.characters(codec="utf-8"), st.sampled_from("aZ9'-_. \0\u0301\u0305éßİıſΣς東あกя")), max_size=40
    )
)
def test_texts_are_taken_apart_as_by_the_index(index: sqlite3.Connection, text: str) -> None:
    assert tokens(text) == fts5(index, text)
    assert tokens(indexable(text)) == fts5(index, indexable(text))


@given(st.text(max_size=40))
def test_what_is_indexable_once_stays_so(text: str) -> None:
    once = indexable(text)
    assert once.encode().decode() == once
    assert tokens(indexable(once)) == tokens(once)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("me@example.com, Crème BRÛLÉE", ["me", "example", "com", "creme", "brulee"]),
        ("iPhoneを買う", ["iphone", "を", "買", "う"]),
        ("메일을", ["메", "일", "을"]),
        ("ＡＢＣ１２ ｶﾞｽ", ["abc12", "ガ", "ス"]),
        ("re\u00adwrit\u200cten", ["rewritten"]),
        ("e\u0301te\u0301 \u1112\u1161\u11ab", ["ete", "한"]),
        ("ﬁne 𝐛𝐨𝐥𝐝", ["fine", "bold"]),
        ("ударение Ёж", ["ударение", "ёж"]),
        ("и\u0306од", ["йод"]),
        ("a\ud800b", ["a", "b"]),
    ],
)
def test_words_of_many_scripts(text: str, words: list[str]) -> None:
    assert tokens(indexable(text)) == words


def test_latin_text_is_left_alone_and_others_read_well_again() -> None:
    for text in ("plain", "Crème brûlée “für” 3 €", "Привет", "שלום", "مرحبا"):
        assert indexable(text) is text
    for text in ("東京都", "ภาษาไทย", "안녕하세요"):
        assert readable(indexable(text)).strip() == text


def test_hostile_marks_cost_no_time() -> None:
    started = time.perf_counter()
    indexable("a" + "\u0300\u0323" * 100_000)
    assert time.perf_counter() - started < 2
