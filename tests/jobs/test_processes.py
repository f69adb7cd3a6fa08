"""Several worker processes on one queue, killed and frozen at any moment: no job is lost, none is done twice."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mailsync.store import jobs
from mailsync.store.database import Store
from mailsync.store.job_kinds import CHANGING
from mailsync.store.jobs import Job
from tests.jobs import labour

WORKERS = 3
ENDED_SECONDS = 30.0


forges: list[labour.Forge] = []


@pytest.fixture(scope="module", autouse=True)
def _forge() -> Iterator[None]:
    forges.append(labour.Forge())
    yield
    forges.pop().close()


class Processes(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="mailsync-queue-")
        self.data = Path(self.folder.name)
        self.store = Store.open(self.data)
        self.store.write(labour.prepare).result()
        self.processes: list[int] = []
        self.frozen: set[int] = set()
        self.before: dict[int, Job] = {}
        self.cancelled: set[int] = set()

    # -- what may happen ------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.processes) < WORKERS)
    @rule()
    def start(self) -> None:
        self.processes.append(forges[0].start(self.data))

    @precondition(lambda self: self.processes)
    @rule(pick=st.integers(0, WORKERS - 1))
    def kill(self, pick: int) -> None:
        process = self.processes.pop(pick % len(self.processes))
        self.frozen.discard(process)
        labour.kill(process)

    @precondition(lambda self: self.processes)
    @rule(pick=st.integers(0, WORKERS - 1))
    def freeze_or_thaw(self, pick: int) -> None:
        """A suspended process is silent, but not dead: its jobs stay its own."""
        one = self.processes[pick % len(self.processes)]
        os.kill(one, signal.SIGCONT if one in self.frozen else signal.SIGSTOP)
        self.frozen ^= {one}

    @rule(
        kind=st.sampled_from(["sync", "restore", "cleanup_apply", "fetch"]),
        account=st.sampled_from(["work", "home"]),
        steps=st.integers(1, 20),
    )
    def ask(self, kind: str, account: str, steps: int) -> None:
        options: dict[str, Any] = {"account": account, "params": {"steps": steps}, "max_attempts": 1000}
        self.store.write(lambda connection: jobs.insert(connection, kind, time.time(), **options)).result()

    @precondition(lambda self: self.before)
    @rule(pick=st.integers(0, 99))
    def cancel(self, pick: int) -> None:
        number = sorted(self.before)[pick % len(self.before)]
        self.cancelled.add(number)
        self.store.write(lambda connection: jobs.request_cancel(connection, number, time.time())).result()

    @rule(hundredths=st.integers(1, 15))
    def wait(self, hundredths: int) -> None:
        time.sleep(hundredths / 100)

    # -- what must hold -------------------------------------------------------------------------------------------

    def every(self) -> dict[int, Job]:
        with self.store.read() as connection:
            found = [jobs.get(connection, row[0]) for row in connection.execute("SELECT id FROM jobs").fetchall()]
        return {job.id: job for job in found if job is not None}

    @invariant()
    def counters_grow_and_an_account_is_changed_by_one(self) -> None:
        now = self.every()
        for number, before in self.before.items():
            after = now[number]
            assert after.processed >= before.processed
            assert after.attempt >= before.attempt
            assert after.status == before.status or not before.ended
        changing = [job.account for job in now.values() if job.status == "running" and job.kind in CHANGING]
        assert len(changing) == len(set(changing))
        self.before = now

    def teardown(self) -> None:
        try:
            self.processes.append(forges[0].start(self.data))
            for one in self.frozen:
                os.kill(one, signal.SIGCONT)
            deadline = time.monotonic() + ENDED_SECONDS
            while any(not job.ended for job in self.every().values()):
                assert time.monotonic() < deadline, [job for job in self.every().values() if not job.ended]
                time.sleep(0.02)
            self.counters_grow_and_an_account_is_changed_by_one()
            self.everything_was_done_once()
        finally:
            for process in self.processes:
                labour.kill(process)
            self.store.close()
            self.folder.cleanup()

    def everything_was_done_once(self) -> None:
        done: dict[int, list[tuple[int, int]]] = {number: [] for number in self.before}
        for number, step, attempt in labour.lines(self.data):
            done[number].append((step, attempt))
        for number, job in self.before.items():
            steps = [step for step, _ in done[number]]
            attempts = [attempt for _, attempt in done[number]]
            assert steps == list(range(len(steps)))  # each once, in order
            assert attempts == sorted(attempts)  # nobody went on after another had taken over
            assert job.status == "completed" or number in self.cancelled, job
            assert job.status == "cancelled" or len(steps) == job.params["steps"] == job.processed


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(
    max_examples=6,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.generate],  # what goes wrong between processes seldom goes wrong in the same way again
    suppress_health_check=[HealthCheck.too_slow],
)
