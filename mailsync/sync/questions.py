"""What each strategy asks of the open folder, and what its answers mean: UID sets in, `plan.Changes` out.

Nothing is removed on one answer alone where that answer is doubtful (law 5): a question of another kind has to agree,
and `doubts` tells what was doubted. Flags and UIDs are compared as sets, so that a folder in which nothing changed
costs no Python per message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mailsync.errors import CommandRefused, FolderDoubt, ProtocolError
from mailsync.imap.responses import Fetch
from mailsync.imap.session import Mailbox, Session
from mailsync.imap.uidset import EMPTY, MAX_UID, UidSet
from mailsync.record import replace
from mailsync.store import folders, holdings, quarantine
from mailsync.store.database import Store
from mailsync.sync import guard, plan
from mailsync.sync.ahead import ALL, BATCH_BYTES, Ahead, known_flags
from mailsync.sync.plan import Changes, FlagState, Numbers, States
from mailsync.sync.telling import Telling, Told

WINDOW = 400
"""Newest messages whose flags a scheduled sync looks at where the server has no MODSEQ."""
RANGES = 500
"""So many ranges are looked up one by one; for more the whole folder is read."""
NEAR = 5000
"""Newest messages among which deletions are sought first where a listing is long (no ESEARCH)."""
PIECE = 2000


class Questions:
    """The questions to one open folder. `outside` are UIDs deliberately not mirrored (`folders.outside`); `ahead` is
    what has been asked as it was opened."""

    def __init__(
        self,
        store: Store,
        session: Session,
        folder: folders.Folder,
        box: Mailbox,
        now: Callable[[], float],
        ahead: Ahead | None = None,
    ) -> None:
        self.box = box
        self.outside = UidSet.parse(folder.outside)
        self.doubts: list[str] = []
        self.looked_at_all = True
        """False when only a recent window of the flags was compared."""
        self._store = store
        self._session = session
        self._folder = folder
        self._now = now
        self._ahead = ahead or Ahead()
        self._held = self._ahead.known.held if self._ahead.known is not None else None

    @property
    def _limited(self) -> bool:
        return self._session.quirks.window and "UIDONLY" not in self._session.enabled

    async def held(self) -> UidSet:
        """The UIDs of the mirror."""
        if self._held is None:
            folder_id = self._folder.id
            self._held = UidSet.parse(await self._store.aread(lambda c: holdings.uids(c, folder_id)))
        return self._held

    async def due(self, *, everything: bool) -> UidSet:
        """Messages that could not be had before and are to be tried again; `everything`: whether due or not."""
        folder_id, at = self._folder.id, self._now()
        waiting = UidSet.parse(await self._store.aread(lambda c: holdings.waiting(c, folder_id)))
        if not waiting or everything:
            return waiting
        return waiting & UidSet.from_uids(await self._store.aread(lambda c: quarantine.uids_due(c, folder_id, at)))

    # -- the strategies ----------------------------------------------------------------------------------------

    async def first(self) -> Changes:
        """Everything that is there and not held."""
        held = await self.held()
        if held:
            return await self.scan(Numbers(None, None, None, 0), full=False)
        return Changes(fetch=await self.listing() - self.outside) if self.box.exists else Changes()

    async def qresync(self) -> Changes:
        """What EXAMINE told of the time since the checkpoint (RFC 7162 section 3.2.5), checked by counting."""
        box = self.box
        telling = Telling()
        telling.add(box.changed)
        told = telling.told()
        known = await self._held_in(told.uids)
        gone = await self._held_in(box.vanished)
        self.outside -= box.vanished
        new = told.uids - known - self.outside
        total = self._folder.messages
        reason = guard.doubt(held=total, removals=len(gone), told=box.exists, exists=box.exists)
        counted = total + len(self.outside) - len(gone) + len(new)
        if reason is None and counted == box.exists:
            return Changes(new, await self._reflag(told.states, known - gone), gone)
        self._doubt(reason or f"{counted} messages after the changes, but the server says {box.exists}")
        listed = await self.listing()
        changes = await self._membership(listed, await self._reflag(told.states, known & listed))
        return await self._believed(changes, len(listed), mass=False)

    async def pushed(self, vanished: UidSet, flagged: list[Fetch]) -> Changes | None:
        """What pushed VANISHED and FETCH mean; None when it would be too much to be believed unasked."""
        telling = Telling()
        telling.add(flagged)
        told = telling.told()
        gone = await self._held_in(vanished)
        if guard.doubt(held=self._folder.messages, removals=len(gone), told=self.box.exists, exists=self.box.exists):
            return None
        self.outside -= vanished
        return Changes(EMPTY, await self._reflag(told.states, await self._held_in(told.uids - gone)), gone)

    async def condstore(self, since: int) -> Changes:
        """CHANGEDSINCE tells arrivals and flags; whether something is gone is counted (RFC 7162 section 3.1.4.1)."""
        box = self.box
        if not box.exists:
            return await self._believed(Changes(remove=await self.held()), 0)
        told = self._ahead.changed
        try:
            if told is None:
                told = await self.told([ALL], changed_since=since)
        except CommandRefused:
            if self._session.closed is not None:
                raise
            self._session.latch_off("CONDSTORE")
            self._doubt("the server offers CONDSTORE and refuses CHANGEDSINCE")
            return await self._by_fetch()
        known = await self._held_in(told.uids)
        new = told.uids - known - self.outside
        surplus = self._folder.messages + len(self.outside) + len(new) - box.exists
        changes = Changes(new, await self._reflag(told.states, known), EMPTY)
        if surplus:
            changes.remove = await self._missing(surplus) if surplus > 0 else EMPTY
            if len(changes.remove) != surplus:
                listed = await self.listing()
                changes = await self._membership(listed, changes.reflag)
                return await self._believed(changes, len(listed), searched=True)
            return await self._believed(changes, box.exists, searched=True)
        return changes

    async def scan(self, before: Numbers, *, full: bool, recent: bool = False) -> Changes:
        """Everything compared, flags included; `recent` looks at the newest flags only, `full` takes no shortcut.

        `before` are the numbers of the last finished sync.
        """
        if not self.box.exists:
            return await self._believed(Changes(remove=await self.held()), 0)
        if full or self._limited or self._folder.messages <= plan.FEW:
            return await self._by_fetch()
        if recent:
            return await self._recent()
        changes = await self._by_search(before)
        return await self._by_fetch() if changes is None else changes

    # -- ways of scanning --------------------------------------------------------------------------------------

    async def _by_fetch(self) -> Changes:
        """UID and flags of every message."""
        told = self._ahead.told or await self.told([ALL])
        listed = told.uids
        if len(listed) < self.box.exists and not self._limited:
            # Some answers are missing: SEARCH says which messages there are, their flags stay as they were.
            listed |= await self.listing()
        held = await self.held()
        folder_id = self._folder.id
        ours = _parsed(await self._store.aread(lambda c: holdings.states(c, folder_id)))
        if self._limited:
            held = guard.shown(held, listed)
        self.outside &= listed if not self._limited else self.outside
        changes = plan.compare(held, listed, ours, told.states, outside=self.outside)
        return await self._believed(changes, len(listed))

    async def _by_search(self, before: Numbers) -> Changes | None:
        """Flags by searches, UIDs by arithmetic or a search; None where that is not to be relied on or costs more."""
        box, folder_id, session = self.box, self._folder.id, self._session
        known = self._ahead.known or await known_flags(self._store, folder_id)
        if not plan.searchable(known.sets, box.flags, lists_keywords=_lists_keywords(session)) or (
            not session.quirks.keywords_searchable and any(not name.startswith("\\") for name in box.flags)
        ):
            return None
        new = known.arrivals(before, Numbers(None, box.uidnext, None, box.exists), len(self.outside))
        asked = await known.questions(self._store, folder_id, box.flags, listed=new is None)
        self._held = self._held or known.held
        if not plan.sets_are_smaller(asked, known.total):
            return None
        criteria = ["ALL"] * (new is None) + [one.criterion for one in asked]
        found = self._ahead.found
        missing = [one for one in criteria if one not in found]
        try:
            found |= zip(missing, await session.search_many(missing), strict=True)
        except (CommandRefused, ProtocolError):
            if session.closed is not None:
                raise
            return None
        answers = [found[one] for one in criteria]
        if new is None:
            listed = answers.pop(0)
            if len(listed) != box.exists:
                self._doubt(f"a search lists {len(listed)} of {box.exists} messages")
                return None
            changes = await self._membership(listed, [])
            differing = plan.differing(asked, answers, (await self.held()) & listed)
        else:
            changes = Changes(fetch=new - self.outside)
            differing = plan.differing(asked, answers, None) - new - self.outside
        if differing:
            # The searches say where flags differ, FETCH says what they are: a search that lies changes nothing.
            told = await self.told(differing.split(PIECE))
            changes.reflag = await self._reflag(told.states, await self._held_in(told.uids & differing))
            if len(changes.reflag) < len(differing) // 2:
                self._doubt(f"searches for flags were wrong about {len(differing) - len(changes.reflag)} messages")
        return await self._believed(changes, box.exists, searched=True)

    async def _recent(self) -> Changes:
        """The newest messages by FETCH; older ones are only counted, and listed when the count is wrong."""
        folder_id, box = self._folder.id, self.box
        low = await self._store.aread(lambda c: holdings.newest(c, folder_id, WINDOW))
        if low is None:
            return await self._by_fetch()
        self.looked_at_all = False
        window = UidSet([(low, MAX_UID)])
        told = await self.told([f"{low}:*"])
        held = await self._held_in(window)
        shown = told.uids & window
        self.outside -= window - shown
        changes = Changes(shown - held - self.outside, await self._reflag(told.states, held & shown), held - shown)
        counted = self._folder.messages + len(self.outside) - len(changes.remove) + len(changes.fetch)
        if counted != box.exists:
            listed = await self.listing()
            changes = await self._membership(listed, changes.reflag)
            return await self._believed(changes, len(listed), searched=True)
        return await self._believed(changes, box.exists)

    # -- single questions --------------------------------------------------------------------------------------

    async def told(self, sets: Iterable[UidSet | str], *, changed_since: int | None = None) -> Told:
        """UID and flags of `sets`, of those that have changed since a MODSEQ only where that is given."""
        telling = Telling()
        async for batch in self._session.fetch(sets, "UID FLAGS", BATCH_BYTES, changed_since=changed_since):
            telling.add(batch)
        return telling.told()

    async def listing(self) -> UidSet:
        """All UIDs: by SEARCH, and where that does not agree with EXISTS by FETCH; FolderDoubt when neither can be."""
        box = self.box
        if not box.exists:
            return EMPTY
        listed = await self._session.search()
        if len(listed) != box.exists:
            fetched = (await self.told([ALL])).uids
            if len(fetched) == box.exists or guard.plausible_listing(listed, box.exists):
                listed = fetched
            listed |= fetched
            reason = guard.plausible_listing(listed, box.exists)
            if reason:
                raise FolderDoubt(f"the server's answers contradict each other: {reason}", hint="sync again later")
        return listed

    async def _missing(self, surplus: int) -> UidSet:
        """Which `surplus` messages of the mirror the folder has no more. Without ESEARCH a listing of a large folder is
        long, and what goes is mostly recent: that part is asked about first."""
        held = await self.held()
        if "ESEARCH" not in self._session.capabilities and len(held) > 4 * NEAR:
            near = next(held.split(NEAR, newest_first=True), EMPTY)
            low = near.min or 1
            recent = await self._session.search(f"UID {low}:*")
            gone = (held & UidSet([(low, MAX_UID)])) - recent
            if len(gone) == surplus and recent:
                return gone
        return held - await self.listing()

    async def _held_in(self, uids: UidSet) -> UidSet:
        """Those of `uids`, which may be any ranges at all, that the mirror holds."""
        if not uids:
            return EMPTY
        ranges = uids.ranges
        if self._held is not None or len(ranges) > RANGES:
            return await self.held() & uids
        folder_id = self._folder.id
        return UidSet.parse(await self._store.aread(lambda c: holdings.within(c, folder_id, ranges)))

    async def _reflag(self, told: States, known: UidSet) -> list[tuple[int, int, str]]:
        """The flag changes among `known`, all of them held."""
        if not known:
            return []
        folder_id = self._folder.id
        ranges = known.ranges if len(known.ranges) <= RANGES else None
        ours = _parsed(await self._store.aread(lambda c: holdings.states(c, folder_id, ranges)))
        return plan.compare(known, known, ours, told).reflag

    async def _membership(self, listed: UidSet, reflag: list[tuple[int, int, str]]) -> Changes:
        """The changes for a folder of exactly `listed`, with those of flags that are known already."""
        held = await self.held()
        self.outside &= listed
        return Changes(listed - held - self.outside, reflag, held - listed)

    # -- doubt -------------------------------------------------------------------------------------------------

    def _doubt(self, reason: str) -> None:
        self.doubts.append(reason)

    async def _believed(self, changes: Changes, told: int, *, searched: bool = False, mass: bool = True) -> Changes:
        """`changes` with only those removals that are beyond doubt. `told` is how many messages the server listed.

        `searched` tells that SEARCH said so, and FETCH is asked the second time; `mass` False that many removals have
        been asked about already.
        """
        removals = changes.remove
        exists = min(self.box.exists, told) if self._limited else self.box.exists
        reason = guard.doubt(held=self._folder.messages, removals=len(removals), told=told, exists=exists)
        if reason is None or (not mass and told == exists and told):
            return changes
        self._doubt(reason)
        self.box = box = await self._session.examine(self._folder.raw_name)
        if searched and box.exists:
            removals -= (await self.told(removals.split(PIECE))).uids
        else:
            search = await self._search_again(box)
            removals = guard.confirmed(removals, search, len(search) if self._limited and search else box.exists)
            # What was wrong about what is gone knew nothing of what has come, either.
            changes.fetch |= search - await self.held() - self.outside
        return replace(changes, remove=removals)

    async def _search_again(self, box: Mailbox) -> UidSet:
        """All UIDs by SEARCH, also of a folder said to be empty; there some servers refuse to search."""
        try:
            return await self._session.search()
        except (CommandRefused, ProtocolError):
            if box.exists or self._session.closed is not None:
                raise
            return EMPTY


def _lists_keywords(session: Session) -> bool:
    """The server is one of those whose FLAGS response names every keyword of the folder."""
    return any(name in ("dovecot", "cyrus") for name, _ in session.quirks.names)


def _parsed(texts: dict[FlagState, str]) -> dict[FlagState, UidSet]:
    return {state: UidSet.parse(text) for state, text in texts.items()}
