"""`mailsync sync` and `mailsync verify`: ask the engine, wait, tell."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from mailsync.cli.context import Context, emit, note, say
from mailsync.store.jobs import Job
from mailsync.text import safe_text

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Accounts; all when left out.")]
Folders = Annotated[list[str] | None, typer.Option("--folder", metavar="F", help="Only this folder; may be repeated.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync sync work --folder INBOX")(sync)
    app.command(epilog="Example: mailsync verify work --deep")(verify)


def sync(
    ctx: typer.Context,
    names: Names = None,
    folder: Folders = None,
    full: Annotated[bool, typer.Option("--full", help="Compare everything, whatever the checkpoints say.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sync now."""
    params = {"accounts": names or [], "folders": folder or [], "full": full, "dry_run": dry_run}
    job = _run(ctx.obj, "sync", names or [], params)
    document = dict(job.result or {})
    code = document.pop("exit_code", 1)
    if as_json:
        emit(document)
    else:
        for account in document.get("accounts", ()):
            _tell_account(account, dry_run=dry_run)
    _complain(job, document, code)
    raise typer.Exit(code)


def verify(
    ctx: typer.Context,
    names: Names = None,
    folder: Folders = None,
    deep: Annotated[bool, typer.Option("--deep", help="Compare every byte too; downloads everything.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold the mirror against the server."""
    job = _run(
        ctx.obj, "verify", names or [], {"accounts": names or [], "folders": folder or [], "deep": deep}
    )
    document = dict(job.result or {})
    code = document.pop("exit_code", 1)
    if as_json:
        emit(document)
    else:
        for verdict in document.get("folders", ()):
            _tell_verdict(verdict)
        checked = sum(verdict["server_count"] for verdict in document.get("folders", ()))
        if document.get("ok"):
            how = "UIDs, flags and content" if deep else "UIDs and flags"
            say(f"ok: {checked:,} messages checked ({how})")
    _complain(job, document, code)
    raise typer.Exit(code)


def _run(context: Context, kind: str, names: list[str], params: dict[str, Any]) -> Job:
    from mailsync.cli.progress import Progress
    from mailsync.engine.ask import ask

    config = context.accounts(names)
    store = context.store()
    with Progress(store, names or list(config.accounts)) as progress:
        return ask(config, store, context.data_dir, kind, params, each=progress.tick)


def _tell_account(account: dict[str, Any], *, dry_run: bool) -> None:
    folders = account["folders"]
    new, changed, deleted = (sum(folder[key] for folder in folders) for key in ("new", "changed", "deleted"))
    size = sum(folder["bytes"] for folder in folders)
    what = "would be " if dry_run else ""
    say(
        f"{account['name']}: {len(folders)} folders, {what}{new:,} new ({megabytes(size)}), "
        f"{what}{changed:,} changed, {what}{deleted:,} deleted"
    )
    for folder in folders:
        if folder["new"] or folder["changed"] or folder["deleted"]:
            say(
                f"  {safe_text(folder['name'])}: {folder['new']:,} new, {folder['changed']:,} changed, "
                f"{folder['deleted']:,} deleted  [{folder['strategy']}]"
            )


def _tell_verdict(verdict: dict[str, Any]) -> None:
    if verdict["ok"]:
        return
    told = [
        f"{len(verdict[key])} {word}"
        for key, word in (
            ("missing", "missing"),
            ("extra", "too many"),
            ("flags_differ", "with other flags"),
            ("content_differs", "with other content"),
        )
        if verdict[key]
    ]
    if verdict["error"]:
        told.append(safe_text(verdict["error"]))
    say(f"{verdict['account']} {safe_text(verdict['name'])}: {', '.join(told)}")


def _complain(job: Job, document: dict[str, Any], code: int) -> None:
    """Errors go to stderr, one line and one hint each, whatever stdout carries."""
    if code == 0:
        return
    told = False
    for account in document.get("accounts", ()):
        if account["error"]:
            note(f"error: {account['name']}: {safe_text(account['error'])}")
            if account.get("hint"):
                note(f"hint: {safe_text(account['hint'])}")
            told = True
        for folder in account["folders"]:
            if folder["error"]:
                note(f"error: {account['name']} {safe_text(folder['name'])}: {safe_text(folder['error'])}")
                told = True
    if not told and job.error:
        note(f"error: {safe_text(job.error)}")
        if job.error_hint:
            note(f"hint: {safe_text(job.error_hint)}")
    sys.stderr.flush()


def megabytes(size: int) -> str:
    """A size for a person: 512 B, 3.4 kB, 12.0 MB."""
    if size < 1000:
        return f"{size} B"
    for unit in ("kB", "MB", "GB"):
        if size < 1000 * 1000 or unit == "GB":
            return f"{size / 1000:.1f} {unit}"
        size //= 1000
    return f"{size} B"
