"""Lines of exactly so many cells: the gate that every string passes on its way to the terminal.

`fit` sends text through `safe_text`, measures it in cells (a Chinese character takes two) and cuts or fills it. A
`Line` puts such pieces side by side. Nothing here parses markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mailsync.text import safe_text

Align = Literal["left", "right"]
INKS = (
    *("plain", "strong", "muted", "accent", "good", "warning", "bad", "rule", "quote", "spark", "key"),
    *("match", "found"),
)
"""Names of the component classes `ink--…` that widgets draw with."""
GROUNDED = frozenset({"match", "found"})
"""Inks that bring their own background."""

# Terminals disagree about the width of emoji that are joined or that a selector turns into pictures; without the
# joiner and the selector they agree, and a joined family becomes its members.
_JOINER = re.compile("(?<=[\u2600-\u27bf\U0001f000-\U0001faff])\u200d|[\ufe00-\ufe0f]")


def clean(text: str) -> str:
    """Text for one line of a terminal."""
    text = safe_text(text)
    return text if text.isascii() else _JOINER.sub("", text)


def width_of(text: str) -> int:
    """Cells, of text that is clean."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, width: int) -> str:
    """At most `width` cells of clean text; an ellipsis where something was cut off."""
    if width <= 0:
        return ""
    if width_of(text) <= width:
        return text
    if text.isascii():
        return text[: width - 1] + "…"
    return set_cell_size(text, width - 1).rstrip(" ") + "…"


def fit(text: str, width: int, align: Align = "left") -> str:
    """Exactly `width` cells of `text`."""
    if width <= 0:
        return ""
    # No line has more than a few hundred cells; what a sender made longer is not even looked at.
    text = cut(clean(text[: 8 * width + 64]), width)
    fill = " " * (width - width_of(text))
    return fill + text if align == "right" else text + fill


class Line:
    """Builds one line from left to right. `ink` gives the style for a name of `INKS`."""

    def __init__(self, ink: Callable[[str], Style]) -> None:
        self._ink = ink
        self.segments: list[Segment] = []
        self.width = 0

    def add(self, text: str, ink: str = "plain", width: int | None = None, align: Align = "left") -> Line:
        """Append `text`, in exactly `width` cells if that is given."""
        text = clean(text) if width is None else fit(text, width, align)
        if text:
            self.segments.append(Segment(text, self._ink(ink)))
            self.width += width_of(text)
        return self

    def add_marked(self, text: str, ink: str, width: int, spans: Callable[[str], Sequence[tuple[int, int]]]) -> Line:
        """Append `text` in exactly `width` cells, with what `spans` finds in it marked."""
        text = clean(text[: 8 * width + 64])
        shown, at = cut(text, width), 0
        whole = len(shown) if shown == text else len(shown) - 1
        for start, stop in spans(text):
            if start >= whole:
                break
            self.add(shown[at:start], ink).add(shown[start : min(stop, whole)], "match")
            at = min(stop, whole)
        return self.add(shown[at:] + " " * (width - width_of(shown)), ink)

    def gap(self, cells: int) -> Line:
        """Append blanks."""
        if cells > 0:
            self.segments.append(Segment(" " * cells, self._ink("plain")))
            self.width += cells
        return self

    def strip(self, width: int) -> Strip:
        """The line in exactly `width` cells."""
        return Strip(self.segments, self.width).adjust_cell_length(width, self._ink("plain"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. It takes `width` cells, or with `share` what is left; the lowest `keep` goes first."""

    key: str
    title: str
    width: int
    keep: int = 100
    share: bool = False
    align: Align = "left"


def layout(columns: Sequence[Column], width: int, gap: int = 2) -> list[tuple[Column, int]]:
    """The columns that have room in `width` cells, with their widths; gaps of `gap` cells go between them."""
    chosen = list(columns)
    while len(chosen) > 1 and sum(column.width for column in chosen) + gap * (len(chosen) - 1) > width:
        chosen.remove(min(chosen, key=lambda column: column.keep))
    spare = width - sum(column.width for column in chosen) - gap * (len(chosen) - 1)
    sharing = [column for column in chosen if column.share]
    return [
        (column, column.width + (spare // len(sharing) if column in sharing else 0) if spare > 0 else column.width)
        for column in chosen
    ]


def wrap(text: str, width: int) -> list[str]:
    """A clean line folded at blanks into lines of at most `width` cells; long words are cut where they must be."""
    lines: list[str] = []
    width = max(width, 2)
    while width_of(text) > width:
        head = text[:width] if text.isascii() else _head(text, width)
        blank = head.rfind(" ")
        # A line that would be left half empty is better cut inside the word, which then is no word but an address.
        at = blank + 1 if blank > width // 3 else len(head)
        lines.append(text[:at].rstrip(" "))
        text = text[at:]
    lines.append(text)
    return lines


def _head(text: str, width: int) -> str:
    """The longest beginning of `text` of at most `width` cells, at least one character."""
    cells = 0
    for position, char in enumerate(text):
        cells += cell_len(char)
        if cells > width:
            return text[: max(position, 1)]
    return text
