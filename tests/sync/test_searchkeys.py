"""A query as IMAP SEARCH keys."""

from __future__ import annotations

from datetime import date

import pytest

from mailsync.errors import QueryError
from mailsync.query.parse import parse
from mailsync.sync.searchkeys import Asked, compile_query

ASKED = Asked("work", "Lists/Rust", ("me@example.org", "m.e@example.org"), date(2025, 3, 31))


def keys(text: str, asked: Asked = ASKED) -> str | None:
    return compile_query(parse(text), asked)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("word", 'TEXT "word"'),
        ('from:ann subject:"a \\"b\\" \\\\c"', '(FROM "ann" SUBJECT "a \\"b\\" \\\\c")'),
        ("to:a OR cc:b OR body:c", 'OR TO "a" OR CC "b" BODY "c"'),
        ("-(to:a OR -to:b)", 'NOT OR TO "a" NOT TO "b"'),
        ("is:unread is:flagged", "(UNSEEN FLAGGED)"),
        ("is:list", 'HEADER List-Id ""'),
        ("list:dev", 'HEADER List-Id "dev"'),
        ("is:direct", 'OR TO "me@example.org" TO "m.e@example.org"'),
        ("before:2024-02-01 after:2023-12-31", "(BEFORE 1-Feb-2024 SINCE 31-Dec-2023)"),
        ("older:1m", "BEFORE 28-Feb-2025"),
        ("larger:10M smaller:99999G", "(LARGER 10000000 SMALLER 4294967295)"),
        ("account:Work larger:1", "LARGER 1"),
        ("account:other larger:1", None),
        ("folder:lists/", "ALL"),
        ("-folder:lists", None),
        ("folder:other OR larger:1", "LARGER 1"),
        ("folder:rust OR larger:1", "ALL"),
        ("-(folder:other larger:1)", "ALL"),
    ],
)
def test_what_a_server_is_asked(text: str, expected: str | None) -> None:
    assert keys(text) == expected


def test_labels_where_there_are_labels() -> None:
    assert keys("label:news", Asked("a", "b", (), date(2025, 1, 1), labels=True)) == 'X-GM-LABELS "news"'


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("a subject:Grüße", 3, "ASCII"),
        ("a has:attachment", 3, "IMAP server"),
        ("a filename:x", 3, "filename:"),
        ("a label:x", 3, "label:"),
        ('a "x\r\nDELETE INBOX"', 3, "line break"),
        ('a "x\0"', 3, "NUL"),
        ("a " + "b" * 1001, 3, "1,000"),
        (" ".join(["aaaaaaaaaa"] * 300), 1, "octets"),
    ],
)
def test_what_a_server_cannot_be_asked(text: str, column: int, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        keys(text)
    assert caught.value.column == column
    assert words in str(caught.value)
