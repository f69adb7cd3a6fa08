"""Typed commands on one connection.

A session belongs to one task at a time. When a command fails on the protocol level, times out or is cancelled, the
session is closed (`session.closed` tells why) and its owner takes another: there is no half-usable state.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailsync import __version__
from mailsync.errors import CommandRefused, ConnectionLost, MailsyncError, ProtocolError, Unreachable
from mailsync.imap.auth import sign_in
from mailsync.imap.connect import Endpoint, connect
from mailsync.imap.encode import begin_parts, mailbox, render
from mailsync.imap.fetching import FetchStream
from mailsync.imap.protocol import AUTH, SELECTED, Pending, Protocol
from mailsync.imap.responses import (
    Capability,
    Condition,
    ESearch,
    Exists,
    Expunge,
    Fetch,
    Flags,
    ListEntry,
    Recent,
    Response,
    Search,
    ServerId,
    StatusEntry,
    Tagged,
    Vanished,
)
from mailsync.imap.uidset import UidSet
from mailsync.text import safe_text

SILENCE_SECONDS = 60.0
"""Without a byte for this long while a command waits, the line is taken for dead."""
PIPELINED_STATUS = 25
"""More outstanding commands than this break some servers' parsers (Exchange, around 50)."""
STATUS_ITEMS = ("MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN")


@dataclass(slots=True)
class Mailbox:
    """What EXAMINE told, and what was pushed since."""

    raw_name: bytes
    exists: int = 0
    uidvalidity: int | None = None
    uidnext: int | None = None
    highestmodseq: int | None = None
    arrived: bool = False
    """More messages than at EXAMINE."""
    disturbed: bool = False
    """Flags changed or messages vanished since EXAMINE."""


@dataclass(slots=True)
class Listed:
    """A folder of LIST, with its STATUS where the server gave one."""

    entry: ListEntry
    status: dict[str, int] = field(default_factory=dict)


