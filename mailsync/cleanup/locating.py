"""Where the messages of an undo are, when folders are not what they were: renamed, gone, or under a new UIDVALIDITY.

A folder that was renamed keeps its UIDs, and the mirror knows its name. Under another UIDVALIDITY messages are found as
a restore finds them: by Message-ID or date, and by their bytes. What is found nowhere has no UID then.
"""

from __future__ import annotations

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


@record
class Locating:
    """Brings the rows of a run that wait up to date. `resync` has the mirror see what the server has."""

    mirror: AccountMirror
    run_id: int
    resync: Callable[[], Awaitable[None]]

    async def run(self, session: Session) -> None:
        store = self.mirror.store
        rows = await self._waiting()
        listed = {one.entry.raw_name for one in await session.list_folders(status=False)}
        named = {one.folder for row in rows for one in (row.before, row.after) if one is not None}
        if named - listed:
            await self.resync()
            gone = sorted(named - listed)
            await store.awrite(
                partial(cleanup_returns.follow, run_id=self.run_id, account_id=self.mirror.account_id, names=gone)
            )
            rows = await self._waiting()
        by_folder: dict[bytes, list[Row]] = defaultdict(list)
        for row in rows:
            if row.before is not None and row.before.folder in listed:
                by_folder[row.before.folder].append(row)
        for folder, inside in by_folder.items():
            await self._folder(session, folder, inside)

    async def _waiting(self) -> list[Row]:
        read = partial(cleanup_runs.rows, run_id=self.run_id, states=("waiting",), limit=-1)
        return await self.mirror.store.aread(read)

    async def _folder(self, session: Session, folder: bytes, rows: Sequence[Row]) -> None:
        box = await session.examine(folder)
        uids = {row.number: row.before.uid for row in rows if row.before and row.before.uidvalidity == box.uidvalidity}
        strays = [row for row in rows if uids.get(row.number) is None]
        if not strays:
            return
        taken = UidSet.from_uids(uid for uid in uids.values() if uid is not None)
        items = [_item(row) for row in strays]
        store, account_id = self.mirror.store, self.mirror.account_id
        found = await present.find(session, store, account_id, box, items, taken)
        known = [
            replace(row, before=replace(row.before, uidvalidity=box.uidvalidity, uid=found[row.number]))
            if row.number in found
            else replace(row, before=replace(row.before, uidvalidity=None, uid=None))
            for row in strays
            if row.before is not None
        ]
        await store.awrite(partial(cleanup_returns.place, run_id=self.run_id, rows=known))


def _item(row: Row) -> Item:
    """What is looked for: a message with these bytes and this date."""
    place = row.before
    date = place.internaldate if place is not None else None
    return Item(row.number, row.message_id, row.digest, row.size, 0, "", date, None, None)
