"""COMPRESS=DEFLATE: where it begins in the stream, what is refused, and how much a few bytes may become."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from mailsync.errors import MailsyncError, ProtocolError
from mailsync.imap import compress
from mailsync.imap.compress import PIECE, Deflate
from mailsync.imap.connect import Endpoint
from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.privacy.secret import Password
from tests.servers.dovecot import Dovecot
from tests.servers.fake import Command, FakeServer, Link, box


class Deflated:
    """The server's side of a compressed link: reads and writes lines as if there were no compression."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.inflater = zlib.decompressobj(-15)
        self.text = b""

    def pack(self, data: bytes) -> bytes:
        return self.deflater.compress(data) + self.deflater.flush(zlib.Z_SYNC_FLUSH)

    async def line(self) -> bytes:
        while b"\r\n" not in self.text:
            data = await self.link._reader.read(1000)
            if not data:
                raise ConnectionError
            self.text += self.inflater.decompress(data)
        line, _, self.text = self.text.partition(b"\r\n")
        return line

    async def answer(self, said: bytes, got: list[str]) -> None:
        """Say something and OK to the next command, which is added to `got`."""
        tag, _, rest = (await self.line()).partition(b" ")
        got.append(rest.decode())
        await self.link.send(self.pack(said + tag + b" OK done\r\n"))


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(5)}) as running:
        running.capabilities = "IMAP4rev1 COMPRESS=DEFLATE"
        yield running


@pytest.fixture
async def session(server: FakeServer) -> AsyncIterator[Session]:
    opened = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    await opened.examine(b"INBOX")
    yield opened
    opened.close()


def deflates(server: FakeServer, *answers: bytes, said_at_once: bytes = b"", cut: int | None = None) -> list[str]:
    """The server compresses and gives one answer after the other; gives the commands it gets.

    `said_at_once` follows the OK in its segment. With `cut`, all of that comes in two segments.
    """
    got: list[str] = []

    async def hook(link: Link, command: Command) -> bool:
        wire = Deflated(link)
        clear = b"* 6 EXISTS\r\n" + command.tag.encode() + b" OK begin\r\n"
        segment = clear + (wire.pack(said_at_once) if said_at_once else b"")
        at = len(segment) if cut is None else cut
        await link.send(segment[:at])
        await asyncio.sleep(0.01)
        await link.send(segment[at:])
        for answer in answers:
            await wire.answer(answer, got)
        await link.closed()
        return True

    server.hooks["COMPRESS"] = hook
    return got


@pytest.mark.parametrize("cut", [None, 3, 14, 24, 25, 26, 27, 40])
async def test_what_follows_the_answer_in_its_segment_is_compressed(
    server: FakeServer, session: Session, cut: int | None
) -> None:
    got = deflates(server, b"* 8 EXISTS\r\n", said_at_once=b"* 7 EXISTS\r\n* OK [ALERT] x\r\n", cut=cut)
    assert await session.compress()
    assert session.compressed
    await session.noop()
    assert got == ["NOOP"]
    assert session.mailbox is not None
    assert session.mailbox.exists == 8
    assert await session.compress()  # once is enough


@pytest.mark.parametrize("said", ["NO [COMPRESSIONACTIVE] TLS does it", "BAD what?"])
async def test_a_server_that_will_not(server: FakeServer, session: Session, said: str) -> None:
    async def refuse(link: Link, command: Command) -> bool:
        await link.send(f"{command.tag} {said}\r\n* 7 EXISTS\r\n".encode())
        return True

    server.hooks["COMPRESS"] = refuse
    assert not await session.compress()
    await session.noop()
    assert session.mailbox is not None
    assert session.mailbox.exists == 7
    assert not await session.compress()
    assert server.verbs().count("COMPRESS") == 1


async def test_after_a_push_that_ended_idle(server: FakeServer, session: Session) -> None:
    """The answer to DONE is still due then, and COMPRESS has to be alone."""
    deflates(server)
    waiting = asyncio.create_task(session.idle(5))
    await asyncio.sleep(0.05)
    server.push(b"* 6 EXISTS\r\n")
    assert await waiting
    assert await session.compress()


async def compress_and_speak(session: Session) -> None:
    if await session.compress():
        await session.noop()


