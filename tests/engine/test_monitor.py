"""Push: what another client does shows up in the store within a second, through restarts and without IDLE."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mailsync.engine.engine import Engine
from mailsync.model import FolderResult
from mailsync.store import jobs
from mailsync.sync import monitor, reacting
from mailsync.sync.folder import FolderSync
from tests.engine import driver
from tests.servers.dovecot import CONDSTORE_ONLY, PLAIN_IMAP4REV1, Dovecot
from tests.servers.fake import Command, FakeServer, Link, Mail, box, letter
from tests.servers.pymap_server import Pymap
from tests.sync.rig import ACCOUNT, Rig, assert_equal

PROMPT = 5.0
"""Seconds: far less than any poll or schedule takes, and enough for a machine with other things to do. How quick push
is on an idle machine is measured by `make bench`."""


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(monitor, "BACKOFF_SECONDS", (0.1, 0.5))
    monkeypatch.setattr(reacting, "RETAKE_SECONDS", 0.1)


@contextlib.contextmanager
def engine(rig: Rig, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Iterator[Engine]:
    """An engine with schedules and monitors on the rig's store, once it watches."""
    monkeypatch.setenv(f"MAILSYNC_PASSWORD_{ACCOUNT.upper()}", rig.password)
    config = driver.config_for(rig.port, rig.user, **options)
    running = Engine(config, rig.store, rig.directory, now=lambda: time.time() + rig.clock)
    running.start()
    try:
        until(lambda: bool(watched(rig)))
        yield running
    finally:
        running.stop()
    assert rig.execute("SELECT state FROM accounts") == [("disconnected",)]
    assert watched(rig) == {}


def watched(rig: Rig) -> dict[str, str]:
    return dict(rig.execute("SELECT name, watch FROM folders WHERE watch <> ''"))


def until(condition: Callable[[], bool], seconds: float = 15.0) -> float:
    """Wait; how long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.005)
    return time.monotonic() - started


@pytest.mark.parametrize(("capability", "how"), [(None, "notify"), (CONDSTORE_ONLY, "idle")])
def test_new_mail_on_dovecot(
    start_dovecot: Callable[..., Dovecot],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capability: str | None,
    how: str,
) -> None:
    """Dovecot itself waits half a second before it tells an IDLE client."""
    server = start_dovecot(capability=capability)
    with Rig(tmp_path, server.port) as rig, server.client() as client, engine(rig, monkeypatch):
        assert watched(rig) == {"INBOX": how}
        until(lambda: rig.execute("SELECT state FROM accounts") == [("watching",)])
        delays = []
        for number in range(3):
            time.sleep(0.1)
            uid = client.append("INBOX", letter(number), ["\\Flagged"])
            delays.append(until(lambda uid=uid: uid in rig.uids("INBOX")))  # type: ignore[misc]
        assert sorted(delays)[1] < PROMPT, delays
        assert rig.execute("SELECT flags FROM messages") == [(4,)] * 3
        until(lambda: rig.execute("SELECT count(*) FROM envelopes") == [(3,)])

        client.store("INBOX", [1], "+FLAGS", "\\Seen", "$Later")
        assert (
            until(lambda: rig.execute("SELECT flags, keywords FROM messages WHERE uid = 1") == [(5, "$Later")]) < PROMPT
        )
        client.expunge("INBOX", [2])
        assert until(lambda: rig.uids("INBOX") == [1, 3]) < PROMPT
        kinds = [row[0] for row in rig.execute("SELECT type FROM activity WHERE folder = 'INBOX' ORDER BY seq")]
        assert kinds.count("new") == 3
        assert {"flags", "removed"} <= set(kinds)
        until(lambda: rig.execute("SELECT pushed, missed FROM folders WHERE name = 'INBOX'") == [(3, 0)])


def test_every_folder_is_watched_on_one_connection(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_dovecot()
    for name in ("INBOX", "Work", "Work/Deep"):
        server.fill("alice", name, [(letter(1), (), None)])
    with Rig(tmp_path, server.port) as rig, server.client() as client, engine(rig, monkeypatch):
        until(lambda: watched(rig) == dict.fromkeys(("INBOX", "Work", "Work/Deep"), "notify"))
        client.append("Work/Deep", letter(2))
        assert until(lambda: rig.uids("Work/Deep") == [1, 2]) < PROMPT
        client.store("Work", [1], "+FLAGS", "\\Answered")
        assert until(lambda: rig.mirrored()["Work"][1][1].flags == {"\\Answered"}) < PROMPT
        client.create("New")
        client.append("New", letter(3))
        until(lambda: rig.uids("New") == [1])  # its first sync was asked for by the notice, long before the schedule
        client.append("New", letter(4))
        until(lambda: rig.uids("New") == [1, 2])
        client.delete("Work/Deep")
        until(lambda: "Work/Deep" not in rig.folders())
        until(lambda: watched(rig) == dict.fromkeys(("INBOX", "New", "Work"), "notify"))
        assert_equal(rig, client)


def test_new_mail_on_pymap(pymap: Pymap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pymap loses the notice of a change that comes some milliseconds after another one or after IDLE: hence the
    pauses, longer than a monitor rests. What is lost all the same it tells when IDLE ends."""
    options = {"quirks": {"reidle": 2 * PROMPT}}
    with Rig(tmp_path, pymap.port) as rig, pymap.client() as client, engine(rig, monkeypatch, **options):
        delays = []
        for number in range(3):
            time.sleep(0.6)
            uid = client.append("INBOX", letter(number))
            delays.append(until(lambda uid=uid: uid in rig.uids("INBOX")))  # type: ignore[misc]
        assert sorted(delays)[1] < PROMPT, delays
        for command in ("SELECT INBOX", f"UID STORE {uid} +FLAGS (\\Seen)", f"UID STORE {uid} +FLAGS (\\Deleted)"):
            time.sleep(0.6)
            client.command(command)
        until(lambda: rig.execute("SELECT flags FROM messages WHERE uid = ?", uid) == [(9,)])
        time.sleep(0.6)
        client.command("EXPUNGE")
        until(lambda: uid not in rig.uids("INBOX"))


