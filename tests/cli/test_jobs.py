"""`mailsync jobs`: the queue as a person and a program see it, and what they can do to it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailsync.cli.jobs import event_document
from mailsync.config.load import load_config
from mailsync.engine.engine import Engine
from mailsync.store import jobs
from mailsync.store.database import Store
from mailsync.store.presence import Presence
from tests.cli.conftest import CommandLine
from tests.servers.fake import FakeServer, box

SHOWN = {
    "id",
    "kind",
    "status",
    "priority",
    "account",
    "total",
    "processed",
    "failed",
    "attempt",
    "max_attempts",
    "created_at",
    "started_at",
    "finished_at",
    "error",
    "approved_by",
    "events",
}
"""What PRODUCT.md promises of `jobs show`."""


@pytest.fixture
def store(cli: CommandLine) -> Iterator[Store]:
    opened = Store.open(cli.data)
    yield opened
    opened.close()


def put(store: Store, kind: str = "sync", **options: Any) -> int:
    return store.write(lambda connection: jobs.insert(connection, kind, time.time(), **options)).result()


def test_what_the_queue_tells(cli: CommandLine, store: Store) -> None:
    assert cli("jobs", "list").err == "no jobs\n"
    number = put(store, account="work", max_attempts=2, params={"folders": ["INBOX"]})
    put(store, "verify", priority=10)
    presence = Presence(cli.data)
    store.write(lambda connection: jobs.take(connection, number, 1e9, presence.name)).result()
    store.write(lambda connection: jobs.progress(connection, number, 40, 2, 1e9 + 5, total=100)).result()
    document = cli("jobs", "list", "--json").json
    assert document["counts"] == {"pending": 1, "running": 1}
    assert [(one["kind"], one["status"], one["alive"]) for one in document["jobs"]] == [
        ("sync", "running", True),
        ("verify", "pending", None),
    ]
    lines = cli("jobs", "list").out.splitlines()
    assert lines[0].split()[:4] == ["1", "sync", "work", "running"]
    assert "40 of 100, 2 failed" in lines[0]
    shown = cli("jobs", "show", "1", "--json").json
    assert shown.keys() >= SHOWN
    assert (shown["id"], shown["total"], shown["processed"], shown["failed"]) == ("1", 100, 40, 2)
    assert (shown["started_at"], shown["params"]) == ("2001-09-09T01:46:40Z", {"folders": ["INBOX"]})
    assert [(one["seq"], one["type"]) for one in shown["events"]] == [(1, "created"), (2, "started"), (3, "progress")]
    presence.release(idle=False)  # as a kill does
    assert "its process is gone" in cli("jobs", "show", "1").out
    for wrong in ("3", "x", "-1", "9" * 30):
        told = cli("jobs", "show", "--", wrong)
        assert (told.code, told.err.splitlines()[0]) == (1, f"error: no job {wrong}")


def test_cancelling_what_waits_what_runs_and_what_a_dead_process_left(cli: CommandLine, store: Store) -> None:
    waiting = put(store)
    assert cli("jobs", "cancel", str(waiting)).out == f"job {waiting} is cancelled\n"
    assert cli("jobs", "cancel", str(waiting)).code == 0
    left = put(store)
    presence = Presence(cli.data)
    store.write(lambda connection: jobs.take(connection, left, time.time(), presence.name)).result()
    presence.release(idle=False)
    assert cli("jobs", "cancel", str(left)).out == f"job {left} is cancelled\n"
    done = put(store)
    store.write(lambda connection: jobs.finish(connection, done, "completed", time.time())).result()
    again = cli("jobs", "cancel", str(done))
    assert (again.code, again.err.splitlines()[0]) == (1, f"error: job {done} is completed already")


def test_trying_again_runs_it_and_tells_how_it_ended(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    cli("consent", "grant", "work", "--all")
    with FakeServer({"INBOX": box(3)}) as server:
        account = '[accounts.work]\nemail = "me@example.com"\nhost = "127.0.0.1"\nsecurity = "none"\nport = {}\n'
        cli.configure(account.format(1))
        assert cli("sync").code == 4
        again = cli("jobs", "retry", "1")
        assert (again.code, again.out) == (4, "job 1 is failed\n")
        assert again.err.startswith("error: 127.0.0.1:1 refused")
        cli.configure(account.format(server.port))
        queued = cli("jobs", "retry", "1", "--no-wait")
        assert (queued.code, queued.out) == (0, "job 1 is pending\n")
        assert "it waits for an engine" in queued.err
        assert cli("jobs", "retry", "1").code == 2
        store = Store.open(cli.data)
        engine = Engine(load_config(cli.config), store, cli.data, schedules=False, monitors=False)
        engine.start()
        try:
            assert cli("jobs", "follow", "1").code == 0
        finally:
            engine.stop()
            store.close()
        told = cli("jobs", "show", "1", "--json").json
        assert (told["status"], told["attempt"], told["result"]["totals"]["new"]) == ("completed", 3, 3)
    done = cli("jobs", "retry", "1")
    assert (done.code, done.err.splitlines()[0]) == (2, "error: job 1 is completed")


def test_following_a_job_to_its_end(cli: CommandLine, store: Store) -> None:
    number = put(store)

    def work() -> None:
        for step in (jobs.claim, lambda c, at: jobs.progress(c, number, 5, 0, at)):
            store.write(lambda connection, step=step: step(connection, time.time())).result()  # type: ignore[misc]
            time.sleep(0.1)
        store.write(lambda connection: jobs.finish(connection, number, "failed", time.time(), error="no")).result()

    worker = threading.Thread(target=work)
    worker.start()
    followed = cli("jobs", "follow", str(number), "--json")
    worker.join()
    lines = [json.loads(line) for line in followed.out.splitlines()]
    assert [(one["seq"], one["type"]) for one in lines] == [
        (1, "created"),
        (2, "started"),
        (3, "progress"),
        (4, "failed"),
    ]
    assert lines[3]["data"] == {"error": "no"}
    assert followed.code == 1
    assert [line.split()[2] for line in cli("jobs", "follow", str(number)).out.splitlines()] == [
        one["type"] for one in lines
    ]


def test_an_export_is_a_job_of_its_own_process(mirrored: CommandLine, tmp_path: Path) -> None:
    assert mirrored("export", "eml", str(tmp_path / "out")).code == 0
    (job,) = mirrored("jobs", "list", "--json").json["jobs"]
    assert (job["kind"], job["status"]) == ("export", "completed")
    assert 0 < job["processed"] == job["total"]
    (tmp_path / "file").write_text("")
    assert mirrored("export", "mbox", str(tmp_path / "file")).code == 1
    failed = mirrored("jobs", "list", "--json").json["jobs"][0]
    assert (failed["status"], failed["error"]) == ("failed", "the command ended: FileExistsError")
    again = mirrored("jobs", "retry", failed["id"])
    assert (again.code, again.err) == (
        2,
        f"error: job {failed['id']} was done by the command itself\nhint: run mailsync export again\n",
    )


def test_every_moment_of_an_event_is_told_as_one() -> None:
    told = event_document(jobs.Event(3, 1_600_000_000.5, "retrying", {"error": "busy", "due": 1_600_000_060.0}))
    assert told["at"] == "2020-09-13T12:26:40Z"
    assert told["data"] == {"error": "busy", "due": "2020-09-13T12:27:40Z"}
