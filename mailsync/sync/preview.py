"""What a sync would do to a folder that is not mirrored yet, or whose selection of messages has changed: `--dry-run`.

Nothing local is written. Sizes are those the server announces (RFC822.SIZE), which it may know only roughly.
"""

from __future__ import annotations

from mailsync.errors import FolderDoubt
from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.model import FolderResult
from mailsync.store import holdings
from mailsync.store.database import Store
from mailsync.sync.discover import Chosen
from mailsync.sync.scope import Scope

PIECE = 1000
BATCH_BYTES = 1 << 20


async def preview(session: Session, store: Store, chosen: Chosen, scope: Scope) -> FolderResult:
    """Messages and bytes that a first sync, or one under a new selection, would fetch, and rows it would remove."""
    folder = chosen.folder
    box = await session.examine(folder.raw_name)
    result = FolderResult(folder.name, box.uidvalidity, strategy="first" if folder.first_sync_at is None else "scan")
    held = UidSet()
    if folder.id and folder.uidvalidity == box.uidvalidity:
        held = UidSet.parse(await store.aread(lambda connection: holdings.uids(connection, folder.id)))
    else:
        result.deleted = folder.messages
    listed = await session.search_uids() if box.exists else UidSet()
    if box.exists and not listed:
        raise FolderDoubt(
            f"the server's search lists none of {box.exists} messages", hint="run it again later; nothing was changed"
        )
    admit = UidSet()
    if held:
        reselected = await scope.reselect(session, store, folder.id)
        result.deleted += len((held - listed) | reselected.remove)
        admit = reselected.admit & listed
    found = await scope.narrow(session, listed - held)
    fetch = found.fetch | admit
    result.new, result.withheld, result.outside = len(fetch), len(found.withheld), len(found.outside)
    whole = chosen.bytes if fetch == listed else None
    result.bytes = whole if whole is not None else await size_of(session, fetch)
    return result


async def size_of(session: Session, uids: UidSet) -> int:
    """The announced bytes of these messages of the open folder."""
    sizes: dict[int, int] = {}
    async for batch in session.fetch(uids.split(PIECE), "UID RFC822.SIZE", BATCH_BYTES):
        for answer in batch:
            if answer.uid is not None and answer.uid in uids:
                sizes[answer.uid] = answer.size or 0
    return sum(sizes.values())
