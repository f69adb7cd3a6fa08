"""What the index takes in is given back: no word stays of a message that is gone, however it went."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.pipeline import indexer
from mailsync.pipeline.indexer import Indexer
from mailsync.pipeline.pool import Pool
from mailsync.store import documents, messages, purge
from mailsync.store.database import Store
from tests.pipeline.test_indexer import index, made
from tests.store.filled import NOW, Letter, fill, understand

RARE = "zwetschgenknoedel"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def letter(number: int, *, word: str = "", account: str = "work") -> Letter:
    dice = random.Random(number)
    text = " ".join(f"x{dice.randrange(4000)}" for _ in range(60))
    raw = f"Subject: {word} {number}\r\nMessage-ID: <{number}.{word}@{account}>\r\n\r\n{text} {word}\r\n"
    return Letter(raw.encode(), account=account, internaldate=1_600_000_000 + 60 * number)


def found(store: Store, word: str = RARE) -> int:
    with store.read() as connection:
        row = connection.execute("SELECT count(*) FROM words WHERE words MATCH ?", (word,)).fetchone()
        return int(row[0])


def on_disk(store: Store) -> bytes:
    return b"".join(path.read_bytes() for path in store.path.parent.glob("mailsync.db*"))


def settle(store: Store) -> None:
    """What an engine that stays does while nothing is new; its workers would fail."""
    stage = Indexer(
        store, lambda: NOW, Pool(store.path, 1, entry="raise SystemExit"), stopping=lambda: False, gentle=True
    )
    while stage.step():
        pass
    stage.close()


def test_a_purge_leaves_no_word(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "DOCUMENTS", 50)
    monkeypatch.setattr(purge, "PAGES", 1)
    for number in range(12):  # so many pieces of the index
        secret = [letter(100 * number + one, word=RARE, account="work") for one in range(20)]
        fill(store, [*secret, *(letter(5000 + 100 * number + one, account="home") for one in range(20))])
    assert found(store) == 240
    assert RARE[1:].encode() in on_disk(store)
    purge.run(store, "work", NOW, keep=False, stopping=lambda: False)
    assert purge.reclaim(store.path)
    assert found(store) == 0
    # Whole words: the index keeps of a word only what differs from the one before.
    assert RARE[1:].encode() not in on_disk(store)
    with store.read() as connection:
        assert len(made(connection)["texts"]) == 240  # type: ignore[arg-type]
        assert documents.progress(connection) == (240, 240)


def test_what_was_kept_after_its_deletion_leaves_no_word_either(store: Store) -> None:
    fill(store, [letter(one, word=RARE) for one in range(30)])
    fill(store, [letter(one) for one in range(30, 60)])
    store.write(lambda c: messages.remove(c, 1, list(range(1, 31)), NOW, "expunged")).result()
    assert found(store) == 30  # until it is forgotten
    assert RARE[1:].encode() in on_disk(store)
    store.write(lambda c: messages.purge_removed(c, NOW + 1)).result()
    settle(store)
    assert found(store) == 0
    store.write(lambda c: None).result()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert RARE[1:].encode() not in on_disk(store)
    with store.read() as connection:
        assert len(made(connection)["texts"]) == 30  # type: ignore[arg-type]


def test_a_document_that_is_made_anew_has_its_new_words_only(store: Store) -> None:
    fill(store, [letter(1, word="before"), letter(2)])
    with store.read() as connection:
        numbers = [row[0] for row in connection.execute("SELECT content_id FROM documents ORDER BY content_id")]
    understand(store, numbers)
    assert (found(store, "before"), found(store, "x1 OR before")) == (1, 1)
    with store.read() as connection:
        made(connection)


def test_pieces_of_the_index_are_put_together_while_nothing_is_new(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "BACKLOG", 0)
    monkeypatch.setattr(indexer, "BATCH", 4)
    fill(store, [letter(one) for one in range(40)], indexed=False)
    index(store)

    def pieces() -> int:
        with store.read() as connection:
            return int(
                connection.execute("SELECT count(DISTINCT id >> 37) FROM words_data WHERE id > 10").fetchone()[0]
            )

    assert pieces() == 10
    settle(store)
    assert pieces() < 4
    with store.read() as connection:
        assert len(made(connection)["texts"]) == 40  # type: ignore[arg-type]
        assert not documents.is_untidy(connection)


def test_what_parsing_finds_corrects_the_guess_about_attachments(store: Store) -> None:
    mixed = b"Subject: %d\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b%b--\r\n"
    attached = b"\r\nContent-Type: application/pdf\r\n\r\nx\r\n--b"
    fill(store, [mixed % (1, b""), mixed % (2, attached)], indexed=False)

    def marked() -> list[int]:
        with store.read() as connection:
            return [row[0] for row in connection.execute("SELECT has_attachments FROM envelopes ORDER BY content_id")]

    assert marked() == [1, 1]
    understand(store)
    assert marked() == [0, 1]


def test_more_messages_of_one_second_than_it_has_numbers(store: Store) -> None:
    """They go to the next seconds that have some left, whether in one batch or in several."""
    mail = [Letter(b"Subject: %d\r\nDate: Mon, 01 Jan 2024 00:00:%02d +0000\r\n\r\nx" % (n, n % 2)) for n in range(700)]
    fill(store, mail[:600])
    fill(store, mail[600:])
    with store.read() as connection:
        seconds = [row[0] >> documents.SHIFT for row in connection.execute("SELECT id FROM documents")]
    first = 1_704_067_200
    assert [seconds.count(first + one) for one in range(4)] == [256, 256, 188, 0]
