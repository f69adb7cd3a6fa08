"""`mailsync triage`: the messages that want attention first, and why."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailsync.cli import context, output, searching
from mailsync.cli.arguments import AsJson
from mailsync.text import safe_text

if TYPE_CHECKING:
    from mailsync.cli.context import Context
    from mailsync.pipeline.triage import Ranked
    from mailsync.query.tree import Query
    from mailsync.store.search import Hit

TOP = 10


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync triage --top 10 --today --unread --about zoom")(triage)


def triage(
    ctx: typer.Context,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, max=1000, help="Messages to show.")] = TOP,
    today: Annotated[bool, typer.Option("--today", help="Only what is dated today, where you are.")] = False,
    unread: Annotated[bool, typer.Option("--unread", help="Only what nobody has read.")] = False,
    about: Annotated[
        list[str] | None, typer.Option("--about", metavar="WORD", help="Only what a search for WORD finds; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Messages by priority, those of equal score by confidence, each with the reasons for its score (0 to 1).

    [triage] in config.toml has the weight of each reason. What was sent, drafts, junk and trash are left out. WORD may
    be any query in the language of search.
    """
    from mailsync.engine import scoring
    from mailsync.pipeline import triage as ranking
    from mailsync.store import scores, search

    shared = context.of(ctx)
    query = _query(shared, about or [], unread=unread)
    since = _midnight() if today else None
    mine = searching.addresses(shared, query) if query is not None else {}
    scoring.catch_up(shared.config, shared.store(), shared.data_dir)
    started = time.perf_counter()
    with shared.store().read() as connection:
        unknown, closed = _searched(connection, query, mine)
        found = ranking.first(connection, query, top, time.time(), since=since, addresses=mine)
        hits = {one.id: one for one in search.hits(connection, [one.id for one in found])}
        found = [one for one in found if one.id in hits]
        seconds = time.perf_counter() - started
        waiting = scores.left(connection) + search.waiting(connection)
    if as_json:
        told = [_document(one, hits[one.id]) for one in found]
        output.emit({"messages": told, "seconds": round(seconds, 4), "unknown": unknown, "not_scored": waiting})
        return 0
    _print(found, hits)
    for line in unknown:
        output.note(line)
    if not found:
        output.note("nothing here wants your attention")
    if closed:
        output.note(f"left out, since email_read is not granted: {', '.join(closed)}")
    if waiting:
        verb = "is" if waiting == 1 else "are"
        output.note(f"{output.count(waiting, 'message')} {verb} not scored yet: the next `mailsync sync` goes on")
    return 0


def _query(shared: Context, about: Sequence[str], *, unread: bool) -> Query | None:
    from mailsync.query.tree import And, Is

    parts: list[Query] = [Is("unread")] if unread else []
    for text in about:
        with searching.pointing(text):
            parts.append(searching.understood(shared, text))
    return None if not parts else parts[0] if len(parts) == 1 else And(tuple(parts))


def _midnight() -> float:
    year, month, day, *_ = time.localtime()
    return time.mktime((year, month, day, 0, 0, 0, 0, 0, -1))


def _searched(
    connection: sqlite3.Connection, query: Query | None, mine: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Names that mean nothing, and accounts that may not be read; ConsentNeeded where that is all of them."""
    from mailsync.model import utc_now
    from mailsync.privacy.consent import EMAIL_READ
    from mailsync.store import consents
    from mailsync.store.search import Search

    asked = Search(connection, query, today=utc_now().date(), addresses=mine)
    if asked.closed and not asked.folders:
        consents.require(connection, asked.closed[0], [EMAIL_READ])
    return asked.unknown, asked.closed


def _document(one: Ranked, hit: Hit) -> dict[str, Any]:
    from mailsync.model import flag_names, iso
    from mailsync.store import threads

    return {
        "id": str(hit.id),
        "account": hit.account,
        "folder": hit.folder,
        "date": iso(hit.date) if hit.date else None,
        "from": hit.sender,
        "subject": hit.subject,
        "flags": flag_names(hit.flags, hit.keywords),
        "thread_id": threads.name(hit.thread_id),
        "score": one.score.score,
        "confidence": one.score.confidence,
        "reasons": [
            {"name": reason.name, "text": reason.text, "weight": reason.weight} for reason in one.score.reasons
        ],
    }


def _print(found: Sequence[Ranked], hits: dict[int, Hit]) -> None:
    """A line a message, and its reasons below."""
    from mailsync.cli.terminal import styled

    bold, dim, plain = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if styled(sys.stdout) else ("", "", "")
    for one in found:
        hit = hits[one.id]
        when = output.when(hit.date)[:16] if hit.date else "-"
        subject = safe_text(hit.subject) or "(no subject)"
        place = safe_text(f"{hit.account}/{hit.folder}", 60)
        print(
            f"{bold}{one.score.score:.2f}{plain}  {hit.id}  {when}  {safe_text(hit.sender)}  {subject}"
            f"  {dim}[{place}]{plain}"
        )
        reasons = "; ".join(f"{reason.text} {reason.weight:+.2f}" for reason in one.score.reasons)
        print(f"      {dim}{reasons}{plain}")
