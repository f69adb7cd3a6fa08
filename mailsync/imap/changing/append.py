"""APPEND (RFC 3501 section 6.3.11): messages into a folder, pipelined as far as their literals allow.

A literal waits for the server's go-ahead unless LITERAL+ is offered, or LITERAL- and it is short (RFC 7888); a long one
always waits, so that a server that will not have it says so before it is sent. UIDs come with UIDPLUS (RFC 4315).
MULTIAPPEND (RFC 3502) is not used: with it one message that is refused takes the others with it.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Any

from mailsync.errors import ConnectionLost, MailsyncError, ProtocolError, Throttled, Unreachable
from mailsync.imap import throttle
from mailsync.imap.auth import no_mailbox
from mailsync.imap.encode import LITERAL_MINUS_LIMIT, begin_parts, mailbox, render
from mailsync.imap.line import NOT_THROTTLED, Line
from mailsync.imap.protocol import Pending
from mailsync.imap.responses import Response, StatusEntry, Tagged
from mailsync.privacy import readonly
from mailsync.record import record
from mailsync.text import safe_text

FREE_BYTES = 1 << 20
"""A longer message waits for the go-ahead, even where LITERAL+ is offered."""
CHUNK = 1 << 16
UNSENT_BYTES = 1 << 18
"""More than so much is not left to the transport: a message is not in memory twice."""
STALL_SECONDS = 60.0
"""A line that takes nothing for so long is taken for dead."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FLAG = re.compile(r"\\?[A-Za-z0-9!#$&'+,\-./:;<=>?@^_`|~\[]+\Z")
_ONE_MESSAGE = frozenset({"TRYCREATE", "TOOBIG", "OVERQUOTA", "NONEXISTENT"})
"""Codes of a refusal that concern this message, or this folder, and are no plea to slow down."""


@record(frozen=True)
class Letter:
    """A message to append; `internaldate` in Unix seconds, None for the server's clock."""

    raw: bytes
    flags: tuple[str, ...] = ()
    internaldate: int | None = None


@record(frozen=True)
class Appended:
    """How a server took a message. `uid` is None where it does not tell, or refused; `why` in its words then."""

    accepted: bool
    uidvalidity: int | None = None
    uid: int | None = None
    code: str = ""
    why: str = ""


def can_be_sent(flag: str) -> bool:
    """A flag or keyword by the grammar: what a server once told need not be one."""
    return _FLAG.match(flag) is not None


def date_time(seconds: int) -> bytes:
    """INTERNALDATE in UTC as APPEND takes it, quoted (RFC 3501 section 9); empty for a year that has not 4 digits."""
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return b""
    text = f'"{at.day:2d}-{_MONTHS[at.month - 1]}-{at.year:04d} {at.hour:02d}:{at.minute:02d}:{at.second:02d} +0000"'
    return text.encode()


async def append_limit(line: Line, raw_name: bytes) -> int | None:
    """Bytes that a message may have (RFC 7889), for all folders or this one; None where the server does not tell."""
    for name in line.advertised:
        head, _, number = name.partition("=")
        if head == "APPENDLIMIT" and number.isdigit():
            return int(number)
    if "APPENDLIMIT" not in line.advertised:
        return None
    found: list[int | None] = []

    def accept(response: Response) -> bool:
        if isinstance(response, StatusEntry) and response.raw_name == raw_name:
            found.append(response.items.get("APPENDLIMIT"))
            return True
        return False

    parts = [b"STATUS ", mailbox(raw_name), b" (APPENDLIMIT)"]
    await line.protocol.finish(begin_parts(line.protocol, "STATUS", parts, line.capabilities, accept))
    return found[-1] if found else None


async def append(
    line: Line, raw_name: bytes, letters: Sequence[Letter], told: dict[int, Appended], *, careful: bool = False
) -> None:
    """Append `letters` in their order; `told` gains what the server says of each, by its place among them.

    A refusal is told and the rest goes on. Raises Throttled once all that was sent is answered, ConnectionLost and the
    like with what was answered before that in `told`: nobody knows of the others. `careful`: every literal waits.
    """
    readonly.require()
    run = _Run(line, raw_name, told)
    try:
        for number, letter in enumerate(letters):
            free = not careful and _goes_free(line, len(letter.raw))
            while run.waiting and (not free or len(run.waiting) >= line.quirks.pipeline):
                await run.settle()
            if run.pause is not None:
                break
            await run.send(number, letter, free=free)
        while run.waiting:
            await run.settle()
    except BaseException as error:
        if line.closed is None:  # in the middle of a literal, for all we know
            line.fail(error if isinstance(error, MailsyncError) else ConnectionLost("APPEND was left before its end"))
        raise
    if run.pause is not None:
        raise run.pause


def _goes_free(line: Line, length: int) -> bool:
    """The literal may be sent without a go-ahead."""
    if line.offers("LITERAL+"):
        return length <= FREE_BYTES
    return line.offers("LITERAL-") and length <= LITERAL_MINUS_LIMIT


@record
class _Run:
    """Appends to one folder on their way."""

    line: Line
    raw_name: bytes
    told: dict[int, Appended]
    waiting: deque[tuple[int, Pending, bool]] = field(default_factory=deque)
    pause: Throttled | None = None

    async def send(self, number: int, letter: Letter, *, free: bool) -> None:
        """One message on its way; its answer is settled later, at once where it was refused before it was sent."""
        line = self.line
        flags = f" ({' '.join(letter.flags)})".encode() if letter.flags else b""
        date = date_time(letter.internaldate) if letter.internaldate is not None else b""
        tail = b"%s%s {%d%s}" % (flags, b" " + date if date else b"", len(letter.raw), b"+" if free else b"")
        first, *rest = render([b"APPEND ", mailbox(self.raw_name), tail], line.capabilities)
        go = asyncio.Event()

        def go_ahead(text: bytes) -> None:
            del text
            go.set()

        pending = line.protocol.begin("APPEND", first, on_continuation=go_ahead)
        self.waiting.append((number, pending, free))
        for segment in rest:
            if not await _may_go_on(go, pending):
                return
            go.clear()
            line.protocol.write(segment + b"\r\n")
        if free or await _may_go_on(go, pending):
            await _pour(line, letter.raw)

    async def settle(self) -> None:
        """The answer to what was sent first."""
        number, pending, free = self.waiting.popleft()
        answer = await self.line.protocol.finish(pending)
        if answer.status == "BAD" and free:
            # Whoever does not understand the command may take the message for more commands.
            raise self.line.fail(ProtocolError(f"the server does not understand APPEND: {safe_text(answer.text, 200)}"))
        try:
            self.told[number] = self._judged(answer)
        except Throttled as error:
            self.pause = self.pause or error

    def _judged(self, answer: Tagged) -> Appended:
        code = answer.code
        if answer.status == "OK":
            if code is None or code.name != "APPENDUID":
                return Appended(True)
            try:
                uids = code.uid_set(1)
            except ValueError:
                return Appended(True)
            return Appended(True, code.number(), uids.min if len(uids) == 1 else None)
        name = code.name if code is not None else ""
        if (error := no_mailbox(answer)) is not None:
            raise error
        seconds = throttle.hint(answer.text, None if name in _ONE_MESSAGE else name or None)
        if seconds is not None and name not in NOT_THROTTLED:
            raise Throttled(f"the server asks us to slow down: {safe_text(answer.text, 200)}", resume_after=seconds)
        why = f"[{name}] {answer.text}" if name else answer.text
        return Appended(False, code=name, why=safe_text(why, 200) or "refused without a reason")


async def _may_go_on(go: asyncio.Event, pending: Pending) -> bool:
    """Wait for the go-ahead; False when the server has answered the command instead."""
    told = asyncio.ensure_future(go.wait())
    either: set[asyncio.Future[Any]] = {told, pending.future}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
    return go.is_set()


async def _pour(line: Line, raw: bytes) -> None:
    """Send a literal and the end of its command as fast as the line takes it; it may take longer than silence may."""
    protocol = line.protocol
    loop = protocol.loop
    protocol.sending = True
    try:
        for at in range(0, len(raw), CHUNK):
            protocol.write(raw[at : at + CHUNK])
            left, since = protocol.unsent, loop.time()
            while left > UNSENT_BYTES and protocol.closed is None:
                await asyncio.sleep(0.002)
                now_left = protocol.unsent
                if now_left < left:
                    since = loop.time()
                elif loop.time() - since > STALL_SECONDS:
                    line.fail(Unreachable(f"{line.endpoint} has taken nothing for {STALL_SECONDS:.0f} seconds"))
                left = now_left
            if protocol.closed is not None:
                raise protocol.closed
        protocol.write(b"\r\n")
    finally:
        protocol.sending = False
        protocol.last_received = loop.time()
