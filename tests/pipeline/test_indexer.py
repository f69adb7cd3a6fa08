"""The index stage: what workers make of contents is stored once, and what harms a worker costs itself alone."""

from __future__ import annotations

import random
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailsync.errors import MailsyncError
from mailsync.pipeline import indexer, pool, versions
from mailsync.pipeline.indexer import Indexer
from mailsync.pipeline.pool import Pool
from mailsync.store import contents, documents, envelopes, quarantine
from mailsync.store.database import Store
from tests.pipeline.poison import ENTRY, poisoned
from tests.store.filled import NOW, Letter, fill


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def letters(count: int, seed: int = 0) -> list[Letter]:
    """Mail with words, dates and threads; some have an attachment."""
    dice = random.Random(seed)
    found = []
    for number in range(count):
        day, parent = dice.randrange(1, 28), dice.randrange(number + 1)
        head = (
            f"From: P{dice.randrange(9)} <p{dice.randrange(9)}@example.org>\r\nTo: me@example.org\r\n"
            f"Subject: about w{dice.randrange(50)}\r\nMessage-ID: <{seed}.{number}@x>\r\n"
            f"Date: {day:02} Mar 2024 10:00:00 +0000\r\n"
        )
        if dice.random() < 0.5:
            head += f"In-Reply-To: <{seed}.{parent}@x>\r\n"
        if dice.random() < 0.2:
            head += f'Content-Type: application/pdf; name="f{number}.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
        body = " ".join(f"w{dice.randrange(500)}" for _ in range(dice.randrange(5, 200)))
        found.append(Letter(f"{head}\r\n{body}\r\n".encode(), internaldate=1_700_000_000 + number))
    return found


def index(
    store: Store, *, entry: str = pool.ENTRY, at: float = NOW, stopping: Callable[[], bool] = lambda: False
) -> None:
    """The stage until it has nothing left to do."""
    stage = Indexer(store, lambda: at, Pool(store.path, 2, entry=entry), stopping=stopping)
    try:
        while stage.step():
            pass
    finally:
        stage.close()


def made(connection: sqlite3.Connection) -> dict[str, object]:
    """All that was made of the contents, in terms that do not depend on when; the index is whole and fits the texts."""
    connection.execute("ROLLBACK")
    connection.execute("PRAGMA query_only = 0")
    connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.instances USING fts5vocab (main, words, instance)")
    connection.execute("PRAGMA query_only = 1")
    connection.execute("BEGIN")
    content_of = dict(connection.execute("SELECT id, content_id FROM documents").fetchall())
    assert sorted(content_of) == [row[0] for row in connection.execute("SELECT id FROM document_texts ORDER BY id")]
    assert sorted(content_of) == [row[0] for row in connection.execute("SELECT id FROM words_docsize ORDER BY id")]
    assert not documents.has_stale(connection)
    threads: dict[int, set[int]] = {}
    for content, thread in connection.execute("SELECT content_id, thread_id FROM documents"):
        threads.setdefault(thread, set()).add(content)
    counted = connection.execute("SELECT id, messages FROM threads ORDER BY id").fetchall()
    assert [tuple(row) for row in counted] == [(thread, len(threads[thread])) for thread in sorted(threads)]
    words = connection.execute("SELECT term, doc, col, offset FROM temp.instances")
    return {
        "words": sorted((term, content_of[number], column, at) for term, number, column, at in words),
        "texts": {content_of[number]: text for number, text in documents.texts(connection, content_of).items()},
        "seconds": {content: number >> documents.SHIFT for number, content in content_of.items()},
        "threads": sorted(sorted(one) for one in threads.values()),
        "attachments": [
            tuple(row)
            for row in connection.execute("SELECT content_id, number, name, size FROM attachments ORDER BY 1, 2")
        ],
        "marked": [row[0] for row in connection.execute("SELECT content_id FROM envelopes WHERE has_attachments")],
    }


def aside(connection: sqlite3.Connection) -> dict[bytes, str]:
    """The subject of each message that is set aside, and why."""
    rows = connection.execute("SELECT content_id, error FROM quarantine WHERE resolved_at IS NULL AND stage = 'parse'")
    return {(contents.load(connection, row[0]) or b"").split(b"\r\n")[0]: row[1] for row in rows.fetchall()}


