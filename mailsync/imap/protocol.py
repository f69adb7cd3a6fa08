"""aioimaplib's protocol with its receive path replaced by ours: commands on their way, and who gets what is said.

What stays of `aioimaplib.IMAP4ClientProtocol`: the state names, the table of commands and the states they are legal
in, the tags, and its role as an asyncio protocol. What is replaced: everything that reads (`reception`). Each tagged
answer completes exactly its own command; untagged data go to the oldest command that wants them and otherwise to a
listener, so nothing is lost; a lost connection, a time-out or a limit fails every pending command at once and leaves
the connection closed, never half usable.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

import aioimaplib
from aioimaplib.aioimaplib import AUTH, LOGOUT, NONAUTH, SELECTED, Cmd, Commands, Exec

from mailsync.errors import ConnectionLost, InsecureConnection, MailsyncError, ProtocolError
from mailsync.imap.compress import Deflate
from mailsync.imap.reception import Reception
from mailsync.imap.responses import Condition, Continuation, Response, Tagged, Unparsed
from mailsync.imap.wire import WireParser
from mailsync.record import record

COMMANDS = {
    **Commands,
    "UNSELECT": Cmd("UNSELECT", (SELECTED,), Exec.is_sync),
    "ENABLE": Cmd("ENABLE", (AUTH, SELECTED), Exec.is_sync),
    "COMPRESS": Cmd("COMPRESS", (AUTH, SELECTED), Exec.is_sync),
    "IDLE": Cmd("IDLE", (AUTH, SELECTED), Exec.is_async),
    "NOTIFY": Cmd("NOTIFY", (AUTH, SELECTED), Exec.is_sync),
}
"""The library's table (a copy: it is shared by the whole process) and what it lacks."""

__all__ = ["AUTH", "SELECTED", "Client", "Pending", "Protocol"]

UNPARSED_LIMIT = 1000
"""Lines in a row that are no IMAP before the peer is taken for something that is no IMAP server at all."""
PATIENCE = 100_000
"""Untagged responses to a command, when no folder is open or an empty one; each message allows for 4 more."""


@record
class Pending:
    """A command on its way: who gets its answers.

    `accept(response)` says whether it takes an untagged response; `on_continuation(text)` gives the next bytes to
    send, or None to send nothing; `on_tagged(answer)` is called before anything that follows the answer is read.
    """

    tag: str
    name: str
    future: asyncio.Future[Tagged]
    accept: Callable[[Response], bool] | None = None
    on_continuation: Callable[[bytes], bytes | None] | None = None
    last_in_segment: bool = False
    """True for STARTTLS: anything that follows its answer in the clear was injected."""
    on_tagged: Callable[[Tagged], None] | None = None


