"""Where the messages of an undo are, when folders are not what they were: renamed, gone, or under a new UIDVALIDITY.

A folder that was renamed keeps its UIDs, and the mirror knows its name. Under another UIDVALIDITY messages are found as
a restore finds them: by Message-ID or date, and by their bytes. What is found nowhere has no UID then.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.record import record, replace
from mailsync.store import cleanup_returns, cleanup_runs
from mailsync.store.cleanup_runs import Row
from mailsync.store.restores import Item
from mailsync.sync import present
from mailsync.sync.account import AccountMirror

PIECE = 1000
"""Messages that are looked for at a time."""


@record
class Locating:
    """Brings the rows of a run that wait up to date. `resync` has the mirror see what the server has."""

    mirror: AccountMirror
    run_id: int
    resync: Callable[[], Awaitable[None]]

    async def run(self, session: Session) -> None:
        store, account_id = self.mirror.store, self.mirror.account_id
        listed = {one.entry.raw_name for one in await session.list_folders(status=False)}
        gone = await store.aread(partial(cleanup_returns.named, run_id=self.run_id)) - listed
        if gone:
            await self.resync()
            follow = partial(cleanup_returns.follow, run_id=self.run_id, account_id=account_id, names=gone)
            await store.awrite(follow)
        places = await store.aread(partial(cleanup_runs.places, run_id=self.run_id))
        folders: dict[bytes, dict[int | None, array[int]]] = defaultdict(dict)
        for (folder, validity), numbers in places.items():
            if folder in listed:
                folders[folder][validity] = numbers
        for folder, inside in folders.items():
            status = await session.status(folder) or {}
            strays = [number for validity in inside.keys() - {status.get("UIDVALIDITY")} for number in inside[validity]]
            if strays:
                await self._folder(session, folder, strays)

    async def _folder(self, session: Session, folder: bytes, strays: Sequence[int]) -> None:
        store, account_id = self.mirror.store, self.mirror.account_id
        box = await session.examine(folder)
        for at in range(0, len(strays), PIECE):
            read = partial(self._read, folder=folder, validity=box.uidvalidity, numbers=strays[at : at + PIECE])
            rows, taken = await store.aread(read)
            found = await present.find(session, store, account_id, box, list(map(_item, rows)), taken)
            known = [
                replace(row, before=replace(row.before, uidvalidity=box.uidvalidity, uid=found[row.number]))
                if row.number in found
                else replace(row, before=replace(row.before, uidvalidity=None, uid=None))
                for row in rows
                if row.before is not None
            ]
            await store.awrite(partial(cleanup_returns.place_ends, run_id=self.run_id, rows=known))

    def _read(
        self, connection: sqlite3.Connection, *, folder: bytes, validity: int | None, numbers: Sequence[int]
    ) -> tuple[list[Row], UidSet]:
        """Rows, and the UIDs that stand for others of the run."""
        rows = [row for row in cleanup_runs.some(connection, self.run_id, numbers) if row.state == "waiting"]
        return rows, UidSet.from_uids(cleanup_returns.uids(connection, self.run_id, folder, validity))


def _item(row: Row) -> Item:
    """What is looked for: a message with these bytes and this date."""
    place = row.before
    date = place.internaldate if place is not None else None
    return Item(row.number, row.message_id, row.digest, row.size, 0, "", date, None, None)
