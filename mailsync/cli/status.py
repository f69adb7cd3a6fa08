"""`mailsync status`: what is mirrored, since when, and what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import AsJson
from mailsync.cli.context import Context

if TYPE_CHECKING:
    from pathlib import Path

    from mailsync.store.overview import AccountOverview, FolderOverview

_PROBLEMS = ("needs_login", "error", "paused")
"""States that outlive the engine: they wait for a person."""


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync status --json")(status)


def status(
    ctx: typer.Context,
    folders: Annotated[
        bool, typer.Option("--folders", help="Tell of each folder how it is synced and watched, and what is proved.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What is mirrored and when, account by account, folder by folder."""
    shared = context.of(ctx)
    document = read(shared)
    if as_json:
        output.emit(document)
    else:
        _print(document, shared.config_path, details=folders)


def read(shared: Context) -> dict[str, Any]:
    """The `status` document."""
    from mailsync.model import iso
    from mailsync.privacy import consent
    from mailsync.store import consents, documents, labels, overview, quarantine
    from mailsync.store.lock import owner

    engine = owner(shared.data_dir)
    stored: dict[str, AccountOverview] = {}
    granted: dict[str, frozenset[str]] = {}
    virtual: dict[str, list[tuple[str, int, int]]] = {}
    aside: dict[str, int] = {}
    done = total = 0
    configured = shared.config.accounts
    if shared.has_store:
        with shared.store().read() as connection:
            stored = {account.name: account for account in overview.accounts(connection)}
            granted = {name: consents.granted(connection, name) for name in {*configured, *stored}}
            aside = quarantine.counts(connection)
            done, total = documents.progress(connection)
            virtual = {account.name: labels.virtual(connection, account.id) for account in stored.values()}
    accounts = []
    for name in dict.fromkeys([*configured, *stored]):
        account = stored.get(name)
        missing = consent.missing(granted.get(name, ()))
        state, detail, hint = "disconnected", "", ""
        if name in configured and missing:
            state, hint = "needs_consent", f"mailsync consent grant {name} {' '.join(missing)}"
        elif account is not None and (engine or account.state in _PROBLEMS):
            state, detail, hint = account.state, account.state_detail, account.state_hint
        accounts.append(
            {
                "name": name,
                "email": configured[name].email if name in configured else account.email if account else "",
                "server": (account.server or None) if account else None,
                "state": state,
                "state_detail": detail or None,
                "resumes_at": iso(account.resumes_at) if account else None,
                "line": (account.line or None) if account else None,
                "quirks": [{"name": name, "why": why} for name, why in account.quirks] if account else [],
                "configured": name in configured,
                "last_sync": iso(account.last_sync_at) if account else None,
                "error": account.error if account else None,
                "hint": hint or (account.error_hint if account else None) or None,
                "quarantined": aside.get(name, 0),
                "folders": [
                    *(_folder(folder, bool(engine)) for folder in (account.folders if account else ())),
                    *(_virtual(*label) for label in virtual.get(name, ())),
                ],
            }
        )
    return {
        "engine": {
            "running": engine is not None,
            "pid": engine["pid"] if engine else None,
            "since": iso(engine["since"]) if engine else None,
        },
        "index": {"done": done, "total": total},
        "accounts": accounts,
    }


def _folder(folder: FolderOverview, running: bool) -> dict[str, Any]:
    from mailsync.model import iso

    proof = folder.certificate
    return {
        "name": folder.name,
        "virtual": False,
        "special_use": folder.special_use,
        "messages": folder.messages,
        "unread": folder.unread,
        "bytes": folder.bytes,
        "last_sync": iso(folder.last_sync_at),
        "next_sync": iso(folder.next_sync_at) if running else None,
        "strategy": folder.strategy,
        "why": folder.why or None,
        "watch": (folder.watch or None) if running else None,
        "push": {"told": folder.pushed, "missed": folder.missed, "since": iso(folder.pushed_since)},
        "error": folder.error,
        "hint": folder.error_hint,
        "server_messages": folder.server_messages,
        "first_sync_done": folder.first_sync_at is not None,
        "certificate": {
            "at": iso(proof.at),
            "uidvalidity": proof.uidvalidity,
            "highestmodseq": proof.highestmodseq,
            "messages": proof.messages,
            "uids_digest": proof.uids_digest,
            "contents_digest": proof.contents_digest,
            "exceptions": proof.exceptions,
            "verified_at": iso(proof.verified_at),
            "deep": proof.deep,
        }
        if proof
        else None,
    }


