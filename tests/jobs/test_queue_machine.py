"""The state machine of jobs: whatever workers, deaths and people do, in whatever order, none is lost or done twice."""

from __future__ import annotations

import sqlite3
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from mailsync.errors import UsageError
from mailsync.jobs.queue import Outcome, settle
from mailsync.store import jobs, schema
from mailsync.store.job_kinds import CHANGING, KINDS, LONG, SYNCS
from mailsync.store.jobs import Job

ACCOUNTS = ("work", "home")
LONG_JOBS = 2
OUTCOMES = {
    "done": Outcome(True, {"ok": True}),
    "failed": Outcome(False, {"ok": False}, "no"),
    "passing": Outcome(False, {"ok": False}, "no route", passing=True),
    "unfinished": Outcome(False, {"ok": False}, "stopped", unfinished=True),
}


def _empty() -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(connection)
    return connection.serialize()


EMPTY = _empty()


class Queue(RuleBasedStateMachine):
    """Workers are names: they claim, come to an end, die, and are found dead; a claim outlives its worker."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.deserialize(EMPTY)
        self.connection.row_factory = sqlite3.Row
        self.clock = 1000.0
        self.alive: set[str] = set()
        self.before: dict[int, Job] = {}
        self.endings: dict[int, int] = {}
        """Of each job, how often it came to an end; a retry takes one back."""

    held = Bundle("held")
    """What a worker holds, or believes to hold."""

    def teardown(self) -> None:
        self.connection.close()

    def job(self, number: int) -> Job:
        found = jobs.get(self.connection, number)
        assert found is not None
        return found

    @initialize()
    def workers(self) -> None:
        self.alive = {"one", "two"}

    @rule(
        kind=st.sampled_from(sorted(KINDS)),
        account=st.sampled_from(ACCOUNTS),
        priority=st.integers(-1, 1),
        attempts=st.integers(1, 3),
        backoff=st.sampled_from([0.0, 10.0]),
    )
    def ask(self, kind: str, account: str, priority: int, attempts: int, backoff: float) -> None:
        options: dict[str, Any] = {"priority": priority, "max_attempts": attempts, "backoff": backoff}
        jobs.insert(self.connection, kind, self.clock, account=account, **options)

    def claimable(self) -> list[Job]:
        every = [self.job(row[0]) for row in self.connection.execute("SELECT id FROM jobs")]
        running = [one for one in every if one.status == "running"]

        def free(one: Job) -> bool:
            beside = [other.kind for other in running if other.account == one.account]
            return (
                one.not_before <= self.clock
                and not any(one.kind in kinds and other in kinds for kinds in (CHANGING, SYNCS) for other in beside)
                and not (one.kind in LONG and sum(other.kind in LONG for other in running) >= LONG_JOBS)
            )

        waiting = [one for one in every if one.status == "pending" and free(one)]
        return sorted(waiting, key=lambda one: (-one.priority, one.id))

    @precondition(lambda self: self.alive)
    @rule(target=held, pick=st.integers(0, 9))
    def claim(self, pick: int) -> Job | None:
        worker = sorted(self.alive)[pick % len(self.alive)]
        expected = self.claimable()
        job = jobs.claim(self.connection, self.clock, worker, long=LONG_JOBS)
        assert (job.id if job else None) == (expected[0].id if expected else None)
        assert job is None or (job.worker, job.attempt) == (worker, expected[0].attempt + 1)
        return job

    @rule(job=consumes(held), how=st.sampled_from(sorted(OUTCOMES)))
    def end(self, job: Job | None, how: str) -> None:
        """Whoever holds a job, or held it once, says what came of it: only the newest attempt is heard."""
        if job is None:
            return
        before, outcome = self.job(job.id), OUTCOMES[how]
        settle(self.connection, job, outcome, self.clock)
        after = self.job(job.id)
        if before.status != "running" or before.attempt != job.attempt:
            assert after == before
        elif outcome.ok:
            assert after.status == "completed"
        elif before.cancel_requested:
            assert after.status == "cancelled"
        elif outcome.unfinished or (outcome.passing and job.backoff and job.attempt < job.max_attempts):
            assert after.status == "pending"
            assert after.not_before == (self.clock + 10.0 * 2 ** (job.attempt - 1) if outcome.passing else 0.0)
        else:
            assert after.status == "failed"

    @rule(job=held, processed=st.integers(0, 9), failed=st.integers(0, 3))
    def advance(self, job: Job | None, processed: int, failed: int) -> None:
        if job is not None:
            jobs.progress(self.connection, job.id, processed, failed, self.clock)

    @precondition(lambda self: self.alive)
    @rule(pick=st.integers(0, 9))
    def die(self, pick: int) -> None:
        self.alive.discard(sorted(self.alive)[pick % len(self.alive)])

    @rule(name=st.sampled_from(["three", "four", "five"]))
    def start(self, name: str) -> None:
        """A worker starts, and sees to what dead ones left."""
        held = {row[0]: row[1] for row in self.connection.execute("SELECT id, worker FROM jobs WHERE worker <> ''")}
        running = {row[0] for row in self.connection.execute("SELECT id FROM jobs WHERE status = 'running'")}
        self.alive.add(name)
        taken = jobs.reclaim(self.connection, self.clock, lambda worker, beaten: worker not in self.alive)
        still = {row[0] for row in self.connection.execute("SELECT id FROM jobs WHERE status = 'running'")}
        assert still == {number for number in running if held[number] in self.alive}
        assert taken == len(running) - len(still)

    @rule(pick=st.integers(0, 99))
    def cancel(self, pick: int) -> None:
        ids = [row[0] for row in self.connection.execute("SELECT id FROM jobs ORDER BY id")]
        if not ids:
            return
        before = self.job(ids[pick % len(ids)])
        jobs.request_cancel(self.connection, before.id, self.clock)
        after = self.job(before.id)
        assert after.status == ("cancelled" if before.status == "pending" else before.status)
        assert after.cancel_requested == (before.cancel_requested or before.status == "running")

    @rule(pick=st.integers(0, 99))
    def retry(self, pick: int) -> None:
        ids = [row[0] for row in self.connection.execute("SELECT id FROM jobs ORDER BY id")]
        if not ids:
            return
        before = self.job(ids[pick % len(ids)])
        try:
            jobs.retry(self.connection, before.id, self.clock)
        except UsageError:
            assert before.status not in ("failed", "cancelled") or KINDS[before.kind].here
            return
        assert self.job(before.id).status == "pending"
        self.endings[before.id] -= 1

    @rule(seconds=st.sampled_from([1.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.clock += seconds

    @invariant()
    def nothing_is_lost_and_nothing_counts_down(self) -> None:
        now = {row[0]: self.job(row[0]) for row in self.connection.execute("SELECT id FROM jobs")}
        for number, before in self.before.items():
            after = now[number]
            assert (after.processed, after.failed, after.attempt) >= (before.processed, before.failed, before.attempt)
            assert after.processed >= before.processed
            assert after.failed >= before.failed
            if after.ended and not before.ended:
                self.endings[number] = self.endings.get(number, 0) + 1
        assert all(self.endings.get(number, 0) == int(job.ended) for number, job in now.items())
        self.before = now
        for number, job in now.items():
            self.tells_the_whole_story(number, job)

    def tells_the_whole_story(self, number: int, job: Job) -> None:
        rows = self.connection.execute(
            "SELECT seq, type FROM job_events WHERE job_id = ? ORDER BY seq", (number,)
        ).fetchall()
        types = [row[1] for row in rows]
        ends = sum(types.count(one) for one in ("completed", "failed", "cancelled"))
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        assert types.count("started") == job.attempt
        assert ends - types.count("retried") == int(job.ended)

    @invariant()
    def one_change_and_one_sync_of_an_account(self) -> None:
        for kinds in (CHANGING, SYNCS):
            counts = self.connection.execute(
                f"SELECT count(*) FROM jobs WHERE status = 'running' AND kind IN {kinds} GROUP BY account"
            ).fetchall()
            assert all(row[0] == 1 for row in counts)


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
