"""What is marked in a text is what the index would find in it, and snippets show the best of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.errors import QueryError
from mailsync.query.highlight import END, LONGEST, START, marked, snippet, spans, terms
from mailsync.query.parse import parse
from mailsync.query.tokens import indexable, tokens

LETTERS = st.text(st.sampled_from("aAbé\u0301ßİς東あก .-_\x02\x03\0€я’"), max_size=30)


def texts(body: str) -> list[str]:
    return ["", "", "", "", indexable(body), "", ""]


@pytest.mark.parametrize(
    ("query", "text", "shown"),
    [
        ("apple", "an Apple, pineapple and apples", "an [Apple], pineapple and apples"),
        ("app*", "an Apple, pineapple and apples", "an [Apple], pineapple and [apples]"),
        ('"a b" c', "a c b A-b", "a [c] b [A-b]"),
        ("me@example.com", "to me@example.com now", "to [me@example.com] now"),
        ("creme", "Crème", "[Crème]"),
        ("a -b", "a b", "[a] b"),
        ("a -(b -c)", "a b c", "[a] b [c]"),
        ("subject:a from:b body:c", "a b c", "a b [c]"),
        ("folder:a label:b account:c", "a b c", "a b c"),
        ("ab OR a", "a ab abc", "[a] [ab] abc"),
        ("is:unread", "is unread", "is unread"),
    ],
)
def test_words_are_marked_as_they_are_found(query: str, text: str, shown: str) -> None:
    assert marked(text, terms(parse(query)), "body").replace(START, "[").replace(END, "]") == shown


@given(LETTERS, LETTERS)
def test_places_lie_within_the_text_and_hold_the_words(text: str, words: str) -> None:
    try:
        query = parse(f'"{words}"')
    except QueryError:
        return
    wanted = terms(query)
    text = indexable(text)
    last = 0
    for first, end in spans(text, wanted):
        assert last <= first < end <= len(text)
        assert tokens(text[first:end]) == list(wanted[0].words)
        last = end
    phrase = " ".join(wanted[0].words) if wanted else "\0"
    if not spans(text, wanted) and "\u0301" not in text:
        assert f" {phrase} " not in f" {' '.join(tokens(text))} "


@given(LETTERS, LETTERS)
def test_a_snippet_is_a_line_with_its_marks_in_pairs(body: str, words: str) -> None:
    try:
        query = parse(words)
    except QueryError:
        return
    line = snippet(texts(body * 5), query)
    plain = line.replace(START, "").replace(END, "")
    assert line.count(START) == line.count(END)
    assert "\n" not in line
    assert len(plain) <= LONGEST + 2


def test_the_best_piece_is_shown() -> None:
    body = "apple. " + "nothing here. " * 50 + "an apple and a pear and an apple. " + "nothing here. " * 50
    line = snippet(texts(body), parse("apple pear"))
    assert f"{START}apple{END} and a {START}pear{END}" in line
    assert line.startswith("…")
    assert line.endswith("…")


def test_without_a_match_in_the_body_its_beginning_is_shown() -> None:
    assert snippet(texts("Dear all,\n\nnews"), parse("subject:x")) == "Dear all, news"
    assert snippet(texts(""), parse("x")) == ""
    assert snippet(texts("東京都に 行く"), None) == "東京都に 行く"


def test_a_long_query_and_a_long_body_cost_little() -> None:
    query = parse(" OR ".join(f"w{number}" for number in range(1_000)))
    assert snippet(texts("w " * 500_000), query).startswith("w w")
