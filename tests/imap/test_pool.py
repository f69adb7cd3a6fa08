"""The pool of sessions, against a scripted server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from mailsync.errors import Throttled
from mailsync.imap import pool as pool_module
from mailsync.imap.connect import Endpoint
from mailsync.imap.pool import Pool
from mailsync.imap.session import Session
from mailsync.privacy.secret import Password
from tests.servers.fake import Command, FakeServer, Link, box


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(5)}) as running:
        yield running


async def open_session(server: FakeServer) -> Session:
    return await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))


async def test_the_pool_gives_no_poisoned_connection_back(server: FakeServer) -> None:
    pool = Pool(lambda: open_session(server), 2)
    async with pool.session() as first:
        await first.noop()
    async with pool.session() as again:
        assert again is first

    async def hang(link: Link, command: Command) -> bool:
        await link.closed()
        return True

    server.hooks["NOOP"] = hang

    async def use() -> None:
        async with pool.session() as session:
            await session.noop()

    task = asyncio.create_task(use())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert first.closed is not None
    server.hooks.clear()
    async with pool.session() as fresh:
        assert fresh is not first
        await fresh.noop()

    async def fail() -> None:
        async with pool.session() as session:
            assert session is fresh
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        await fail()
    assert fresh.closed is not None  # nobody knows where it stopped
    await pool.close()


async def test_the_pool_never_opens_more_than_its_ceiling(server: FakeServer) -> None:
    pool = Pool(lambda: open_session(server), 3)
    busy = most = 0

    async def use() -> None:
        nonlocal busy, most
        async with pool.session() as session:
            busy += 1
            most = max(most, busy)
            await session.noop()
            busy -= 1

    await asyncio.gather(*(use() for _ in range(20)))
    assert most == 3
    assert len(server.links) == 3
    await pool.close()
    assert server.verbs().count("LOGOUT") == 3


@pytest.mark.parametrize("refusal", ["[LIMIT] enough", "[UNAVAILABLE] maximum number of connections exceeded"])
async def test_the_pool_makes_do_with_what_the_server_allows(server: FakeServer, refusal: str) -> None:
    async def at_most_two(link: Link, command: Command) -> bool:
        if sum(one.open for one in server.links) <= 2:
            return False
        await link.ok(command, refusal, "NO")
        return True

    server.hooks["LOGIN"] = at_most_two
    pool = Pool(lambda: open_session(server), 4)
    done = 0

    async def use() -> None:
        nonlocal done
        async with pool.session() as session:
            await asyncio.sleep(0.02)
            await session.noop()
            done += 1

    await asyncio.gather(*(use() for _ in range(12)))
    assert done == 12
    assert pool.ceiling == 2
    assert len(server.links) == 4  # two that were refused, and no further ones
    await pool.close()
    assert pool.ceiling == 4  # perhaps it was another client that held them


async def test_the_pool_does_not_wait_for_a_server_that_allows_nobody(server: FakeServer) -> None:
    async def refuse(link: Link, command: Command) -> bool:
        await link.ok(command, "[LIMIT] enough", "NO")
        return True

    server.hooks["LOGIN"] = refuse
    pool = Pool(lambda: open_session(server), 4)

    async def use() -> None:
        async with pool.session():
            pass

    results = await asyncio.wait_for(asyncio.gather(*(use() for _ in range(3)), return_exceptions=True), 5)
    assert [type(result) for result in results] == [Throttled] * 3


async def test_a_pool_that_keeps_sessions_reuses_them_until_their_time_is_up(server: FakeServer) -> None:
    pool = Pool(lambda: open_session(server), 2, keep=0.15)
    async with pool.session() as first:
        pass
    await pool.rest()
    async with pool.session() as again:
        assert again is first
    await pool.rest()
    await asyncio.sleep(0.05)
    soon = first.closed
    await asyncio.sleep(0.3)
    assert (soon is None, first.closed is None) == (True, False)
    assert server.verbs().count("LOGOUT") == 1
    await pool.close()


async def test_a_pool_that_keeps_nothing_says_goodbye_and_waits_for_nobody(server: FakeServer) -> None:
    async def silent(link: Link, command: Command) -> bool:
        return True

    server.hooks["LOGOUT"] = silent
    pool = Pool(lambda: open_session(server), 2)
    async with pool.session() as session:
        pass
    async with asyncio.timeout(0.5):
        await pool.rest()
    assert session.closed is not None
    for _ in range(500):
        if server.verbs()[-1] == "LOGOUT":
            return
        await asyncio.sleep(0.01)
    pytest.fail("it left without a word")


async def test_a_session_that_lay_idle_for_long_is_asked_first(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "PROBE_SECONDS", 0.1)
    at = 1000.0
    pool = Pool(lambda: open_session(server), 2, keep=600, now=lambda: at)
    async with pool.session() as first:
        pass
    at += pool_module.STALE_SECONDS + 1
    async with pool.session() as again:
        assert again is first
    assert server.verbs().count("NOOP") == 1
    async with pool.session() as again:  # used a moment ago
        assert again is first
    assert server.verbs().count("NOOP") == 1

    async def hang(link: Link, command: Command) -> bool:
        await link.closed()
        return True

    server.hooks["NOOP"] = hang
    at -= 5000  # a clock that was set back proves nothing either
    async with pool.session() as fresh:
        assert fresh is not first
    assert first.closed is not None
    await pool.close()


async def test_a_learned_limit_holds_as_soon_as_nobody_has_a_session(server: FakeServer) -> None:
    pool = Pool(lambda: open_session(server), 4, keep=600)
    async with pool.session():
        pool.limit(1)
        assert pool.ceiling == 4
    assert pool.ceiling == 1
    most = busy = 0

    async def use() -> None:
        nonlocal busy, most
        async with pool.session() as session:
            busy += 1
            most = max(most, busy)
            await session.noop()
            busy -= 1

    await asyncio.gather(*(use() for _ in range(3)))
    assert (most, len(server.links)) == (1, 1)
    await pool.close()
