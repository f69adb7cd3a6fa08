"""A small mirror made without a server, for the commands that only read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mailsync.model import split_flags
from mailsync.privacy.consent import SCOPES
from mailsync.store import accounts, consents, folders, messages
from mailsync.store.codec import Codec
from mailsync.store.database import Store

FIRST = (
    b"Date: Tue, 4 Mar 2025 10:11:10 +0100\r\nFrom: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nTo: me@example.com\r\n"
    b"Subject: Gr\xc3\xbc\xc3\x9fe\x1b[31m\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<p>Hallo\xc2\x9b <b>du</b></p>\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF\r\n--b--\r\n"
)
NOT_MAIL = bytes(range(256)) * 3 + b"\r\nno line end"
EMPTY = b""

Content = dict[str, list[tuple[bytes, list[str], int | None]]]
CONTENT: Content = {
    "INBOX": [(FIRST, ["\\Seen", "\\Flagged", "$Work"], 1741079470), (NOT_MAIL, [], None), (EMPTY, ["\\Deleted"], 0)],
    "Ünïcode/子": [(FIRST, [], 1741079471)],
    "*star": [(b"Subject: star\n\nx", [], 1)],
}


def make(data_dir: Path, account: str = "work", content: Content | None = None) -> None:
    """Write a mirror of one account, with every consent; message ids count from 1 in the order of `content`."""
    store = Store.open(data_dir)

    def write(connection: sqlite3.Connection) -> None:
        account_id = accounts.ensure(connection, [(account, "me@example.com")])[account]
        consents.grant(connection, account, SCOPES, 1.0)
        for name, entries in (CONTENT if content is None else content).items():
            special = "\\Inbox" if name == "INBOX" else ""
            folders.upsert(connection, account_id, [(name, name.encode(), "/", special, len(entries), None)])
            folder_id = folders.present(connection, account_id)[name].id
            folders.start_sync(connection, folder_id, 7, len(entries), "first")
            for uid, (raw, names, date) in enumerate(entries, 1):
                bits, keywords = split_flags(names)
                arrivals = messages.Arrivals([uid], [bits], [keywords], [date], [None], Codec(None).pack([raw]))
                messages.add(connection, folder_id, arrivals, 1.0)
            folders.finish_sync(
                connection, folder_id, folders.Checkpoint(7, 9, None, len(entries)), "first", 1741080000
            )

    try:
        store.write(write).result()
    finally:
        store.close()
