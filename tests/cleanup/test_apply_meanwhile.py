"""While a list is carried out on Dovecot: another client at the same messages, a server that goes away, kills."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailsync.cleanup import carrying, execution
from mailsync.store.jobs import Job
from tests.cleanup import driver, undoing
from tests.cleanup.applying import carried_out, chosen, told
from tests.cleanup.test_apply import contents, even, expected
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import ImapClient, Message, Refused
from tests.servers.proxy import FaultProxy, Faults
from tests.sync.rig import Rig, truth

NO_MOVE = "IMAP4rev1 LITERAL+ UIDPLUS ENABLE CONDSTORE ESEARCH"


def letters(count: int) -> list[Message]:
    """Each of its own; some are read."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    return [
        (
            b"Message-ID: <%d@shop.test>\r\nSubject: %d\r\n\r\nhello\r\n" % (number, number),
            ("\\Seen",) if number % 3 else (),
            start + timedelta(minutes=number),
        )
        for number in range(1, count + 1)
    ]


def where(client: ImapClient) -> dict[int, list[tuple[str, frozenset[str]]]]:
    """The folders that each message is in, with its flags, by the number in its subject."""
    found: dict[int, list[tuple[str, frozenset[str]]]] = {}
    for folder in client.folders():
        for one in client.fetch_all(folder).values():
            number = int(one.raw.partition(b"Subject: ")[2].partition(b"\r")[0])
            found.setdefault(number, []).append((folder, one.flags))
    return found


