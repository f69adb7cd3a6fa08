"""A job that another worker has by now is left where it is; that worker goes on, and nothing is done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailsync.cleanup import carrying
from tests.cleanup.applying import carried_out
from tests.cleanup.test_apply import contents, expected
from tests.cleanup.test_apply_lies import BATCH, LISTED, hook, scene
from tests.servers.model_server import ModelServer
from tests.servers.scripted import Command, Link
from tests.sync.rig import Rig


async def test_nothing_is_begun_for_a_job_that_is_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying, "BATCH", BATCH)
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig)

        def taken(server: ModelServer, link: Link, command: Command) -> bool:
            del server, link, command
            rig.execute("UPDATE jobs SET attempt = attempt + 1")
            return False

        hook(server, "UID MOVE", taken)
        outcome = await one.run()
        assert (outcome.ok, outcome.unfinished) == (False, True)
        assert outcome.document["results"] == {"done": BATCH, "waiting": LISTED - BATCH}
        assert server.verbs().count("UID MOVE") == 1
        assert (one.cleanup.state, one.cleanup.run and one.cleanup.run.state) == ("applying", "running")
        rig.execute("UPDATE jobs SET status = 'pending'")
        assert (await carried_out(rig, one.job)).document["results"] == {"done": LISTED}
        assert contents(one.now()) == expected(one.before, "INBOX", "Old", ["\\Seen"])
