"""Applies the envelope stage to every stored content, once, in the order of storing.

The cursor and the rows it covers move in one transaction, so a kill repeats or loses nothing. One message that cannot
be read is set aside (quarantine, stage `envelope`) and the cursor goes on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from mailsync.pipeline.mime import Envelope, envelope
from mailsync.store import contents, envelopes, quarantine
from mailsync.store.database import Store

STAGE = "envelope"
PAGE = 500
"""Messages a transaction."""
PAGE_BYTES = 4 << 20
"""Raw bytes a page holds at most, and a message more."""


class Runner:
    """Call `step()` until it returns 0; it blocks, so call it in a worker thread.

    One page after the other: reading ahead in a second thread was measured and is slower, since each release of the
    interpreter lock for a message's decompression is paid for with a wait for the thread that parses.
    """

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    def step(self) -> int:
        """Process the next page; returns how many messages it held, 0 when all that is stored is done."""
        rows: list[envelopes.Row] = []
        failures: list[tuple[int, str]] = []
        position = size = 0
        with self._store.read() as connection:
            start = envelopes.cursor(connection, STAGE)
            for content_id, head in contents.heads_after(connection, start, PAGE):
                position = content_id
                if head is None:
                    failures.append((content_id, "the stored bytes are damaged"))
                    continue
                try:
                    rows.append(_row(content_id, envelope(head)))
                except Exception as error:  # whatever a hostile message provokes concerns that message only
                    failures.append((content_id, type(error).__name__))
                size += len(head)
                if size > PAGE_BYTES:
                    break
        if not position:
            return 0
        at = self._now()

        def write(connection: sqlite3.Connection) -> None:
            envelopes.add(connection, rows)
            for content_id, error in failures:
                quarantine.add_content(connection, content_id, STAGE, error, at)
            envelopes.move_cursor(connection, STAGE, position)

        self._store.write(write).result()
        return len(rows) + len(failures)


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
