"""FETCH as a stream, against a scripted server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from mailsync.errors import CommandRefused, ConnectionLost
from mailsync.imap import session as session_module
from mailsync.imap.connect import Endpoint
from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.privacy.secret import Password
from tests.servers.fake import Command, FakeServer, Link, box

EVERYTHING = UidSet.parse("1:*")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(5)}) as running:
        yield running


@pytest.fixture
async def session(server: FakeServer) -> AsyncIterator[Session]:
    opened = await open_session(server)
    yield opened
    opened.close()


async def open_session(server: FakeServer) -> Session:
    return await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))


async def fetched(session: Session, items: str = "UID FLAGS", batch: int = 1 << 20) -> list[int | None]:
    found = []
    async for answers in session.fetch([EVERYTHING], items, batch):
        found += [answer.uid for answer in answers]
    return found


async def test_a_stream_in_batches(server: FakeServer, session: Session) -> None:
    batch = 500_000
    server.boxes["INBOX"] = box(400, size=10_000)
    await session.examine(b"INBOX")
    sizes = []
    found = []
    async for answers in session.fetch(UidSet([(1, 400)]).split(30), "UID BODY.PEEK[]", batch, depth=3):
        sizes.append(sum(len(answer.body or b"") for answer in answers))
        found += [answer.uid for answer in answers]
    assert found == list(range(1, 401))
    assert all(size >= batch * 0.9 for size in sizes[:-1])
    assert all(size < 2 * batch + (1 << 19) for size in sizes)
    assert server.verbs().count("UID FETCH") == 14


async def test_a_slow_consumer_makes_the_server_wait(server: FakeServer, session: Session) -> None:
    batch, size = 100_000, 10_000
    server.boxes["INBOX"] = box(4000, size=size)
    await session.examine(b"INBOX")
    taken = 0
    async for answers in session.fetch([EVERYTHING], "UID BODY.PEEK[]", batch):
        taken += sum(len(answer.body or b"") for answer in answers)
        if taken < 2_000_000:
            await asyncio.sleep(0.05)
            # Two batches, and one read of the socket.
            assert session.bytes_received - taken < 3 * batch + (1 << 20)
    assert taken > 4000 * size


async def test_a_paused_stream_is_not_a_silent_server(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "SILENCE_SECONDS", 0.24)
    session = await open_session(server)
    server.boxes["INBOX"] = box(2000, size=10_000)
    await session.examine(b"INBOX")
    slept = False
    count = 0
    async for answers in session.fetch([EVERYTHING], "UID BODY.PEEK[]", 100_000):
        count += len(answers)
        if not slept:
            await asyncio.sleep(0.6)
            slept = True
    assert count == 2000
    session.close()


async def test_leaving_a_stream_early_closes_the_connection(server: FakeServer, session: Session) -> None:
    server.boxes["INBOX"] = box(2000, size=10_000)
    await session.examine(b"INBOX")
    async for answers in session.fetch([EVERYTHING], "UID BODY.PEEK[]", 100_000):
        assert answers
        break
    await asyncio.sleep(0.05)
    assert session.closed is not None


async def test_what_came_before_a_cut_is_handed_on(server: FakeServer, session: Session) -> None:
    server.bad[4] = "kill"
    await session.examine(b"INBOX")
    found: list[int | None] = []

    async def read() -> None:
        async for answers in session.fetch([EVERYTHING], "UID BODY.PEEK[]", 1 << 20):
            found.extend(answer.uid for answer in answers)

    with pytest.raises(ConnectionLost):
        await read()
    assert found == [1, 2, 3]


async def test_a_no_at_the_end_is_noted_and_a_bad_is_an_error(server: FakeServer, session: Session) -> None:
    status = "NO"

    async def refuse(link: Link, command: Command) -> bool:
        await server._fetch(link, command)
        await link.ok(command, "some are gone", status)
        return True

    await session.examine(b"INBOX")
    server.hooks["UID FETCH"] = refuse
    stream = session.fetch([EVERYTHING], "UID FLAGS", 1 << 20)
    assert [len(batch) async for batch in stream] == [5]
    assert stream.refusals == ["some are gone"]
    status = "BAD"
    with pytest.raises(CommandRefused, match="does not understand FETCH"):
        await fetched(session)
    assert session.closed is None
