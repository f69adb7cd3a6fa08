"""A clean-up that is killed at every step it takes, and goes on: each message is where it belongs, once, as it was."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mailsync.cleanup import carrying
from mailsync.config.actions import DEFAULT_LABEL
from mailsync.model import flag_names
from mailsync.store import cleanup_runs, jobs
from mailsync.store.jobs import Job
from tests.cleanup import undoing
from tests.cleanup.applying import carried_out, chosen
from tests.cleanup.killing import Killed, killed_at
from tests.cleanup.test_apply import contents, even, expected, letters
from tests.servers import model_server
from tests.servers.lies import without
from tests.servers.model_server import ModelServer
from tests.sync.rig import Rig

COUNT = 16
BATCH = 5
Tell = Callable[[ModelServer], None]


def honest(server: ModelServer) -> None:
    del server


def silent(server: ModelServer) -> None:
    """It moves, and tells no UIDs."""
    server.capabilities = server.capabilities.replace(" UIDPLUS", "")
    server.silent = True


WAYS: dict[str, tuple[list[str], str | None, Tell]] = {
    "MOVE": (["mark_read", "label", "move:Old"], "Old", honest),
    "COPY and UID EXPUNGE": (["mark_read", "label", "move:Old"], "Old", without("MOVE")),
    "MOVE without COPYUID": (["mark_read", "move:Old"], "Old", silent),
    "labels are folders": (["mark_read", "label", "move:Old"], "Old", honest),
    "flags": (["mark_read", "label"], "INBOX", honest),
    "expunge": (["expunge"], None, honest),
}


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("way", WAYS)
async def test_at_every_step(way: str, every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few steps of each way, and the others with `make soak`."""
    actions, target, tell = WAYS[way]
    plain = way == "labels are folders"
    monkeypatch.setattr(carrying, "BATCH", BATCH)
    if plain:
        monkeypatch.setattr(model_server, "KEPT", "\\Answered \\Flagged \\Deleted \\Seen \\Draft")
    with filled(tell) as server, Rig(tmp_path / "0", server.port) as rig:
        await rig.sync()
        undoing.consent(rig)
        job = chosen(rig, ["INBOX"], actions, even)
        before = server.mail.truth()
    after = expected(
        before, "INBOX", target, ["\\Seen", *([DEFAULT_LABEL] if "label" in actions and not plain else [])]
    )
    if plain:
        after[DEFAULT_LABEL] = after["Old"]
    last, alive = list(WAYS).index(way), False
    while not alive:
        last += every
        directory = tmp_path / str(last)
        shutil.copytree(tmp_path / "0", directory)
        with filled(tell) as server:
            with Rig(directory, server.port) as rig:
                alive = await survives(rig, job, last, monkeypatch)
            with Rig(directory, server.port) as rig:
                if not alive:
                    rig.store.write(lambda c: jobs.requeue(c, job.id, time.time())).result()
                    outcome = await carried_out(rig, job, syncs=False)
                    assert outcome.ok, (last, outcome.error)
                assert contents(server.mail.truth()) == after, f"step {last}"
                journal_is_whole(rig, job, {uid: one.flags for uid, one in before["INBOX"][1].items()})
        shutil.rmtree(directory)
    assert last > 20


def filled(tell: Tell) -> ModelServer:
    """The same server each time."""
    server = ModelServer()
    tell(server)
    for raw, flags, at in letters(COUNT):
        server.mail.append("INBOX", raw, flags, at)
    return server


async def survives(rig: Rig, job: Job, last: int, patch: pytest.MonkeyPatch) -> bool:
    """Whether a job comes to its end before that step."""
    with killed_at(patch, last) as steps:
        try:
            outcome = await carried_out(rig, job, syncs=False)
            assert outcome.ok, outcome.error
        except Killed:
            pass
    return steps.taken < last


def journal_is_whole(rig: Rig, job: Job, had: dict[int, frozenset[str]]) -> None:
    """Each row is done, and knows what its message was before anything was done to it."""
    with rig.store.read() as connection:
        run = int(job.params["run"])
        assert cleanup_runs.counts(connection, run) == {"done": COUNT // 2}
        rows = cleanup_runs.rows(connection, run, ["done"])
    for row in rows:
        assert row.before is not None
        assert row.before.uid == row.uid
        assert frozenset(flag_names(row.before.flags, " ".join(row.before.keywords))) == had[row.uid]
    uids = [row.after.uid for row in rows if row.after is not None]
    assert None not in uids
    assert len(set(uids)) == len(uids)
