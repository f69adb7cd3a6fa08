"""`mailsync sync` and `mailsync verify`: ask the engine, wait, tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailsync.cli import context
from mailsync.cli.context import Accounts, AsJson, Context
from mailsync.cli.output import count, emit, note, say, size
from mailsync.cli.progress import mirroring

if TYPE_CHECKING:
    from mailsync.store.jobs import Job

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
    params = {"accounts": names or [], "folders": folder or [], "full": full, "dry_run": dry_run}
    job = _run(context.of(ctx), "sync", names or [], params)
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
    names: Accounts = None,
    folder: Folders = None,
    deep: Annotated[bool, typer.Option("--deep", help="Compare every byte too; downloads everything.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold the mirror against the server."""
    job = _run(context.of(ctx), "verify", names or [], {"accounts": names or [], "folders": folder or [], "deep": deep})
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


def _run(shared: Context, kind: str, names: list[str], params: dict[str, Any]) -> Job:
    from mailsync.engine.ask import ask

    chosen = shared.accounts(names)
    store = shared.store(create=True)
    shared.start_log()
    with mirroring(store, list(chosen)) as look:
        return ask(shared.config, store, shared.data_dir, kind, params, each=look)


_LEFT = {
    "withheld": "too large, listed only",
    "outside": "not selected",
    "quarantined": "set aside: the server does not give them",
}


def _tell_account(account: dict[str, Any], *, dry_run: bool) -> None:
    folders = account["folders"]
    if account["error"] and not folders:
        return
    new, changed, deleted = (sum(folder[key] for folder in folders) for key in ("new", "changed", "deleted"))
    total = sum(folder["bytes"] for folder in folders)
    what = "would be " if dry_run else ""
    say(
        f"{account['name']}: {count(len(folders), 'folder')}, {what}{new:,} new ({size(total)}), "
        f"{what}{changed:,} changed, {what}{deleted:,} deleted"
    )
    for folder in folders:
        left = [f"{folder[key]:,} {word}" for key, word in _LEFT.items() if folder[key]]
        if folder["new"] or folder["changed"] or folder["deleted"] or left:
            told = [f"{folder['new']:,} new", f"{folder['changed']:,} changed", f"{folder['deleted']:,} deleted", *left]
            in_bytes = f" ({size(folder['bytes'])})" if dry_run and folder["bytes"] else ""
            say(f"  {folder['name']}: {', '.join(told)}{in_bytes}  [{folder['strategy'] or 'not mirrored any more'}]")


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
        told.append(verdict["error"])
    say(f"{verdict['account']} {verdict['name']}: {', '.join(told)}")


def _complain(job: Job, document: dict[str, Any], code: int) -> None:
    """Errors go to stderr, one line and one hint each, whatever stdout carries."""
    if code == 0:
        return
    told = False
    for account in document.get("accounts", ()):
        if account["error"]:
            note(f"error: {account['name']}: {account['error'].removeprefix(account['name'] + ': ')}")
            if account.get("hint"):
                note(f"hint: {account['hint']}")
            told = True
        for folder in account["folders"]:
            if folder["error"]:
                note(f"error: {account['name']} {folder['name']}: {folder['error']}")
                told = True
    if not told and job.error:
        note(f"error: {job.error}")
        if job.error_hint:
            note(f"hint: {job.error_hint}")
