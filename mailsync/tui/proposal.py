"""A clean-up in words and lines: what it would do, how it stands, what became of its messages. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mailsync.config.actions import parse_all
from mailsync.store.cleanups import GOING, Cleanup, Folder, Item, Run, Sender
from mailsync.tui import rates, states, wording
from mailsync.tui.drawing import clean, wrap

if TYPE_CHECKING:
    from mailsync.cleanup.unsubscribe import Offer

Piece = tuple[str, str]
"""(text, ink)."""
LEAST = 24
"""Cells that are laid out for where there are fewer."""
LABEL = 8
"""Cells of the labels before the values."""
FOLDERS = 4
"""Folders that are named; the rest are counted."""
BAR = 30
"""Cells of a progress bar at most."""
SHORT_HASH = 8
_PHRASES = {
    "mark_read": "mark as read",
    "mark_unread": "mark as unread",
    "flag": "flag",
    "unflag": "take the flag off",
    "label": "label {}",
    "unlabel": "take the label {} off",
    "archive": "archive",
    "trash": "move to the trash",
    "move": "move to {}",
    "expunge": "remove from the server for good",
}
_BACKWARD = ("undoing", "undone", "part_undone")
_ENDED = ("completed", "interrupted", "undone", "part_undone")
_BECAME = (
    ("done", "done", "good"),
    ("gone", "gone already", "muted"),
    ("skipped", "left alone", "warning"),
    ("failed", "failed", "bad"),
    ("waiting", "not touched", "muted"),
)


def phrase(actions: Sequence[str]) -> str:
    """What is done, as one would say it: `label Old and archive`."""
    told = [_PHRASES[one.verb].format(one.name) for one in parse_all(actions)]
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def frees(one: Cleanup) -> str:
    """What the server's side gains by it, in a few words."""
    verbs = {action.verb for action in parse_all(one.actions)}
    size = wording.size(one.bytes)
    if "expunge" in verbs:
        return f"frees {size}"
    if "trash" in verbs:
        return f"frees {size}, once the trash is emptied"
    if verbs & {"archive", "move"}:
        return f"{size} out of the way"
    return f"{size}, which stay where they are"


def dates(one: Cleanup) -> str:
    """The days from the oldest message to the newest, empty where there is none."""
    days = [when for moment in (one.first, one.last) if moment is not None and (when := wording.local(moment))]
    told = [f"{when.day} {when.strftime('%b %Y')}" for when in days]
    return " to ".join(dict.fromkeys(told))


def look(one: Cleanup) -> states.Look:
    return states.of(states.CLEANUPS, one.state)


def progress(run: Run) -> tuple[int, int]:
    """How many messages of how many a run is done with."""
    total = sum(run.counts.values())
    return total - run.counts.get("waiting", 0) - run.counts.get("begun", 0), total


def outcome(item: Item, one: Cleanup) -> states.Look:
    """What became of a message of a list."""
    back = item.state == "done" and item.run == "undo" and one.state in _BACKWARD
    return states.of(states.ITEMS, "back" if back else item.state)


def became(run: Run, one: Cleanup) -> list[Piece]:
    """What became of the messages of the run of a list: `8,390 done · 12 left alone`; while it goes on, of those that
    are not done as they should be."""
    pieces: list[Piece] = []
    counts = run.counts
    if run.state in ("waiting", "running"):
        counts = {state: counts.get(state, 0) for state in ("skipped", "failed")}
    for state, word, ink in _BECAME:
        if state == "done" and run.kind == "undo" and one.state in _BACKWARD:
            word, ink = "taken back", "plain"
        if count := counts.get(state, 0):
            pieces += [(" · ", "muted")] if pieces else []
            pieces.append((f"{wording.count(count)} {word}", ink))
    return pieces


def news(one: Cleanup, now: float) -> Piece:
    """How a proposal stands, for the end of its line in a list: at most 20 characters."""
    if one.state == "proposed":
        return f"{wording.size(one.bytes)} · {wording.span(one.expires_at - now)} left", "muted"
    run = one.run
    if one.state in GOING and run is not None:
        done, total = progress(run)
        return (wording.percent(done, total) if done else "waiting"), "accent"
    when = run.finished_at if run is not None and run.finished_at is not None else one.decided_at
    return (wording.list_date(when, now) if when is not None else ""), "muted"


def head(
    one: Cleanup, folders: Sequence[Folder], width: int, now: float, notes: Sequence[Piece], left: float | None
) -> list[list[Piece]]:
    """What a clean-up is about and how it stands, in `width` cells. `notes` are what else there is to say, `left` the
    seconds that a run may still take."""
    width = max(width, LEAST)
    lines = [*_standing(one, width, now, left)]
    done = phrase(one.actions)
    lines += _field("Does", done[0].upper() + done[1:], width)
    span = dates(one)
    lines += _field(
        "With", f"{wording.messages(one.messages)}, {frees(one)}{f'; {span}' if span else ''}{_without(one)}", width
    )
    if folders:
        lines += _field("From", _from(folders), width)
    if one.query:
        lines += _field("Finds", one.query, width)
    lines += _decision(one, width, now)
    for text, ink in notes:
        for number, part in enumerate(wrap(clean(text), width - 2)):
            lines.append([(("✕ " if ink == "bad" else "! ") if number == 0 else "  ", ink), (part, "plain")])
    return lines


