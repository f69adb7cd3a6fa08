"""The list that a rule makes: a draft that grows in the store, and is frozen with its sample."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from mailsync.cleanup import sampling
from mailsync.cleanup.reading import Look
from mailsync.cleanup.rules import Rule
from mailsync.cleanup.sampling import Drawn
from mailsync.cleanup.weighing import Weighed
from mailsync.store import candidates, cleanup_drafts
from mailsync.store.candidates import Row
from mailsync.store.cleanups import Folder, Item
from mailsync.store.database import Store


class Proposal:
    """A list of `rule` for an account; `draft` is one that is begun already. `folders` are those it may name, by id."""

    def __init__(
        self,
        store: Store,
        account: str,
        rule: Rule,
        folders: Mapping[int, candidates.Folder],
        now: float,
        draft: int | None,
    ) -> None:
        self._store = store
        self._account = account
        self._rule = rule
        self._folders = folders
        self._now = now
        self._draft = draft
        self._numbers: dict[int, int] = {}
        """Of the folders on the list."""
        self._new: list[Folder] = []
        self._items: list[Item] = []
        self._count = 0

    def add(self, row: Row, look: Look, weighed: Weighed) -> None:
        """Put a message on it."""
        number = self._numbers.get(row.folder_id)
        if number is None:
            number = self._numbers[row.folder_id] = len(self._numbers)
            one = self._folders[row.folder_id]
            self._new.append(
                Folder(number, one.id, one.name, one.raw_name, one.special_use, one.uidvalidity, one.messages)
            )
        self._items.append(
            Item(
                self._count,
                number,
                row.id,
                row.uid,
                row.identifier,
                look.digest,
                row.size,
                row.flags,
                row.keywords,
                row.internaldate,
                row.date,
                row.sender,
                look.list_id,
                row.subject,
                weighed.confidence,
                weighed.reasons,
            )
        )
        self._count += 1

    def flush(self) -> None:
        """Write down what was put on it."""
        if not self._items:
            return
        if self._draft is None:
            rule = self._rule
            begin = partial(
                cleanup_drafts.draft,
                account=self._account,
                rule=rule.name,
                title=rule.title,
                actions=[str(one) for one in rule.actions],
                at=self._now,
                query=rule.text,
            )
            self._draft = self._store.write(begin).result()
        add = partial(cleanup_drafts.add, cleanup_id=self._draft, folders=self._new, items=self._items)
        self._store.write(add).result()
        self._new, self._items = [], []

    def freeze(self) -> int | None:
        """Have it decided on: its id. None for an empty one, and what its rule proposed before is over."""
        if not self._count:
            self.discard()
            self._store.write(lambda c: cleanup_drafts.supersede(c, self._account, self._rule.name)).result()
            return None
        draft = self._draft
        assert draft is not None
        with self._store.read() as connection:
            sampled = sampling.sample(Drawn(*one) for one in candidates.drawn(connection, draft))
        frozen = self._store.write(lambda c: cleanup_drafts.freeze(c, draft, sampled, self._now), durable=True).result()
        return frozen.id

    def discard(self) -> None:
        """Forget it."""
        draft = self._draft
        if draft is not None:
            self._store.write(lambda connection: cleanup_drafts.discard(connection, draft)).result()
