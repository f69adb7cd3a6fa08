"""A store filled with messages as a sync and the pipeline would leave it, without a server or a process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mailsync.pipeline import index, versions
from mailsync.pipeline.runner import Runner
from mailsync.store import accounts, consents, contents, documents, envelopes, folders, messages, quarantine
from mailsync.store.database import Store

SCOPES = ["mailbox_access", "email_read"]
NOW = 1_700_000_000.0


class Letter(NamedTuple):
    """A message and where it is; `flags` as in `model`, `internaldate` in Unix seconds."""

    raw: bytes
    folder: str = "INBOX"
    account: str = "work"
    flags: int = 0
    keywords: str = ""
    internaldate: int | None = None
    threadid: str | None = None


def fill(store: Store, letters: Iterable[Letter | bytes], *, at: float = NOW, indexed: bool = True) -> list[int]:
    """Store messages, each under the next UID of its folder, and have all of them understood; their message ids.

    May be called again. Without `indexed` they have an envelope only.
    """
    ids = [_put(store, one if isinstance(one, Letter) else Letter(one), at) for one in letters]
    runner = Runner(store, lambda: at)
    while runner.step():
        pass
    runner.close()
    if indexed:
        understand(store)
    return ids


def understand(store: Store, content_ids: Sequence[int] | None = None) -> None:
    """Make the documents of these contents, or of all that have none."""
    with store.read() as connection:
        if content_ids is None:
            rows = connection.execute(
                "SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM documents) ORDER BY id"
            )
            content_ids = [row[0] for row in rows]
        batch = [document(number, contents.load(connection, number) or b"") for number in content_ids]

    def write(connection: sqlite3.Connection) -> None:
        documents.add(connection, batch, versions.INDEX)
        documents.move_cursor(connection, versions.INDEX, envelopes.cursor(connection, quarantine.ENVELOPE))

    store.write(write).result()


def document(content_id: int, raw: bytes) -> documents.Document:
    found = index.digest(raw)
    return documents.Document(content_id, *found, documents.pack(found.texts))


def _put(store: Store, one: Letter, at: float) -> int:
    packed = store.codec.pack([one.raw])

    def write(connection: sqlite3.Connection) -> int:
        account = accounts.ensure(connection, [(one.account, f"{one.account}@example.org")])[one.account]
        if not consents.granted(connection, one.account):
            consents.grant(connection, one.account, SCOPES, 1.0)
        if one.folder not in folders.present(connection, account):
            folders.upsert(connection, account, [(one.folder, one.folder.encode(), "/", "", None, None)])
        folder = folders.present(connection, account)[one.folder].id
        uid = (
            1
            + connection.execute(
                "SELECT coalesce(max(uid), 0) FROM messages WHERE folder_id = ?", (folder,)
            ).fetchone()[0]
        )
        arrivals = messages.Arrivals(
            [uid], [one.flags], [one.keywords], [one.internaldate], [None], packed, [None], [one.threadid]
        )
        messages.add(connection, folder, arrivals, at)
        row = connection.execute("SELECT id FROM messages WHERE folder_id = ? AND uid = ?", (folder, uid)).fetchone()
        return int(row[0])

    number = store.write(write).result()
    if packed.dictionary:
        store.codec.saved()
    return number
