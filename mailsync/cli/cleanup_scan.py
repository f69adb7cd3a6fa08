"""`mailsync cleanup scan`: what could be cleared away, proposed for somebody to decide on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import Accounts, AsJson
from mailsync.text import safe_text

if TYPE_CHECKING:
    import sqlite3

    from mailsync.store.cleanups import Cleanup


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync cleanup scan work")(scan)


def scan(ctx: typer.Context, names: Accounts = None, as_json: AsJson = False) -> None:
    """Ask the rules what could be cleared away; nothing is done with it before you approve of it.

    What is written to you is never proposed, by no rule: see what a scan spared, and why, in what it prints. It reads
    the mirror alone. What it proposed before, and nobody decided on, it proposes anew.
    """
    from mailsync.cleanup import staging
    from mailsync.cli import cleanup_documents
    from mailsync.cli.progress import bar
    from mailsync.engine.ask import ask
    from mailsync.store import cleanups, jobs

    shared = context.of(ctx)
    params = {"accounts": [*shared.accounts(names)] if names else []}
    store = shared.store()
    shared.start_log()
    job_id = done = 0

    def insert(connection: sqlite3.Connection) -> int:
        nonlocal job_id
        job_id = jobs.insert(connection, staging.KIND, time.time(), params=params, priority=staging.PRIORITY)
        return job_id

    with bar("Looking", None) as progress:

        def look() -> None:
            nonlocal done
            with store.read() as connection:
                now = jobs.processed(connection, job_id)
            if now > done:
                progress.advance(now - done)
                done = now

        job = ask(shared.config, store, shared.data_dir, staging.KIND, {}, each=look, insert=insert)
    document = dict(job.result or {})
    code = int(document.pop("exit_code", 1))
    with store.read() as connection:
        at = time.time()
        found = [cleanups.get(connection, int(one), at) for one in document.get("cleanups", ())]
    if as_json:
        output.emit(document | {"cleanups": [cleanup_documents.document(one) for one in found]})
    elif not code:
        _tell(found, document)
    if code:
        output.note(f"error: {job.error or f'the job was {job.status}'}")
        if job.error_hint:
            output.note(f"hint: {job.error_hint}")
        raise typer.Exit(code)


def _tell(found: Sequence[Cleanup], document: Mapping[str, Any]) -> None:
    from mailsync.cli import cleanup_documents

    output.table(cleanup_documents.rows(found), right=(0, 3, 4))
    spared = document["protected"]
    output.note(f"looked at {output.count(document['looked_at'], 'message')} in {document['seconds']:.1f} s")
    if spared:
        output.note(f"spared {output.count(sum(spared.values()), 'message')}:")
        for reason, number in spared.items():
            output.note(f"  {number:>8,}  {reason}")
    for line in document["unknown"]:
        output.note(f"warning: {safe_text(line)}")
    if document["not_indexed"]:
        output.note(f"not indexed yet, so not looked at: {document['not_indexed']:,} of the stored messages")
    if found:
        output.note(f"hint: mailsync cleanup show {found[0].id} tells what is on a list, cleanup approve decides on it")
    else:
        output.note("nothing is proposed")
