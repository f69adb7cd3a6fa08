"""The frame of every scripted IMAP server: a listener on loopback in a thread of its own, its links and their commands.

A server says what it answers in `answer`; `hooks[verb]` may answer instead, and `script` replaces everything after the
connection is made. An error in any of them is raised when the server is closed.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.servers.process import HOST

LINE_LIMIT = 1 << 20
Word = bytes | list["Word"]
"""An argument: a string, or a parenthesised list."""
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|(\{\d+\+?\}\r\n)|([()])|((?:\[[^\]]*\]|[^ "()\[\]])+)')


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it came: `verb` in upper case (`UID FETCH` is one), `args` unquoted, `text` all after the verb.

    In `args` a parenthesised list is one word; `words` has them apart.
    """

    tag: str
    verb: str
    args: list[bytes]
    text: bytes
    literals: list[bytes] = field(default_factory=list)

    def words(self) -> list[Word]:
        """The arguments with every list a list; ValueError when the parentheses do not match."""
        stack: list[list[Word]] = [[]]
        left = list(self.literals)
        for match in _TOKEN.finditer(self.text):
            if match[3] == b"(":
                stack.append([])
            elif match[3] == b")":
                inner = stack.pop()
                if not stack:
                    raise ValueError("a closing parenthesis too many")
                stack[-1].append(inner)
            elif match[1] is not None:
                stack[-1].append(re.sub(rb"\\(.)", rb"\1", match[1]))
            else:
                stack[-1].append(match[4] if match[4] is not None else left.pop(0))
        if len(stack) != 1:
            raise ValueError("an open parenthesis")
        return stack[0]


