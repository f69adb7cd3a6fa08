"""What `mailsync sync` and `mailsync verify` do: ask the engine, wait, tell. They give the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mailsync.cli.context import Context
from mailsync.cli.output import count, emit, note, say, size
from mailsync.cli.progress import mirroring

if TYPE_CHECKING:
    from mailsync.store.jobs import Job


def sync(
    shared: Context,
    names: Sequence[str],
    folders: Sequence[str],
    *,
    full: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
) -> int:
    """Sync the named accounts, or all, now."""
    params = {"accounts": list(names), "folders": list(folders), "full": full, "dry_run": dry_run}
    job = _run(shared, "sync", names, params)
    document = dict(job.result or {})
    code = int(document.pop("exit_code", 1))
    if as_json:
        emit(document)
    else:
        for account in document.get("accounts", ()):
            _tell_account(account, dry_run=dry_run)
    _complain(job, document, code)
    if not dry_run:
        _warn_of_index(shared)
    return code


def verify(shared: Context, names: Sequence[str], folders: Sequence[str], *, deep: bool, as_json: bool) -> int:
    """Hold the mirror of the named accounts, or all, against the server."""
    params = {"accounts": list(names), "folders": list(folders), "deep": deep}
    job = _run(shared, "verify", names, params)
    document = dict(job.result or {})
    code = int(document.pop("exit_code", 1))
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
    return code


def _run(shared: Context, kind: str, names: Sequence[str], params: dict[str, Any]) -> Job:
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


def _warn_of_index(shared: Context) -> None:
    """Search would not find what was mirrored, and no engine is at work on that."""
    from mailsync.pipeline import versions
    from mailsync.store import documents
    from mailsync.store.lock import owner

    with shared.store().read() as connection:
        behind = documents.is_new(connection, versions.INDEX)
    if behind and owner(shared.data_dir) is None:
        note("warning: not all of it is indexed, so search does not find it yet")
        note("hint: the log says why; the next sync goes on with it")


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
