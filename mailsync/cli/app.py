"""The tree of commands and the global options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailsync import __version__
from mailsync.cli import (
    account,
    attachments,
    audit,
    auth,
    cleanup,
    cleanup_scan,
    cleanup_undo,
    cleanup_unsubscribe,
    consent,
    context,
    db,
    doctor,
    export,
    face,
    health,
    jobs,
    quarantine,
    restore,
    search,
    show,
    status,
    syncing,
    thread,
    triage,
    watch,
)
from mailsync.config.paths import CONFIG_VARIABLE, DATA_DIR_VARIABLE

app = typer.Typer(
    name="mailsync",
    help="A live, complete copy of every mailbox in one SQLite file, with a dashboard in the terminal.",
    epilog="Example: mailsync (the dashboard); mailsync --daemon (the same without a screen); mailsync demo (try it).",
    invoke_without_command=True,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        print(f"mailsync {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", envvar=CONFIG_VARIABLE, help="The configuration file.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", envvar=DATA_DIR_VARIABLE, help="Where the mirror is kept.")
    ] = None,
    verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, help="Log to stderr, tracebacks on errors; twice for more.")
    ] = 0,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Never change anything on a server, not even what was approved.")
    ] = False,
    daemon: Annotated[bool, typer.Option("--daemon", help="Run without a screen: scheduled syncs and push.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    shared = context.of(ctx)
    shared.config_option = config
    shared.data_dir_option = data_dir
    shared.verbose = verbose
    shared.read_only = read_only
    if ctx.invoked_subcommand is None:
        if daemon:
            face.run_daemon(shared)
        else:
            face.run_dashboard(shared)
    elif daemon:
        raise typer.BadParameter("--daemon takes no command", ctx=ctx)


for group in (account.app, audit.app, auth.app, cleanup.app, consent.app, db.app, export.app, jobs.app, quarantine.app):
    app.add_typer(group)
for module in (syncing, watch, status, health, doctor, search, triage, show, thread, attachments, restore, face):
    module.register(app)
cleanup_scan.register(cleanup.app)
cleanup_undo.register(cleanup.app)
cleanup_unsubscribe.register(cleanup.app)
