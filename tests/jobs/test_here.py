"""A job of the command itself: others see it, cancel it, and find it when the command was killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from mailsync.errors import Interrupted, MailsyncError
from mailsync.jobs.here import done_here
from mailsync.jobs.queue import StoreQueue
from mailsync.store import jobs, presence
from mailsync.store.database import Store
from mailsync.store.jobs import Job

KILLED = """
import sys, time
from pathlib import Path
from mailsync.jobs.here import done_here
from mailsync.store.database import Store
with done_here(Store.open(Path(sys.argv[1])), "export", 9, account=None, params={}) as job:
    job.advance(1)
    print("at work", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def the_job(store: Store) -> Job:
    with store.read() as connection:
        job = jobs.get(connection, 1)
    assert job is not None
    return job


def test_it_counts_and_ends_as_its_block_does(store: Store) -> None:
    with done_here(store, "export", 300, account="work", params={"form": "eml"}) as here:
        here.advance(100)
        store.write(lambda connection: None).result()
        assert (the_job(store).status, the_job(store).processed, the_job(store).total) == ("running", 100, 300)
        here.advance(200)
    job = the_job(store)
    assert (job.status, job.account, job.processed, job.priority) == ("completed", "work", 300, jobs.ASKED)
    with pytest.raises(MailsyncError), done_here(store, "export", 1, account=None, params={}):
        raise MailsyncError("no room", hint="make some")
    with store.read() as connection:
        failed = jobs.get(connection, 2)
    assert failed is not None
    assert (failed.status, failed.error, failed.error_hint) == ("failed", "no room", "make some")


def test_somebody_else_ends_it_within_a_second(store: Store) -> None:
    def work() -> None:
        with done_here(store, "export", 10_000, account=None, params={}) as here:
            store.write(lambda connection: jobs.request_cancel(connection, 1, time.time())).result()
            asked = time.monotonic()
            while time.monotonic() - asked < 1.0:
                here.advance(1)
                time.sleep(0.01)

    with pytest.raises(Interrupted, match="job 1 was cancelled"):
        work()
    assert the_job(store).status == "cancelled"


def test_a_worker_finds_what_a_killed_command_left(store: Store, tmp_path: Path) -> None:
    command = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    assert command.stdout.readline() == "at work\n"
    queue = StoreQueue(store, time.time)
    asyncio.run(queue.open(lambda: None))
    assert the_job(store).status == "running"  # it lives
    command.kill()
    command.communicate()
    asyncio.run(queue.open(lambda: None))
    assert (the_job(store).status, the_job(store).error) == ("failed", "the process that ran it was killed")
    queue.close(idle=True)


def test_who_is_gone(tmp_path: Path) -> None:
    one, other = presence.Presence(tmp_path), presence.Presence(tmp_path)
    gone = partial(presence.gone, tmp_path, now=1000.0)
    assert not gone(one.name, 0.0)  # silent for long, but there
    other.release(idle=False)
    assert gone(other.name, 999.0)  # heard of just now, but dead
    (tmp_path / presence.FOLDER / one.name).unlink()
    assert not gone(one.name, 999.0)  # somebody has removed its file: the heartbeat decides
    assert gone(one.name, 1000.0 - presence.SILENT_SECONDS - 1)
    assert not gone("", 999.0)  # of a mailsync that gave no names
    one.release()
    left = tmp_path / presence.FOLDER / other.name
    presence.sweep(tmp_path)
    assert left.exists()  # too young to be swept
