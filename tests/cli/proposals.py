"""A frozen list of chosen messages of a mirror, as a scan would leave it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from mailsync.store import candidates, cleanup_drafts
from mailsync.store.cleanups import Cleanup, Folder, Item
from mailsync.store.database import Store


def propose(data: Path, ids: Sequence[int], actions: Sequence[str] = ("archive",), account: str = "work") -> Cleanup:
    """Propose the messages with these ids of mailsync."""

    def write(connection: sqlite3.Connection) -> Cleanup:
        at = time.time()
        number = cleanup_drafts.draft(connection, account, "newsletters", "Newsletters", actions, at)
        places = {one.id: place for place, one in enumerate(candidates.folders(connection, account))}
        folders = [
            Folder(places[one.id], one.id, one.name, one.raw_name, one.special_use, one.uidvalidity, one.messages)
            for one in candidates.folders(connection, account)
        ]
        items: list[Item] = []
        for one in candidates.rows(connection, ids):
            assert one.digest is not None
            state = (one.flags, one.keywords, one.internaldate, one.date)
            where = (len(items), places[one.folder_id], one.id, one.uid, one.identifier, one.digest, one.size)
            items.append(Item(*where, *state, one.sender, "", one.subject, 1.0, ("chosen",)))
        cleanup_drafts.add(connection, number, folders, items)
        return cleanup_drafts.freeze(connection, number, [item.number for item in items[:5]], at)

    store = Store.open(data)
    try:
        return store.write(write).result()
    finally:
        store.close()
