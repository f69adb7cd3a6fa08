"""`mailsync account`: adding and removing accounts, what there is, and how a server is treated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from mailsync.cli import context, terminal
from mailsync.cli.arguments import Account, AsJson, complete_accounts
from mailsync.cli.output import count, emit, note, say, size, table
from mailsync.config.providers import PRESETS
from mailsync.errors import MailsyncError, UsageError
from mailsync.privacy.consent import SCOPES

if TYPE_CHECKING:
    from mailsync.cli.context import Context
    from mailsync.store.jobs import Job

app = typer.Typer(
    name="account",
    help="The accounts of config.toml.",
    epilog="Example: mailsync account check work",
    no_args_is_help=True,
)


@app.callback()
def group() -> None:
    """The accounts of config.toml."""


class _Scopes(TyperCommand):
    """Lets `--consent` take several scopes in a row, as in `--consent mailbox_access email_read`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        spread: list[str] = []
        taking = False
        for argument in args:
            if taking and spread[-1] != "--consent" and argument in SCOPES:
                spread.append("--consent")
            elif spread[-1:] != ["--consent"]:
                taking = argument == "--consent"
            spread.append(argument)
        return super().parse_args(ctx, spread)


def _providers() -> Iterable[str]:
    return [*PRESETS, "imap"]


def _scopes() -> Iterable[str]:
    return [*SCOPES, "all", "none"]


