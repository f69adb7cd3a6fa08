"""A folder that was renamed on the server: found again, so that its row, its ids and its content stay.

MAILBOXID (RFC 8474) names a folder for good. Without it a folder is the same where UIDVALIDITY is, UIDNEXT has not
gone back, and a sample of messages is under the same UIDs: many servers give every folder the same UIDVALIDITY.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailsync.errors import MailsyncError
from mailsync.imap.session import Listed, Session
from mailsync.imap.uidset import UidSet
from mailsync.record import record, replace
from mailsync.store import contents, discovery
from mailsync.store.database import Store
from mailsync.store.folders import Folder
from mailsync.sync import internaldate

SAMPLE = 10
"""The newest messages looked at, and as many others."""
CANDIDATES = 3
LOOKS = 60
"""Folders opened for one folder, and in all: where every UIDVALIDITY is 1, hundreds may seem to be any other."""
BATCH_BYTES = 1 << 20


@record(frozen=True)
class Renamed:
    """A mirrored folder and the name it has now."""

    folder: Folder
    listed: Listed

    def now(self) -> Folder:
        """The folder under its new name."""
        return replace(self.folder, name=self.listed.entry.name, raw_name=self.listed.entry.raw_name)


async def find_renamed(
    session: Session,
    store: Store,
    listed: Mapping[str, Listed],
    known: Mapping[str, Folder],
    mailboxids: Mapping[str, str],
) -> list[Renamed]:
    """Which of the `known` folders are `listed` under another name; both by name, `mailboxids` are those stored.

    The new name may be that of a known folder, which then has been renamed itself, or is gone.
    """
    by_mailboxid = {item.mailboxid: item for item in listed.values() if item.mailboxid}
    found: list[Renamed] = []
    for name, folder in known.items():
        item = by_mailboxid.get(mailboxids.get(name, ""))
        if item is not None and item.entry.name != name:
            found.append(Renamed(folder, item))
    taken = {one.listed.entry.name for one in found}
    moved = {one.folder.name for one in found}
    # A name is free for another folder when it is new, or when its own folder is not what it was.
    free = [
        item
        for name, item in listed.items()
        if name not in taken and (name not in known or name in moved or not _may_be(known[name], item))
    ]
    looks = 0
    for name, folder in known.items():
        if name in moved or (name in listed and _may_be(folder, listed[name])) or folder.first_sync_at is None:
            continue
        for item in _candidates(folder, free, named=name in mailboxids):
            looks += 1
            if looks <= LOOKS and await _is_same(session, store, folder, item):
                found.append(Renamed(folder, item))
                free.remove(item)
                break
    return found


def _candidates(folder: Folder, free: Sequence[Listed], *, named: bool) -> list[Listed]:
    """Those of `free` that `folder` may be, the likeliest first; `named`: its MAILBOXID is known, and is no other's."""
    likely = [
        item
        for item in free
        if item.entry.name != folder.name and _may_be(folder, item) and not (named and item.mailboxid)
    ]
    likely.sort(key=lambda item: abs(item.status.get("MESSAGES", 0) - folder.messages))
    return likely[:CANDIDATES]


def _may_be(folder: Folder, item: Listed) -> bool:
    """The numbers of `item` do not contradict that it is `folder`."""
    uidvalidity, uidnext = item.status.get("UIDVALIDITY"), item.status.get("UIDNEXT")
    if uidvalidity is None or folder.uidvalidity is None:
        return folder.name == item.entry.name
    return uidvalidity == folder.uidvalidity and (uidnext or folder.uidnext or 0) >= (folder.uidnext or 0)


async def _is_same(session: Session, store: Store, folder: Folder, item: Listed) -> bool:
    """Messages of the mirror are in `item` under their UIDs: no contradiction, and at least half of them there."""
    from mailsync.sync import identity  # a rename is rare

    rows = await store.aread(lambda connection: discovery.sample(connection, folder.id, SAMPLE))
    heads = await store.aread(lambda c: dict(contents.heads_of(c, {row.content for row in rows})))
    expected = {row.uid: (row.internaldate, identity.mark(heads.get(row.content) or b"")) for row in rows}
    if not expected:
        return False
    agreed = 0
    try:
        await session.examine(item.entry.raw_name)
        items = "UID INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"
        async for batch in session.fetch([UidSet.from_uids(expected)], items, BATCH_BYTES):
            for answer in batch:
                if answer.uid not in expected:
                    continue
                date, mark = expected[answer.uid]
                header = answer.section("BODY[HEADER.FIELDS")
                if header is None or date is None:
                    continue
                if internaldate.parse(answer.internaldate) != date or identity.mark(header) != mark:
                    return False
                agreed += 1
    except MailsyncError as error:
        if error.scope != "folder":
            raise
        return False
    return 2 * agreed >= len(expected)
