"""Actions of clean-ups as people write them."""

from __future__ import annotations

import re

import pytest

from mailsync.config.actions import DEFAULT_LABEL, VERBS, Action, as_keyword, parse, parse_all


def test_every_action_reads_as_it_is_written() -> None:
    written = [verb + (":Old/2024" if verb == "move" else "") for verb in VERBS] + ["label:Receipts", "unlabel:a:b"]
    assert [str(parse(text)) for text in written] == written
    assert parse("label") == parse(f" LABEL: {DEFAULT_LABEL} ") == Action("label", DEFAULT_LABEL)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no action; there are mark_read"),
        ("delete", "is no action"),
        ("mark_raed", "mark_read?"),
        ("move", "needs a folder"),
        ("move:", "no name after the colon"),
        ("trash:Bin", "trash takes no name"),
        ("label:a\r\nb", "control characters"),
        ("label:" + "x" * 201, "longer than 200"),
    ],
)
def test_what_is_no_action_says_why(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse(text)


def test_a_message_goes_to_one_place_and_last() -> None:
    assert [str(one) for one in parse_all(["trash", "mark_read", "trash", "label"])] == ["mark_read", "label", "trash"]
    for wrong in (["trash", "archive"], ["flag", "unflag"], ["label:A", "unlabel:A"], ["move:A", "move:B"], []):
        with pytest.raises(ValueError):
            parse_all(wrong)


def test_a_label_is_a_keyword_where_it_can_be_one() -> None:
    assert as_keyword(DEFAULT_LABEL) == DEFAULT_LABEL
    assert as_keyword("to do") == "to_do"
    assert [as_keyword(one) for one in ("Bücher", 'a"b', "a(b", "\\Seen", "")] == [None] * 5
