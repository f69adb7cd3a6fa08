"""Applies the envelope stage to every stored content, once, in the order of storing.

The cursor and the rows it covers move in one transaction, so a kill repeats or loses nothing. One message that cannot
be read is set aside (quarantine, stage `envelope`) and the cursor goes on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from mailsync.pipeline.mime import Envelope, envelope
from mailsync.store import contents, envelopes, quarantine
from mailsync.store.database import Store

STAGE = "envelope"
PAGE = 500
"""Messages a transaction."""
PAGE_BYTES = 2 << 20
"""Raw bytes a page holds at most, and a message more: two pages are in memory."""

Page = list[tuple[int, bytes | None]]


class Runner:
    """Call `step()` until it returns 0; it blocks, so call it in a worker thread, one at a time. `close` it when done.

    While a page is parsed, which needs the interpreter, the next is read and decompressed and the last is committed,
    which do not.
    """

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._reader = ThreadPoolExecutor(1, "mailsync-pages")
        self._ahead: Future[Page] | None = None
        self._commit: Future[None] | None = None

    def step(self) -> int:
        """Process the next page; returns how many messages it held, 0 when all that is stored is done and committed."""
        ahead, self._ahead = self._ahead, None
        page = ahead.result() if ahead else self._read(None)
        if not page:
            self._settle()
            return 0
        self._ahead = self._reader.submit(self._read, page[-1][0])
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
            for content_id, error in failures:
                quarantine.add_content(connection, content_id, STAGE, error, at)
            envelopes.move_cursor(connection, STAGE, page[-1][0])

        self._settle()
        self._commit = self._store.write(write)
        return len(page)

    def close(self) -> None:
        """Wait for the last commit."""
        self._reader.shutdown()
        self._settle()

    def _settle(self) -> None:
        """Wait for the commit under way. If it failed, start over from the cursor the next time."""
        commit, self._commit = self._commit, None
        if commit is not None:
            try:
                commit.result()
            except BaseException:
                self._ahead = None
                raise

    def _read(self, position: int | None) -> Page:
        page: Page = []
        size = 0
        with self._store.read() as connection:
            start = envelopes.cursor(connection, STAGE) if position is None else position
            for content_id, head in contents.heads_after(connection, start, PAGE):
                page.append((content_id, head))
                size += len(head or b"")
                if size > PAGE_BYTES:
                    break
        return page


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
