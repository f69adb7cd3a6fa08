"""Servers that lie, by name. Each is an honest model server whose answers are twisted, or whose wire is hostile.

`code` is how `mailsync sync` of its account has to end, by the table of PRODUCT.md: 0 when the lie does no harm, 1 when
the answers cannot be believed or understood, 2 when going on would be insecure, 3 when sign-in is refused, 4 when the
server is gone, silent or asks us to wait.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailsync.imap.uidset import UidSet
from tests.servers.model_server import ModelServer
from tests.servers.scripted import Command, Link

Twist = Callable[[bytes], bytes]
Tell = Callable[[ModelServer], None]


@dataclass(frozen=True, slots=True)
class Lie:
    """`tell` has a server lie; `kind` is its class, `config` more lines for its account."""

    tell: Tell
    code: int
    kind: str = "full"
    config: str = ""


def twisted(verb: str, twist: Twist, *, status: str = "OK", text: str = "done", times: int | None = None) -> Tell:
    """The untagged lines that answer `verb` go through `twist`, the first `times`; `status` and `text` end it."""

    def tell(server: ModelServer) -> None:
        left = [times]

        async def hook(link: Link, command: Command) -> bool:
            if left[0] is not None:
                if left[0] == 0:
                    return False
                left[0] -= 1
            with server.mail.lock:
                lines, _ = server._lines(link, server.client(link), command)
            await link.send(twist(lines), f"{command.tag} {status} {text}\r\n".encode())
            return True

        server.hooks[verb] = hook

    return tell


def everywhere(twist: Twist) -> Tell:
    """All that tells the numbers of a folder goes through `twist`."""

    def tell(server: ModelServer) -> None:
        for verb in ("LIST", "STATUS", "EXAMINE"):
            twisted(verb, twist)(server)

    return tell


def sub(pattern: bytes, by: bytes | Callable[[re.Match[bytes]], bytes]) -> Twist:
    return lambda lines: re.sub(pattern, by, lines)


def before(data: bytes) -> Twist:
    return lambda lines: data + lines


def after(data: bytes) -> Twist:
    return lambda lines: lines + data


def refused(verb: str, answer: str) -> Tell:
    """`verb` is answered with `answer` alone, such as `NO [LIMIT] later`."""
    status, _, text = answer.partition(" ")

    async def act(link: Link, command: Command) -> None:
        await link.ok(command, text, status)

    return hooked(verb, act)


def hooked(verb: str, act: Callable[[Link, Command], Awaitable[None]]) -> Tell:
    """`act` answers `verb`."""

    def tell(server: ModelServer) -> None:
        async def hook(link: Link, command: Command) -> bool:
            await act(link, command)
            return True

        server.hooks[verb] = hook

    return tell


def greeted(line: bytes) -> Tell:
    def tell(server: ModelServer) -> None:
        server.greeting = line

    return tell


def offering(capabilities: str, *more: Tell) -> Tell:
    """The server advertises these too, whether it knows them or not."""

    def tell(server: ModelServer) -> None:
        server.capabilities += " " + capabilities
        for one in more:
            one(server)

    return tell


def without(capabilities: str, *more: Tell) -> Tell:
    def tell(server: ModelServer) -> None:
        server.capabilities = " ".join(set(server.capabilities.split()) - set(capabilities.split()))
        for one in more:
            one(server)

    return tell


def renumbered(step: int) -> Twist:
    """Every UID is another one."""
    return sub(rb"\(UID (\d+)", lambda match: b"(UID %d" % (int(match[1]) + step))


def doubled(lines: bytes) -> bytes:
    return lines + lines


def backwards(lines: bytes) -> bytes:
    """The answers in the opposite order."""
    starts = [match.start() for match in re.finditer(rb"^\* \d+ FETCH ", lines, re.MULTILINE)]
    parts = [lines[a:b] for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]
    return lines[: starts[0]] + b"".join(reversed(parts)) if starts else lines


def flapping() -> Twist:
    count = [0]

    def by(match: re.Match[bytes]) -> bytes:
        del match
        count[0] += 1
        return b"[UIDVALIDITY %d]" % (9_000_000 + count[0])

    return sub(rb"\[UIDVALIDITY \d+\]", by)


async def drop(link: Link, command: Command) -> None:
    await link.ok(command, "welcome")
    link.cut()


async def silence(link: Link, command: Command) -> None:
    del command
    await link.closed()


async def bye(link: Link, command: Command) -> None:
    del command
    await link.send(b"* 1 FETCH (UID 1 FLAGS ())\r\n* BYE shutting down\r\n")
    link.cut()


async def half_a_literal(link: Link, command: Command) -> None:
    del command
    await link.send(b"* 1 FETCH (UID 61 FLAGS () BODY[] {5000}\r\nSubject: half")
    link.cut()


def forever(data: bytes, first: bytes = b"", pause: float = 0.0) -> Callable[[Link, Command], Awaitable[None]]:
    """The same over and over, until the client has had enough."""

    async def act(link: Link, command: Command) -> None:
        del command
        await link.send(first)
        while True:
            await link.send(data)
            if pause:
                await asyncio.sleep(pause)

    return act


def as_search(lines: bytes) -> bytes:
    """ESEARCH told in the way of RFC 3501."""

    def by(match: re.Match[bytes]) -> bytes:
        uids = UidSet.parse(match[1]) if match[1] else UidSet()
        return b"* SEARCH" + b"".join(b" %d" % uid for uid in uids) + b"\r\n"

    return re.sub(rb"\* ESEARCH [^\r\n]*?UID(?: ALL ([0-9:,]+))?[^\r\n]*\r\n", by, lines)


async def bomb(link: Link, command: Command) -> None:
    """COMPRESS, and then zeros without end."""
    await link.ok(command)
    deflate = zlib.compressobj(wbits=-15)
    while True:
        await link.send(deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_SYNC_FLUSH))


async def injected(link: Link, command: Command) -> None:
    """STARTTLS, with an answer to the next command in the clear behind it."""
    await link.send(f"{command.tag} OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n".encode())
    await link.closed()


async def another_tag(link: Link, command: Command) -> None:
    await link.send(f"{command.tag}9 OK done\r\n".encode())
    await link.closed()
