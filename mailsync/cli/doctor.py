"""`mailsync doctor`: the environment, examined: what is wrong with it, and what to try."""

from __future__ import annotations

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import AsJson


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync doctor")(doctor)


def doctor(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Look at everything a sync needs: configuration, keyring, disk, clock, TLS, each account's server and secret.

    Nobody signs in, and nothing is changed; it takes 15 seconds at most. The exit code is 0 when nothing failed, 1 when
    something did, 2 for a configuration that is wrong.
    """
    from mailsync.engine.doctor import Doctor

    shared = context.of(ctx)
    shared.start_log()
    examiner = Doctor(shared.config_path, shared.data_dir, lambda: shared.config)
    report = examiner.examine()
    if as_json:
        output.emit(report.as_dict())
    else:
        output.table(
            [
                [
                    check.status,
                    check.account or "-",
                    check.name.replace("_", " "),
                    check.detail + (f"  (try: {check.hint.removeprefix('run: ')})" if check.hint else ""),
                ]
                for check in report.checks
            ]
        )
    if examiner.config_error is not None:
        raise typer.Exit(examiner.config_error.exit_code)
    if report.status == "unhealthy":
        raise typer.Exit(1)
