"""A hostile line between mirror and Dovecot: cuts, stalls, dribble. What came whole is kept and not asked for again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailsync.imap import session
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import FaultProxy, Faults
from tests.sync.rig import Rig, assert_equal

COUNT = 300
MIB = 1 << 20


def noise(number: int) -> bytes:
    return b"Subject: %d\r\n\r\n%s\r\n" % (number, random.Random(number).randbytes(4000).hex().encode())


@pytest.fixture
def line(dovecot: Dovecot, fresh_user: str) -> Iterator[tuple[FaultProxy, Dovecot, str]]:
    """A proxy before a Dovecot with 2.4 MB of mail."""
    dovecot.fill(fresh_user, "INBOX", [(noise(number), (), None) for number in range(COUNT)])
    with FaultProxy(dovecot.port) as proxy:
        yield proxy, dovecot, fresh_user


async def recovered(rig: Rig, dovecot: Dovecot, user: str) -> int:
    """Sync without faults; how many messages were downloaded, exactly those that were missing."""
    held = len(rig.uids("INBOX"))
    result = (await rig.sync())["INBOX"]
    assert result.new == COUNT - held
    with dovecot.client(user) as client:
        assert_equal(rig, client)
    return result.new


@pytest.mark.parametrize("after", [0, 3, 60, 400, 700])
async def test_cut_before_the_first_message(line: tuple[FaultProxy, Dovecot, str], after: int, tmp_path: Path) -> None:
    proxy, dovecot, user = line
    proxy.faults = Faults(cut_after=after)
    with Rig(tmp_path, proxy.port, user, dovecot.users[user]) as rig:
        result = await rig.try_sync()
        assert (result.ok, result.exit_code) == (False, 4)
        assert "closed the connection" in (result.error or "")
        assert rig.execute("SELECT state FROM accounts") == [("backing_off",)]
        proxy.faults = Faults()
        assert await recovered(rig, dovecot, user) == COUNT


@pytest.mark.parametrize("after", [120_000, 300_000, 700_000])
async def test_a_line_that_never_lasts_long_is_used_while_it_does(
    line: tuple[FaultProxy, Dovecot, str], after: int, tmp_path: Path
) -> None:
    """Every connection ends after so many bytes, and yet everything arrives, once, and nothing is set aside."""
    proxy, dovecot, user = line
    proxy.faults = Faults(cut_after=after)
    with Rig(tmp_path, proxy.port, user, dovecot.users[user]) as rig:
        result = (await rig.sync())["INBOX"]
        assert (result.new, result.quarantined) == (COUNT, 0)
        with dovecot.client(user) as client:
            assert_equal(rig, client)
        lost = proxy.bytes_from_server - 2.4 * MIB
        assert lost < proxy.connections * 50_000  # a message cut in two, flags compared, the sign-in
    assert proxy.connections > 2.4 * MIB / after


async def test_a_cut_now_and_then(line: tuple[FaultProxy, Dovecot, str], tmp_path: Path) -> None:
    proxy, dovecot, user = line
    with Rig(tmp_path, proxy.port, user, dovecot.users[user]) as rig:
        for after in (150_000, 300_000, 500_000):
            proxy.faults = Faults(cut_after=after)

            def stop(connections: int = proxy.connections) -> bool:
                return proxy.connections > connections + 1

            await rig.try_sync(stopping=stop)
        assert 0 < len(rig.uids("INBOX")) < COUNT
        proxy.faults = Faults()
        assert await recovered(rig, dovecot, user) < COUNT


async def test_a_line_that_goes_silent(
    line: tuple[FaultProxy, Dovecot, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SILENCE_SECONDS", 0.5)
    proxy, dovecot, user = line
    with Rig(tmp_path, proxy.port, user, dovecot.users[user]) as rig:
        proxy.faults = Faults(stall_after=1_000_000)
        started = time.monotonic()
        result = await rig.try_sync(stopping=lambda: proxy.connections > 1)
        assert time.monotonic() - started < 5
        assert not result.ok
        assert 50 < len(rig.uids("INBOX")) < COUNT
        proxy.drop_all()
        proxy.faults = Faults()
        assert await recovered(rig, dovecot, user) < COUNT


@pytest.mark.parametrize("after", [0, 60, 700])
async def test_silence_from_the_start(
    line: tuple[FaultProxy, Dovecot, str], after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SILENCE_SECONDS", 0.3)
    monkeypatch.setattr("mailsync.imap.connect.connect.__defaults__", (0.3,))
    proxy, dovecot, user = line
    proxy.faults = Faults(stall_after=after)
    with Rig(tmp_path, proxy.port, user, dovecot.users[user]) as rig:
        result = await rig.try_sync()
        assert (result.ok, result.exit_code) == (False, 4)
        assert "silent" in (result.error or "") or "in time" in (result.error or "")


async def test_a_slow_line_is_not_a_dead_one(
    line: tuple[FaultProxy, Dovecot, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SILENCE_SECONDS", 1.0)
    proxy, dovecot, user = line
    proxy.faults = Faults(piece=30_000, latency=0.02)
    with Rig(tmp_path, proxy.port, user, dovecot.users[user]) as rig:
        assert await recovered(rig, dovecot, user) == COUNT


async def test_dribble(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    dovecot.fill(fresh_user, "INBOX", [(b"Subject: %d\r\n\r\n{5}\r\n* 1 EXISTS\r\n" % n, (), None) for n in range(20)])
    password = dovecot.users[fresh_user]
    with (
        FaultProxy(dovecot.port, Faults(piece=1)) as proxy,
        Rig(tmp_path, proxy.port, fresh_user, password) as rig,
        dovecot.client(fresh_user) as client,
    ):
        assert (await rig.sync())["INBOX"].new == 20
        assert_equal(rig, client)


async def test_a_server_that_is_away(line: tuple[FaultProxy, Dovecot, str], tmp_path: Path) -> None:
    proxy, dovecot, user = line
    proxy.faults = Faults(refuse=True)
    with Rig(tmp_path, proxy.port, user, dovecot.users[user]) as rig:
        result = await rig.try_sync()
        assert (result.ok, result.exit_code) == (False, 4)
        proxy.faults = Faults()
        await recovered(rig, dovecot, user)
    with Rig(tmp_path / "2", 1, user) as rig:  # nobody listens there
        result = await rig.try_sync()
        assert (result.exit_code, result.hint) == (4, "check host and port")
        assert "refused the connection" in (result.error or "")


async def test_a_server_that_allows_few_connections(start_dovecot: Callable[..., Dovecot], tmp_path: Path) -> None:
    server = start_dovecot(extra="mail_max_userip_connections = 2\n")
    with server.client("alice") as client:  # one connection: the server notices late that one has ended
        for name in ("INBOX", "a", "b", "c"):
            if name != "INBOX":
                client.create(name)
            client.append_many(name, [(noise(number), (), None) for number in range(20)])
    with Rig(tmp_path, server.port) as rig:
        results = await rig.sync()
        assert {name: one.new for name, one in results.items()} == {"INBOX": 20, "a": 20, "b": 20, "c": 20}
        assert rig.execute("SELECT state, error FROM accounts") == [("disconnected", None)]
