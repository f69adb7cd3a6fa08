"""The same weather over every class of server: what each sync costs, by which strategy, and that it proves itself.

Another client works on seven folders for ten rounds: arrivals, flags, keywords, expunges, moves, copies, a folder
renamed, a folder deleted and made again with the same mail. After each round's sync the mirror equals the server,
`verify --deep` finds nothing, each folder was looked at as its class of server allows, no byte of a body came that was
here already (a sample to verify apart), and what moved is still the message it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from mailsync.imap.session import Session
from mailsync.model import Strategy
from mailsync.privacy.secret import Password
from mailsync.sync.verify import verify_folder
from tests.servers.dovecot import CONDSTORE_ONLY, PLAIN_IMAP4REV1, Dovecot
from tests.servers.imap_client import ImapClient, Message, quoted
from tests.servers.process import HOST
from tests.servers.pymap_server import Pymap
from tests.sync.rig import ACCOUNT, Rig, Truth, assert_equal

START = datetime(2025, 3, 1, tzinfo=UTC)
ROUNDS = 10
HOURS = 12 * 3600.0
"""Between two rounds on the clock of the mirror, which takes too many new UIDVALIDITYs a day for flapping."""
ODD = "Archive/Ünï & co"
CLASSES: dict[str, tuple[str | None, Strategy, Strategy]] = {
    "full": (None, "qresync", "unchanged"),
    "condstore": (CONDSTORE_ONLY, "condstore", "unchanged"),
    "plain": (PLAIN_IMAP4REV1, "scan", "scan"),
}
"""Of Dovecot: what it announces, and the strategies for a folder that changed and for one that did not."""
BODY = re.compile(rb"BODY\[\](?:<\d+>)? \{(\d+)\}\r\n")
LONGEST = 40
"""Bytes of the longest thing that BODY matches."""


class Meter:
    """A line to a server that adds up the bodies which pass: BODY[] literals, in bytes. An async context manager."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.bodies = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def take(self) -> int:
        """The bytes since the last call."""
        taken, self.bodies = self.bodies, 0
        return taken

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, self.target)
        for source, sink, counts in ((reader, back, False), (there, writer, True)):
            self._tasks.add(asyncio.create_task(self._pump(source, sink, counts=counts)))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, counts: bool) -> None:
        seen = b""
        try:
            while data := await source.read(65536):
                if counts:
                    seen = self._count(seen + data)
                sink.write(data)
                await sink.drain()
        finally:
            sink.close()
            with contextlib.suppress(OSError):
                await sink.wait_closed()

    def _count(self, seen: bytes) -> bytes:
        """Add up; returns the end that may be half of a match."""
        end = 0
        for match in BODY.finditer(seen):
            self.bodies += int(match.group(1))
            end = match.end()
        return seen[max(end, len(seen) - LONGEST) :]


@dataclass
class Weather:
    """The other client's script. Every message is unlike any other; `fresh` are those that arrived since `calm`."""

    client: ImapClient
    random: random.Random
    serial: int = 0
    fresh: dict[bytes, None] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    recreated: set[str] = field(default_factory=set)
    project: str = "Project 0"
    copied: set[int] = field(default_factory=set)
    """UIDs in INBOX of messages with a copy elsewhere. They stay: when one of two equal messages goes and a third
    comes, nothing tells which of them was moved."""

    def calm(self) -> None:
        self.fresh, self.touched, self.recreated = {}, set(), set()

    def letters(self, count: int) -> list[Message]:
        made: list[Message] = []
        for _ in range(count):
            self.serial += 1
            raw = b"From: s@example.org\r\nSubject: Letter %d\r\nMessage-ID: <%d.%x@example.org>\r\n\r\n%s\r\n" % (
                self.serial,
                self.serial,
                self.random.getrandbits(64),
                b"z" * self.random.randrange(400, 4000),
            )
            flags = self.random.sample(["\\Seen", "\\Answered", "$Label1", "work"], self.random.randrange(3))
            made.append((raw, flags, START + timedelta(minutes=self.serial)))
            self.fresh[raw] = None
        return made

    def arrive(self, folder: str, count: int) -> None:
        self.touched.add(folder)
        self.client.append_many(folder, self.letters(count))

    def begin(self) -> None:
        for folder, count in (
            ("INBOX", 60),
            ("Archive", 25),
            (ODD, 10),
            ("Copies", 5),
            ("Lists", 30),
            (self.project, 12),
            ("Quiet", 15),
        ):
            if folder != "INBOX":
                self.client.create(folder)
            self.arrive(folder, count)

    def blow(self, number: int) -> None:
        """One round. Moves and copies come before arrivals, so that they are of mail that is mirrored already."""
        some = self.random.sample(sorted(set(self.client.uids("INBOX")) - self.copied), 14)
        self.copied |= set(some[4:6])
        self.client.command(f"UID MOVE {_set(some[:3])} {quoted('Archive')}")
        self.client.command(f"UID MOVE {_set(some[3:4])} {quoted(ODD)}")
        self.client.command(f"UID COPY {_set(some[4:6])} {quoted('Copies')}")
        self.client.store("INBOX", some[6:10], self.random.choice(["+FLAGS", "-FLAGS"]), "\\Seen", "\\Flagged")
        self.client.store("INBOX", some[10:12], "FLAGS", "$Label1", f"fresh{number % 3}")
        self.client.expunge("INBOX", some[12:14])
        self.client.expunge("Archive", self.random.sample(self.client.uids("Archive"), 2))
        self.client.store("Copies", self.client.uids("Copies")[:1], "+FLAGS", "\\Answered")
        self.touched |= {"INBOX", "Archive", ODD, "Copies"}
        if number % 2:
            self.recreate("Lists")
        else:
            old, self.project = self.project, f"Project {number}"
            self.client.rename(old, self.project)
        self.arrive("INBOX", 8)
        self.arrive("Archive", 2)
        if number % 4 == 0:
            self.arrive(self.project, 1)

    def recreate(self, folder: str) -> None:
        """Another folder to IMAP, with the same mail."""
        stored = self.client.fetch_all(folder)
        self.client.delete(folder)
        self.client.create(folder)
        for one in stored.values():
            self.client.append(folder, one.raw, sorted(one.flags), one.internaldate)
        self.recreated.add(folder)


