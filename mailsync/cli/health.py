"""`mailsync health`: what was checked, what is wrong, and what to try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import AsJson
from mailsync.cli.context import Context
from mailsync.errors import StoreError

if TYPE_CHECKING:
    from mailsync.engine.health import Report, Status

READ_THROUGH = 256 << 20
"""Bytes. A database up to this size is read through for faults; that takes a second at most."""


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync health --json || notify-send 'mailsync is unhealthy'")(health)


def health(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Show the checks that passed, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Checks of every account and folder, with pass, warn or fail, and a hint for each that did not pass.

    It looks at the mirror alone and asks no server. The exit code is 0 for healthy and degraded (a check warned), 1 for
    unhealthy (a check failed).
    """
    report = read(context.of(ctx))
    if as_json:
        output.emit(report.as_dict())
    else:
        _print(report, every=every)
    if report.status == "unhealthy":
        raise typer.Exit(1)


def read(shared: Context) -> Report:
    """Check everything now."""
    import sqlite3
    import time

    from mailsync.engine import health as checks
    from mailsync.store import health as stored
    from mailsync.store.lock import owner

    engine = owner(shared.data_dir)
    plans = [checks.Plan(name, account.sync_interval) for name, account in shared.config.accounts.items()]
    facts, wal, damage = stored.Facts(), 0, None
    now = time.time()
    if shared.has_store:
        try:
            with shared.store().read() as connection:
                facts = stored.read(connection, now)
                if facts.page_bytes <= READ_THROUGH:
                    damage = stored.damage(connection)
            wal = stored.wal_bytes(shared.store().path)
        except StoreError as error:
            return checks.unreadable(str(error), error.hint)
        except sqlite3.Error as error:
            return checks.unreadable(f"it cannot be read: {error}", "check the disk; mailsync db path says where it is")
    pid = (engine["pid"] or 0) if engine else None
    around = checks.Surroundings(pid, stored.room(shared.data_dir), wal, damage)
    return checks.examine(facts, plans, around, now)


def _print(report: Report, *, every: bool) -> None:
    shown = [check for check in report.checks if every or check.status != "pass"]
    output.table(
        [
            [
                check.status,
                " / ".join(part for part in (check.account, check.folder) if part) or "-",
                check.name.replace("_", " "),
                check.detail + (f"  (try: {check.hint.removeprefix('run: ')})" if check.hint else ""),
            ]
            for check in shown
        ]
    )
    words: tuple[tuple[Status, str], ...] = (("fail", "failed"), ("warn", "warned"), ("pass", "passed"))
    counts = ", ".join(f"{report.count(status)} {word}" for status, word in words if report.count(status))
    mailboxes, messages = report.metrics["mailboxes"], report.metrics["messages"]
    print(
        f"{report.status}: {counts}, of {mailboxes:,} {'mailbox' if mailboxes == 1 else 'mailboxes'} "
        f"with {output.count(messages, 'message')}"
    )
