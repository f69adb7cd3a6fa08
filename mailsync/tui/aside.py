"""A message that was set aside, as lines: what failed, then the message in one of three views. Pure.

Nothing is interpreted: every line goes through the gate of `text.py`, bytes that are no text show as U+FFFD or in
hexadecimal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from mailsync.pipeline.mime import ParsedMessage
from mailsync.store.asides import Aside
from mailsync.store.quarantine import STAGES
from mailsync.text import safe_block
from mailsync.tui import wording
from mailsync.tui.drawing import clean, wrap

View = Literal["text", "raw", "hex"]
VIEWS: tuple[View, ...] = get_args(View)
Piece = tuple[str, str]
"""(text, ink)."""
SHOWN = 1 << 17
"""Bytes of a message, and characters of its text, that are laid out; `mailsync quarantine show` has all of it."""
DUMPED = 1 << 15
"""Bytes that are laid out in hexadecimal: four thousand lines where there is no room for more than eight in one."""
PIECE = 2000
"""Characters of a line that are folded at a time."""
LEAST = 24
"""Cells that are laid out for where there are fewer."""
LABEL = 9
"""Cells of the labels before the values."""
_FIELDS = ("from", "to", "cc", "date", "subject")


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What could be read of an entry: its bytes, as many as are shown, and what the parser made of them, or `problem`.

    `size` is that of all the bytes; `raw` None: they are not here, or may not be shown.
    """

    raw: bytes | None
    size: int
    parsed: ParsedMessage | None
    problem: str = ""


def following(aside: Aside, now: float) -> str:
    """When an entry is tried next: at most 12 characters."""
    return "when asked" if aside.next_attempt_at is None else wording.until(aside.next_attempt_at, now)


def head(aside: Aside, width: int, now: float) -> list[list[Piece]]:
    """What failed, in `width` cells, and the line below it."""
    width = max(width, LEAST)
    return [*_head(aside, width, now), [("─" * width, "rule")]]


def body(glimpse: Glimpse, view: View, width: int) -> list[list[Piece]]:
    """The message in `width` cells. Takes a moment where it is large: call it in a worker."""
    width = max(width, LEAST)
    if glimpse.raw is None:
        return [[(part, "warning")] for part in wrap(clean(glimpse.problem), width)]
    if view == "hex":
        return list(_dump(glimpse, width))
    if view == "raw":
        return list(_raw(glimpse, width))
    if glimpse.parsed is None:
        told = f"{glimpse.problem}; press v to see its bytes"
        return [[(part, "warning")] for part in wrap(clean(told), width)]
    return list(_message(glimpse.parsed, width))


def _head(aside: Aside, width: int, now: float) -> Iterator[list[Piece]]:
    for number, part in enumerate(wrap(clean(aside.error) or "no reason was given", max(12, width - 2))):
        yield [("✕ " if number == 0 else "  ", "bad"), (part, "strong")]
    yield from _field("Where", f"{aside.account} / {aside.folder}, UID {aside.uid}", width)
    meant = STAGES.get(aside.stage, "a stage of another version")
    by = f", by version {aside.version}" if aside.version else ""
    yield from _field("Stage", f"{aside.stage}: {meant}{by}", width)
    times = "once" if aside.attempts == 1 else f"{aside.attempts:,} times"
    first = f", first {wording.ago(aside.created_at, now)}" if aside.attempts > 1 else ""
    yield from _field("Tried", f"{times}{first}, last {wording.ago(aside.last_attempt_at, now)}", width)
    if aside.next_attempt_at is None:
        told = "when you ask (t), or after an upgrade"
    elif aside.stage == "fetch":
        told = f"{wording.until(aside.next_attempt_at, now)}, with the account's next sync"
    else:
        told = wording.until(aside.next_attempt_at, now)
    yield from _field("Next", told, width)
    if aside.sha256:
        yield from _field("Bytes", f"{wording.size(aside.size)}, sha256 {aside.sha256}", width)


def _field(label: str, value: str, width: int) -> Iterator[list[Piece]]:
    for number, part in enumerate(wrap(clean(value), max(12, width - LABEL))):
        yield [((label if number == 0 else "").ljust(LABEL), "muted"), (part, "plain")]


def _message(parsed: ParsedMessage, width: int) -> Iterator[list[Piece]]:
    fields: dict[str, str] = {}
    for name, value in parsed.headers:
        fields.setdefault(name.lower(), value)
    for name in _FIELDS:
        if fields.get(name):
            yield from _field(name.title(), fields[name][:400], width)
    for one in parsed.attachments[:20]:
        yield from _field("File", f"{one.name or '(no name)'} · {one.type} · {wording.size(one.size)}", width)
    if len(parsed.attachments) > 20:
        yield from _field("", f"and {len(parsed.attachments) - 20:,} more", width)
    yield []
    text = safe_block(parsed.text[:SHOWN]).strip("\n")
    if not text.strip():
        yield [("(no text)", "muted")]
    else:
        yield from _folded(text, width)
    if len(parsed.text) > SHOWN:
        yield from _cut(SHOWN, width)


def _raw(glimpse: Glimpse, width: int) -> Iterator[list[Piece]]:
    raw = (glimpse.raw or b"")[:SHOWN]
    yield from _folded(safe_block(raw.decode("utf-8", "replace")), width)
    if glimpse.size > len(raw):
        yield from _cut(len(raw), width)


def _folded(text: str, width: int) -> Iterator[list[Piece]]:
    for line in text.split("\n"):
        # In pieces, since folding looks at all that is left of a line for each one it makes.
        for at in range(0, len(line) or 1, PIECE):
            yield from ([(part, "plain")] for part in wrap(clean(line[at : at + PIECE]).rstrip(), width))


def _dump(glimpse: Glimpse, width: int) -> Iterator[list[Piece]]:
    raw = (glimpse.raw or b"")[:DUMPED]
    step = 16 if width >= 76 else 8
    for at in range(0, len(raw), step):
        row = raw[at : at + step]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        yield [(f"{at:08x}  ", "muted"), (row.hex(" ").ljust(3 * step + 1), "plain"), (shown, "quote")]
    if glimpse.size > len(raw):
        yield from _cut(len(raw), width)


def _cut(size: int, width: int) -> Iterator[list[Piece]]:
    yield []
    told = f"Cut here at {wording.size(size)}; `mailsync quarantine show ID --raw` has all of it."
    yield from ([(line, "warning")] for line in wrap(told, width))
