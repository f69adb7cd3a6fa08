"""The stage of triage: gives every document its points, behind the index, the newest first.

      envelopes -> whom the user writes to
      documents without a score -> their texts -> reasons -> points, origin and habits, one transaction

It works on what the index has kept, so that no message is parsed again, and it is never in the index's way. All that a
score depends on (the user's addresses and names, the weights, versions) has one stamp, see `terms`: with another one
everything is scored anew.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from mailsync.pipeline import correspondents, scores
from mailsync.pipeline.addressing import canonical, identity, is_mine, mentions, names
from mailsync.pipeline.terms import terms
from mailsync.store import documents
from mailsync.store import scores as table
from mailsync.store.database import Store

if TYPE_CHECKING:
    from mailsync.config.models import Config

BATCH = 1000
GENTLE = 100
"""Documents a transaction, and where others must not wait for it."""
TEXT = 1500
"""Characters of a text that are searched for the user's names."""
_NOTHING: documents.Texts = ("", "", "", "", "", "", "")
_LIST_ID = re.compile(r"<([^<>\s]+)>\s*$")


class Scorer:
    """Call `step()` until it returns 0; it blocks. `gentle` keeps its transactions short."""

    def __init__(self, store: Store, config: Config, *, gentle: bool = False) -> None:
        self._store = store
        self._size = GENTLE if gentle else BATCH
        self._terms = terms(config)
        self._me = identity(config)
        self._weights = self._terms.weights

    def step(self) -> int:
        """Do the next of what is to be done; 0 when that is nothing."""
        with self._store.read() as connection:
            if not table.is_work(connection, self._terms.stamp):
                return 0
            known = table.terms(connection)
        if known is None or known.stamp != self._terms.stamp:
            self._store.write(partial(table.begin, wanted=self._terms)).result()
        if count := correspondents.step(self._store, self._me):
            return count
        with self._store.read() as connection:
            waiting = table.waiting(connection, self._size)
            texts = documents.texts(connection, [one.id for one in waiting])
        rows = [self._row(one, texts.get(one.id, _NOTHING)) for one in waiting]
        self._store.write(partial(table.add, stamp=self._terms.stamp, rows=rows, learn=self._terms.learn)).result()
        return len(rows)

    def _row(self, one: table.Waiting, texts: documents.Texts) -> table.Row:
        me = self._me
        subject, _, to, cc, body, _, of_list = texts
        known = scores.MINE * is_mine(one.sender, me) | scores.TO * mentions(to, me) | scores.CC * mentions(cc, me)
        if names(f"{subject}\n{body[:TEXT]}", me):
            known |= scores.NAMED
        origin = sender = canonical(one.sender)
        if of_list:
            found = _LIST_ID.search(of_list)
            origin = (found[1] if found else of_list).strip().lower()
            known |= scores.LISTED
        settled = scores.settled(one.features, known, self._weights)
        return table.Row(one.id, scores.points(settled), known, origin, sender)
