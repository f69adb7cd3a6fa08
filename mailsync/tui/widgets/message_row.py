"""How a line of the message list looks: a message, a thread that is folded, or a message in an open one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from mailsync.model import Flag
from mailsync.query.tree import Place
from mailsync.store.conversations import Conversation
from mailsync.store.listing import Row
from mailsync.tui import wording
from mailsync.tui.drawing import Column, Line, layout
from mailsync.tui.gathering import LineOf, Member
from mailsync.tui.matches import Matches
from mailsync.tui.states import ANSWERED, ATTACHMENT, DRAFT, FLAGGED, UNREAD, WITHHELD

if TYPE_CHECKING:
    from mailsync.pipeline.scores import Score

COLUMNS = (
    Column("marks", "", 4, keep=100),
    Column("from", "From", 15, keep=80),
    Column("subject", "Subject", 20, keep=100, share=True),
    Column("size", "Size", 8, keep=20, align="right"),
    Column("date", "Date", 8, keep=60, align="right"),
)
WIDE_COLUMNS = tuple(replace(column, width=26) if column.key == "from" else column for column in COLUMNS)
SCORED = tuple(
    replace(column, key="score", width=4, keep=90) if column.key == "size" else column
    for column in (COLUMNS[0], COLUMNS[3], *COLUMNS[1:3], COLUMNS[4])
)
"""Of a list by priority: what each message comes to stands before it, and its size nowhere."""
NARROW_THREADS = tuple(replace(column, width=18) if column.key == "subject" else column for column in COLUMNS)
WIDE = 90
"""Cells of a row from which on there is room for whole names."""
FOLD = 2
"""Cells before a line that tell whether its thread is open."""
COUNT = 4
"""Cells at the end of the people of a thread, for how many messages it has."""
REASONS = 11
"""Cells before the reasons of a message: they stand below whom it is from."""
STEP = 2
"""Cells that an answer stands further to the right than what it answers, and DEEPEST the most of them."""
DEEPEST = 10


@dataclass(frozen=True, slots=True)
class Look:
    """What a line needs to know beside its message."""

    now: float
    matches: Matches
    outgoing: bool = False
    threaded: bool = False
    open: bool = False
    """It is the line of a thread that is open."""
    member: Member | None = None
    """It is a message in an open thread."""
    scored: bool = False
    """It is a list by priority."""
    score: Score | None = None
    """What the message comes to in it."""


def draw(line: Line, what: LineOf | None, look: Look, width: int) -> None:
    """Fill a line of `width` cells; None is a message that is not read yet."""
    known = SCORED if look.scored else WIDE_COLUMNS if width > WIDE else NARROW_THREADS if look.threaded else COLUMNS
    columns = layout(known, width - FOLD * look.threaded)
    row = what.head if isinstance(what, Conversation) else what
    thread = what if isinstance(what, Conversation) and what.messages > 1 else None
    if look.threaded:
        line.add(("▾ " if look.open else "▸ ") if thread is not None else "  ", "muted")
    for number, (column, cells) in enumerate(columns):
        line.gap(2 if number > 1 else 0 if number == 0 else 1)
        if row is None:
            line.add("…" if column.key == "subject" else "", "muted", cells)
        elif column.key == "score":
            line.add(f"{look.score.score:.2f}" if look.score else "", "accent", cells, "right")
        elif column.key == "marks":
            _marks(line, row, thread)
        elif column.key == "from" and thread is not None:
            _people(line, thread, look, cells)
        else:
            _cell(line, row, column, cells, look, unread=_unread(row, thread))


def draw_reasons(line: Line, look: Look, width: int) -> None:
    """Below a line of `width` cells: why the message comes to what it does, what says most first."""
    line.gap(REASONS + FOLD * look.threaded)
    told = " · ".join(reason.text for reason in look.score.reasons) if look.score else ""
    line.add(told, "muted", max(0, width - line.width))


def _unread(row: Row, thread: Conversation | None) -> bool:
    return bool(thread.unread) if thread is not None else not row.flags & Flag.SEEN


def _cell(line: Line, row: Row, column: Column, cells: int, look: Look, *, unread: bool) -> None:
    main = "strong" if unread else "plain"
    match column.key:
        case "from":
            indent = min(STEP * look.member.depth, DEEPEST, cells // 3) if look.member else 0
            line.gap(indent)
            places: Sequence[Place] = ("from", "to") if look.outgoing else ("from",)
            _marked(line, person(row, look), main, cells - indent, look, places)
        case "subject" if not row.fetched and row.withheld:
            line.add(f"{WITHHELD} {row.withheld}, {wording.size(row.size)}: not fetched", "muted", cells)
        case "subject" if not row.fetched:
            line.add("not fetched: quarantined", "warning", cells)
        case "subject" if not row.envelope:
            line.add("…", "muted", cells)
        case "subject":
            elsewhere = f"{look.member.folder} · " if look.member and look.member.folder else ""
            room = min(len(elsewhere), cells // 3)
            line.add(elsewhere, "muted", room)
            subject, ink = (row.subject, main) if row.subject else ("(no subject)", "muted")
            _marked(line, subject, ink, cells - room, look, ("subject",))
        case "size":
            line.add(wording.size(row.size), "muted", cells, column.align)
        case "date":
            line.add(wording.list_date(row.internaldate, look.now), "muted", cells, column.align)


def _marked(line: Line, text: str, ink: str, cells: int, look: Look, places: Sequence[Place]) -> None:
    if look.matches:
        line.add_marked(text, ink, cells, partial(look.matches.spans, places=places))
    else:
        line.add(text, ink, cells)


def person(row: Row, look: Look) -> str:
    """Who a message is from, or where mail goes to whom."""
    if look.outgoing and row.to and not look.member:
        return f"→ {row.to}"
    return row.from_name or row.from_addr or ("" if not row.envelope else "(no sender)")


def _people(line: Line, thread: Conversation, look: Look, cells: int) -> None:
    """Who wrote in a thread, by short names, and how many messages it has."""
    count = wording.count(thread.messages)
    room = max(1, cells - max(COUNT, len(count) + 1))
    names = [name.split()[0] if len(thread.people) > 1 and name.split() else name for name in thread.people]
    ink = "strong" if thread.unread else "plain"
    _marked(line, ", ".join(dict.fromkeys(names)), ink, room, look, ("from",))
    line.add(count, "accent", cells - room, "right")


def _marks(line: Line, row: Row, thread: Conversation | None) -> None:
    flagged = thread.flagged if thread is not None else row.flags & Flag.FLAGGED
    attached = thread.has_attachments if thread is not None else row.has_attachments
    line.add(UNREAD if _unread(row, thread) else " ", "accent")
    line.add(FLAGGED if flagged else " ", "warning")
    if row.flags & Flag.DRAFT:
        line.add(DRAFT, "muted")
    else:
        line.add(ANSWERED if row.flags & Flag.ANSWERED else " ", "muted")
    line.add(ATTACHMENT if attached else " ", "muted")
