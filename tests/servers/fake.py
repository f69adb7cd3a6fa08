"""A scripted IMAP server on loopback, in a thread of its own: honest, until a test tells it how to misbehave.

    with FakeServer({"INBOX": box(3)}) as server:
        server.hooks["UID SEARCH"] = hook     # async hook(link, command) -> True when it has answered
        server.bad[2] = "omit"                # what goes wrong with the message of that UID

`server.script` replaces everything after the connection is made. What clients sent is in `commands` and `logins`, how
often the bytes of a message were asked for in `bodies`. An error in a hook is raised when the server is closed.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from tests.servers.imap_client import encode_name
from tests.servers.process import HOST

CAPABILITIES = "IMAP4rev1 LITERAL+ IDLE ID"
LINE_LIMIT = 1 << 20
Fault = Literal["omit", "kill", "nil", "bare", "split"]
"""omit: no answer at all; kill: the connection ends; nil: `BODY[] NIL`; bare: an answer without the body; split: flags
and body in two answers."""


@dataclass(slots=True)
class Mail:
    """One message of a box; `date` as INTERNALDATE on the wire."""

    raw: bytes
    flags: tuple[str, ...] = ()
    date: str = "01-Feb-2024 03:04:05 +0100"


@dataclass(slots=True)
class Box:
    """A folder; `exists` and `uidnext` are lies where they are set."""

    messages: dict[int, Mail] = field(default_factory=dict)
    uidvalidity: int = 1
    uidnext: int | None = None
    exists: int | None = None
    modseq: int | None = None

    @property
    def count(self) -> int:
        return len(self.messages) if self.exists is None else self.exists

    @property
    def next(self) -> int:
        return max(self.messages, default=0) + 1 if self.uidnext is None else self.uidnext


def box(count: int, *, size: int = 100, uidvalidity: int = 1) -> Box:
    """A box of `count` messages with UIDs from 1 and about `size` bytes each."""
    return Box({uid: Mail(letter(uid, size)) for uid in range(1, count + 1)}, uidvalidity)


def letter(number: int, size: int = 100) -> bytes:
    """A message that differs from all others."""
    return b"Subject: %d\r\n\r\n" % number + b"x" * size + b"\r\n"


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it came: `verb` in upper case (`UID FETCH` is one), `args` unquoted, `text` all after the verb."""

    tag: str
    verb: str
    args: list[bytes]
    text: bytes


