"""What the names in a query mean here: accounts, folders and labels, as ids, and how many messages they hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import cached_property

from mailsync.config.selection import matches
from mailsync.privacy.consent import EMAIL_READ
from mailsync.record import record
from mailsync.store import labels, onestep


@record(frozen=True)
class Folder:
    """A folder that may be searched."""

    id: int
    account: str
    email: str
    name: str
    special_use: str
    messages: int
    unread: int


@record(frozen=True)
class Labelled:
    """What `label:` came to: ids of labels, whole values of the column `keywords`, and messages that have them."""

    labels: list[int]
    keywords: list[str]
    messages: int


class Names:
    """The names in a store as one search sees them; only accounts that may be read, of `accounts` if given."""

    def __init__(self, connection: sqlite3.Connection, accounts: Sequence[str] | None) -> None:
        self._connection = connection
        self._accounts = accounts
        self.closed: list[str] = onestep.column(
            connection,
            """SELECT name FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM consents c WHERE c.account = a.name
               AND c.scope = ? AND c.revoked_at IS NULL)
               AND EXISTS (SELECT 1 FROM folders f WHERE f.account_id = a.id) ORDER BY name""",
            (EMAIL_READ,),
        )
        """Accounts that may not be read."""
        self.whole = not self.closed and accounts is None
        """Nothing is left out."""
        self.unknown: dict[str, None] = {}
        """One line for each name that means nothing here, in their order."""

    @cached_property
    def folders(self) -> list[Folder]:
        """Those that are searched."""
        rows = onestep.rows(
            self._connection,
            7,
            """SELECT f.id, a.name, a.email, f.name, f.special_use, f.messages, f.unread
               FROM folders f JOIN accounts a ON a.id = f.account_id ORDER BY f.id""",
        )
        every = (Folder(*row) for row in rows)
        wanted = self._accounts
        return [one for one in every if one.account not in self.closed and (wanted is None or one.account in wanted)]

    def of_account(self, name: str) -> list[Folder]:
        """The folders of the accounts that are called so, or have this address; in any case, globs too."""
        wanted = name.casefold()
        found = [
            folder
            for folder in self.folders
            if matches(wanted, folder.account.casefold()) or wanted == folder.email.casefold()
        ]
        if not found:
            self.unknown[f'no account matches "{name}"'] = None
        return found

    def of_folder(self, name: str) -> list[Folder]:
        """The folders of this name, glob or special use (`\\Sent`), in any case."""
        wanted = name.casefold()
        found = [folder for folder in self.folders if matches(wanted, folder.name.casefold(), folder.special_use)]
        if not found:
            self.unknown[f'no folder matches "{name}"'] = None
        return found

    def of_label(self, name: str) -> Labelled:
        """The Gmail labels and the keywords of this name or glob, in any case; `$` before a keyword may be absent."""
        wanted = name.casefold()
        found: list[int] = []
        count = 0
        for number, label, messages in onestep.rows(self._connection, 3, "SELECT id, name, messages FROM labels"):
            if any(matches(wanted, one.casefold()) for one in (label, labels.NAMES.get(label, label))):
                found.append(number)
                count += messages
        keywords: list[str] = []
        for value, messages in onestep.rows(
            self._connection,
            2,
            """SELECT keywords, count(*) FROM messages INDEXED BY messages_by_flags
               WHERE (flags <> 1 OR keywords <> '') AND keywords <> '' GROUP BY keywords""",
        ):
            if any(matches(wanted, one) for one in _spellings(value.casefold().split())):
                keywords.append(value)
                count += messages
        if not found and not keywords:
            self.unknown[f'nothing is labelled "{name}"'] = None
        return Labelled(found, keywords, count)


def _spellings(keywords: Iterable[str]) -> Iterable[str]:
    for keyword in keywords:
        yield keyword
        yield keyword.removeprefix("$")
