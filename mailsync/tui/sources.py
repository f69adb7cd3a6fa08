"""What a message list can be a list of: a folder or a label, or what a query finds."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Protocol

from mailsync.query.tree import Query
from mailsync.store import documents, listing
from mailsync.store.dashboard import Folder
from mailsync.store.search import Search
from mailsync.tui import wording
from mailsync.tui.matches import NOTHING, Matches

if TYPE_CHECKING:
    from mailsync.pipeline.scores import Score


class Source(Protocol):
    """Gives the ids of a list, newest first, and tells what it knows of changes.

    `horizon` is compared with an earlier one: equal ones mean that the list is the same.
    """

    @property
    def outgoing(self) -> bool:
        """Whom mail went to is shown instead of whom it came from."""

    @property
    def nothing(self) -> str:
        """What an empty list says."""

    @property
    def matches(self) -> Matches:
        """What is marked in the list and in its messages."""

    @property
    def scores(self) -> Mapping[int, Score] | None:
        """What its messages come to, of a list by priority; None of one by date."""

    def horizon(self, connection: sqlite3.Connection) -> object: ...

    def chunks(self, connection: sqlite3.Connection) -> Iterator[array[int]]: ...

    def extended(
        self, connection: sqlite3.Connection, known: array[int], seen: object, now: object
    ) -> array[int] | None:
        """The list as it is `now` out of `known`, which may be given back; None where it has to be read again."""

    def note(self, connection: sqlite3.Connection) -> str:
        """What else there is to say about the list."""


@dataclass(frozen=True, slots=True)
class FolderSource:
    """The messages of a folder, or of a label by minus its id."""

    folder_id: int
    outgoing: bool = False
    nothing: str = "no messages in this folder"
    matches: Matches = field(default=NOTHING, compare=False)
    scores: ClassVar[None] = None

    def horizon(self, connection: sqlite3.Connection) -> listing.Horizon:
        return listing.horizon(connection, self.folder_id)

    def chunks(self, connection: sqlite3.Connection) -> Iterator[array[int]]:
        return listing.chunks(connection, self.folder_id)

    def extended(
        self, connection: sqlite3.Connection, known: array[int], seen: object, now: object
    ) -> array[int] | None:
        assert isinstance(seen, listing.Horizon)
        assert isinstance(now, listing.Horizon)
        return listing.extended(connection, self.folder_id, known, seen, now)

    def note(self, connection: sqlite3.Connection) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where is searched: everywhere, in one account, or in one folder (a label by minus its id) of it."""

    account: str | None = None
    folder_id: int | None = None
    told: str = "everywhere"


def scopes_at(folder: Folder | None) -> list[Scope]:
    """Where somebody who looks at a folder may want to search, everywhere first."""
    if folder is None:
        return [Scope()]
    here = Scope(folder.account, folder.id, f"in {folder.account} / {folder.name}")
    return [Scope(), Scope(folder.account, None, f"in {folder.account}"), here]


@dataclass(frozen=True, slots=True)
class SearchSource:
    """What a query finds. `addresses` are those of each account, `clock` gives Unix seconds."""

    query: Query
    scope: Scope
    addresses: Mapping[str, Sequence[str]] = field(compare=False)
    clock: Callable[[], float] = field(compare=False)
    matches: Matches = field(compare=False)
    outgoing: bool = False
    nothing: str = "nothing found"
    scores: ClassVar[None] = None

    def horizon(self, connection: sqlite3.Connection) -> object:
        """Never the same: anything that was committed may have changed what is found, a flag as well as mail."""
        return object()

    def chunks(self, connection: sqlite3.Connection) -> Iterator[array[int]]:
        found = self._search(connection).chunks()
        if self.scope.folder_id is None:
            yield from found
            return
        inside = frozenset(listing.ids(connection, self.scope.folder_id))
        for chunk in found:
            yield array("q", [ident for ident in chunk if ident in inside])

    def extended(
        self, connection: sqlite3.Connection, known: array[int], seen: object, now: object
    ) -> array[int] | None:
        return None

    def note(self, connection: sqlite3.Connection) -> str:
        """Names that mean nothing here, and how much of the mail can be found yet."""
        done, total = documents.progress(connection)
        indexed = [f"{wording.percent(done, total)} indexed"] if done < total else []
        return " · ".join([*self._search(connection).unknown, *indexed])

    def _search(self, connection: sqlite3.Connection) -> Search:
        accounts = [self.scope.account] if self.scope.account is not None else None
        today = datetime.fromtimestamp(self.clock(), UTC).date()
        return Search(connection, self.query, addresses=self.addresses, accounts=accounts, today=today)
