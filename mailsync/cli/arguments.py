"""Arguments that several commands have, as the argument parser takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from mailsync.config import paths


def complete_accounts(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Account names for the shell, from the file alone: quick, and silent about whatever is wrong with it."""
    import tomllib

    try:
        option = ctx.find_root().params.get("config")
        with paths.config_path(option).open("rb") as file:
            accounts = tomllib.load(file).get("accounts", {})
    except (OSError, ValueError):
        return []
    return [name for name in accounts if name.startswith(incomplete)] if isinstance(accounts, dict) else []


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Account = Annotated[
    str, typer.Argument(metavar="NAME", help="An account of config.toml.", autocompletion=complete_accounts)
]
Accounts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Accounts of config.toml; all of them if none is named.",
        autocompletion=complete_accounts,
    ),
]
