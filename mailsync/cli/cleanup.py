"""`mailsync cleanup`: what may be cleared away, and the human decision on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailsync.cli import context, output, terminal
from mailsync.cli.arguments import AsJson, complete_accounts
from mailsync.cli.context import Context
from mailsync.errors import NotFound, UsageError

if TYPE_CHECKING:
    import sqlite3

    from mailsync.store.cleanups import Cleanup
    from mailsync.store.jobs import Job

app = typer.Typer(
    name="cleanup",
    help="Proposals to clear messages away, each a frozen list that nobody carries out before you approve of it.",
    epilog="Example: mailsync cleanup scan; mailsync cleanup show 3; mailsync cleanup approve 3",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_LARGEST_ID = 2**63 - 1
_PAGE = 1000
_REASONS = 10
"""Reasons that are told; the document has all."""

Id = Annotated[str, typer.Argument(metavar="ID", help="A clean-up, as `cleanup list` numbers it.")]


@app.command("list", epilog="Example: mailsync cleanup list --account work --json")
def listing(
    ctx: typer.Context,
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="A", help="Only this account.", autocompletion=complete_accounts),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what a newer scan has superseded.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is proposed and what became of earlier proposals, the newest first."""
    from mailsync.cli import cleanup_documents
    from mailsync.store import cleanups

    shared = context.of(ctx)
    if account is not None:
        shared.accounts([account])
    with shared.store().read() as connection:
        found = cleanups.listing(connection, time.time(), account=account, whole=everything)
    if as_json:
        output.emit({"cleanups": [cleanup_documents.document(one) for one in found]})
        return
    output.table(cleanup_documents.rows(found), right=(0, 3, 4))
    if not found:
        output.note("nothing is proposed: mailsync cleanup scan looks for what could be")


@app.command(epilog="Example: mailsync cleanup show 3 --all --json")
def show(
    ctx: typer.Context,
    cleanup_id: Id,
    everything: Annotated[bool, typer.Option("--all", help="Every message, with what became of it.")] = False,
    as_json: AsJson = False,
) -> None:
    """One list: what would be done with which messages, from whom, why, and what became of them.

    Reading needs email_read.
    """
    from mailsync.cli import cleanup_documents
    from mailsync.store import cleanups

    shared = context.of(ctx)
    number = id_of(cleanup_id)
    with shared.store().read() as connection:
        told = _told(shared, connection, number)
        items: list[dict[str, Any]] = []
        if everything:
            places = {one.number: one for one in cleanups.folders_of(connection, number)}
            last = -1
            while page := cleanups.items(connection, number, after=last, limit=_PAGE):
                last = page[-1].number
                items += [cleanup_documents.item(one, places) for one in page]
    if as_json:
        output.emit(told | ({"items": items} if everything else {}))
        return
    for line in cleanup_documents.lines(told, len(told["sample"])):
        output.say(line)
    output.say(f"  state: {told['state'].replace('_', ' ')}")
    for one in told["reasons"][:_REASONS]:
        output.say(f"  {one['messages']:,} {cleanup_documents.SAID[one['state']]}: {one['reason']}")
    for run in told["runs"]:
        became = ", ".join(
            f"{count:,} {cleanup_documents.SAID[state]}" for state, count in run["results"].items() if count
        )
        stopped = f"; stopped: {run['stopped']}" if run["stopped"] else ""
        output.say(f"  {run['kind']} by {run['approved_by']}, {run['created_at']}, {run['state']}: {became}{stopped}")
    for item in items:
        output.say(f"{item['id']:>8}  {cleanup_documents.line(item)}")


