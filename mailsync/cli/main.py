"""The `mailsync` program: global options, the commands, and what becomes of errors."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated

import click
import typer

from mailsync import __version__
from mailsync.cli import consent, database, export, face, show, status, syncing, watch
from mailsync.cli.context import Context, complain, note
from mailsync.errors import MailsyncError

INTERRUPTED = 130

app = typer.Typer(
    name="mailsync",
    help="A live, complete, searchable copy of every mailbox in one SQLite file.",
    epilog="Example: mailsync demo",
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (syncing, watch, status, show, export, face):
    module.register(app)
app.add_typer(consent.app, name="consent")
app.add_typer(database.app, name="db")


def _version(value: bool) -> None:
    if value:
        print(f"mailsync {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _global(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", envvar="MAILSYNC_CONFIG", help="The configuration.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", metavar="DIR", envvar="MAILSYNC_DATA_DIR", help="Where the mail is.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log to stderr, show tracebacks.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Start no engine; only look.")] = False,
    daemon: Annotated[bool, typer.Option("--daemon", help="Run headless: scheduled syncs and push.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A live, complete, searchable copy of every mailbox in one SQLite file. Alone, it opens the dashboard."""
    del version
    context = ctx.obj = Context(config, data_dir, verbose, read_only)
    ctx.call_on_close(context.close)
    if verbose and not daemon:
        from mailsync.privacy import log

        log.configure("debug", stderr=sys.stderr)
    if ctx.invoked_subcommand is not None:
        if daemon:
            raise click.UsageError("--daemon takes no command")
        return
    if daemon:
        face.run_daemon(context)
    else:
        face.run_dashboard(context)


def run(arguments: list[str]) -> int:
    """Run the program with `arguments`; returns its exit code."""
    verbose = bool({"-v", "--verbose"} & set(arguments))
    try:
        result = typer.main.get_command(app).main(arguments, prog_name="mailsync", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        note(error.format_message())
        return 2
    except click.UsageError as error:
        note(f"error: {error.format_message()}")
        where = error.ctx.command_path if error.ctx else "mailsync"
        note(f"hint: see `{where} --help`")
        return 2
    except click.ClickException as error:
        note(f"error: {error.format_message()}")
        return 1
    except (KeyboardInterrupt, click.Abort):
        note("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not complain about it at exit either.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MailsyncError as error:
        if verbose:
            import traceback

            traceback.print_exc()
        complain(error)
        return error.exit_code
    except Exception as error:
        if verbose:
            raise
        note(f"error: internal error: {type(error).__name__}")
        note("hint: run it again with -v and report what it prints")
        return 1
