"""What search finds while mail changes: flags, folders, deletions, new versions of the parser, a sync at work."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailsync.errors import QueryError
from mailsync.pipeline import index, versions
from mailsync.query.parse import parse
from mailsync.store import consents, documents, messages, search
from mailsync.store.database import Store
from tests.store.filled import Letter, fill
from tests.store.reference import TODAY


def letter(number: int, text: str, *, day: int = 1, more: str = "") -> bytes:
    return (
        f"From: Ann <ann@example.org>\r\nTo: me@example.com\r\nSubject: number {number}\r\nMessage-ID: <{number}@x>\r\n"
        f"Date: {day} Mar 2025 10:00:00 +0000\r\n{more}\r\n{text}\r\n"
    ).encode()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def found(store: Store, query: str, **more: Any) -> list[int]:
    with store.read() as connection:
        asked = search.Search(connection, parse(query), today=TODAY, addresses={"work": ["me@example.com"]}, **more)
        page = asked.page(100)
        assert asked.count() == len(page)
        return page


def write(store: Store, change: Callable[[sqlite3.Connection], Any]) -> Any:
    return store.write(change).result()


def test_flags_folders_and_deletions_count_at_once(store: Store) -> None:
    one, two = fill(store, [letter(1, "apple"), Letter(letter(2, "apple", day=2), "Archive")])
    assert found(store, "apple") == [two, one]
    assert found(store, "apple is:unread folder:archive") == [two]
    write(store, lambda connection: messages.set_flags(connection, 2, [(1, 5, "todo")]))
    assert found(store, "is:unread") == [one]
    assert found(store, "is:flagged label:todo apple") == [two]
    write(
        store, lambda connection: connection.execute("UPDATE messages SET folder_id = 1, uid = 9 WHERE id = ?", (two,))
    )
    assert found(store, "folder:INBOX") == [two, one]
    assert found(store, "folder:Archive") == []
    write(store, lambda connection: messages.remove(connection, 1, [1], 1.0, "expunged"))
    assert found(store, "apple") == [two]


def test_copies_are_hits_of_their_own(store: Store) -> None:
    same = letter(1, "apple")
    one, two = fill(store, [Letter(same, "INBOX"), Letter(same, "Archive")])
    assert found(store, "apple") == [one, two]
    assert found(store, "apple folder:Archive") == [two]


def test_a_new_version_of_the_parser_replaces_what_is_found(store: Store) -> None:
    one, two = fill(store, [letter(1, "apple"), letter(2, "apple", day=2)])
    digested = index.digest(letter(1, "pear"))
    again = documents.Document(1, *digested, documents.pack(digested.texts))
    write(store, lambda connection: documents.add(connection, [again], versions.INDEX + 1))
    assert found(store, "pear") == [one]
    assert found(store, "apple") == [two]
    write(store, lambda connection: documents.forget(connection, 100))
    assert (found(store, "pear"), found(store, "apple"), found(store, "-pear")) == ([one], [two], [two])


def test_what_may_not_be_read_is_not_found(store: Store) -> None:
    one, two = fill(store, [letter(1, "apple"), Letter(letter(2, "apple", day=2), account="home")])
    assert found(store, "apple") == [two, one]
    assert found(store, "apple", accounts=["work"]) == [one]
    write(store, lambda connection: consents.revoke(connection, "home", ["email_read"], 2.0))
    for query in ("apple", "-pear", "account:home OR apple", "is:unread", "folder:inbox"):
        assert found(store, query) == [one], query
    assert found(store, "apple", accounts=["home"]) == []


def test_direct_is_to_me_and_no_list(store: Store) -> None:
    one, _, _ = fill(
        store,
        [
            letter(1, "x"),
            letter(2, "x", more="List-Id: <a.b>\r\n"),
            b"From: me@example.com\r\nTo: other@example.com\r\nSubject: x\r\n\r\nx\r\n",
        ],
    )
    assert found(store, "is:direct") == [one]
    assert found(store, "is:direct -apple") == [one]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("東京都に行きました", "東京"),
        ("東京都に行きました", '"行きました"'),
        ("한국어로 보냈습니다", "보냈"),
        ("ภาษาไทยง่าย", "ไทย"),
        ("Crème brûlée", "creme BRULEE"),
        ("naïve façade", "naive facade"),
        ("Straße", "straße"),
        ("foo_bar-baz", "foo_bar-baz"),
        ("mail me@example.net now", "me@example.net"),
        ("prefixes are fine", "pref*"),
        ("ｆｕｌｌ width", "full"),
    ],
)
def test_words_of_many_scripts_are_found_and_marked(store: Store, text: str, query: str) -> None:
    (one,) = fill(store, [letter(1, text, more="Content-Type: text/plain; charset=utf-8\r\n")])
    fill(store, [letter(2, "nothing of it")])
    assert found(store, query) == [one]
    with store.read() as connection:
        hits = search.hits(connection, [one])
        (snippet,) = search.snippets(connection, hits, parse(query))
    assert search.START in snippet
    assert search.END in snippet
    plain = snippet.replace(search.START, "").replace(search.END, "").replace(" ", "")
    assert plain == text.replace("ｆｕｌｌ", "full").replace(" ", "")


def test_words_without_a_letter_are_errors_that_point(store: Store) -> None:
    fill(store, [letter(1, "x")])
    with pytest.raises(QueryError) as error:
        found(store, "apple -(pear OR subject:--)")
    assert error.value.column == 17


PIECES = (
    "apple",
    "app*",
    '"',
    "(",
    ")",
    "-",
    "NOT ",
    "OR ",
    "from:",
    "is:unread",
    "has:attachment",
    "before:1y",
    "東",
    "*",
)
MORE_PIECES = (
    "folder:*",
    "label:x",
    "larger:1",
    "is:direct",
    "{",
    "}",
    "^",
    "+",
    ":",
    "\0",
    "\udc80",
    "NEAR(",
    "'",
    " ",
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES + MORE_PIECES), max_size=12))
def test_whatever_is_asked_is_an_error_with_a_column_or_a_result(store: Store, pieces: list[str]) -> None:
    with store.read() as connection:
        empty = connection.execute("SELECT NOT EXISTS (SELECT 1 FROM documents)").fetchone()[0]
    if empty:
        fill(store, [letter(1, "apple 東京", more="Content-Type: text/plain; charset=utf-8\r\n")])
    text, column = "".join(pieces), 1
    try:
        assert set(found(store, text)) <= {1}
    except QueryError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


def test_names_that_mean_nothing_are_told(store: Store) -> None:
    fill(store, [letter(1, "apple")])
    with store.read() as connection:
        query = parse("apple -folder:nope account:a* label:b folder:nope")
        asked = search.Search(connection, query, today=TODAY, addresses={})
        assert asked.unknown == ['no folder matches "nope"', 'no account matches "a*"', 'nothing is labelled "b"']


def test_searching_while_a_sync_writes(store: Store) -> None:
    fill(store, [letter(number, "apple", day=number % 28 + 1) for number in range(30)])
    stop = threading.Event()
    failures: list[BaseException] = []

    def look() -> None:
        try:
            while not stop.is_set():
                first = found(store, "apple -pear is:unread")  # with its count, in one snapshot
                then = found(store, "apple OR number")
                assert len(set(first)) == len(first) >= 30
                assert set(first) <= set(then)
        except BaseException as error:
            failures.append(error)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    for round_ in range(4):
        fill(store, [letter(100 + round_ * 5 + number, "apple", day=number + 1) for number in range(5)])
    stop.set()
    for looker in lookers:
        looker.join()
    assert not failures
    assert len(found(store, "apple")) == 50