class Link:
    """One connection of a client; `selected` is the server's own note of the open folder."""

    def __init__(self, server: ScriptedServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.number = len(server.links)
        self.selected: Any = None
        self.idling = False
        self.open = True
        self._reader = reader
        self._writer = writer

    async def send(self, *parts: bytes) -> None:
        self._writer.write(b"".join(parts))
        await self._writer.drain()

    def say(self, data: bytes) -> None:
        """Send without waiting."""
        self._writer.write(data)

    async def ok(self, command: Command, text: str = "done", status: str = "OK") -> None:
        await self.send(f"{command.tag} {status} {text}\r\n".encode())

    async def line(self) -> bytes:
        """The next line without its end; ConnectionError when there is none."""
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError
        return line.rstrip(b"\r\n")

    async def command(self) -> Command:
        """The next command; literals in it are asked for."""
        whole = line = await self.line()
        literals: list[bytes] = []
        while announced := re.search(rb"\{(\d+)([+-]?)\}$", line):
            if not announced[2]:
                await self.send(b"+ go ahead\r\n")
            literals.append(await self._reader.readexactly(int(announced[1])))
            line = await self.line()
            whole += b"\r\n" + line
        tag, _, rest = whole.partition(b" ")
        verb, _, text = rest.partition(b" ")
        if verb.upper() == b"UID":
            second, _, text = text.partition(b" ")
            verb += b" " + second
        decoded = verb.decode("latin-1").upper()
        command = Command(tag.decode("latin-1"), decoded, _words(text, literals), text, literals)
        self.server.commands.append((self.number, command))
        return command

    async def start_tls(self, context: ssl.SSLContext) -> None:
        clear = self._writer.transport
        try:
            await self._writer.start_tls(context)
        finally:
            # The client hung up in the middle of it: asyncio stumbles over a transport that is none, now or later, and
            # a writer without a transport cannot even be deleted.
            if self._writer.transport is None:
                self._writer._transport = clear  # type: ignore[unreachable]
                raise ConnectionError

    def unread_lines(self) -> int:
        """How many lines have come that nobody has read yet."""
        return bytes(self._reader._buffer).count(b"\n")  # type: ignore[attr-defined]

    def cut(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()

    async def closed(self) -> None:
        """Wait until the client has hung up."""
        while await self._reader.read(LINE_LIMIT):
            continue


Hook = Callable[[Link, Command], Awaitable[bool]]
"""Answers a command in the server's place; True when it has."""


class ScriptedServer(ABC):
    """A context manager; listens on `port` of loopback, with TLS from the first byte when given a `context`."""

    host = HOST

    def __init__(self, *, context: ssl.SSLContext | None = None, password: str = "secret") -> None:
        self.password = password
        self.capabilities = "IMAP4rev1"
        self.greeting = b"* OK ready\r\n"
        self.hooks: dict[str, Hook] = {}
        self.script: Callable[[Link], Awaitable[None]] | None = None
        self.commands: list[tuple[int, Command]] = []
        self.logins: list[tuple[str, str]] = []
        self.links: list[Link] = []
        self.port = 0
        self._context = context
        self._errors: list[BaseException] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        if self._errors and error is None:
            raise self._errors[0]

    @abstractmethod
    async def answer(self, link: Link, command: Command) -> None:
        """The honest answer to a command."""

    def verbs(self) -> list[str]:
        """The verbs of all commands so far."""
        return [command.verb for _, command in self.commands]

    def push(self, *lines: bytes) -> None:
        """Say something to every client that is in IDLE, in one segment."""
        data = b"".join(lines)

        def write() -> None:
            for link in self.links:
                if link.idling:
                    link.say(data)

        self.soon(write)

    def cut_all(self) -> None:
        """End every connection at once."""
        for link in list(self.links):
            self.soon(link.cut)

    def soon(self, call: Callable[[], None]) -> None:
        """Have the server's thread do something."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(call)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        listener = await asyncio.start_server(self._client, HOST, 0, ssl=self._context, limit=LINE_LIMIT)
        self.port = int(listener.sockets[0].getsockname()[1])
        self._ready.set()
        await self._stop.wait()
        listener.close()
        for link in self.links:
            link.cut()
        _, stuck = await asyncio.wait(self._tasks or {asyncio.create_task(asyncio.sleep(0))}, timeout=2)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(self, reader, writer)
        self.links.append(link)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self.script is not None:
                await self.script(link)
                return
            await link.send(self.greeting)
            await self.serve(link)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            return
        except Exception as error:
            self._errors.append(error)
        finally:
            link.open = False
            writer.transport.abort()

    async def serve(self, link: Link) -> None:
        """Answer commands until LOGOUT."""
        while True:
            command = await link.command()
            hook = self.hooks.get(command.verb)
            if hook is not None and await hook(link, command):
                continue
            await self.answer(link, command)
            if command.verb == "LOGOUT":
                return

    async def sign_in(self, link: Link, command: Command) -> bool:
        """Answer LOGIN or AUTHENTICATE PLAIN; True when the password was right."""
        words = command.args
        if command.verb == "AUTHENTICATE":
            if len(words) == 1:
                await link.send(b"+ \r\n")
                words = [*words, await link.line()]
            words = base64.b64decode(words[1]).split(b"\0")[1:]
        user, password = words[0].decode(), words[1].decode()
        self.logins.append((user, password))
        right = password == self.password
        if right:
            await link.ok(command, f"[CAPABILITY {self.capabilities}] welcome")
        else:
            await link.ok(command, "[AUTHENTICATIONFAILED] wrong", "NO")
        return right

    async def idle(self, link: Link) -> None:
        """What follows IDLE, up to DONE."""
        link.say(b"+ idling\r\n")
        link.idling = True
        assert (await link.line()).upper() == b"DONE"
        link.idling = False


def _words(text: bytes, literals: list[bytes]) -> list[bytes]:
    """The arguments of a command: atoms, quoted strings and literals; a parenthesised list is one word."""
    words: list[bytes] = []
    left = list(literals)
    for match in re.finditer(rb'"((?:[^"\\]|\\.)*)"|\{\d+[+-]?\}\r\n|(\([^)]*\)|[^ "]+)', text):
        if match[1] is not None:
            words.append(re.sub(rb"\\(.)", rb"\1", match[1]))
        elif match[2] is not None:
            words.append(match[2])
        else:
            words.append(left.pop(0))
    return words
