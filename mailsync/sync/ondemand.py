"""The bytes of one message that a sync left on the server because it is too large, for someone who wants to see it."""

from __future__ import annotations

from mailsync.errors import MessageFailed, NotFound
from mailsync.imap.uidset import UidSet
from mailsync.model import FolderResult
from mailsync.store import folders, selection
from mailsync.store.selection import Withheld
from mailsync.sync.account import AccountMirror
from mailsync.sync.download import Download


async def fetch_withheld(mirror: AccountMirror, message_id: int, where: Withheld) -> None:
    """Fetch and store them. NotFound when the message is gone from the server, MessageFailed when it gives no bytes."""
    await mirror.check_consent()
    store = mirror.mail
    folder = await store.aread(lambda connection: folders.get(connection, where.folder_id))
    result = FolderResult(folder.name)
    async with mirror.pool.session() as session, mirror.locks[folder.id]:
        box = await session.examine(folder.raw_name)
        wanted = UidSet([(where.uid, where.uid)])
        if box.uidvalidity != where.uidvalidity or not await session.search(within=wanted) & wanted:
            raise NotFound(f"message {message_id} is not on the server any more", hint="the next sync takes it away")
        download = Download(store, mirror.name, mirror.account_id, folder, result, mirror.now, lambda: False)
        await download.run(session, wanted)
    if await store.aread(lambda connection: selection.find_withheld(connection, message_id)) is not None:
        raise MessageFailed(f"the server does not give the bytes of message {message_id}", hint="try again later")
