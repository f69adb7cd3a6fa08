"""`mailsync audit`: what was done to the accounts and with the mail, and the proof that the list is whole."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import AsJson, complete_accounts
from mailsync.errors import UsageError

if TYPE_CHECKING:
    from mailsync.privacy.audit import Row, Verdict

app = typer.Typer(
    name="audit",
    help="What was done to the accounts and with the mail.",
    epilog="Example: mailsync audit verify",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _actions() -> list[str]:
    from mailsync.privacy.audit import ACTIONS

    return list(ACTIONS)


@app.command("list", epilog="Example: mailsync audit list --account work --since 30d")
def show(
    ctx: typer.Context,
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="A", help="Only of this account.", autocompletion=complete_accounts),
    ] = None,
    action: Annotated[
        str | None,
        typer.Option("--action", metavar="X", help="Only this action, such as sign_in.", autocompletion=_actions),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="From a date, a moment, or so long ago: 30d.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The newest so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """The newest entries of the audit trail, oldest first."""
    from mailsync.privacy.audit import ACTIONS
    from mailsync.store import audit

    if action is not None and action not in ACTIONS:
        raise UsageError(f"no action {action}", hint=f"known: {', '.join(ACTIONS)}")
    start = moment(since) if since is not None else None
    with context.of(ctx).store().read() as connection:
        rows = audit.listing(connection, account=account, action=action, since=start, limit=limit)
    if as_json:
        output.emit({"entries": [_entry(row) for row in rows]})
        return
    output.table(
        [
            [str(row.seq), output.when(row.at), row.account, row.action, row.outcome, _facts(row), row.actor]
            for row in rows
        ],
        right=(0,),
    )
    if not rows:
        output.note("no entries")


@app.command(epilog="Example: mailsync audit verify --head 1f0c...")
def verify(
    ctx: typer.Context,
    head: Annotated[
        str | None, typer.Option("--head", metavar="HASH", help="The head of an earlier verification, kept elsewhere.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Go over the whole trail: an altered, missing, inserted or moved row breaks the chain, and is told.

    Who can write the database can write all of it anew. Keep the head that this prints in another place: with --head
    it proves that everything up to there is as it was. The exit code is 1 when something is wrong.
    """
    from mailsync.store import audit

    expected = (head or "").strip().lower()
    if head is not None and not re.fullmatch(r"[0-9a-f]{64}", expected):
        raise UsageError("--head wants the 64 hexadecimal digits that `audit verify` printed")
    with context.of(ctx).store().read() as connection:
        verdict = audit.verify(connection, expected)
    rewritten = bool(expected) and verdict.expected_at is None
    ok = not verdict.broken and not rewritten
    if as_json:
        output.emit(_document(verdict, expected, ok=ok))
    else:
        _print(verdict, expected, ok=ok)
    if not ok:
        raise typer.Exit(1)


def _print(verdict: Verdict, expected: str, *, ok: bool) -> None:
    for one in verdict.breaks:
        output.note(f"error: {one}")
    if verdict.broken > len(verdict.breaks):
        output.note(f"error: and {verdict.broken - len(verdict.breaks):,} more")
    if expected and verdict.expected_at is None:
        output.note("error: no row has the hash that was kept elsewhere: the trail was written anew")
    if not ok:
        output.note("hint: something other than mailsync has changed the database; compare it with a backup")
        return
    since = (
        f", {output.count(verdict.rows - verdict.expected_at, 'row')} since that head" if verdict.expected_at else ""
    )
    output.say(f"ok: {output.count(verdict.rows, 'row')}{since}")
    output.say(f"head: {verdict.head}")


def _document(verdict: Verdict, expected: str, *, ok: bool) -> dict[str, Any]:
    return {
        "ok": ok,
        "rows": verdict.rows,
        "head": verdict.head,
        "expected": {"head": expected, "seq": verdict.expected_at} if expected else None,
        "broken": verdict.broken,
        "breaks": [{"seq": one.seq, "count": one.count, "what": one.what, "text": str(one)} for one in verdict.breaks],
    }


def _entry(row: Row) -> dict[str, Any]:
    from mailsync.model import iso

    return {
        "seq": row.seq,
        "at": iso(row.at),
        "actor": row.actor,
        "action": row.action,
        "account": row.account,
        "address": row.address,
        "outcome": row.outcome,
        "detail": _detail(row),
        "hash": row.hash,
    }


def _detail(row: Row) -> dict[str, Any]:
    """The facts of a row; one that somebody has made illegible has none."""
    try:
        found = json.loads(row.detail)
    except (ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _facts(row: Row) -> str:
    told = [name if value is True else f"{name}={value}" for name, value in _detail(row).items() if value]
    # Whoever wants to compare digests has them whole in the document.
    short = [f"{fact[:25]}…" if len(fact) > 40 else fact for fact in told]
    return " ".join([*short, row.address] if row.address else short)


def moment(text: str) -> float:
    """Unix seconds of a date or moment (local time without an offset), or of so long ago."""
    import time
    from datetime import datetime

    from mailsync.config.units import duration

    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError):
        pass
    try:
        return time.time() - duration(text)
    except ValueError:
        raise UsageError(f'"{text[:40]}" is no date and no duration', hint='such as 2026-03-31 or "30d"') from None