@app.command(epilog="Example: mailsync cleanup approve 3 --without-sender news@shop.example")
def approve(
    ctx: typer.Context,
    cleanup_id: Id,
    only: Annotated[
        list[str] | None,
        typer.Option("--only-sender", metavar="ADDRESS", help="Only what is from them; may be repeated."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without-sender", metavar="ADDRESS", help="Nothing that is from them; may be repeated."),
    ] = None,
    without_ids: Annotated[
        list[str] | None, typer.Option("--without", metavar="MESSAGE", help="Not this message; may be repeated.")
    ] = None,
    large: Annotated[
        bool, typer.Option("--large", help="Even if it is more of a folder than is usual; see the cautions.")
    ] = False,
    expunge: Annotated[
        int | None,
        typer.Option(
            "--expunge", metavar="N", help="So many messages leave the server for good; where a list says so."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Approve without being asked; --hash says of what.")] = False,
    shown: Annotated[
        str,
        typer.Option("--hash", metavar="HEX", help="The hash of the list, as `cleanup show` tells it; 8 digits do."),
    ] = "",
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Leave it to the engine that runs, or to the next that does.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Approve of a list, or of a part of it, and have it carried out.

    It is shown and you are asked. Every message is looked at once more right before it is touched: what was flagged,
    answered, moved or changed since is left alone. `cleanup undo` takes all of it back. It needs mailbox_modify.
    """
    from mailsync.cleanup import approval
    from mailsync.cli import cleanup_documents
    from mailsync.store import cleanup_decisions, cleanups, consents

    shared = context.of(ctx)
    number = id_of(cleanup_id)
    writable(shared)
    if yes and not shown:
        raise UsageError("--yes wants to know which list", hint=f"mailsync cleanup show {number} tells its --hash")
    if not yes and not terminal.is_there():
        raise UsageError("somebody has to approve of the list", hint="run this in a terminal, or give --yes and --hash")
    store = shared.store()
    trimmed: dict[str, Any] = {"senders": without or (), "messages": [id_of(one) for one in without_ids or ()]}
    trimmed["but"] = only

    def preview(connection: sqlite3.Connection) -> dict[str, Any]:
        return cleanup_decisions.preview(
            connection, number, time.time(), lambda: _told(shared, connection, number), **trimmed
        )

    told = store.write(preview).result()
    with store.read() as connection:
        consents.require(connection, told["account"], cleanup_decisions.SCOPES)
    typed = f"EXPUNGE {expunge}" if expunge is not None else ""
    if not yes:
        for line in cleanup_documents.lines(told, cleanup_documents.SAMPLE):
            output.note(line)
        shown = told["hash"]
        large, typed = _agreed(told, typed, large=large)

    def agree(connection: sqlite3.Connection) -> int:
        """What was shown is the list as it is, or what is left of it without what was named."""
        at = time.time()
        whole = cleanups.get(connection, number, at)
        rest = cleanup_decisions.exclude(connection, number, at, **trimmed)
        known = whole.hash.startswith(shown.casefold()) and len(shown) >= cleanup_decisions.HASH_DIGITS
        seen = rest.hash if known else shown
        return approval.approve(connection, shared.config, number, seen, at, large=large, typed=typed)

    carry_out(shared, number, told["messages"], "cleaning up", agree, wait=not no_wait, as_json=as_json)


@app.command(epilog="Example: mailsync cleanup reject 3")
def reject(ctx: typer.Context, cleanup_id: Id, as_json: AsJson = False) -> None:
    """Say no to a list. Nothing of it is done; the next scan may propose the same anew."""
    from mailsync.cli import cleanup_documents
    from mailsync.store import cleanup_decisions

    shared = context.of(ctx)
    number = id_of(cleanup_id)
    writable(shared)
    one = shared.store().write(lambda c: cleanup_decisions.reject(c, number, time.time()), durable=True).result()
    if as_json:
        output.emit(cleanup_documents.document(one))
    else:
        output.say(f"rejected: {one.title}, {output.count(one.messages, 'message')}")


def id_of(text: str) -> int:
    """The number of a clean-up or message; NotFound for what can be none."""
    if not (text.isascii() and text.isdecimal() and int(text[:20]) <= _LARGEST_ID):
        raise NotFound(f"there is no {text}", hint="`mailsync cleanup list` and `cleanup show` tell the ids")
    return int(text)


def writable(shared: Context) -> None:
    """UsageError under --read-only."""
    if shared.read_only:
        raise UsageError("--read-only: nothing is decided on", hint="`cleanup list` and `cleanup show` only look")


def carry_out(
    shared: Context,
    number: int,
    total: int,
    label: str,
    approve: Callable[[sqlite3.Connection], int],
    *,
    wait: bool,
    as_json: bool,
) -> None:
    """Approve, in the transaction that `approve` gets, and see the job to its end, with progress; tell what became of
    it. Without `wait` it is left to whichever engine runs, or will."""
    from mailsync.cli import cleanup_documents
    from mailsync.cli.progress import bar
    from mailsync.engine.ask import ask
    from mailsync.store import cleanups, jobs

    store = shared.store()
    shared.start_log()
    job_id = done = 0
    job: Job | None = None

    def insert(connection: sqlite3.Connection) -> int:
        nonlocal job_id
        job_id = approve(connection)
        return job_id

    if wait:
        try:
            with bar(label, total) as progress:

                def look() -> None:
                    nonlocal done
                    with store.read() as connection:
                        now = jobs.processed(connection, job_id)
                    if now > done:
                        progress.advance(now - done)
                        done = now

                job = ask(shared.config, store, shared.data_dir, "", {}, each=look, insert=insert)
        except KeyboardInterrupt:
            output.note(
                f"interrupted: mailsync jobs retry {job_id} goes on, mailsync cleanup undo {number} takes it back"
            )
            raise
    else:
        store.write(insert, durable=True).result()
    with store.read() as connection:
        one = cleanups.get(connection, number, time.time())
        why = cleanups.reasons(connection, one.run.id) if one.run else []
    error, hint, code = _failure(one, why, job) if job is not None else (None, None, 0)
    if as_json:
        told = {"ok": not code, "job": str(job_id), "error": error, "reasons": cleanup_documents.reasons(why)}
        output.emit(cleanup_documents.document(one) | told)
    elif job is None:
        output.say(f"approved: job {job_id} carries it out")
        output.note(f"hint: mailsync jobs follow {job_id}")
    else:
        assert one.run is not None
        output.say(f"{one.title}: {cleanup_documents.progress(one.run)}")
        for state, reason, count in why[:_REASONS]:
            output.note(f"  {count:,} {cleanup_documents.SAID[state]}: {reason}")
        way = f"{number} --again does it again" if one.state == "undone" else f"{number} takes it back"
        output.note(f"hint: mailsync cleanup show {number} --all tells of each message, cleanup undo {way}")
        if one.state == "interrupted":
            output.note(f"hint: mailsync jobs retry {job_id} goes on where it stopped")
    if code:
        output.note(f"error: {error}")
        if hint:
            output.note(f"hint: {hint}")
        raise typer.Exit(code)


def _failure(one: Cleanup, why: list[tuple[str, str, int]], job: Job) -> tuple[str | None, str | None, int]:
    """What did not go as approved, what to try, and the exit code; 0 where all went well."""
    if job.status != "completed":
        return job.error or f"the job was {job.status}", job.error_hint, int((job.result or {}).get("exit_code", 1))
    failed = one.run.counts.get("failed", 0) if one.run else 0
    if not failed:
        return None, None, 0
    reason = next((f" ({reason})" for state, reason, _ in why if state == "failed"), "")
    return f"{output.count(failed, 'message')} failed{reason}", None, 1


def _agreed(told: dict[str, Any], typed: str, *, large: bool) -> tuple[bool, str]:
    """Ask whoever sees the list: whether it is meant although it is much, and what they typed. Exit where they do not
    want it."""
    number = told["messages"]
    if "expunge" in told["actions"] and not typed:
        output.note(f"these messages leave the server for good; whoever wants that types: EXPUNGE {number}")
        typed = terminal.ask("type it, or nothing to leave all as it is")
        agreed = typed.split() == ["EXPUNGE", str(number)]
    elif large or not told["warnings"]:
        agreed = terminal.confirm(f"do this with {output.count(number, 'message')}?", default=False)
    else:
        output.note(f"this is more than is usual; whoever means it types the number of messages: {number}")
        agreed = terminal.ask("type it, or nothing to leave all as it is").replace(",", "") == str(number)
    if agreed:
        return large or bool(told["warnings"]), typed
    output.note("nothing was changed")
    raise typer.Exit(1)


def _told(shared: Context, connection: sqlite3.Connection, number: int) -> dict[str, Any]:
    """A list as `cleanup show` tells it. ConsentMissing without email_read."""
    from mailsync.cleanup import approval, leaving
    from mailsync.cli import cleanup_documents
    from mailsync.privacy.consent import EMAIL_READ
    from mailsync.store import cleanups, consents

    one = cleanups.get(connection, number, time.time())
    consents.require(connection, one.account, [EMAIL_READ])
    senders = cleanups.senders(connection, number)
    most = [who.sender for who in senders[: cleanup_documents.LEFT]]
    return cleanup_documents.whole(
        one,
        cleanups.folders_of(connection, number),
        cleanups.chosen(connection, number),
        senders,
        cleanups.items(connection, number, sampled=True),
        cleanups.runs(connection, number),
        approval.excess(connection, shared.config, number, time.time()) if one.state == "proposed" else [],
        leaving.by_sender(connection, number, most),
    ) | {"reasons": cleanup_documents.reasons(cleanups.reasons(connection, one.run.id) if one.run else [])}
