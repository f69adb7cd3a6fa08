"""A message as lines for the reading pane: header, attachments, text. Pure, so that a worker thread can do it.

Nothing is interpreted: HTML comes as the text the pipeline makes of it, links stay text, and every line goes through
the gate of `text.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mailsync.errors import ParseFailed
from mailsync.model import flag_names
from mailsync.pipeline.mime import ParsedMessage, parse
from mailsync.store.labels import NAMES
from mailsync.store.listing import Message
from mailsync.text import safe_block
from mailsync.tui import wording
from mailsync.tui.drawing import clean, width_of, wrap

Mode = Literal["text", "headers", "raw"]
Piece = tuple[str, str]
"""(text, ink)."""
SHOWN = 1 << 20
"""Characters of a text that are laid out, and bytes of a raw view: more than anybody scrolls through."""
FIELD = 400
"""Characters of a header field in the short view; a recipient list can be a book."""
PROSE = 96
"""Cells: longer lines are hard to read, so text is folded here however wide the terminal is."""
_SHORT = ("from", "to", "cc", "date", "reply-to")


@dataclass(frozen=True, slots=True)
class Document:
    """A message with what the parser made of it; `parsed` is None without bytes, or where `problem` says why."""

    message: Message
    parsed: ParsedMessage | None
    problem: str = ""

    @classmethod
    def of(cls, message: Message) -> Document:
        try:
            return cls(message, parse(message.raw) if message.raw is not None else None)
        except ParseFailed as failure:
            return cls(message, None, str(failure))


def lines(document: Document, mode: Mode, width: int) -> list[list[Piece]]:
    """The lines of a view in `width` cells, each line as pieces."""
    width = max(width, 20)
    if document.message.raw is None:
        return list(_unfetched(document.message, width))
    if mode == "raw":
        return list(_raw(document.message.raw, width))
    if document.parsed is None:
        told = f"{document.problem}; press r to see it as it came"
        return [[(line, "warning")] for line in wrap(clean(told), width)]
    return [*_head(document.message, document.parsed, mode, width), *_body(document.parsed, width)]


def _unfetched(message: Message, width: int) -> Iterator[list[Piece]]:
    if message.withheld:
        yield from _withheld(message, width)
        return
    yield [("not fetched: quarantined", "warning")]
    yield []
    if message.problem:
        yield from ([(line, "plain")] for line in wrap(clean(message.problem), width))
        yield []
    told = (
        f"UID {message.uid} of {message.account} / {message.folder}, {wording.size(message.size)}. "
        "The server did not give this message; it is asked for again at each sync."
    )
    yield from ([(line, "muted")] for line in wrap(clean(told), width))


def _withheld(message: Message, width: int) -> Iterator[list[Piece]]:
    yield [(f"not fetched: {clean(message.withheld)}", "strong")]
    yield []
    told = (
        f"UID {message.uid} of {message.account} / {message.folder}, {wording.size(message.size)}, of "
        f"{wording.full_date(message.internaldate)}. The configuration leaves such messages on the server; "
        "this one is listed, and fetched when you ask for it: press f, or"
    )
    yield from ([(line, "plain")] for line in wrap(clean(told), width))
    yield []
    yield [(f"  mailsync show {message.id}", "accent")]


def _raw(raw: bytes, width: int) -> Iterator[list[Piece]]:
    for line in safe_block(raw[:SHOWN].decode("utf-8", "replace")).split("\n"):
        yield from ([(part, "plain")] for part in wrap(clean(line), width))
    if len(raw) > SHOWN:
        yield from _cut(width)


def _head(message: Message, parsed: ParsedMessage, mode: Mode, width: int) -> Iterator[list[Piece]]:
    fields: dict[str, str] = {}
    for name, value in parsed.headers:
        fields.setdefault(name.lower(), value)
    subject = clean(fields.get("subject", "")[: 4 * FIELD]).strip()
    yield from ([(line, "strong")] for line in wrap(subject, width)) if subject else ([("(no subject)", "muted")],)
    yield []
    if mode == "headers":
        for name, value in parsed.headers:
            yield from _field(name, value, width, "muted")
    else:
        for name in _SHORT:
            value = fields.get(name, "")
            if name == "date":
                value = value or wording.full_date(message.internaldate)
            if value and not (name == "reply-to" and value == fields.get("from")):
                yield from _field(name.title(), value[:FIELD] + ("…" if len(value) > FIELD else ""), width, "muted")
        yield from _field("In", f"{message.account} / {message.folder}", width, "muted")
        flags = [name.lstrip("\\") for name in flag_names(message.flags, message.keywords)]
        if flags:
            yield from _field("Flags", ", ".join(flags), width, "muted")
        if message.labels:
            yield from _field("Labels", ", ".join(NAMES.get(name, name) for name in message.labels), width, "muted")
    for attachment in parsed.attachments:
        name = attachment.name or "(no name)"
        yield from _field("File", f"{name} · {attachment.type} · {wording.size(attachment.size)}", width, "accent")
        yield from _field("Sha256", attachment.sha256, width, "muted")
    if parsed.holds:
        yield from _field("Holds", ", ".join(parsed.holds), width, "muted")
    yield [("─" * width, "rule")]


def _field(name: str, value: str, width: int, ink: str) -> Iterator[list[Piece]]:
    label = clean(name[:40])
    label = f"{label} ".ljust(9) if width_of(label) < 9 else f"{label}: "
    room = max(12, width - width_of(label))
    folded = [part for line in safe_block(value).split("\n") for part in wrap(clean(line.strip()), room)]
    for number, part in enumerate(folded):
        yield [(label if number == 0 else " " * width_of(label), ink), (part, "plain")]


def _body(parsed: ParsedMessage, width: int) -> Iterator[list[Piece]]:
    width = min(width, PROSE)
    text = safe_block(parsed.text[:SHOWN]).strip("\n")
    if not text.strip():
        yield [("(no text)", "muted")]
        return
    blank = 0
    for line in text.split("\n"):
        line = clean(line).rstrip()
        # Newsletters turned into text leave deserts behind; two blank lines say as much as twenty.
        blank = 0 if line else blank + 1
        if blank > 2:
            continue
        ink = "quote" if line.startswith((">", "|")) else "muted" if line == "--" else "plain"
        yield from ([(part, ink)] for part in wrap(line, width))
    if len(parsed.text) > SHOWN or "text" in parsed.cut:
        yield from _cut(width)


def _cut(width: int) -> Iterator[list[Piece]]:
    yield []
    told = f"Cut here at {wording.size(SHOWN)}; `mailsync show` has all of it."
    yield from ([(line, "warning")] for line in wrap(told, width))
