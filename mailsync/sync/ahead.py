"""What is asked of a folder in the round trip that opens it, guessed from the mirror and from STATUS.

    few messages      all flags
    no MODSEQ         the searches that the scan will want
    CONDSTORE alone   what changed since the checkpoint

The questions are those that would be asked anyway if EXAMINE said what STATUS did. Where it says something else, they
are asked as ever, and an answer that fits no question is not read.
"""

from __future__ import annotations

from dataclasses import field

from mailsync.errors import CommandRefused
from mailsync.imap.session import Mailbox, Session
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.record import record
from mailsync.store import folders, holdings
from mailsync.store.database import Store
from mailsync.sync import plan
from mailsync.sync.plan import FlagSets, Numbers
from mailsync.sync.telling import Telling, Told

ALL = "1:*"
"""Never asked of an empty folder: some servers answer BAD."""
BATCH_BYTES = 1 << 20


@record
class KnownFlags:
    """The mirror's flags of a folder, to be compared by searches."""

    sets: FlagSets
    names: tuple[str, ...]
    """Its keywords as they are spelled."""
    total: int
    next_uid: int
    held: UidSet | None = None
    """All UIDs, where they had to be read."""

    def arrivals(self, before: Numbers, server: Numbers, outside: int) -> UidSet | None:
        """As `plan.arrivals_only`; `before` are the numbers of the last finished sync."""
        if before.uidnext is None:
            return None
        at_least = Numbers(None, self.next_uid, None, 0)
        return plan.arrivals_only(at_least, Numbers(None, server.uidnext, None, server.messages), self.total + outside)

    async def questions(
        self, store: Store, folder_id: int, offered: tuple[str, ...], *, listed: bool
    ) -> list[plan.Question]:
        """The searches for a folder whose FLAGS are `offered`; `listed`: its UIDs will be asked for as well."""
        asked = plan.questions(self.sets, offered, self.held, self.total)
        if self.held is None and (listed or any(len(one.expected) * 2 > self.total for one in asked)):
            self.held = UidSet.parse(await store.aread(lambda c: holdings.uids(c, folder_id)))
            asked = plan.questions(self.sets, offered, self.held, self.total)
        return asked


@record
class Ahead:
    """What a folder's opening told besides; None where it was not asked or did not answer."""

    told: Told | None = None
    """UIDs and flags of all messages."""
    changed: Told | None = None
    """Those changed since the checkpoint."""
    known: KnownFlags | None = None
    found: dict[str, UidSet] = field(default_factory=dict)
    """Answers of searches by their criteria."""


async def known_flags(store: Store, folder_id: int) -> KnownFlags:
    """Read what the mirror has."""
    text, next_uid = await store.aread(lambda c: (holdings.flags(c, folder_id), folders.next_uid(c, folder_id)))
    names = {word.lower(): word for words in text.keywords for word in words.split()}
    return KnownFlags(_flag_sets(text), tuple(names.values()), text.total, next_uid)


async def opened(
    store: Store,
    session: Session,
    folder: folders.Folder,
    status: Numbers | None,
    *,
    since: tuple[int, int] | None,
    searches: bool,
) -> tuple[Mailbox, Ahead]:
    """Open a folder that was synced before. `since` as for `examine`; `searches`: all flags are to be compared."""
    raw_name = folder.raw_name
    if status is not None and status.messages and session.quirks.pipeline > 1:
        offered = "CONDSTORE" in session.capabilities and session.quirks.trust_modseq
        few = range(1, plan.FEW + 1)
        if not offered and status.messages in few and folder.messages in few:
            box, told = await _telling(session, raw_name, None)
            return box, Ahead(told=told)
        if not offered and searches and folder.messages > plan.FEW:
            return await _searching(store, session, folder, status)
        told_at_once = "QRESYNC" in session.enabled and "QRESYNC" in session.capabilities
        if offered and since is not None and not told_at_once and (status.highestmodseq or 0) > since[1]:
            box, told = await _telling(session, raw_name, since)
            return box, Ahead(changed=told)
    return await session.examine(raw_name, since=since), Ahead()


async def _telling(session: Session, raw_name: bytes, since: tuple[int, int] | None) -> tuple[Mailbox, Told | None]:
    """All flags, or those changed `since`; None where FETCH was refused."""
    modseq = None if since is None else since[1]
    opening = await session.begin_examine_fetch(
        raw_name, ALL, "UID FLAGS", BATCH_BYTES, since=since, changed_since=modseq
    )
    box = await opening.box()
    telling = Telling()
    try:
        async for batch in opening.stream:
            telling.add(batch)
    except CommandRefused:  # the folder may be empty
        if session.closed is not None:
            raise
        return box, None
    return box, None if opening.stream.refusals else telling.told()


async def _searching(store: Store, session: Session, folder: folders.Folder, status: Numbers) -> tuple[Mailbox, Ahead]:
    known = await known_flags(store, folder.id)
    before = Numbers(folder.uidvalidity, folder.uidnext, None, folder.messages)
    listed = known.arrivals(before, status, len(UidSet.parse(folder.outside))) is None
    asked = await known.questions(store, folder.id, known.names, listed=listed)
    criteria = ["ALL"] * listed + [one.criterion for one in asked]
    searchable = session.quirks.keywords_searchable or not known.names
    if not searchable or session.quirks.window or not plan.sets_are_smaller(asked, known.total):
        return await session.examine(folder.raw_name), Ahead(known=known)
    box, answers = await session.examine_searching(folder.raw_name, criteria[: session.quirks.pipeline - 1])
    found = {one: answer for one, answer in zip(criteria, answers, strict=False) if answer is not None}
    return box, Ahead(known=known, found=found)


def _flag_sets(text: holdings.FlagText) -> FlagSets:
    keywords: dict[str, UidSet] = {}
    for words, uids in text.keywords.items():
        some = UidSet.parse(uids)
        for word in words.lower().split():
            keywords[word] = keywords.get(word, EMPTY) | some
    parse = UidSet.parse
    return FlagSets(
        parse(text.unseen),
        parse(text.answered),
        parse(text.flagged),
        parse(text.deleted),
        parse(text.draft),
        keywords,
    )
