"""`mailsync export`: everything can leave again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import AsJson, complete_accounts
from mailsync.errors import ConsentMissing, Interrupted

if TYPE_CHECKING:
    from array import array

    from mailsync.cli.context import Context
    from mailsync.export.chosen import Outcome
    from mailsync.export.leaving import Form

app = typer.Typer(
    name="export",
    help="Write the mirrored messages to files.",
    epilog="Example: mailsync export maildir ~/mail-backup --account work",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Dest = Annotated[Path, typer.Argument(metavar="DEST", help="A directory; created if it is not there.")]
Account = Annotated[
    str | None, typer.Option("--account", metavar="A", help="Only this account.", autocompletion=complete_accounts)
]
Folder = Annotated[
    str | None, typer.Option("--folder", metavar="F", help="Only these folders: a name, glob or special use.")
]
Query = Annotated[
    str | None, typer.Option("--query", metavar="Q", help="Only what this finds, as `mailsync search` does.")
]


@app.command(epilog="Example: mailsync export eml ~/mail-backup --account work --folder INBOX")
def eml(
    ctx: typer.Context,
    dest: Dest,
    account: Account = None,
    folder: Folder = None,
    query: Query = None,
    as_json: AsJson = False,
) -> None:
    """One file a message and index.jsonl beside them.

    Run again, it writes only what is new or differs. Files of messages that are gone stay, but leave the index.
    It needs email_read; without attachment_access messages that carry attachments are left out, and the exit code is 3.
    """
    _export(ctx, "eml", dest, account, folder, query, as_json)


@app.command(epilog="Example: mailsync export maildir ~/mail-backup --folder 'Lists/*'")
def maildir(
    ctx: typer.Context,
    dest: Dest,
    account: Account = None,
    folder: Folder = None,
    query: Query = None,
    as_json: AsJson = False,
) -> None:
    """Maildirs, DEST/ACCOUNT/FOLDER/SUBFOLDER, with the exact bytes, flags and dates.

    Run again, also after a kill, it adds what is new and renames what has other flags or another folder; files of
    messages that are gone stay. index.jsonl tells of each file what it is, folders.json where each folder went.
    It needs email_read; without attachment_access messages that carry attachments are left out, and the exit code is 3.
    """
    _export(ctx, "maildir", dest, account, folder, query, as_json)


@app.command(epilog="Example: mailsync export mbox ~/mail-backup --account work")
def mbox(
    ctx: typer.Context,
    dest: Dest,
    account: Account = None,
    folder: Folder = None,
    query: Query = None,
    as_json: AsJson = False,
) -> None:
    """One mboxrd file a folder, DEST/ACCOUNT/FOLDER/SUBFOLDER.mbox, with line ends as LF.

    Run again, also after a kill, it appends what is new. What is in a file stays as it was written: flags, and messages
    that are gone. index.jsonl tells of each message where it is, folders.json where each folder went.
    It needs email_read; without attachment_access messages that carry attachments are left out, and the exit code is 3.
    """
    _export(ctx, "mbox", dest, account, folder, query, as_json)


def _export(
    ctx: typer.Context,
    form: Form,
    dest: Path,
    account: str | None,
    pattern: str | None,
    query: str | None,
    as_json: bool,
) -> None:
    from mailsync.cli.progress import bar
    from mailsync.export import leaving
    from mailsync.export.chosen import choose, holding
    from mailsync.export.index import INDEX
    from mailsync.jobs.here import done_here

    shared = context.of(ctx)
    store = shared.store()
    folders = choose(store, account, pattern)
    only = None
    if query is not None:
        only = found_by(shared, query)
        folders = holding(store, folders, only)
    dest = dest.expanduser()
    everything = account is None and pattern is None and query is None
    messages = sum(folders.values())
    try:
        with (
            done_here(store, "export", messages, account=account, params={"form": form}) as job,
            bar("exporting", messages) as progress,
        ):

            def advance(steps: int) -> None:
                progress.advance(steps)
                job.advance(steps)

            outcomes = leaving.run(store, form, dest, list(folders), advance, everything=everything, only=only)
    except KeyboardInterrupt:
        raise Interrupted("the export was stopped", hint="run it again: it goes on with what is missing") from None
    names = ("written", "unchanged", "skipped", "withheld", "bytes", *leaving.counted(form))
    total = {name: sum(getattr(one, name) for one in outcomes.values()) for name in names}
    document = {"ok": not total["withheld"], "dest": str(dest), "index": str(dest / INDEX), **total}
    if as_json:
        output.emit(document)
    else:
        renamed = f"{total['renamed']:,} renamed, " if total.get("renamed") else ""
        output.say(
            f"{output.count(total['written'], 'message')} written ({output.size(total['bytes'])}), {renamed}"
            f"{total['unchanged']:,} already there, index in {dest / INDEX}"
        )
    if total["skipped"]:
        output.note(f"{output.count(total['skipped'], 'message')} left out: not fetched yet")
    if total.get("gone"):
        output.note(f"{output.count(total['gone'], 'message')} of earlier exports kept: gone from the folder since")
    _tell_withheld(outcomes, total["withheld"])


def found_by(shared: Context, query: str) -> array[int]:
    """The ids of what a query finds, ascending; what a person should know of it is told."""
    from mailsync.cli import searching
    from mailsync.export.chosen import matching
    from mailsync.model import utc_now

    with searching.pointing(query):
        tree = searching.understood(shared, query)
        found, told = matching(shared.store(), tree, searching.addresses(shared, tree), utc_now().date())
    for line in told:
        output.note(line)
    return found


def _tell_withheld(outcomes: dict[str, Outcome], withheld: int) -> None:
    if withheld:
        names = [name for name, one in outcomes.items() if one.withheld]
        raise ConsentMissing(
            f"{output.count(withheld, 'message')} with attachments left out: attachment_access is not granted",
            hint=f"run: mailsync consent grant {names[0]} attachment_access, then this again",
        )
