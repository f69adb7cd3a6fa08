"""Gmail's labels (X-GM-EXT-1): read after the messages of a folder, by CHANGEDSINCE where a checkpoint allows it.

A change of labels moves HIGHESTMODSEQ like a change of flags does, so the folder's own checkpoint covers both: it is
written after this, and nothing that happened in between is lost.
"""

from __future__ import annotations

import sqlite3

from mailsync.imap import gmail
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, MAX_UID, UidSet
from mailsync.store import labels
from mailsync.store.database import Store

EXTENSION = "X-GM-EXT-1"
EVERYTHING = UidSet([(1, MAX_UID)])
BATCH_BYTES = 1 << 20
Told = dict[int, tuple[str, ...]]


async def keep_labels(
    session: Session,
    store: Store,
    account_id: int,
    folder_id: int,
    *,
    uids: UidSet = EVERYTHING,
    since: int | None = None,
    new: UidSet = EMPTY,
) -> int:
    """Bring the labels of the open folder's messages up to date; returns how many had others, `new` ones apart.

    `uids` are those asked for, `since` is the HIGHESTMODSEQ that was stored with the labels, None to ask for all.
    """
    box = session.mailbox
    if EXTENSION not in session.capabilities or box is None:
        return 0
    changed = 0
    wanted = [uids] if box.exists and uids else []
    async for batch in session.fetch(wanted, f"UID {gmail.LABELS}", BATCH_BYTES, changed_since=since):
        told = {
            answer.uid: found
            for answer in batch
            if answer.uid is not None and (found := gmail.labels(answer)) is not None
        }
        old = {uid: names for uid, names in told.items() if uid not in new}
        arrived = {uid: names for uid, names in told.items() if uid in new}

        def write(connection: sqlite3.Connection, old: Told = old, arrived: Told = arrived) -> tuple[int, int]:
            return (
                labels.assign(connection, account_id, folder_id, old) if old else 0,
                labels.assign(connection, account_id, folder_id, arrived) if arrived else 0,
            )

        if told:
            changed += (await store.awrite(write))[0]
    await store.awrite(lambda connection: labels.forget_unused(connection, account_id))
    return changed