def _virtual(name: str, messages: int, unread: int) -> dict[str, Any]:
    """A label as a folder: what it shows is mirrored, and counted, elsewhere."""
    known = {"name": name, "virtual": True, "messages": messages, "unread": unread}
    absent = dict.fromkeys(
        ("last_sync", "next_sync", "strategy", "why", "watch", "error", "hint", "server_messages", "certificate")
    )
    return {**known, "special_use": "", "bytes": 0, "first_sync_done": True, "push": None, **absent}


def _print(document: dict[str, Any], config_path: Path, *, details: bool) -> None:
    engine = document["engine"]
    output.say(
        f"engine: running as process {engine['pid']} since {engine['since']}"
        if engine["running"]
        else "engine: not running"
    )
    index = document["index"]
    if index["done"] < index["total"]:
        output.say(f"search: {index['done']:,} of {output.count(index['total'], 'message')} indexed")
    for account in document["accounts"]:
        print()
        _print_account(account, details=details)
        for folder in account["folders"] if details else ():
            if not folder["virtual"]:
                _print_folder(folder)
    if not document["accounts"]:
        from mailsync.config.load import how_to_write

        output.note(f"no accounts yet: {how_to_write(config_path)}; or try `mailsync demo`")


def _print_account(account: dict[str, Any], *, details: bool) -> None:
    folders = account["folders"]
    mirrored = [folder for folder in folders if not folder["virtual"]]
    messages, size = sum(f["messages"] for f in mirrored), sum(f["bytes"] for f in mirrored)
    resumes = f", goes on at {account['resumes_at']}" if account["resumes_at"] else ""
    output.say(f"{account['name']}  {account['email']}  {account['state']}{resumes}")
    output.say(
        f"  {output.count(messages, 'message')}, {output.size(size)}, last sync {account['last_sync'] or 'never'}"
    )
    if account["quarantined"]:
        number = output.count(account["quarantined"], "message")
        output.say(f"  {number} set aside: mailsync quarantine list --account {account['name']}")
    for word in ("server", "line") if details else ():
        if account[word]:
            output.say(f"  {word}: {account[word]}")
    for quirk in account["quirks"] if details else ():
        output.say(f"  quirk {quirk['name']}: {quirk['why']}")
    for word in ("error", "hint"):
        if account[word]:
            output.say(f"  {word}: {account[word]}")
    if not details:
        output.table(
            [
                [
                    folder["name"],
                    f"{folder['messages']:,}",
                    f"{folder['unread']:,} unread" if folder["unread"] else "",
                    "" if folder["virtual"] else output.size(folder["bytes"]),
                    "label" if folder["virtual"] else folder["last_sync"] or "never synced",
                    folder["watch"] or "",
                    f"error: {folder['error']}" if folder["error"] else "",
                ]
                for folder in folders
            ],
            right=(1, 2, 3),
            indent="  ",
        )


def _print_folder(folder: dict[str, Any]) -> None:
    """All that is known of a folder, in a few lines."""
    unread = f", {folder['unread']:,} unread" if folder["unread"] else ""
    output.say(
        f"  {folder['name']}  {output.count(folder['messages'], 'message')}{unread}, {output.size(folder['bytes'])}"
    )
    strategy = f" by {folder['strategy']}" if folder["strategy"] else ""
    why = f": {folder['why']}" if folder["why"] else ""
    output.say(f"    synced {folder['last_sync']}{strategy}{why}" if folder["last_sync"] else "    never synced")
    told, missed = folder["push"]["told"], folder["push"]["missed"]
    counted = f"push missed {missed:,} of {told + missed:,}" if told + missed else ""
    watched = f"watched by {folder['watch']}" if folder["watch"] else ""
    if counted or watched:
        output.say(f"    {', '.join(part for part in (watched, counted) if part)}")
    proof = folder["certificate"]
    if proof:
        seen = f", verified {proof['verified_at']}{' with contents' if proof['deep'] else ''}"
        excepted = "".join(f", {each['count']:,} {each['kind']}" for each in proof["exceptions"])
        output.say(
            f"    complete {proof['at']}: {output.count(proof['messages'], 'message')}{excepted}, "
            f"UIDs {proof['uids_digest'][:12]}{seen if proof['verified_at'] else ''}"
        )
    for word in ("error", "hint"):
        if folder[word]:
            output.say(f"    {word}: {folder[word]}")