class Session:
    """One signed-in connection. Make one with `Session.open`."""

    def __init__(self, protocol: Protocol, endpoint: Endpoint, greeting: Condition) -> None:
        self.endpoint = endpoint
        self.greeting = greeting
        self.capabilities: frozenset[str] = frozenset()
        self.server_id: dict[str, str | None] = {}
        self.mailbox: Mailbox | None = None
        self._protocol = protocol
        self._pushed = asyncio.Event()
        self._watchdog = asyncio.create_task(self._watch_silence())
        protocol.listener = self._on_untagged

    @classmethod
    async def open(cls, endpoint: Endpoint, username: str, password: str) -> Session:
        """Connect, sign in, ask for the capabilities again (they differ after sign-in) and introduce ourselves."""
        protocol, greeting = await connect(endpoint)
        session = cls(protocol, endpoint, greeting)
        try:
            if protocol.state != AUTH:
                await session._ask_capabilities()
                await sign_in(protocol, session.capabilities, username, password)
                protocol.state = AUTH
            await session._ask_capabilities()
            if "ID" in session.capabilities:
                await session._introduce()
        except BaseException:
            session.close()
            raise
        return session

    # -- commands ----------------------------------------------------------------------------------------------

    async def _ask_capabilities(self) -> None:
        names: set[str] = set()

        def accept(response: Response) -> bool:
            if isinstance(response, Capability):
                names.update(response.names)
                return True
            return False

        await self._ok(self._protocol.begin("CAPABILITY", accept=accept))
        self.capabilities = frozenset(names)

    async def _introduce(self) -> None:
        def accept(response: Response) -> bool:
            if isinstance(response, ServerId):
                self.server_id = response.fields
                return True
            return False

        line = b'ID ("name" "mailsync" "version" "%s")' % __version__.encode()
        # A refused ID is of no consequence (RFC 2971 section 3.1).
        await self._protocol.finish(self._protocol.begin("ID", line, accept=accept))

    async def list_folders(self, *, status: bool = True) -> list[Listed]:
        """Every selectable folder, with STATUS in the same round trip where LIST-STATUS (RFC 5819) is offered."""
        items = self._status_items()
        wanted = []
        if "SPECIAL-USE" in self.capabilities:
            wanted.append("SPECIAL-USE")
        if status and "LIST-STATUS" in self.capabilities:
            wanted.append(f"STATUS ({' '.join(items)})")
        found: dict[bytes, Listed] = {}
        statuses: dict[bytes, dict[str, int]] = {}

        def accept(response: Response) -> bool:
            if isinstance(response, ListEntry):
                found.setdefault(response.raw_name, Listed(response))
            elif isinstance(response, StatusEntry):
                statuses[response.raw_name] = response.items
            else:
                return False
            return True

        line = b'LIST "" "*"'
        extended = line + f" RETURN ({' '.join(wanted)})".encode() if wanted else line
        answer = await self._protocol.finish(self._protocol.begin("LIST", extended, accept=accept))
        if answer.status != "OK" and wanted:
            answer = await self._protocol.finish(self._protocol.begin("LIST", line, accept=accept))
        self._check(answer, "LIST")
        folders = [
            listed
            for listed in found.values()
            if not {name.lower() for name in listed.entry.attributes} & {"\\noselect", "\\nonexistent"}
        ]
        for listed in folders:
            listed.status = statuses.get(listed.entry.raw_name, {})
        if status:
            await self._fill_status([listed for listed in folders if not listed.status], items)
        return folders

    async def _fill_status(self, folders: Sequence[Listed], items: Sequence[str]) -> None:
        """STATUS for each folder, pipelined; a folder that answers NO keeps an empty status."""
        for start in range(0, len(folders), PIPELINED_STATUS):
            waiting = []
            for listed in folders[start : start + PIPELINED_STATUS]:
                pending, single = self._begin_status(listed, items)
                if not single:
                    await self._protocol.finish(pending)
                waiting.append(pending)
            for pending in waiting:
                await self._protocol.finish(pending)

    def _begin_status(self, listed: Listed, items: Sequence[str]) -> tuple[Pending, bool]:
        def accept(response: Response) -> bool:
            if isinstance(response, StatusEntry) and response.raw_name == listed.entry.raw_name:
                listed.status = response.items
                return True
            return False

        parts = [b"STATUS ", mailbox(listed.entry.raw_name), f" ({' '.join(items)})".encode()]
        single = len(render(parts, self.capabilities)) == 1
        return begin_parts(self._protocol, "STATUS", parts, self.capabilities, accept), single

    def _status_items(self) -> tuple[str, ...]:
        items: tuple[str, ...] = STATUS_ITEMS
        if "CONDSTORE" in self.capabilities:
            items += ("HIGHESTMODSEQ",)
        return items

    async def status(self, raw_name: bytes) -> dict[str, int] | None:
        """STATUS of one folder; None when the server says, without a code or with NONEXISTENT, that there is none."""
        answered: dict[str, int] = {}

        def accept(response: Response) -> bool:
            if isinstance(response, StatusEntry):
                answered.update(response.items)
                return True
            return False

        parts = [b"STATUS ", mailbox(raw_name), f" ({' '.join(self._status_items())})".encode()]
        answer = await self._protocol.finish(begin_parts(self._protocol, "STATUS", parts, self.capabilities, accept))
        if answer.status == "NO" and (answer.code is None or answer.code.name == "NONEXISTENT"):
            return None
        self._check(answer, "STATUS")
        return answered

    async def examine(self, raw_name: bytes) -> Mailbox:
        """Open a folder read-only (law 4); CommandRefused when the server will not."""
        box = Mailbox(raw_name)

        def accept(response: Response) -> bool:
            match response:
                case Exists(count):
                    box.exists = max(box.exists, count)  # Zimbra sends several; the last and largest holds
                case Condition(code=code) if code is not None and code.name in _MAILBOX_CODES:
                    setattr(box, _MAILBOX_CODES[code.name], code.number())
                case Condition(code=code) if code is not None and code.name == "NOMODSEQ":
                    box.highestmodseq = None
                case Recent() | Flags():
                    pass
                case _:
                    return False
            return True

        parts = [b"EXAMINE ", mailbox(raw_name)]
        if "CONDSTORE" in self.capabilities:
            parts.append(b" (CONDSTORE)")
        self.mailbox = None
        answer = await self._protocol.finish(begin_parts(self._protocol, "EXAMINE", parts, self.capabilities, accept))
        if answer.status != "OK":
            self._protocol.state = AUTH
            self._check(answer, "EXAMINE")
        self._protocol.state = SELECTED
        if box.highestmodseq is not None and box.highestmodseq <= 0:
            box.highestmodseq = None
        self.mailbox = box
        self._pushed.clear()
        return box

    async def search_uids(self) -> UidSet:
        """All UIDs of the open folder by UID SEARCH; in the compact form of ESEARCH (RFC 4731) where offered."""
        found: list[UidSet] = []

        def accept(response: Response) -> bool:
            match response:
                case Search(uids=uids):
                    found.append(uids)
                case ESearch(all=uids):
                    found.append(uids or UidSet.from_uids(()))
                case _:
                    return False
            return True

        line = b"UID SEARCH RETURN (ALL) ALL" if "ESEARCH" in self.capabilities else b"UID SEARCH ALL"
        answer = await self._protocol.finish(self._protocol.begin("UID SEARCH", line, accept=accept))
        if answer.status == "BAD" and b"RETURN" in line:
            self.capabilities -= {"ESEARCH"}
            return await self.search_uids()
        self._check(answer, "SEARCH")
        result = UidSet.from_uids(())
        for uids in found:
            result = result.union(uids)
        return result

    def fetch(self, sets: Iterable[UidSet], items: str, batch_bytes: int, *, depth: int = 2) -> FetchStream:
        """Fetch `items` of these UID sets in order, `depth` commands on their way at a time; see FetchStream.

        With two the server starts on the next set while we still read the last.
        """
        return FetchStream(self._protocol, sets, items, batch_bytes, depth)

    async def noop(self) -> None:
        await self._ok(self._protocol.begin("NOOP"))

    async def idle(self, seconds: float) -> bool:
        """IDLE (RFC 2177) until something is pushed or `seconds` have passed; True when something was pushed.

        What was pushed is in `mailbox`; anything pushed between two calls ends the next one at once.
        """
        started = asyncio.Event()

        def go_ahead(text: bytes) -> bytes | None:
            del text
            started.set()
            return None

        if self._pushed.is_set():
            self._pushed.clear()
            return True
        pending = self._protocol.begin("IDLE", on_continuation=go_ahead)
        try:
            await _first(started, pending, SILENCE_SECONDS)
            if not started.is_set():
                if pending.future.done():
                    self._check(await pending.future, "IDLE")
                raise self._fail(Unreachable(f"{self.endpoint} did not answer IDLE"))
            await _first(self._pushed, pending, seconds)
        except BaseException as error:
            self._fail(error if isinstance(error, MailsyncError) else ConnectionLost("IDLE was cancelled"))
            raise
        if not pending.future.done():
            self._protocol.end_idle(pending)
        await self._ok(pending)
        pushed = self._pushed.is_set()
        self._pushed.clear()
        return pushed

    # -- end ---------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> MailsyncError | None:
        """Why the session cannot be used any more, or None."""
        return self._protocol.closed

    @property
    def bytes_received(self) -> int:
        return self._protocol.bytes_received

    async def logout(self) -> None:
        """Say goodbye and close; never fails, never waits long."""
        with contextlib.suppress(MailsyncError, TimeoutError):
            async with asyncio.timeout(2):
                await self._protocol.finish(self._protocol.begin("LOGOUT"))
        self.close()

    def close(self) -> None:
        """Close at once."""
        self._watchdog.cancel()
        self._fail(ConnectionLost("the session was closed"))

    # -- inside ------------------------------------------------------------------------------------------------

    def _on_untagged(self, response: Response) -> None:
        box = self.mailbox
        match response:
            case Condition(status="BYE", text=text):
                self._fail(ConnectionLost(f"{self.endpoint} said goodbye: {safe_text(text, 200)}"))
            case Exists(count) if box is not None:
                box.arrived = box.arrived or count > box.exists
                box.disturbed = box.disturbed or count < box.exists
                box.exists = count
                self._pushed.set()
            case Expunge() | Vanished() if box is not None:
                if isinstance(response, Expunge):
                    box.exists = max(box.exists - 1, 0)
                box.disturbed = True
                self._pushed.set()
            case Fetch() if box is not None:
                box.disturbed = True
                self._pushed.set()
            case Capability(names=names):
                self.capabilities = names

    def _fail(self, error: MailsyncError) -> MailsyncError:
        self._protocol.fail(error)
        return error

    async def _ok(self, pending: Pending) -> Tagged:
        answer = await self._protocol.finish(pending)
        self._check(answer, pending.name)
        return answer

    def _check(self, answer: Tagged, name: str) -> None:
        if answer.status == "OK":
            return
        text = safe_text(answer.text, 200)
        if answer.status == "BAD":
            raise ProtocolError(f"the server does not understand {name}: {text}", scope="folder")
        raise CommandRefused(f"the server refused {name}: {text}")

    async def _watch_silence(self) -> None:
        """Fail the connection when a command waits and the server says nothing. IDLE may be silent."""
        protocol = self._protocol
        while protocol.closed is None:
            await asyncio.sleep(SILENCE_SECONDS / 12)
            silent = protocol.loop.time() - protocol.last_received
            if silent > SILENCE_SECONDS and protocol.waits_for_data and protocol.closed is None:
                self._fail(Unreachable(f"{self.endpoint} has been silent for {SILENCE_SECONDS:.0f} seconds"))


async def _first(event: asyncio.Event, pending: Pending, seconds: float) -> None:
    """Wait until `event` is set, the command has ended, or `seconds` have passed."""
    happened = asyncio.ensure_future(event.wait())
    waiting: set[asyncio.Future[Any]] = {happened, pending.future}
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        happened.cancel()


_MAILBOX_CODES: dict[str, str] = {
    "UIDVALIDITY": "uidvalidity",
    "UIDNEXT": "uidnext",
    "HIGHESTMODSEQ": "highestmodseq",
}
