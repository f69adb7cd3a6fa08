"""`mailsync account check`: one account's server, and how mailsync treats it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from mailsync.cli import context
from mailsync.cli.arguments import Account, AsJson
from mailsync.cli.output import count, emit, note, say, size, table

if TYPE_CHECKING:
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