def _set(uids: list[int]) -> str:
    return ",".join(map(str, uids))


Held = dict[int, dict[int, str]]
"""Where each message is: a folder by `messages.id`, by the content it holds."""


def held(rig: Rig) -> Held:
    """The messages that are present."""
    found: Held = {}
    for content, message, folder in rig.execute(
        "SELECT content_id, m.id, f.name FROM messages m JOIN folders f ON f.id = m.folder_id"
    ):
        found.setdefault(content, {})[message] = folder
    return found


async def ten_rounds(
    directory: Path,
    server: int,
    client: ImapClient,
    seed: int,
    changed: Strategy,
    untouched: Strategy,
    *,
    user: str = "alice",
    rounds: int = ROUNDS,
) -> None:
    """The whole script; `changed` and `untouched` are the strategies that this class of server allows."""
    weather = Weather(client, random.Random(seed))
    async with Meter(server) as meter:
        with Rig(directory, meter.port, user, options={"max_connections": 2}) as rig:
            before: Held = {}
            for number in range(rounds):
                if number == 0:
                    weather.begin()
                elif number < rounds - 1:  # the last round changes nothing
                    weather.blow(number)
                rig.clock += HOURS
                results = await rig.sync()
                fetched = meter.take()
                truth = assert_equal(rig, client)
                assert fetched == pytest.approx(*expected_bytes(weather, truth)), f"round {number}"
                for name, result in results.items():
                    strategy = changed if name in weather.touched else untouched
                    strategy = "uidvalidity_reset" if name in weather.recreated else strategy
                    assert result.strategy == ("first" if number == 0 else strategy), (number, name)
                after = held(rig)
                for content, now in after.items():
                    then = before.get(content, now)
                    assert now.keys() <= then.keys() or then.keys() <= now.keys(), (number, then, now)
                await prove(rig, truth)
                meter.take()
                before = after
                weather.calm()


async def prove(rig: Rig, truth: Truth) -> None:
    """`verify --deep` of every folder, over one connection: to sign in is what costs pymap most."""
    session = await Session.open(rig.mirror.endpoint(), rig.user, Password(rig.password))
    try:
        for name, folder in rig.folders().items():
            verdict = await verify_folder(rig.store, session, ACCOUNT, folder, deep=True)
            assert verdict.ok, verdict
            assert verdict.server_count == len(truth[name][1])
    finally:
        await session.logout()


def expected_bytes(weather: Weather, truth: Truth) -> tuple[float, float, float]:
    """What bodies cost, for pytest.approx: half of the samples more or less, since a sample may be any messages."""
    here = {one.raw for _, messages in truth.values() for one in messages.values()}
    fresh = sum(len(raw) for raw in weather.fresh if raw in here)
    sample = 0
    for name in weather.recreated:
        sizes = sorted((len(one.raw) for one in truth[name][1].values()), reverse=True)
        sample += sum(sizes[: max(1, round(len(sizes) * 0.02))])
    return fresh + sample / 2, 0.0, sample / 2


@pytest.mark.parametrize("kind", CLASSES)
async def test_dovecot(kind: str, start_dovecot: Callable[..., Dovecot], tmp_path: Path) -> None:
    capability, changed, untouched = CLASSES[kind]
    server = start_dovecot(capability=capability)
    with server.client() as client:
        await ten_rounds(tmp_path, server.port, client, 11, changed, untouched)


async def test_pymap(pymap: Pymap, tmp_path: Path) -> None:
    with pymap.client() as client:
        await ten_rounds(tmp_path, pymap.port, client, 12, "scan", "scan")
