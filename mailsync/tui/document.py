"""A message as lines for the reading pane, in each of its views. Pure, so that a worker thread can do it.

Nothing is interpreted: HTML comes as the text the pipeline makes of it, links stay text, and every line goes through
the gate of `text.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from mailsync.errors import ParseFailed
from mailsync.model import flag_names
from mailsync.pipeline import structure
from mailsync.pipeline.attachments import rows
from mailsync.pipeline.htmltext import html_to_text
from mailsync.pipeline.mime import ParsedMessage, parse
from mailsync.query.tree import Place
from mailsync.store.duplicates import Duplicates
from mailsync.store.labels import NAMES
from mailsync.store.listing import Message
from mailsync.text import safe_block
from mailsync.tui import wording
from mailsync.tui.drawing import clean, width_of, wrap
from mailsync.tui.matches import NOTHING, PLACES, Matches

Mode = Literal["text", "html", "headers", "raw", "structure"]
MODES: tuple[Mode, ...] = get_args(Mode)
Piece = tuple[str, str]
"""(text, ink)."""
Lines = list[list[Piece]]
"""Lines, each as pieces."""
SHOWN = 1 << 20
"""Characters of a text that are laid out, and bytes of a raw view: more than anybody scrolls through."""
RAW_PAGE = 1 << 16
"""Bytes of the raw view that are laid out at a time, as one scrolls."""
FIELD = 400
"""Characters of a header field in the short view; a recipient list can be a book."""
FILES = 10
"""Attachments, and places, that are named above the text; all attachments are in a view of their own."""
PROSE = 96
"""Cells: longer lines are hard to read, so text is folded here however wide the terminal is."""
_SHORT = ("from", "to", "cc", "date", "reply-to")
_SOUGHT: dict[str, Sequence[Place]] = {
    "from": ("from",),
    "to": ("to",),
    "cc": ("cc",),
    "subject": ("subject",),
    "list-id": ("list",),
    "file": ("filename",),
}
"""Where the words of a query are marked: places by header field."""


@dataclass(frozen=True, slots=True)
class Document:
    """A message with what the parser made of it; `parsed` is None without bytes, or where `problem` says why."""

    message: Message
    parsed: ParsedMessage | None
    problem: str = ""
    around: tuple[tuple[str, str], ...] = ()
    """What else the mirror knows of it, as fields: the same message elsewhere, other versions."""

    @classmethod
    def of(cls, message: Message, around: tuple[tuple[str, str], ...] = ()) -> Document:
        try:
            return cls(message, parse(message.raw) if message.raw is not None else None, "", around)
        except ParseFailed as failure:
            return cls(message, None, str(failure), around)

    def has(self, mode: Mode) -> bool:
        """There is something to see in this view."""
        if self.message.raw is None:
            return mode == "text"
        return mode == "raw" or (self.parsed is not None and (mode != "html" or bool(self.parsed.html.strip())))


def around(duplicates: Duplicates) -> tuple[tuple[str, str], ...]:
    """What the reading pane says of the same message elsewhere, and of its other versions."""
    told = []
    for name, places in (("Also in", duplicates.copies), ("Versions", duplicates.versions)):
        named = [f"{one.account} / {one.folder}" for one in places[:FILES]]
        if name == "Versions":
            named = [f"{where} ({one.id}, {wording.size(one.size)})" for where, one in zip(named, places, strict=False)]
        more = [f"and {len(places) - FILES} more"] if len(places) > FILES else []
        if named:
            told.append((name, ", ".join([*dict.fromkeys(named), *more])))
    return tuple(told)


def lines(document: Document, mode: Mode, width: int, matches: Matches = NOTHING) -> Lines:
    """The lines of a view in `width` cells, with what was searched for marked; of the raw view its first page."""
    width = max(width, 20)
    if document.message.raw is None:
        return list(_unfetched(document.message, width))
    if mode == "raw":
        return raw_page(document.message.raw, 0, width, matches)[0]
    if document.parsed is None:
        told = f"{document.problem}; press r to see it as it came"
        return [[(line, "warning")] for line in wrap(clean(told), width)]
    if mode == "structure":
        return list(_structure(document.message.raw, document.parsed, width))
    if mode == "html":
        return [*_subject(document.parsed, width, matches), *_html(document.parsed, width, matches)]
    head = _head(document, document.parsed, mode, width, matches)
    return [*head] if mode == "headers" else [*head, *_body(document.parsed, width, matches)]


def raw_page(raw: bytes, start: int, width: int, matches: Matches = NOTHING) -> tuple[Lines, int]:
    """A page of the raw view from the byte `start` on, and where the next one starts: 0 after the last."""
    width = max(width, 20)
    stop = min(start + RAW_PAGE, len(raw), SHOWN)
    if stop < min(len(raw), SHOWN):
        stop = (raw.rfind(b"\n", start + RAW_PAGE // 2, stop) + 1) or stop
    laid: Lines = []
    for line in safe_block(raw[start:stop].decode("utf-8", "replace")).removesuffix("\n").split("\n"):
        laid.extend(_marked(clean(line), "plain", width, matches, PLACES))
    if stop == SHOWN < len(raw):
        laid.extend(_cut(width))
    return laid, stop if stop < min(len(raw), SHOWN) else 0


def _marked(text: str, ink: str, width: int, matches: Matches, places: Sequence[Place]) -> Iterator[list[Piece]]:
    """A clean line folded to `width`, with what is searched for in pieces of their own."""
    parts = wrap(text, width)
    spans = matches.spans(text, places) if matches else []
    if not spans:
        yield from ([(part, ink)] for part in parts)
        return
    at = 0
    for part in parts:
        at = text.find(part, at)
        pieces, done = [], at
        for start, stop in spans:
            start, stop = max(start, done), min(stop, at + len(part))
            if start < stop:
                pieces += [(text[done:start], ink), (text[start:stop], "match")]
                done = stop
        yield [piece for piece in (*pieces, (text[done : at + len(part)], ink)) if piece[0]]
        at += len(part)


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


def _subject(parsed: ParsedMessage, width: int, matches: Matches) -> Iterator[list[Piece]]:
    subject = clean(parsed.subject[: 4 * FIELD]).strip()
    yield from _marked(subject, "strong", width, matches, ("subject",)) if subject else [[("(no subject)", "muted")]]
    yield []


def _head(document: Document, parsed: ParsedMessage, mode: Mode, width: int, matches: Matches) -> Iterator[list[Piece]]:
    message = document.message
    fields: dict[str, str] = {}
    for name, value in parsed.headers:
        fields.setdefault(name.lower(), value)
    yield from _subject(parsed, width, matches)
    if mode == "headers":
        for name, value in parsed.headers:
            yield from _field(name, value, width, "muted", matches)
        return
    for name in _SHORT:
        value = fields.get(name, "")
        if name == "date":
            value = value or wording.full_date(message.internaldate)
        if value and not (name == "reply-to" and value == fields.get("from")):
            shown = value[:FIELD] + ("…" if len(value) > FIELD else "")
            yield from _field(name.title(), shown, width, "muted", matches)
    yield from _field("In", f"{message.account} / {message.folder}", width, "muted")
    for name, value in document.around:
        yield from _field(name, value, width, "muted")
    flags = [name.lstrip("\\") for name in flag_names(message.flags, message.keywords)]
    if flags:
        yield from _field("Flags", ", ".join(flags), width, "muted")
    if message.labels:
        yield from _field("Labels", ", ".join(NAMES.get(name, name) for name in message.labels), width, "muted")
    for attachment in parsed.attachments[:FILES]:
        name = attachment.name or "(no name)"
        told = f"{name} · {attachment.type} · {wording.size(attachment.size)}"
        yield from _field("File", told, width, "accent", matches)
    if len(parsed.attachments) > FILES:
        yield from _field("File", f"and {len(parsed.attachments) - FILES:,} more", width, "accent")
    if parsed.holds:
        yield from _field("Holds", ", ".join(parsed.holds), width, "muted")
    yield [("─" * width, "rule")]


def _field(name: str, value: str, width: int, ink: str, matches: Matches = NOTHING) -> Iterator[list[Piece]]:
    label = clean(name[:40])
    places = _SOUGHT.get(label.lower(), ())
    label = f"{label} ".ljust(9) if width_of(label) < 9 else f"{label}: "
    room = max(12, width - width_of(label))
    first = True
    for line in safe_block(value).split("\n"):
        for pieces in _marked(clean(line.strip()), "plain", room, matches, places):
            yield [(label if first else " " * width_of(label), ink), *pieces]
            first = False


def _body(parsed: ParsedMessage, width: int, matches: Matches) -> Iterator[list[Piece]]:
    yield from _prose(parsed.text, width, matches, shortened="text" in parsed.cut)


def _html(parsed: ParsedMessage, width: int, matches: Matches) -> Iterator[list[Piece]]:
    if not parsed.html.strip():
        yield from ([(line, "muted")] for line in wrap("This message has no HTML.", width))
        return
    yield from _prose(html_to_text(parsed.html[:SHOWN]), width, matches, shortened=len(parsed.html) > SHOWN)


def _prose(told: str, width: int, matches: Matches, *, shortened: bool) -> Iterator[list[Piece]]:
    width = min(width, PROSE)
    text = safe_block(told[:SHOWN]).strip("\n")
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
        yield from _marked(line, ink, width, matches, ("body",))
    if len(told) > SHOWN or shortened:
        yield from _cut(width)


def _structure(raw: bytes, parsed: ParsedMessage, width: int) -> Iterator[list[Piece]]:
    found = structure.nodes(raw, rows(raw, parsed))
    for node, line in zip(found, structure.lines(found), strict=True):
        ink = "strong" if node.parts else "accent" if node.attachment is not None else "plain"
        margin = min(3 * node.depth + 2, width // 2)
        first, *more = wrap(clean(line), width)
        yield [(first, ink)]
        yield from ([(" " * margin + part, ink)] for part in wrap(" ".join(more), width - margin) if part)


def _cut(width: int) -> Iterator[list[Piece]]:
    yield []
    told = f"Cut here at {wording.size(SHOWN)}; `mailsync show` has all of it."
    yield from ([(line, "warning")] for line in wrap(told, width))
