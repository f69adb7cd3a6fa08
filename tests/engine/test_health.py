"""The checks as functions of facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailsync.engine.health import Check, Plan, Report, Surroundings, examine
from mailsync.model import AccountState
from mailsync.privacy.consent import REQUIRED
from mailsync.store import schema
from mailsync.store.health import Account, Facts, Folder, Probe

NOW = 1_741_788_131.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
PLAN = Plan("work", 5 * MINUTE)
AROUND = Surroundings(engine=17, free_bytes=50 << 30, wal_bytes=0, damage="")
ACCOUNT = Account(
    1, "work", "watching", "", "", NOW - HOUR, None, "Dovecot", "IDLE IMAP4rev1", "", NOW - MINUTE, "", ""
)
INBOX = Folder(1, "work", "INBOX", 10, 10, 900, 900, NOW - DAY, NOW - MINUTE, False, "", "", "idle", 40, 0)
SENT = replace(INBOX, id=2, name="Sent", watch="", pushed=0)
WELL = Facts(
    (ACCOUNT,),
    (INBOX, SENT),
    granted={"work": frozenset(REQUIRED)},
    schema_version=schema.VERSION,
    page_bytes=1 << 20,
)


def look(facts: Facts = WELL, around: Surroundings = AROUND) -> Report:
    return examine(facts, [PLAN], around, NOW)


def found(report: Report, name: str) -> Check:
    """The one check of this name."""
    (check,) = [check for check in report.checks if check.name == name]
    return check


def with_account(**changes: object) -> Facts:
    return replace(WELL, accounts=(replace(ACCOUNT, **changes),))  # type: ignore[arg-type]


def with_inbox(**changes: object) -> Facts:
    return replace(WELL, folders=(replace(INBOX, **changes), SENT))  # type: ignore[arg-type]


def test_all_is_well_and_all_of_it_was_looked_at() -> None:
    report = look()
    assert report.status == "healthy"
    assert {check.name for check in report.checks} == {
        *("engine", "disk", "database", "consent", "sign_in", "connection", "last_sync", "first_sync", "schedule"),
        *("push", "quarantine"),
    }
    assert report.metrics == {
        "mailboxes": 1,
        "folders": 2,
        "messages": 20,
        "sync_errors": 0,
        "quarantined": 0,
        "active_jobs": 0,
        "folders_pending_first_sync": 0,
    }


def test_nothing_to_check_is_not_healthy() -> None:
    report = examine(Facts(), [], replace(AROUND, engine=None, damage=None, free_bytes=None), NOW)
    assert [(check.name, check.status) for check in report.checks] == [("accounts", "warn")]
    assert report.status == "degraded"
    assert Report((), {}).status == "degraded"


def test_without_consent_nothing_else_is_said_of_the_account() -> None:
    report = look(replace(WELL, granted={"work": frozenset({"email_read"})}))
    check = found(report, "consent")
    assert (check.status, check.hint) == ("fail", "mailsync consent grant work mailbox_access")
    assert [each.name for each in report.checks if each.account] == ["consent"]


def test_an_account_that_was_never_tried_passes_nothing() -> None:
    report = look(replace(WELL, accounts=(), folders=()))
    assert [(each.name, each.status) for each in report.checks if each.account] == [
        ("connection", "warn"),
        ("consent", "pass"),
    ]


@pytest.mark.parametrize(
    ("age", "status"),
    [(11 * MINUTE - 1, "pass"), (11 * MINUTE + 1, "warn"), (51 * MINUTE - 1, "warn"), (51 * MINUTE + 1, "fail")],
)
def test_a_folder_is_late_by_the_schedule_of_its_account(age: float, status: str) -> None:
    check = found(look(with_inbox(last_sync_at=NOW - age)), "schedule")
    assert check.status == status
    assert check.folder == ("" if status == "pass" else "INBOX")
    slow = examine(with_inbox(last_sync_at=NOW - age), [Plan("work", DAY)], AROUND, NOW)
    assert found(slow, "schedule").status == "pass"


def test_folders_that_are_all_late_are_told_in_one_line() -> None:
    late = [replace(folder, last_sync_at=NOW - 3 * DAY) for folder in (INBOX, SENT)]
    check = found(look(replace(WELL, folders=tuple(late))), "schedule")
    assert (check.status, check.folder) == ("fail", "")
    assert check.detail == "none of 2 folders was synced for 3 d, due every 5 min"


def test_a_folder_error_fails_once_the_folder_is_lost() -> None:
    check = found(look(with_inbox(error="doubt", error_hint="look")), "folder")
    assert (check.status, check.detail, check.hint, check.folder) == ("warn", "doubt", "look", "INBOX")
    lost = look(with_inbox(error="doubt", last_sync_at=NOW - DAY))
    assert found(lost, "folder").status == "fail"
    assert found(lost, "schedule").status == "pass"  # of the other folder: one line a trouble
    assert lost.metrics["sync_errors"] == 1


def test_pending_first_syncs() -> None:
    facts = with_inbox(first_sync_at=None, last_sync_at=None, messages=4, syncing=True)
    report = look(facts)
    check = found(report, "first_sync")
    assert (check.status, check.detail) == ("warn", "1 of 2 folders not mirrored completely yet, 6 messages to come")
    assert check.hint == ""
    assert report.metrics["folders_pending_first_sync"] == 1


@pytest.mark.parametrize(
    ("state", "name", "status"),
    [
        ("needs_login", "sign_in", "fail"),
        ("error", "connection", "fail"),
        ("backing_off", "connection", "warn"),
        ("paused", "connection", "warn"),
        ("disconnected", "connection", "pass"),
        ("syncing", "connection", "pass"),
    ],
)
def test_the_state_of_the_connection(state: AccountState, name: str, status: str) -> None:
    check = found(look(with_account(state=state, state_detail="what it is", state_hint="do this")), name)
    assert check.status == status
    if status != "pass":
        assert (check.detail, check.hint) == ("what it is", "do this")


def test_when_it_goes_on() -> None:
    facts = with_account(state="paused", state_detail="2,500 MB a day are used up", resumes_at=NOW + 3 * HOUR)
    assert found(look(facts), "connection").detail == "2,500 MB a day are used up; goes on in 3 h"


def test_what_a_dead_engine_left_behind_is_not_believed() -> None:
    report = look(with_account(state="watching"), replace(AROUND, engine=None))
    assert found(report, "engine").status == "warn"
    assert "connection" not in {check.name for check in report.checks}
    assert found(report, "last_sync").status == "pass"
    refused = look(with_account(state="needs_login"), replace(AROUND, engine=None))
    assert found(refused, "sign_in").status == "fail"


@pytest.mark.parametrize(("missed", "status"), [(0, "pass"), (2, "pass"), (3, "warn")])
def test_push_that_misses(missed: int, status: str) -> None:
    check = found(look(with_inbox(pushed=40 - missed, missed=missed)), "push")
    assert check.status == status
    if missed == 3:
        assert (check.detail, check.folder) == ("push missed 3 of 40", "INBOX")


@pytest.mark.parametrize(("days", "status"), [(-1.0, "fail"), (13.5, "warn"), (60.0, "pass")])
def test_the_certificate_of_the_server(days: float, status: str) -> None:
    probe = Probe("work", "tls_not_after", str(NOW + days * DAY), NOW, NOW + DAY)
    assert found(look(replace(WELL, probes=(probe,))), "certificate").status == status
    assert "certificate" not in {
        check.name for check in look(replace(WELL, probes=(replace(probe, value="?"),))).checks
    }


@pytest.mark.parametrize(
    ("free", "pages", "status"),
    [(100 << 20, 1, "fail"), (500 << 20, 1, "warn"), (2 << 30, 1, "pass"), (2 << 30, 30 << 30, "warn")],
)
def test_the_disk(free: int, pages: int, status: str) -> None:
    report = look(replace(WELL, page_bytes=pages), replace(AROUND, free_bytes=free))
    assert found(report, "disk").status == status


def test_mail_that_will_not_fit() -> None:
    facts = with_inbox(first_sync_at=None, last_sync_at=None, server_bytes=80 << 30)
    assert "is still to come" in found(look(facts), "disk").detail


def test_a_damaged_database_comes_first() -> None:
    report = look(replace(WELL, quarantined={"work": 2}), replace(AROUND, damage="page 7 is never used"))
    assert report.status == "unhealthy"
    assert [check.status for check in report.checks][:3] == ["fail", "warn", "pass"]
    assert "page 7 is never used" in report.checks[0].detail
    assert report.metrics["quarantined"] == 2
