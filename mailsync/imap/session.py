"""Typed commands on one connection.

A session belongs to one task at a time. When a command fails on the protocol level, times out or is cancelled, the
session is closed (`session.closed` tells why) and its owner takes another: there is no half-usable state.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mailsync.errors import ConnectionLost, MailsyncError, Throttled, Unreachable
from mailsync.imap import mailboxes, notify, opening, searching, throttle
from mailsync.imap.connect import Endpoint, connect, dial
from mailsync.imap.fetching import FetchStream
from mailsync.imap.line import Line
from mailsync.imap.mailboxes import Listed, Mailbox
from mailsync.imap.opening import Opening
from mailsync.imap.protocol import Pending, Protocol
from mailsync.imap.quirks import UNKNOWN, Quirks
from mailsync.imap.responses import (
    Capability,
    Condition,
    Exists,
    Expunge,
    Fetch,
    ListEntry,
    Response,
    StatusEntry,
    Vanished,
)
from mailsync.imap.signin import Introduction
from mailsync.imap.states import ConnectionState
from mailsync.imap.uidset import UidSet
from mailsync.privacy.secret import Credential
from mailsync.text import safe_text

__all__ = ["Listed", "Mailbox", "Opening", "Session"]

SILENCE_SECONDS = 60.0
"""Without a byte for this long while a command waits, the line is taken for dead."""
DRIP_SILENCES = 5
DRIP_BYTES = 4
"""Fewer bytes a second than this, while a command waits for so many times SILENCE_SECONDS, are as good as none."""


class Session(Line):
    """One signed-in connection. Make one with `Session.open`."""

    def __init__(
        self,
        protocol: Protocol,
        endpoint: Endpoint,
        known: Quirks = UNKNOWN,
        on_state: Callable[[Session], None] | None = None,
    ) -> None:
        self._on_state = on_state
        self.notices = notify.Notices()
        self.round_trip_is_bound = False
        """`round_trip` may be less than it says: see `measure`."""
        self._early: mailboxes.Listing | None = None
        """LIST, as it was asked during the sign-in."""
        self._left: Pending | None = None
        """An IDLE that was ended by DONE and has not been answered for all we know."""
        super().__init__(protocol, endpoint, known)
        self._watchdog = asyncio.create_task(self._watch_silence())
        protocol.listener = self._on_untagged

    @classmethod
    async def open(
        cls,
        endpoint: Endpoint,
        username: str,
        credential: Credential,
        *,
        quirks: Quirks = UNKNOWN,
        overrides: Mapping[str, Any] | None = None,
        on_state: Callable[[Session], None] | None = None,
        lists: Sequence[bytes] | None = None,
    ) -> Session:
        """Connect, sign in, introduce ourselves and enable what the server has for us.

        `quirks` are known beforehand (a probe, an earlier connection); they are combined with those of host, greeting,
        ID and capabilities, and `overrides`, what the user has set, is applied last: see `imap.quirks`. `on_state` is
        called with the session after each move to another state, "connecting" first. `lists`: the folders are asked
        for in a round trip of the sign-in, for the first `list_folders`, with STATUS of those with these raw names.
        """
        client = dial(endpoint)
        session = cls(client.protocol, endpoint, quirks, on_state)
        try:
            session.states.move("connecting")
            _, session.greeting = await connect(endpoint, client=client)
            introduction = Introduction(session, quirks, overrides or {})
            await introduction.run(username, credential, lists=lists)
            session._early = introduction.listing
            session.round_trip_is_bound = introduction.listing is not None
        except BaseException:
            session.close()
            raise
        return session

    # -- folders -----------------------------------------------------------------------------------------------

    async def list_folders(self, *, status: bool = True, sizes: bool = False) -> list[Listed]:
        """Every selectable folder, with STATUS and MAILBOXID where offered; see `mailboxes.list_folders`."""
        early, self._early = self._early, None
        return await mailboxes.list_folders(self, status=status, sizes=sizes, early=early)

    async def status(self, raw_name: bytes) -> dict[str, int] | None:
        """STATUS of one folder; None when the server says, without a code or with NONEXISTENT, that there is none."""
        return await mailboxes.status(self, raw_name)

    async def examine(
        self, raw_name: bytes, *, since: tuple[int, int] | None = None, known: UidSet | None = None
    ) -> Mailbox:
        """Open a folder read-only (law 4); CommandRefused when the server will not. See `mailboxes.examine`."""
        return await mailboxes.examine(self, raw_name, since=since, known=known)

    async def begin_examine_fetch(
        self,
        raw_name: bytes,
        uids: UidSet | str,
        items: str,
        batch_bytes: int,
        *,
        since: tuple[int, int] | None = None,
        changed_since: int | None = None,
    ) -> Opening:
        """Open a folder and fetch from it in one round trip: `await opening.box()`, then read `opening.stream`.

        Several may be begun one after the other; their answers come, and must be read, in that order. See `Opening`.
        """
        return await Opening.begin(self, raw_name, uids, items, batch_bytes, since, changed_since)

    async def examine_searching(self, raw_name: bytes, criteria: Sequence[str]) -> tuple[Mailbox, list[UidSet | None]]:
        """Open a folder and search in it in one round trip; see `opening.examine_searching`."""
        return await opening.examine_searching(self, raw_name, criteria)

    async def unselect(self) -> bool:
        """Leave the open folder; False where the server has no harmless way to do so."""
        return await mailboxes.unselect(self)

    async def notify(self, selected: bool) -> bool:
        """Have the server tell of every folder (NOTIFY); see `notify.notify`. What it tells: `take_notices`."""
        return await notify.notify(self, self.notices, selected=selected)

    @property
    def notified(self) -> dict[bytes, StatusEntry]:
        """STATUS as NOTIFY told it, by raw name, until it is taken."""
        return self.notices.statuses

    def take_notices(self) -> list[StatusEntry | ListEntry]:
        """What NOTIFY told since this was called last."""
        return self.notices.take()

    @property
    def overflowed(self) -> bool:
        """The server gave up on NOTIFY: nothing is told any more."""
        return self.notices.overflowed

    # -- the open folder ---------------------------------------------------------------------------------------

    async def search(self, criteria: str = "ALL", *, within: UidSet | None = None) -> UidSet:
        """UIDs of the open folder that meet `criteria`, of `within` only where given; see `searching.search`."""
        return await searching.search(self, criteria, within=within)

    async def search_many(self, criteria: Sequence[str]) -> list[UidSet]:
        """Several searches in one round trip, their answers in order."""
        return await searching.search_many(self, criteria)

    async def count(self, criteria: str) -> int | None:
        """How many messages meet `criteria`; None where the server cannot count without listing (no ESEARCH)."""
        return await searching.count(self, criteria)

    async def newest(self, most: int, criteria: str = "ALL") -> UidSet | None:
        """The `most` highest UIDs that meet `criteria`; None where the server cannot tell them alone (no PARTIAL)."""
        return await searching.newest(self, most, criteria)

    async def search_uids(self) -> UidSet:
        """All UIDs of the open folder by UID SEARCH."""
        return await searching.search(self)

    def fetch(
        self,
        sets: Iterable[UidSet | str],
        items: str,
        batch_bytes: int,
        *,
        depth: int = 2,
        changed_since: int | None = None,
        vanished: bool = False,
    ) -> FetchStream:
        """Fetch `items` of these UID sets in order, `depth` commands on their way at a time; see FetchStream.

        With two the server starts on the next set while we still read the last. `changed_since` asks only for what has
        a greater MODSEQ (RFC 7162), `vanished` also for what is gone since (with QRESYNC enabled): see
        `FetchStream.vanished`.
        """
        modifier = ""
        if changed_since is not None:
            modifier = f" (CHANGEDSINCE {changed_since}{' VANISHED' if vanished else ''})"
        return FetchStream(self.protocol, sets, items, batch_bytes, depth, modifier)

    async def compress(self) -> bool:
        """Compress from here on (COMPRESS=DEFLATE, RFC 4978); False when the server will not."""
        if self.compressed or not self.offers("COMPRESS=DEFLATE"):
            return self.compressed
        await self._settle()
        if not await self.protocol.compress():
            self.latch_off("COMPRESS=DEFLATE")
        return self.compressed

    async def noop(self) -> None:
        await self.ok(self.protocol.begin("NOOP"))

    async def measure(self) -> None:
        """Take the round trip anew where the sign-in's may have had to wait for LIST, which takes its time."""
        if self.round_trip_is_bound:
            started = time.perf_counter()
            await self.noop()
            self.round_trip = min(self.round_trip, time.perf_counter() - started)
            self.round_trip_is_bound = False

    async def idle(self, seconds: float) -> bool:
        """IDLE (RFC 2177) until something is pushed or `seconds` have passed; True when something was pushed.

        What was pushed is in `mailbox`; anything pushed between two calls ends the next one at once. After a push the
        answer to DONE is left to the next IDLE, so that whoever reacts loses no round trip by waiting for it.
        """
        started = asyncio.Event()

        def go_ahead(text: bytes) -> bytes | None:
            del text
            started.set()
            return None

        if self.pushed.is_set():
            self.pushed.clear()
            return True
        await self._settle()
        resting = self.state
        pending = self.protocol.begin("IDLE", on_continuation=go_ahead)
        self.states.move("idle")
        try:
            await _first(started, pending, SILENCE_SECONDS)
            if not started.is_set():
                if pending.future.done():
                    self.check(await pending.future, "IDLE")
                raise self.fail(Unreachable(f"{self.endpoint} did not answer IDLE"))
            await _first(self.pushed, pending, seconds)
        except BaseException as error:
            self.fail(error if isinstance(error, MailsyncError) else ConnectionLost("IDLE was cancelled"))
            raise
        if not pending.future.done():
            self.protocol.end_idle(pending)
        pushed = self.pushed.is_set()
        if pushed and self.quirks.pipeline > 1:
            pending.on_continuation = None
            self._left = pending
        else:
            await self.ok(pending)
            pushed = self.pushed.is_set()
        self.states.move(resting)
        self.pushed.clear()
        return pushed

    async def _settle(self) -> None:
        """Wait for the answer to an IDLE that was ended."""
        left, self._left = self._left, None
        if left is not None:
            await self.ok(left)

    # -- end ---------------------------------------------------------------------------------------------------

    async def logout(self) -> None:
        """Say goodbye and close; never fails, never waits long."""
        self.states.end("disconnected")  # what follows is no failure, whatever it is
        with contextlib.suppress(MailsyncError, TimeoutError):
            async with asyncio.timeout(2):
                await self.protocol.finish(self.protocol.begin("LOGOUT"))
        self.close()

    async def leave(self) -> None:
        """Say goodbye and close without waiting for an answer; never fails."""
        self.states.end("disconnected")
        with contextlib.suppress(MailsyncError):
            self.protocol.begin("LOGOUT")
            await asyncio.sleep(0)  # uvloop sends at the end of the turn
        self.close()

    def close(self) -> None:
        """Close at once."""
        self._watchdog.cancel()
        self.states.end("disconnected")
        self.fail(ConnectionLost("the session was closed"))

    # -- inside ------------------------------------------------------------------------------------------------

    def _told(self, state: ConnectionState) -> None:
        super()._told(state)
        if self._on_state is not None:
            self._on_state(self)

    def _on_untagged(self, response: Response) -> None:
        box = self.mailbox
        match response:
            case Condition(status="BYE", text=text, code=code):
                seconds = throttle.hint(text, code.name if code else None)
                said = f"{self.endpoint} said goodbye: {safe_text(self.protocol.unsaid(text), 200)}"
                self.fail(ConnectionLost(said) if seconds is None else Throttled(said, resume_after=seconds))
            case Capability(names=names):
                self.learn(names)
            case Condition(code=code) if code is not None and code.name == "NOTIFICATIONOVERFLOW":
                self.notices.overflow()
                self.pushed.set()
            case StatusEntry() | ListEntry() if self.notices.active:
                self.notices.add(response)
                self.pushed.set()
            case _ if box is not None:
                self._on_mailbox(box, response)

    def _on_mailbox(self, box: Mailbox, response: Response) -> None:
        """Something about the open folder that nobody had asked for."""
        match response:
            case Exists(count):
                box.arrived = box.arrived or count > box.exists
                if count < box.exists:
                    box.disturbed = box.unexplained = True
                box.exists = count
            case Expunge(seq):
                box.exists = max(box.exists - 1, 0)
                box.expunged.append(seq)
                box.disturbed = True
            case Vanished(uids=uids, earlier=earlier):
                box.vanished_now |= uids
                # Only with these is it told instead of EXPUNGE, and counts (RFC 7162 section 3.2.10.2, RFC 9586).
                if not earlier and self.enabled & {"QRESYNC", "UIDONLY"}:
                    box.exists = max(box.exists - len(uids), 0)
                box.disturbed = True
            case Fetch():
                box.note_flags(response)
            case _:
                return
        self.pushed.set()

    async def _watch_silence(self) -> None:
        """Fail the connection when a command waits and the server says nothing, or next to it. IDLE may be silent."""
        protocol = self.protocol
        owed_since, received = None, 0
        while protocol.closed is None:
            await asyncio.sleep(SILENCE_SECONDS / 12)
            now = protocol.loop.time()
            if not protocol.waits_for_data or owed_since is None:
                owed_since, received = now, protocol.bytes_received
            if now - protocol.last_received > SILENCE_SECONDS and protocol.waits_for_data and protocol.closed is None:
                self.fail(Unreachable(f"{self.endpoint} has been silent for {SILENCE_SECONDS:.0f} seconds"))
            elif now - owed_since > DRIP_SILENCES * SILENCE_SECONDS and protocol.closed is None:
                came, seconds = protocol.bytes_received - received, now - owed_since
                if came < DRIP_BYTES * seconds:
                    self.fail(Unreachable(f"{self.endpoint} has sent {came} bytes in {seconds:.0f} seconds"))
                owed_since = None


async def _first(event: asyncio.Event, pending: Pending, seconds: float) -> None:
    """Wait until `event` is set, the command has ended, or `seconds` have passed."""
    happened = asyncio.ensure_future(event.wait())
    waiting: set[asyncio.Future[Any]] = {happened, pending.future}
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        happened.cancel()
