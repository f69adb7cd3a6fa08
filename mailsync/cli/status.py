"""`mailsync status`: what is mirrored, since when, and what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from mailsync.cli import context, output
from mailsync.cli.context import AsJson, Context

if TYPE_CHECKING:
    from pathlib import Path

    from mailsync.store.overview import AccountOverview, FolderOverview

_PROBLEMS = ("needs_login", "error", "paused")
"""States that outlive the engine: they wait for a person."""


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync status --json")(status)


def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    """What is mirrored and when, account by account, folder by folder."""
    shared = context.of(ctx)
    document = read(shared)
    if as_json:
        output.emit(document)
    else:
        _print(document, shared.config_path)


def read(shared: Context) -> dict[str, Any]:
    """The `status` document."""
    from mailsync.model import iso
    from mailsync.privacy import consent
    from mailsync.store import consents, overview
    from mailsync.store.lock import owner

    engine = owner(shared.data_dir)
    stored: dict[str, AccountOverview] = {}
    granted: dict[str, frozenset[str]] = {}
    configured = shared.config.accounts
    if shared.has_store:
        with shared.store().read() as connection:
            stored = {account.name: account for account in overview.accounts(connection)}
            granted = {name: consents.granted(connection, name) for name in {*configured, *stored}}
    accounts = []
    for name in dict.fromkeys([*configured, *stored]):
        account = stored.get(name)
        missing = consent.missing(granted.get(name, ()))
        state, hint = "disconnected", ""
        if name in configured and missing:
            state, hint = "needs_consent", f"mailsync consent grant {name} {' '.join(missing)}"
        elif account is not None and (engine or account.state in _PROBLEMS):
            state, hint = account.state, account.state_hint
        accounts.append(
            {
                "name": name,
                "email": configured[name].email if name in configured else account.email if account else "",
                "state": state,
                "configured": name in configured,
                "last_sync": iso(account.last_sync_at) if account else None,
                "error": account.error if account else None,
                "hint": hint or (account.error_hint if account else None) or None,
                "folders": [_folder(folder, bool(engine)) for folder in account.folders] if account else [],
            }
        )
    return {
        "engine": {
            "running": engine is not None,
            "pid": engine["pid"] if engine else None,
            "since": iso(engine["since"]) if engine else None,
        },
        "accounts": accounts,
    }


def _folder(folder: FolderOverview, running: bool) -> dict[str, Any]:
    from mailsync.model import iso

    return {
        "name": folder.name,
        "special_use": folder.special_use,
        "messages": folder.messages,
        "unread": folder.unread,
        "bytes": folder.bytes,
        "last_sync": iso(folder.last_sync_at),
        "next_sync": iso(folder.next_sync_at) if running else None,
        "strategy": folder.strategy,
        "watch": (folder.watch or None) if running else None,
        "error": folder.error,
        "hint": folder.error_hint,
        "server_messages": folder.server_messages,
        "first_sync_done": folder.first_sync_at is not None,
    }


def _print(document: dict[str, Any], config_path: Path) -> None:
    engine = document["engine"]
    output.say(
        f"engine: running as process {engine['pid']} since {engine['since']}"
        if engine["running"]
        else "engine: not running"
    )
    for account in document["accounts"]:
        folders = account["folders"]
        messages, size = sum(f["messages"] for f in folders), sum(f["bytes"] for f in folders)
        print()
        output.say(f"{account['name']}  {account['email']}  {account['state']}")
        output.say(
            f"  {output.count(messages, 'message')}, {output.size(size)}, last sync {account['last_sync'] or 'never'}"
        )
        for word in ("error", "hint"):
            if account[word]:
                output.say(f"  {word}: {account[word]}")
        output.table(
            [
                [
                    folder["name"],
                    f"{folder['messages']:,}",
                    f"{folder['unread']:,} unread" if folder["unread"] else "",
                    output.size(folder["bytes"]),
                    folder["last_sync"] or "never synced",
                    folder["watch"] or "",
                    f"error: {folder['error']}" if folder["error"] else "",
                ]
                for folder in folders
            ],
            right=(1, 2, 3),
            indent="  ",
        )
    if not document["accounts"]:
        from mailsync.config.load import how_to_write

        output.note(f"no accounts yet: {how_to_write(config_path)}; or try `mailsync demo`")
