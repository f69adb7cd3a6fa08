"""`mailsync jobs`: what waits, runs and has ended; following a job, cancelling it, trying it again."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import AsJson, complete_accounts
from mailsync.errors import Interrupted, MailsyncError, NotFound

if TYPE_CHECKING:
    from mailsync.store.database import Store
    from mailsync.store.jobs import Event, Job

app = typer.Typer(
    name="jobs",
    help="The job queue: what waits, what runs and what has ended.",
    epilog="Example: mailsync jobs list",
    no_args_is_help=True,
    rich_markup_mode=None,
)
POLL_SECONDS = 0.05
CANCEL_SECONDS = 5.0
"""A job that was asked to stop gets so long to be seen doing so."""
EXIT_CODES = {"completed": 0, "failed": 1, "cancelled": Interrupted.exit_code}
_LARGEST_ID = 2**63 - 1

JobId = Annotated[str, typer.Argument(metavar="ID", help="A job, as `jobs list` numbers it.")]


@app.command("list", epilog="Example: mailsync jobs list --active --json")
def listing(
    ctx: typer.Context,
    active: Annotated[bool, typer.Option("--active", help="Only what waits or runs.")] = False,
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="A", help="Only of this account.", autocompletion=complete_accounts),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="So many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What runs, then what waits, the next first, then what has ended, the newest first.

    Jobs that ended are remembered for seven days, planned syncs that went well for an hour.
    """
    from mailsync.store import job_list

    store = context.of(ctx).store()
    with store.read() as connection:
        found = job_list.page(connection, limit, active=active, account=account)
        counts = job_list.counts(connection)
    if as_json:
        output.emit({"counts": counts, "jobs": [document(job, store) for job in found]})
        return
    output.table([_row(job, store) for job in found], right=(0,))
    if not found:
        output.note("nothing waits or runs" if active else "no jobs")


