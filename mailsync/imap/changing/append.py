"""APPEND (RFC 3501 section 6.3.11): messages into a folder, pipelined as far as their literals allow.

A literal waits for the server's go-ahead unless LITERAL+ is offered, or LITERAL- and it is short (RFC 7888); a long one
always waits, so that a server that will not have it says so before it is sent. UIDs come with UIDPLUS (RFC 4315).
Several messages in one command (MULTIAPPEND, RFC 3502) are one transaction, and much faster where each costs one: all
are taken or none, so where one is refused they have to go one by one.
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
from mailsync.imap.uidset import EMPTY, UidSet
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


def together(line: Line, letters: Sequence[Letter]) -> bool:
    """Whether `append_together` can be used for these."""
    free = all(0 < len(letter.raw) <= FREE_BYTES for letter in letters)
    return len(letters) > 1 and free and line.offers("MULTIAPPEND") and line.offers("LITERAL+")


async def append_together(line: Line, raw_name: bytes, letters: Sequence[Letter]) -> list[Appended] | None:
    """Append `letters` by one command; what the server says of each, None when it takes none of them.

    Raises Throttled; ConnectionLost and the like when nobody knows; ProtocolError, with the connection closed, when the
    server does not understand it.
    """
    readonly.require()
    first, *rest = (_about(letter, free=True) for letter in letters)
    try:
        parts = [b"APPEND ", mailbox(raw_name), first]
        pending = begin_parts(line.protocol, "APPEND", parts, line.capabilities)
        await _pour(line, letters[0].raw)
        for about, letter in zip(rest, letters[1:], strict=True):
            line.protocol.write(about + b"\r\n")
            await _pour(line, letter.raw)
        line.protocol.write(b"\r\n")
        answer = await line.protocol.finish(pending)
    except BaseException as error:
        if line.closed is None:
            line.fail(error if isinstance(error, MailsyncError) else ConnectionLost("APPEND was left before its end"))
        raise
    if answer.status == "BAD":
        raise line.fail(ProtocolError(f"the server does not understand APPEND: {safe_text(answer.text, 200)}"))
    said = _judged(answer)
    if not said.accepted:
        return None
    uids = _uids(answer)
    if len(uids) != len(letters):
        return [Appended(True, said.uidvalidity) for _ in letters]
    return [Appended(True, said.uidvalidity, uid) for uid in uids]


def _about(letter: Letter, *, free: bool) -> bytes:
    """What precedes the bytes of a message: flags, date, the announcement of its literal."""
    flags = f" ({' '.join(letter.flags)})".encode() if letter.flags else b""
    date = date_time(letter.internaldate) if letter.internaldate is not None else b""
    return b"%s%s {%d%s}" % (flags, b" " + date if date else b"", len(letter.raw), b"+" if free else b"")


def _uids(answer: Tagged) -> UidSet:
    """The UIDs that a server tells of what it has taken; they count up in the order of the messages."""
    if answer.code is None or answer.code.name != "APPENDUID":
        return EMPTY
    try:
        return answer.code.uid_set(1)
    except ValueError:
        return EMPTY


def _judged(answer: Tagged) -> Appended:
    code = answer.code
    name = code.name if code is not None else ""
    if answer.status == "OK":
        uids = _uids(answer)
        return Appended(
            True, code.number() if code is not None and uids else None, uids.min if len(uids) == 1 else None
        )
    if (error := no_mailbox(answer)) is not None:
        raise error
    seconds = throttle.hint(answer.text, None if name in _ONE_MESSAGE else name or None)
    if seconds is not None and name not in NOT_THROTTLED:
        raise Throttled(f"the server asks us to slow down: {safe_text(answer.text, 200)}", resume_after=seconds)
    why = f"[{name}] {answer.text}" if name else answer.text
    return Appended(False, code=name, why=safe_text(why, 200) or "refused without a reason")


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
        first, *rest = render([b"APPEND ", mailbox(self.raw_name), _about(letter, free=free)], line.capabilities)
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
            line.protocol.write(b"\r\n")

    async def settle(self) -> None:
        """The answer to what was sent first."""
        number, pending, free = self.waiting.popleft()
        answer = await self.line.protocol.finish(pending)
        if answer.status == "BAD" and free:
            # Whoever does not understand the command may take the message for more commands.
            raise self.line.fail(ProtocolError(f"the server does not understand APPEND: {safe_text(answer.text, 200)}"))
        try:
            self.told[number] = _judged(answer)
        except Throttled as error:
            self.pause = self.pause or error


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
    """Send a literal as fast as the line takes it; that may take longer than a silence may."""
    protocol = line.protocol
    loop = protocol.loop
    protocol.sending = True
    try:
        for at in range(0, len(raw), CHUNK):
            protocol.write(raw[at : at + CHUNK])
            left, since = protocol.unsent, loop.time()
            while left > UNSENT_BYTES and not protocol.is_ending:
                await asyncio.sleep(0.002)
                now_left = protocol.unsent
                if now_left < left:
                    since = loop.time()
                elif loop.time() - since > STALL_SECONDS:
                    line.fail(Unreachable(f"{line.endpoint} has taken nothing for {STALL_SECONDS:.0f} seconds"))
                left = now_left
            if protocol.is_ending:
                raise protocol.closed or ConnectionLost("the server closed the connection")
    finally:
        protocol.sending = False
        protocol.last_received = loop.time()
