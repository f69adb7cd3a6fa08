"""Clean-ups on the screen: the list of proposals, and what is on the list of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from mailsync.store.cleanups import GOING, Cleanup, Item, Sender
from mailsync.tui import proposal, rates, states, wording
from mailsync.tui.drawing import Column, Line, layout, width_of
from mailsync.tui.proposals import Detail
from mailsync.tui.widgets.rows import RowList

_STAYING = (*GOING, "completed", "interrupted", "undone", "part_undone")
BAR = 14
"""Cells of a progress bar in the list."""
MARK = 4
"""Cells before a row of a list, for what is done with it."""
STEP = 2
"""Cells that a message stands further to the right than its sender, and those for whether that is open."""
SENDER_COLUMNS = (
    Column("sender", "", 16, keep=100, share=True),
    Column("count", "", 9, keep=90, align="right"),
    Column("size", "", 8, keep=60, align="right"),
)
ITEM_COLUMNS = (
    Column("date", "", 8, keep=70),
    Column("sender", "", 18, keep=60, share=True),
    Column("subject", "", 20, keep=100, share=True),
    Column("sure", "", 5, keep=80, align="right"),
)
INSIDE_COLUMNS = tuple(column for column in ITEM_COLUMNS if column.key != "sender")
Row = Sender | Item | int
"""A sender, a message, or how many more messages of a sender there are."""


class ProposalList(RowList):
    """Two lines a proposal. The cursor stays on its proposal; where that was rejected, it comes to the next one."""

    BINDING_GROUP_TITLE = "Proposals"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._listed: Sequence[Cleanup] = ()
        self._now = 0.0

    def show(self, listed: Sequence[Cleanup], now: float) -> None:
        """Show these, in this order."""
        here = self.selected
        self._listed, self._now = listed, now
        self.set_rows(len(listed), 2)
        if here is not None:
            followed = (n for n, one in enumerate(listed) if one.id == here.id and one.state in (here.state, *_STAYING))
            self.cursor = next(followed, self.cursor)

    @property
    def selected(self) -> Cleanup | None:
        """The proposal under the cursor."""
        return self._listed[self.cursor] if self._listed else None

    def draw_row(self, index: int, width: int) -> list[Strip]:
        one = self._listed[index]
        style, over = proposal.look(one), one.state in ("rejected", "expired")
        count = wording.messages(one.messages)
        first = self.line().add(f"{style.glyph} ", style.ink)
        first.add(one.title, "muted" if over else "strong", max(1, width - 3 - width_of(count)))
        first.gap(1).add(count, "muted" if over else "plain")
        news, ink = proposal.news(one, self._now)
        second = self.line().gap(2)
        if one.state in GOING and one.run is not None:
            bar = rates.bar(*proposal.progress(one.run), BAR)
            second.add(style.word, style.ink, max(1, width - BAR - 5 - width_of(news)))
            second.gap(1).add(bar[0], "accent").add(bar[1], "rule").gap(1).add(f"{news} ", ink)
        else:
            word = "" if one.state == "proposed" else f"{style.word} · "
            told = f"{word}{one.account} · {proposal.phrase(one.actions)}"
            second.add(told, "muted", max(1, width - 3 - width_of(news))).gap(1).add(news, ink)
        return [first.strip(width), second.strip(width)]


class ManifestList(RowList):
    """What is on the list of a proposal: its senders, who open to their messages, or the sample."""

    BINDING_GROUP_TITLE = "The list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "open_sender", "Open sender", show=False, id="manifest.open", tooltip="Open this sender"),
        Binding("left", "close_sender", "Close sender", show=False, id="manifest.close", tooltip="Close this sender"),
    ]

    class Opened(Message):
        """A sender was opened whose messages have to be read."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._detail: Detail | None = None
        self._one: Cleanup | None = None
        self._rows: list[Row] = []
        self._open: set[str] = set()
        self._now = 0.0
        self.sampled = False
        """The sample is shown instead of the senders."""

    def show(self, one: Cleanup | None, detail: Detail | None, now: float) -> None:
        """Show what is on the list of this; the cursor stays on its row, on another list it begins at the top."""
        if one is None or self._one is None or one.id != self._one.id:
            self._open.clear()
            self.sampled = False
            self.cursor = 0
        self._one, self._detail, self._now = one, detail, now
        self._rebuild()

    @property
    def opened(self) -> frozenset[str]:
        """The senders whose messages are shown."""
        return frozenset(self._open)

    @property
    def selected(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self._rows else None

    def turn(self) -> None:
        """The sample instead of the senders, or the other way round."""
        self.sampled = not self.sampled
        self.cursor = 0
        self._rebuild()

    def _rebuild(self) -> None:
        here = _key(self.selected)
        detail, self._rows = self._detail, []
        if detail is not None and self.sampled:
            self._rows += detail.sample
        elif detail is not None:
            for sender in detail.senders:
                self._rows.append(sender)
                if sender.sender in self._open:
                    items = detail.opened.get(sender.sender, ())
                    self._rows += items
                    if rest := sender.messages - len(items):
                        self._rows.append(rest)
        self.set_rows(len(self._rows))
        places = [number for number, row in enumerate(self._rows) if here and _key(row) == here]
        if places:
            self.cursor = places[0]

    def action_choose(self) -> None:
        """Open a sender, or close it; a message is read."""
        row = self.selected
        if isinstance(row, Sender):
            self._toggle(row.sender)
        elif isinstance(row, Item):
            super().action_choose()

    def action_open_sender(self) -> None:
        row = self.selected
        if isinstance(row, Sender) and row.sender not in self._open:
            self._toggle(row.sender)

    def action_close_sender(self) -> None:
        """Close the sender that the cursor is on, or in."""
        place = self.cursor
        while place and not isinstance(self._rows[place], Sender):
            place -= 1
        row = self._rows[place] if self._rows else None
        if isinstance(row, Sender) and row.sender in self._open:
            self.cursor = place
            self._toggle(row.sender)

    def _toggle(self, sender: str) -> None:
        self._open ^= {sender}
        self._rebuild()
        self.post_message(self.Opened())

    # -- drawing --------------------------------------------------------------------------------------------------

    def draw_row(self, index: int, width: int) -> list[Strip]:
        row, line = self._rows[index], self.line()
        if isinstance(row, Sender):
            self._draw_sender(line, row, width)
        elif isinstance(row, Item):
            self._draw_item(line, row, width)
        else:
            loading = not self._detail or not self._detail.opened.keys() >= self._open
            told = "reading…" if loading else f"and {wording.messages(row)} more"
            line.gap(MARK + STEP).add(told, "muted")
        return [line.strip(width)]

    def _undecided(self) -> bool:
        return self._one is not None and self._one.state == "proposed"

    def _draw_sender(self, line: Line, row: Sender, width: int) -> None:
        out = row.excluded == row.messages
        line.add("▾ " if row.sender in self._open else "▸ ", "muted")
        if self._undecided():
            _box(line, " " if out else "–" if row.excluded else "✓")
        ink = "muted" if out else "plain"
        for number, (column, cells) in enumerate(layout(SENDER_COLUMNS, width - line.width)):
            line.gap(2 if number else 0)
            match column.key:
                case "sender":
                    line.add(row.sender or "(no sender)", ink, cells)
                case "count":
                    line.add(wording.count(row.messages - row.excluded), ink, cells, column.align)
                case "size":
                    line.add(wording.size(row.bytes), "muted", cells, column.align)

    def _draw_item(self, line: Line, row: Item, width: int) -> None:
        line.gap(0 if self.sampled else STEP)
        if self._undecided():
            _box(line, " " if row.excluded else "✓")
        else:
            style = proposal.outcome(row, self._one) if row.state and self._one else states.ITEMS["waiting"]
            line.add(" " if row.excluded else style.glyph, style.ink).gap(1)
        ink = "muted" if row.excluded else "plain"
        columns = ITEM_COLUMNS if self.sampled else INSIDE_COLUMNS
        for number, (column, cells) in enumerate(layout(columns, width - line.width)):
            line.gap(2 if number else 0)
            match column.key:
                case "date":
                    moment = row.date if row.date is not None else row.internaldate
                    line.add(wording.list_date(moment, self._now), "muted", cells)
                case "sender":
                    line.add(row.sender or "(no sender)", ink, cells)
                case "subject":
                    line.add(row.subject or "(no subject)", ink if row.subject else "muted", cells)
                case "sure":
                    line.add(proposal.percent(row.confidence), "muted", cells, column.align)


def _box(line: Line, tick: str) -> None:
    line.add("[", "muted").add(tick, "good" if tick == "✓" else "warning").add("] ", "muted")


def _key(row: Row | None) -> object:
    """What stays the same of a row while its list changes."""
    if isinstance(row, Sender):
        return "sender", row.sender
    return ("item", row.number) if isinstance(row, Item) else None
