"""While a clean-up is taken back on Dovecot: another client at the same messages, a line that breaks, kills."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mailsync.cleanup import carrying, execution
from mailsync.sync import restore
from tests.cleanup import applying, driver, undoing, undone
from tests.cleanup.test_apply import contents, even
from tests.cleanup.test_apply_meanwhile import NO_MOVE, hands, killed, letters, where
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import FaultProxy, Faults
from tests.sync.rig import Rig, truth


@pytest.mark.parametrize("capability", [None, NO_MOVE], ids=["MOVE", "UIDPLUS"])
async def test_another_client_at_the_same_messages(
    capability: str | None, start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it moves away stays there, what it flags is flagged, what it expunges comes back.

    What both take at the same moment may be in two places then, and Dovecot may bring back what two have taken away.
    """
    monkeypatch.setattr(carrying, "BATCH", 10)
    server = start_dovecot({"alice": "secret"}, capability=capability)
    server.fill("alice", "INBOX", letters(600))
    server.fill("alice", "Mine", [])
    with server.client("alice") as client, FaultProxy(server.port, Faults()) as proxy, Rig(tmp_path, proxy.port) as rig:
        await rig.sync()
        undoing.consent(rig)
        before = where(client)
        await applying.applied(rig, ["INBOX"], ["mark_read", "move:Old"], where=even)
        assert len(client.uids("Old")) == 300
        job = undone.approved(rig, 1)
        proxy.faults.latency = 0.002
        with hands(server, 300, "Old"):
            outcome = await undone.carried_out(rig, job)
        assert outcome.ok, outcome.error
        there = where(client)
        told = rig.execute("SELECT state, reason FROM cleanup_journal WHERE run_id = 2")
    assert len(there) == 600
    for number, places in there.items():
        folders = [folder for folder, _ in places]
        twice = len(folders) == 2 and (capability or "Mine" in folders)
        assert folders in (["INBOX"], ["Mine"]) or twice, (number, folders)
        if folders == ["INBOX"]:
            ((_, flags),), ((_, had),) = places, before[number]
            assert flags - {"\\Flagged", "\\Deleted"} == had
    reasons = Counter(told)
    assert reasons["skipped", "it is in Mine now"] > 0
    assert reasons["done", "put on the server once more"] > 0
    assert reasons.total() == 300


async def test_the_line_breaks(
    dovecot: Dovecot, fresh_user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again and again, at any moment; half of it has to be appended."""
    monkeypatch.setattr(carrying, "BATCH", 10)
    for module in (execution, restore):
        monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    dovecot.fill(fresh_user, "INBOX", letters(200))
    with (
        dovecot.client(fresh_user) as client,
        FaultProxy(dovecot.port) as proxy,
        Rig(tmp_path, proxy.port, fresh_user, dovecot.users[fresh_user]) as rig,
    ):
        await rig.sync()
        undoing.consent(rig)
        before = contents(truth(client))
        await applying.applied(rig, ["INBOX"], ["mark_read", "label", "move:Old"])
        client.expunge("Old", client.uids("Old")[::2])
        job = undone.approved(rig, 1)
        times, ok = 0, False
        while not ok:
            times += 1
            proxy.faults.cut_after = random.Random(times).randrange(2000, 4000 * times)
            ok = (await undone.carried_out(rig, job, syncs=False)).ok
        assert times > 2
        assert contents(truth(client)) == before


@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.soak)])
async def test_killed_anywhere(dovecot: Dovecot, fresh_user: str, tmp_path: Path, kills: int) -> None:
    password = dovecot.users[fresh_user]
    dovecot.fill(fresh_user, "INBOX", letters(200 * kills))
    with Rig(tmp_path, dovecot.port, fresh_user, password) as rig, dovecot.client(fresh_user) as client:
        await rig.sync()
        undoing.consent(rig)
        before, ids = contents(truth(client)), set(rig.execute("SELECT id FROM messages"))
        await applying.applied(rig, ["INBOX"], ["mark_read", "label", "move:Old"])
        job = undone.approved(rig, 1)
    dice = random.Random(12)
    pauses = [dice.random() * 0.1 * (turn % 2) for turn in range(kills)]
    torn = sum(killed(dovecot, fresh_user, tmp_path, job, pause) for pause in pauses)
    assert torn >= kills // 3
    assert driver.start(tmp_path, dovecot.port, fresh_user, password, job.id, 20).wait() == 0
    with Rig(tmp_path, dovecot.port, fresh_user, password) as rig, dovecot.client(fresh_user) as client:
        assert contents(truth(client)) == before
        assert set(rig.execute("SELECT id FROM messages")) == ids
        assert undone.state(rig, 1) == "undone"
