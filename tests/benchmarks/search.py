"""Thirty typical searches in 100,000 and 1,000,000 generated messages, and beside notmuch and mu at the first.

    page     the newest 50 with what is shown of each (people, subject, flags, place, attachments, snippet), the store
             open and in memory's reach: from the text of the query to the last snippet
    count    the exact number of all
    listed   the page without snippets, which neither notmuch nor mu makes: what is compared with them

notmuch is asked by its Python bindings (`notmuch2`) in a process that has the database open, mu by `mu server`, each
from the query to the last of the newest 50 with sender, subject, date and flags. Their times are without the start of a
process, as ours are.

`python -m tests.benchmarks.search [messages...]`; `--alone` leaves the others out.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from mailsync.query.parse import parse
from mailsync.store import search
from mailsync.store.database import Store
from tests.benchmarks import zipf

SIZES = (100_000, 1_000_000)
COMPARED = 100_000
REPEATS = 7
PAGE = 50
TODAY = date(2026, 11, 21)
ADDRESSES = {"big": [zipf.ME]}


def word(rank: int) -> str:
    return zipf.word(rank)


def queries() -> list[tuple[str, str, str]]:
    """(what it is, our query, that of notmuch and mu or ""): the same question in either language."""
    common, usual, rare = word(2), word(300), word(150_000)
    phrase = f'"{zipf.a_phrase()}"'
    sender = f"from:{word(3)}@{word(3)}.example"
    return [
        ("the most common word", word(0), word(0)),
        ("a common word", common, common),
        ("a usual word", usual, usual),
        ("another usual word", word(1_000), word(1_000)),
        ("a rare word", rare, rare),
        ("a word of one message", "x0054321", "x0054321"),
        ("a word of none", "qqqq", "qqqq"),
        ("a word of some thousand", "ticket123", "ticket123"),
        ("two words", f"{common} {usual}", f"{common} and {usual}"),
        ("three common words", f"{word(1)} {word(4)} {word(9)}", f"{word(1)} and {word(4)} and {word(9)}"),
        ("three words", f"{word(30)} {usual} {word(700)}", f"{word(30)} and {usual} and {word(700)}"),
        ("common and rare", f"{common} {rare}", f"{common} and {rare}"),
        ("a phrase", phrase, phrase),
        ("a phrase of common words", f'"{word(0)} {word(1)}"', f'"{word(0)} {word(1)}"'),
        ("either of two", f"{usual} OR {rare}", f"{usual} or {rare}"),
        ("one without another", f"{usual} -{common}", f"{usual} and not {common}"),
        ("a beginning", f"{word(5_000)[:5]}*", f"{word(5_000)[:5]}*"),
        ("in the subject", f"subject:{word(20)}", f"subject:{word(20)}"),
        ("a sender", sender, sender),
        ("a sender and a word", f"{sender} {common}", f"{sender} and {common}"),
        ("a recipient", f"to:{zipf.ME}", f"to:{zipf.ME}"),
        ("a month", "after:2015-03-01 before:2015-04-01", "DATES 2015-03-01 2015-03-31"),
        (
            "a year and a word",
            f"after:2010-01-01 before:2011-01-01 {usual}",
            f"DATES 2010-01-01 2010-12-31 and {usual}",
        ),
        ("an attachment and a word", f"has:attachment {usual}", f"ATTACHED and {usual}"),
        ("a file", f"filename:{word(123)}", f"FILE{word(123)}.pdf"),
        ("unread", "is:unread", "UNREAD"),
        ("unread and a word", f"is:unread {common}", f"UNREAD and {common}"),
        ("flagged and a word", f"is:flagged {common}", f"FLAGGED and {common}"),
        ("a folder and a word", f"folder:Lists/python {usual}", ""),
        ("a small folder and a common word", f"folder:Projects/rare {word(0)}", ""),
    ]


def page(store: Store, text: str) -> int:
    """The first page as a screen would have it; how many messages."""
    with store.read() as connection:
        query = parse(text)
        asked = search.Search(connection, query, today=TODAY, addresses=ADDRESSES)
        found = search.hits(connection, asked.page(PAGE))
        return len(list(zip(found, search.snippets(connection, found, query), strict=True)))


def listed(store: Store, text: str) -> int:
    """The same without snippets."""
    with store.read() as connection:
        asked = search.Search(connection, parse(text), today=TODAY, addresses=ADDRESSES)
        return len(search.hits(connection, asked.page(PAGE)))


def count(store: Store, text: str) -> int:
    with store.read() as connection:
        return search.Search(connection, parse(text), today=TODAY, addresses=ADDRESSES).count()


def measured(ask: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Milliseconds of each time it is asked; the first one, which only warms up, is left out."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    return times[1:]


def quantiles(times: Sequence[float]) -> str:
    ordered = sorted(times)
    return f"p50 {statistics.median(ordered):7.2f} ms   p95 {ordered[int(len(ordered) * 0.95)]:7.2f} ms"


def ours(store: Store, *, each: bool) -> dict[str, float]:
    """The medians of pages without snippets, by query; prints those with, and the quantiles of all."""
    pages, lists, counts, medians = [], [], [], {}
    for name, text, _ in queries():
        times = measured(lambda text=text: page(store, text))  # type: ignore[misc]
        pages += times
        counted = measured(lambda text=text: count(store, text), 1)  # type: ignore[misc]
        counts += counted
        without = measured(lambda text=text: listed(store, text))  # type: ignore[misc]
        lists += without
        medians[name] = statistics.median(without)
        if each:
            total = count(store, text)
            middle = statistics.median(times)
            print(f"    {name:34} {middle:8.2f} ms   of {total:9,} counted in {counted[0]:9.2f} ms")
    print(f"  page   {quantiles(pages)}")
    print(f"  listed {quantiles(lists)}")
    print(f"  count  {quantiles(counts)}", flush=True)
    return medians


def first(folder: Path) -> float:
    """Seconds of a whole process that asks one query."""
    program = "from mailsync.cli import main; main()"
    line = [sys.executable, "-c", program, "--data-dir", str(folder), "search", "--json", word(300)]
    times = []
    for _ in range(4):
        started = time.perf_counter()
        subprocess.run(line, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def main(arguments: Sequence[str] = ()) -> None:
    sizes = [int(one) for one in arguments if one.isdecimal()] or list(SIZES)
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="mailsync-search-") as name:
            folder = Path(name)
            started = time.perf_counter()
            zipf.store(folder, size)
            megabytes = (folder / "mailsync.db").stat().st_size / 1e6
            print(f"{size:,} messages, {megabytes:,.0f} MB, made in {time.perf_counter() - started:.0f} s")
            store = Store.open(folder, create=False)
            medians = ours(store, each=True)
            store.close()
            print(f"  a process from start to answer: {first(folder) * 1000:.0f} ms", flush=True)
        if size == COMPARED and "--alone" not in arguments:
            beside(medians)


def beside(medians: dict[str, float]) -> None:
    """notmuch and mu on the same messages."""
    from tests.benchmarks import searchers

    asked = [(name, theirs) for name, _, theirs in queries() if theirs]
    with tempfile.TemporaryDirectory(prefix="mailsync-search-") as name:
        folder = Path(name)
        zipf.maildir(folder / "mail", COMPARED)
        for searcher in (searchers.notmuch, searchers.mu):
            times = searcher(folder, asked, REPEATS, PAGE)
            if times is None:
                print(f"  {searcher.__name__}: not installed")
                continue
            print(f"  {searcher.__name__:8} {quantiles([one for each in times.values() for one in each])}")
            slower = {what: each for what, each in times.items() if statistics.median(each) < medians[what]}
            for what, each in slower.items():
                print(f"    faster than ours: {what:34} {statistics.median(each):8.2f} ms, ours {medians[what]:.2f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
