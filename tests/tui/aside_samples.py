"""A prepared store with a quarantine, as an engine would have left it."""

from __future__ import annotations

import sqlite3

from mailsync.store import quarantine
from tests.tui import samples
from tests.tui.prepared import DAY, HOUR, MINUTE, NOW, Builder, letter

BINARY = b"From: eve@example.com\r\nSubject: Half a message\x1b[2J\r\n\r\n" + bytes(range(256)) * 3
ODD = letter(samples.HOSTILE_SUBJECT, "Eve\x1b[1m <eve@example.com>", 2 * DAY, body=samples.HOSTILE_BODY).raw


def troubled(builder: Builder) -> None:
    """Two accounts; entries of every stage, some tried often, one that nobody tries any more by itself."""
    home = builder.account("home", "ada@example.org")
    inbox = builder.folder(home, "INBOX", samples.inbox(), watch="idle")
    archive = builder.folder(home, "ящик/архив/2023", [letter("Письмо", "Олег <oleh@example.org>", 300 * DAY)])
    office = builder.account("office", "a.lovelace@engine.example.com")
    announce = builder.folder(office, "Announce \x1b[31m", samples.inbox()[:8])
    builder.quarantine(office, announce, 900, "the server answered FETCH 900 without the message\x1b[2J")

    def set_aside(connection: sqlite3.Connection) -> None:
        for folder, uid, raw in ((inbox, 501, ODD), (archive, 77, BINARY)):
            connection.execute("INSERT INTO contents (digest, size, body) SELECT ?, ?, ?", _stored(builder, raw))
            connection.execute(
                """INSERT INTO messages (folder_id, uid, content_id, internaldate, size, created_at)
                   VALUES (?, ?, last_insert_rowid(), ?, ?, ?)""",
                (folder, uid, NOW - DAY, len(raw), NOW),
            )
        newest = connection.execute("SELECT max(id) FROM contents").fetchone()[0]
        for attempt in range(4):
            quarantine.failed(connection, [(newest - 1, "it took more than two seconds")], 1001, NOW - DAY + attempt)
        for attempt in range(quarantine.ATTEMPTS):
            at = NOW - 3 * DAY + attempt * HOUR
            quarantine.failed(connection, [(newest, "it took more than 200 MB of memory")], 1001, at)
        connection.execute("UPDATE quarantine SET next_attempt_at = ? WHERE attempts = 4", (NOW + 12 * MINUTE,))
        connection.execute("DELETE FROM activity WHERE at < ?", (NOW - HOUR,))

    builder.store.write(set_aside).result()


def _stored(builder: Builder, raw: bytes) -> tuple[bytes, int, bytes]:
    packed = builder.store.codec.pack([raw])
    return packed.digests[0], packed.sizes[0], packed.frames[0]
