"""The searches that a person keeps in config.toml, and how many unread messages each finds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from textual.dom import DOMNode
from textual.message import Message

from mailsync.errors import ConfigError, MailsyncError, QueryError
from mailsync.query.parse import parse
from mailsync.query.tree import And, Is
from mailsync.store.database import Store
from mailsync.store.search import Search

COUNT_SECONDS = 5.0
COUNT_SHARE = 50
"""Between two countings of what the saved searches find lie so many seconds, and so many times what one took."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A search of config.toml; `unread` of what it finds is not read yet, None where nobody looked."""

    name: str
    text: str
    unread: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What config.toml says: searches in its order, and the addresses of each account."""

    searches: tuple[Saved, ...] = ()
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Searches:
    """The `[searches]` of the configuration at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Kept:
        """What is kept now; nothing of a configuration that cannot be read, which is told elsewhere."""
        from mailsync.config.load import load_config

        try:
            config = load_config(self._path, missing_ok=True)
        except ConfigError:
            return Kept()
        addresses = {name: [one.email, *one.aliases] for name, one in config.accounts.items()}
        return Kept(tuple(Saved(name, text) for name, text in config.searches.items()), addresses)

    def save(self, name: str, text: str) -> None:
        """Keep a search, in place of one of this name. Raises ConfigError."""
        from mailsync.config.edit import editing, with_values

        with editing(self._path) as file:
            file.write(with_values(file.text, ("searches",), {name: text}))


def counted(store: Store, kept: Kept, now: float) -> Kept:
    """The same searches with how much they find that is unread. `now` in Unix seconds."""
    today = datetime.fromtimestamp(now, UTC).date()
    found = []
    with store.read() as connection:
        for one in kept.searches:
            try:
                query = And((parse(one.text), Is("unread")))
                unread = Search(connection, query, addresses=kept.addresses, today=today).count()
            except QueryError:
                unread = 0
            found.append(Saved(one.name, one.text, unread))
    return Kept(tuple(found), kept.addresses)


class KeptSearches:
    """Reads, counts and keeps searches for `screen`, in threads; it hears of them by `Read`. `now`: Unix seconds."""

    class Read(Message):
        """The searches of the configuration were read, or one was written: `told` says so, or `error` why not."""

        def __init__(self, kept: Kept, told: str = "", error: MailsyncError | None = None) -> None:
            super().__init__()
            self.kept, self.told, self.error = kept, told, error

    def __init__(self, screen: DOMNode, store: Store, searches: Searches, now: Callable[[], float]) -> None:
        self._screen, self._store, self._searches, self._now = screen, store, searches, now
        self._counting = False
        self._count_after = 0.0

    def count(self) -> None:
        """Count anew, unless that was done just now."""
        if not self._counting and time.monotonic() >= self._count_after:
            self._counting = True
            self._behind(self._count, "counting what searches find")

    def keep(self, name: str, text: str) -> None:
        """Keep a search under a name."""
        self._behind(partial(self._keep, name, text), "keeping a search")

    def _behind(self, work: Callable[[], None], told: str) -> None:
        self._screen.run_worker(work, thread=True, group="searches", exit_on_error=False, description=told)

    def _count(self) -> None:
        started, kept = time.monotonic(), Kept()
        try:
            kept = counted(self._store, self._searches.read(), self._now())
        finally:
            now = time.monotonic()
            self._count_after = now + max(COUNT_SECONDS, COUNT_SHARE * (now - started))
            self._counting = False
            self._screen.post_message(self.Read(kept))

    def _keep(self, name: str, text: str) -> None:
        failure: MailsyncError | None = None
        try:
            self._searches.save(name, text)
        except MailsyncError as error:
            failure = error
        kept = counted(self._store, self._searches.read(), self._now())
        self._screen.post_message(self.Read(kept, f"Kept as {name}", failure))
