"""What a sync would do to a folder that is not mirrored yet, or whose selection of messages has changed: `--dry-run`.

Nothing local is written. Sizes are those the server announces (RFC822.SIZE), which it may know only roughly.
"""

from __future__ import annotations

from mailsync.errors import FolderDoubt
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.model import FolderResult
from mailsync.store import holdings
from mailsync.store.database import Store
from mailsync.sync.discover import Chosen
from mailsync.sync.scope import Narrowed, Scope

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
    admit = dropped = EMPTY
    if held:
        reselected = await scope.reselect(session, store, folder.id)
        admit, dropped = reselected.admit & listed, reselected.remove & listed
        result.deleted += len((held - listed) | dropped)
    await foresee(session, scope, listed - held, result, admit, whole=None if held else chosen.bytes)
    result.outside += len(dropped)
    return result


async def foresee(
    session: Session,
    scope: Scope | None,
    strangers: UidSet,
    result: FolderResult,
    known: UidSet = EMPTY,
    *,
    whole: int | None = None,
) -> None:
    """Add to `result` what would be fetched of the open folder: of messages without a row what `scope` selects, and
    `known` ones. `whole` are the bytes of all of them, where that is known."""
    found = Narrowed(strangers) if scope is None else await scope.narrow(session, strangers)
    fetch = found.fetch | known
    result.new += len(fetch)
    result.withheld += len(found.withheld)
    result.outside += len(found.outside)
    whole = whole if found.fetch == strangers else None
    result.bytes += await _size_of(session, fetch) if whole is None else whole


async def _size_of(session: Session, uids: UidSet) -> int:
    """The announced bytes of these messages of the open folder."""
    sizes: dict[int, int] = {}
    async for batch in session.fetch(uids.split(PIECE), "UID RFC822.SIZE", BATCH_BYTES):
        for answer in batch:
            if answer.uid is not None and answer.uid in uids:
                sizes[answer.uid] = answer.size or 0
    return sum(sizes.values())
