"""What a scan proposes: each rule that mailsync comes with, the user's own, what they choose, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mailsync.cleanup import guard, scan
from mailsync.cleanup.staging import stage
from mailsync.engine.cleaning import scanned as handled
from mailsync.errors import ConsentMissing, Interrupted, MailsyncError, NotFound, QueryError, UsageError
from mailsync.model import Flag
from mailsync.store import cleanups, consents, jobs
from mailsync.store.database import Store
from mailsync.store.jobs import Job
from tests.cleanup.letters import LIST_POST, NEWSLETTER, NOW, letter, multipart
from tests.cleanup.mailboxes import configured, items, mirrored, proposed, scanned
from tests.store.filled import Letter

DAY = 86400.0
SEEN = int(Flag.SEEN)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def aged(days: float, number: int = 0, **headers: str) -> dict[str, str]:
    """The header of a newsletter of so many days ago."""
    date = format_datetime(datetime.fromtimestamp(NOW - days * DAY, UTC))
    return NEWSLETTER | {"Date": date, "Message-ID": f"<{number}.{days}@shop.test>"} | headers


def event(day: str, more: str = "") -> tuple[str, str]:
    return "text/calendar", f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:{day}T100000Z\n{more}END:VEVENT\nEND:VCALENDAR"


def test_every_rule_finds_its_own(store: Store) -> None:
    notice = {"Auto-Submitted": "auto-generated", "From": "noreply@shop.test"}
    weekly = event("20250801", "RRULE:FREQ=WEEKLY\n")
    fat = ("application/zip; name=a.zip", "x" * 5_100_000)
    copy = letter(aged(10, 50), "The very same.\n")
    letters = {
        "newsletter": Letter(letter(aged(200, 1))),
        "young newsletter": Letter(letter(aged(100, 2))),
        "offer": Letter(letter(aged(40, 3, Subject="50% off: sale ends tonight"))),
        "young offer": Letter(letter(aged(5, 4, Subject="50% off: sale ends tonight"))),
        "read notice": Letter(letter(aged(120, 5, **notice)), flags=SEEN),
        "unread notice": Letter(letter(aged(121, 6, **notice))),
        "past event": Letter(multipart(aged(60, 7), ("text/plain", "Come"), event("20250801"))),
        "coming event": Letter(multipart(aged(60, 8), ("text/plain", "Come"), event("20991231"))),
        "weekly event": Letter(multipart(aged(60, 9), ("text/plain", "Come"), weekly)),
        "fat": Letter(multipart(LIST_POST | aged(400, 10, **{"List-Id": ""}), ("text/plain", "See"), fat)),
        "copy kept": Letter(copy, flags=SEEN),
        "copy": Letter(copy),
        "copy elsewhere": Letter(copy, folder="Archive"),
        "thrown away": Letter(letter(aged(300, 11)), folder="Trash"),
        "for me": Letter(letter(aged(300, 12, To="max@example.com"))),
        "flagged": Letter(letter(aged(300, 13)), flags=int(Flag.FLAGGED)),
    }
    ids = dict(zip(letters, mirrored(store, letters.values()), strict=True))
    names = {ident: name for name, ident in ids.items()}
    found, by_rule = scanned(store)
    told = {rule: [names[one.message_id] for one in listed] for rule, listed in by_rule.items()}
    assert told == {
        "duplicates": ["copy"],
        "calendar": ["past event"],
        "promotions": ["offer"],
        "notifications": ["read notice"],
        "newsletters": ["newsletter", "fat"],
    }
    assert found.protected == {guard.TO: 1, guard.FLAGGED: 1}
    (duplicate,) = by_rule["duplicates"]
    assert duplicate.reasons == (f"the same bytes as message {ids['copy kept']} of this folder",)
    for listed in by_rule.values():
        assert all(0 < one.confidence < 1 and all(one.reasons) for one in listed)
    without = configured({"rules": {"newsletters": {"enabled": False}, "duplicates": {"enabled": False}}})
    _, again = scanned(store, without, NOW + 1)
    assert [names[one.message_id] for one in again["oversize"]] == ["fat"]
    assert "newsletters" not in again


def test_a_sender_who_is_hardly_read(store: Store) -> None:
    loud = [Letter(letter(aged(100 + number, number)), flags=SEEN * (number < 10)) for number in range(200)]
    read = [Letter(letter(aged(100, number, From="a@b.test")), flags=SEEN * (number < 11)) for number in range(200)]
    mirrored(store, [*loud, *read])
    config = configured({"rules": {"newsletters": {"enabled": False}}})
    _, by_rule = scanned(store, config)
    assert {one.sender for one in by_rule["senders"]} == {"news@shop.test"}
    assert by_rule["senders"][0].reasons[0] == "200 messages of this sender, of which 10 were read"
    assert sum(one.sampled for one in by_rule["senders"]) == 50


def test_rules_of_the_user_come_first_and_loosen_nothing(store: Store) -> None:
    ids = mirrored(
        store,
        [
            Letter(letter(aged(300, 1))),
            Letter(letter(aged(1, 2, Subject="Offers"))),
            Letter(letter(aged(1, 3, Subject="Offers", Cc="max@example.com"))),
            Letter(letter(aged(1, 4, Subject="Offers for you, Max"))),
            Letter(letter({"From": "a@b.test", "To": "c@d.test", "Subject": "Offers"})),
        ],
    )
    rules: dict[str, Any] = {
        "mine": {"query": "subject:offers", "actions": ["expunge"], "title": "Offers"},
        "all": {"query": "subject:offers OR list:shop", "actions": ["mark_read", "move:Old"]},
        "newsletters": {"query": "older:1d folder:Nowhere"},
    }
    found, by_rule = scanned(store, configured({"rules": rules}))
    assert {rule: [one.message_id for one in listed] for rule, listed in by_rule.items()} == {
        "mine": [ids[1]],
        "all": [ids[0]],
    }
    assert found.protected == {guard.CC: 1, guard.NAMED: 1, guard.HIDDEN: 1}
    assert found.unknown == ['newsletters: no folder matches "Nowhere"']
    assert [(one.title, one.actions, one.query) for one in proposed(store, found)] == [
        ("Offers", ("expunge",), "subject:offers"),
        ("all", ("mark_read", "move:Old"), "subject:offers OR list:shop"),
    ]


def test_what_the_mirror_is_not_sure_of(store: Store) -> None:
    mirrored(store, [Letter(letter(aged(300, number)), folder=f"F{number}") for number in range(4)])

    def spoil(connection: Any) -> None:
        connection.execute("UPDATE folders SET error = 'the server said no' WHERE name = 'F0'")
        connection.execute("UPDATE folders SET first_sync_at = NULL WHERE name = 'F1'")
        connection.execute("UPDATE contents SET body = substr(body, 1, 20) WHERE id = 3")

    store.write(spoil).result()
    found, by_rule = scanned(store)
    assert found.protected == {guard.DOUBTFUL: 2, guard.UNREADABLE: 1}
    assert [one.uid for one in by_rule["newsletters"]] == [1]


def test_what_the_user_wrote_is_known_from_the_mirror(store: Store) -> None:
    """Whom they wrote to, what answers them, and what they answered, though no flag tells of it."""
    sent = {"From": "Max <Max.Example@googlemail.com>", "To": "eve@far.test", "Message-ID": "<mine@example.com>"}
    answer = {
        "In-Reply-To": "<1.300@shop.test>",
        "References": "<1.300@shop.test>",
        "Message-ID": "<again@example.com>",
    }
    elsewhere = {  # an address that is not configured
        "From": "Max <max@name.test>",
        "To": "adam@far.test",
        "Message-ID": "<old@name.test>",
        "In-Reply-To": "<7.300@shop.test>",
        "References": "<7.300@shop.test>",
    }
    ids = mirrored(
        store,
        [
            Letter(letter(sent), folder="Sent"),
            Letter(letter(sent | answer | {"To": "someone@else.test"}), folder="Sent"),
            Letter(letter(elsewhere), folder="Sent"),
            Letter(letter(aged(300, 1))),
            Letter(letter(aged(300, 2, From="Eve <EVE@far.test>"))),
            Letter(letter(aged(300, 3, References="<mine@example.com>"))),
            Letter(letter(aged(300, 5, From="adam@far.test"))),
            Letter(letter(aged(300, 6, References="<old@name.test>"))),
            Letter(letter(aged(300, 7))),
            Letter(letter(aged(300, 4))),
        ],
    )
    found, by_rule = scanned(store)
    assert found.protected == {guard.ANSWERED: 2, guard.CORRESPONDENT: 2, guard.REPLY: 2}
    assert [one.message_id for one in by_rule["newsletters"]] == ids[-1:]


def test_a_newer_scan_takes_the_place_of_what_nobody_decided_on(store: Store) -> None:
    mirrored(store, [Letter(letter(aged(300, number))) for number in range(3)])
    first, _ = scanned(store)
    second, by_rule = scanned(store, now=NOW + 60)
    assert len(by_rule["newsletters"]) == 3
    assert [one.state for one in proposed(store, first)] == ["superseded"]
    store.write(lambda c: c.execute("UPDATE messages SET flags = 4")).result()
    third, _ = scanned(store, now=NOW + 120)
    assert not third.cleanups
    assert [one.state for one in proposed(store, second)] == ["superseded"]


def test_what_a_rule_proposed_that_is_gone_is_over(store: Store) -> None:
    mirrored(store, [Letter(letter(aged(300)))])
    first, _ = scanned(store, configured({"rules": {"mine": {"query": "list:shop"}}}))
    _, by_rule = scanned(store, now=NOW + 1)
    assert [one.state for one in proposed(store, first)] == ["superseded"]
    assert [*by_rule] == ["newsletters"]


def test_a_scan_that_is_stopped_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "PAGE", 2)
    mirrored(store, [Letter(letter(aged(300, number))) for number in range(6)])
    told: list[tuple[int, int]] = []
    with pytest.raises(Interrupted):
        scan.scan(
            store,
            configured(),
            "work",
            NOW,
            stopping=lambda: len(told) > 1,
            tell=lambda done, total: told.append((done, total)),
        )
    assert told[-1] == (4, 6)
    with store.read() as connection:
        assert not connection.execute("SELECT count(*) FROM cleanups").fetchone()[0]
    assert len(scanned(store)[1]["newsletters"]) == 6


async def test_what_a_person_chooses_goes_the_same_way(store: Store) -> None:
    ids = mirrored(
        store,
        [
            Letter(letter(aged(1, 1))),
            Letter(letter(aged(300, 2))),
            Letter(letter(aged(300, 3, To="max@example.com"))),
            Letter(letter(aged(300, 4))),
        ],
    )

    async def looked_at(**wanted: Any) -> tuple[list[cleanups.Cleanup], dict[str, int]]:
        number = store.write(lambda c: stage(c, ["archive", "mark_read"], NOW, **wanted)).result()
        with store.read() as connection:
            job = jobs.get(connection, number)
        assert isinstance(job, Job)
        outcome = await handled(store, configured(), job, lambda: NOW, lambda: False)
        assert outcome.ok
        with store.read() as connection:
            made = [cleanups.get(connection, int(one), NOW) for one in outcome.document["cleanups"]]
        return made, outcome.document["protected"]

    (chosen,), spared = await looked_at(messages=ids[:3], title="Shop")
    assert (chosen.rule, chosen.title, chosen.actions) == ("selection", "Shop", ("mark_read", "archive"))
    assert [one.message_id for one in items(store, chosen.id)] == ids[:2]
    assert spared == {guard.TO: 1}
    # Until somebody has decided, no rule and no other choice proposes it a second time.
    assert [one.message_id for one in scanned(store)[1]["newsletters"]] == ids[3:]
    made, spared = await looked_at(query="list:shop older:2d", accounts=["work"])
    assert (made, spared) == ([], {guard.TO: 1, scan.ELSEWHERE: 2})
    with store.read() as connection:
        assert len(cleanups.listing(connection, NOW)) == 2


def test_a_choice_that_was_looked_at_by_halves_is_looked_at_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "PAGE", 2)
    ids = mirrored(store, [Letter(letter(aged(1, number))) for number in range(5)])
    store.write(lambda c: stage(c, ["trash"], NOW, messages=ids)).result()
    pages: list[int] = []

    def killed(done: int, total: int) -> None:
        pages.append(done)
        if len(pages) == 2:
            raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("mailsync.cleanup.proposing.Proposal.discard", lambda self: None)
        with pytest.raises(SystemExit):
            scan.select(store, configured(), 1, ids, NOW, tell=killed)
    assert len(items(store, 1)) == 4
    assert scan.select(store, configured(), 1, ids, NOW).cleanups == [1]
    assert [one.message_id for one in items(store, 1)] == ids
    assert scan.select(store, configured(), 1, [], NOW).cleanups == [1], "it is frozen"
    assert [one.message_id for one in items(store, 1)] == ids


def test_what_cannot_be_chosen(store: Store) -> None:
    (ident,) = mirrored(store, [Letter(letter(aged(1)))])
    wishes: list[tuple[list[str], dict[str, Any], type[MailsyncError]]] = [
        (["archive", "trash"], {"messages": [ident]}, UsageError),
        (["fly"], {"messages": [ident]}, UsageError),
        (["trash"], {"messages": [ident + 1]}, NotFound),
        (["trash"], {"query": "from:(", "accounts": ["work"]}, QueryError),
    ]
    for actions, wanted, error in wishes:
        with pytest.raises(error):
            store.write(partial(stage, wanted=actions, at=NOW, **wanted)).result()
    store.write(lambda c: consents.revoke(c, "work", ["email_read"], NOW)).result()
    with pytest.raises(ConsentMissing):
        store.write(lambda c: stage(c, ["trash"], NOW, messages=[ident])).result()
    with pytest.raises(ConsentMissing):
        scanned(store)
    with store.read() as connection:
        assert not connection.execute("SELECT count(*) FROM cleanups").fetchone()[0]
