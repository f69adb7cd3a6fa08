"""`verify`: the mirror held against the server, and against its own certificate.

UIDs and flags by FETCH, which is the truth; SEARCH is only asked where FETCH told less than EXISTS. `deep` also
downloads and compares every byte. What is not here on purpose is explained, not a fault. A mirror that is right has
its certificate marked as verified.
"""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mailsync.errors import Interrupted
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.store import certificates, consents, folders, holdings, messages
from mailsync.store.database import Store
from mailsync.sync.certify import certify
from mailsync.sync.plan import FlagState
from mailsync.sync.telling import Telling, Told

PIECE = 400
BATCH_BYTES = 2 << 20


@dataclass(slots=True)
class Verdict:
    """How a folder's mirror differs from the server; UIDs, ascending. An element of the `verify` document.

    `explained` are the exceptions that are no faults, as in a certificate; `certificate` is how the rows stood to it.
    """

    account: str
    name: str
    server_count: int = 0
    local_count: int = 0
    missing: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)
    flags_differ: list[int] = field(default_factory=list)
    content_differs: list[int] = field(default_factory=list)
    error: str | None = None
    deep: bool = False
    explained: list[dict[str, Any]] = field(default_factory=list)
    certificate: certificates.Standing = "none"

    @property
    def faults(self) -> int:
        """Messages that are not as they should be."""
        return sum(map(len, (self.missing, self.extra, self.flags_differ, self.content_differs)))

    @property
    def ok(self) -> bool:
        return not (self.faults or self.error)

    def as_dict(self) -> dict[str, Any]:
        return {
            "account": self.account,
            "name": self.name,
            "server_count": self.server_count,
            "local_count": self.local_count,
            "missing": self.missing,
            "extra": self.extra,
            "flags_differ": self.flags_differ,
            "content_differs": self.content_differs,
            "ok": self.ok,
            "error": self.error,
            "deep": self.deep,
            "explained": self.explained,
            "certificate": self.certificate,
        }


async def verify_folder(
    store: Store,
    session: Session,
    account: str,
    folder: folders.Folder,
    *,
    deep: bool,
    now: Callable[[], float] = time.time,
    stopping: Callable[[], bool] = lambda: False,
) -> Verdict:
    """Compare one folder. A message held without its bytes counts as missing, unless they are withheld on purpose.

    `stopping` is asked between batches: then Interrupted.
    """
    verdict = Verdict(account, folder.name, deep=deep)
    folder = await store.aread(partial(folders.get, folder_id=folder.id))
    box = await session.examine(folder.raw_name)
    told = await _told(session, stopping) if box.exists else Told()
    held = await store.aread(partial(messages.known, folder_id=folder.id))
    verdict.explained = await store.aread(lambda c: certificates.exceptions(c, folder.id, folder.outside))
    verdict.certificate = await store.aread(partial(certificates.standing, folder_id=folder.id))
    known, outside = UidSet.from_uids(held.uids), UidSet.parse(folder.outside)
    empty = UidSet.parse(await store.aread(partial(holdings.waiting, folder_id=folder.id)))
    verdict.server_count, verdict.local_count = box.exists, len(known)
    verdict.missing = list((told.uids - known - outside) | (told.uids & empty))
    verdict.extra = list(_shown(session, known, told.uids) - told.uids)
    verdict.flags_differ = _differing_flags(held, known, told)
    if len(told.uids) < box.exists:
        verdict.error = f"the server listed {len(told.uids)} of {box.exists} messages"
    elif folder.uidvalidity != box.uidvalidity:
        verdict.error = f"UIDVALIDITY is {box.uidvalidity}, the mirror was made under {folder.uidvalidity}"
    elif folder.first_sync_at is None:
        verdict.error = "its first sync has not ended yet"
    elif verdict.certificate == "differs":
        verdict.error = "what the mirror holds is not what its certificate says, and no sync has changed it"
    elif deep:
        withheld = UidSet.from_uids(held.without_content)
        await _compare_contents(store, session, folder, verdict, (told.uids & known) - withheld, stopping)
    if verdict.ok:
        await _note(store, folder.id, now(), verdict)
    return verdict


async def _told(session: Session, stopping: Callable[[], bool]) -> Told:
    """Every UID and its flags, by FETCH; a UID that only SEARCH tells of comes without flags."""
    telling = Telling()
    async for batch in session.fetch([UidSet.parse("1:*")], "UID FLAGS", BATCH_BYTES):
        if stopping():
            raise Interrupted
        telling.add(batch)
    told = telling.told()
    box = session.mailbox
    if box is not None and len(told.uids) < box.exists:
        told.uids |= await session.search_uids()
    return told


def _shown(session: Session, known: UidSet, told: UidSet) -> UidSet:
    """Those of `known` that the server would list if it had them: one with a window hides what is older."""
    if not session.quirks.window or "UIDONLY" in session.enabled or told.min is None or known.max is None:
        return known
    return known & UidSet([(told.min, max(known.max, told.min))])


def _differing_flags(held: messages.Known, known: UidSet, told: Told) -> list[int]:
    here: defaultdict[FlagState, array[int]] = defaultdict(lambda: array("I"))
    for uid, bits, words in zip(held.uids, held.flags, held.keywords, strict=True):
        here[bits, words].append(uid)
    differ = EMPTY
    for state, uids in told.states.items():
        differ |= (uids & known) - UidSet.from_uids(here.get(state, ()))
    return list(differ)


async def _compare_contents(
    store: Store,
    session: Session,
    folder: folders.Folder,
    verdict: Verdict,
    wanted: UidSet,
    stopping: Callable[[], bool],
) -> None:
    seen: set[int] = set()
    async for batch in session.fetch(wanted.split(PIECE), "UID BODY.PEEK[]", BATCH_BYTES):
        if stopping():
            raise Interrupted
        bodies = {one.uid: one.body for one in batch if one.uid in wanted and one.uid and one.body is not None}
        seen |= bodies.keys()
        verdict.content_differs += await store.aread(partial(_differing, verdict.account, folder.id, bodies))
    verdict.content_differs.sort()
    unseen = len(wanted) - len(seen)
    if unseen:
        verdict.error = f"the server did not give the bytes of {unseen} messages, so they are not verified"


def _differing(account: str, folder_id: int, bodies: dict[int, bytes], connection: sqlite3.Connection) -> list[int]:
    consents.require(connection, account)
    return messages.differing(connection, folder_id, bodies)


async def _note(store: Store, folder_id: int, at: float, verdict: Verdict) -> None:
    """The certificate of what was found right says so; one that was outdated is made anew."""
    if verdict.certificate != "matches":
        await certify(store, folder_id, at)
    await store.awrite(lambda connection: certificates.note_verified(connection, folder_id, at, deep=verdict.deep))
