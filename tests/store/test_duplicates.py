from __future__ import annotations

import sqlite3
from pathlib import Path

from mailsync.store import consents, duplicates, messages
from mailsync.store.database import Store
from tests.store.filled import Letter, fill

SENT = b"Message-ID: <1@example.org>\r\nSubject: one\r\n\r\ntext\r\n"
FROM_THE_LIST = b"List-Id: <list>\r\n" + SENT
WITH_FOOTER = FROM_THE_LIST + b"--\r\nfooter\r\n"
NAMELESS = b"Subject: one\r\n\r\ntext\r\n"


def test_copies_and_versions(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "data")
    letters = [
        Letter(SENT, "Sent"),
        Letter(FROM_THE_LIST, "INBOX"),
        Letter(FROM_THE_LIST, "Archive"),
        Letter(WITH_FOOTER, "INBOX", "home"),
        Letter(WITH_FOOTER, "Old", "home"),
        Letter(NAMELESS),
        Letter(NAMELESS + b"more"),
        Letter(NAMELESS),
    ]
    sent, listed, archived, footer, old, nameless, other, again = fill(store, letters)

    def ids(connection: sqlite3.Connection, number: int) -> tuple[list[int], list[int]]:
        found = duplicates.of(connection, number)
        return [one.id for one in found.copies], [one.id for one in found.versions]

    with store.read() as connection:
        assert ids(connection, sent) == ([], [listed, footer])
        assert ids(connection, archived) == ([listed], [sent, footer])
        assert ids(connection, footer) == ([old], [sent, listed])
        assert ids(connection, nameless) == ([again], [])
        assert ids(connection, other) == ([], [])
        assert ids(connection, 99) == ([], [])
        (copy,) = duplicates.of(connection, archived).copies
        assert (copy.account, copy.folder, copy.uid, copy.size) == ("work", "INBOX", 1, len(FROM_THE_LIST))
        plan = connection.execute("EXPLAIN QUERY PLAN " + duplicates._VERSIONS, {"content": 1, "scope": "", "limit": 9})
        assert not [row[3] for row in plan if row[3].startswith("SCAN")]
    store.write(lambda connection: consents.revoke(connection, "home", ["email_read"], 2.0)).result()
    store.write(lambda connection: messages.remove(connection, 1, [1], 2.0, "expunged")).result()
    with store.read() as connection:
        assert ids(connection, archived) == ([listed], [])
        assert ids(connection, sent) == ([], [listed])
    store.close()
