"""Applies the envelope stage to every stored content, once, in the order of storing.

The cursor and the rows it covers move in one transaction, so a kill repeats or loses nothing. One message that cannot
be read is set aside (quarantine, stage `envelope`), the cursor goes on, and it is tried again when that is due.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from mailsync.store import contents, envelopes, quarantine
from mailsync.store.database import Store

if TYPE_CHECKING:
    from mailsync.pipeline.envelope import Envelope

STAGE = quarantine.ENVELOPE
VERSION = 1
"""Of the stage: what an older one failed at is tried again."""
PAGE = 500
"""Messages a transaction."""


class Runner:
    """Call `step()` until it returns 0, then `close()`; it blocks, so call it in a worker thread.

    While one page is parsed and written, the next is decompressed in a thread of its own: in bulk, since a release of
    the interpreter lock for each message was measured to cost more than the second core gains.
    """

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._reader = ThreadPoolExecutor(1, "mailsync-reader")
        self._ahead: tuple[int, Future[list[tuple[int, bytes | None]]]] | None = None

    def close(self) -> None:
        self._reader.shutdown(cancel_futures=True)

    def step(self) -> int:
        """Process the next page, behind the last what is due again; how many messages that was, 0 when all is done."""
        with self._store.read() as connection:
            start = envelopes.cursor(connection, STAGE)
            if self._ahead is None or self._ahead[0] != start:
                self._read_ahead(connection, start)
            ahead, self._ahead = self._ahead, None
            page = ahead[1].result() if ahead else []
            if page:
                position = page[-1][0]
                self._read_ahead(connection, position)
            else:
                due = quarantine.due(connection, VERSION, self._now(), PAGE, STAGE)
                page, position = list(contents.heads_of(connection, due)), start
        if not page:
            return 0
        from mailsync.pipeline.envelope import envelope  # most syncs find nothing new

        rows: list[envelopes.Row] = []
        failures: list[tuple[int, str]] = []
        for content_id, head in page:
            if head is None:
                failures.append((content_id, "the stored bytes are damaged"))
                continue
            try:
                rows.append(_row(content_id, envelope(head)))
            except Exception as error:  # whatever a hostile message provokes concerns that message only
                failures.append((content_id, type(error).__name__))
        at = self._now()

        def write(connection: sqlite3.Connection) -> None:
            envelopes.add(connection, rows)
            quarantine.failed(connection, failures, VERSION, at, STAGE)
            quarantine.recovered(connection, (row[0] for row in rows), at, STAGE)
            envelopes.move_cursor(connection, STAGE, position)

        self._store.write(write).result()
        return len(page)

    def _read_ahead(self, connection: sqlite3.Connection, position: int) -> None:
        # The rows are read here: sqlite3 gives the interpreter lock away with each one.
        page = contents.frames_after(connection, position, PAGE)
        self._ahead = (position, self._reader.submit(self._heads, page)) if page else None

    def _heads(self, page: list[tuple[int, int, bytes]]) -> list[tuple[int, bytes | None]]:
        with self._store.read() as connection:
            return contents.heads(connection, page)


def _row(content_id: int, found: Envelope) -> envelopes.Row:
    return (
        content_id,
        found.date,
        found.message_id,
        found.subject,
        found.from_name,
        found.from_addr,
        found.to,
        found.cc,
        found.has_attachments,
    )
