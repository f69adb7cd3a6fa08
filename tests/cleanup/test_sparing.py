"""Right before a message is touched the guard and its rule are asked again: what has changed since is left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailsync.cleanup import guard
from mailsync.cleanup.predicate import ALONE, OTHERWISE
from mailsync.cleanup.sparing import Sparing
from mailsync.model import Flag
from mailsync.record import replace
from mailsync.store import cleanup_decisions, cleanup_runs, consents, jobs, restorable
from mailsync.store.cleanup_places import Place
from mailsync.store.cleanup_runs import Row
from mailsync.store.database import Store
from tests.cleanup.letters import NOW, letter
from tests.cleanup.mailboxes import configured, mirrored, proposed, scanned
from tests.cleanup.test_scan import aged
from tests.store.filled import Letter


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def approved(store: Store, cleanup: dict[str, Any]) -> Sparing:
    """The judge of the run of the one list that a scan makes."""
    config = configured(cleanup)
    found, _ = scanned(store, config)
    (one,) = proposed(store, found)

    def write(connection: sqlite3.Connection) -> int:
        consents.grant(connection, "work", cleanup_decisions.SCOPES, 1.0)
        job = jobs.get(connection, cleanup_decisions.approve(connection, one.id, one.hash, NOW))
        assert job is not None
        return int(job.params["run"])

    return Sparing(config, NOW, store.write(write).result())


def spared(store: Store, judge: Sparing) -> tuple[list[Row], dict[int, str]]:
    """The rows of the run, by number, and why some are spared, by the id of the message."""
    with store.read() as connection:
        rows = cleanup_runs.some(connection, judge.run_id, range(100))
        read = [(row, restorable.raw(connection, row.digest) or b"") for row in rows]
        why = judge.spared(connection, read)
    return rows, {row.message_id: why[row.number] for row in rows if row.number in why}


def test_whether_it_was_read_is_asked_with_the_flags_of_now(store: Store) -> None:
    mirrored(store, [Letter(letter(aged(300, 1)))])
    judge = approved(store, {"rules": {"mine": {"query": "is:unread older:1m", "actions": ["mark_read"]}}})
    (row,), why = spared(store, judge)
    assert not why
    assert judge.state(row, 0, ()) == ""
    assert judge.state(row, Flag.SEEN, ()) == OTHERWISE
    assert judge.state(row, Flag.FLAGGED, ()) == guard.FLAGGED
    assert judge.state(row, 0, ("$Forwarded",)) == guard.FORWARDED
    begun = replace(row, state="begun", before=Place(row.folder, row.uidvalidity, row.uid, 0))
    assert judge.state(begun, Flag.SEEN, ()) == "", "the run may have marked it itself"
    assert judge.state(begun, Flag.ANSWERED, ()) == guard.ANSWERED


def test_what_the_mirror_has_learned_since(store: Store) -> None:
    ids = mirrored(store, [Letter(letter(aged(300, n, From=f"p{n}@far.test"))) for n in range(4)])
    judge = approved(store, {"rules": {"mine": {"query": "folder:INBOX older:1m"}}})
    mirrored(store, [Letter(letter({"From": "max@example.com", "To": "p1@far.test"}), folder="Sent")])
    mirrored(store, [Letter(letter(aged(300, 9)), folder="Old")])
    judge.learn(store)

    def change(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE messages SET folder_id = (SELECT id FROM folders WHERE name = 'Old'), uid = 77 WHERE id = ?",
            (ids[2],),
        )
        connection.execute("DELETE FROM messages WHERE id = ?", (ids[3],))

    store.write(change).result()
    _, why = spared(store, judge)
    assert why == {ids[1]: guard.CORRESPONDENT, ids[2]: OTHERWISE, ids[3]: "the mirror has it no more"}


def test_the_last_copy_stays(store: Store) -> None:
    copies = [Letter(letter(aged(10, 1))) for _ in range(3)]
    ids = mirrored(store, copies)
    judge = approved(store, {})
    _, why = spared(store, judge)
    assert not why
    store.write(lambda connection: connection.execute("DELETE FROM messages WHERE id = ?", (ids[0],))).result()
    _, why = spared(store, judge)
    assert why == dict.fromkeys(ids[1:], ALONE)