def test_a_server_that_cannot_push_is_polled(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_dovecot(capability=PLAIN_IMAP4REV1)
    options = {"quirks": {"poll": 1.0}}
    with Rig(tmp_path, server.port) as rig, server.client() as client, engine(rig, monkeypatch, **options):
        assert watched(rig) == {"INBOX": "poll"}
        client.append("INBOX", letter(1))
        until(lambda: rig.uids("INBOX") == [1])
        client.expunge("INBOX", [1])
        until(lambda: rig.uids("INBOX") == [])


def test_a_server_that_restarts(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_dovecot()
    with Rig(tmp_path, server.port) as rig, engine(rig, monkeypatch):
        server.stop()
        until(lambda: rig.execute("SELECT state FROM accounts") == [("backing_off",)])
        assert watched(rig) == {}
        server.start()
        server.fill("alice", "INBOX", [(letter(1), (), None)])
        until(lambda: rig.uids("INBOX") == [1])  # what was missed meanwhile is found by looking
        until(lambda: watched(rig) == {"INBOX": "notify"})
        server.fill("alice", "INBOX", [(letter(2), (), None)])
        until(lambda: rig.uids("INBOX") == [1, 2])
        assert rig.execute("SELECT state, error FROM accounts") == [("watching", None)]


def test_a_watched_folder_that_becomes_another(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_dovecot()
    server.fill("alice", "Work", [(letter(number), (), None) for number in range(3)])
    with Rig(tmp_path, server.port) as rig, server.client() as client, engine(rig, monkeypatch, watch=["Work"]):
        until(lambda: watched(rig) == {"INBOX": "notify", "Work": "notify"})
        client.delete("Work")
        client.create("Work")
        client.append("Work", letter(9))
        until(lambda: list(rig.raw("Work").values()) == [letter(9)])
        client.append("Work", letter(10))
        until(lambda: len(rig.uids("Work")) == 2)


@pytest.mark.parametrize(("ceiling", "watchers"), [(2, 1), (4, 2), (10, 2)])
def test_never_more_connections_than_allowed(
    ceiling: int, watchers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders watched and folders synced share the ceiling: providers refuse whoever exceeds it."""
    boxes = {"INBOX": box(5)} | {f"f{number}": box(5) for number in range(6)}
    with FakeServer(boxes) as server, Rig(tmp_path, server.port) as rig:
        most = [0]

        with engine(rig, monkeypatch, max_connections=ceiling, watch=["INBOX", "f*"], sync_interval=1):
            until(lambda: list(watched(rig).values()).count("idle") == watchers)
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                most[0] = max(most[0], sum(link.open for link in server.links))
                time.sleep(0.002)
        assert watchers < most[0] <= ceiling


def test_a_watched_folder_that_cannot_be_opened_is_its_own_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(link: Link, command: Command) -> bool:
        await link.ok(command, "[NOPERM] not yours", "NO")
        return True

    boxes = {"INBOX": box(5), "Sent": box(2)}
    with FakeServer(boxes) as server, Rig(tmp_path, server.port) as rig, engine(rig, monkeypatch):
        server.hooks["EXAMINE"] = refuse
        server.cut_all()
        until(lambda: server.verbs().count("EXAMINE") > 4)
        assert rig.execute("SELECT state FROM accounts")[0][0] in ("connecting", "authenticated")
        server.hooks.clear()
        server.boxes["INBOX"].messages[6] = Mail(letter(6))
        until(lambda: 6 in rig.uids("INBOX"))
        until(lambda: watched(rig) == {"INBOX": "idle"})
        until(lambda: rig.execute("SELECT state, error FROM accounts") == [("watching", None)])


def test_mail_that_arrives_during_a_verify_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig, engine(rig, monkeypatch):

        async def listed(link: Link, command: Command) -> bool:
            if b"BODY" in command.text or 6 in server.boxes["INBOX"].messages:
                return False
            await server._fetch(link, command)
            server.boxes["INBOX"].messages[6] = Mail(letter(6))
            server.push(b"* 6 EXISTS\r\n")
            await asyncio.sleep(0.5)  # long enough for a monitor to store it
            await link.ok(command)
            return True

        server.hooks["UID FETCH"] = listed
        job_id = rig.store.write(lambda c: jobs.insert(c, "verify", 1.0, params={"deep": True})).result()
        until(lambda: rig.execute("SELECT status FROM jobs WHERE id = ?", job_id)[0][0] in ("completed", "failed"))
        assert rig.execute("SELECT status, error FROM jobs WHERE id = ?", job_id) == [("completed", None)]
        until(lambda: rig.uids("INBOX") == [1, 2, 3, 4, 5, 6])


def test_a_monitor_that_is_stopped_at_work_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer({"INBOX": box(300, size=5000)}) as server, Rig(tmp_path, server.port) as rig:
        with engine(rig, monkeypatch) as running:
            server.boxes["INBOX"].messages |= box(3000, size=5000).messages
            server.push(b"* 1 EXPUNGE\r\n* 3000 EXISTS\r\n")
            until(lambda: len(rig.uids("INBOX")) > 300)
            running.stop()
        assert rig.execute("SELECT state FROM accounts") == [("disconnected",)]


async def test_arrivals_are_not_stored_under_another_uidvalidity(tmp_path: Path) -> None:
    """The watching connection may still have the old folder open when a sync has found the new one."""
    with FakeServer({"INBOX": box(3)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        async with rig.mirror.pool.session() as session:
            await session.examine(b"INBOX")
            old = server.boxes["INBOX"]
            server.boxes["INBOX"] = box(2, uidvalidity=2)
            await rig.mirror.sync()
            old.messages[4] = Mail(letter(4))
            task = FolderSync(rig.store, ACCOUNT, rig.mirror.account_id, rig.folders()["INBOX"])
            result: FolderResult = await task.arrivals(session)
        await rig.mirror.close()
        assert rig.uids("INBOX") == [1, 2]
        assert result.uidvalidity == 2
