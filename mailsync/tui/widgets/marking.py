"""A message list whose messages can be marked, so that something is proposed for all of them together."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.strip import Strip

from mailsync.store import threads
from mailsync.store.database import Store
from mailsync.tui.sources import Source
from mailsync.tui.states import MARKED
from mailsync.tui.widgets.message_list import MessageList
from mailsync.tui.widgets.message_row import FOLD


class MarkingList(MessageList):
    """Marks belong to a list, and are gone with it. Whoever marks a folded thread marks what of it is in the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", show=False, id="messages.mark", tooltip="Mark this one, or take it back"),
    ]

    def __init__(self, store: Store, now: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(store, now, id=id)
        self._marked: set[int] = set()

    @property
    def marked(self) -> frozenset[int]:
        """The keys of the marked rows: a message, or minus the id of a thread."""
        return frozenset(self._marked)

    @property
    def key(self) -> int | None:
        """That of the row under the cursor."""
        return self._ids[self.cursor] if self._count else None

    @property
    def listed(self) -> array[int]:
        """All messages of the list."""
        return self._known.ids if self._known is not None else array("q")

    def show_source(self, source: Source | None, at: int | None = None) -> None:
        self._marked = set()
        super().show_source(source, at)

    def action_mark(self) -> None:
        """Mark the row under the cursor and go on to the next one."""
        if (key := self.key) is not None:
            here = self.cursor
            self._marked ^= {key}
            self.redraw_rows(lambda index: index == here)
            self.cursor += 1
            self.post_message(self.Shown())

    def unmark(self) -> None:
        """Take all marks back."""
        self._marked.clear()
        self.redraw()
        self.post_message(self.Shown())

    def draw_row(self, index: int, width: int) -> list[Strip]:
        strips = super().draw_row(index, width)
        if self._ids[index] in self._marked:
            at = FOLD if self._known is not None and self._known.view.threaded else 0
            mark = self.line().add(MARKED, "good").strip(1)
            strips[0] = Strip.join([strips[0].crop(0, at), mark, strips[0].crop(at + 1)])
        return strips


def messages_of(connection: sqlite3.Connection, keys: Iterable[int], listed: array[int]) -> list[int]:
    """The messages that rows of a list stand for: ids of mailsync."""
    found = []
    inside = frozenset(listed)
    for key in keys:
        if key > 0:
            found.append(key)
        else:
            copies = (copy.id for one in threads.messages(connection, -key) for copy in one.copies)
            found += [ident for ident in copies if ident in inside]
    return found
