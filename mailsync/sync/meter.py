"""What goes over an account's connections: bytes into the day's account, states and folders into `connections`.

Nothing here waits: sessions say that something changed, and one write a tenth of a second later carries all of it. A
command that is over by then leaves no trace but its bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable

from mailsync.errors import StoreError
from mailsync.imap.names import decode_name
from mailsync.imap.session import Session
from mailsync.record import record
from mailsync.store import connections, traffic
from mailsync.store.database import Store
from mailsync.sync.line import Gauge

CHANGE_SECONDS = 0.1
"""From a change of state to its row."""
COUNT_SECONDS = 1.0
"""Between two counts while bytes flow."""
QUIET_SECONDS = 4.0
"""Between two counts while none do."""


@record
class Tracked:
    """A session with what was written of it."""

    session: Session
    purpose: str
    opened_at: float
    row_id: int | None = None
    counted: int = 0
    shown: tuple[str, str, bool, int] | None = None

    @property
    def looks(self) -> tuple[str, str, bool, int]:
        """State, folder, whether it is compressed, bytes: what a screen shows."""
        session = self.session
        box = session.mailbox if session.state in ("selected", "idle") else None
        folder = decode_name(box.raw_name) if box is not None else ""
        return session.state, folder, session.compressed, session.bytes_received


class Meter:
    """The sessions of one account. `now` gives Unix seconds; `tick()` is called after each count."""

    def __init__(
        self, store: Store, account: str, account_id: int, now: Callable[[], float], tick: Callable[[], None]
    ) -> None:
        self.gauge = Gauge()
        self._store = store
        self._account = account
        self._account_id = account_id
        self._now = now
        self._tick = tick
        self._tracked: list[Tracked] = []
        self._day = ""
        self._of_day = 0
        self._handle: asyncio.TimerHandle | None = None
        self._flowing = False
        self._counted_at = 0.0

    def load(self, of_day: int) -> None:
        """So many bytes were received on this UTC day before."""
        self._day, self._of_day = traffic.day_of(self._now()), of_day

    @property
    def open(self) -> int:
        """Sessions that are signed in."""
        return sum(one.session.closed is None for one in self._tracked)

    @property
    def busy(self) -> bool:
        """One of them is no monitor's."""
        return any(one.session.closed is None and one.purpose != "watch" for one in self._tracked)

    @property
    def oldest_opened_at(self) -> float | None:
        """When the oldest of them was, Unix seconds."""
        return min((one.opened_at for one in self._tracked if one.session.closed is None), default=None)

    @property
    def compressed(self) -> bool:
        """True when any of them is compressed."""
        return any(one.session.compressed for one in self._tracked)

    @property
    def received_today(self) -> int:
        """Bytes on this UTC day, to the last one."""
        fresh = sum(one.session.bytes_received - one.counted for one in self._tracked)
        return fresh + (self._of_day if self._day == traffic.day_of(self._now()) else 0)

    def opened(self, session: Session, purpose: str) -> None:
        """Follow a session from its sign-in to its end."""
        self._tracked.append(Tracked(session, purpose, self._now()))
        self._soon(CHANGE_SECONDS)

    def changed(self, session: Session) -> None:
        """Its state or folder is another one."""
        del session
        self._soon(CHANGE_SECONDS)

    def burst(self) -> None:
        """Work begins: what the line carries is measured anew."""
        self.gauge = Gauge()
        self._flowing = False

    def count(self) -> None:
        """Write what has come since the last count, and what sessions are now."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        loop, at = asyncio.get_running_loop(), self._now()
        fresh = 0
        for one in self._tracked:
            fresh += one.session.bytes_received - one.counted
            one.counted = one.session.bytes_received
        if self._flowing and fresh:
            self.gauge.note(fresh, loop.time() - self._counted_at)
        self._flowing, self._counted_at = fresh > 0, loop.time()
        day = traffic.day_of(at)
        self._of_day = fresh + (self._of_day if day == self._day else 0)
        self._day = day
        self._write(at, fresh)
        self._tracked = [one for one in self._tracked if one.session.closed is None]
        if self._tracked:
            self._soon(COUNT_SECONDS if fresh else QUIET_SECONDS)
        self._tick()

    def _soon(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._handle is None or self._handle.when() > due:
            if self._handle is not None:
                self._handle.cancel()
            self._handle = loop.call_at(due, self.count)

    def _write(self, at: float, fresh: int) -> None:
        gone = [one for one in self._tracked if one.session.closed is not None and one.row_id is not None]
        live = [(one, one.looks) for one in self._tracked if one.session.closed is None and one.looks != one.shown]
        if not (fresh or gone or live):
            return
        for one, looks in live:
            one.shown = looks

        def write(connection: sqlite3.Connection) -> None:
            if fresh:
                traffic.add(connection, self._account_id, at, fresh)
            for one in gone:
                assert one.row_id is not None
                connections.remove(connection, one.row_id)
            for one, (state, folder, compressed, received) in live:
                if one.row_id is None:
                    one.row_id = connections.add(connection, self._account, one.purpose, state, one.opened_at)
                connections.note(
                    connection,
                    one.row_id,
                    at,
                    purpose=one.purpose,
                    state=state,
                    folder=folder,
                    compressed=compressed,
                    received=received,
                )

        with contextlib.suppress(StoreError):  # a full disk costs these figures, nothing else
            self._store.write(write)
