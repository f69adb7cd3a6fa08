"""What the health pane tells of one check and of the account it is about, as lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mailsync.engine.health import Check
from mailsync.store.health import Account, Facts, matched
from mailsync.store.probes import QUIRKS
from mailsync.tui import states, wording
from mailsync.tui.drawing import clean, wrap

Piece = tuple[str, str]
"""(text, ink)."""
PROBED = {"search": "SEARCH", "qresync": "QRESYNC", "idle": "IDLE", "connections": "Connections"}
"""What was found by trying, by the names of the findings, and what it is called here."""
LABEL = 14
"""Cells of the labels before the values."""


def lines(check: Check | None, facts: Facts, width: int, now: float) -> list[list[Piece]]:
    """The check in full, then its account's server, or all servers for one of no account; in `width` cells."""
    if check is None:
        return []
    found = [*_check(check, width), []]
    if not check.account:
        for account in facts.accounts:
            style = states.look(account.state)
            server = [(f"  {part}", "muted") for part in wrap(clean(account.server), max(12, width - 2))]
            found += [[(f"{style.glyph} ", style.ink), (clean(account.name), "strong"), (f"  {style.word}", style.ink)]]
            found += [[piece] for piece in server] if account.server else []
    for account in facts.accounts:
        if account.name == check.account:
            found += _server(account, facts, width, now)
    return found


def _check(check: Check, width: int) -> Iterator[list[Piece]]:
    style = states.of(states.CHECKS, check.status)
    where = " / ".join(clean(part) for part in (check.account, check.folder) if part)
    name = check.name.replace("_", " ")
    yield [(f"{style.glyph} {style.word}  ", style.ink), (f"{where} · {name}" if where else name, "strong")]
    for part in wrap(clean(check.detail), width):
        yield [(part, "plain")]
    if check.hint:
        for number, part in enumerate(wrap(clean(check.hint), max(12, width - 5))):
            yield [("try: " if number == 0 else "     ", "muted"), (part, "accent")]


def _server(account: Account, facts: Facts, width: int, now: float) -> Iterator[list[Piece]]:
    style = states.look(account.state)
    since = f" for {wording.span(max(0.0, now - account.state_since))}" if account.state_since is not None else ""
    resumes = f", goes on {wording.until(account.resumes_at, now)}" if account.resumes_at is not None else ""
    yield from _field("Server", account.server or "not seen yet", width)
    yield from _field("State", f"{style.glyph} {style.word}{since}{resumes}", width)
    if account.line:
        yield from _field("Compression", account.line, width)
    today = facts.received_today.get(account.name)
    if today is not None:
        yield from _field("Received", f"{wording.size(today)} today", width)
    probes = [probe for probe in facts.probes if probe.account == account.name]
    quirks = [pair for probe in probes if probe.name == QUIRKS for pair in matched(probe.value)]
    for number, (name, why) in enumerate(quirks):
        yield from _field("" if number else "Quirks", f"{name}: {why}", width)
    if not quirks and account.capabilities:
        yield from _field("Quirks", "none known", width)
    for name in PROBED:
        for probe in probes:
            if probe.name == name:
                yield from _field(PROBED[name], probe.value, width)
    if account.capabilities:
        yield from _field("Capabilities", account.capabilities, width)


def _field(label: str, value: str, width: int) -> Iterator[list[Piece]]:
    for number, part in enumerate(wrap(clean(value), max(12, width - LABEL))):
        yield [((label if number == 0 else "").ljust(LABEL), "muted"), (part, "plain")]