def test_workers_make_what_one_process_makes(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "BATCH", 70)
    monkeypatch.setattr(indexer, "LIST", 8)
    mail = letters(300)
    fill(store, mail, indexed=False)
    index(store)
    other = Store.open(tmp_path / "other")
    fill(other, mail)
    with store.read() as connection, other.read() as reference:
        assert made(connection) == made(reference)
        assert documents.progress(connection) == (300, 300)
        assert documents.cursor(connection, versions.INDEX) == envelopes.cursor(connection, "envelope") == 300
    other.close()


def test_what_harms_a_worker_costs_itself_alone(store: Store) -> None:
    mail = letters(120)
    poison = [poisoned(kind, number) for number, kind in enumerate(("crash", "hang", "memory", "error", "crash"))]
    places = [3, 40, 41, 80, 119]
    for place, one in zip(places, poison, strict=True):
        mail[place] = Letter(one)
    fill(store, mail, indexed=False)
    index(store, entry=ENTRY)
    with store.read() as connection:
        assert aside(connection) == {
            b"Subject: poisoned 0": f"its parser ended ({-signal.SIGSEGV})",
            b"Subject: poisoned 1": "it took more than two seconds",
            b"Subject: poisoned 2": "it took more than 200 MB of memory",
            b"Subject: poisoned 3": "KeyError",
            b"Subject: poisoned 4": f"its parser ended ({-signal.SIGSEGV})",
        }
        assert len(made(connection)["texts"]) == 115  # type: ignore[arg-type]
        assert documents.progress(connection) == (120, 120)
        assert quarantine.due(connection, versions.INDEX, NOW, 9) == []
    index(store, at=NOW + 30 * 86400)  # a sound worker, when they are due
    with store.read() as connection:
        assert aside(connection) == {}
        assert len(made(connection)["texts"]) == 120  # type: ignore[arg-type]


def test_a_worker_that_someone_kills_costs_nothing(store: Store, tmp_path: Path) -> None:
    mail = letters(60)
    mail[30] = Letter(poisoned(f"once {tmp_path / 'killed'}"))
    fill(store, mail, indexed=False)
    index(store, entry=ENTRY)
    assert (tmp_path / "killed").exists()
    with store.read() as connection:
        assert aside(connection) == {}
        assert len(made(connection)["texts"]) == 60  # type: ignore[arg-type]


def test_what_cannot_be_stored_is_found_in_its_batch(store: Store) -> None:
    mail = letters(60)
    mail[17], mail[51] = Letter(poisoned("unstorable", 1)), Letter(poisoned("huge", 2))
    fill(store, mail, indexed=False)
    index(store, entry=ENTRY)
    with store.read() as connection:
        assert aside(connection) == {
            b"Subject: poisoned 1": "it cannot be stored (UnicodeEncodeError)",
            b"Subject: poisoned 2": "it cannot be stored (OverflowError)",
        }
        assert len(made(connection)["texts"]) == 58  # type: ignore[arg-type]
        assert documents.progress(connection) == (60, 60)


def test_a_worker_that_says_nothing_is_ended(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SILENCE_SECONDS", 0.5)
    fill(store, [*letters(5), poisoned("silence"), *letters(5, seed=1)], indexed=False)
    index(store, entry=ENTRY)
    with store.read() as connection:
        assert list(aside(connection)) == [b"Subject: poisoned 0"]
        assert documents.progress(connection) == (11, 11)


def test_a_worker_that_cannot_start_blames_no_message(store: Store) -> None:
    fill(store, letters(20), indexed=False)
    with pytest.raises(MailsyncError, match="does not start"):
        index(store, entry="raise SystemExit(3)")
    with store.read() as connection:
        assert aside(connection) == {}
        assert documents.cursor(connection, versions.INDEX) == 0
    index(store)
    with store.read() as connection:
        assert documents.progress(connection) == (20, 20)


def test_it_stops_between_two_batches_and_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "BATCH", 10)
    fill(store, letters(100), indexed=False)

    def some_is_done() -> bool:
        with store.read() as connection:
            return documents.cursor(connection, versions.INDEX) > 0

    index(store, stopping=some_is_done)
    with store.read() as connection:
        done, total = documents.progress(connection)
        assert 0 < done < total
    index(store)
    with store.read() as connection:
        assert documents.progress(connection) == (100, 100)
        made(connection)
