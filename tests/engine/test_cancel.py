"""A cancelled job ends within a second: between two batches, and where it waits for a server that has fallen silent."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mailsync.engine.engine import Engine
from mailsync.store import jobs
from mailsync.store.cleanup_decisions import approve
from mailsync.sync import download, putting
from mailsync.sync import verify as verify_module
from tests.cli.proposals import propose
from tests.engine import driver
from tests.servers.dovecot import Dovecot
from tests.servers.fake import FakeServer, box, letter
from tests.servers.proxy import FaultProxy
from tests.servers.scripted import Command, Link
from tests.sync.restoring import consent, frozen, submitted
from tests.sync.rig import ACCOUNT, Rig, truth

SECOND = 1.0
MESSAGES = 400


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakeServer, Rig]]:
    """A server, and an engine on it that only does what it is asked for; small batches."""
    monkeypatch.setenv(f"MAILSYNC_PASSWORD_{ACCOUNT.upper()}", "secret")
    monkeypatch.setattr(download, "BATCH_BYTES", 20_000)
    monkeypatch.setattr(verify_module, "BATCH_BYTES", 20_000)
    with FakeServer({"INBOX": box(MESSAGES, size=1000)}) as server, Rig(tmp_path, server.port) as rig:
        config = driver.config_for(server.port, "alice")
        engine = Engine(config, rig.store, tmp_path, schedules=False, monitors=False)
        engine.start()
        try:
            yield server, rig
        finally:
            server.hooks.clear()
            engine.stop()


def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ask(rig: Rig, kind: str, **params: Any) -> int:
    return rig.store.write(lambda c: jobs.insert(c, kind, time.time(), account=ACCOUNT, params=params)).result()


def status(rig: Rig, number: int) -> str:
    return str(rig.execute("SELECT status FROM jobs WHERE id = ?", number)[0][0])


def cancelled(rig: Rig, number: int) -> float:
    """Cancel a job; the seconds until it has ended."""
    asked = time.monotonic()
    rig.store.write(lambda c: jobs.request_cancel(c, number, time.time())).result()
    until(lambda: status(rig, number) != "running")
    assert status(rig, number) == "cancelled"
    return time.monotonic() - asked


def dribbling(server: FakeServer) -> Callable[[Link, Command], Any]:
    """Some 200 messages a second, for as long as it takes."""

    async def slowly(link: Link, command: Command) -> bool:
        send = link.send

        async def later(*pieces: bytes) -> None:
            await asyncio.sleep(0.005)
            await send(*pieces)

        link.send = later  # type: ignore[method-assign]
        with contextlib.suppress(ConnectionError):
            await server._fetch(link, command)
            link.send = send  # type: ignore[method-assign]
            await link.ok(command)
        return True

    return slowly


async def silent(link: Link, command: Command) -> bool:
    """Not a word, and no end either."""
    await link.closed()
    return True


@pytest.mark.parametrize("kind", ["sync", "verify"])
def test_it_ends_between_two_batches_and_what_was_done_is_kept(rig: tuple[FakeServer, Rig], kind: str) -> None:
    server, mirror = rig
    if kind == "verify":
        first = ask(mirror, "sync")
        until(lambda: status(mirror, first) == "completed")
    server.hooks["UID FETCH"] = dribbling(server)
    number = ask(mirror, kind, deep=True)
    until(lambda: status(mirror, number) == "running")
    if kind == "sync":
        until(lambda: len(mirror.uids("INBOX")) > 50)
    else:
        until(lambda: server.verbs().count("UID FETCH") > 2)
    assert cancelled(mirror, number) < SECOND
    assert not mirror.execute("SELECT 1 FROM folders WHERE syncing")
    if kind == "sync":
        assert 50 < len(mirror.uids("INBOX")) < MESSAGES
    server.hooks.clear()
    again = ask(mirror, kind, deep=True)
    until(lambda: status(mirror, again) == "completed")
    assert len(mirror.uids("INBOX")) == MESSAGES


@pytest.mark.parametrize(("kind", "verb"), [("sync", "LOGIN"), ("sync", "UID FETCH"), ("check", "LIST")])
def test_it_ends_where_a_server_has_fallen_silent(rig: tuple[FakeServer, Rig], kind: str, verb: str) -> None:
    server, mirror = rig
    server.hooks[verb] = silent
    number = ask(mirror, kind)
    until(lambda: verb in server.verbs())
    assert cancelled(mirror, number) < SECOND
    state = mirror.execute("SELECT state FROM accounts")[0][0]
    assert state not in ("syncing", "connecting")
    assert not mirror.execute("SELECT 1 FROM folders WHERE syncing")
    server.hooks.clear()
    again = ask(mirror, "sync")
    until(lambda: status(mirror, again) == "completed")  # nothing is left locked, no connection is taken for a good one
    assert len(mirror.uids("INBOX")) == MESSAGES


def test_a_restore_ends_between_two_batches_and_goes_on_when_it_is_asked_for_again(
    dovecot: Dovecot, fresh_user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MAILSYNC_PASSWORD_{ACCOUNT.upper()}", dovecot.users[fresh_user])
    monkeypatch.setattr(putting, "BATCH_MESSAGES", 5)
    dovecot.fill(fresh_user, "INBOX", [(letter(number), (), None) for number in range(MESSAGES)])
    with (
        FaultProxy(dovecot.port) as line,
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
    ):
        consent(rig)
        engine = Engine(driver.config_for(line.port, fresh_user), rig.store, tmp_path, schedules=False, monitors=False)
        engine.start()
        try:
            first = ask(rig, "sync")
            until(lambda: status(rig, first) == "completed")
            with dovecot.client(fresh_user) as client:
                client.expunge("INBOX", client.uids("INBOX"))
            gone = ask(rig, "sync", full=True)
            until(lambda: status(rig, gone) == "completed")
            line.faults.latency = 0.02
            number = submitted(rig, frozen(rig, rig.mirror, removed=0.0)).id
            until(lambda: rig.execute("SELECT processed FROM jobs WHERE id = ?", number)[0][0] > 50)
            assert cancelled(rig, number) < SECOND
            with dovecot.client(fresh_user) as client:
                assert 50 < len(truth(client)["INBOX"][1]) < MESSAGES
            line.faults.latency = 0.0
            rig.store.write(lambda connection: jobs.retry(connection, number, time.time())).result()
            until(lambda: status(rig, number) == "completed")
        finally:
            engine.stop()
        with dovecot.client(fresh_user) as client:
            assert len(truth(client)["INBOX"][1]) == MESSAGES  # each once


def newsletter(number: int) -> bytes:
    return (
        b"From: news@shop.example\r\nTo: readers@shop.example\r\nSubject: Sale %d\r\nList-Id: <news.shop.example>\r\n"
        b"Message-ID: <%d@shop.example>\r\nDate: Sun, 01 Mar 2020 10:00:00 +0000\r\n\r\nAll is cheap.\r\n"
        % (number, number)
    )


def test_a_clean_up_ends_between_two_batches_and_goes_on_when_it_is_asked_for_again(
    dovecot: Dovecot, fresh_user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MAILSYNC_PASSWORD_{ACCOUNT.upper()}", dovecot.users[fresh_user])
    dovecot.fill(fresh_user, "INBOX", [(newsletter(number), (), None) for number in range(MESSAGES)])
    with (
        FaultProxy(dovecot.port) as line,
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
    ):
        consent(rig)
        config = driver.config_for(line.port, fresh_user)
        engine = Engine(config, rig.store, tmp_path, schedules=False, monitors=False, indexes=True)
        engine.start()

        def read() -> int:
            with dovecot.client(fresh_user) as client:
                return sum("\\Seen" in stored.flags for stored in client.fetch_all("INBOX").values())

        try:
            first = ask(rig, "sync")
            until(lambda: status(rig, first) == "completed")
            assert engine.index().wait(15)
            one = propose(tmp_path, range(1, MESSAGES + 1), ["mark_read"])
            line.faults.latency = 0.1
            number = rig.store.write(lambda c: approve(c, one.id, one.hash, time.time(), large=True)).result()
            until(lambda: rig.execute("SELECT processed FROM jobs WHERE id = ?", number)[0][0] > 0)
            assert cancelled(rig, number) < SECOND
            line.faults.latency = 0.0
            assert 0 < read() < MESSAGES
            rig.store.write(lambda connection: jobs.retry(connection, number, time.time())).result()
            until(lambda: status(rig, number) == "completed")
            assert read() == MESSAGES
        finally:
            engine.stop()
