"""Threads: what they cost the writer, and how those of the bulk corpus compare with notmuch's.

    keys     what joins a message to others, in the process that parses
    assign   finding, merging and making threads, in the writer's transaction
    settle   their dates
    list     the threads of a whole folder, newest message first

Seconds are of processor time.

`python -m tests.benchmarks.threads [messages]`; the comparison needs notmuch and the corpus. Its database and its
configuration are in a temporary folder.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from mailsync.pipeline import index, mime
from mailsync.pipeline import threads as pure
from mailsync.pipeline.indexer import BATCH
from mailsync.store import conversations, schema, threads
from mailsync.store.database import CACHE_KIB, PAGE_SIZE
from tests import corpus
from tests.benchmarks import mailbox

MESSAGES = 100_000
START = 1_400_000_000

Threads = set[frozenset[int]]
Brought = tuple[int, pure.Keys]
"""The date of a message, and its keys."""


def talks(count: int) -> Iterator[Brought]:
    """Half of the messages answer one of the last 200 talks; one in twenty of these without references."""
    chance = random.Random(1)
    people = [f"person{number}@example.com" for number in range(300)]
    running: list[tuple[str, list[str]]] = []
    for number in range(count):
        date, own = START + number * 1000 + chance.randint(-500_000, 500_000), f"<{number}@example.com>"
        named: Sequence[str] = ()
        if running and chance.random() < 0.5:
            subject, before = chance.choice(running[-200:])
            named = before[-20:] if chance.random() < 0.95 else ()
            before.append(own)
            subject = f"Re: {subject}"
        else:
            subject = f"Subject number {number} of things"
            running.append((subject, [own]))
        to = chance.sample(people, chance.choice([1, 1, 1, 2, 4]))
        yield date, pure.keys(own, named, subject, [chance.choice(people)], to, date)


def letters(count: int) -> Iterator[Brought]:
    """The mailbox of the other benchmarks."""
    for raw, _, when in mailbox.messages(count):
        assert when is not None
        yield int(when.timestamp()), pure.Keys(*index.digest(raw).keys)


def cost(path: Path, name: str, brought: Iterable[Brought]) -> None:
    """Thread messages in a file, in batches as the index does."""
    rows: list[tuple[int, int, pure.Keys]] = []
    within = Counter[int]()
    for number, (date, keys) in enumerate(brought, 1):
        rows.append(((date << 8) + within[date], number, keys))
        within[date] += 1
    spent = Counter[str]()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA synchronous = NORMAL")
        schema.migrate(connection)
        connection.execute("BEGIN")
        connection.execute("INSERT INTO accounts (id, name) VALUES (1, 'work')")
        connection.execute("INSERT INTO folders (id, account_id, name, raw_name) VALUES (1, 1, 'INBOX', x'')")
        connection.executemany(
            "INSERT INTO contents (id, digest, size, body) VALUES (?1, CAST(?1 AS BLOB), 0, x'')",
            [row[1:2] for row in rows],
        )
        connection.executemany(
            """INSERT INTO messages (id, folder_id, uid, content_id, internaldate, created_at)
               VALUES (?1, 1, ?1, ?1, ?2, 0)""",
            [(number, document >> 8) for document, number, _ in rows],
        )
        connection.execute("COMMIT")
        for start in range(0, len(rows), BATCH):
            batch = sorted(rows[start : start + BATCH])
            connection.execute("BEGIN")
            began = time.process_time()
            found = threads.assign(connection, batch)
            spent["assign"] += int((time.process_time() - began) * 1e9)
            connection.executemany(
                "INSERT INTO documents (id, content_id, thread_id, version) VALUES (?, ?, ?, 1)",
                [(document, content, thread) for (document, content, _), thread in zip(batch, found, strict=True)],
            )
            began = time.process_time()
            threads.settle(connection, found)
            spent["settle"] += int((time.process_time() - began) * 1e9)
            connection.execute("COMMIT")
        ids = [number for document, number, _ in sorted(rows, reverse=True)]
        began = time.process_time()
        listed = conversations.threads_of(connection, ids)
        spent["list"] = int((time.process_time() - began) * 1e9)
        size = connection.execute(
            "SELECT sum(pgsize) FROM dbstat WHERE name GLOB 'thread*' OR name = 'documents_by_thread'"
        ).fetchone()[0]
    each = {step: nanoseconds / 1e6 / len(rows) for step, nanoseconds in spent.items()}
    print(
        f"{name:<10} {len(rows):>9,} messages, {len(set(listed)):,} threads: assign {each['assign']:.4f} ms and settle "
        f"{each['settle']:.4f} ms a message, {size / len(rows):.0f} B; list {spent['list'] / 1e9:.3f} s"
    )


def together(brought: Sequence[pure.Keys]) -> Threads:
    """The threads of messages by their number, made of nodes alone."""
    above = list(range(len(brought)))

    def top(one: int) -> int:
        while above[one] != one:
            above[one] = one = above[above[one]]
        return one

    holder: dict[int, int] = {}
    offers: dict[int, list[int]] = defaultdict(list)
    for number, keys in enumerate(brought):
        for node in (keys.own, *keys.references):
            if node:
                above[top(number)] = top(holder.setdefault(node, number))
        for key in keys.subjects:
            offers[key].append(number)
    for key, demanding in offers.items():
        for one in demanding if key & 1 and key ^ 1 in offers else ():
            for other in offers[key ^ 1]:
                above[top(one)] = top(other)
    found: dict[int, set[int]] = defaultdict(set)
    for number in range(len(brought)):
        found[top(number)].add(number)
    return {frozenset(members) for members in found.values()}


def of_notmuch(raws: Sequence[bytes], folder: Path) -> Threads:
    """The threads that notmuch makes of these messages, which it reads from `folder`; those it refuses are absent."""
    mail = folder / "mail"
    mail.mkdir()
    for number, raw in enumerate(raws):
        (mail / f"{number}.eml").write_bytes(raw)
    settings = {
        "database": {"path": str(mail), "mail_root": str(mail)},
        "user": {"name": "me", "primary_email": "me@example.org"},
        "new": {"tags": ""},
        "search": {"exclude_tags": ""},
        "maildir": {"synchronize_flags": "false"},
    }
    told = "".join(
        f"[{section}]\n" + "".join(f"{name}={value}\n" for name, value in values.items())
        for section, values in settings.items()
    )
    (folder / "config").write_text(told)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NOTMUCH_CONFIG": str(folder / "config")}

    def run(*arguments: str) -> bytes:
        return subprocess.run(["notmuch", *arguments], env=environment, capture_output=True, check=True).stdout

    run("new", "--no-hooks", "--quiet")
    shown = json.loads(run("show", "--format=json", "--body=false", "--entire-thread=true", "*"))
    return {frozenset(int(Path(name).stem) for name in _files(thread)) for thread in shown}


def _files(shown: Any) -> Iterator[str]:
    """The files of a thread as `notmuch show` nests them."""
    if isinstance(shown, dict):
        yield from shown.get("filename", ())
    elif isinstance(shown, list):
        for one in shown:
            yield from _files(one)


def compare(folder: Path) -> Counter[str]:
    """Every thread that either makes otherwise than the other, by the reason."""
    raws = list(dict.fromkeys(raw for _, raw in corpus.iter_bulk()))
    ours: list[pure.Keys] = []
    without: dict[str, list[pure.Keys]] = defaultdict(list)
    for raw in raws:
        keys = pure.Keys(*index.digest(raw).keys)
        ours.append(keys)
        message = mime.parse(raw)
        named = dict.fromkeys((*message.references, *message.in_reply_to))
        head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0] + b"\n"
        bracketed = [threads.node(one) for one in named if one[1:-1].encode() not in head or one.encode() in head]
        without["subject"].append(keys._replace(subjects=()))
        without["brackets"].append(keys._replace(references=tuple(n for n in keys.references if n in bracketed)))
        without["people"].append(keys._replace(references=tuple(threads.node(one) for one in named)))
    made = together(ours)
    theirs = of_notmuch(raws, folder)
    reasons = Counter(equal=len(made & theirs))
    reasons["refused by notmuch (a message that begins with a From line)"] = len(raws) - sum(map(len, theirs))

    def holders(parts: Threads) -> dict[int, frozenset[int]]:
        return {number: part for part in parts for number in part}

    of = {name: holders(together(keys)) for name, keys in without.items()}
    here, there = holders(made), holders(theirs)
    for part in made - theirs:
        if len({there[number] for number in part if number in there}) > 1:
            reasons[f"joined here only: {_reason(part, of)}"] += 1
    for part in theirs - made:
        if len({here[number] for number in part}) > 1:
            confused = len({of["people"][number] for number in part}) == 1
            reasons[
                "joined by notmuch only: "
                + ("an address in In-Reply-To taken for a message id" if confused else "unexplained")
            ] += 1
    return reasons


def _reason(part: frozenset[int], of: dict[str, dict[int, frozenset[int]]]) -> str:
    """Without what does this thread come apart, as notmuch has it?"""
    if len({of["subject"][number] for number in part}) > 1:
        return "a reply without references, by its subject"
    if len({of["brackets"][number] for number in part}) > 1:
        return "message ids without angle brackets"
    return "unexplained"


def main() -> None:
    count = int(sys.argv[1].replace(",", "")) if len(sys.argv) > 1 and sys.argv[1][:1].isdigit() else MESSAGES
    began = time.process_time()
    talk = list(talks(count))
    print(f"keys       {count:>9,} messages: {(time.process_time() - began) / count * 1000:.4f} ms, made up and hashed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cost(folder / "talks.db", "talks", talk)
        if corpus.corpus_dir() is None:
            print(corpus.MISSING)
            return
        cost(folder / "mailbox.db", "mailbox", letters(mailbox.COUNT))
        if shutil.which("notmuch") is None:
            print("notmuch is not installed: nothing to compare with")
            return
        for reason, number in compare(folder).items():
            print(f"{number:>6,}  {reason}")


if __name__ == "__main__":
    main()
