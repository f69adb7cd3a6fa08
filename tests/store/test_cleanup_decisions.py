"""Decisions in any order, generated: each list is decided on once, and there is a run for what was approved alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailsync.errors import MailsyncError
from mailsync.store import accounts, cleanup_decisions, cleanup_drafts, cleanups, consents
from mailsync.store.cleanups import Folder, Item
from mailsync.store.database import Store

NOW = 1_700_000_000.0
DAY = 86400.0
SENDERS = ("a@shop.example", "b@shop.example", "c@shop.example")
COUNT = 9


def items() -> list[Item]:
    return [
        Item(n, 0, 100 + n, 1 + n, f"<{n}@x>", bytes([n]) * 32, 10, 0, "", None, 1, SENDERS[n % 3], "", "", 1.0, ())
        for n in range(COUNT)
    ]


class Model:
    """One rule's lists of one account, beside what they have to be."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.at = NOW
        self.left: dict[int, set[int]] = {}
        """Of each list the message ids that are not excluded."""
        self.expected: dict[int, str] = {}
        self.made: dict[int, float] = {}
        self.first_job = self.do(lambda c: c.execute("SELECT coalesce(max(id), 0) FROM jobs").fetchone()[0])

    def do(self, what: Any) -> Any:
        return self.store.write(what).result()

    def scan(self) -> None:
        def write(connection: Any) -> int:
            number = cleanup_drafts.draft(connection, "work", "rule", "Rule", ["archive"], self.at)
            cleanup_drafts.add(connection, number, [Folder(0, None, "INBOX", b"INBOX", "", 1, COUNT)], items())
            return cleanup_drafts.freeze(connection, number, [], self.at).id

        new = self.do(write)
        for one in [one for one in self.expected if self.is_forgotten(one)]:
            del self.expected[one], self.left[one], self.made[one]
        for one, state in self.expected.items():
            if state == "proposed":
                self.expected[one] = "superseded"
        self.expected[new], self.left[new], self.made[new] = "proposed", {100 + n for n in range(COUNT)}, self.at

    def is_forgotten(self, one: int) -> bool:
        """Since the scan that has just begun a list."""
        age = self.at - self.made[one]
        match self.expected[one]:
            case "superseded":
                return age > cleanup_drafts.REPLACED_SECONDS
            case "proposed" | "rejected":
                return age > cleanups.VALID_SECONDS + cleanup_drafts.UNDECIDED_SECONDS
            case _:
                return False

    def decidable(self, one: int) -> bool:
        return self.expected[one] == "proposed" and self.at < self.made[one] + cleanups.VALID_SECONDS

    def step(self, step: tuple[str, int, int]) -> None:
        kind, which, value = step
        if kind == "scan" or not self.expected:
            self.scan()
            return
        if kind == "wait":
            self.at += value * DAY
            return
        one = sorted(self.expected)[which % len(self.expected)]
        with self.store.read() as connection:
            shown = cleanups.get(connection, one, self.at).hash
        sender, message = SENDERS[value % 3], 100 + value % COUNT
        of_sender = {item.message_id for item in items() if item.sender == sender}
        calls = {
            "exclude": lambda c: cleanup_decisions.exclude(c, one, self.at, senders=[sender], messages=[message]),
            "include": lambda c: cleanup_decisions.include(c, one, self.at, senders=[sender], messages=[message]),
            "only": lambda c: cleanup_decisions.exclude(c, one, self.at, but=[sender]),
            "reject": lambda c: cleanup_decisions.reject(c, one, self.at),
            "approve": lambda c: cleanup_decisions.approve(c, one, shown, self.at),
            "stale": lambda c: cleanup_decisions.approve(c, one, shown[::-1], self.at),
        }
        try:
            self.do(calls[kind])
        except MailsyncError:
            refusable = kind == "stale" or (kind == "approve" and not self.left[one])
            assert refusable or not self.decidable(one)
            return
        assert self.decidable(one)
        match kind:
            case "exclude":
                self.left[one] -= of_sender | {message}
            case "include":
                self.left[one] |= of_sender | {message}
            case "only":
                self.left[one] &= of_sender
            case "reject" | "approve":
                self.expected[one] = {"reject": "rejected", "approve": "approved"}[kind]
            case _:
                raise AssertionError("a list was approved by another hash")

    def check(self) -> None:
        with self.store.read() as connection:
            for one, state in self.expected.items():
                found = cleanups.get(connection, one, self.at)
                over = state == "proposed" and not self.decidable(one)
                assert found.state == ("expired" if over else state)
                assert (found.messages, found.excluded) == (len(self.left[one]), COUNT - len(self.left[one]))
                assert found.hash == cleanup_drafts.digest(connection, one)
                runs = cleanups.runs(connection, one)
                assert len(runs) == (state == "approved")
                for run in runs:
                    journal = connection.execute(
                        """SELECT i.message_id FROM cleanup_journal j JOIN cleanup_items i ON i.number = j.item
                           WHERE j.run_id = ? AND i.cleanup_id = ?""",
                        (run.id, one),
                    )
                    assert {row[0] for row in journal} == self.left[one]
                    assert run.hash == found.hash
            approved = [one for one, state in self.expected.items() if state == "approved"]
            jobs = connection.execute("SELECT params FROM jobs WHERE id > ? ORDER BY id", (self.first_job,)).fetchall()
            assert sorted(json.loads(row[0])["cleanup"] for row in jobs) == approved
            told = connection.execute("SELECT detail FROM audit_log WHERE action = 'cleanup_approved'").fetchall()
            assert set(approved) == {json.loads(row[0])["cleanup"] for row in told} & self.expected.keys()


STEPS = st.tuples(
    st.sampled_from(["scan", "wait", "exclude", "include", "only", "reject", "approve", "stale"]),
    st.integers(0, 3),
    st.integers(0, 8),
)


@given(steps=st.lists(STEPS, max_size=12))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_decisions_in_any_order(steps: list[tuple[str, int, int]], tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    try:
        store.write(lambda c: c.execute("DELETE FROM cleanups")).result()
        store.write(lambda c: accounts.ensure(c, [("work", "a@example.org")])).result()
        store.write(lambda c: consents.grant(c, "work", cleanup_decisions.SCOPES, NOW)).result()
        model = Model(store)
        for step in steps:
            model.step(step)
            model.check()
    finally:
        store.close()
