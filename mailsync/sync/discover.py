"""Which folders an account has on the server, which of them are to be mirrored, and what became of the others."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailsync.config.models import AccountConfig
from mailsync.config.selection import is_selected
from mailsync.errors import FolderDoubt, MailsyncError, NotFound
from mailsync.imap.session import Listed, Session
from mailsync.store import activity, folders, messages, quarantine
from mailsync.store.database import Store
from mailsync.sync.plan import Numbers

SPECIAL_USES = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash", "\\Important")


@dataclass(frozen=True, slots=True)
class Discovery:
    """Looks what folders an account has and notes it in the store."""

    store: Store
    account: str
    account_id: int
    config: AccountConfig
    now: Callable[[], float]

    async def refresh(
        self, session: Session, only: Sequence[str], *, dry_run: bool
    ) -> list[tuple[folders.Folder, Numbers | None]]:
        """The folders to sync, with their STATUS; folders that appeared or vanished are noted on the way."""
        listed = await session.list_folders()
        known = await self.store.aread(lambda connection: folders.present(connection, self.account_id))
        if not listed and known:
            raise FolderDoubt(
                "the server lists no folders at all; nothing was removed",
                hint="run the sync again later",
                scope="account",
            )
        by_name = {item.entry.name: item for item in listed}
        chosen = {name: item for name, item in by_name.items() if self._is_selected(name, item)}
        missing = [name for name in only if name not in by_name]
        if missing:
            raise NotFound(f"account {self.account} has no folder {missing[0]!r}", hint="see: mailsync status")
        gone = [] if dry_run else [known[name] for name in known if name not in by_name]
        vanished = [folder for folder in gone if await _is_gone(session, folder)]
        at = self.now()

        def write(connection: sqlite3.Connection) -> dict[str, folders.Folder]:
            for folder in vanished:
                removed = messages.remove(connection, folder.id, None, at, "folder gone")
                quarantine.settle(connection, folder.id, at)
                folders.mark_gone(connection, folder.id, at)
                activity.add(connection, at, self.account, folder.name, "folder_removed", count=removed)
            for name in chosen:
                if name not in known:
                    activity.add(connection, at, self.account, name, "folder_added")
            folders.upsert(connection, self.account_id, [_row(name, item) for name, item in chosen.items()])
            return folders.present(connection, self.account_id)

        present = await self.store.awrite(write)
        wanted = [name for name in chosen if not only or name in only]
        wanted += [name for name in only if name not in chosen]
        unlisted = [name for name in wanted if name not in present]
        if unlisted:  # named on the command line but excluded by the configuration
            rows = [_row(name, by_name[name]) for name in unlisted]
            await self.store.awrite(lambda connection: folders.upsert(connection, self.account_id, rows))
            present = await self.store.aread(lambda connection: folders.present(connection, self.account_id))
        wanted.sort(key=lambda name: (name.upper() != "INBOX", not special_use(by_name[name]), name))
        return [(present[name], _numbers(by_name[name])) for name in wanted]

    def _is_selected(self, name: str, item: Listed) -> bool:
        return is_selected(name, special_use(item), self.config.folders.include, self.config.folders.exclude)


async def _is_gone(session: Session, folder: folders.Folder) -> bool:
    """True only when the server says so; a folder that it cannot look at for now is a folder."""
    try:
        return await session.status(folder.raw_name) is None
    except MailsyncError as error:
        if error.scope != "folder":
            raise
        return False


def special_use(item: Listed) -> str:
    """The special use (RFC 6154) of a listed folder, '' for none."""
    return next((use for use in SPECIAL_USES if use in item.entry.attributes), "")


def _row(name: str, item: Listed) -> tuple[str, bytes, str, str, int | None, int | None]:
    entry = item.entry
    return name, entry.raw_name, entry.delimiter or "", special_use(item), item.status.get("MESSAGES"), None


def _numbers(item: Listed) -> Numbers | None:
    status = item.status
    if "MESSAGES" not in status or not status.get("UIDVALIDITY"):
        return None
    return Numbers(
        status["UIDVALIDITY"], status.get("UIDNEXT"), status.get("HIGHESTMODSEQ") or None, status["MESSAGES"]
    )
