"""`mailsync quarantine`: what failed, where and why; trying it again, or no more."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailsync.cli import context, output, terminal
from mailsync.cli.arguments import AsJson, complete_accounts
from mailsync.cli.context import Context
from mailsync.errors import MessageFailed, NotFound, ParseFailed, UsageError

if TYPE_CHECKING:
    import sqlite3

    from mailsync.pipeline.mime import ParsedMessage
    from mailsync.store.asides import Aside
    from mailsync.store.jobs import Job

app = typer.Typer(
    name="quarantine",
    help="Messages that failed at a stage and were set aside, so that the rest goes on.",
    epilog="Example: mailsync quarantine list --stage parse",
    no_args_is_help=True,
    rich_markup_mode=None,
)
PATIENCE_SECONDS = 60.0
"""For the engine of another process to get to what it was asked for; it goes on with the rest behind that."""
_POLL_SECONDS = 0.1
_LARGEST_ID = 2**63 - 1


class Stage(StrEnum):
    """Where a message can fail."""

    fetch = "fetch"
    envelope = "envelope"
    parse = "parse"


Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Entries, as `quarantine list` numbers them.")]


@app.command("list", epilog="Example: mailsync quarantine list --account work --json")
def listing(
    ctx: typer.Context,
    stage: Annotated[Stage | None, typer.Option("--stage", help="Only what failed there.")] = None,
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="A", help="Only this account.", autocompletion=complete_accounts),
    ] = None,
    discarded: Annotated[bool, typer.Option("--discarded", help="What was discarded instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is set aside, the newest first: where, why, how often it was tried and when it will be."""
    from mailsync.store import asides

    with context.of(ctx).store().read() as connection:
        found = asides.listing(connection, account=account, stage=stage, discarded=discarded)
        if account is not None and not found:
            _check_account(connection, account)
    if as_json:
        output.emit({"total": len(found), "entries": [document(one) for one in found]})
        return
    rows = [
        [
            str(one.id),
            output.when(one.created_at),
            one.stage,
            one.where,
            output.count(one.attempts, "attempt"),
            f"next {following(one)}",
            one.error,
        ]
        for one in found
    ]
    output.table(rows, right=(0,))
    if not found:
        output.note("nothing is discarded" if discarded else "nothing is set aside")


def _check_account(connection: sqlite3.Connection, name: str) -> None:
    from mailsync.store import overview

    known = [one.name for one in overview.accounts(connection)]
    if name not in known:
        raise UsageError(f"no account {name} is mirrored", hint=f"mirrored: {', '.join(known) or 'none'}")


@app.command(epilog="Example: mailsync quarantine show 12 --raw > message.eml")
def show(
    ctx: typer.Context,
    entry_id: Annotated[str, typer.Argument(metavar="ID", help="An entry, as `quarantine list` numbers it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Exactly the mirrored bytes.")] = False,
    as_json: AsJson = False,
) -> None:
    """One message that is set aside: what failed, and the message as far as it can be read.

    It is parsed by a process of its own, which may fail as it did before. Reading needs email_read.
    """
    from mailsync.privacy.consent import EMAIL_READ
    from mailsync.store import asides, consents

    if raw and as_json:
        raise UsageError("--raw and --json exclude each other", hint="use one of them")
    shared = context.of(ctx)
    with shared.store().read() as connection:
        aside = _found(asides.find(connection, _numbers([entry_id])), [entry_id])[0]
        consents.require(connection, aside.account, [EMAIL_READ])
        content = asides.raw(connection, aside)
    if raw:
        if content is None:
            raise MessageFailed(
                f"entry {aside.id} has no bytes: {aside.error}", hint=f"mailsync quarantine retry {aside.id}"
            )
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    parsed, problem = _glance(content)
    if as_json:
        output.emit(document(aside) | {"parsed": _parsed(parsed), "problem": problem})
        return
    _print_entry(aside)
    print()
    if parsed is None:
        output.say(problem or "Its bytes are not here.")
    else:
        _print_message(parsed)