class Protocol(Reception):
    """One connection. Use `mailsync.imap.session.Session` for typed commands."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.greeting: asyncio.Future[Condition] = loop.create_future()
        self.listener: Callable[[Response], None] = lambda response: None
        self.unsaid: Callable[[str], str] = lambda text: text
        """Takes out of a server's words what it was told in confidence."""
        self.patience, self._untagged = PATIENCE, 0
        self.on_closed: Callable[[MailsyncError], None] = lambda error: None
        self.sending = False
        """A long literal is on its way: it is for us to go on, and whoever sends it watches the line."""
        self._waiting: dict[str, Pending] = {}
        self._unparsed = 0
        self._closed_event = asyncio.Event()

    # -- asyncio's side ----------------------------------------------------------------------------------------

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(ConnectionLost(f"the server closed the connection{f': {exc}' if exc else ''}"))
        self.state = LOGOUT
        self._closed_event.set()

    # -- dispatch ----------------------------------------------------------------------------------------------

    def _dispatch(self, response: Response, *, final: bool) -> None:
        kind = type(response)
        if kind is Tagged:
            tagged = cast(Tagged, response)
            pending = self._waiting.get(tagged.tag)
            if pending is None:
                raise ProtocolError("the server answered a command that was not sent")
            if pending.last_in_segment and not final:
                raise InsecureConnection("data was injected before TLS began", hint='use security = "tls"')
            del self._waiting[tagged.tag]
            if tagged.status != "OK":
                tagged.text = self.unsaid(tagged.text)
            if pending.on_tagged is not None:
                pending.on_tagged(tagged)
            if not pending.future.done():
                pending.future.set_result(tagged)
            return
        greeted = self.greeting.done()
        if kind is Continuation and greeted:
            self._continue(cast(Continuation, response))
            return
        if kind is Unparsed or kind is Continuation:  # `+OK` is POP3
            self._unparsed += 1
            if self._unparsed > UNPARSED_LIMIT or not greeted:
                raise ProtocolError("the other side does not speak IMAP", hint="check host, port and security")
        elif not greeted:
            if not isinstance(response, Condition):
                raise ProtocolError("the server did not greet", hint="check host, port and security")
            self.greeting.set_result(response)
            self.state = AUTH if response.status == "PREAUTH" else NONAUTH
            return
        self._untagged += 1
        if self._untagged > self.patience and self.waits_for_data:
            raise ProtocolError("the server answers without end")
        for pending in self._waiting.values():
            if pending.accept is not None and pending.accept(response):
                return
        self.listener(response)

    def _continue(self, response: Continuation) -> None:
        for pending in self._waiting.values():
            if pending.on_continuation is not None:
                reply = pending.on_continuation(response.text)
                if reply is not None:
                    self.write(reply)
                return

    # -- sending -----------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send bytes as they are; nothing is logged, so nothing secret can be."""
        if self.transport is not None and self.closed is None:
            self.transport.write(data if self._deflate is None else self._deflate.deflate(data))

    def begin(
        self,
        name: str,
        data: bytes = b"",
        *,
        accept: Callable[[Response], bool] | None = None,
        on_continuation: Callable[[bytes], bytes | None] | None = None,
        last_in_segment: bool = False,
        on_tagged: Callable[[Tagged], None] | None = None,
        ahead: bool = False,
    ) -> Pending:
        """Send `tag data CRLF` and register the command; raises what closed the connection if it is closed.

        `ahead`: a command still on its way will bring about the state that this one needs (RFC 3501 section 5.5).
        """
        if self.closed is not None:
            raise self.closed
        verb = name.split()[-1] if name.startswith("UID ") else name
        if not ahead and self.state not in COMMANDS[verb].valid_states:
            raise ProtocolError(f"{name} is not possible in state {self.state}", retry="backoff")
        tag = self.new_tag()
        pending = Pending(tag, name, self.loop.create_future(), accept, on_continuation, last_in_segment, on_tagged)
        self._waiting[tag] = pending
        self._untagged = 0
        self.last_received = self.loop.time()
        self.write(b"%s %s\r\n" % (tag.encode(), data or name.encode()))
        return pending

    def end_idle(self, pending: Pending) -> None:
        """Send DONE: from here on the server owes an answer, and its silence counts."""
        pending.name = "DONE"
        self.last_received = self.loop.time()
        self.write(b"DONE\r\n")

    async def finish(self, pending: Pending) -> Tagged:
        """Wait for a command's tagged answer. Cancelled while waiting, the connection is closed: it is mid-answer."""
        try:
            return await pending.future
        except asyncio.CancelledError:
            self.fail(ConnectionLost("the command was cancelled"))
            raise

    async def execute(self, command: Any, scrub: str | None = None) -> aioimaplib.Response:
        """What the library's own verbs call: run one of its commands over our path."""
        del scrub
        tagged = await self.finish(self.begin(command.name, str(command).partition(" ")[2].encode()))
        return aioimaplib.Response(tagged.status, [tagged.text.encode()])

    def is_next(self, pending: Pending) -> bool:
        """No earlier command waits: what the server says now is about this one."""
        return next(iter(self._waiting.values()), None) is pending

    @property
    def busy(self) -> bool:
        """A command is on its way."""
        return bool(self._waiting)

    @property
    def waits_for_data(self) -> bool:
        """True while the server owes us something: a command waits (IDLE may be silent) and we are reading."""
        waits = not self._paused and not self.sending
        return waits and any(pending.name != "IDLE" for pending in self._waiting.values())

    @property
    def is_ending(self) -> bool:
        """The line is broken or closed, whether that was told already or not."""
        return self.closed is not None or self.transport is None or self.transport.is_closing()

    @property
    def unsent(self) -> int:
        """Bytes that were written and the line has not taken yet."""
        return self.transport.get_write_buffer_size() if self.transport is not None else 0

    # -- end ---------------------------------------------------------------------------------------------------

    def fail(self, error: MailsyncError) -> None:
        """Close the connection and fail everything that waits on it; the first reason given stays the reason."""
        if self.closed is None:
            self.closed = error
            self.on_closed(error)
        waiting, self._waiting = self._waiting, {}
        for pending in waiting.values():
            if not pending.future.done():
                pending.future.set_exception(self.closed)
                pending.future.exception()  # seen: a caller that went away does not make asyncio complain
        if not self.greeting.done():
            self.greeting.set_exception(self.closed)
            self.greeting.exception()
        if self.transport is not None:
            self.transport.abort()

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Switch to TLS after the tagged OK of STARTTLS; all that was said in the clear is forgotten."""
        assert self.transport is not None
        self.transport.pause_reading()
        transport = await self.loop.start_tls(self.transport, self, context, server_hostname=host)
        assert transport is not None
        self._parser = WireParser()
        self.capabilities: set[str] = set()
        self.transport = transport
        transport.resume_reading()

    async def compress(self) -> bool:
        """COMPRESS DEFLATE (RFC 4978) when nothing else is on its way; False when the server will not."""
        if self._waiting or self._deflate is not None:
            raise RuntimeError("COMPRESS has to be alone on its way, and only once")
        self._held = bytearray()

        def answered(answer: Tagged) -> None:
            self._held = None
            if answer.status == "OK":
                self._deflate = Deflate()

        await self.finish(self.begin("COMPRESS", b"COMPRESS DEFLATE", on_tagged=answered))
        return self._deflate is not None

    @property
    def compressed(self) -> bool:
        """COMPRESS is in effect."""
        return self._deflate is not None

    async def wait_closed(self) -> None:
        await self._closed_event.wait()


class Client(aioimaplib.IMAP4):  # type: ignore[misc]  # the library is not typed
    """aioimaplib's client on our protocol: it connects when made; await `connected()`."""

    protocol: Protocol

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port, asyncio.get_running_loop(), ssl_context=context)

    def create_client(
        self,
        host: str,
        port: int,
        loop: asyncio.AbstractEventLoop,
        conn_lost_cb: Any = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.protocol = Protocol(loop)
        server_hostname = host if ssl_context else None
        self._client_task = loop.create_task(
            loop.create_connection(lambda: self.protocol, host, port, ssl=ssl_context, server_hostname=server_hostname)
        )

    async def connected(self, seconds: float) -> Condition:
        """Wait for the connection, TLS and the greeting; OSError and ssl.SSLError as asyncio raises them."""
        try:
            async with asyncio.timeout(seconds):
                await self._client_task
                return await self.protocol.greeting
        except BaseException:
            self._client_task.cancel()
            self.protocol.fail(ConnectionLost("the connection was not established"))
            raise
