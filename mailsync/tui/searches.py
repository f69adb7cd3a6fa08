"""The searches that a person keeps in config.toml, and how many unread messages each finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mailsync.errors import ConfigError, QueryError
from mailsync.query.parse import parse
from mailsync.query.tree import And, Is
from mailsync.store.database import Store
from mailsync.store.search import Search


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
