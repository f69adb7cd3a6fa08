"""`mailsync restore`: mirrored messages go back on a server, once somebody has seen which and approved."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from mailsync.cli import context, output, terminal
from mailsync.cli.arguments import AsJson, complete_accounts
from mailsync.cli.context import Context
from mailsync.errors import UsageError
from mailsync.text import safe_text

if TYPE_CHECKING:
    from mailsync.engine.restoring import Wish
    from mailsync.store.restores import Frozen

FOLDERS = 20
"""Folders of a list that are shown; the rest are counted."""


class _Command(TyperCommand):
    """`--removed 2d` is `--removed --since 2d`: an option whose value may be missing is none that typer knows."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        words: list[str] = []
        for word in args:
            if words[-1:] == ["--removed"] and not word.startswith("-"):
                words.append("--since")
            head, is_given, value = word.partition("=")
            words += ["--removed", "--since", value] if head == "--removed" and is_given else [word]
        return super().parse_args(ctx, words)


def register(app: typer.Typer) -> None:
    app.command(cls=_Command, epilog="Example: mailsync restore --account work --removed 2d")(restore)


def restore(
    ctx: typer.Context,
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="A", help="Only from this account.", autocompletion=complete_accounts),
    ] = None,
    folder: Annotated[
        str | None, typer.Option("--folder", metavar="F", help="Only these folders: a name, glob or special use.")
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", metavar="Q", help="Only what this finds, as `mailsync search` does.")
    ] = None,
    removed: Annotated[
        bool, typer.Option("--removed", help="Those that are gone from the server; --removed 2d: since then.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="With --removed: gone since a date, or so long ago: 2d."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="ACCOUNT", help="To this account; else back to the own.", autocompletion=complete_accounts
        ),
    ] = None,
    into: Annotated[
        str, typer.Option("--into", metavar="FOLDER", help="All into this folder, or the one with this special use.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only look what the server lacks; nothing is changed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Approve of the list without being asked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put mirrored messages back on a server, with flags, keywords, dates and folders.

    The list is shown and has to be approved of; what the server has already is left alone, so it can be run again, also
    after a kill. \\Deleted is not restored. It needs email_read of the account the messages are from, and
    mailbox_modify of the one they go to.
    """
    from mailsync.engine import restoring
    from mailsync.privacy.consent import EMAIL_READ, MAILBOX_ACCESS, MAILBOX_MODIFY
    from mailsync.store import consents, restores

    shared = context.of(ctx)
    wish = _wish(shared, account, folder, to, into, since, query, removed=removed)
    if not dry_run:
        if shared.read_only:
            raise UsageError("--read-only: nothing may be changed on a server", hint="--dry-run looks without changing")
        if not yes and not terminal.is_there():
            raise UsageError(
                "somebody has to approve of the list",
                hint="run this in a terminal, see it with --dry-run, or give --yes",
            )
    store = shared.store()
    scopes = [MAILBOX_ACCESS, EMAIL_READ] + [MAILBOX_MODIFY] * (not dry_run)
    with store.read() as connection:
        consents.require(connection, wish.to, scopes)
    configured = [(name, one.email) for name, one in shared.config.accounts.items()]
    frozen = store.write(partial(restoring.freeze, configured=configured, wish=wish)).result()
    with store.read() as connection:
        shown = restoring.sample(connection, frozen)
    if not frozen.messages:
        store.write(partial(restores.discard, restore_id=frozen.id)).result()
        if as_json:
            with store.read() as connection:
                document = restoring.document(connection, frozen, dry_run=dry_run)
            output.emit(document | {"ok": True, "job": None, "sample": []})
        else:
            _tell_nothing(removed=removed)
        return
    if not as_json or not yes:
        _show(frozen, shown)
    if not dry_run and not yes:
        question = f"put {output.count(frozen.messages, 'message')} into account {frozen.account}?"
        if not terminal.confirm(question, default=False):
            store.write(partial(restores.discard, restore_id=frozen.id)).result()
            output.note("nothing was changed")
            raise typer.Exit(1)
    _carry_out(shared, frozen, [dict(one) for one in shown], dry_run=dry_run, as_json=as_json)


def _wish(
    shared: Context,
    account: str | None,
    pattern: str | None,
    to: str | None,
    into: str,
    since: str | None,
    query: str | None,
    *,
    removed: bool,
) -> Wish:
    from mailsync.cli.audit import moment
    from mailsync.engine.restoring import Wish

    if safe_text(into) != into:
        raise UsageError("--into wants the name of a folder, as `mailsync status` shows it")
    if since is not None and not removed:
        raise UsageError("--since is about when messages were removed", hint="give it with --removed")
    if query is not None and removed:
        raise UsageError("a query finds what is there", hint="give --folder, --account and --since with --removed")
    known = shared.accounts([to] if to is not None else [])
    target = to or account or (next(iter(known)) if len(known) == 1 else None)
    if target is None:
        raise UsageError("it is not clear which account the messages go to", hint="give --account or --to")
    shared.accounts([target])
    gone = (moment(since) if since is not None else 0.0) if removed else None
    # Back to the own account, unless another is named: then everything may go there.
    source = account if to is not None else target
    ids = None
    if query is not None:
        from mailsync.cli.export import found_by

        ids = found_by(shared, query)
    return Wish(target, source, pattern, into, gone, ids)


def _carry_out(shared: Context, frozen: Frozen, shown: list[dict[str, Any]], *, dry_run: bool, as_json: bool) -> None:
    from mailsync.cli.progress import bar
    from mailsync.engine.ask import ask
    from mailsync.store import jobs, restores

    store = shared.store()
    shared.start_log()
    number = 0
    done = 0

    def insert(connection: Any) -> int:
        nonlocal number
        number = restores.submit(connection, frozen, time.time(), approved=not dry_run)
        return number

    with bar("restoring", frozen.messages) as progress:

        def look() -> None:
            nonlocal done
            with store.read() as connection:
                now = jobs.processed(connection, number)
            if now > done:
                progress.advance(now - done)
                done = now

        job = ask(shared.config, store, shared.data_dir, restores.KIND, {}, each=look, insert=insert)
    document = dict(job.result or {})
    code = int(document.pop("exit_code", 1))
    document |= {"job": str(job.id), "sample": shown}
    if as_json:
        output.emit(document)
    else:
        _tell(document)
    if code:
        output.note(f"error: {job.error}")
        if job.error_hint:
            output.note(f"hint: {job.error_hint}")
        raise typer.Exit(code)


def _tell_nothing(*, removed: bool) -> None:
    output.say("nothing to restore: no message fits")
    if not removed:
        output.note("hint: --removed is for messages that are gone from the server")


def _show(frozen: Frozen, shown: Any) -> None:
    """The list as it is to be approved of; on stderr, where the question is."""
    dates = f", {output.when(frozen.first)[:10]} to {output.when(frozen.last)[:10]}" if frozen.first is not None else ""
    output.note(
        f"{output.count(frozen.messages, 'message')} ({output.size(frozen.bytes)}{dates}) to account {frozen.account}:"
    )
    for folder in frozen.folders[:FOLDERS]:
        into = f" into {folder.source.wish}" if folder.source.wish else ""
        output.note(f"  {folder.source.account} {folder.source.name}: {folder.messages:,}{into}")
    if len(frozen.folders) > FOLDERS:
        output.note(f"  and {output.count(len(frozen.folders) - FOLDERS, 'folder')} more")
    for one in shown:
        output.note(f"    {(one['internaldate'] or '-')[:10]}  {one['from'][:40]}  {one['subject'][:60]}")
    output.note(f"  list {frozen.hash}")


def _tell(document: dict[str, Any]) -> None:
    would = "would be restored" if document.get("dry_run") else "restored"
    fresh = document.get("left", 0) if document.get("dry_run") else document.get("restored", 0)
    output.say(
        f"{output.count(fresh, 'message')} {would} to {document.get('account')}, "
        f"{document.get('present', 0):,} already there, {document.get('failed', 0):,} failed"
    )
    for folder in document.get("folders", ()):
        if folder["error"]:
            output.note(f"error: {folder['name']}: {folder['error']}")
    for one in document.get("failures", ())[:FOLDERS]:
        output.note(f"  message {one['id']} ({one['folder']}): {one['reason']}")