async def test_damage_ends_the_connection(server: FakeServer, session: Session) -> None:
    async def hook(link: Link, command: Command) -> bool:
        await link.ok(command)
        await link.send(b"* 7 EXISTS, but in the clear\r\n")
        await link.closed()
        return True

    server.hooks["COMPRESS"] = hook
    with pytest.raises(ProtocolError, match="damaged"):
        await compress_and_speak(session)


async def test_a_stream_that_is_ended_is_an_error(server: FakeServer, session: Session) -> None:
    async def hook(link: Link, command: Command) -> bool:
        await link.ok(command)
        await link.send(zlib.compress(b"", wbits=-15))
        await link.closed()
        return True

    server.hooks["COMPRESS"] = hook
    with pytest.raises(ProtocolError, match="ended"):
        await compress_and_speak(session)


async def test_a_line_without_an_end_instead_of_an_answer(server: FakeServer, session: Session) -> None:
    async def hook(link: Link, command: Command) -> bool:
        await link.send(b"x" * (3 << 20))
        await link.closed()
        return True

    server.hooks["COMPRESS"] = hook
    with pytest.raises(MailsyncError):
        await asyncio.wait_for(session.compress(), 5)


# How much a few bytes may become


def inflated(deflate: Deflate, data: bytes) -> Iterator[bytes]:
    deflate.take(data)
    while deflate.waiting:
        yield deflate.inflate()


def test_pieces_are_small_and_complete() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    text = bytes(range(256)) * 100 + b"\0" * (3 * PIECE) + b"end"
    data = packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)
    for step in (1, 7, 1000, len(data)):
        deflate = Deflate()
        pieces = [piece for at in range(0, len(data), step) for piece in inflated(deflate, data[at : at + step])]
        assert b"".join(pieces) == text
        assert max(map(len, pieces)) <= PIECE
        assert (deflate.received, deflate.inflated) == (len(data), len(text))


def test_both_directions() -> None:
    one = Deflate()
    inflater = zlib.decompressobj(-15)
    for text in (b"A1 NOOP\r\n", b"", b"A2 FETCH 1:* (UID)\r\n" * 1000):
        assert inflater.decompress(one.deflate(text)) == text


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(b"\0" * size) + packer.flush(zlib.Z_SYNC_FLUSH)


def test_a_bomb_is_refused_and_one_large_plain_message_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compress, "ALLOWANCE", 4 << 20)
    assert sum(map(len, inflated(Deflate(), bomb(4 << 20)))) == 4 << 20
    with pytest.raises(ProtocolError, match="inflates to more than 100 times"):
        sum(map(len, inflated(Deflate(), bomb(64 << 20))))


async def test_a_slow_consumer_holds_back_what_is_compressed_too(server: FakeServer, session: Session) -> None:
    """200 MB of message text in 200 kB on the wire: what nobody has taken yet stays deflated."""
    batch, size, count = 1 << 20, 1 << 20, 200
    body = b"\0" * size
    data = [b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (uid, uid, size, body) for uid in range(1, count + 1)]
    deflates(server, b"".join(data))
    del data
    await session.compress()
    deflate = session.protocol._deflate
    assert deflate is not None
    seen = ahead = 0
    async for answers in session.fetch([UidSet([(1, count)])], "UID BODY.PEEK[]", batch):
        ahead = max(ahead, deflate.inflated - seen * size)
        seen += len(answers)
        await asyncio.sleep(0)
    assert seen == count
    assert session.bytes_received < 2_000_000
    assert ahead < 5 * batch


async def test_dovecot(start_dovecot: Callable[..., Dovecot]) -> None:
    server = start_dovecot(compress=True)
    raws = [b"Subject: %d\r\n\r\n" % number + b"the same line again\r\n" * 500 for number in range(300)]
    server.fill("alice", "INBOX", [(raw, (), None) for raw in raws])
    session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    assert await session.compress()
    await session.examine(b"INBOX")
    bodies = [one.body async for batch in session.fetch(["1:*"], "UID BODY.PEEK[]", 1 << 18) for one in batch]
    assert bodies == raws
    assert session.bytes_received < sum(map(len, raws)) / 20
    waiting = asyncio.create_task(session.idle(10))
    await asyncio.sleep(0.2)
    with server.client() as other:
        other.append("INBOX", b"Subject: new\r\n\r\n")
    assert await asyncio.wait_for(waiting, 5)
    assert session.mailbox is not None
    assert session.mailbox.exists == 301
    await session.logout()
