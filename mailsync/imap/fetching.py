"""UID FETCH as a stream: pipelined commands, batches bounded by bytes, the socket paused while the consumer lags."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import chain

from mailsync.errors import CommandRefused, MailsyncError, ProtocolError, Throttled
from mailsync.imap import throttle
from mailsync.imap.line import NOT_THROTTLED
from mailsync.imap.protocol import Pending, Protocol
from mailsync.imap.responses import Fetch, Response, Tagged, Vanished
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.text import safe_text

OVERHEAD = 200
"""Bytes a message without a body is counted as, so that flags alone come in bounded batches too. As many for each
section of one."""


class FetchStream:
    """`async for batch in session.fetch(...)`: lists of Fetch of about `batch_bytes`.

    A batch is handed on as soon as it is whole, or when everything asked for has been answered; when the line breaks,
    what came before is handed on, then the error raised. While two batches wait for the consumer, reading from the
    socket stops. A tagged NO does not end the stream (some of the messages may be gone, RFC 2180 section 4.1):
    `refusals` collects what was said, and whoever asked compares what came with what was asked. What a server with
    MESSAGELIMIT left out is asked for again. Leaving the loop early closes the connection, since answers are still on
    their way.
    """

    def __init__(
        self,
        protocol: Protocol,
        sets: Iterable[UidSet | str],
        items: str,
        batch_bytes: int,
        depth: int,
        modifier: str = "",
    ) -> None:
        self.refusals: list[str] = []
        self.vanished = EMPTY
        """VANISHED (EARLIER) that was asked for: may name UIDs that never were."""
        self._protocol = protocol
        self._sets = iter(sets)
        self._items = items.encode()
        self._modifier = modifier.encode()
        self._batch_bytes = batch_bytes
        self._depth = depth
        self._ready: list[Fetch] = []
        self._ready_bytes = 0
        self._pending: list[tuple[Pending, UidSet | str]] = []
        self._wake = asyncio.Event()

    def _accept(self, response: Response) -> bool:
        if type(response) is not Fetch or response.uid is None:
            if type(response) is Vanished and response.earlier and self._modifier:
                self.vanished |= response.uids
                return True
            return False
        self._ready.append(response)
        self._ready_bytes += OVERHEAD + (len(response.body) if response.body is not None else 0)
        for text in response.sections.values():
            self._ready_bytes += OVERHEAD + len(text or b"")
        if self._ready_bytes >= self._batch_bytes:
            self._wake.set()
            if self._ready_bytes >= 2 * self._batch_bytes:
                self._protocol.pause()
        return True

    def begin(self) -> None:
        """Send the first commands behind one that is still on its way and will open the folder."""
        self._send(ahead=True)

    def _send(self, *, ahead: bool = False) -> None:
        while len(self._pending) < self._depth:
            uids = next(self._sets, None)
            if uids is None:
                return
            line = b"UID FETCH %s (%s)%s" % (str(uids).encode(), self._items, self._modifier)
            pending = self._protocol.begin("UID FETCH", line, accept=self._accept, ahead=ahead)
            pending.future.add_done_callback(lambda _: self._wake.set())
            self._pending.append((pending, uids))

    async def __aiter__(self) -> AsyncIterator[list[Fetch]]:
        failure: MailsyncError | None = None
        finished = False
        try:
            self._send()
            while self._pending:
                await self._wake.wait()
                self._wake.clear()
                while self._pending and self._pending[0][0].future.done():
                    self._judge(*self._pending.pop(0))
                    self._send()
                if self._ready_bytes >= self._batch_bytes or (self._ready and not self._pending):
                    yield self._take()
            finished = True
        except MailsyncError as error:
            # What came whole before the line broke is not asked for again: a bad line has to lead somewhere.
            failure = error
        finally:
            if not finished and any(not pending.future.done() for pending, _ in self._pending):
                self._protocol.fail(ProtocolError("a FETCH was left before its end", scope="folder"))
        if failure is not None:
            if self._ready:
                yield self._take()
            raise failure

    def _take(self) -> list[Fetch]:
        batch, self._ready, self._ready_bytes = self._ready, [], 0
        self._protocol.resume()
        return batch

    def _judge(self, pending: Pending, uids: UidSet | str) -> None:
        answer = pending.future.result()
        code = answer.code.name if answer.code else None
        if code == "MESSAGELIMIT":
            rest = list(_left_over(answer, uids))
            self._sets = chain(rest, self._sets)
            if rest:
                return
        text = safe_text(answer.text, 200)
        if answer.status != "OK":
            seconds = throttle.hint(answer.text, code)
            if seconds is not None and code not in NOT_THROTTLED:
                raise Throttled(f"the server asks us to slow down: {text}", resume_after=seconds)
        if answer.status == "NO":
            self.refusals.append(text)
        elif answer.status == "BAD":
            raise CommandRefused(f"the server does not understand FETCH: {text}")


def _left_over(answer: Tagged, uids: UidSet | str) -> Iterator[UidSet]:
    """What a server with MESSAGELIMIT (RFC 9738 section 3.1) has not looked at, in pieces it may like better.

    It works from the highest UID down; the code has its limit and, unless it refused all, the lowest UID it came to.
    """
    asked = uids if isinstance(uids, UidSet) else UidSet.parse(uids)
    words = [int(word) for word in answer.code.words() if word.isdigit()] if answer.code else []
    if len(words) > 1:
        left = asked & UidSet([(1, words[1] - 1)]) if words[1] > 1 else EMPTY
        if len(left) < len(asked):
            yield from [left] if left else []
    elif words and words[0] and len(asked) > words[0] and answer.status != "OK":
        yield from asked.split(words[0])