def _without(one: Cleanup) -> str:
    return f"; {wording.count(one.excluded)} left out" if one.excluded else ""


def _from(folders: Sequence[Folder]) -> str:
    told = ", ".join(f"{one.name} ({wording.count(one.messages)})" for one in folders[:FOLDERS])
    return told + (f" and {len(folders) - FOLDERS} more" if len(folders) > FOLDERS else "")


def _standing(one: Cleanup, width: int, now: float, left: float | None) -> Iterator[list[Piece]]:
    style, run = look(one), one.run
    line: list[Piece] = [(f"{style.glyph} {style.word}", style.ink)]
    if one.state in GOING and run is not None:
        done, total = progress(run)
        bar = rates.bar(done, total, min(BAR, max(6, width - 40)))
        rest = f" · {wording.eta(left)} to go" if left is not None else ""
        told = f"{wording.count(done)} of {wording.count(total)}{rest}"
        yield [*line, ("  ", "plain"), (bar[0], "accent"), (bar[1], "rule"), (f"  {told}", "plain")]
    elif one.state == "proposed":
        told = f" {wording.ago(one.created_at, now)}, for {wording.span(one.expires_at - now)} more"
        yield [*line, (told, "muted"), (f" · {one.hash[:SHORT_HASH]}", "muted")]
    elif one.state in _ENDED and run is not None:
        yield [*line, (f" {wording.ago(run.finished_at, now)}" if run.finished_at is not None else "", "muted")]
    else:
        yield [*line, (f" {wording.ago(one.decided_at, now)}" if one.decided_at is not None else "", "muted")]
    if run is not None:
        if counted := became(run, one):
            yield [("  ", "plain"), *counted]
        if run.stopped:
            yield from ([("✕ " if not n else "  ", "bad"), (part, "strong")] for n, part in _parts(run.stopped, width))


def _parts(text: str, width: int) -> Iterator[tuple[int, str]]:
    return enumerate(wrap(clean(text), width - 2))


def _decision(one: Cleanup, width: int, now: float) -> Iterator[list[Piece]]:
    if one.decided_by and one.decided_at is not None:
        word = "Rejected" if one.state == "rejected" else "Approved"
        seen = ", beyond the usual measure" if one.large else ""
        yield from _field(word, f"by {one.decided_by}, {wording.full_date(one.decided_at)}{seen}", width, LABEL + 2)


def _field(label: str, value: str, width: int, room: int = LABEL) -> Iterator[list[Piece]]:
    for number, part in enumerate(wrap(clean(value), max(12, width - room))):
        yield [((label if number == 0 else "").ljust(room), "muted"), (part, "plain")]


def why(row: Sender | Item, one: Cleanup, sample: Sequence[Item], offer: Offer | None) -> list[Piece]:
    """What speaks for a message of a list to go, or what became of it, as paragraphs; of a sender, what is from them,
    what speaks for those in the `sample` to go, and how their list is left."""
    if isinstance(row, Sender):
        out = f", {wording.count(row.excluded)} of them left out" if row.excluded else ""
        told = f"{row.sender or '(no sender)'}: {wording.messages(row.messages)}, {wording.size(row.bytes)}{out}"
        reasons = Counter(reason for item in sample if item.sender == row.sender for reason in item.reasons)
        lines = [(told, "plain"), ("; ".join(each for each, _ in reasons.most_common()), "muted")]
        return [*lines, *([(_leaving(offer), "accent")] if offer is not None else [])]
    told = f"{percent(row.confidence)} sure: {'; '.join(row.reasons)}" if row.reasons else percent(row.confidence)
    if row.state in ("done", "gone", "skipped", "failed"):
        style = outcome(row, one)
        return [(f"{style.glyph} {style.word}{': ' if row.reason else ''}{row.reason}", style.ink), (told, "muted")]
    return [(told, "plain")]


def _leaving(offer: Offer) -> str:
    if offer.post:
        found = f" ({offer.found}, says {offer.found_by})" if offer.found else ""
        return f"Can be left by one click (l), signed by {offer.signer}{found}"
    way = "on a page" if offer.pages else "by mail" if offer.mails else "elsewhere"
    return f"Can be left {way} (l tells): {offer.why_not}"


def percent(confidence: float) -> str:
    """`97 %`, rounded down."""
    return f"{int(100 * confidence)} %"
