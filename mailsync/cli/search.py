"""`mailsync search`: the line as the argument parser takes it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from mailsync.cli import context, searching
from mailsync.cli.arguments import AsJson


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: mailsync search "from:ann invoice has:attachment newer:1y"')(search)


def search(
    ctx: typer.Context,
    query: Annotated[
        list[str] | None, typer.Argument(metavar="QUERY", help="What to look for, or @name for a saved search.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Messages to show.")] = searching.LIMIT,
    offset: Annotated[int, typer.Option("--offset", metavar="N", min=0, help="Messages to pass over.")] = 0,
    sort: Annotated[
        Literal["date", "relevance"], typer.Option("--sort", help="The newest first, or the most relevant.")
    ] = "date",
    saved: Annotated[bool, typer.Option("--saved", help="List the saved searches.")] = False,
    as_json: AsJson = False,
) -> int:
    """Search all mail: words, word* for what begins so, "phrases"; from: to: cc: subject: body: filename: list:
    account: folder: label:, has:attachment, is:unread|read|flagged|answered|list|direct, before: after: on: older:
    newer: (2025-01-31, 2w), larger: smaller: (10M), - or NOT, OR, parentheses.

    Quote the query, so that the shell leaves it alone; before one that begins with - write --. Of many matches --sort
    relevance ranks the newest 10,000.
    """
    return searching.search(
        context.of(ctx), query or [], limit=limit, offset=offset, sort=sort, saved=saved, as_json=as_json
    )
