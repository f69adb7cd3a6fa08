from __future__ import annotations

import functools
import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.pipeline.index import digest
from mailsync.pipeline.threads import Keys, keys
from mailsync.store import messages as rows_of
from mailsync.store import schema, threads
from mailsync.store.database import Store
from tests import corpus
from tests.store.filled import Letter, fill

MARCH = 1_741_000_000
DAY = 86400
Message = tuple[Keys, tuple[str | None, ...]]
"""Its keys, and of each copy what thread the server says it is in."""
Threads = set[frozenset[int]]
"""Messages by their number, as they are together."""


@functools.cache
def _empty() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        connection.execute("INSERT INTO accounts (id, name) VALUES (1, 'work')")
        connection.execute("INSERT INTO folders (id, account_id, name, raw_name) VALUES (1, 1, 'INBOX', x'')")
        return connection.serialize()


class Mailbox:
    """Documents without words, made as `store.documents` makes them."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.deserialize(_empty())
        self.uids = iter(range(1, 1 << 30))

    def close(self) -> None:
        self.connection.close()

    def store(self, numbers: Sequence[int]) -> None:
        self.connection.executemany(
            "INSERT OR IGNORE INTO contents (id, digest, size, body) VALUES (?1, ?1, 0, x'')",
            [(number + 1,) for number in numbers],
        )

    def add(self, batch: Sequence[tuple[int, Keys]]) -> None:
        rows = [((MARCH << 8) + number, number + 1, found) for number, found in batch]
        self.connection.execute("BEGIN")
        self.store([number for number, _ in batch])
        told = threads.assign(self.connection, rows)
        self.connection.executemany(
            "INSERT INTO documents (id, content_id, thread_id, version) VALUES (?, ?, ?, 1)",
            [(*row[:2], thread) for row, thread in zip(rows, told, strict=True)],
        )
        threads.settle(self.connection, told)
        self.connection.execute("COMMIT")

    def copy(self, number: int, thread: str | None) -> None:
        self.store([number])
        uid = next(self.uids)
        self.connection.execute(
            "INSERT INTO messages (folder_id, uid, content_id, threadid, created_at) VALUES (1, ?, ?, ?, 0)",
            (uid, number + 1, thread),
        )
        rows_of.fill_chosen(self.connection, [uid])
        threads.arrived(self.connection, 1)

    def refer(self, number: int, names: Iterable[str]) -> None:
        self.connection.execute("UPDATE documents SET refs = ? WHERE content_id = ?", (" ".join(names), number + 1))

    def threads(self) -> Threads:
        """Their messages; all that is counted of them is held against it."""
        found: dict[int, set[int]] = defaultdict(set)
        for content, thread in self.connection.execute("SELECT content_id, thread_id FROM documents"):
            found[thread].add(content - 1)
        counted = dict(self.connection.execute("SELECT id, messages FROM threads").fetchall())
        assert counted == {thread: len(members) for thread, members in found.items()}
        lost = "SELECT count(*) FROM thread_nodes WHERE thread_id NOT IN (SELECT id FROM threads)"
        assert self.connection.execute(lost).fetchone() == (0,)
        return {frozenset(members) for members in found.values()}


def expected(messages: Sequence[Message]) -> Threads:
    """The definition: what is connected, looking at each pair."""
    above = list(range(len(messages)))

    def top(one: int) -> int:
        while above[one] != one:
            one = above[one]
        return one

    holder: dict[object, int] = {}
    offers: dict[int, list[int]] = defaultdict(list)
    for number, (found, servers) in enumerate(messages):
        nodes: set[object] = {found.own, *(one for one in servers if one)} - {0}
        if None in (servers or (None,)):
            nodes.update(found.references)
        for node in nodes:
            above[top(number)] = top(holder.setdefault(node, number))
        for key in found.subjects:
            offers[key].append(number)
    for key, demanding in offers.items():
        if key & 1:
            for one in demanding:
                for other in offers.get(key ^ 1, ()):
                    above[top(one)] = top(other)
    together: dict[int, set[int]] = defaultdict(set)
    for number in range(len(messages)):
        together[top(number)].add(number)
    return {frozenset(members) for members in together.values()}


def portions(order: Sequence[int], sizes: random.Random, largest: int) -> Iterator[Sequence[int]]:
    start = 0
    while start < len(order):
        size = sizes.randint(1, largest)
        yield order[start : start + size]
        start += size


PEOPLE = ["ann@example.org", "bob@example.org", "eve@example.org"]
IDS = [f"<{number}@example.org>" for number in range(9)]
MESSAGES = st.lists(
    st.tuples(
        st.builds(
            keys,
            st.sampled_from(["", *IDS]),
            st.lists(st.sampled_from(IDS), max_size=2, unique=True).map(tuple),
            st.sampled_from(["Lunch", "Re: Lunch", "AW: lunch", "Report", "Re: Report", "Fwd: Report"]),
            st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=1),
            st.lists(st.sampled_from(PEOPLE), max_size=2),
            st.sampled_from([None, MARCH, MARCH + 25 * DAY, MARCH + 50 * DAY, MARCH + 75 * DAY, MARCH + 200 * DAY]),
        ),
        st.lists(st.sampled_from([None, "a", "b"]), max_size=2).map(tuple),
    ),
    max_size=12,
)


@given(MESSAGES, st.randoms(use_true_random=False))
def test_any_order_and_any_batches_give_the_same_threads(messages: list[Message], chance: random.Random) -> None:
    order = list(range(len(messages)))
    chance.shuffle(order)
    with closing(Mailbox()) as mailbox:
        for portion in portions(order, chance, 4):
            for number in portion:
                for thread in messages[number][1]:
                    mailbox.copy(number, thread)
            mailbox.add([(number, messages[number][0]) for number in portion])
        assert mailbox.threads() == expected(messages)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(IDS),
            st.lists(st.sampled_from(IDS), max_size=2, unique=True),
            st.lists(st.sampled_from([None, "a", "b"]), max_size=3),
        ),
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
def test_copies_may_come_before_or_behind_what_is_made_of_them(
    drafts: list[tuple[str, list[str], list[str | None]]], chance: random.Random
) -> None:
    messages = [(keys(own, names, "", [], [], None), tuple(servers)) for own, names, servers in drafts]
    arrivals = [(number, thread) for number, (_, servers) in enumerate(messages) for thread in servers]
    chance.shuffle(arrivals)
    with closing(Mailbox()) as mailbox:
        before = chance.randint(0, len(arrivals))
        # What has no copy at all when it is understood is told apart by none: each needs its first.
        first = dict(reversed(arrivals))
        rest = list((Counter(arrivals) - Counter(first.items())).elements())
        for number, thread in [*first.items(), *rest[:before]]:
            mailbox.copy(number, thread)
        mailbox.add([(number, found) for number, (found, _) in enumerate(messages)])
        for number, (_, names, _) in enumerate(drafts):
            mailbox.refer(number, names)
        for number, thread in rest[before:]:
            mailbox.copy(number, thread)
        while threads.catch_up(mailbox.connection, 2):
            pass
        assert not threads.is_behind(mailbox.connection)
        assert mailbox.threads() == expected(messages)


def lone(number: int, subject: str, sender: str, to: str) -> tuple[int, Keys]:
    return number, keys(f"<{number}>", (), subject, [sender], [to], MARCH)


def chained(number: int, *names: str) -> tuple[int, Keys]:
    return number, keys(f"<{number}>", names, "", [], [], None)


@pytest.mark.parametrize("batch", [1, 299])
def test_merging_many_large_threads_is_not_quadratic(batch: int) -> None:
    with closing(Mailbox()) as mailbox:
        mailbox.add([chained(number, f"<thread {number % 300}>") for number in range(6000)])
        links = [chained(6000 + one, f"<thread {one}>", f"<thread {one + 1}>") for one in range(299)]
        before = mailbox.connection.total_changes
        for start in range(0, len(links), batch):
            mailbox.add(links[start : start + batch])
        # 6,000 documents and as many nodes change their thread once, and not each time that one is merged: 2,000,000.
        assert mailbox.connection.total_changes - before < 20_000
        assert len(mailbox.threads()) == 1


def test_a_subject_that_thousands_share_costs_each_message_once() -> None:
    with closing(Mailbox()) as mailbox:
        steps = Counter[str]()
        mailbox.connection.set_progress_handler(lambda: steps.update(["of 1000"]), 1000)

        def spent(batch: list[tuple[int, Keys]]) -> int:
            before = steps["of 1000"]
            for one in batch:
                mailbox.add([one])
            return steps["of 1000"] - before

        mailbox.add([lone(number, "Daily news", "news@example.org", "me@example.org") for number in range(5000)])
        assert len(mailbox.threads()) == 5000
        offers = spent(
            [lone(number, "Daily news", "news@example.org", "me@example.org") for number in range(5000, 5050)]
        )
        first = spent([lone(6000, "Re: Daily news", "me@example.org", "news@example.org")])
        later = spent(
            [lone(number, "Re: Daily news", "me@example.org", "news@example.org") for number in range(6001, 6051)]
        )
        assert len(mailbox.threads()) == 1
        assert offers < first
        assert later < first


def test_what_is_kept_of_a_document_goes_with_it() -> None:
    with closing(Mailbox()) as mailbox:
        mailbox.add([chained(1, "<0>"), chained(2, "<0>"), lone(3, "Re: Lunch", "a@b.example", "c@d.example")])
        gone = [(MARCH << 8) + number for number in (1, 2, 3)]
        mailbox.connection.execute("DELETE FROM documents WHERE id = ?", gone[:1])
        threads.forget(mailbox.connection, gone[:1])
        assert mailbox.threads() == {frozenset({2}), frozenset({3})}
        mailbox.connection.execute("DELETE FROM documents WHERE id <> ?", gone[:1])
        threads.forget(mailbox.connection, gone[1:])
        for table in ("threads", "thread_nodes", "thread_subjects"):
            assert mailbox.connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_batch_takes_as_many_statements_whatever_its_size() -> None:
    with closing(Mailbox()) as mailbox:
        counts = []
        for size in (10, 1000):
            reads: list[str] = []
            start = size * 10
            mailbox.connection.set_trace_callback(lambda text, told=reads: told.append(text))  # type: ignore[misc]
            threads.assign(
                mailbox.connection,
                [(number, number, lone(number, "Re: Lunch", "a", "b")[1]) for number in range(start, start + size)],
            )
            mailbox.connection.set_trace_callback(None)
            counts.append(sum(text.lstrip().startswith("SELECT") for text in reads))
        assert counts[0] == counts[1]


def test_the_bulk_corpus_in_twenty_orders(corpus: None) -> None:
    messages = [(Keys(*digest(raw).keys), ()) for _, raw in iter_corpus()]
    wanted = expected(messages)
    assert len(wanted) < len(messages) - 500  # there is something to thread
    for seed in range(20):
        chance = random.Random(seed)
        order = list(range(len(messages)))
        chance.shuffle(order)
        with closing(Mailbox()) as mailbox:
            for portion in portions(order, chance, 800):
                mailbox.add([(number, messages[number][0]) for number in portion])
            assert mailbox.threads() == wanted, f"order {seed}"


def iter_corpus() -> Iterator[tuple[str, bytes]]:
    """Each content once, as in a store."""
    seen: set[bytes] = set()
    for name, raw in corpus.iter_bulk():
        if raw not in seen:
            seen.add(raw)
            yield name, raw


def letter(number: int, references: str = "", subject: str = "Re: Lunch", sender: str = "ann@example.org") -> bytes:
    return (
        f"Message-ID: <{number}@example.org>\r\nFrom: Ann <{sender}>\r\nTo: me@example.org\r\nSubject: {subject}\r\n"
        f"Date: Tue, 4 Mar 2025 10:11:{number:02d} +0000\r\nReferences: {references}\r\n\r\nx"
    ).encode()


def test_the_messages_of_a_thread(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path)) as store:
        ids = fill(
            store,
            [
                letter(2, "<1@example.org>"),
                Letter(letter(1, subject="Lunch"), flags=1, keywords="$Work"),
                Letter(letter(1, subject="Lunch"), folder="Archive"),
                letter(3, subject="Else"),
            ],
        )
        with store.read() as connection:
            number = threads.of_message(connection, ids[0])
            assert number is not None
            assert number == threads.of_message(connection, ids[2]) != threads.of_message(connection, ids[3])
            found = threads.messages(connection, number)
            span = connection.execute("SELECT messages, last_date - first_date FROM threads WHERE id = ?", (number,))
            assert tuple(span.fetchone()) == (2, 1)
            assert threads.messages(connection, 99) == []
            assert threads.of_message(connection, 99) is None
            assert not threads.is_behind(connection)
        assert [[copy.id for copy in one.copies] for one in found] == [[ids[1], ids[2]], [ids[0]]]
        assert found[0].copies[0] == threads.Copy(ids[1], "work", "INBOX", 2, 1, "$Work", None)
        assert found[1].references == ("<1@example.org>",)
        assert (found[1].date, found[1].subject, found[1].from_name) == (1_741_083_062, "Re: Lunch", "Ann")


@pytest.mark.parametrize(
    ("named", "number"), [("t12", 12), ("12", 0), ("t", 0), ("tx", 0), ("t٣", 0), ("t" + "9" * 99, 0), ("t-1", 0)]
)
def test_names(named: str, number: int) -> None:
    assert threads.number(named) == number
    assert not number or threads.name(number) == named


def test_a_copy_whose_server_tells_its_thread_is_noted_as_it_arrives(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path)) as store:
        fill(store, [letter(1), Letter(letter(2), account="gmail", threadid="7")])
        fill(store, [Letter(letter(1), account="gmail", threadid="7")], indexed=False)
        with store.read() as connection:
            assert threads.is_behind(connection)
        assert store.write(lambda connection: threads.catch_up(connection, 9)).result() == 1
        with store.read() as connection:
            assert threads.of_message(connection, 1) == threads.of_message(connection, 2)
