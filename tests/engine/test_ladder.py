"""The rungs of the push ladder on servers that are told how to misbehave."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mailsync.store import folders, jobs, pushes
from mailsync.sync import monitor, push, reacting, watching
from tests.engine.test_monitor import engine, until, watched
from tests.servers.dovecot import Dovecot
from tests.servers.fake import Command, FakeServer, Hook, Link, Mail, box, letter
from tests.sync.rig import Rig, assert_equal

NOTIFY = "IMAP4rev1 LITERAL+ IDLE ID NOTIFY"


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(monitor, "BACKOFF_SECONDS", (0.1, 0.5))
    monkeypatch.setattr(reacting, "RETAKE_SECONDS", 0.1)
    monkeypatch.setattr(watching, "SETTLE_SECONDS", 0.3)


def notifies(server: FakeServer, *, untold: tuple[str, ...] = ()) -> Hook:
    """NOTIFY as RFC 5465 has it: the numbers of every folder, then OK."""

    async def notify(link: Link, command: Command) -> bool:
        for name, one in server.boxes.items():
            if name not in untold:
                await link.send(status(name, one.count, one.next))
        await link.ok(command)
        return True

    server.capabilities = NOTIFY
    server.hooks["NOTIFY"] = notify
    return notify


def status(name: str, messages: int, uidnext: int) -> bytes:
    return f'* STATUS "{name}" (MESSAGES {messages} UIDNEXT {uidnext} UIDVALIDITY 1)\r\n'.encode()


def arrive(server: FakeServer, name: str, uid: int) -> None:
    """A message, and the notice of it where NOTIFY is on."""
    one = server.boxes[name]
    one.messages[uid] = Mail(letter(uid))
    server.push(status(name, one.count, one.next))


def test_arrivals_in_any_folder_take_one_round_trip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer({"INBOX": box(5), "Work": box(3)}) as server, Rig(tmp_path, server.port) as rig:
        notifies(server)
        pipelined: list[bool] = []

        async def slow(link: Link, command: Command) -> bool:
            await asyncio.sleep(0.2)
            pipelined.append(link.unread_lines() == 1)
            return False

        with engine(rig, monkeypatch):
            until(lambda: watched(rig) == {"INBOX": "notify", "Work": "notify"})
            time.sleep(0.5)  # a connection is at hand
            server.hooks["EXAMINE"] = slow
            logins = len(server.logins)
            arrive(server, "Work", 4)
            until(lambda: rig.uids("Work") == [1, 2, 3, 4])
            assert pipelined == [True]
            assert len(server.logins) == logins
            assert server.bodies[4] == 2  # INBOX has a message of that UID, too


def test_what_idle_tells_is_fetched_without_waiting_for_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        early: list[bool] = []

        async def idle(link: Link, command: Command) -> bool:
            await link.send(b"+ idling\r\n")
            link.idling = True
            assert await link.line() == b"DONE"
            link.idling = False
            await asyncio.sleep(0.3)
            early.append(link.unread_lines() == 1)
            await link.ok(command)
            return True

        server.hooks["IDLE"] = idle
        with engine(rig, monkeypatch):
            until(lambda: any(link.idling for link in server.links))
            server.boxes["INBOX"].messages[6] = Mail(letter(6))
            server.push(b"* 6 EXISTS\r\n")
            until(lambda: 6 in rig.uids("INBOX"))
            assert True in early


def test_a_refused_notify_leaves_idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(link: Link, command: Command) -> bool:
        await link.ok(command, "not today", "NO")
        return True

    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        server.capabilities = NOTIFY
        server.hooks["NOTIFY"] = refuse
        with engine(rig, monkeypatch):
            until(lambda: watched(rig) == {"INBOX": "idle"})
            assert server.verbs().count("NOTIFY") == 1


def test_an_overflow_begins_notify_anew_and_misses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer({"INBOX": box(5), "Work": box(3)}) as server, Rig(tmp_path, server.port) as rig:
        notifies(server)
        with engine(rig, monkeypatch):
            until(lambda: len(watched(rig)) == 2)
            server.boxes["Work"].messages[4] = Mail(letter(4))
            server.push(b"* OK [NOTIFICATIONOVERFLOW] too much\r\n")
            until(lambda: rig.uids("Work") == [1, 2, 3, 4])
            assert server.verbs().count("NOTIFY") == 2
            arrive(server, "INBOX", 6)
            until(lambda: 6 in rig.uids("INBOX"))


def test_a_folder_that_is_never_told_of_is_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"quirks": {"poll": 1.0}}
    with FakeServer({"INBOX": box(5), "Shared": box(3)}) as server, Rig(tmp_path, server.port) as rig:
        notifies(server, untold=("Shared",))
        with engine(rig, monkeypatch, **options):
            until(lambda: watched(rig) == {"INBOX": "notify", "Shared": "poll"})
            server.boxes["Shared"].messages[4] = Mail(letter(4))
            until(lambda: rig.uids("Shared") == [1, 2, 3, 4])


def test_a_folder_that_went_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the sync that is to find it still waits for the server, the watch goes on, and so does what it noted."""
    with FakeServer({"INBOX": box(5), "Work": box(3)}) as server, Rig(tmp_path, server.port) as rig:
        notifies(server)

        async def slow(link: Link, command: Command) -> bool:
            await asyncio.sleep(0.5)
            return False

        with engine(rig, monkeypatch):
            until(lambda: len(watched(rig)) == 2)
            server.hooks["LIST"] = slow
            del server.boxes["Work"]
            server.push(b'* LIST (\\NonExistent) "/" "Work"\r\n')
            until(lambda: set(rig.folders()) == {"INBOX"})
            assert server.verbs().count("NOTIFY") == 1


