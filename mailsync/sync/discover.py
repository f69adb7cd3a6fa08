"""Which folders an account has on the server, which of them are to be mirrored, and what became of the others."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from mailsync.config.selection import is_selected
from mailsync.errors import ConfigError, FolderDoubt, MailsyncError, NotFound
from mailsync.imap.session import Listed, Session
from mailsync.record import record
from mailsync.store import activity, discovery, folders, messages, probes, quarantine
from mailsync.store.database import Store
from mailsync.store.folders import Folder
from mailsync.sync.plan import Numbers
from mailsync.sync.rename import Renamed, find_renamed
from mailsync.sync.scope import NOT_SELECTED, fingerprint
from mailsync.sync.specialuse import special_uses

if TYPE_CHECKING:
    from mailsync.config.models import AccountConfig

FOLDER_GONE = "folder gone"
MANY = 3
MANY_SHARE = 0.2
"""More folders than the greater of these (folders, share of those known) do not vanish at once without a doubt."""
DOUBT = "folders missing"
"""The probe that remembers which folders were missing when that was doubted."""
DOUBT_SECONDS = 7 * 86_400.0
EVERYTHING = ("*",)
GMAIL_FOLDERS = ("\\All", "\\Junk", "\\Trash")
"""Every message of a Gmail account is in exactly one of these."""


@record(frozen=True)
class Chosen:
    """A folder to be synced; its row has the id 0 where a dry run has made none."""

    folder: Folder
    numbers: Numbers | None
    bytes: int | None
    """As STATUS=SIZE (RFC 8438) tells: not less than the messages have."""
    reselected: bool
    """Its messages were selected otherwise by the last sync; or a dry run found it under a new name."""


@record
class Found:
    """What LIST came to."""

    chosen: list[Chosen] = field(default_factory=list)
    """In the order of their sync."""
    doubted: list[Folder] = field(default_factory=list)
    """Missing, but too many at once to be believed gone."""
    leaving: list[Folder] = field(default_factory=list)
    """Gone from the server or no longer selected: their rows were removed, or would be."""


@record(frozen=True)
class Discovery:
    """Looks what folders an account has and notes it in the store."""

    store: Store
    account: str
    account_id: int
    config: AccountConfig
    now: Callable[[], float]

    async def refresh(self, session: Session, only: Sequence[str], *, dry_run: bool) -> Found:
        """The folders to sync; those that were renamed, vanished, came, or changed their selection are noted.

        `only` names folders on the command line: these are chosen whatever the configuration says. A dry run
        changes nothing here. Raises NotFound, FolderDoubt and ConfigError for the account as a whole.
        """
        # A server may tell the numbers of an open folder as they were when it was opened (RFC 3501 section 6.3.10).
        await session.unselect()
        listed = {item.entry.name: item for item in await session.list_folders(sizes=dry_run)}
        known, mailboxids, reselected, doubt = await self.store.aread(self._stored)
        if not listed and known:
            raise FolderDoubt(
                "the server lists no folders at all; nothing was removed",
                hint="run the sync again later",
                scope="account",
            )
        missing = [name for name in only if name not in listed]
        if missing:
            raise NotFound(f"account {self.account} has no folder {missing[0]!r}", hint="see: mailsync status")
        renamed = await find_renamed(session, self.store, listed, known, mailboxids)
        stored_uses = {folder.name: folder.special_use for folder in known.values()}
        stored_uses |= {one.listed.entry.name: one.folder.special_use for one in renamed}
        uses = special_uses(list(listed.values()), stored_uses, told="SPECIAL-USE" in session.capabilities)
        wished = self._selected(session, uses)
        selected = [name for name in listed if name in wished]
        moved = {one.folder.name for one in renamed}
        stay = {name: folder for name, folder in known.items() if name not in moved}
        taken = {one.listed.entry.name for one in renamed}
        vanished = [folder for name, folder in stay.items() if name in taken]
        vanished += [f for name, f in stay.items() if name not in listed and await _is_gone(session, f)]
        doubted = self._doubted(vanished, known, doubt)
        if doubted:
            vanished = []
        dropped: list[Folder] = []
        if not only:
            if known and not selected:
                raise ConfigError(
                    f"the configuration selects none of the {len(listed)} folders of account {self.account}; "
                    "nothing was removed",
                    hint=f"see accounts.{self.account}.folders",
                    scope="account",
                )
            here = {name: folder for name, folder in stay.items() if name in listed and name not in taken}
            here |= {one.listed.entry.name: one.folder for one in renamed}
            dropped = [folder for name, folder in here.items() if name not in selected]
        wanted = list(only) or selected
        rows = [_row(name, listed[name], uses[name]) for name in dict.fromkeys([*selected, *wanted])]
        if not dry_run:
            change = _Change(self, listed, renamed, vanished, dropped, doubted, rows)
            known = await self.store.awrite(change.write)
        else:
            known = stay | {one.listed.entry.name: one.now() for one in renamed}
            reselected |= {one.folder.id for one in renamed}
        wanted.sort(key=lambda name: (name.upper() != "INBOX", not uses[name], name))
        found = Found([], doubted, [*vanished, *dropped])
        for name in wanted:
            item = listed[name]
            folder = known.get(name) or _unknown(name, item, uses[name])
            found.chosen.append(Chosen(folder, _numbers(item), item.status.get("SIZE"), folder.id in reselected))
        return found

    def _stored(self, connection: sqlite3.Connection) -> tuple[dict[str, Folder], dict[str, str], set[int], list[str]]:
        """The folders we know, their MAILBOXIDs, ids of those with another selection, names of those in doubt."""
        finding = probes.valid(connection, self.account_id, self.now()).get(DOUBT)
        return (
            folders.present(connection, self.account_id),
            discovery.mailboxids(connection, self.account_id),
            discovery.other_selections(connection, self.account_id, fingerprint(self.config.messages)),
            json.loads(finding.value) if finding else [],
        )

    def _selected(self, session: Session, uses: Mapping[str, str]) -> set[str]:
        """The names that the configuration selects. What is mirrored by default depends on the server."""
        include, exclude = tuple(self.config.folders.include), tuple(self.config.folders.exclude)
        if include == EVERYTHING:
            exclude += tuple(session.quirks.skip)
            if "X-GM-EXT-1" in session.capabilities and "\\All" in uses.values():
                include = GMAIL_FOLDERS
        return {name for name, use in uses.items() if is_selected(name, use, include, exclude)}

    def _doubted(self, vanished: Sequence[Folder], known: Mapping[str, Folder], before: Sequence[str]) -> list[Folder]:
        """Those of `vanished` that the next sync has to miss, too, before they are believed gone."""
        if len(vanished) <= max(MANY, len(known) * MANY_SHARE) or {one.name for one in vanished} <= set(before):
            return []
        return list(vanished)


@record(frozen=True)
class _Change:
    """What a look at the folders changes in the store, in one transaction."""

    of: Discovery
    listed: Mapping[str, Listed]
    renamed: Sequence[Renamed]
    vanished: Sequence[Folder]
    dropped: Sequence[Folder]
    doubted: Sequence[Folder]
    rows: Sequence[tuple[str, bytes, str, str, int | None, int | None]]

    def write(self, connection: sqlite3.Connection) -> dict[str, Folder]:
        """Returns the present folders by name."""
        account_id, at = self.of.account_id, self.of.now()
        for folder in self.vanished:
            self._leave(connection, folder, at, FOLDER_GONE)
        discovery.rename(
            connection,
            account_id,
            [(one.folder.id, one.listed.entry.name, one.listed.entry.raw_name) for one in self.renamed],
        )
        for one in self.renamed:
            name = one.listed.entry.name
            activity.add(connection, at, self.of.account, name, "note", detail=f"renamed from {one.folder.name}")
        for folder in self.dropped:
            self._leave(connection, folder, at, NOT_SELECTED)
        present = folders.present(connection, account_id)
        for name, *_ in self.rows:
            if name not in present:
                activity.add(connection, at, self.of.account, name, "folder_added")
                uidvalidity = self.listed[name].status.get("UIDVALIDITY")
                for reason in (FOLDER_GONE, NOT_SELECTED) if uidvalidity else ():
                    discovery.restore(connection, account_id, name, uidvalidity or 0, reason)
        folders.upsert(connection, account_id, self.rows)
        discovery.set_mailboxids(connection, account_id, {name: self.listed[name].mailboxid for name, *_ in self.rows})
        if self.doubted:
            names = json.dumps(sorted(folder.name for folder in self.doubted))
            probes.put(connection, account_id, {DOUBT: names}, at, at + DOUBT_SECONDS)
        else:
            probes.forget(connection, account_id, [DOUBT])
        return folders.present(connection, account_id)

    def _leave(self, connection: sqlite3.Connection, folder: Folder, at: float, reason: str) -> None:
        removed = messages.remove(connection, folder.id, None, at, reason)
        quarantine.settle(connection, folder.id, at)
        folders.mark_gone(connection, folder.id, at)
        detail = reason if reason == NOT_SELECTED else ""
        activity.add(connection, at, self.of.account, folder.name, "folder_removed", count=removed, detail=detail)


async def _is_gone(session: Session, folder: Folder) -> bool:
    """True only when the server says so; a folder that it cannot look at for now is a folder."""
    try:
        if session.mailbox is not None:  # that may be this very folder, and then the server has not forgotten it
            await session.examine(b"INBOX")
        return await session.status(folder.raw_name) is None
    except MailsyncError as error:
        if error.scope != "folder":
            raise
        return False


def _unknown(name: str, item: Listed, use: str) -> Folder:
    entry = item.entry
    return Folder(0, name, entry.raw_name, entry.delimiter or "", use, None, None, None, 0, None, None)


def _row(name: str, item: Listed, use: str) -> tuple[str, bytes, str, str, int | None, int | None]:
    entry, status = item.entry, item.status
    return name, entry.raw_name, entry.delimiter or "", use, status.get("MESSAGES"), status.get("SIZE")


def _numbers(item: Listed) -> Numbers | None:
    status = item.status
    if "MESSAGES" not in status or not status.get("UIDVALIDITY"):
        return None
    return Numbers(
        status["UIDVALIDITY"], status.get("UIDNEXT"), status.get("HIGHESTMODSEQ") or None, status["MESSAGES"]
    )
