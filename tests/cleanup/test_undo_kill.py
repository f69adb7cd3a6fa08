"""An undo that is killed at any step it takes goes on, and what was killed at any step is undone: each message is where
it was, once, as it was."""

from __future__ import annotations

import copy
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailsync.cleanup import carrying
from mailsync.store import cleanup_runs, jobs
from mailsync.store.jobs import Job
from tests.cleanup import applying, undoing, undone
from tests.cleanup.killing import Killed, killed_at
from tests.cleanup.test_apply import contents, even, letters
from tests.cleanup.test_apply_kill import BATCH, COUNT, WAYS, filled
from tests.cleanup.test_undo import ALL_MAIL, TRASH
from tests.servers import model_server
from tests.servers.model_server import ModelServer
from tests.sync.rig import Rig, Truth

Mailboxes = dict[str, Any]


@pytest.fixture(params=[*WAYS, "lost"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a server does it; "lost": what was moved is gone by the time of the undo."""
    monkeypatch.setattr(carrying, "BATCH", BATCH)
    if request.param == "labels are folders":
        monkeypatch.setattr(model_server, "KEPT", "\\Answered \\Flagged \\Deleted \\Seen \\Draft")
    return str(request.param)


def kept(server: ModelServer) -> Mailboxes:
    """All that a server holds."""
    held = vars(server.mail)
    return {name: copy.deepcopy(held[name]) for name in held if name not in ("lock", "changed")}


def again(way: str, held: Mailboxes, kind: str = "full") -> ModelServer:
    """A server of the same kind that holds this."""
    server = ModelServer(kind)
    WAYS.get(way, WAYS["MOVE"])[2](server)
    vars(server.mail).update(copy.deepcopy(held))
    return server


async def survives(work: Callable[[], Any], last: int, patch: pytest.MonkeyPatch) -> bool:
    """Whether something comes to its end before that step."""
    with killed_at(patch, last) as steps:
        try:
            outcome = await work()
            assert outcome.ok, outcome.error
        except Killed:
            pass
    return steps.taken < last


async def is_as_before(rig: Rig, server: ModelServer, before: Truth, last: int) -> None:
    """Server and mirror are as they were, with the ids."""
    assert contents(server.mail.truth()) == contents(before), f"step {last}"
    assert undone.state(rig, 1) == "undone"
    await rig.sync()
    held = rig.mirrored()
    assert contents(held) == contents(before)
    assert {row[0] for row in rig.execute("SELECT id FROM messages")} == set(range(1, COUNT + 1)), f"step {last}"


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.soak)])
async def test_an_undo(way: str, every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few steps of each way, and the others with `make soak`."""
    actions, _, tell = WAYS.get(way, WAYS["MOVE"])
    with filled(tell) as server, Rig(tmp_path / "0", server.port) as rig:
        await rig.sync()
        undoing.consent(rig)
        before = server.mail.truth()
        await applying.applied(rig, ["INBOX"], actions, where=even)
        if way == "lost":
            server.mail.expunge("Old", list(server.mail.folders["Old"].messages))
        job = undone.approved(rig, 1)
        held = kept(server)
    last, alive = [*WAYS, "lost"].index(way), False
    while not alive:
        last += every
        directory = tmp_path / str(last)
        shutil.copytree(tmp_path / "0", directory)
        with again(way, held) as server:
            with Rig(directory, server.port) as rig:
                work = _work(rig, job)
                alive = await survives(work, last, monkeypatch)
            with Rig(directory, server.port) as rig:
                if not alive:
                    rig.store.write(lambda c: jobs.requeue(c, job.id, time.time())).result()
                    outcome = await undone.carried_out(rig, job)
                    assert outcome.ok, (last, outcome.error)
                    assert outcome.document["results"] == {"done": COUNT // 2}
                await is_as_before(rig, server, before, last)
        shutil.rmtree(directory)
    assert last > 20


def _work(rig: Rig, job: Job) -> Callable[[], Any]:
    return lambda: undone.carried_out(rig, job, syncs=False)


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.soak)])
async def test_the_undo_of_what_was_killed(
    way: str, every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clean-up ends at some step, somebody cancels it and takes it back: nobody has looked what became of it."""
    actions, _, tell = WAYS.get(way, WAYS["MOVE"])
    with filled(tell) as server, Rig(tmp_path / "0", server.port) as rig:
        await rig.sync()
        undoing.consent(rig)
        job = applying.chosen(rig, ["INBOX"], actions, even)
        before, held = server.mail.truth(), kept(server)
    last, alive = [*WAYS, "lost"].index(way), False
    while not alive:
        last += every
        directory = tmp_path / str(last)
        shutil.copytree(tmp_path / "0", directory)
        with again(way, held) as server:
            with Rig(directory, server.port) as rig:
                alive = await survives(lambda: applying.carried_out(rig, job, syncs=False), last, monkeypatch)
            if way == "lost" and "Old" in server.mail.folders:
                server.mail.expunge("Old", list(server.mail.folders["Old"].messages))
            with Rig(directory, server.port) as rig:
                with rig.store.read() as connection:
                    counts = cleanup_runs.counts(connection, int(job.params["run"]))
                if not alive:
                    undoing.ended(rig, job.id, "cancelled")
                    rig.execute("UPDATE cleanups SET state = 'interrupted'")
                if counts.get("done", 0) + counts.get("begun", 0):
                    undo = undone.approved(rig, 1)
                    outcome = await undone.carried_out(rig, undo)
                    assert outcome.ok, (last, outcome.error)
                    assert contents(server.mail.truth()) == contents(before), f"step {last}"
                    if counts.get("done"):
                        await is_as_before(rig, server, before, last)
        shutil.rmtree(directory)
    assert last > 20


@pytest.mark.parametrize("every", [29, pytest.param(1, marks=pytest.mark.soak)])
async def test_the_labels_of_gmail(every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the messages have to be put back, and get their labels after that."""
    monkeypatch.setattr(carrying, "BATCH", BATCH)
    with ModelServer("gmail") as server, Rig(tmp_path / "0", server.port) as rig:
        for number, (raw, flags, when) in enumerate(letters(COUNT)):
            server.mail.append(ALL_MAIL, raw, flags, when, [("\\Inbox",), ("Work", "two words"), ()][number % 3])
        await rig.sync()
        undoing.consent(rig)
        before = labelled(server)
        await applying.applied(rig, [ALL_MAIL], ["mark_read", "label", "trash"])
        server.mail.expunge(TRASH, list(server.mail.folders[TRASH].messages)[::2])
        job = undone.approved(rig, 1)
        held = kept(server)
    last, alive = 0, False
    while not alive:
        last += every
        directory = tmp_path / str(last)
        shutil.copytree(tmp_path / "0", directory)
        with again("MOVE", held, "gmail") as server:
            with Rig(directory, server.port) as rig:
                alive = await survives(_work(rig, job), last, monkeypatch)
            with Rig(directory, server.port) as rig:
                if not alive:
                    rig.store.write(lambda c: jobs.requeue(c, job.id, time.time())).result()
                    assert (await undone.carried_out(rig, job, syncs=False)).ok, last
                assert labelled(server) == before, f"step {last}"
        shutil.rmtree(directory)
    assert last > 100


def labelled(server: ModelServer) -> Counter[tuple[bytes, frozenset[str], frozenset[str]]]:
    """What is in All Mail, with flags and labels."""
    return Counter((one.raw, one.flags, one.labels) for one in server.mail.folders[ALL_MAIL].messages.values())
