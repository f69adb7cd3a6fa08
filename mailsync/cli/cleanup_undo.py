"""`mailsync cleanup undo`: what a clean-up did is taken back, in whole or in part, or done again."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from mailsync.cli import cleanup, context, output, terminal
from mailsync.cli.arguments import AsJson
from mailsync.errors import UsageError
from mailsync.text import safe_text

if TYPE_CHECKING:
    import sqlite3

    from mailsync.store.cleanup_undo import Planned


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync cleanup undo 3 --only-sender news@shop.example")(undo)


def undo(
    ctx: typer.Context,
    cleanup_id: cleanup.Id,
    only: Annotated[
        list[str] | None,
        typer.Option("--only-sender", metavar="ADDRESS", help="Only what is from them; may be repeated."),
    ] = None,
    messages: Annotated[
        list[str] | None, typer.Option("--message", metavar="MESSAGE", help="Only this message; may be repeated.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Undo the undo: what was taken back is done once more.")
    ] = False,
    expunge: Annotated[
        int | None,
        typer.Option("--expunge", metavar="N", help="With --again: so many messages leave the server for good."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Approve without being asked; with --again, --hash says of what.")
    ] = False,
    shown: Annotated[
        str,
        typer.Option("--hash", metavar="HEX", help="The hash of the list, as `cleanup show` tells it."),
    ] = "",
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Leave it to the engine that runs, or to the next that does.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take back what a clean-up did, also one that was interrupted: folders, flags, labels, dates.

    What the server has lost meanwhile is put there once more from the mirror. What you have moved since stays where you
    put it. It is shown and you are asked; it needs mailbox_modify. Undone in part, the rest can be undone later.
    """
    from mailsync.store import cleanup_decisions, cleanup_undo, cleanups, consents

    shared = context.of(ctx)
    number = cleanup.id_of(cleanup_id)
    cleanup.writable(shared)
    if not yes and not terminal.is_there():
        raise UsageError("somebody has to approve of it", hint="run this in a terminal, or give --yes")
    if again and yes and not shown:
        raise UsageError("--yes wants to know which list", hint=f"mailsync cleanup show {number} tells its --hash")
    wanted = frozenset(cleanup.id_of(one) for one in messages or ())
    with shared.store().read() as connection:
        planned = cleanup_undo.plan(connection, number, time.time(), messages=wanted, senders=only or (), again=again)
        consents.require(connection, planned.account, cleanup_decisions.SCOPES)
        if shown:
            cleanup_decisions.require_hash(cleanups.get(connection, number, time.time()), shown)
    typed = f"EXPUNGE {expunge}" if expunge is not None else ""
    if not yes:
        _show(planned)
        if planned.expunges and not typed:
            output.note(f"messages leave the server for good; whoever wants that types: EXPUNGE {planned.expunges}")
            typed = terminal.ask("type it, or nothing to leave all as it is")
            agreed = typed.split() == ["EXPUNGE", str(planned.expunges)]
        else:
            question = f"{'do this again' if again else 'take this back'} for"
            agreed = terminal.confirm(f"{question} {output.count(planned.messages, 'message')}?", default=False)
        if not agreed:
            output.note("nothing was changed")
            raise typer.Exit(1)

    def agree(connection: sqlite3.Connection) -> int:
        return cleanup_undo.approve(connection, planned, time.time(), typed=typed)

    label = "doing it again" if again else "undoing"
    finish = partial(cleanup.carry_out, shared, number, planned.messages, label, agree)
    finish(wait=not no_wait, as_json=as_json)


def _show(planned: Planned) -> None:
    """What is to be approved of; on stderr, where the question is."""
    from mailsync.cleanup.undo import ways

    def named(folder: str | None) -> str:
        return safe_text(folder, 60) if folder is not None else "nowhere on the server"

    output.note(
        f"{safe_text(planned.title, 80)}, account {planned.account}: {output.count(planned.messages, 'message')}, "
        f"{output.size(planned.bytes)}"
    )
    for here, there, count in ways(planned):
        output.note(f"  {count:>7,}  in {named(here)}" + (f", back to {named(there)}" if here != there else ""))
