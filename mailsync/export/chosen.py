"""What leaves: the chosen folders, and their messages one by one while consent lasts."""

from __future__ import annotations

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

from mailsync.errors import NotFound, UsageError
from mailsync.pipeline.mime import carries_attachments
from mailsync.privacy.consent import EMAIL_READ
from mailsync.query.tree import Query
from mailsync.record import record
from mailsync.store import consents, overview, reading
from mailsync.store import folders as stored_folders
from mailsync.store.database import Store
from mailsync.store.reading import StoredMessage

PAGE = 200
"""Messages that are listed at a time; their contents are loaded one by one."""


@record
class Outcome:
    """What an export did, in messages and bytes.

    `renamed` have other flags or another folder than before, `skipped` could not be fetched from the server yet,
    `withheld` carry attachments that may not leave, `gone` were exported before and are in the folder no more.
    """

    written: int = 0
    unchanged: int = 0
    renamed: int = 0
    skipped: int = 0
    withheld: int = 0
    gone: int = 0
    bytes: int = 0


@record(frozen=True)
class Chosen:
    """A folder to export."""

    id: int
    account: str
    name: str
    delimiter: str


def choose(store: Store, account: str | None, pattern: str | None) -> dict[Chosen, int]:
    """The folders to export, by account and name, with their message counts.

    `pattern` is a name, glob or special use; None stands for all. Raises ConsentMissing, UsageError for an unknown
    account, NotFound when no folder matches.
    """
    from mailsync.config.selection import matches

    with store.read() as connection:
        accounts = overview.accounts(connection)
        for name in {found.name for found in accounts if found.folders and account in (None, found.name)}:
            consents.require(connection, name, [EMAIL_READ])
        delimiters = {
            folder.id: folder.delimiter
            for found in accounts
            for folder in stored_folders.present(connection, found.id).values()
        }
    if account is not None and account not in (known := [found.name for found in accounts]):
        raise UsageError(f"no account {account} is mirrored", hint=f"mirrored: {', '.join(known) or 'none'}")
    folders = {
        Chosen(folder.id, found.name, folder.name, delimiters.get(folder.id, "")): folder.messages
        for found in accounts
        if account in (None, found.name)
        for folder in found.folders
        if pattern is None or matches(pattern, folder.name, folder.special_use)
    }
    if pattern is not None and not folders:
        raise NotFound(f"no mirrored folder matches {pattern}", hint="`mailsync status` lists them")
    return folders


def matching(
    store: Store, query: Query, addresses: Mapping[str, Sequence[str]], today: date
) -> tuple[array[int], list[str]]:
    """The ids of the messages that a query finds, ascending, and what a person should know of it.

    Raises QueryError. `addresses` are those of each account that are mine.
    """
    from mailsync.store import search

    with store.read() as connection:
        asked = search.Search(connection, query, today=today, addresses=addresses)
        found = array("q", sorted(ident for chunk in asked.chunks() for ident in chunk))
        waiting = search.waiting(connection)
    told = asked.unknown
    if waiting:
        told = [*told, f"not indexed yet, so not looked at: {waiting:,} of the stored messages"]
    return found, told


def holding(store: Store, folders: Mapping[Chosen, int], messages: array[int]) -> dict[Chosen, int]:
    """Those of the folders that hold some of these messages."""
    with store.read() as connection:
        there = reading.folders_of(connection, messages)
    return {folder: count for folder, count in folders.items() if folder.id in there}


Wanted = Callable[[StoredMessage], bool]
"""Asked of every message that is there, also of those that cannot leave, before its bytes are loaded."""
Leaving = Iterator[tuple[StoredMessage, bytes]]


class Messages:
    """The messages of some folders with their bytes; `outcomes`, by account, count those that cannot leave.

    `advance` is told of progress in messages. Consent is asked for page by page: ConsentMissing ends an export.
    With `only` (ids, ascending) the others do not leave, but are asked about as ever.
    """

    def __init__(
        self,
        store: Store,
        outcomes: dict[str, Outcome],
        advance: Callable[[int], None],
        only: array[int] | None = None,
    ) -> None:
        self.outcomes = outcomes
        self.only = only
        self._store = store
        self._advance = advance

    def by_id(self, folders: list[Chosen], wanted: Wanted = lambda message: True) -> Leaving:
        """Of all the folders, by ascending id; those that are not `wanted` are passed over."""
        ids = [folder.id for folder in folders]
        return self._pages(
            lambda connection, after: reading.page(connection, ids, after, PAGE), lambda message: message.id, wanted
        )

    def by_uid(self, folder: Chosen, wanted: Wanted) -> Leaving:
        """Of one folder in its own order, by ascending UID; those that are not `wanted` are passed over."""
        return self._pages(
            lambda connection, after: reading.folder_page(connection, folder.id, after, PAGE),
            lambda message: message.uid,
            wanted,
        )

    def _pages(
        self,
        listed: Callable[[sqlite3.Connection, int], Iterator[StoredMessage]],
        position: Callable[[StoredMessage], int],
        wanted: Wanted,
    ) -> Leaving:
        after = 0
        while True:
            with self._store.read() as connection:
                page = list(listed(connection, after))
                names = {message.account for message in page}
                for name in names:
                    consents.require(connection, name, [EMAIL_READ])
                whole = {name for name in names if consents.attachments_allowed(connection, name)}
                for message in page:
                    if not wanted(message) or not self._chosen(message.id):
                        continue
                    content = reading.raw(connection, message)
                    if content is None:
                        self.outcomes[message.account].skipped += 1
                    elif message.account not in whole and carries_attachments(content):
                        self.outcomes[message.account].withheld += 1
                    else:
                        yield message, content
            self._advance(len(page))
            if len(page) < PAGE:
                return
            after = position(page[-1])

    def _chosen(self, message_id: int) -> bool:
        if self.only is None:
            return True
        at = bisect_left(self.only, message_id)
        return at < len(self.only) and self.only[at] == message_id
