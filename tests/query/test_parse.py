"""The search language: what a text means, and where what cannot be understood is wrong."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.errors import QueryError
from mailsync.query.parse import FIELDS, parse
from mailsync.query.tree import Age, And, Dated, HasAttachment, Is, Not, Or, Query, Sized, Words, day

A, B, C = Words("text", "a"), Words("text", "b"), Words("text", "c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("  a  b ", And((A, B))),
        ("a AND b", And((A, B))),
        ("a b OR c", Or((And((A, B)), C))),
        ("a (b OR c)", And((A, Or((B, C))))),
        ("-a NOT b", And((Not(A), Not(B)))),
        ("-(a b)", Not(And((A, B)))),
        ("a-b or", And((Words("text", "a-b"), Words("text", "or")))),
        ('"a \\"b\\" \\\\"', Words("text", 'a "b" \\', phrase=True)),
        ('"OR" 12:30', And((Words("text", "OR", phrase=True), Words("text", "12:30")))),
        ('FROM:ann subject:"two words"', And((Words("from", "ann"), Words("subject", "two words", phrase=True)))),
        ("has:attachment is:Unread", And((HasAttachment(), Is("unread")))),
        ("before:2025-01-31", Dated("before", date(2025, 1, 31))),
        ("older:1y newer:3m", And((Dated("before", Age(1, "y")), Dated("after", Age(3, "m"))))),
        ("larger:10M smaller:1.5KiB", And((Sized(True, 10_000_000), Sized(False, 1536)))),
        ('label:"Größe"', Words("label", "Größe", phrase=True)),
    ],
)
def test_what_a_text_means(text: str, tree: Query) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "expected"),
        ("a OR", 5, "expected"),
        ("OR a", 1, '"OR"'),
        ("a (b", 3, "never closed"),
        ("a) b", 2, "never opened"),
        ("()", 2, '")"'),
        ('a "b', 3, "never closed"),
        ('a " "', 3, "nothing"),
        ("a - b", 3, "negates"),
        ("a frm:b", 3, '"frm"'),
        ("a from: b", 8, "value"),
        ("a is:odd", 6, '"odd"'),
        ("a has:b", 7, '"attachment"'),
        ("a before:2025-02-30", 10, "no day"),
        ("on:20250131", 4, "no day"),
        ("larger:10X", 8, "no size"),
        ("-" * 60 + "a", 51, "within each other"),
        ("a" * 10_001, 10_001, "longer"),
    ],
)
def test_what_is_wrong_and_where(text: str, column: int, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.column == column
    assert str(caught.value).startswith(f"column {column}: ")
    assert words in str(caught.value)


def test_a_misspelt_field_is_named() -> None:
    with pytest.raises(QueryError) as caught:
        parse("frm:ann")
    assert caught.value.hint == "did you mean from: ?"


@given(st.text(st.sampled_from('ab "()-:\\OR NOT\n') | st.characters(), max_size=40) | st.sampled_from(FIELDS))
def test_any_text_is_a_tree_or_an_error_inside_it(text: str) -> None:
    column = 1
    try:
        parse(text)
    except QueryError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (date(2020, 5, 6), date(2020, 5, 6)),
        (Age(5, "d"), date(2024, 3, 26)),
        (Age(2, "w"), date(2024, 3, 17)),
        (Age(1, "m"), date(2024, 2, 29)),
        (Age(13, "m"), date(2023, 2, 28)),
        (Age(1, "y"), date(2023, 3, 31)),
        (Age(99_999, "y"), date.min),
        (Age(99_999, "w"), date(107, 9, 25)),
    ],
)
def test_days_ago(when: date | Age, expected: date) -> None:
    assert day(when, date(2024, 3, 31)) == expected
