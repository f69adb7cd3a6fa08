"""One clean-up in full: how it stands, what is on its list, and what speaks for what is under the cursor to go."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip

from mailsync.privacy.consent import EMAIL_READ
from mailsync.store.cleanups import GOING, Cleanup
from mailsync.tui import proposal
from mailsync.tui.drawing import clean, wrap
from mailsync.tui.proposal import Piece
from mailsync.tui.proposals import Detail
from mailsync.tui.rates import Meter
from mailsync.tui.widgets.cleanups import ManifestList, Row
from mailsync.tui.widgets.inked import Inked


class PieceLines(Inked):
    """Lines of pieces, as many as there are."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[list[Piece]] = []

    @property
    def text(self) -> str:
        """All that is shown."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def show(self, lines: list[list[Piece]]) -> None:
        """Show these."""
        if lines != self._lines:
            taller = len(lines) != len(self._lines)
            self._lines = lines
            self.refresh(layout=taller)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        line = self.line().gap(1)
        for text, ink in self._lines[y] if y < len(self._lines) else []:
            line.add(text, ink)
        return self.finish(line.strip(self.size.width))


class WhyLines(PieceLines):
    """What speaks for what is under the cursor to go; its height is the style sheet's, so that the list above stays."""

    def tell(self, row: Row | None, one: Cleanup | None, detail: Detail | None) -> None:
        """Tell of this row of the list of a proposal."""
        width = max(12, self.size.width - 2)
        told: list[Piece] = []
        if one is not None and detail is not None and row is not None and not isinstance(row, int):
            told = proposal.why(row, one, detail.sample, detail.offers.get(row.sender))
        lines = [(part, ink) for text, ink in told if text for part in wrap(clean(text), width)]
        self.show([[("─" * width, "rule")], *([piece] for piece in lines)])


class ProposalView(Vertical):
    """Shows one proposal, or what became of it."""

    manifest = getters.query_one("#manifest", ManifestList)
    standing = getters.query_one("#standing", PieceLines)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._told: tuple[Cleanup | None, Detail | None, float, Sequence[Piece]] = (None, None, 0.0, ())
        self._meter = Meter()
        self._metered = 0
        self._titles = ("", "")

    def compose(self) -> ComposeResult:
        yield PieceLines(id="standing")
        yield ManifestList(id="manifest")
        yield WhyLines(id="why")

    def on_mount(self) -> None:
        self._show_titles()

    def on_resize(self) -> None:
        self._lay_out()

    def show(self, one: Cleanup | None, detail: Detail | None, now: float, notes: Sequence[Piece]) -> None:
        """Show this; `detail` is what is known of its list, `notes` what else there is to say."""
        detail = detail if one is not None and detail is not None and detail.of == one.id else None
        self._told = one, detail, now, notes
        self.manifest.show(one, detail, now)
        closed = detail is not None and detail.closed
        nothing = f"Not shown: {EMAIL_READ} is not granted." if closed else "There is nothing on this list."
        self.manifest.set_notice("reading…" if detail is None else nothing)
        self._lay_out()

    def turn(self) -> None:
        """The sample of the list instead of its senders, or the other way round."""
        self.manifest.turn()
        self.tell()
        self._show_titles()

    def tell(self) -> None:
        """Say what there is to say about what is under the cursor."""
        self.query_one("#why", WhyLines).tell(self.manifest.selected, *self._told[:2])

    def _lay_out(self) -> None:
        one, detail, now, notes = self._told
        width = self.content_size.width - 2
        lines: list[list[Piece]] = []
        if one is not None and width > 0:
            folders = detail.folders if detail is not None else ()
            lines = [*proposal.head(one, folders, width, now, notes, self._left(one)), [("─" * width, "rule")]]
        self.standing.show(lines)
        self.tell()
        self._show_titles()

    def _left(self, one: Cleanup) -> float | None:
        """Seconds that the run under way may still take."""
        if one.state not in GOING or one.run is None:
            return None
        if one.run.id != self._metered:
            self._metered, self._meter = one.run.id, Meter()
        done, total = proposal.progress(one.run)
        self._meter.sample(time.monotonic(), done)
        return self._meter.seconds_for(total - done)

    def _show_titles(self) -> None:
        one, sampled = self._told[0], self.manifest.sampled
        titles = (
            f"{clean(one.title)} · {clean(one.account)}" if one is not None else "Proposal",
            ("a sample · v by sender" if sampled else "by sender · v a sample") if one is not None else "",
        )
        if titles != self._titles:
            self._titles = titles
            # Content, because a border parses a string as markup.
            self.border_title, self.border_subtitle = map(Content, titles)
