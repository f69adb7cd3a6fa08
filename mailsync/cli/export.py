"""`mailsync export`: everything can leave again."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import AsJson, complete_accounts
from mailsync.cli.context import Context
from mailsync.errors import ConsentMissing, NotFound, UsageError
from mailsync.record import record

if TYPE_CHECKING:
    from mailsync.cli.progress import Bar
    from mailsync.store.reading import StoredMessage

INDEX = "index.jsonl"
PAGE = 200
"""Messages that are listed at a time; their contents are loaded one by one."""

app = typer.Typer(
    name="export",
    help="Write the mirrored messages to files.",
    epilog="Example: mailsync export eml ~/mail-backup --account work",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@record
class Outcome:
    """What an export did, in messages and bytes. `skipped` could not be fetched from the server yet, `withheld` carry
    attachments that may not leave."""

    written: int = 0
    unchanged: int = 0
    skipped: int = 0
    withheld: int = 0
    bytes: int = 0


@app.command(epilog="Example: mailsync export eml ~/mail-backup --account work --folder INBOX")
def eml(
    ctx: typer.Context,
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="A directory; created if it is not there.")],
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="A", help="Only this account.", autocompletion=complete_accounts),
    ] = None,
    folder: Annotated[
        str | None, typer.Option("--folder", metavar="F", help="Only these folders: a name, glob or special use.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """One file a message and index.jsonl beside them.

    Run again, it writes only what is new or differs. Files of messages that are gone stay, but leave the index.
    It needs email_read; without attachment_access messages that carry attachments are left out, and the exit code is 3.
    """
    from mailsync.cli.progress import bar

    shared = context.of(ctx)
    folders = _chosen(shared, account, folder)
    dest = dest.expanduser()
    dest.mkdir(mode=0o700, parents=True, exist_ok=True)
    with bar("exporting", sum(folders.values())) as progress:
        outcomes = _export(shared, dest, list(folders), progress, everything=account is None and folder is None)
    outcome = _total(outcomes)
    document = {
        "ok": not outcome.withheld,
        "dest": str(dest),
        "index": str(dest / INDEX),
        "written": outcome.written,
        "unchanged": outcome.unchanged,
        "skipped": outcome.skipped,
        "withheld": outcome.withheld,
        "bytes": outcome.bytes,
    }
    if as_json:
        output.emit(document)
    else:
        output.say(
            f"{output.count(outcome.written, 'message')} written ({output.size(outcome.bytes)}), "
            f"{outcome.unchanged:,} already there, index in {dest / INDEX}"
        )
    if outcome.skipped:
        output.note(f"{output.count(outcome.skipped, 'message')} left out: not fetched yet")
    if outcome.withheld:
        names = [name for name, one in outcomes.items() if one.withheld]
        raise ConsentMissing(
            f"{output.count(outcome.withheld, 'message')} with attachments left out: attachment_access is not granted",
            hint=f"run: mailsync consent grant {names[0]} attachment_access, then this again",
        )


@record(frozen=True)
class Chosen:
    """A folder to export."""

    id: int
    account: str
    name: str


def _chosen(shared: Context, account: str | None, pattern: str | None) -> dict[Chosen, int]:
    """The folders to export with their message counts."""
    from mailsync.config.selection import matches
    from mailsync.privacy.consent import EMAIL_READ
    from mailsync.store import consents, overview

    with shared.store().read() as connection:
        accounts = overview.accounts(connection)
        for name in {found.name for found in accounts if found.folders and account in (None, found.name)}:
            consents.require(connection, name, [EMAIL_READ])
    if account is not None and account not in (known := [found.name for found in accounts]):
        raise UsageError(f"no account {account} is mirrored", hint=f"mirrored: {', '.join(known) or 'none'}")
    folders = {
        Chosen(folder.id, found.name, folder.name): folder.messages
        for found in accounts
        if account in (None, found.name)
        for folder in found.folders
        if pattern is None or matches(pattern, folder.name, folder.special_use)
    }
    if pattern is not None and not folders:
        raise NotFound(f"no mirrored folder matches {pattern}", hint="`mailsync status` lists them")
    return folders


def _total(outcomes: dict[str, Outcome]) -> Outcome:
    total = Outcome()
    for one in outcomes.values():
        for name in ("written", "unchanged", "skipped", "withheld", "bytes"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
    return total


def _export(
    shared: Context, dest: Path, folders: list[Chosen], progress: Bar, *, everything: bool
) -> dict[str, Outcome]:
    """What was done, by account; that is on record, also where it failed in the middle."""
    outcomes = {folder.account: Outcome() for folder in folders}
    ended = "ok"
    try:
        _write_all(shared, dest, folders, outcomes, progress, everything=everything)
    except BaseException as error:
        ended = type(error).__name__
        raise
    finally:
        _record(shared, outcomes, ended)
    return outcomes


def _record(shared: Context, outcomes: dict[str, Outcome], ended: str) -> None:
    import sqlite3
    import time

    from mailsync.store import audit

    def write(connection: sqlite3.Connection) -> None:
        for account, one in outcomes.items():
            audit.record(
                connection,
                "exported",
                at=time.time(),
                account=account,
                outcome=ended,
                form="eml",
                messages=one.written + one.unchanged,
                written=one.written,
                bytes=one.bytes,
                withheld=one.withheld,
            )

    shared.store().write(write).result()


def _write_all(
    shared: Context,
    dest: Path,
    folders: list[Chosen],
    outcomes: dict[str, Outcome],
    progress: Bar,
    *,
    everything: bool,
) -> None:
    selected = {(folder.account, folder.name) for folder in folders}
    index = dest / INDEX
    temporary = dest / f".{INDEX}.tmp"
    # Rows of earlier exports of other folders stay. Both sides ascend by id, so neither is held in memory.
    kept = iter(()) if everything else _other_rows(index, selected)
    with _private(temporary) as lines:
        waiting = next(kept, None)
        for message, file in _files(shared, dest, folders, outcomes, progress):
            while waiting is not None and waiting[0] <= message.id:
                if waiting[0] < message.id:
                    lines.write(waiting[1])
                waiting = next(kept, None)
            lines.write(json.dumps(_row(message, file)).encode() + b"\n")
        while waiting is not None:
            lines.write(waiting[1])
            waiting = next(kept, None)
    if _same(index, temporary):
        temporary.unlink()
    else:
        temporary.replace(index)


def _files(
    shared: Context, dest: Path, folders: list[Chosen], outcomes: dict[str, Outcome], progress: Bar
) -> Iterator[tuple[StoredMessage, str]]:
    """Write the messages, by ascending id; yields each with its file name. Consent is asked for page by page."""
    from mailsync.pipeline.mime import carries_attachments
    from mailsync.privacy.consent import EMAIL_READ
    from mailsync.store import consents, reading

    store = shared.store()
    after = 0
    ids = [folder.id for folder in folders]
    while True:
        with store.read() as connection:
            messages = list(reading.page(connection, ids, after, PAGE))
            names = {message.account for message in messages}
            for name in names:
                consents.require(connection, name, [EMAIL_READ])
            whole = {name for name in names if consents.attachments_allowed(connection, name)}
            for message in messages:
                outcome = outcomes[message.account]
                content = reading.raw(connection, message)
                if content is None:
                    outcome.skipped += 1
                    continue
                if message.account not in whole and carries_attachments(content):
                    outcome.withheld += 1
                    continue
                # The id is a number of our own: no text of a server or a message becomes part of a path.
                name = f"{message.id}.eml"
                if _write(dest / name, content):
                    outcome.written += 1
                    outcome.bytes += len(content)
                else:
                    outcome.unchanged += 1
                yield message, name
        progress.advance(len(messages))
        if len(messages) < PAGE:
            return
        after = messages[-1].id


def _row(message: StoredMessage, file: str) -> dict[str, Any]:
    from mailsync.model import flag_names, iso

    return {
        "file": file,
        "id": str(message.id),
        "account": message.account,
        "folder": message.folder,
        "uidvalidity": message.uidvalidity,
        "uid": message.uid,
        "flags": flag_names(message.flags, message.keywords),
        "internaldate": iso(message.internaldate),
        "sha256": message.digest.hex() if message.digest else None,
    }


def _other_rows(index: Path, selected: set[tuple[str, str]]) -> Iterator[tuple[int, bytes]]:
    """Id and line of the rows that this export is not about and whose file is still there."""
    try:
        lines = index.open("rb")
    except FileNotFoundError:
        return
    last = 0
    with lines:
        for line in lines:
            try:
                row = json.loads(line)
                ident = int(row["id"])
                known = (row["account"], row["folder"]) in selected
            except (ValueError, TypeError, KeyError):
                continue
            if not known and ident > last and (index.parent / f"{ident}.eml").is_file():
                last = ident
                yield ident, line.rstrip(b"\n") + b"\n"


def _write(path: Path, content: bytes) -> bool:
    """Make `path` hold `content`; False if it did already. Whoever reads meanwhile sees the old or the new, whole."""
    try:
        status = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        pass
    else:
        if stat.S_ISREG(status.st_mode) and status.st_size == len(content) and path.read_bytes() == content:
            return False
    temporary = path.with_name(f".{path.name}.tmp")
    with _private(temporary) as file:
        file.write(content)
    temporary.replace(path)
    return True


def _private(path: Path) -> Any:
    """A new file that nobody else may read; what a killed run left at `path` goes."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _same(one: Path, other: Path) -> bool:
    import filecmp

    return one.is_file() and not one.is_symlink() and filecmp.cmp(one, other, shallow=False)
