"""`verify`: the mirror held against the server. UIDs and flags; `deep` also downloads and compares every byte."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.model import split_flags
from mailsync.store import folders, messages
from mailsync.store.database import Store

PIECE = 400
BATCH_BYTES = 2 << 20


@dataclass(slots=True)
class Verdict:
    """How a folder's mirror differs from the server; UIDs, ascending. An element of the `verify` document."""

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

    @property
    def ok(self) -> bool:
        return not (self.missing or self.extra or self.flags_differ or self.content_differs or self.error)

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
        }


async def verify_folder(store: Store, session: Session, account: str, folder: folders.Folder, *, deep: bool) -> Verdict:
    """Compare one folder. A message held without its bytes (quarantined) counts as missing."""
    verdict = Verdict(account, folder.name, deep=deep)
    box = await session.examine(folder.raw_name)
    on_server: dict[int, tuple[int, str] | None] = {}
    if box.exists:
        async for batch in session.fetch([UidSet.parse("1:*")], "UID FLAGS", BATCH_BYTES):
            for answer in batch:
                if answer.uid is not None:
                    on_server[answer.uid] = None if answer.flags is None else split_flags(answer.flags)
    held = await store.aread(lambda connection: messages.known(connection, folder.id))
    verdict.server_count, verdict.local_count = box.exists, len(held.uids)
    known = set(held.uids)
    verdict.missing = sorted((on_server.keys() - known) | (on_server.keys() & set(held.without_content)))
    verdict.extra = sorted(known - on_server.keys())
    for uid, bits, words in zip(held.uids, held.flags, held.keywords, strict=True):
        state = on_server.get(uid)
        if state is not None and state != (bits, words):
            verdict.flags_differ.append(uid)
    if len(on_server) < box.exists:
        verdict.error = f"the server listed {len(on_server)} of {box.exists} messages"
    elif folder.uidvalidity != box.uidvalidity:
        verdict.error = f"UIDVALIDITY is {box.uidvalidity}, the mirror was made under {folder.uidvalidity}"
    elif deep:
        await _compare_contents(store, session, folder, verdict, on_server.keys() & known)
    return verdict


async def _compare_contents(
    store: Store, session: Session, folder: folders.Folder, verdict: Verdict, uids: set[int]
) -> None:
    wanted = UidSet.from_uids(uids - set(verdict.missing))
    seen: set[int] = set()
    async for batch in session.fetch(wanted.split(PIECE), "UID BODY.PEEK[]", BATCH_BYTES):
        bodies = {one.uid: one.body for one in batch if one.uid in wanted and one.uid and one.body is not None}
        seen |= bodies.keys()
        verdict.content_differs += await store.aread(partial(messages.differing, folder_id=folder.id, bodies=bodies))
    verdict.content_differs.sort()
    unseen = len(wanted) - len(seen)
    if unseen:
        verdict.error = f"the server did not give the bytes of {unseen} messages, so they are not verified"
