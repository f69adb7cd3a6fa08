"""Certificates: the digests anyone can make again, made again only where something changed."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from mailsync.store import accounts, certificates, folders
from mailsync.store.database import Store

ARCHIVE = 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    try:
        store.write(_prepare).result()
        yield store
    finally:
        store.close()


def _prepare(connection: sqlite3.Connection) -> None:
    account = accounts.ensure(connection, [("work", "a@example.org")])["work"]
    folders.upsert(connection, account, [("Archive", b"Archive", "/", "", None, None)])
    connection.execute("UPDATE folders SET uidvalidity = 7, highestmodseq = 9, first_sync_at = 1")


def fill(connection: sqlite3.Connection, uids: list[int]) -> None:
    for uid in uids:
        digest = hashlib.sha256(b"%d" % uid).digest()
        row = connection.execute("INSERT INTO contents (digest, size, body) VALUES (?, 1, x'00')", (digest,))
        connection.execute(
            "INSERT INTO messages (folder_id, uid, content_id, created_at) VALUES (?, ?, ?, 1)",
            (ARCHIVE, uid, row.lastrowid),
        )
    connection.execute("UPDATE folders SET messages = (SELECT count(*) FROM messages)")


def run(store: Store, work: Callable[[sqlite3.Connection], object]) -> None:
    store.write(work).result()


def made(store: Store, *, anew: bool = False) -> certificates.Certificate:
    with store.read() as connection:
        certificate = certificates.draft(connection, ARCHIVE, anew=anew)
    assert certificate is not None
    return certificate


def by_hand(uids: list[int]) -> str:
    """The contents digest as the module's text says it."""
    lines = b""
    for number in sorted({uid >> 8 for uid in uids}):
        inside = [uid for uid in sorted(uids) if uid >> 8 == number]
        text = "".join(f"{uid} {hashlib.sha256(b'%d' % uid).hexdigest()}\n" for uid in inside)
        lines += f"{number} {hashlib.sha256(text.encode()).hexdigest()}\n".encode()
    return hashlib.sha256(lines).hexdigest()


def test_the_digests_are_what_they_are_said_to_be(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "PAGE", 100)  # chunks that straddle pages
    uids = [*sorted(random.Random(1).sample(range(1, 4000), 900)), 2**32 - 1]
    run(store, lambda c: fill(c, uids))
    certificate = made(store)
    assert (certificate.messages, certificate.uidvalidity, certificate.highestmodseq) == (901, 7, 9)
    assert certificate.contents_digest == by_hand(uids)
    monkeypatch.setattr(certificates, "AT_ONCE", 0)
    assert made(store) == certificate
    run(store, lambda c: c.execute("DELETE FROM messages WHERE uid < 4000"))
    run(store, lambda c: fill(c, [5001, 5003, 5004]))
    assert made(store).uids_digest == hashlib.sha256(b"5001,5003:5004,4294967295").hexdigest()


def test_only_chunks_that_changed_are_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    uids = list(range(1, 3000, 2))
    run(store, lambda c: fill(c, uids))
    run(store, lambda c: certificates.put(c, made(store), 5.0))
    read: list[int] = []
    of = certificates._Digests.of

    def watched(digests: certificates._Digests, uids: Sequence[int], contents: Sequence[int]) -> bytes:
        read.append(uids[0])
        return of(digests, uids, contents)

    monkeypatch.setattr(certificates._Digests, "of", watched)
    assert made(store) == made(store)
    assert read == []
    run(store, lambda c: c.execute("DELETE FROM messages WHERE uid = 601"))
    run(store, lambda c: fill(c, [3001]))
    left = [*(uid for uid in uids if uid != 601), 3001]
    assert made(store).contents_digest == by_hand(left)
    assert read == [513, 2817]
    assert made(store) == made(store, anew=True)


def test_how_rows_stand_to_their_certificate(store: Store) -> None:
    def standing() -> str:
        with store.read() as connection:
            return certificates.standing(connection, ARCHIVE)

    run(store, lambda c: fill(c, [1, 2, 3]))
    assert standing() == "none"
    run(store, lambda c: certificates.put(c, made(store), 5.0))
    assert standing() == "matches"
    run(store, lambda c: c.execute("UPDATE messages SET content_id = 1 WHERE uid = 2"))
    assert standing() == "differs"
    run(store, lambda c: c.execute("UPDATE messages SET content_id = 2 WHERE uid = 2"))
    run(store, lambda c: fill(c, [4]))
    assert standing() == "outdated"
    assert store.write(lambda c: certificates.renew(c, [ARCHIVE], 6.0)).result() == set()
    run(store, lambda c: certificates.put(c, made(store), 6.0))
    assert store.write(lambda c: certificates.renew(c, [ARCHIVE], 7.0)).result() == {ARCHIVE}
    assert standing() == "matches"
    run(store, lambda c: c.execute("UPDATE folders SET outside = '10:19'"))
    assert store.write(lambda c: certificates.renew(c, [ARCHIVE], 8.0)).result() == set()


def test_verified_holds_for_what_was_verified(store: Store) -> None:
    run(store, lambda c: fill(c, [1, 2]))
    run(store, lambda c: certificates.put(c, made(store), 5.0))
    run(store, lambda c: certificates.note_verified(c, ARCHIVE, 6.0, deep=True))

    def verified() -> tuple[object, ...]:
        with store.read() as connection:
            return tuple(connection.execute("SELECT at, verified_at, deep FROM certificates").fetchone())

    run(store, lambda c: certificates.put(c, made(store), 8.0))
    assert verified() == (8.0, 6.0, 1)
    run(store, lambda c: fill(c, [3]))
    run(store, lambda c: certificates.put(c, made(store), 9.0))
    assert verified() == (9.0, None, 0)


def test_what_is_not_here_is_explained(store: Store) -> None:
    run(store, lambda c: fill(c, [1, 2, 3, 4]))
    run(store, lambda c: c.execute("UPDATE messages SET content_id = NULL WHERE uid > 1"))
    run(store, lambda c: c.execute("UPDATE messages SET withheld = 'too large' WHERE uid > 2"))
    run(store, lambda c: c.execute("UPDATE folders SET outside = '10:19,30'"))
    assert json.loads(made(store).exceptions) == [
        {"kind": "quarantined", "count": 1, "reason": "", "uids": "2"},
        {"kind": "withheld", "count": 2, "reason": "too large", "uids": "3:4"},
        {"kind": "outside", "count": 11, "reason": "not selected", "uids": "10:19,30"},
    ]


def test_a_hundred_thousand_messages_cost_little(store: Store) -> None:
    """Bounds that a statement a message would break many times over."""
    run(store, lambda c: fill(c, list(range(1, 100_001))))
    started = time.process_time()
    run(store, lambda c: certificates.put(c, made(store), 5.0))
    first = time.process_time() - started
    run(store, lambda c: c.execute("DELETE FROM messages WHERE uid % 4000 = 0"))
    started = time.process_time()
    made(store)
    assert (first < 2.0, time.process_time() - started < 0.5) == (True, True)
