"""The faces that stay: the dashboard, the daemon, the demo."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import typer

from mailsync.cli import context
from mailsync.cli.arguments import AsJson
from mailsync.cli.context import Context
from mailsync.cli.output import emit, note
from mailsync.errors import MailsyncError, UsageError


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync demo --json")(demo)


def run_daemon(shared: Context) -> None:
    """`mailsync --daemon`: serve until a signal."""
    from mailsync.daemon.service import serve

    shared.accounts()
    store = shared.store(create=True)
    shared.start_log(engine=True)
    serve(shared.read_config, store, shared.data_dir, ready=lambda: note(f"mailsync: serving, pid {os.getpid()}"))


def run_dashboard(shared: Context) -> None:
    """`mailsync`: the dashboard, with the engine unless another process runs it or only looking was asked for."""
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise UsageError("the dashboard needs a terminal", hint="mailsync --daemon runs without one; see --help")
    from mailsync.engine.engine import Engine
    from mailsync.store.lock import owner
    from mailsync.tui.app import MailsyncApp

    config = shared.config
    store = shared.store(create=True)
    shared.start_log(engine=True)
    engine = None
    owned_by = owner(shared.data_dir)
    if owned_by is None:
        engine = Engine(config, store, shared.data_dir, quiet=True, read_config=shared.read_config)
    app = MailsyncApp(
        store,
        accounts=[(name, account.email) for name, account in config.accounts.items()],
        intervals={name: account.sync_interval for name, account in config.accounts.items()},
        engine=engine,
        viewer_of=owned_by["pid"] if owned_by else None,
        config_path=str(shared.config_path),
    )
    app.run()
    if app.return_code:
        raise MailsyncError("the dashboard ended with an error", hint="run it again with -v")


def demo(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Try it: an embedded mail server with sample mail, and the dashboard on it. Nothing is kept.

    With --json the sample mail is synced once instead, and the result printed.
    """
    from mailsync.demo.server import DemoServer, write_demo_config
    from mailsync.privacy.consent import SCOPES
    from mailsync.store import consents

    folder = Path(tempfile.mkdtemp(prefix="mailsync-demo-"))
    try:
        with DemoServer() as server:
            os.environ.update(server.environment)
            config = write_demo_config(folder, server)
            shared = Context(config, folder / "data", context.of(ctx).verbose)
            try:
                store = shared.store(create=True)
                for account in server.accounts:
                    grant = partial(consents.grant, account=account.name, scopes=SCOPES, at=time.time())
                    store.write(grant).result()
                if as_json:
                    _sync_once(shared)
                else:
                    run_dashboard(shared)
            finally:
                shared.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync_once(shared: Context) -> None:
    from mailsync.engine.ask import ask

    job = ask(shared.config, shared.store(), shared.data_dir, "sync", {})
    document = dict(job.result or {})
    code = document.pop("exit_code", 1)
    emit(document)
    raise typer.Exit(code)