@app.command(epilog="Example: mailsync jobs show 12 --json")
def show(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """One job, and everything that happened to it."""
    store = context.of(ctx).store()
    job, events = _read(store, _number(job_id))
    if as_json:
        told = {"params": job.params, "result": job.result, "events": [event_document(one) for one in events]}
        output.emit(document(job, store) | told)
        return
    facts = {
        "job": f"{job.id}, {job.kind}{f' of {job.account}' if job.account else ''}",
        "status": standing(job, store),
        "messages": _progress(job) or "-",
        "attempt": f"{job.attempt} of {job.max_attempts}",
        "created": output.when(job.created_at),
        "started": output.when(job.started_at),
        "finished": output.when(job.finished_at),
        "approved by": job.approved_by or "",
        "error": job.error or "",
        "hint": job.error_hint or "",
    }
    output.table([[name, value] for name, value in facts.items() if value])
    print()
    for event in events:
        output.say(_line(event))


@app.command(epilog="Example: mailsync jobs follow 12 --json")
def follow(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Tell what happens to a job, from its beginning on, until it ends.

    The exit code is 0 for a job that did all it was asked for, 130 for a cancelled one, else 1. Interrupting this
    leaves the job alone.
    """
    from mailsync.store.lock import owner

    shared = context.of(ctx)
    store, number = shared.store(), _number(job_id)
    seq, version, warned = 0, -1, False
    while True:
        current = store.data_version()
        if current == version:
            time.sleep(POLL_SECONDS)
            continue
        version = current
        job, events = _read(store, number, seq)
        for event in events:
            seq = event.seq
            if as_json:
                output.emit_line(event_document(event))
            else:
                output.say(_line(event))
        sys.stdout.flush()
        if job.ended:
            raise typer.Exit(EXIT_CODES[job.status])
        if not warned and job.status == "pending" and owner(shared.data_dir) is None:
            warned = True
            output.note("hint: it waits for an engine: mailsync, mailsync --daemon, or any command that syncs")


@app.command(epilog="Example: mailsync jobs cancel 12")
def cancel(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """End a job: at once while it waits, at its next step where it runs. What it has done is kept."""
    from functools import partial

    from mailsync.store import jobs, presence

    store, number = context.of(ctx).store(), _number(job_id)
    job, _ = _read(store, number)
    if job.ended and job.status != "cancelled":
        raise MailsyncError(f"job {number} is {job.status} already", hint=f"mailsync jobs show {number}")
    at = time.time()

    def write(connection: Any) -> None:
        jobs.request_cancel(connection, number, at)
        jobs.reclaim(connection, at, partial(presence.gone, store.path.parent, now=at))

    store.write(write).result()
    end = time.monotonic() + CANCEL_SECONDS
    while not (job := _read(store, number)[0]).ended and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    if as_json:
        output.emit(document(job, store))
    elif job.ended:
        output.say(f"job {number} is {job.status}")
    else:
        output.say(f"job {number} ends at its next step")


@app.command(epilog="Example: mailsync jobs retry 12")
def retry(
    ctx: typer.Context,
    job_id: JobId,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for its end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a job that failed or was cancelled back into the queue, and wait for its end.

    Where no engine runs, this command runs one for the length of the job.
    """
    from mailsync.engine.ask import ask
    from mailsync.privacy import readonly
    from mailsync.store import jobs
    from mailsync.store.job_kinds import CHANGING
    from mailsync.store.lock import owner

    shared = context.of(ctx)
    store, number = shared.store(), _number(job_id)

    def again(connection: Any) -> int:
        jobs.retry(connection, number, time.time())
        return number

    before, _ = _read(store, number)
    jobs.require_retriable(before)  # before an engine starts for it, which would take what waits
    if before.kind in CHANGING:
        readonly.require()
    if no_wait:
        store.write(again).result()
        job, code = _read(store, number)[0], 0
    else:
        shared.start_log()
        job = ask(shared.config, store, shared.data_dir, before.kind, before.params, insert=again)
        code = int((job.result or {}).get("exit_code", EXIT_CODES[job.status]))
    if as_json:
        output.emit(document(job, store))
    else:
        output.say(f"job {number} is {standing(job, store)}")
    if no_wait and owner(shared.data_dir) is None:
        output.note("hint: it waits for an engine: mailsync, mailsync --daemon, or any command that syncs")
    if code:
        output.note(f"error: {job.error or f'job {number} is {job.status}'}")
        if job.error_hint:
            output.note(f"hint: {job.error_hint}")
        raise typer.Exit(code)


def document(job: Job, store: Store) -> dict[str, Any]:
    """A job as the `jobs` documents tell it, without its events."""
    from mailsync.model import iso

    return {
        "id": str(job.id),
        "kind": job.kind,
        "status": job.status,
        "priority": job.priority,
        "account": job.account,
        "total": job.total,
        "processed": job.processed,
        "failed": job.failed,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "finished_at": iso(job.finished_at),
        "not_before": iso(job.not_before) if job.status == "pending" and job.not_before else None,
        "heartbeat_at": iso(job.heartbeat_at),
        "alive": _alive(job, store) if job.status == "running" else None,
        "cancel_requested": job.cancel_requested,
        "error": job.error,
        "hint": job.error_hint,
        "approved_by": job.approved_by,
    }


def event_document(event: Event) -> dict[str, Any]:
    """Something that happened to a job, as JSON."""
    from mailsync.model import iso

    data = event.data | ({"due": iso(event.data["due"])} if "due" in event.data else {})
    return {"seq": event.seq, "at": iso(event.at), "type": event.type, "data": data}


def standing(job: Job, store: Store) -> str:
    """The status of a job for people."""
    if job.status == "running":
        if not _alive(job, store):
            return "running, but its process is gone: the next engine sees to it"
        return "running, asked to stop" if job.cancel_requested else "running"
    if job.status == "pending" and job.not_before > time.time():
        return f"pending, tried again at {output.when(job.not_before)}"
    return job.status


def _alive(job: Job, store: Store) -> bool:
    from mailsync.store import presence

    return not presence.gone(store.path.parent, job.worker or "", job.heartbeat_at or 0.0, time.time())


def _read(store: Store, number: int, after: int = 0) -> tuple[Job, list[Event]]:
    from mailsync.store import job_list, jobs

    with store.read() as connection:
        job = jobs.get(connection, number)
        if job is None:
            raise NotFound(f"no job {number}", hint="`mailsync jobs list` shows them")
        events: list[Event] = []
        while page := job_list.events(connection, number, events[-1].seq if events else after):
            events += page
    return job, events


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST_ID):
        raise NotFound(f"no job {text[:40]}", hint="`mailsync jobs list` shows them")
    return int(text)


def _progress(job: Job) -> str:
    if not (job.total or job.processed):
        return ""
    failed = f", {job.failed:,} failed" if job.failed else ""
    return f"{job.processed:,} of {job.total:,}{failed}" if job.total else f"{job.processed:,}{failed}"


def _row(job: Job, store: Store) -> list[str]:
    at = job.finished_at or job.started_at or job.created_at
    progress = _progress(job) if not job.ended else ""
    return [
        str(job.id),
        job.kind,
        job.account or "",
        standing(job, store),
        output.when(at),
        progress or job.error or (f"approved by {job.approved_by}" if job.approved_by else ""),
    ]


def _line(event: Event) -> str:
    return f"{output.when(event.at)}  {event.type}  {_told(event.data)}".rstrip()


def _told(data: Mapping[str, Any]) -> str:
    told = {name: output.when(value) if name == "due" else value for name, value in data.items() if value is not None}
    return " ".join(f"{name}={value}" for name, value in told.items())