@app.command(cls=_Scopes, epilog="Example: mailsync account add work --email me@example.com")
def add(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What to call the account; suggested from the address without it.")
    ] = "",
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="The mail address.")] = "",
    provider: Annotated[
        str,
        typer.Option(metavar="PROVIDER", help="gmail, office365 ...; imap for any other.", autocompletion=_providers),
    ] = "",
    host: Annotated[str, typer.Option(metavar="HOST", help="The IMAP server; found without it.")] = "",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, show_default=False, help="993, or 143 for STARTTLS.")
    ] = 0,
    security: Annotated[
        Literal["", "tls", "starttls", "none"],
        typer.Option(metavar="tls|starttls|none", help="How it is encrypted; none on this machine only."),
    ] = "",
    username: Annotated[str, typer.Option(metavar="NAME", help="Who signs in, where that is not the address.")] = "",
    auth: Annotated[
        Literal["", "password", "oauth2"], typer.Option(metavar="password|oauth2", help="How to sign in.")
    ] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Take the password from the first line of stdin.")
    ] = False,
    password_command: Annotated[
        str, typer.Option(metavar="COMMAND", help="A command that prints the password; mailsync then keeps none.")
    ] = "",
    consent: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE...", help="What it may do: scopes, or all, or none.", autocompletion=_scopes),
    ] = None,
    client_id: Annotated[str, typer.Option(metavar="ID", help="OAuth2: your application at the provider.")] = "",
    client_secret_command: Annotated[
        str, typer.Option(metavar="COMMAND", help="OAuth2: prints the application's secret, where there is one.")
    ] = "",
    issuer: Annotated[
        str, typer.Option(metavar="URL", help="OAuth2: the OpenID provider, where it is not known.")
    ] = "",
    tenant: Annotated[str, typer.Option(metavar="ID", help="Microsoft: the directory to sign in to.")] = "",
    device_code: Annotated[
        bool, typer.Option("--device-code", help="OAuth2: sign in on another device, with a short code.")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="OAuth2: print the address instead of starting a browser.")
    ] = False,
    tls_ca_file: Annotated[str, typer.Option(metavar="FILE", help="Certificates of a private authority.")] = "",
    secrets: Annotated[
        Literal["", "keyring", "file"],
        typer.Option(
            metavar="keyring|file",
            help="Where all passwords are kept from now on: general.secrets; file is not encrypted.",
        ),
    ] = "",
    no_check: Annotated[bool, typer.Option("--no-check", help="Write it without trying to sign in.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add an account: find its server from the address, sign in once, ask what is allowed, write config.toml.

    Asks for what is missing where it runs in a terminal. Nothing is written before the sign-in worked. The public
    autoconfig database learns the domain of an address that no provider's own is, never the address.
    """
    from pathlib import Path

    from mailsync.cli.adding import Adding
    from mailsync.cli.wishes import Wishes

    shared = context.of(ctx)
    shared.start_log()
    wishes = Wishes(
        name,
        email,
        provider,
        host,
        port,
        security,
        username,
        auth,
        password_stdin,
        password_command,
        consent or [],
        client_id,
        client_secret_command,
        issuer,
        tenant,
        str(Path(tls_ca_file).expanduser().absolute()) if tls_ca_file else "",
        secrets,
        device_code,
        no_browser,
        no_check,
    )
    if provider and provider not in _providers():
        raise UsageError(f"no provider {provider}", hint=f"known: {', '.join(_providers())}")
    document = Adding(shared, wishes).run()
    if as_json:
        emit(document)
        return
    kept = {
        "keyring": "in the keyring",
        "file": f"in {shared.data_dir / 'secrets'}",
        "tokens": f"in {shared.data_dir / 'secrets'}",
        "none": "nowhere yet",
    }
    where = kept.get(document["secret"], f"from the {document['secret']}")
    say(f"{document['name']}: added to {document['config']}; what it signs in with is {where}")
    if not {"mailbox_access", "email_read"} <= set(document["consent"]):
        say(f"not synced before you allow it: mailsync consent grant {document['name']} mailbox_access email_read")
    elif document["secret"] == "none":
        say(f"next: mailsync auth login {document['name']}")
    elif document["engine"] == "told":
        say("the running engine mirrors it now")
    else:
        say(f"next: mailsync sync {document['name']}, or mailsync for the dashboard")


@app.command("list", epilog="Example: mailsync account list --json")
def list_(ctx: typer.Context, as_json: AsJson = False) -> None:
    """The accounts of config.toml: address, server, sign-in, state, what is allowed, and where the secret is."""
    document = {"accounts": _listing(context.of(ctx))}
    if as_json:
        emit(document)
    elif not document["accounts"]:
        note("no accounts yet: mailsync account add")
    else:
        heads = ("name", "address", "provider", "server", "auth", "secret", "state", "consent")
        table(
            [
                heads,
                *[
                    (
                        one["name"],
                        one["email"],
                        one["provider"],
                        f"{one['host']}:{one['port']}",
                        one["auth"],
                        one["secret"],
                        one["state"],
                        ", ".join(one["consent"]) or "none",
                    )
                    for one in document["accounts"]
                ],
            ]
        )


@app.command(epilog="Example: mailsync account remove work --purge")
def remove(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="An account, configured or mirrored.", autocompletion=complete_accounts),
    ],
    purge: Annotated[bool, typer.Option("--purge", help="Also remove what was mirrored of it from this disk.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take an account out of config.toml, with its password or tokens and all it was allowed.

    The server keeps its mail. What was mirrored stays on this disk, unless --purge is given; that cannot be undone.
    """
    from mailsync.cli import settings
    from mailsync.engine import setup

    shared = context.of(ctx)
    if not yes:
        if not terminal.is_there():
            raise UsageError("--yes is missing: nobody is there to ask", hint="give --yes, or run this in a terminal")
        what = f"Remove the account {name}" + (" and all that is mirrored of it" if purge else "")
        if not terminal.confirm(f"{what}?", default=False):
            raise typer.Exit(1)
    shared.start_log()
    removed = setup.remove(shared.config_path, shared.data_dir, name, shared.store if shared.has_store else None)
    settings.forget(shared.data_dir)
    engine = "none"
    purged: dict[str, Any] | None = None
    if shared.has_store:
        try:
            engine = "told" if setup.tell(shared.store(), shared.data_dir) else "none"
        except MailsyncError as error:
            engine = "not told"
            terminal.complain(error)
        if purge:
            purged = _purge(shared, name)
    document = {
        "ok": removed.secret_left is None,
        "name": name,
        "configured": removed.configured,
        "secret_removed": removed.secret_left is None,
        "purged": purged,
        "engine": engine,
    }
    if as_json:
        emit(document)
    else:
        say(f"{name}: removed" + (f", with {count(purged['messages'], 'message')}" if purged else ""))
        if purged is None and removed.stored:
            say(f"what was mirrored stays; to remove it, too: mailsync account remove {name} --purge")
    if removed.secret_left is not None:
        raise removed.secret_left


def _purge(shared: Context, name: str) -> dict[str, Any]:
    from mailsync.engine.ask import ask

    config = shared.read_config()
    job = ask(config, shared.store(), shared.data_dir, "purge", {"accounts": [name]})
    if job.status != "completed":
        raise MailsyncError(
            f"{name} was not purged to its end: {job.error or job.status}",
            hint=job.error_hint or f"run it again: mailsync account remove {name} --purge",
        )
    purged: dict[str, Any] = (job.result or {})["accounts"][0]
    return {key: purged.get(key, 0) for key in ("messages", "removed", "contents", "folders", "bytes")}


def _listing(shared: Context) -> list[dict[str, Any]]:
    from mailsync.accounts.whereabouts import secret_of
    from mailsync.engine.signing import vault_of
    from mailsync.store import consents, overview

    config = shared.config
    vault = vault_of(config, shared.data_dir)
    states: dict[str, str] = {}
    granted: dict[str, frozenset[str]] = {}
    if shared.has_store:
        with shared.store().read() as connection:
            states = {one.name: one.state for one in overview.accounts(connection)}
            granted = {name: consents.granted(connection, name) for name in config.accounts}
    return [
        {
            "name": name,
            "email": account.email,
            "provider": account.provider,
            "host": account.host,
            "port": account.port,
            "security": account.security,
            "username": account.username,
            "auth": account.auth,
            "secret": secret_of(name, account, vault),
            "state": states.get(name, "disconnected"),
            "consent": [scope for scope in SCOPES if scope in granted.get(name, ())],
        }
        for name, account in config.accounts.items()
    ]


@app.command(epilog="Example: mailsync account check work --json")
def check(ctx: typer.Context, name: Account, as_json: AsJson = False) -> None:
    """Sign in and look: capabilities, folders, latency, how the account is synced and why, a hint for each problem.

    The exit code is 0 when the account works, 3 when it needs a sign-in or consent, 4 when the server cannot be reached
    or asks to wait.
    """
    from mailsync.engine.ask import ask

    shared = context.of(ctx)
    shared.accounts([name])
    shared.start_log()
    job = ask(shared.config, shared.store(create=True), shared.data_dir, "check", {"accounts": [name]})
    document = dict(job.result or {})
    code = document.pop("exit_code", 1)
    if as_json:
        emit(document)
    elif document.get("ok"):
        _print(document)
    if code:
        _complain(job)
    raise typer.Exit(code)


def _print(document: dict[str, Any]) -> None:
    server, latency = document["server"], document["latency"]
    compress, connections, budget = document["compress"], document["connections"], document["budget"]
    say(f"{document['account']}: {server['name'] or server['greeting']}")
    trip, connect = f"{latency['round_trip'] * 1000:.1f} ms", f"{latency['connect'] * 1000:.0f} ms"
    allowed = f"{connections['allowed']}, of which {connections['monitors']} watch"
    rows = [
        ("server", f"{server['host']}:{server['port']}, {server['security']}"),
        ("latency", f"{trip} a round trip, {connect} to sign in"),
        ("strategy", f"{document['strategy']}: {document['why']}"),
        ("push", document["push"]),
        ("compress", f"{'on' if compress['on'] else 'off'}: {compress['why']}"),
        ("connections", f"{allowed}; {connections['configured']} configured"),
    ]
    if budget["daily"]:
        rows.append(("today", f"{size(budget['received_today'])} of {size(budget['daily'])}"))
    rows += [("quirk", f"{quirk['name']}: {quirk['why']}") for quirk in document["quirks"]]
    rows += [("probed", f"{probe['name']}: {probe['value']}") for probe in document["probed"]]
    rows.append(("capabilities", " ".join(server["capabilities"])))
    if server["not_used"]:
        rows.append(("not used", " ".join(server["not_used"])))
    table(rows, indent="  ")
    folders = document["folders"]
    say(f"  {count(len(folders), 'folder')}, {sum(folder['selected'] for folder in folders)} mirrored")
    table(
        [
            [
                folder["name"],
                folder["special_use"],
                "" if folder["messages"] is None else f"{folder['messages']:,}",
                f"{folder['strategy']}: {folder['why']}" if folder["selected"] else "not mirrored",
            ]
            for folder in folders
        ],
        right=(2,),
        indent="    ",
    )
    for problem in document["problems"]:
        say(f"  problem: {problem['detail']}")
        say(f"  hint: {problem['hint']}")
    if not document["problems"]:
        say("  no problems")


def _complain(job: Job) -> None:
    note(f"error: {job.error or 'the account could not be checked'}")
    if job.error_hint:
        note(f"hint: {job.error_hint}")
