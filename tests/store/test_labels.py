"""Labels count their messages exactly, whatever happens to these."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.model import Flag
from mailsync.store import accounts, folders, labels, messages
from mailsync.store.database import FILE_NAME, Store


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Two folders of an account: UIDs 1 to 4 in the first, 2 is read."""
    Store.open(tmp_path).close()
    opened = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    opened.row_factory = sqlite3.Row
    opened.execute("PRAGMA foreign_keys = 1")
    accounts.ensure(opened, [("work", "")])
    folders.upsert(opened, 1, [("All", b"All", "/", "\\All", None, None), ("Trash", b"T", "/", "", None, None)])
    rows = [(uid, Flag.SEEN if uid == 2 else 0, "", None, 1) for uid in range(1, 5)]
    messages.add_without_content(opened, 1, rows, 1.0)
    yield opened
    opened.close()


def counted(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """What the labels say, held against what there is."""
    told = {name: (number, unread) for name, number, unread in labels.virtual(connection, 1)}
    rows = connection.execute(
        """SELECT l.name, count(*), sum(m.flags & 1 = 0) FROM labels l JOIN message_labels ml ON ml.label_id = l.id
           JOIN messages m ON m.id = ml.message_id GROUP BY l.id"""
    ).fetchall()
    assert {labels.NAMES.get(row[0], row[0]): (row[1], row[2]) for row in rows} == {
        name: numbers for name, numbers in told.items() if numbers != (0, 0)
    }
    return told


def test_the_counters_of_labels_follow_their_messages(connection: sqlite3.Connection) -> None:
    told = {1: ("\\Inbox", "a"), 2: ("a",), 3: (), 9: ("nowhere",)}
    assert labels.assign(connection, 1, 1, told) == 2
    assert labels.assign(connection, 1, 1, told) == 0
    assert counted(connection) == {"INBOX": (1, 1), "a": (2, 1), "nowhere": (0, 0)}
    labels.forget_unused(connection, 1)
    assert labels.assign(connection, 1, 1, {1: ("a",), 3: ("a", "a")}) == 2
    assert counted(connection) == {"INBOX": (0, 0), "a": (3, 2)}
    messages.set_flags(connection, 1, [(1, Flag.SEEN, ""), (2, 0, ""), (3, Flag.FLAGGED, ""), (4, Flag.SEEN, "")])
    assert counted(connection)["a"] == (3, 2)
    messages.remove(connection, 1, [2], 2.0, "expunged")
    assert counted(connection)["a"] == (2, 1)
    assert labels.of_message(connection, 1) == ["a"]
    messages.remove(connection, 1, None, 3.0, "folder gone")
    labels.forget_unused(connection, 1)
    assert counted(connection) == {}
