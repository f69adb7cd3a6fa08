"""The work of a restore on one connection: folders are found or made, what is there is left alone, the rest is sent."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from mailsync.errors import CommandRefused, Interrupted, MailsyncError, ProtocolError, Unreachable
from mailsync.imap import namespace
from mailsync.imap.changing.append import (
    Appended,
    Letter,
    append,
    append_limit,
    append_together,
    can_be_sent,
    together,
)
from mailsync.imap.changing.create import create, subscribe
from mailsync.imap.changing.select import select
from mailsync.imap.mailboxes import Mailbox
from mailsync.imap.names import decode_name, encode_name
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.model import Flag, flag_names
from mailsync.record import record, replace
from mailsync.store import audit, restorable, restores
from mailsync.store.database import Store
from mailsync.store.restores import FolderCount, Item, Result
from mailsync.sync import present
from mailsync.sync.placing import Existing, Target, parents, place, shared_prefix
from mailsync.sync.specialuse import special_uses

if TYPE_CHECKING:
    from mailsync.sync.restore import Restoration

BATCH_BYTES = 1 << 20
BATCH_MESSAGES = 100
"""What is on its way at a time, and a message more: so much has to be looked for after a kill."""
STRIKES = 2
"""Connections that a message may cost when it is sent alone."""


@record
class Putting:
    """The work on one connection."""

    job: Restoration
    session: Session
    uidnext: int | None = None
    """Of the open folder, as far as is known."""
    again: set[int] = field(default_factory=set)
    """Items that were refused since their folder was gone."""

    @property
    def store(self) -> Store:
        return self.job.store

    async def run(self) -> None:
        job = self.job
        job.together = job.together and self.session.offers("MULTIAPPEND")
        frozen = await self.store.aread(lambda connection: restores.get(connection, job.restore_id))
        target: Target | None = None
        for folder in frozen.folders:
            items = await self.store.aread(partial(restores.unsettled, restore_id=job.restore_id, folder=folder.number))
            if not items:
                continue
            if job.stopping():
                raise Interrupted
            target = target or await self._target()
            try:
                await self._folder(folder, items, target)
            except MailsyncError as error:
                if error.scope in ("account", "engine") or self.session.closed is not None:
                    raise
                await self.store.awrite(partial(self._folder_failed, folder=folder, error=str(error)))

    def _folder_failed(self, connection: sqlite3.Connection, *, folder: FolderCount, error: str) -> None:
        restores.fail_folder(connection, self.job.restore_id, folder.number, error)
        left = restores.unsettled(connection, self.job.restore_id, folder.number)
        results = [Result(item.number, "failed", reason=error) for item in left]
        self.job.settle(connection, results, 0, sent=False)

    # -- folders -----------------------------------------------------------------------------------------------

    async def _target(self) -> Target:
        """What the server has."""
        session = self.session
        listed = await session.list_folders(status=False)
        uses = special_uses(listed, {}, told="SPECIAL-USE" in session.capabilities)
        names = [item.entry.name for item in listed]
        own = await namespace.personal(session)
        delimiter = next((item.entry.delimiter for item in listed if item.entry.delimiter), own[1] if own else None)
        prefix = decode_name(own[0]) if own is not None else shared_prefix(names, delimiter)
        existing = [Existing(item.entry.name, item.entry.raw_name, uses[item.entry.name]) for item in listed]
        return Target(existing, delimiter, prefix)

    async def _folder(self, folder: FolderCount, items: Sequence[Item], target: Target) -> None:
        job, session = self.job, self.session
        name, raw_name = place(folder.source, target, same=folder.source.account == job.mirror.name)
        if raw_name is None:
            raw_name = encode_name(name)
            if not job.dry_run:
                await self._make(name, raw_name, target)
        note = partial(restores.place, restore_id=job.restore_id, folder=folder.number, raw_name=raw_name)
        await self.store.awrite(note)
        if all(one.raw_name != raw_name for one in target.folders):
            return  # a dry run: all of it would be new
        if job.dry_run:
            box = await session.examine(raw_name)
        else:
            await job.allowed()
            box = await select(session, raw_name)
        found = await self._there(folder, box, items)
        there = [_found(item, box, found[item.number]) for item in items if item.number in found]
        if there:
            await self.store.awrite(partial(job.settle, results=there, size=0, sent=False))
        rest = [item for item in items if item.number not in found]
        if rest and not job.dry_run:
            await self._send(folder, box, rest, target)

    async def _there(self, folder: FolderCount, box: Mailbox, items: Sequence[Item]) -> dict[int, int]:
        """UIDs by number, of those that the folder has; each of its messages stands for one of the list."""
        job = self.job
        account_id, validity = job.mirror.account_id, box.uidvalidity

        def known(connection: sqlite3.Connection) -> tuple[list[int], list[Item]]:
            where = (connection, job.restore_id, folder.number, validity)
            others = restorable.others(*where, account_id, box.raw_name) if job.strict else []
            return [*restores.taken(*where), *others], restores.unnamed(*where)

        uids, unnamed = await self.store.aread(known)
        taken = UidSet.from_uids(uids)
        found = await present.find(self.session, self.store, account_id, box, [*unnamed, *items], taken)
        learned = [(item.number, found[item.number]) for item in unnamed if item.number in found]
        if learned:
            named = partial(restores.name, restore_id=job.restore_id, uidvalidity=validity, uids=learned)
            await self.store.awrite(named)
        return found

    async def _make(self, name: str, raw_name: bytes, target: Target) -> None:
        """Make a folder, and those above it where the server does not do so by itself."""
        await self.job.allowed()
        try:
            made = await create(self.session, raw_name)
        except CommandRefused:
            above = [one for one in parents(name, target.delimiter) if one.upper() != "INBOX"]
            known = {one.name for one in target.folders}
            if all(one in known for one in above):
                raise
            for one in above:
                if one not in known:
                    await create(self.session, encode_name(one))
            made = await create(self.session, raw_name)
        if made:
            await subscribe(self.session, raw_name)
            at, account = self.job.mirror.now(), self.job.mirror.name
            await self.store.awrite(partial(audit.record, action="restored", at=at, account=account, folders=1))
        target.folders = [*target.folders, Existing(name, raw_name, "")]

    # -- messages ----------------------------------------------------------------------------------------------

    async def _send(self, folder: FolderCount, box: Mailbox, items: Sequence[Item], target: Target) -> None:
        job, session = self.job, self.session
        limit = await append_limit(session, box.raw_name)
        self.uidnext = _uidnext(box)
        queue = deque(items)
        while queue:
            if job.stopping():
                raise Interrupted
            if not session.remaining(job.mirror.now()):
                await session.logout()
                raise Unreachable("the access token ends")
            batch = [replace(item, uidvalidity=box.uidvalidity, uidnext=self.uidnext) for item in self._next(queue)]
            refused = await self._batch(folder, box, batch, limit)
            if refused:
                await self._make(decode_name(box.raw_name), box.raw_name, target)
                box = await select(session, box.raw_name)
                self.uidnext = _uidnext(box)
                queue.extendleft(reversed(refused))

    def _next(self, queue: deque[Item]) -> list[Item]:
        """The next batch; a suspect goes alone."""
        batch: list[Item] = []
        size = 0
        while queue and len(batch) < BATCH_MESSAGES:
            alone = queue[0].number in self.job.suspects
            if batch and (alone or size + queue[0].size > BATCH_BYTES):
                break
            batch.append(queue.popleft())
            size += batch[-1].size
            if alone:
                break
        return batch

    async def _batch(self, folder: FolderCount, box: Mailbox, batch: list[Item], limit: int | None) -> list[Item]:
        """Send some messages; those that were refused since the folder is gone, for the first time."""
        job = self.job
        raws = await self.store.aread(partial(_raws, items=batch))
        unfit = [(item, why) for item in batch if (why := self._unfit(item, raws.get(item.number), limit))]
        if unfit:
            results = [Result(item.number, "failed", reason=why) for item, why in unfit]
            await self.store.awrite(partial(job.settle, results=results, size=0, sent=False))
            batch = [item for item in batch if item.number not in {one.number for one, _ in unfit}]
        if not batch:
            return []
        letters: list[Letter] = []
        left_out: dict[int, str] = {}
        for item in batch:
            flags, why = kept(item, box.permanent_flags)
            letters.append(Letter(raws[item.number] or b"", flags, item.internaldate))
            left_out[item.number] = why
        await job.permitted.awrite(partial(job.begin, sources=frozenset({folder.source.account}), batch=batch))
        told: dict[int, Appended] = {}
        refused: list[Item] = []
        try:
            await self._append(box, batch, letters, told)
        except (Unreachable, ProtocolError):
            for at, item in enumerate(batch):
                if at not in told:
                    job.suspects[item.number] += item.number in job.suspects
            raise
        finally:
            refused = [
                item
                for at, item in enumerate(batch)
                if at in told and told[at].code in ("TRYCREATE", "NONEXISTENT") and item.number not in self.again
            ]
            self.again.update(item.number for item in refused)
            answered = {
                item.number: answer
                for at, item in enumerate(batch)
                if (answer := told.get(at)) is not None and item not in refused
            }
            job.answered += len(told)
            await self._note(box, batch, answered, left_out)
        return refused

    async def _append(
        self, box: Mailbox, batch: Sequence[Item], letters: Sequence[Letter], told: dict[int, Appended]
    ) -> None:
        """Send a batch, in one command where that goes; `told` gains what was said of each, by its place."""
        job, session = self.job, self.session
        if job.together and together(session, letters):
            answers = await append_together(session, box.raw_name, letters)
            if answers is not None:
                told.update(enumerate(answers))
                return
            # None was taken, by the RFC; whether that is so is soon seen.
            found = await present.learn(session, self.store, box, batch, EMPTY) if self.uidnext is not None else {}
            for at, item in enumerate(batch):
                if item.number in found:
                    told[at] = Appended(True, box.uidvalidity, found[item.number])
        rest = [at for at in range(len(batch)) if at not in told]
        said: dict[int, Appended] = {}
        try:
            await append(session, box.raw_name, [letters[at] for at in rest], said, careful=job.careful)
        finally:
            told |= {rest[at]: answer for at, answer in said.items()}

    def _unfit(self, item: Item, raw: bytes | None, limit: int | None) -> str:
        """Why a message cannot be sent at all, "" if it can."""
        if raw is None:
            return "its bytes are not kept any more"
        if not raw:
            return "a message without a byte cannot be put on a server"
        if limit is not None and len(raw) > limit:
            return f"the server takes messages of at most {limit:,} bytes"
        if self.job.suspects[item.number] >= STRIKES:
            return "the server closes the connection on this message"
        return ""

    async def _note(
        self, box: Mailbox, batch: Sequence[Item], answered: dict[int, Appended], left_out: dict[int, str]
    ) -> None:
        """What the server said, with the UIDs it gave."""
        lowest = self.uidnext or 1
        uids = {
            number: one.uid
            for number, one in answered.items()
            if one.uid is not None and one.uidvalidity == box.uidvalidity and lowest <= one.uid < present.MAX_UID
        }
        if len(set(uids.values())) < len(uids):
            uids = {}  # it makes them up
        silent = [item for item in batch if item.number in answered and answered[item.number].accepted]
        silent = [item for item in silent if item.number not in uids]
        if silent and self.uidnext is not None and self.session.closed is None:
            uids |= await present.learn(self.session, self.store, box, silent, UidSet.from_uids(uids.values()))
        if uids and self.uidnext is not None:
            self.uidnext = max(self.uidnext, *(uid + 1 for uid in uids.values()))
        results: list[Result] = []
        size = 0
        for item in batch:
            one = answered.get(item.number)
            if one is None:
                continue
            if one.accepted:
                uid = uids.get(item.number)
                results.append(Result(item.number, "restored", box.uidvalidity, uid, left_out[item.number]))
                size += item.size
            else:
                results.append(Result(item.number, "failed", reason=one.why))
        if results:
            await self.store.awrite(partial(self.job.settle, results=results, size=size, sent=True))


def _uidnext(box: Mailbox) -> int | None:
    """The lowest UID that what is added now can have; None where the server does not tell one."""
    return box.uidnext if box.uidnext is not None and 0 < box.uidnext <= present.MAX_UID else None


def _found(item: Item, box: Mailbox, uid: int) -> Result:
    """An item that is there: since we have sent it, or before that."""
    ours = item.uidnext is not None and item.uidvalidity == box.uidvalidity and uid >= item.uidnext
    return Result(item.number, "restored" if ours else "present", box.uidvalidity, uid)


def kept(item: Item, permanent: Sequence[str] | None) -> tuple[tuple[str, ...], str]:
    """The flags and keywords to send, of those that the folder keeps; and what is left out, "" for nothing.

    \\Recent is none of ours to give (RFC 3501 section 2.3.2), and \\Deleted would have the message go again.
    """
    names = flag_names(item.flags & ~Flag.DELETED, item.keywords)
    allowed = None if permanent is None else {name.lower() for name in permanent}
    sent = tuple(name for name in names if can_be_sent(name) and _is_kept(name, allowed))
    without = sorted(set(names) - set(sent))
    return sent, f"without {', '.join(without)}: the folder does not keep them" if without else ""


def _is_kept(name: str, allowed: set[str] | None) -> bool:
    return allowed is None or name.lower() in allowed or (not name.startswith("\\") and "\\*" in allowed)


def _raws(connection: sqlite3.Connection, *, items: Sequence[Item]) -> dict[int, bytes | None]:
    """The bytes by number; None for what is not kept, or is not what was approved."""
    found: dict[int, bytes | None] = {}
    for item in items:
        raw = restorable.raw(connection, item.digest)
        found[item.number] = raw if raw is not None and hashlib.sha256(raw).digest() == item.digest else None
    return found
