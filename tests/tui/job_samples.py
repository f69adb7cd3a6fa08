"""A prepared job queue, as a day of an engine would have left it."""

from __future__ import annotations

import sqlite3

from mailsync.store import jobs
from tests.tui import samples
from tests.tui.prepared import DAY, HOUR, MINUTE, NOW, Builder

HINT = "is the server up, and the port right?"


def busy(builder: Builder) -> None:
    """What runs, what waits, what is tried again later, and what ended in each way."""
    samples.quiet(builder)

    def fill(c: sqlite3.Connection) -> None:
        def ran(kind: str, age: float, took: float, **about: object) -> int:
            ident = jobs.insert(c, kind, NOW - age, **about)  # type: ignore[arg-type]
            jobs.take(c, ident, NOW - age + 1, "4711-a")
            if took:
                jobs.finish(c, ident, "completed", NOW - age + 1 + took, result={"ok": True})
            return ident

        ran("sync", 2 * DAY, 14, account="home")
        verify = ran("verify", HOUR, 0, account="office")
        error = "imap.engine.example.com: connection refused\x1b[2J"
        jobs.finish(c, verify, "failed", NOW - HOUR + 31, error=error, hint=HINT)
        export = ran("export", 50 * MINUTE, 0)
        jobs.progress(c, export, 1204, 0, NOW - 49 * MINUTE, total=38_000)
        jobs.request_cancel(c, export, NOW - 48 * MINUTE)
        jobs.finish(c, export, "cancelled", NOW - 48 * MINUTE + 1)
        scan = ran("cleanup_scan", 20 * MINUTE, 0)
        jobs.progress(c, scan, 8_120, 0, NOW - 20 * MINUTE + 4, total=8_120)
        jobs.finish(c, scan, "completed", NOW - 20 * MINUTE + 5)
        later = jobs.insert(
            c, "backfill", NOW - 9 * MINUTE, account="office", max_attempts=5, backoff=60.0, priority=-10
        )
        jobs.take(c, later, NOW - 8 * MINUTE, "4711-a")
        refused = jobs.get(c, later)
        assert refused is not None
        jobs.retry_later(c, refused, NOW - 30, "imap.engine.example.com: connection refused", HINT)
        apply = ran("cleanup_apply", 3 * MINUTE, 0, account="home", max_attempts=1000, priority=10)
        jobs.approve(c, apply, "ada", 5_000)
        for done in range(0, 1800, 300):
            jobs.progress(c, apply, done, done // 600, NOW - 2 * MINUTE + done / 20)
        sync = ran("sync", MINUTE, 0, account="office", priority=10)
        jobs.request_cancel(c, sync, NOW - 2)
        for kind, account in (("sync", "home"), ("undo", "home"), ("parse", None)):
            jobs.insert(c, kind, NOW - 40, account=account)

    builder.store.write(fill).result()
