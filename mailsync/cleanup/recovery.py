"""What became of messages that were begun and have no result: they are looked for where they should have gone.

Nobody else gave such a message, with its bytes or its Message-ID and date, a UID from the UIDNEXT on that was noted
before anything was sent; UIDs that other rows of the run have are theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.store import cleanup_runs
from mailsync.store.cleanup_runs import Row
from mailsync.store.database import Store
from mailsync.store.restores import Item
from mailsync.sync import present

PIECE = 500
"""Messages that are looked for at a time."""


async def find(
    session: Session, store: Store, run_id: int, folder: bytes, rows: Sequence[Row]
) -> tuple[int | None, dict[int, int]]:
    """UIDVALIDITY of a folder (raw name), and the UIDs there by the number of the row. Opens the folder to read."""
    if await session.status(folder) is None:
        return None, {}
    box = await session.examine(folder)
    found: dict[int, int] = {}
    for at in range(0, len(rows), PIECE):
        noted = partial(cleanup_runs.taken, run_id=run_id, folder=folder, uidvalidity=box.uidvalidity)
        taken = UidSet.from_uids([*await store.aread(noted), *found.values()])
        items = [_item(row, folder, box.uidvalidity) for row in rows[at : at + PIECE]]
        found |= await present.learn(session, store, box, items, taken)
    return box.uidvalidity, found


def _item(row: Row, folder: bytes, uidvalidity: int | None) -> Item:
    """What is looked for. Under another UIDVALIDITY than was noted only bytes tell that it is the message."""
    noted = next((one for one in row.targets if one.folder == folder), None)
    same = noted is not None and noted.uidnext is not None and noted.uidvalidity == uidvalidity
    uidnext = noted.uidnext if noted is not None and same else 1
    date = row.before.internaldate if row.before is not None else None
    validity = uidvalidity if same else None
    return Item(row.number, row.message_id, row.digest, row.size, 0, "", date, validity, uidnext)