def test_a_folder_that_came_is_watched_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no mail yet, so the server has no numbers to tell; that it told of the folder is enough."""
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        notifies(server)
        with engine(rig, monkeypatch):
            server.boxes["New"] = box(0)
            server.push(b'* LIST () "/" "New"\r\n')
            until(lambda: watched(rig) == {"INBOX": "notify", "New": "notify"})
            assert server.verbs().count("NOTIFY") == 1
            arrive(server, "New", 1)
            until(lambda: rig.uids("New") == [1])


def test_folders_that_come_and_go_while_nobody_listens_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeServer({"INBOX": box(5), "Work": box(3)}) as server, Rig(tmp_path, server.port) as rig:
        notifies(server)
        with engine(rig, monkeypatch):
            until(lambda: len(watched(rig)) == 2)
            server.boxes["Play"] = box(2)
            server.cut_all()
            until(lambda: watched(rig) == {"INBOX": "notify", "Play": "notify", "Work": "notify"})
            del server.boxes["Work"]
            server.cut_all()
            until(lambda: watched(rig) == {"INBOX": "notify", "Play": "notify"})


def test_a_slow_store_is_no_silent_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(connection: sqlite3.Connection, account_id: int) -> dict[str, folders.Folder]:
        time.sleep(0.3)
        return folders.present(connection, account_id)

    with FakeServer({"INBOX": box(5), "Work": box(3)}) as server, Rig(tmp_path, server.port) as rig:
        notifies(server)
        monkeypatch.setattr(watching, "folders", SimpleNamespace(present=slowly))
        with engine(rig, monkeypatch):
            until(lambda: watched(rig) == {"INBOX": "notify", "Work": "notify"})
            assert server.verbs().count("NOTIFY") == 1


def test_a_rename_is_followed(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dovecot 2.3 does not tell of it: the schedule finds the folder, then NOTIFY is begun anew."""
    server = start_dovecot()
    server.fill("alice", "Work", [(letter(1), (), None)])
    options = {"sync_interval": 1}
    with Rig(tmp_path, server.port) as rig, server.client() as client, engine(rig, monkeypatch, **options):
        until(lambda: watched(rig) == {"INBOX": "notify", "Work": "notify"})
        client.rename("Work", "Play")
        until(lambda: watched(rig) == {"INBOX": "notify", "Play": "notify"})
        client.append("Play", letter(2))
        until(lambda: rig.uids("Play") == [1, 2])
        assert_equal(rig, client)


