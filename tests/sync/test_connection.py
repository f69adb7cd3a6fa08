"""How an account treats its server: pauses, budgets, ceilings, compression, and what it remembers of all that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mailsync.errors import Throttled
from mailsync.store import connections, probes, traffic
from mailsync.sync import connection as connection_module
from mailsync.sync import download, folder
from mailsync.sync import line as line_module
from mailsync.sync.line import Line
from tests.servers.dovecot import Dovecot
from tests.servers.fake import Command, FakeServer, Link, box, letter
from tests.servers.proxy import FaultProxy, Faults
from tests.sync.rig import Rig

THROTTLED = "Request is throttled. Suggested Backoff Time: 92415 milliseconds"
DAY = 86400.0


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(5)}) as running:
        yield running


def rig_for(folder: Path, server: FakeServer | FaultProxy, **options: Any) -> Rig:
    return Rig(folder, server.port, options=options)


def account(rig: Rig) -> dict[str, Any]:
    names = ("state", "state_detail", "resumes_at", "line", "server", "error")
    return dict(zip(names, rig.execute(f"SELECT {', '.join(names)} FROM accounts")[0], strict=True))


def hook(text: str, status: str) -> Callable[[Link, Command], Any]:
    async def answer(link: Link, command: Command) -> bool:
        await link.ok(command, text, status)
        return True

    return answer


# Pauses


async def test_a_pause_that_the_server_asks_for_binds_everybody_and_outlives_the_engine(
    server: FakeServer, tmp_path: Path
) -> None:
    server.hooks["LIST"] = hook(THROTTLED, "BAD")
    with rig_for(tmp_path, server) as rig:
        result = await rig.try_sync()
        assert result.exit_code == 4
        assert "resumes at" in str(result.error)
        told = account(rig)
        assert told["state"] == "backing_off"
        assert "next try at" in told["state_detail"]
        assert told["resumes_at"] == pytest.approx(rig.mirror.now() + 92.4, abs=3)
        server.hooks.clear()
        assert len(server.logins) == 1
        result = await rig.try_sync()  # a person's
        assert (result.exit_code, len(server.logins)) == (4, 1)
    with rig_for(tmp_path, server) as rig:
        result = await rig.try_sync(scheduled=True)
        assert (result.exit_code, len(server.logins)) == (4, 1)
        assert "throttled" in str(result.error)
        assert account(rig)["state"] == "backing_off"
        rig.clock += 93
        assert (await rig.sync())["INBOX"].new == 5
        assert account(rig)["resumes_at"] is None
        assert not rig.execute("SELECT 1 FROM probes WHERE name = ?", probes.THROTTLED)


async def test_a_server_that_takes_a_sign_in_and_hangs_up_is_not_asked_in_a_loop(
    server: FakeServer, tmp_path: Path
) -> None:
    async def drop(link: Link, command: Command) -> bool:
        link.cut()
        return True

    server.hooks["LIST"] = drop
    with rig_for(tmp_path, server) as rig:
        at = rig.mirror.now()
        rig.mirror.now = rig.mirror.knowledge.now = lambda: at
        pauses: list[float] = []
        rig.mirror.retry = pauses.append
        for _ in range(10):
            await rig.try_sync(scheduled=True)
        assert len(server.logins) == 1
        for _ in range(5):
            at = account(rig)["resumes_at"]
            await rig.try_sync(scheduled=True)
        assert len(server.logins) == 6
        assert account(rig)["resumes_at"] - at > 10  # 1, 2, 4, 8, 16 seconds, a quarter more or less
        assert pauses[-1] == account(rig)["resumes_at"]
        assert (await rig.try_sync()).exit_code == 4
        assert len(server.logins) == 7  # a person may try at once
        server.hooks.clear()
        await rig.sync()
        assert rig.mirror.backoff.failures == 0


async def test_who_waits_for_the_end_of_a_pause_is_woken_by_a_person(server: FakeServer, tmp_path: Path) -> None:
    with rig_for(tmp_path, server) as rig:
        mirror = rig.mirror
        await mirror.until_resumed()  # there is none
        mirror.backoff.failed(mirror.now(), "lost")
        with pytest.raises(Throttled, match="lost; resumes at"):
            await mirror.connect()
        assert server.logins == []
        waiting = asyncio.create_task(mirror.until_resumed())
        await asyncio.sleep(0.02)
        assert not waiting.done()
        await asyncio.wait_for(waiting, 3)
        (await mirror.connect()).close()


# The day's bytes


async def test_a_spent_budget_stops_a_sync_between_two_batches_and_the_next_day_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "BATCH_BYTES", 20_000)
    monkeypatch.setattr(folder, "SMALL", 10)
    with (
        FakeServer({"INBOX": box(60, size=10_000)}) as server,
        rig_for(tmp_path, server, quirks={"daily_bytes": 300_000}) as rig,
    ):
        rig.clock = noon = DAY * 1.5 - time.time() % DAY
        result = await rig.try_sync()
        assert result.exit_code == 4
        held = rig.uids("INBOX")
        assert 15 < len(held) < 40
        assert held == list(range(61 - len(held), 61))  # the newest
        told = account(rig)
        assert told["state"] == "backing_off"
        assert told["resumes_at"] % 3600 == 0
        assert 0 < told["resumes_at"] - rig.mirror.now() <= DAY
        assert "mirrored back to 2024-02; the rest, " in str(result.error)
        assert told["error"] == result.error
        await rig.mirror.set_state("watching")  # push goes on, the account still waits
        assert account(rig)["state"] == "backing_off"
        ((received,),) = rig.execute("SELECT received FROM traffic")
        assert 271_000 < received < 271_000 + 2 * 10_500  # nine tenths and a bit by noon, and what was on its way
        logins = len(server.logins)
        assert (await rig.try_sync()).exit_code == 4
        assert len(server.logins) == logins
    with rig_for(tmp_path, server, quirks={"daily_bytes": 300_000}) as rig:  # another process, the same hour
        rig.clock = noon
        assert (await rig.try_sync()).exit_code == 4
    with FakeServer({"INBOX": box(60, size=10_000)}) as again, rig_for(tmp_path, again) as rig:
        rig.clock = noon + DAY  # and a tomorrow without a limit
        await rig.sync()
        assert set(again.bodies) == set(range(1, 61 - len(held)))


async def test_every_byte_is_counted_once(server: FakeServer, tmp_path: Path) -> None:
    with FaultProxy(server.port) as proxy, rig_for(tmp_path, proxy) as rig:
        await rig.sync()
        await rig.sync()
        with rig.store.read() as connection:
            counted = traffic.received(connection, rig.mirror.account_id, rig.mirror.now())
        assert counted == rig.mirror.meter.received_today
        assert 0 <= proxy.bytes_from_server - counted < 100  # the goodbyes, not waited for


# Connections


async def test_live_connections_can_be_seen(server: FakeServer, tmp_path: Path) -> None:
    with rig_for(tmp_path, server) as rig:

        def rows() -> list[connections.Row]:
            with rig.store.read() as connection:
                return connections.listing(connection)

        session = await rig.mirror.connect()
        async with rig.mirror.pool.session() as other:
            await other.examine(b"INBOX")
            idling = asyncio.create_task(session.idle(5))
            await asyncio.sleep(0.3)
            assert [(row.purpose, row.state, row.folder) for row in rows()] == [
                ("watch", "idle", ""),
                ("sync", "selected", "INBOX"),
            ]
            assert all(row.received > 100 for row in rows())
            idling.cancel()
            await asyncio.wait([idling])
        await rig.mirror.close()
        rig.execute("SELECT 1")  # behind what was written
        assert rows() == []


async def test_the_ceiling_that_a_server_taught_is_remembered(tmp_path: Path, start_dovecot: Any) -> None:
    server = start_dovecot(extra="mail_max_userip_connections = 2")
    with server.client() as client:
        for number in range(8):
            client.create(f"box{number}")
            client.append(f"box{number}", letter(number))
    with Rig(tmp_path, server.port, options={"max_connections": 6}) as rig:
        assert rig.mirror.allowed == 6
        assert len(await rig.sync()) == 9
        assert rig.mirror.allowed == 2
        assert rig.mirror.pool.ceiling == 1  # the other one is for a monitor
    with Rig(tmp_path, server.port, options={"max_connections": 6}) as rig:
        await rig.sync()
        assert rig.mirror.allowed == 2
        refused = server.log.count("Maximum number of connections")
        await rig.sync(full=True)
        assert server.log.count("Maximum number of connections") == refused
        rig.clock = 2 * DAY
        assert rig.mirror.allowed == 6


# Compression


async def test_compression_as_configured(start_dovecot: Callable[..., Dovecot], tmp_path: Path) -> None:
    server = start_dovecot(compress=True)
    with server.client() as client:
        for number in range(20):
            client.append("INBOX", letter(number, 20_000))
    received = {}
    for setting, line in ((True, "on: the configuration says so"), ("auto", "off: the server is on this machine")):
        with Rig(tmp_path / str(setting), server.port, options={"compress": setting}) as rig:
            assert (await rig.sync())["INBOX"].new == 20
            assert account(rig)["line"] == line
            received[setting] = rig.mirror.meter.received_today
    assert received[True] < received["auto"] / 10


async def test_a_slow_line_is_compressed_once_it_was_measured(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "is_loopback", lambda host: False)
    monkeypatch.setattr(line_module, "NEAR_SECONDS", 0.05)  # of a machine that has more to do
    server = start_dovecot(compress=True)
    with server.client() as client:
        for number in range(90):
            client.append("INBOX", letter(number, 30_000))
    with FaultProxy(server.port, Faults(latency=0.06, piece=65_536)) as proxy, Rig(tmp_path, proxy.port) as rig:
        await rig.sync()
        assert "first megabytes" in account(rig)["line"]
        async with rig.mirror.worker() as session:
            assert session.compressed
        await rig.mirror.end()
    with Rig(tmp_path, proxy.port) as rig:
        await rig.mirror.knowledge.load()
        known = rig.mirror.knowledge.line
        assert known.rate is not None
        assert 100_000 < known.rate < 1_500_000
    with Rig(tmp_path, server.port) as rig:  # at home again: near
        await rig.sync()
        assert "near" in account(rig)["line"]


# What is remembered


async def test_another_server_is_learned_anew(server: FakeServer, tmp_path: Path) -> None:
    server.greeting = b"* OK ready 77b0c at 12:29:40 from 10.0.0.1\r\n"
    with rig_for(tmp_path, server) as rig:
        await rig.sync()
        rig.mirror.knowledge.note({"search": "ok: x", "qresync": "QRESYNC off: x", "idle": "ok: x"}, DAY)
        assert rig.mirror.knowledge.quirks.disable == {"QRESYNC"}
        server.greeting = b"* OK ready 3f9a2 at 12:30:01 from 10.0.0.1\r\n"
        await rig.sync()
        assert rig.mirror.knowledge.probed
    server.capabilities += " UIDPLUS"
    with rig_for(tmp_path, server) as rig:
        await rig.sync()
        found = rig.execute("SELECT value FROM probes WHERE name IN ('search', 'qresync', 'idle') ORDER BY name")
        assert found == [("ok: accepted",), ("ok: not offered",), ("ok: found 5 of 5",)]


async def test_quirks_are_known_before_the_first_connection_told_of_and_overridden(
    server: FakeServer, tmp_path: Path
) -> None:
    server.greeting = b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n"
    with rig_for(tmp_path, server, max_connections=9, quirks={"reidle": 60}) as rig:
        assert rig.mirror.quirks.reidle == 60
        await rig.sync()
        assert rig.mirror.allowed == 4
        told = rig.execute("SELECT value FROM probes WHERE name = ?", probes.QUIRKS)[0][0]
        assert "microsoft" in told
        assert "reidle = 60" in told
    with rig_for(tmp_path, server, quirks={"connections": 7}, max_connections=9) as rig:
        await rig.sync()
        assert rig.mirror.allowed == 7


async def test_a_line_of_another_version_is_no_line(server: FakeServer, tmp_path: Path) -> None:
    with rig_for(tmp_path, server) as rig:
        rig.mirror.knowledge.note({"line": "fast, I think"}, DAY)
        await rig.sync()
        assert isinstance(rig.mirror.knowledge.line, Line)
        assert rig.mirror.knowledge.line.round_trip is not None


async def test_a_connection_that_is_turned_away_behind_its_sign_in_is_closed(
    server: FakeServer, tmp_path: Path
) -> None:
    server.hooks["NOOP"] = hook(THROTTLED, "BAD")
    with rig_for(tmp_path, server) as rig:
        result = await rig.try_sync()
        assert (result.exit_code, rig.mirror.meter.open) == (4, 0)
