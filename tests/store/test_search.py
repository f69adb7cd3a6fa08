"""Search against a slow reference over the corpus, and against all that may be asked or change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from mailsync.query.tree import Query
from mailsync.store import search
from mailsync.store.database import Store
from tests.corpus import iter_bulk, iter_torture
from tests.store.filled import Letter, fill
from tests.store.reference import TODAY, Generator, Reference, holds

QUERIES = 200
ADDRESSES = {"work": ["bob@example.com", "me@example.com"], "home": ["info@webklex.com", "you@you.com"]}
FOLDERS = ("INBOX", "Sent", "Lists/Python", "Archive")
KEYWORDS = ("", "", "", "$Forwarded", "todo", "later todo")


@pytest.fixture(scope="module")
def filled(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[Reference]]]:
    store = Store.open(tmp_path_factory.mktemp("corpus"))
    raws = [raw for number, (_, raw) in enumerate(iter_torture()) if number % 3 == 0]
    raws += [raw for number, (_, raw) in enumerate(iter_bulk()) if number % 20 == 0]
    raws += raws[:300:3]  # the same content in another folder
    letters = [
        Letter(
            raw,
            FOLDERS[number * 7 % len(FOLDERS)],
            "home" if number % 5 == 0 else "work",
            (0, 1, 1, 5, 3, 1, 16)[number % 7],
            KEYWORDS[number % len(KEYWORDS)],
            1_300_000_000 + crc32(raw) // 20,
        )
        for number, raw in enumerate(raws)
    ]
    ids = fill(store, letters)
    labelled = set(ids[::9])
    store.write(lambda connection: _label(connection, labelled)).result()
    unread = store.write(_documents).result()
    messages = [
        Reference(ident, letter, ("Receipts",) if ident in labelled else ())
        for ident, letter in zip(ids, letters, strict=True)
        if ident in unread
    ]
    yield store, messages
    store.close()


def _label(connection: sqlite3.Connection, messages: set[int]) -> None:
    connection.execute("INSERT INTO labels (id, account_id, name) VALUES (1, 1, 'Receipts')")
    connection.executemany("INSERT INTO message_labels VALUES (?, 1)", [(ident,) for ident in sorted(messages)])


def _documents(connection: sqlite3.Connection) -> dict[int, int]:
    return dict(
        tuple(row)
        for row in connection.execute(
            "SELECT m.id, d.id FROM messages m JOIN documents d ON d.content_id = m.content_id"
        )
    )


@pytest.fixture(scope="module")
def asked(filled: tuple[Store, list[Reference]]) -> list[tuple[str, Query, list[int]]]:
    """Queries, and the ids of what the slow look finds by them, in the order of search."""
    store, messages = filled
    with store.read() as connection:
        order = _documents(connection)
    generator = Generator(messages, seed=4)
    found = []
    for _ in range(QUERIES):
        text, query = generator.query()
        expected = [one.id for one in messages if holds(query, one, ADDRESSES)]
        found.append((text, query, sorted(expected, key=lambda ident: (-order[ident], ident))))
    return found


def test_the_queries_are_worth_asking(
    filled: tuple[Store, list[Reference]], asked: list[tuple[str, Query, list[int]]]
) -> None:
    assert sum(0 < len(expected) < len(filled[1]) for _, _, expected in asked) > QUERIES * 0.6


@pytest.mark.parametrize("narrow", [False, True], ids=["as it is", "as if it were many"])
def test_two_hundred_queries_find_what_a_slow_look_at_every_message_finds(
    filled: tuple[Store, list[Reference]],
    asked: list[tuple[str, Query, list[int]]],
    monkeypatch: pytest.MonkeyPatch,
    narrow: bool,
) -> None:
    store, messages = filled
    if narrow:  # every other way to find is taken, too
        few = {"STRETCH": 30, "FEW": 8, "SOME": 60, "MANY": 120, "FIRST_CHUNK": 7, "CHUNK": 100}
        for name, value in few.items():
            monkeypatch.setattr(search, name, value)
    with store.read() as connection:
        for text, query, expected in asked:
            one = search.Search(connection, query, today=TODAY, addresses=ADDRESSES)
            assert one.page(50) == expected[:50], text
            assert one.page(10, 5) == expected[5:15], text
            assert one.count() == len(expected), text
            assert [*search.ids(connection, query, today=TODAY, addresses=ADDRESSES)] == expected, text
            assert set(one.page(len(messages), relevance=True)) == set(expected), text
