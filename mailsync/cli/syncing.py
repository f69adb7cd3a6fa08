"""`mailsync sync` and `mailsync verify`, as the argument parser sees them."""

from __future__ import annotations

from typing import Annotated

import typer

from mailsync.cli import asking, context
from mailsync.cli.arguments import Accounts, AsJson

Folders = Annotated[list[str] | None, typer.Option("--folder", metavar="F", help="Only this folder; may be repeated.")]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync sync work --folder INBOX")(sync)
    app.command(epilog="Example: mailsync verify work --deep")(verify)


def sync(
    ctx: typer.Context,
    names: Accounts = None,
    folder: Folders = None,
    full: Annotated[bool, typer.Option("--full", help="Compare everything, whatever the checkpoints say.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sync now."""
    shared = context.of(ctx)
    code = asking.sync(shared, names or (), folder or (), full=full, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(code)


def verify(
    ctx: typer.Context,
    names: Accounts = None,
    folder: Folders = None,
    deep: Annotated[bool, typer.Option("--deep", help="Compare every byte too; downloads everything.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold the mirror against the server."""
    raise typer.Exit(asking.verify(context.of(ctx), names or (), folder or (), deep=deep, as_json=as_json))
