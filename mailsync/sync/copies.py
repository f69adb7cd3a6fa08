"""The end of an account's sync: what came as a copy is told from what was moved while the sync went on.

A folder may have been looked at before another one gained what looks like a copy of a message in it. Only a second
look tells which it is: where the message is gone, it has moved, and the arrival takes its id; else it is settled that
the arrival is a copy, whatever becomes of the original later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from mailsync.imap.uidset import UidSet
from mailsync.model import AccountResult, FolderResult
from mailsync.store import accounts, folders, reunion

if TYPE_CHECKING:
    from mailsync.sync.account import AccountMirror


async def settle(
    mirror: AccountMirror, looked_at: Iterable[folders.Folder], result: AccountResult, stopping: Callable[[], bool]
) -> None:
    """Look again at those folders `looked_at` by this sync that have originals of what came later; what is found is
    added to `result`. MailsyncError as from a sync."""
    if not any(folder.new for folder in result.folders):
        return
    names = {folder.id for folder in looked_at}

    def doubtful(connection: sqlite3.Connection) -> list[folders.Folder]:
        ids = reunion.take_doubtful(connection, mirror.account_id)
        if not accounts.was_synced(connection, mirror.name):
            for number in ids:  # ids that are minutes old are nobody's yet: they are not worth a look
                reunion.confirm(connection, number, mirror.now())
            return []
        return [folders.get(connection, number) for number in ids if number in names]

    for folder in await mirror.mail.awrite(doubtful):
        if stopping():
            return
        at = mirror.now()
        async with mirror.pool.session() as session:
            status = await session.status(folder.raw_name) or {}
        if _has_all(folder, status):
            await mirror.mail.awrite(partial(reunion.confirm, folder_id=folder.id, at=at))
            continue
        again = await mirror.sync_folder(mirror.task(folder, stopping=stopping), mirror.worker)
        for one in result.folders:
            if one.name == again.name:
                _add(one, again)


def _has_all(folder: folders.Folder, status: dict[str, int]) -> bool:
    """No message came or went since the folder was synced: UIDNEXT tells of the one, with it the count of the other."""
    held = folder.messages + len(UidSet.parse(folder.outside))
    numbers = (folder.uidvalidity, folder.uidnext, held)
    return numbers == (status.get("UIDVALIDITY"), status.get("UIDNEXT"), status.get("MESSAGES"))


def _add(one: FolderResult, again: FolderResult) -> None:
    for name in ("new", "changed", "deleted", "bytes", "seconds", "quarantined", "withheld", "outside"):
        setattr(one, name, getattr(one, name) + getattr(again, name))
    one.error = one.error or again.error
    if one.strategy in (None, "unchanged"):
        one.strategy = again.strategy
