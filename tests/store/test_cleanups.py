"""Lists of messages to clear away: what their hash covers, what a decision needs, and that it is taken once."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import mailsync
from mailsync.errors import ConsentMissing, MailsyncError, NotFound, UsageError
from mailsync.privacy import readonly
from mailsync.record import replace
from mailsync.store import accounts, audit, cleanup_decisions, cleanup_drafts, cleanups, consents, jobs
from mailsync.store.cleanups import Cleanup, Folder, Item
from mailsync.store.database import Store

NOW = 1_700_000_000.0
INBOX = Folder(0, None, "INBOX", b"INBOX", "", 7, 500)
LETTER = Item(
    *(0, 0, 100, 10, "<1@shop.example>", b"\x01" * 32, 1000, 1, "", 1_600_000_000, 1_600_000_100),
    *("news@shop.example", "", "Sale", 0.9, ("from a list", "read")),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    try:
        store.write(lambda connection: accounts.ensure(connection, [("work", "a@example.org")])).result()
        store.write(lambda connection: consents.grant(connection, "work", cleanup_decisions.SCOPES, NOW)).result()
        yield store
    finally:
        store.close()


def letters(count: int) -> list[Item]:
    return [
        replace(LETTER, number=n, message_id=100 + n, uid=10 + n, digest=bytes([n % 256]) * 32, size=1000 + n)
        for n in range(count)
    ]


def proposed(
    store: Store,
    items: Sequence[Item],
    folders: Sequence[Folder] = (INBOX,),
    rule: str = "newsletters",
    actions: Sequence[str] = ("label", "archive"),
    query: str = "",
    at: float = NOW,
) -> Cleanup:
    def write(connection: Any) -> Cleanup:
        number = cleanup_drafts.draft(connection, "work", rule, "Old newsletters", actions, at, query)
        cleanup_drafts.add(connection, number, folders, items[:2])
        cleanup_drafts.add(connection, number, (), items[2:])
        return cleanup_drafts.freeze(connection, number, [one.number for one in items[:2]], at)

    return store.write(write).result()


def ask(store: Store, what: Callable[..., Any], *values: Any, **named: Any) -> Any:
    return store.write(lambda connection: what(connection, *values, **named)).result()


def test_a_list_is_read_as_it_was_written_down(store: Store) -> None:
    items = letters(5)
    one = proposed(store, items)
    assert (one.state, one.messages, one.bytes, one.excluded) == ("proposed", 5, 5010, 0)
    assert (one.first, one.last, one.actions) == (1_600_000_100, 1_600_000_100, ("label", "archive"))
    assert one.expires_at - one.created_at == 7 * 24 * 3600
    with store.read() as connection:
        assert cleanups.folders_of(connection, one.id) == [INBOX]
        sample = [replace(item, sampled=True) for item in items[:2]]
        assert cleanups.items(connection, one.id, limit=3) == [*sample, items[2]]
        assert cleanups.items(connection, one.id, after=2) == items[3:]
        assert cleanups.items(connection, one.id, sampled=True) == sample
        assert [(who.sender, who.messages) for who in cleanups.senders(connection, one.id)] == [(LETTER.sender, 5)]


def test_the_hash_covers_what_is_done_to_which_messages_where(store: Store) -> None:
    items = letters(3)
    changed: list[dict[str, Any]] = [
        {"message_id": 999},
        {"uid": 999},
        {"digest": b"\xff" * 32},
        {"identifier": "<other@shop.example>"},
    ]
    lists: list[tuple[Any, ...]] = [
        (items,),
        (items[:2],),
        *(([*items[:2], replace(items[2], **change)],) for change in changed),
        (items, [replace(INBOX, uidvalidity=8)]),
        (items, [replace(INBOX, raw_name=b"Other")]),
        (items, [INBOX], "notifications"),
        (items, [INBOX], "newsletters", ["label", "trash"]),
        (items, [INBOX], "newsletters", ["label", "archive"], "older:1y"),
    ]
    hashes = [proposed(store, *given).hash for given in lists]
    assert all(first != second for first, second in itertools.combinations(hashes, 2))
    assert proposed(store, items, at=NOW + 5).hash == hashes[0], "when it was made does not matter"


def test_a_list_without_some_senders_or_messages_is_another_list(store: Store) -> None:
    items = letters(4)
    items[1] = replace(items[1], sender="Bills@Shop.example")
    whole = proposed(store, items)
    some = ask(store, cleanup_decisions.exclude, whole.id, NOW, senders=["bills@shop.EXAMPLE"], messages=[103])
    assert (some.messages, some.excluded, some.bytes) == (2, 2, 2002)
    assert some.hash != whole.hash
    with pytest.raises(UsageError, match="nothing on this list is from nobody"):
        ask(store, cleanup_decisions.exclude, whole.id, NOW, messages=[100], but=["nobody@shop.example"])
    with pytest.raises(UsageError, match="message 7 is not on this list"):
        ask(store, cleanup_decisions.exclude, whole.id, NOW, messages=[7])
    again = ask(store, cleanup_decisions.include, whole.id, NOW, senders=["bills@shop.example"], messages=[103])
    assert replace(again, hash="") == replace(whole, hash="")
    assert again.hash == whole.hash
    only = ask(store, cleanup_decisions.exclude, whole.id, NOW, but=["bills@shop.example"])
    assert (only.messages, only.bytes) == (1, 1001)


def test_an_approval_is_on_record_with_its_run_and_its_job(store: Store) -> None:
    one = proposed(store, letters(3))
    one = ask(store, cleanup_decisions.exclude, one.id, NOW, messages=[101])
    number = ask(store, cleanup_decisions.approve, one.id, one.hash, NOW + 9)
    with store.read() as connection:
        row = audit.last(connection, "work", "cleanup_approved")
        assert row is not None
        assert row.at == NOW + 9
        assert f'"list":"{one.hash}"' in row.detail
        assert '"actions":"label+archive"' in row.detail
        job = jobs.get(connection, number)
        now = cleanups.get(connection, one.id, NOW + 10)
        journal = connection.execute("SELECT run_id, number, item, state FROM cleanup_journal").fetchall()
        about = connection.execute("SELECT approved_by, total, max_attempts FROM jobs").fetchone()
    assert job is not None
    assert now.run is not None
    assert job.params == {"cleanup": one.id, "run": now.run.id, "hash": one.hash}
    assert tuple(about) == (row.actor, 2, cleanup_decisions.ATTEMPTS)
    assert (now.state, now.decided_by, now.decided_at) == ("approved", row.actor, NOW + 9)
    assert (now.run.kind, now.run.approved_by, now.run.job_id) == ("apply", row.actor, number)
    assert now.run.counts == {"waiting": 2}
    assert [tuple(entry) for entry in journal] == [(now.run.id, 0, 0, "waiting"), (now.run.id, 1, 2, "waiting")]
    for decide in (cleanup_decisions.reject, cleanup_decisions.exclude):
        with pytest.raises(MailsyncError, match="was approved by"):
            ask(store, decide, one.id, NOW)
    with pytest.raises(MailsyncError, match="was approved by"):
        ask(store, cleanup_decisions.approve, one.id, one.hash, NOW)


def test_nothing_is_approved_without_what_an_approval_needs(store: Store) -> None:
    one = proposed(store, letters(3))

    def refused(error: type[MailsyncError], said: str, shown: str = one.hash, at: float = NOW, **named: Any) -> None:
        with pytest.raises(error, match=said):
            ask(store, cleanup_decisions.approve, one.id, shown, at, **named)

    refused(UsageError, "not the hash", shown="0" * 64)
    refused(UsageError, "not the hash", shown=one.hash[:7])
    refused(UsageError, "not the hash", shown="")
    refused(MailsyncError, "too old", at=one.expires_at)
    readonly.forbid(True)
    try:
        refused(ConsentMissing, "--read-only")
    finally:
        readonly.forbid(False)
    for scope in cleanup_decisions.SCOPES:
        ask(store, consents.revoke, "work", [scope], NOW)
        refused(ConsentMissing, scope)
        ask(store, consents.grant, "work", [scope], NOW)
    ask(store, lambda c: c.execute("UPDATE cleanup_items SET uid = 4711 WHERE number = 2"))
    refused(MailsyncError, "altered after it was frozen")
    with store.read() as connection:
        assert audit.last(connection, "work", "cleanup_approved") is None
        assert connection.execute("SELECT count(*) FROM jobs").fetchone()[0] == 0
        assert cleanups.get(connection, one.id, NOW).state == "proposed"


def test_expunging_is_typed_with_the_number_of_messages(store: Store) -> None:
    one = proposed(store, letters(3), actions=["expunge"])
    for typed in ("", "expunge 3", "EXPUNGE", "EXPUNGE 2"):
        with pytest.raises(UsageError, match="gone from the server for good"):
            ask(store, cleanup_decisions.approve, one.id, one.hash, NOW, typed=typed)
    assert ask(store, cleanup_decisions.approve, one.id, one.hash[:8].upper(), NOW, typed="EXPUNGE 3")


def test_a_new_scan_supersedes_what_nobody_decided_on(store: Store) -> None:
    old, other = proposed(store, letters(3)), proposed(store, letters(3), rule="notifications")
    staged = [proposed(store, letters(3), rule=cleanups.SELECTION) for _ in range(2)]
    decided = proposed(store, letters(1))
    ask(store, cleanup_decisions.approve, decided.id, decided.hash, NOW)
    new = proposed(store, letters(2))
    with store.read() as connection:
        shown = {one.id: one.state for one in cleanups.listing(connection, NOW)}
        assert cleanups.get(connection, old.id, NOW).state == "superseded"
        late = {one.state for one in cleanups.listing(connection, NOW + 8 * 86400)}
    waiting = [other, *staged, new]
    assert shown == {one.id: "proposed" for one in waiting} | {decided.id: "approved"}
    assert late == {"expired", "approved"}
    with pytest.raises(MailsyncError, match="a newer scan"):
        ask(store, cleanup_decisions.approve, old.id, old.hash, NOW)
    ask(store, cleanup_decisions.reject, new.id, NOW)
    with pytest.raises(MailsyncError, match="rejected by"):
        ask(store, cleanup_decisions.approve, new.id, new.hash, NOW)


def test_a_message_is_engaged_while_a_list_with_it_waits_or_is_carried_out(store: Store) -> None:
    first, second, third = letters(3)
    approved = proposed(store, [first])
    ask(store, cleanup_decisions.approve, approved.id, approved.hash, NOW)
    open_one = proposed(store, [second, third], rule="notifications")
    ask(store, cleanup_decisions.exclude, open_one.id, NOW, messages=[third.message_id])
    with store.read() as connection:
        assert list(cleanup_drafts.engaged(connection, "work", NOW)) == [100, 101]
        assert list(cleanup_drafts.engaged(connection, "work", NOW, rules=False)) == [100]
        assert list(cleanup_drafts.engaged(connection, "work", open_one.expires_at)) == [100]


def test_an_approved_list_whose_job_was_cancelled_is_told_as_interrupted(store: Store) -> None:
    one = proposed(store, letters(2))
    number = ask(store, cleanup_decisions.approve, one.id, one.hash, NOW)
    ask(store, jobs.request_cancel, number, NOW + 1)
    with store.read() as connection:
        now = cleanups.get(connection, one.id, NOW)
    assert now.state == "interrupted"
    assert now.run is not None
    assert (now.run.state, now.run.stopped) == ("interrupted", "the job was cancelled")


def test_runs_are_made_by_approvals_alone() -> None:
    package = Path(mailsync.__file__).parent
    makers = [path for path in sorted(package.rglob("*.py")) if "INTO cleanup_runs" in path.read_text("utf-8")]
    assert [path.name for path in makers] == ["cleanup_decisions.py", "cleanup_undo.py"]
    for path in makers:
        before, _, _ = path.read_text("utf-8").partition("INTO cleanup_runs")
        approval = before[before.rindex("\ndef approve(") :]
        for needed in ("readonly.require()", "consents.require(", "audit.record("):
            assert needed in approval, path


def test_lists_that_came_to_nothing_are_forgotten_in_time(store: Store) -> None:
    month = 30 * 86400
    rejected, approved = proposed(store, letters(2)), proposed(store, letters(2), rule="notifications")
    ask(store, cleanup_decisions.reject, rejected.id, NOW)
    ask(store, cleanup_decisions.approve, approved.id, approved.hash, NOW)
    draft = ask(store, cleanup_drafts.draft, "work", "promotions", "Promotions", ["archive"], NOW)
    replaced = proposed(store, letters(2), rule="senders")
    ask(store, cleanup_drafts.supersede, "work", "senders")
    with pytest.raises(MailsyncError, match="still being made"):
        ask(store, cleanup_decisions.approve, draft, "", NOW)
    with pytest.raises(NotFound):
        ask(store, cleanup_drafts.draft, "nobody", "promotions", "Promotions", ["archive"], NOW)

    def left(at: float) -> set[int]:
        ask(store, cleanup_drafts.prune, at)
        with store.read() as connection:
            return {row[0] for row in connection.execute("SELECT id FROM cleanups")}

    assert left(NOW + 80000) == {rejected.id, approved.id, draft, replaced.id}
    assert left(NOW + 90000) == {rejected.id, approved.id}
    assert left(NOW + month + 8 * 86400) == {approved.id}, "an approved list waits for its job"
    ask(store, lambda c: c.execute("UPDATE cleanups SET state = 'completed'"))
    assert left(NOW + 400 * 86400) == {approved.id}
    assert left(NOW + 401 * 86400) == set()


def test_a_list_of_40_000_messages_is_trimmed_and_told_in_moments(store: Store) -> None:
    one = proposed(store, [replace(one, sender=f"news{one.number % 50}@shop.example") for one in letters(40_000)])
    began = time.process_time()
    trimmed = ask(store, cleanup_decisions.exclude, one.id, NOW, senders=["news7@shop.example"])
    ask(store, cleanup_decisions.approve, one.id, trimmed.hash, NOW)
    with store.read() as connection:
        last = cleanups.items(connection, one.id, after=39_000)
    spent = time.process_time() - began
    assert trimmed.messages == 39_200
    assert {item.state for item in last} == {"waiting", ""}
    assert spent < 2.0, "a plan that goes over the whole journal for each message takes minutes"
