"""What comes first in a store: as if every message was scored by itself, whatever came in which order."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mailsync.config.models import Config
from mailsync.model import Flag
from mailsync.pipeline import correspondents, scorer, scores, triage
from mailsync.pipeline.addressing import Identity
from mailsync.pipeline.terms import terms
from mailsync.pipeline.triage import Ranked
from mailsync.query.parse import parse
from mailsync.store import correspondents as written
from mailsync.store import labels, messages
from mailsync.store import scores as table
from mailsync.store import triage as candidates
from mailsync.store.database import Store
from tests.store.filled import Letter, fill, understand

NOW = 1_741_000_000.0
"""3 March 2025, 11:06 UTC."""
DATES = {"today": "Mon, 3 Mar 2025 09:00:00 +0000", "old": "Tue, 3 Sep 2024 09:00:00 +0000"}


def config(**triage: Any) -> Config:
    account = {
        "email": "max@example.com",
        "aliases": ["m.example@other.example"],
        "names": ["Max"],
        "host": "h.example",
    }
    return Config.model_validate({"accounts": {"work": account}, "triage": triage})


def letter(
    number: int, sender: str, to: str, subject: str = "hello", text: str = "x", more: str = "", date: str = "today"
) -> bytes:
    return (
        f"From: {sender}\nTo: {to}\nSubject: {subject}\nMessage-ID: <{number}@x>\nDate: {DATES.get(date, date)}\n"
        f"{more}Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    ).encode()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def special_use(store: Store, **uses: str) -> None:
    def write(connection: sqlite3.Connection) -> None:
        for name, use in uses.items():
            connection.execute("UPDATE folders SET special_use = ? WHERE name = ?", (use, name))

    store.write(write).result()


def score(store: Store, configured: Config | None = None) -> None:
    stage = scorer.Scorer(store, configured or config())
    while stage.step():
        pass


def first(store: Store, query: str = "", limit: int = 100, **more: Any) -> list[Ranked]:
    with store.read() as connection:
        return triage.first(connection, parse(query) if query else None, limit, NOW, addresses={}, **more)


def named(store: Store, found: Sequence[Ranked]) -> list[str]:
    with store.read() as connection:
        subjects = dict(
            connection.execute(
                "SELECT m.id, e.subject FROM messages m JOIN envelopes e ON e.content_id = m.content_id"
            ).fetchall()
        )
    return [subjects[one.id] for one in found]


def names(one: Ranked) -> set[str]:
    return {reason.name for reason in one.score.reasons}


def test_golden(store: Store) -> None:
    ann = "Ann <ann@example.org>"
    fill(
        store,
        [
            letter(1, ann, "Max@Example.com", "question", "Hi Max, can you send me the plan by Friday?"),
            letter(2, "bob@example.org", "m.example+shop@other.example", "hello"),
            letter(3, "bob@example.org", "carl@example.org", "copy", more="Cc: <max@example.com>\n"),
            letter(4, "dev@lists.example", "dev@lists.example", "list", "What does Max say?", "List-Id: <dev.lists>\n"),
            letter(5, "no-reply@shop.example", "max@example.com", "offer", "Big sale", "List-Unsubscribe: <x:y>\n"),
            letter(6, "max@example.com", ann, "sent"),
            Letter(letter(7, ann, "max@example.com", "draft"), flags=int(Flag.DRAFT)),
            Letter(letter(8, ann, "max@example.com", "spam"), "Spam"),
            letter(9, ann, "max@example.com", "months ago", date="old"),
        ],
    )
    special_use(store, Spam="\\Junk")
    score(store)
    found = first(store)
    assert named(store, found) == ["question", "hello", "list", "copy", "months ago", "offer"]
    assert names(found[0]) == {"to", "name", "question", "deadline", "unread", "known", "age"}
    assert names(found[2]) >= {"list", "name"}
    assert named(store, first(store, "plan")) == ["question"]
    assert named(store, first(store, limit=2)) == ["question", "hello"]
    assert named(store, first(store, since=NOW - 86400)) == ["question", "hello", "list", "copy", "offer"]


def test_a_message_in_several_folders_is_there_once_and_counts_as_in_the_inbox(store: Store) -> None:
    raw = letter(1, "ann@example.org", "max@example.com")
    put_away = letter(2, "ann@example.org", "max@example.com", "away")
    fill(store, [Letter(raw, "Archive"), Letter(raw, "INBOX"), Letter(put_away, "Archive")])
    special_use(store, Archive="\\Archive")
    score(store)
    found = first(store)
    assert named(store, found) == ["hello", "away"]
    assert "archived" not in names(found[0])
    assert "archived" in names(found[1])


def test_of_all_mail_what_has_the_inbox_as_a_label_is_not_put_away(store: Store) -> None:
    fill(store, [Letter(letter(n, "ann@example.org", "max@example.com", f"number {n}"), "All Mail") for n in (1, 2)])

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE folders SET special_use = '\\All'")
        labels.assign(connection, 1, 1, {1: ("\\Inbox",), 2: ("work",)})

    store.write(write).result()
    score(store)
    inbox, away = first(store)
    assert named(store, [inbox, away]) == ["number 1", "number 2"]
    assert ("archived" in names(inbox), "archived" in names(away)) == (False, True)


def test_conversations(store: Store) -> None:
    ann, me = "ann@example.org", "max@example.com"
    days = [f"{day} Mar 2025 09:00:00 +0000" for day in range(1, 4)]
    fill(
        store,
        [
            letter(1, ann, me, "asked", date=days[0]),
            letter(2, me, ann, "Re: asked", more="In-Reply-To: <1@x>\n", date=days[1]),
            letter(3, ann, me, "Re: asked", "thanks", more="In-Reply-To: <2@x>\n", date=days[2]),
        ],
    )
    score(store)
    answer, asked = first(store)
    assert "conversation" in names(answer)
    assert "answered" not in names(answer)
    assert "answered" in names(asked)
    assert "conversation" not in names(asked)


@pytest.mark.parametrize("learn", [True, False])
def test_what_the_user_does_is_learned_and_can_be_switched_off(store: Store, learn: bool) -> None:
    me = "max@example.com"
    answered, seen = int(Flag.ANSWERED | Flag.SEEN), int(Flag.SEEN)
    fill(
        store,
        [
            *[Letter(letter(n, "ann@example.org", me, date="old"), flags=answered) for n in range(7)],
            *[Letter(letter(n, "ann@example.org", me, date="old"), flags=seen) for n in range(7, 9)],
            *[Letter(letter(n, "eve@example.org", me, date="old"), "Archive") for n in range(20, 24)],
            *[Letter(letter(n, "eve@example.org", me, date="old"), "Archive", flags=seen) for n in range(24, 26)],
            letter(30, "ann@example.org", me, "from ann"),
            letter(31, "eve@example.org", me, "from eve"),
            letter(32, "new@example.org", me, "from new"),
        ],
    )
    special_use(store, Archive="\\Archive")
    score(store, config(learn=learn))
    found = dict(zip(named(store, first(store)), first(store), strict=True))
    told = {reason.text for one in found.values() for reason in one.score.reasons}
    assert ("you answer most of theirs (7 of 10)" in told) == learn
    assert ("you put most of theirs away unread (4 of 7)" in told) == learn
    new = found["from new"].score.score
    assert (found["from ann"].score.score > new > found["from eve"].score.score) == learn


def test_what_is_deleted_unread_counts_while_it_is_kept(store: Store) -> None:
    fill(store, [letter(n, "eve@example.org", "max@example.com", date="old") for n in range(4)])
    fill(store, [Letter(letter(9, "eve@example.org", "max@example.com", date="old"), flags=int(Flag.SEEN))])

    def remove(connection: sqlite3.Connection) -> None:
        messages.remove(connection, 1, [1, 2, 3, 5], NOW, "expunged")

    store.write(remove).result()
    fill(store, [letter(10, "eve@example.org", "max@example.com", "new")])
    score(store)
    new = first(store, "new")[0]
    assert "you put some of theirs away unread (3 of 6)" in {reason.text for reason in new.score.reasons}


def test_a_list_is_learned_of_by_itself(store: Store) -> None:
    by_list = "List-Id: Dev <dev.lists.example>\n"
    fill(
        store,
        [
            *[
                Letter(letter(n, f"p{n}@example.org", "dev@lists.example", more=by_list), "Archive", flags=0)
                for n in range(4)
            ],
            letter(9, "ann@example.org", "dev@lists.example", "by the list", more=by_list),
            letter(10, "ann@example.org", "max@example.com", "by herself"),
        ],
    )
    special_use(store, Archive="\\Archive")
    score(store)
    found = dict(zip(named(store, first(store)), first(store), strict=True))
    assert "ignores" in names(found["by the list"])
    assert "ignores" not in names(found["by herself"])


def test_correspondents(store: Store) -> None:
    me = Identity(frozenset({"max@example.com", "Mäx@exämple.org"}))
    fill(
        store,
        [
            letter(1, "Max <MAX@example.com>", "Ann <Ann@Example.org>, bob@x.example", more="Bcc: secret@x.example\n"),
            letter(2, "max@example.com", "a.n.n+x@gmail.com, ann@example.org"),
            letter(3, "max+tag@example.com", "tag@x.example"),
            letter(4, "ann@example.org", "carl@x.example"),
        ],
    )
    correspondents.catch_up(store, me)
    with store.read() as connection:
        known = written.known(connection)
        wrote = written.wrote(connection, ["<1@x>", "<4@x>", "<9@x>", ""], lambda one: one == "MAX@example.com")
    assert wrote == {"<1@x>"}
    assert known.keys() == {"ann@example.org", "bob@x.example", "secret@x.example", "ann+x@gmail.com", "tag@x.example"}
    assert known["ann@example.org"].messages == 2
    fill(store, [letter(5, "max@example.com", "late@x.example")])
    correspondents.catch_up(store, me)
    correspondents.catch_up(store, me)
    with store.read() as connection:
        assert written.written_to(connection) == known.keys() | {"late@x.example"}
        assert written.known(connection)["ann@example.org"].messages == 2
    correspondents.catch_up(store, Identity(frozenset({"ann@example.org"})))
    with store.read() as connection:
        assert written.written_to(connection) == {"carl@x.example"}


def test_other_terms_score_everything_anew(store: Store) -> None:
    fill(store, [letter(1, "ann@example.org", "max@example.com"), letter(2, "ann@example.org", "other@example.com")])
    score(store)
    before = {one.id: one.score.score for one in first(store)}
    score(store, config(weights={"to": 5.0}))
    after = {one.id: one.score.score for one in first(store)}
    assert after[1] > before[1]
    assert after[2] == before[2]
    with store.read() as connection:
        assert not table.is_work(connection, terms(config(weights={"to": 5.0})).stamp)
        assert table.is_work(connection, terms(config()).stamp)


def test_documents_that_are_made_anew_are_scored_again(store: Store) -> None:
    fill(store, [letter(1, "ann@example.org", "max@example.com")])
    score(store)
    understand(store, [1])
    with store.read() as connection:
        assert (table.left(connection), connection.execute("SELECT count(*) FROM scores").fetchone()[0]) == (1, 0)
    assert first(store) == []
    score(store)
    assert named(store, first(store)) == ["hello"]


def mailbox(seed: int, count: int) -> list[Letter]:
    """Messages of every kind."""
    chosen = random.Random(seed)
    people = ["ann@example.org", "bob@example.org", "no-reply@shop.example", "dev@lists.example", "max@example.com"]
    headers = ["", "", "List-Id: <dev.lists>\n", "List-Unsubscribe: <x:y>\n", "Auto-Submitted: auto-generated\n"]
    found = []
    for number in range(count):
        when = NOW - 86400 * 2 ** chosen.uniform(-3, 10)
        answer = f"In-Reply-To: <{chosen.randrange(count)}@x>\n" if chosen.random() < 0.3 else ""
        raw = letter(
            number,
            chosen.choice(people),
            chosen.choice(["max@example.com", "dev@lists.example", "ann@example.org"]),
            f"number {number}",
            chosen.choice(["Max, are you there?", "by Friday please", "nothing", "Big sale"]),
            chosen.choice(headers) + answer,
            date=_rfc_date(when),
        )
        flags = chosen.choice([0, 0, 1, 1, 3, 5])
        found.append(Letter(raw, chosen.choice(["INBOX", "INBOX", "Archive", "Trash"]), flags=flags))
    return found


def _rfc_date(seconds: float) -> str:
    from email.utils import formatdate

    return formatdate(seconds)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_as_if_each_was_scored_by_itself(store: Store, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    fill(store, mailbox(seed, 150))
    special_use(store, Archive="\\Archive", Trash="\\Trash")
    weights = {"archived": 0.5, "answered": 0.7, "age": 0.1} if seed == 2 else {}
    score(store, config(weights=weights))
    monkeypatch.setattr(triage, "NEWEST", 10**9)
    everything = first(store, limit=10**6)
    assert len(everything) > 60
    monkeypatch.setattr(triage, "NEWEST", 7)
    for limit in (1, 5, 30, 200):
        assert first(store, limit=limit) == everything[:limit]
    unread = {one.id for one in everything} & _ids(store, "SELECT id FROM messages WHERE NOT flags & 1")
    assert 0 < len(unread) < len(everything)
    for few in (0, 500):
        monkeypatch.setattr(candidates, "FEW", few)
        assert [one for one in everything if one.id in unread][:5] == first(store, "is:unread", limit=5)
    keys = [(-one.score.score, -one.score.confidence) for one in everything]
    assert keys == sorted(keys)


def test_the_order_of_arrival_changes_nothing(store: Store, tmp_path: Path) -> None:
    letters = mailbox(7, 80)

    def outcome(opened: Store, order: Sequence[Letter], batches: int) -> list[tuple[str, scores.Score]]:
        for start in range(batches):
            fill(opened, order[start::batches])
            special_use(opened, Archive="\\Archive", Trash="\\Trash")
            score(opened)
        opened.write(table.forget).result()
        score(opened)  # habits are those of the moment that an origin was last heard of
        found = first(opened)
        return [*zip(named(opened, found), (one.score for one in found), strict=True)]

    expected = outcome(store, letters, 1)
    other = Store.open(tmp_path / "other")
    try:
        assert sorted(outcome(other, letters[::-1], 3), key=repr) == sorted(expected, key=repr)
    finally:
        other.close()


def _ids(store: Store, sql: str) -> set[int]:
    with store.read() as connection:
        return {row[0] for row in connection.execute(sql)}