def test_push_that_misses_mail_is_counted_then_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "GRACE_SECONDS", 0.3)
    options = {"sync_interval": 1, "quirks": {"poll": 1.0}}
    server_with_mail = FakeServer({"INBOX": box(5)})
    with server_with_mail as server, Rig(tmp_path, server.port) as rig, engine(rig, monkeypatch, **options):
        assert watched(rig) == {"INBOX": "idle"}
        time.sleep(1.2)
        for uid in (6, 7, 8):  # never told
            server.boxes["INBOX"].messages[uid] = Mail(letter(uid))
        until(lambda: watched(rig) == {"INBOX": "poll"})
        assert rig.execute("SELECT pushed, missed FROM folders") == [(0, 3)]
        notes = rig.execute("SELECT folder, detail FROM activity WHERE type = 'note'")
        assert notes == [("INBOX", "push missed 3 of 3: polled for a day instead")]
        rig.clock = push.AGAIN_SECONDS + 60
        until(lambda: watched(rig) == {"INBOX": "idle"})
        counts = rig.store.write(lambda c: pushes.counts(c, rig.mirror.account_id)).result()
        assert counts["INBOX"][:2] == (0, 0)


def test_monitors_give_way_to_a_sync_that_gets_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailsync.engine.engine.CONNECTIONS_KEPT_SECONDS", 0.0)
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        most, refused = [9], [0]

        def alive() -> int:
            return sum(link.open for link in server.links)

        async def limited(link: Link, command: Command) -> bool:
            if alive() <= most[0]:
                return False
            refused[0] += 1
            await link.ok(command, "[LIMIT] Too many simultaneous connections", "NO")
            return True

        server.hooks["LOGIN"] = limited
        with engine(rig, monkeypatch):
            until(lambda: watched(rig) == {"INBOX": "idle"} and alive() == 1)
            most[0] = 1
            server.boxes["INBOX"].messages[6] = Mail(letter(6))
            job = rig.store.write(lambda c: jobs.insert(c, "sync", time.time())).result()
            until(lambda: rig.execute(f"SELECT status FROM jobs WHERE id = {job}") == [("completed",)])
            assert rig.uids("INBOX") == [1, 2, 3, 4, 5, 6]
            assert refused == [1]


def test_a_machine_that_slept_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "TICK_SECONDS", 0.1)
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig, engine(rig, monkeypatch):
        until(lambda: any(link.idling for link in server.links))
        logins = len(server.logins)
        server.boxes["INBOX"].messages[6] = Mail(letter(6))  # while it slept; its connection does not know it is dead
        rig.clock = 3600.0
        until(lambda: 6 in rig.uids("INBOX"))
        assert len(server.logins) > logins
        until(lambda: watched(rig) == {"INBOX": "idle"})


def test_a_folder_that_fails_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse_work(link: Link, command: Command) -> bool:
        if command.args[0] != b"Work":
            return False
        await link.ok(command, "[SERVERBUG] broken", "NO")
        return True

    with FakeServer({"INBOX": box(5), "Work": box(3)}) as server, Rig(tmp_path, server.port) as rig:
        notifies(server)
        with engine(rig, monkeypatch):
            until(lambda: len(watched(rig)) == 2)
            server.hooks["EXAMINE"] = refuse_work
            arrive(server, "Work", 4)
            until(lambda: rig.execute("SELECT error FROM folders WHERE name = 'Work'")[0][0] is not None)
            arrive(server, "INBOX", 6)
            until(lambda: 6 in rig.uids("INBOX"))
            assert server.verbs().count("NOTIFY") == 1


def test_gmails_inbox_tells_of_all_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = "[Gmail]/All Mail"
    with FakeServer({"INBOX": box(2), everything: box(5)}) as server, Rig(tmp_path, server.port) as rig:
        server.capabilities = "IMAP4rev1 LITERAL+ IDLE ID X-GM-EXT-1"

        async def listing(link: Link, command: Command) -> bool:
            for name in server.boxes:
                use = b"\\All " if name == everything else b""
                await link.send(b"* LIST (" + use + b'\\HasNoChildren) "/" "' + name.encode() + b'"\r\n')
            await link.ok(command)
            return True

        server.hooks["LIST"] = listing
        with engine(rig, monkeypatch):
            assert watched(rig) == {everything: "idle"}
            until(lambda: any(link.idling for link in server.links))
            server.boxes[everything].messages[6] = Mail(letter(6))
            server.boxes["INBOX"].messages[3] = Mail(letter(6))
            server.push(b"* 3 EXISTS\r\n")
            until(lambda: rig.uids(everything) == [1, 2, 3, 4, 5, 6])
            assert set(rig.folders()) == {everything}