@app.command(epilog="Example: mailsync quarantine retry --all")
def retry(
    ctx: typer.Context,
    entry_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Entries, as `quarantine list` numbers them.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is set aside and not discarded.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try again, now: ask the servers for what they did not give, and parse the rest.

    What was discarded is no more so when its entry is named. The exit code is 1 unless all of it went through.
    """
    from mailsync.engine.ask import ask
    from mailsync.store import asides

    if bool(entry_ids) == everything:
        raise UsageError("which entries?", hint="name some, or give --all")
    shared = context.of(ctx)
    store = shared.store()
    with store.read() as connection:
        if everything:
            before = asides.listing(connection)
        else:
            before = _found(asides.find(connection, _numbers(entry_ids or ())), entry_ids or ())
    before = [one for one in before if one.resolved_at is None]
    if not before:
        if as_json:
            output.emit({"ok": True, "entries": []})
        else:
            output.note("nothing is set aside" if everything else "none of these is set aside any more")
        return
    shared.start_log()
    job = ask(shared.config, store, shared.data_dir, "quarantine_retry", {"entries": [one.id for one in before]})
    after = _outcome(shared, before)
    tried = {one.id: _was_tried(one, after.get(one.id)) for one in before}
    ok = all(one.id not in after or after[one.id].resolved_at is not None for one in before)
    if as_json:
        entries = [
            {**document(after[one.id]), "tried": tried[one.id]} if one.id in after else {"id": str(one.id)}
            for one in before
        ]
        output.emit({"ok": ok, "entries": entries, "error": job.error, "hint": job.error_hint})
    else:
        for one in before:
            output.say(f"[{one.id}] {one.where}: {_became(after.get(one.id), job, tried=tried[one.id])}")
    if not ok:
        if job.error:
            output.note(f"error: {job.error}")
            output.note(f"hint: {job.error_hint or 'see mailsync health'}")
        raise typer.Exit(1)


@app.command(epilog="Example: mailsync quarantine discard 12 --yes")
def discard(
    ctx: typer.Context,
    entry_ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try entries no more, and do not count them. The messages stay in the mirror, with every byte.

    An entry and those of the same message in other folders are one thing. `retry ID` takes it back.
    """
    from mailsync.store import asides, quarantine

    store = context.of(ctx).store()
    numbers = _numbers(entry_ids)
    with store.read() as connection:
        chosen = [one for one in _found(asides.find(connection, numbers), entry_ids) if one.resolved_at is None]
    if chosen and not yes:
        if not terminal.is_there():
            raise UsageError("--yes is missing: nobody is there to ask", hint="give --yes, or run this in a terminal")
        for one in chosen:
            output.note(f"[{one.id}] {one.where}: {one.error}")
        if not terminal.confirm(f"Try {output.count(len(chosen), 'message')} no more?", default=False):
            raise typer.Exit(1)
    ids = [one.id for one in chosen]
    done = store.write(lambda connection: quarantine.discard(connection, ids, time.time()), durable=True).result()
    if as_json:
        output.emit({"ok": True, "discarded": [str(one) for one in done]})
    else:
        output.say(f"discarded: {', '.join(map(str, done)) or 'nothing, all of it has gone through'}")


def document(aside: Aside) -> dict[str, Any]:
    """An entry of the `quarantine` documents."""
    from mailsync.model import iso

    return {
        "id": str(aside.id),
        "account": aside.account,
        "folder": aside.folder,
        "uidvalidity": aside.uidvalidity,
        "uid": aside.uid,
        "message": str(aside.message_id) if aside.message_id is not None else None,
        "stage": aside.stage,
        "error": aside.error,
        "attempts": aside.attempts,
        "version": aside.version,
        "created_at": iso(aside.created_at),
        "last_attempt_at": iso(aside.last_attempt_at),
        "next_attempt_at": iso(aside.next_attempt_at),
        "resolved_at": iso(aside.resolved_at),
        "discarded": aside.discarded,
        "size": aside.size,
        "sha256": aside.sha256 or None,
    }


def following(aside: Aside) -> str:
    """When an entry is tried next, for people."""
    if aside.discarded:
        return "never: discarded"
    if aside.next_attempt_at is None:
        return "when asked, or after an upgrade"
    return "now" if aside.next_attempt_at <= time.time() else output.when(aside.next_attempt_at)


def _numbers(ids: Iterable[str]) -> list[int]:
    return [int(one) for one in ids if one.isascii() and one.isdecimal() and len(one) < 20 and int(one) <= _LARGEST_ID]


def _found(entries: Mapping[int, Aside], asked: Sequence[str]) -> list[Aside]:
    """The entries as they were asked for; NotFound where there is none of a number."""
    for one in asked:
        if not any(number in entries for number in _numbers([one])):
            raise NotFound(f"no entry {one} in the quarantine", hint="mailsync quarantine list")
    return list(entries.values())


def _outcome(shared: Context, before: Sequence[Aside]) -> dict[int, Aside]:
    """The entries after the attempt. An engine of this process has made it; one of another may be at it."""
    from mailsync.store import asides
    from mailsync.store.lock import owner

    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        with shared.store().read() as connection:
            after = asides.find(connection, [one.id for one in before])
        waits = any(one.content_id is not None and not _was_tried(one, after.get(one.id)) for one in before)
        if not waits or time.monotonic() > end or owner(shared.data_dir) is None:
            return after
        time.sleep(_POLL_SECONDS)


def _was_tried(before: Aside, after: Aside | None) -> bool:
    return after is None or after.resolved_at is not None or after.attempts > before.attempts


def _became(after: Aside | None, job: Job, *, tried: bool) -> str:
    if after is None or (after.resolved_at is not None and after.message_id is None):
        return "is gone from the server"
    if after.resolved_at is not None:
        return "went through"
    if tried:
        return f"failed again ({after.error}); next {following(after)}"
    return "not tried" if job.error else "not tried yet: the engine will"


def _glance(content: bytes | None) -> tuple[ParsedMessage | None, str | None]:
    if content is None:
        return None, None
    from mailsync.pipeline.glance import glance

    try:
        return glance(content), None
    except ParseFailed as failure:
        return None, str(failure)


def _parsed(parsed: ParsedMessage | None) -> dict[str, Any] | None:
    from mailsync.model import iso

    if parsed is None:
        return None
    return {
        "subject": parsed.subject,
        "date": iso(parsed.date),
        "headers": [{"name": name, "value": value} for name, value in parsed.headers],
        "text": parsed.text,
        "attachments": [{"name": a.name, "type": a.type, "size": a.size} for a in parsed.attachments],
        "holds": parsed.holds,
        "cut": parsed.cut,
    }


def _print_entry(aside: Aside) -> None:
    from mailsync.store.quarantine import STAGES

    message = f", message {aside.message_id}" if aside.message_id is not None else ""
    output.say(f"[{aside.id}] {aside.where}{message}")
    output.say(f"Stage: {aside.stage} ({STAGES.get(aside.stage, 'of another version')})")
    output.say(f"Error: {aside.error}")
    output.say(
        f"Tried: {output.count(aside.attempts, 'time')}, first {output.when(aside.created_at)}, "
        f"last {output.when(aside.last_attempt_at)}" + (f" by version {aside.version}" if aside.version else "")
    )
    if aside.resolved_at is not None:
        output.say(f"Closed: {output.when(aside.resolved_at)}")
    else:
        output.say(f"Next: {following(aside)}")
    if aside.sha256:
        output.say(f"Bytes: {output.size(aside.size)}, sha256 {aside.sha256}")


def _print_message(parsed: ParsedMessage) -> None:
    from mailsync.text import safe_block

    for wanted in ("from", "to", "cc", "date", "subject"):
        for name, value in parsed.headers:
            if name.lower() == wanted:
                output.say(f"{name}: {value}")
                break
    for one in parsed.attachments:
        output.say(f"Attachment: {one.name or '(unnamed)'}  {one.type}  {output.size(one.size)}")
    print()
    text = safe_block(parsed.text)
    sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")
