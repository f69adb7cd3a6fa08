"""Printing: JSON documents for programs, aligned columns for people, notes on stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mailsync.text import safe_text


def emit(document: Mapping[str, Any]) -> None:
    """One JSON document; on a terminal in lines, elsewhere in one.

    Only ASCII leaves: what a server or a message says cannot act on the terminal.
    """
    print(json.dumps(document, indent=2 if sys.stdout.isatty() else None))


def emit_line(entry: Mapping[str, Any]) -> None:
    """One object of a stream, at once."""
    print(json.dumps(entry), flush=True)


def say(text: str) -> None:
    """A line for people, made harmless."""
    print(safe_text(text))


def note(text: str) -> None:
    """A line beside the result, on stderr."""
    print(safe_text(text), file=sys.stderr)


def table(rows: Iterable[Sequence[str]], *, right: Sequence[int] = (), indent: str = "") -> None:
    """Rows in columns; those numbered in `right` are aligned to the right. Every cell is made harmless."""
    cells = [[safe_text(cell) for cell in row] for row in rows]
    if not cells:
        return
    widths = [max(width(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        line = indent
        for column, cell in enumerate(row):
            gap = " " * (widths[column] - width(cell))
            line += (gap + cell if column in right else cell + gap) + "  "
        print(line.rstrip())


def width(text: str) -> int:
    """Columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def size(count: float) -> str:
    """Bytes for people: "512 B", "1.5 MB" (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"


def count(number: int, what: str) -> str:
    """ "1 message", "2,000 messages"."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def when(seconds: float | None) -> str:
    """A moment in the local time zone, or a dash."""
    if seconds is None:
        return "-"
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
