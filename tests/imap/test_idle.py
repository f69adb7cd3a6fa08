"""IDLE against a scripted server: whatever is pushed, whenever it comes, is seen exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from mailsync.errors import CommandRefused, ConnectionLost, MailsyncError, Unreachable
from mailsync.imap import session as session_module
from mailsync.imap.connect import Endpoint
from mailsync.imap.session import Mailbox, Session
from mailsync.privacy.secret import Password
from tests.servers.fake import Command, FakeServer, Link, box


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(5)}) as running:
        yield running


@pytest.fixture
async def session(server: FakeServer) -> AsyncIterator[Session]:
    opened = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    await opened.examine(b"INBOX")
    yield opened
    opened.close()


def mailbox(session: Session) -> Mailbox:
    assert session.mailbox is not None
    return session.mailbox


def idles(server: FakeServer, *, before: bytes = b"", with_plus: bytes = b"", with_ok: bytes = b"") -> None:
    """What the server says around its answers to IDLE, in the same segment."""

    async def hook(link: Link, command: Command) -> bool:
        await link.send(before, b"+ idling\r\n", with_plus)
        link.idling = True
        assert await link.line() == b"DONE"
        link.idling = False
        await link.send(with_ok, command.tag.encode(), b" OK done\r\n")
        return True

    server.hooks["IDLE"] = hook


async def test_nothing_happens(server: FakeServer, session: Session) -> None:
    assert await session.idle(0.05) is False
    assert await session.idle(0.05) is False
    assert server.verbs().count("IDLE") == 2
    await session.noop()


@pytest.mark.parametrize(
    ("pushed", "arrived", "disturbed", "exists"),
    [
        (b"* 6 EXISTS\r\n", True, False, 6),
        (b"* 2 EXPUNGE\r\n", False, True, 4),
        (b"* 2 EXPUNGE\r\n* 5 EXISTS\r\n", True, True, 5),
        (b"* 3 FETCH (FLAGS (\\Seen))\r\n", False, True, 5),
        (b"* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (9))\r\n", False, True, 5),
        (b"* VANISHED 2,4\r\n", False, True, 5),
        (b"* 4 EXISTS\r\n", False, True, 4),
    ],
)
async def test_what_is_pushed_is_told(
    server: FakeServer, session: Session, pushed: bytes, arrived: bool, disturbed: bool, exists: int
) -> None:
    waiting = asyncio.create_task(session.idle(5))
    await asyncio.sleep(0.05)
    server.push(pushed)
    assert await asyncio.wait_for(waiting, 2) is True
    box = mailbox(session)
    assert (box.arrived, box.disturbed, box.exists) == (arrived, disturbed, exists)
    assert await session.idle(0.02) is False  # told once


@pytest.mark.parametrize("where", ["before", "with_plus", "with_ok"])
async def test_data_in_the_same_segment_as_an_answer(server: FakeServer, session: Session, where: str) -> None:
    idles(server, **{where: b"* 6 EXISTS\r\n"})
    told = await asyncio.wait_for(session.idle(0.1 if where == "with_ok" else 5), 2)
    assert told is True
    assert mailbox(session).arrived
    assert mailbox(session).exists == 6


async def test_a_heartbeat_is_no_news(server: FakeServer, session: Session) -> None:
    idles(server, with_plus=b"* OK Still here\r\n")
    assert await session.idle(0.05) is False


async def test_what_comes_between_two_idles_ends_the_next_at_once(server: FakeServer, session: Session) -> None:
    async def push(link: Link, command: Command) -> bool:
        await link.send(b"* 6 EXISTS\r\n")
        return False

    server.hooks["NOOP"] = push
    await session.noop()
    before = server.verbs().count("IDLE")
    assert await session.idle(5) is True
    assert server.verbs().count("IDLE") == before
    assert mailbox(session).arrived


@pytest.mark.parametrize("status", ["NO", "BAD"])
async def test_a_refused_idle(server: FakeServer, session: Session, status: str) -> None:
    async def refuse(link: Link, command: Command) -> bool:
        await link.ok(command, "not here", status)
        return True

    server.hooks["IDLE"] = refuse
    with pytest.raises(MailsyncError, match="not here"):
        await session.idle(5)
    assert isinstance(session.closed, CommandRefused) or status == "BAD"
    assert session.closed is not None


async def test_a_cut_in_idle(server: FakeServer, session: Session) -> None:
    waiting = asyncio.create_task(session.idle(60))
    await asyncio.sleep(0.05)
    server.cut_all()
    with pytest.raises(ConnectionLost):
        await asyncio.wait_for(waiting, 2)


async def test_a_goodbye_in_idle(server: FakeServer, session: Session) -> None:
    waiting = asyncio.create_task(session.idle(60))
    await asyncio.sleep(0.05)
    server.push(b"* BYE timeout\r\n")
    with pytest.raises(ConnectionLost, match="goodbye: timeout"):
        await asyncio.wait_for(waiting, 2)


async def test_a_cancelled_idle_closes_the_connection(server: FakeServer, session: Session) -> None:
    waiting = asyncio.create_task(session.idle(60))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert isinstance(session.closed, ConnectionLost)


async def test_idle_may_be_silent_but_its_end_may_not(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "SILENCE_SECONDS", 0.24)
    session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    await session.examine(b"INBOX")
    assert await session.idle(0.6) is False  # longer than a command may take

    async def vanish(link: Link, command: Command) -> bool:
        await link.send(b"+ idling\r\n")
        await link.closed()
        return True

    server.hooks["IDLE"] = vanish
    with pytest.raises(Unreachable, match="silent"):  # the line died without a word: DONE is never answered
        await asyncio.wait_for(session.idle(0.1), 3)


async def test_a_server_that_never_says_go_ahead(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "SILENCE_SECONDS", 0.2)
    session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    await session.examine(b"INBOX")

    async def nothing(link: Link, command: Command) -> bool:
        await link.closed()
        return True

    server.hooks["IDLE"] = nothing
    with pytest.raises(Unreachable, match="IDLE"):
        await asyncio.wait_for(session.idle(60), 3)
