"""The faces that stay: the dashboard, the daemon, the demo."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from mailsync.cli.context import Context, emit, note
from mailsync.errors import MailsyncError, UsageError


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync demo --json")(demo)


def run_daemon(context: Context) -> None:
    """`mailsync --daemon`: serve until a signal."""
    from mailsync.daemon.service import serve
    from mailsync.privacy import log

    context.accounts()
    store = context.store()
    log.configure("debug" if context.verbose else "info", stderr=sys.stderr, folder=context.data_dir)
    serve(context.accounts, store, context.data_dir, ready=lambda: note(f"mailsync: serving, pid {os.getpid()}"))


def run_dashboard(context: Context) -> None:
    """`mailsync`: the dashboard, with the engine unless another process runs it or only looking was asked for."""
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise UsageError("the dashboard needs a terminal", hint="mailsync --daemon runs without one; see --help")
    from mailsync.engine.engine import Engine
    from mailsync.privacy import log
    from mailsync.store.lock import owner
    from mailsync.tui.app import MailsyncApp

    config = context.config(missing_ok=True)
    store = context.store()
    log.configure("debug" if context.verbose else "info", folder=context.data_dir)
    engine = None
    owned_by = owner(context.data_dir)
    if owned_by is None and not context.read_only and config.accounts:
        # The engine shares the interpreter with the screen: short turns keep keys quick while it works.
        sys.setswitchinterval(0.001)
        engine = Engine(config, store, context.data_dir, quiet=True)
    app = MailsyncApp(
        store,
        accounts=list(config.accounts),
        engine=engine,
        viewer_of=owned_by["pid"] if owned_by else None,
        config_file=context.config_file,
        read_only=context.read_only,
    )
    app.run()
    if app.return_code:
        raise MailsyncError("the dashboard ended with an error", hint="run it again with -v")


def demo(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Sync the sample mail once, print the result, exit.")] = False,
) -> None:
    """Try it: an embedded mail server with sample mail, and the dashboard on it. Nothing is kept."""
    from mailsync.demo.server import DemoServer, write_demo_config
    from mailsync.privacy.consent import SCOPES
    from mailsync.store import consents

    folder = Path(tempfile.mkdtemp(prefix="mailsync-demo-"))
    try:
        with DemoServer() as server:
            os.environ.update(server.environment)
            context = Context(write_demo_config(folder, server), folder / "data", ctx.obj.verbose)
            try:
                store = context.store()
                for account in server.accounts:
                    store.write(
                        lambda c, name=account.name: consents.grant(c, name, SCOPES, time.time())  # type: ignore[misc]
                    ).result()
                if as_json:
                    _sync_once(context)
                else:
                    run_dashboard(context)
            finally:
                context.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync_once(context: Context) -> None:
    from mailsync.engine.ask import ask

    job = ask(context.config(), context.store(), context.data_dir, "sync", {})
    document = dict(job.result or {})
    code = document.pop("exit_code", 1)
    emit(document)
    raise typer.Exit(code)
