"""`mailsync cleanup unsubscribe`: whose lists there are to leave, by which evidence, and leaving one by one click."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailsync.cli import cleanup, cleanup_documents, context, output, terminal
from mailsync.cli.arguments import AsJson, complete_accounts
from mailsync.cli.context import Context
from mailsync.errors import MailsyncError, UsageError

if TYPE_CHECKING:
    import sqlite3

    from mailsync.cleanup.leaving import Subscription
    from mailsync.store.jobs import Job


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync cleanup unsubscribe; mailsync cleanup unsubscribe 4711")(unsubscribe)


def unsubscribe(
    ctx: typer.Context,
    message: Annotated[
        str, typer.Argument(metavar="[ID]", help="A message of the list, as this command without it tells.")
    ] = "list",
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="A", help="Only this account.", autocompletion=complete_accounts),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Approve without being asked.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Leave it to the engine that runs, or to the next that does.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Whose lists you are on, the most mail first; with the ID of a message, leave the list that it is from.

    One click (RFC 8058) is a single request to the address that the message names, sent once you have approved of it,
    where a signature covers that address. What it offers else is told, for you to do. It needs mailbox_modify.
    """
    from mailsync.cleanup import leaving

    shared = context.of(ctx)
    if account is not None:
        shared.accounts([account])
    if message == "list":
        with shared.store().read() as connection:
            closed = _closed(connection, shared, account)
            found = [one for one in leaving.listing(connection, account) if one.sender.account not in closed]
        if as_json:
            output.emit({"lists": [document(one) for one in found]})
        else:
            _tell(found)
        if closed:
            output.note(f"left out, since email_read is not granted: {', '.join(closed)}")
        return
    cleanup.writable(shared)
    number = cleanup.id_of(message)
    with shared.store().read() as connection:
        told = _offered(connection, number)
    if not told["one_click"]:
        raise MailsyncError(f"one click is not offered: {told['why_not']}", hint=told["instead"])
    if not yes:
        if not terminal.is_there():
            raise UsageError("somebody has to approve of it", hint="run this in a terminal, or give --yes")
        output.note(f"{told['from']}: one request to {told['url']}")
        output.note(f"  {cleanup_documents.proof(told['evidence'])}")
        if not terminal.confirm("leave this list?", default=False):
            output.note("nothing was sent")
            raise typer.Exit(1)
    _leave(shared, number, wait=not no_wait, as_json=as_json)


def document(one: Subscription) -> dict[str, Any]:
    """An entry of `cleanup unsubscribe`."""
    from mailsync.model import iso

    offer, sender, last = one.offer, one.sender, one.last
    way = cleanup_documents.leaving(sender.newest, offer)
    way.pop("message")
    return {
        "id": str(sender.newest),
        "account": sender.account,
        "from": sender.address,
        "list": offer.list_id or None,
        "messages": sender.messages,
        "unread": sender.unread,
        "bytes": sender.bytes,
        "last": iso(sender.last),
        **way,
        "unsubscribed": {
            "state": last.state,
            "detail": last.detail or None,
            "approved_by": last.approved_by,
            "at": iso(last.created_at),
            "job": str(last.job_id) if last.job_id is not None else None,
        }
        if last is not None
        else None,
    }


def _closed(connection: sqlite3.Connection, shared: Context, account: str | None) -> list[str]:
    """Accounts whose mail may not be read; ConsentMissing where that is the one that was asked for, or all."""
    from mailsync.privacy.consent import EMAIL_READ
    from mailsync.store import consents

    names = [account] if account is not None else list(shared.config.accounts)
    closed = [name for name in names if EMAIL_READ not in consents.granted(connection, name)]
    if closed and len(closed) == len(names):
        consents.require(connection, closed[0], [EMAIL_READ])
    return closed


def _offered(connection: sqlite3.Connection, number: int) -> dict[str, Any]:
    """What a message offers, for whoever is to approve of it."""
    from mailsync.cleanup import leaving
    from mailsync.store import cleanup_decisions, consents

    account, sender, offer = leaving.offered(connection, number)
    consents.require(connection, account, cleanup_decisions.SCOPES)
    return {
        "from": offer.list_id or sender,
        "one_click": bool(offer.post),
        "why_not": offer.why_not,
        "url": offer.post,
        "instead": leaving.elsewhere(offer),
        "evidence": leaving.evidence(offer),
    }


def _tell(found: list[Subscription]) -> None:
    rows = []
    for one in found:
        told = document(one)
        left = told["unsubscribed"]
        state = f"{left['state']} {left['at'][:10]}" if left else "one click" if told["one_click"] else told["why_not"]
        about = output.count(told["messages"], "message")
        rows.append(
            [
                told["id"],
                told["account"],
                told["list"] or told["from"],
                about,
                f"{told['unread']:,} unread",
                output.size(told["bytes"]),
                (told["last"] or "-")[:10],
                state,
                cleanup_documents.proof(told["evidence"]),
            ]
        )
    output.table(rows, right=(0, 3, 4, 5))
    if not found:
        output.note("no message says how its list is left")


def _leave(shared: Context, number: int, *, wait: bool, as_json: bool) -> None:
    from mailsync.cleanup import leaving
    from mailsync.engine.ask import ask

    store = shared.store()
    shared.start_log()
    job: Job | None = None
    if wait:
        job = ask(
            shared.config, store, shared.data_dir, "", {}, insert=lambda c: leaving.approve(c, number, time.time())
        )
        job_id = job.id
    else:
        job_id = store.write(lambda c: leaving.approve(c, number, time.time()), durable=True).result()
    ok = job is None or job.status == "completed"
    detail = (job.result or {}).get("detail") if job is not None else None
    if as_json:
        output.emit({"ok": ok, "job": str(job_id), "detail": detail, "error": job.error if job else None})
    elif ok:
        output.say(detail or f"approved: job {job_id} sends it")
    if job is not None and not ok:
        output.note(f"error: {job.error or job.status}")
        if job.error_hint:
            output.note(f"hint: {job.error_hint}")
        raise typer.Exit(int((job.result or {}).get("exit_code", 1)))
