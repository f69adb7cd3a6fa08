"""`mailsync db`: the database file itself."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import AsJson

app = typer.Typer(
    name="db",
    help="The database file.",
    epilog='Example: sqlite3 "$(mailsync db path)" "select * from mail limit 5"',
    no_args_is_help=True,
    rich_markup_mode=None,
)

_POLL_SECONDS = 0.5


@app.command(epilog='Example: sqlite3 "$(mailsync db path)" "select count(*) from messages"')
def path(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Print where the database is, or will be."""
    from mailsync.store.database import FILE_NAME

    shared = context.of(ctx)
    file = shared.data_dir / FILE_NAME
    if as_json:
        output.emit({"path": str(file), "exists": file.exists()})
    else:
        print(file)


@app.command(epilog="Example: mailsync db stats --json")
def stats(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Count what is in the database, and what it takes on the disk."""
    from mailsync.store import overview

    store = context.of(ctx).store()
    with store.read() as connection:
        totals = overview.totals(connection)
    wal = store.path.with_name(f"{store.path.name}-wal")
    file_bytes = store.path.stat().st_size
    wal_bytes = wal.stat().st_size if wal.exists() else 0
    document: dict[str, Any] = {
        "path": str(store.path),
        "file_bytes": file_bytes,
        "wal_bytes": wal_bytes,
        **dataclasses.asdict(totals),
        "ratio": round((file_bytes + wal_bytes) / totals.raw_bytes, 4) if totals.raw_bytes else None,
    }
    if as_json:
        output.emit(document)
        return
    share = f", {document['ratio']:.0%} of the raw bytes" if document["ratio"] is not None else ""
    output.table(
        [
            ["path", str(store.path)],
            ["on disk", f"{output.size(file_bytes + wal_bytes)}{share}"],
            ["accounts", f"{totals.accounts:,}"],
            ["folders", f"{totals.folders:,}"],
            ["messages", f"{totals.messages:,} ({output.size(totals.message_bytes)})"],
            ["distinct", f"{totals.contents:,} ({output.size(totals.raw_bytes)})"],
            ["compressed", output.size(totals.stored_bytes)],
            ["kept after deletion", f"{totals.removed_messages:,}"],
            ["quarantined", f"{totals.quarantined:,}"],
            ["schema", f"{totals.schema_version} (SQLite {totals.sqlite_version})"],
        ]
    )


@app.command(epilog="Example: mailsync db reindex --json")
def reindex(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Make the search index, threads and lists of attachments anew from what is mirrored. Nothing is downloaded.

    Messages keep their ids; threads get new numbers. Interrupted, it goes on by itself the next time that anything is
    synced.
    """
    from mailsync.cli.progress import indexing
    from mailsync.engine.ask import ask
    from mailsync.store import documents
    from mailsync.store.lock import owner

    shared = context.of(ctx)
    store = shared.store()
    shared.start_log()
    started = time.monotonic()
    with indexing(store) as look:
        job = ask(shared.config, store, shared.data_dir, "parse", {}, each=look)
        while True:
            with store.read() as connection:
                done, total = documents.progress(connection)
            if done >= total or owner(shared.data_dir) is None:  # the engine of another process is at it
                break
            look()
            time.sleep(_POLL_SECONDS)
    ok = bool((job.result or {}).get("ok")) and done >= total
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        output.emit({"ok": ok, "done": done, "total": total, "seconds": seconds})
    elif ok:
        output.say(f"{output.count(done, 'message')} indexed anew in {seconds:.1f} s")
    if not ok:
        output.note(f"error: {job.error or 'the index is not complete'}")
        output.note(f"hint: {job.error_hint or 'see mailsync health; the next sync goes on with it'}")
        raise typer.Exit(1)