class Link:
    """One connection of a client."""

    def __init__(self, server: FakeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.number = len(server.links)
        self.selected: Box | None = None
        self.idling = False
        self.open = True
        self._reader = reader
        self._writer = writer

    async def send(self, *parts: bytes) -> None:
        self._writer.write(b"".join(parts))
        await self._writer.drain()

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
        while announced := re.search(rb"\{(\d+)(\+?)\}$", line):
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
        command = Command(tag.decode("latin-1"), verb.decode("latin-1").upper(), _words(text, literals), text)
        self.server.commands.append((self.number, command))
        return command

    async def start_tls(self, context: ssl.SSLContext) -> None:
        clear = self._writer.transport
        await self._writer.start_tls(context)
        if self._writer.transport is None:  # the client hung up; a writer without a transport cannot even be deleted
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


class FakeServer:
    """A context manager; listens on `port` of loopback, with TLS from the first byte when given a `context`."""

    host = HOST

    def __init__(
        self, boxes: dict[str, Box] | None = None, *, context: ssl.SSLContext | None = None, password: str = "secret"
    ) -> None:
        self.boxes = {encode_name(name): one for name, one in (boxes or {}).items()}
        self.password = password
        self.capabilities = CAPABILITIES
        self.greeting = b"* OK ready\r\n"
        self.hooks: dict[str, Hook] = {}
        self.script: Callable[[Link], Awaitable[None]] | None = None
        self.bad: dict[int, Fault] = {}
        self.commands: list[tuple[int, Command]] = []
        self.logins: list[tuple[str, str]] = []
        self.bodies: Counter[int] = Counter()
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

    def verbs(self) -> list[str]:
        """The verbs of all commands so far."""
        return [command.verb for _, command in self.commands]

    def push(self, *lines: bytes) -> None:
        """Say something to every client that is in IDLE, in one segment."""
        assert self._loop is not None
        data = b"".join(lines)

        def write() -> None:
            for link in self.links:
                if link.idling:
                    link._writer.write(data)

        self._loop.call_soon_threadsafe(write)

    def cut_all(self) -> None:
        """End every connection at once."""
        assert self._loop is not None
        for link in list(self.links):
            self._loop.call_soon_threadsafe(link.cut)

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

    async def answer(self, link: Link, command: Command) -> None:
        """The honest answer to a command."""
        match command.verb:
            case "CAPABILITY":
                await link.send(f"* CAPABILITY {self.capabilities}\r\n".encode())
            case "LOGIN" | "AUTHENTICATE":
                await self._sign_in(link, command)
                return
            case "ID":
                await link.send(b'* ID ("name" "fake" "version" "1")\r\n')
            case "LIST":
                for name in self.boxes:
                    await link.send(b'* LIST (\\HasNoChildren) "/" ', _quoted(name), b"\r\n")
            case "STATUS":
                if (name := command.args[0].decode()) not in self.boxes:
                    await link.ok(command, "[NONEXISTENT] no such folder", "NO")
                    return
                await link.send(b"* STATUS ", _quoted(name), b" (", _status(self.boxes[name]), b")\r\n")
            case "EXAMINE":
                if not await self._examine(link, command):
                    return
            case "UID SEARCH":
                assert link.selected is not None
                uids = " ".join(map(str, link.selected.messages))
                await link.send(f"* SEARCH {uids}\r\n".encode())
            case "UID FETCH":
                if not await self._fetch(link, command):
                    return
            case "IDLE":
                await link.send(b"+ idling\r\n")
                link.idling = True
                assert (await link.line()).upper() == b"DONE"
                link.idling = False
            case "LOGOUT":
                await link.send(b"* BYE\r\n")
            case "NOOP":
                pass
            case _:
                await link.ok(command, "what?", "BAD")
                return
        await link.ok(command)

    async def _sign_in(self, link: Link, command: Command) -> None:
        words = command.args
        if command.verb == "AUTHENTICATE":
            if len(words) == 1:
                await link.send(b"+ \r\n")
                words = [*words, await link.line()]
            words = base64.b64decode(words[1]).split(b"\0")[1:]
        user, password = words[0].decode(), words[1].decode()
        self.logins.append((user, password))
        if password == self.password:
            await link.ok(command, f"[CAPABILITY {self.capabilities}] welcome")
        else:
            await link.ok(command, "[AUTHENTICATIONFAILED] wrong", "NO")

    async def _examine(self, link: Link, command: Command) -> bool:
        link.selected = self.boxes.get(command.args[0].decode())
        if link.selected is None:
            await link.ok(command, "[NONEXISTENT] no such folder", "NO")
            return False
        one = link.selected
        await link.send(
            f"* {one.count} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY {one.uidvalidity}] ok\r\n"
            f"* OK [UIDNEXT {one.next}] ok\r\n".encode(),
            f"* OK [HIGHESTMODSEQ {one.modseq}] ok\r\n".encode() if one.modseq is not None else b"",
        )
        return True

    async def _fetch(self, link: Link, command: Command) -> bool:
        """False when the connection ended in the middle."""
        assert link.selected is not None
        messages = link.selected.messages
        wanted = _numbers(command.args[0].decode(), max(messages, default=0))
        for seq, uid in enumerate(sorted(messages), 1):
            if uid not in wanted:
                continue
            if b"BODY" not in command.text:
                await link.send(_fetched(seq, uid, messages[uid]))
                continue
            self.bodies[uid] += 1
            if self.bad.get(uid) == "kill":
                link.cut()
                return False
            await link.send(_with_body(seq, uid, messages[uid], self.bad.get(uid)))
        return True


def _with_body(seq: int, uid: int, mail: Mail, fault: Fault | None) -> bytes:
    body = b"BODY[] {%d}\r\n%s" % (len(mail.raw), mail.raw)
    match fault:
        case "omit":
            return b""
        case "nil":
            return _fetched(seq, uid, mail, b"BODY[] NIL")
        case "bare":
            return _fetched(seq, uid, mail)
        case "split":
            return _fetched(seq, uid, mail) + b"* %d FETCH (UID %d %s)\r\n" % (seq, uid, body)
    return _fetched(seq, uid, mail, body)


def _fetched(seq: int, uid: int, mail: Mail, more: bytes = b"") -> bytes:
    flags = " ".join(mail.flags).encode()
    date = b' INTERNALDATE "%s"' % mail.date.encode()
    return b"* %d FETCH (UID %d FLAGS (%s)%s%s)\r\n" % (seq, uid, flags, date, b" " + more if more else b"")


def _status(one: Box) -> bytes:
    unseen = sum("\\Seen" not in mail.flags for mail in one.messages.values())
    text = f"MESSAGES {one.count} UIDNEXT {one.next} UIDVALIDITY {one.uidvalidity} UNSEEN {unseen}"
    return (text + (f" HIGHESTMODSEQ {one.modseq}" if one.modseq is not None else "")).encode()


def _numbers(text: str, highest: int) -> set[int]:
    """The numbers of a sequence set that are not above `highest`; `n:*` holds `highest` always."""
    found: set[int] = set()
    for part in text.split(","):
        ends = [highest if end == "*" else int(end) for end in part.split(":")]
        found.update(range(min(ends), min(max(ends), highest) + 1))
    return found


def _quoted(name: str) -> bytes:
    return b'"' + re.sub(r'(["\\])', r"\\\1", name).encode() + b'"'


def _words(text: bytes, literals: list[bytes]) -> list[bytes]:
    """The arguments of a command: atoms, quoted strings and literals; a parenthesised list is one word."""
    words: list[bytes] = []
    left = list(literals)
    for match in re.finditer(rb'"((?:[^"\\]|\\.)*)"|\{\d+\+?\}\r\n|(\([^)]*\)|[^ "]+)', text):
        if match[1] is not None:
            words.append(re.sub(rb"\\(.)", rb"\1", match[1]))
        elif match[2] is not None:
            words.append(match[2])
        else:
            words.append(left.pop(0))
    return words
