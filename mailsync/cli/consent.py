"""`mailsync consent`: what the person allows, account by account."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import Account, AsJson
from mailsync.cli.context import Context
from mailsync.errors import UsageError

app = typer.Typer(
    name="consent",
    help="What you allow mailsync to do with an account.",
    epilog="Example: mailsync consent grant work --all",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _scope_names() -> list[str]:
    from mailsync.privacy.consent import SCOPES

    return list(SCOPES)


Scopes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SCOPE]...",
        help="mailbox_access, email_read, attachment_access, mailbox_modify.",
        autocompletion=_scope_names,
    ),
]


@app.command("list", epilog="Example: mailsync consent list --json")
def show(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Every account with its scopes: what each allows, and since when."""
    document = _document(context.of(ctx))
    if as_json:
        output.emit(document)
        return
    for account in document["accounts"]:
        output.say(account["name"])
        output.table(
            [
                [mark(entry), entry["scope"], entry["granted_at"] if entry["granted"] else "", entry["description"]]
                for entry in account["scopes"]
            ],
            indent="  ",
        )
        if account["missing"]:
            output.say(f"  not synced without: {', '.join(account['missing'])}")
    if not document["accounts"]:
        output.note("no accounts yet")


def mark(entry: dict[str, Any]) -> str:
    return "yes" if entry["granted"] else "no"


@app.command(epilog="Example: mailsync consent grant work mailbox_access email_read")
def grant(
    ctx: typer.Context,
    name: Account,
    scopes: Scopes = None,
    every: Annotated[bool, typer.Option("--all", help="Every scope.")] = False,
    as_json: AsJson = False,
) -> None:
    """Allow an account some scopes; mailbox_access and email_read are needed to mirror it."""
    shared = context.of(ctx)
    shared.accounts([name])
    _change(shared, name, _chosen(scopes, every), granting=True)
    _tell(shared, name, as_json)


@app.command(epilog="Example: mailsync consent revoke work --all")
def revoke(
    ctx: typer.Context,
    name: Account,
    scopes: Scopes = None,
    every: Annotated[bool, typer.Option("--all", help="Every scope.")] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove what was mirrored from this disk; it cannot be undone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take scopes back: work on the account ends at the next step, in a running daemon as well.

    What is mirrored stays on the disk, unreadable without email_read, unless --purge removes it; on a terminal that
    is asked.
    """
    from mailsync.privacy.consent import EMAIL_READ

    shared = context.of(ctx)
    before = next((one for one in _document(shared)["accounts"] if one["name"] == name), None)
    if before is None:
        shared.accounts([name])
    chosen = _chosen(scopes, every)
    if purge and before is not None and EMAIL_READ in before["granted"] and EMAIL_READ not in chosen:
        raise UsageError(
            f"{EMAIL_READ} of {name} stays granted: what is purged would be mirrored again",
            hint=f"revoke {EMAIL_READ} as well",
        )
    _change(shared, name, chosen, granting=False)
    removed = None
    if purge or (EMAIL_READ in chosen and not as_json and _wants_purge(shared, name)):
        removed = _purge(shared, name)
    _tell(shared, name, as_json, removed)


def _chosen(scopes: list[str] | None, every: bool) -> list[str]:
    from mailsync.privacy.consent import SCOPES

    known = ", ".join(SCOPES)
    if every:
        return list(SCOPES)
    if not scopes:
        raise UsageError("no scope is named", hint=f"name some of {known}, or use --all")
    for scope in scopes:
        if scope not in SCOPES:
            raise UsageError(f"no scope {scope}", hint=f"known: {known}")
    return scopes


def _change(shared: Context, name: str, scopes: list[str], *, granting: bool) -> None:
    import time

    from mailsync.store import consents

    change = consents.grant if granting else consents.revoke
    store = shared.store(create=True)
    store.write(lambda connection: change(connection, name, scopes, time.time()), durable=True).result()


def _wants_purge(shared: Context, name: str) -> bool:
    """Ask, where somebody can answer and something is there."""
    import sys

    from mailsync.store import purge

    if not sys.stdin.isatty() or not sys.stdout.isatty():
        return False
    with shared.store().read() as connection:
        count = purge.mirrored(connection, name)
    if count is None:
        return False
    question = f"Remove the {output.count(count, 'message')} mirrored of {name} from this disk? It cannot be undone."
    try:
        return typer.confirm(question, default=False)
    except typer.Abort:
        return False


def _purge(shared: Context, name: str) -> dict[str, Any]:
    """Have the engine do it, whoever runs it; what was removed."""
    from mailsync.engine.ask import ask
    from mailsync.errors import MailsyncError

    shared.start_log()
    job = ask(shared.config, shared.store(), shared.data_dir, "purge", {"accounts": [name]})
    if job.status != "completed":
        raise MailsyncError(
            f"{name} was not purged to its end: {job.error or job.status}",
            hint=job.error_hint or f"run it again: mailsync consent revoke {name} --all --purge",
        )
    document = job.result or {}
    if not document["overwritten"]:
        output.note("note: another program reads the database; run this again when it has ended, to overwrite the rest")
    removed: dict[str, Any] = document["accounts"][0]
    return {key: removed.get(key, 0) for key in ("messages", "removed", "contents", "folders", "bytes")}


def _document(shared: Context) -> dict[str, Any]:
    from mailsync.model import iso
    from mailsync.privacy.consent import REQUIRED, SCOPES
    from mailsync.store import consents

    entries = {}
    if shared.has_store:
        with shared.store().read() as connection:
            entries = {(entry.account, entry.scope): entry for entry in consents.listing(connection)}
    accounts = []
    for name in dict.fromkeys([*shared.config.accounts, *(account for account, _ in entries)]):
        scopes = []
        for scope, description in SCOPES.items():
            entry = entries.get((name, scope))
            scopes.append(
                {
                    "scope": scope,
                    "granted": entry is not None and entry.revoked_at is None,
                    "granted_at": iso(entry.granted_at) if entry else None,
                    "revoked_at": iso(entry.revoked_at) if entry else None,
                    "required": scope in REQUIRED,
                    "description": description,
                }
            )
        granted = [entry["scope"] for entry in scopes if entry["granted"]]
        missing = [scope for scope in REQUIRED if scope not in granted]
        accounts.append({"name": name, "granted": granted, "missing": missing, "scopes": scopes})
    return {"accounts": accounts}


def _tell(shared: Context, name: str, as_json: bool, removed: dict[str, Any] | None = None) -> None:
    known = {account["name"]: account for account in _document(shared)["accounts"]}
    # Of an account that left the configuration a purge leaves nothing, not even this.
    account = known.get(name, {"name": name, "granted": [], "missing": [], "scopes": []})
    if removed is not None:
        account["purged"] = removed
    if as_json:
        output.emit(account)
        return
    if removed is not None:
        count = removed["messages"] + removed["removed"]
        output.say(f"{name}: {output.count(count, 'message')} removed from this disk ({output.size(removed['bytes'])})")
    output.say(f"{name}: granted {', '.join(account['granted']) or 'nothing'}")
    if account["missing"]:
        output.say(f"{name}: not synced without {', '.join(account['missing'])}")