@pytest.mark.parametrize("capability", [None, NO_MOVE], ids=["MOVE", "UIDPLUS"])
async def test_another_client_at_the_same_messages(
    capability: str | None, start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It flags, moves and expunges what is on the list and what is not; each message is explained, and none is lost.

    Both may have moved the same message at the same time: Dovecot has it in both places then.
    """
    monkeypatch.setattr(carrying, "BATCH", 10)
    count = 600
    server = start_dovecot({"alice": "secret"}, capability=capability)
    server.fill("alice", "INBOX", letters(count))
    server.fill("alice", "Mine", [])
    with FaultProxy(server.port, Faults(latency=0.002)) as proxy, Rig(tmp_path, proxy.port) as rig:
        await rig.sync()
        undoing.consent(rig)
        job = chosen(rig, ["INBOX"], ["mark_read", "move:Old"], even)
        with hands(server, count) as other:
            outcome = await carried_out(rig, job, syncs=False)
        assert outcome.ok, outcome.error
        with server.client("alice") as client:
            there = where(client)
        results = told(rig, job)
    for number in range(1, count + 1):
        places = [folder for folder, _ in there.get(number, [])]
        assert len(places) >= (number not in other.expunged), (number, places)
        if not even(number):
            assert places in ([], ["INBOX"], ["Mine"])
            continue
        state, why = results[number]
        match state:
            case "done":
                assert places in ([], ["Old"], ["Mine", "Old"], ["Old", "Mine"]), (number, places)
            case "gone":
                assert places in ([], ["Mine"]), (number, places)
            case "skipped" if why == "flagged or answered":
                assert number in other.flagged
            case _:
                assert (state, why) == ("skipped", "marked \\Deleted since")
    assert len(Counter(state for state, _ in results.values())) == 3


class Hands:
    """What another client has done, by the numbers of the messages."""

    def __init__(self) -> None:
        self.flagged: set[int] = set()
        self.expunged: set[int] = set()


@contextlib.contextmanager
def hands(server: Dovecot, count: int, folder: str = "INBOX") -> Iterator[Hands]:
    """Another client at work, in a folder."""
    done, ended, dice = Hands(), threading.Event(), random.Random(5)

    def work() -> None:
        with server.client("alice") as client:
            client.command(f"SELECT {folder}")
            for number in dice.sample(range(1, count + 1), count // 2):
                if ended.is_set():
                    return
                act = dice.choice(("flag", "move", "expunge"))
                if act == "flag":
                    client.command(f"UID STORE {number} +FLAGS (\\Flagged)")
                    done.flagged.add(number)
                elif act == "move":
                    with contextlib.suppress(Refused):
                        client.command(f"UID MOVE {number} Mine")
                elif any(b"FETCH" in line for line in client.command(f"UID FETCH {number} (FLAGS)")):
                    client.command(f"UID STORE {number} +FLAGS (\\Deleted)")
                    if any(b"EXPUNGE" in line for line in client.command(f"UID EXPUNGE {number}")):
                        done.expunged.add(number)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


async def test_the_server_goes_away(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying, "BATCH", 10)
    monkeypatch.setattr(execution, "PAUSE_SECONDS", 0.0)
    server = start_dovecot({"alice": "secret"})
    server.fill("alice", "INBOX", letters(300))
    with Rig(tmp_path, server.port) as rig:
        await rig.sync()
        undoing.consent(rig)
        with server.client("alice") as client:
            before = truth(client)
        job = chosen(rig, ["INBOX"], ["mark_read", "label", "move:Old"], even)

        def stop() -> None:
            begun(tmp_path, 40)
            server.stop()

        stopper = threading.Thread(target=stop)
        stopper.start()
        outcome = await carried_out(rig, job, syncs=False)
        stopper.join()
        assert (outcome.ok, outcome.document["exit_code"], outcome.passing) == (False, 4, True)
        server.start()
        outcome = await carried_out(rig, job, syncs=False)
        assert outcome.document["results"] == {"done": 150}
        with server.client("alice") as client:
            after = expected(before, "INBOX", "Old", ["\\Seen", "Secretary/Auto-Cleaned"])
            assert contents(truth(client)) == after


def begun(directory: Path, least: int) -> None:
    """Wait until so many rows were begun."""
    connection = sqlite3.connect(directory / "mailsync.db")
    while connection.execute("SELECT count(*) FROM cleanup_journal WHERE state <> 'waiting'").fetchone()[0] < least:
        time.sleep(0.001)
    connection.close()


@pytest.mark.parametrize("kills", [3, pytest.param(25, marks=pytest.mark.soak)])
async def test_killed_anywhere(dovecot: Dovecot, fresh_user: str, tmp_path: Path, kills: int) -> None:
    count, password = 200 * kills, dovecot.users[fresh_user]
    dovecot.fill(fresh_user, "INBOX", letters(count))
    with Rig(tmp_path, dovecot.port, fresh_user, password) as rig, dovecot.client(fresh_user) as client:
        await rig.sync()
        undoing.consent(rig)
        job = chosen(rig, ["INBOX"], ["mark_read", "label", "move:Old"], even)
        before = truth(client)
    dice = random.Random(11)
    pauses = [dice.random() * 0.1 * (turn % 2) for turn in range(kills)]
    torn = sum(killed(dovecot, fresh_user, tmp_path, job, pause) for pause in pauses)
    assert torn >= kills // 3
    last = driver.start(tmp_path, dovecot.port, fresh_user, password, job.id, 20)
    assert last.wait() == 0
    with Rig(tmp_path, dovecot.port, fresh_user, password) as rig, dovecot.client(fresh_user) as client:
        after = expected(before, "INBOX", "Old", ["\\Seen", "Secretary/Auto-Cleaned"])
        assert contents(truth(client)) == after
        assert set(told(rig, job).values()) == {("done", "")}
        assert rig.execute("PRAGMA integrity_check") == [("ok",)]


def killed(server: Dovecot, user: str, directory: Path, job: Job, pause: float) -> bool:
    """Kill a process that carries a job out, seconds after it has begun; whether rows had no result then."""
    connection = sqlite3.connect(directory / "mailsync.db")

    def states() -> dict[str, int]:
        return dict(connection.execute("SELECT state, count(*) FROM cleanup_journal GROUP BY state"))

    before = states()
    process = driver.start(directory, server.port, user, server.users[user], job.id, 20)
    while process.poll() is None and states() == before:
        time.sleep(0.001)
    time.sleep(pause)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = states().get("begun", 0)
    connection.close()
    return left > 0
