"""The accounts with their state, totals and rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.strip import Strip

from mailsync.store.dashboard import Account
from mailsync.tui import rates, wording
from mailsync.tui.drawing import Column, Line, layout
from mailsync.tui.states import look
from mailsync.tui.widgets.rows import RowList

TALL = 4
"""Lines of an account where there is room; the last one is blank, or the progress of what is under way."""
ROOMY = 3
"""An account is drawn tall while at least so many of them fit."""
_COMPACT = (
    Column("name", "", 10, share=True),
    Column("state", "", 14, keep=90),
    Column("messages", "", 9, keep=60, align="right"),
    Column("bytes", "", 8, keep=40, align="right"),
    Column("synced", "", 10, keep=50, align="right"),
    Column("rate", "", 7, keep=70, align="right"),
)


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown of one account; `account` is None for the first row, which stands for all of them."""

    account: Account | None
    messages: int
    bytes: int
    rate: float
    history: tuple[float, ...]
    eta: str
    share: tuple[int, int]
    """(messages here, messages on the server) while something is still to come, else (0, 0)."""


class AccountList(RowList):
    """A row an account. Its cursor chooses whose folders the dashboard shows."""

    BINDING_GROUP_TITLE = "Accounts"
    sizes_itself = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cards: Sequence[Card] = ()
        self._now = 0.0

    def show(self, cards: Sequence[Card], now: float) -> None:
        """Show these accounts; the cursor stays on its account."""
        name = self.selected
        self._cards, self._now = cards, now
        names = [card.account.name if card.account else None for card in cards]
        tall = self.scrollable_content_region.height >= TALL * min(ROOMY, len(cards))
        self.set_rows(len(cards), TALL if tall else 1)
        if name in names:
            self.cursor = names.index(name)

    @property
    def selected(self) -> str | None:
        """The name of the account under the cursor, None for all of them."""
        if not self._cards:
            return None
        account = self._cards[self.cursor].account
        return account.name if account else None

    def on_resize(self) -> None:
        self.show(self._cards, self._now)
        super().on_resize()

    def draw_row(self, index: int, width: int) -> list[Strip]:
        card = self._cards[index]
        if self.item_height == 1:
            return [self._compact(card, width)]
        return [
            self._heading(card, width),
            self._address(card, width),
            self._numbers(card, width),
            self._progress(card, width),
        ]

    def _heading(self, card: Card, width: int) -> Strip:
        line = self.line()
        if card.account is None:
            return line.add("≡ ", "muted").add("All accounts", "strong").strip(width)
        style = look(card.account.state)
        line.add(f"{style.glyph} ", style.ink).add(card.account.name, "strong", max(4, width - len(style.word) - 3))
        return line.gap(1).add(style.word, style.ink).strip(width)

    def _address(self, card: Card, width: int) -> Strip:
        line = self.line().gap(2)
        if card.account is None:
            return line.add(f"{len(self._cards) - 1} accounts", "muted", width - 2).strip(width)
        synced = _synced(card.account, self._now)
        room = max(0, width - 3 - len(synced))
        return line.add(card.account.email, "muted", room).gap(1).add(synced, "muted").strip(width)

    def _numbers(self, card: Card, width: int) -> Strip:
        text = f"{wording.messages(card.messages)} · {wording.size(card.bytes)}"
        speed = wording.rate(card.rate)
        ticks = rates.sparkline(card.history, min(14, max(0, width - len(text) - 12))) if card.rate else ""
        line = self.line().gap(2).add(text, "plain", max(0, width - 11 - len(ticks)))
        return line.add(ticks, "spark").add(speed, "muted" if speed == "idle" else "plain", 9, "right").strip(width)

    def _progress(self, card: Card, width: int) -> Strip:
        here, there = card.share
        if not there:
            return Strip.blank(width)
        told = f" {wording.percent(here, there)}  {card.eta if card.eta != wording.UNKNOWN else ''}".rstrip()
        done, todo = rates.bar(here, there, max(4, width - 2 - max(14, len(told))))
        return self.line().gap(2).add(done, "accent").add(todo, "rule").add(told).strip(width)

    def _compact(self, card: Card, width: int) -> Strip:
        line = self.line()
        for number, (column, cells) in enumerate(layout(_COMPACT, width)):
            line.gap(2 if number else 0)
            self._compact_cell(line, card, column, cells)
        return line.strip(width)

    def _compact_cell(self, line: Line, card: Card, column: Column, cells: int) -> None:
        account = card.account
        style = look(account.state) if account else None
        match column.key:
            case "name":
                line.add(f"{style.glyph if style else '≡'} ", style.ink if style else "muted")
                line.add(account.name if account else "All accounts", "strong", cells - 2)
            case "state":
                word = style.word if style else ""
                if card.share[1]:
                    word = f"{word} {wording.percent(*card.share)}".strip()
                line.add(word, style.ink if style else "plain", cells)
            case "messages":
                line.add(wording.count(card.messages), "plain", cells, "right")
            case "bytes":
                line.add(wording.size(card.bytes), "muted", cells, "right")
            case "synced":
                line.add(_synced(account, self._now) if account else "", "muted", cells, "right")
            case "rate":
                speed = wording.rate(card.rate)
                line.add(speed, "muted" if speed == "idle" else "plain", cells, "right")


def _synced(account: Account, now: float) -> str:
    if account.last_sync_at is None:
        return "not synced"
    return wording.ago(account.last_sync_at, now)
