"""Generated mail to search: words by Zipf's law, twenty years of it in a few folders; the same for the same number.

`letter` tells of message `number` what a message would say, `store` fills a database with such messages by SQL, and
`maildir` writes them as files for other programs.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
from bisect import bisect_left
from collections.abc import Iterator
from email.utils import formatdate
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import zstandard

from mailsync.store import documents
from mailsync.store.database import Store

VOCABULARY = 200_000
PIECES = 40_000
"""Runs of words that texts are put together from; one draw for each word of a million messages takes too long."""
PIECE = 18
START, END = 1_136_073_600, 1_793_000_000
FOLDERS = ("INBOX", "Archive", "Lists/python", "Lists/kernel", "Sent", "Projects/rare")
_SHARES = (30, 35, 20, 12, 2.9, 0.1)
PEOPLE = 5_000
ME = "me@example.com"
_VOWELS, _CONSONANTS = "aeiou", "bdfgklmnprstvz"


def word(rank: int) -> str:
    """The word of a rank: pronounceable, the more common the shorter."""
    rank += 5
    letters = ""
    while rank:
        rank, consonant = divmod(rank, len(_CONSONANTS))
        rank, vowel = divmod(rank, len(_VOWELS))
        letters += _CONSONANTS[consonant] + _VOWELS[vowel]
    return letters


class Letter(NamedTuple):
    """A generated message. `date` in Unix seconds, `size` in bytes as a server would tell it."""

    number: int
    date: int
    folder: int
    flags: int
    size: int
    name: str
    address: str
    to: str
    subject: str
    body: str
    filename: str
    of_list: str


@lru_cache(maxsize=1)
def _pieces() -> list[str]:
    chance = random.Random(1)
    weights = list(accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY)))
    words = [word(rank) for rank in range(VOCABULARY)]
    return [
        " ".join(words[bisect_left(weights, chance.random() * weights[-1])] for _ in range(PIECE))
        for _ in range(PIECES)
    ]


def a_phrase() -> str:
    """Three words that follow each other in some messages."""
    return " ".join(_pieces()[77].split()[3:6])


def letters(count: int) -> Iterator[Letter]:
    """So many messages, the oldest first."""
    pieces, chance = _pieces(), random.Random(2)
    step = (END - START) / count
    shares = list(accumulate(_SHARES))
    for number in range(count):
        who = int(chance.paretovariate(0.7)) % PEOPLE
        folder = min(bisect_left(shares, chance.random() * 100), len(FOLDERS) - 1)
        subject = chance.choice(pieces).split(" ", 6)
        body = "\n".join(chance.choice(pieces) for _ in range(chance.choice((2, 3, 3, 4, 6))))
        # A word that one message has alone, and one of a kind that some thousand have.
        body += f" x{number:07d} ticket{number % 997:03d}"
        mark = chance.random()
        flags = 0 if mark < 0.04 else 5 if mark < 0.0405 else 3 if mark < 0.1 else 1
        attached = f"{word(number % 5000)}.pdf" if chance.random() < 0.12 else ""
        yield Letter(
            number,
            int(START + number * step + chance.random() * 3600),
            folder,
            flags,
            int(chance.paretovariate(0.9) * 2_500),
            f"{word(who).title()} {word(who * 7 % PEOPLE + 50).title()}",
            f"{word(who)}@{word(who % 200)}.example",
            ME if folder in (0, 1) else f"{word(folder)}@lists.example",
            " ".join(subject[:6]),
            body,
            attached,
            f"<{word(folder)}.lists.example>" if folder in (2, 3) else "",
        )


def store(folder: Path, count: int) -> None:
    """A database with so many messages: the rows that search reads, filled by SQL, the index put together."""
    Store.open(folder).close()
    with contextlib.closing(sqlite3.connect(folder / "mailsync.db", isolation_level=None)) as connection:
        for pragma in ("synchronous = OFF", "cache_size = -200000", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        connection.execute("INSERT INTO accounts (id, name, email) VALUES (1, 'big', ?)", (ME,))
        connection.execute("INSERT INTO consents (account, scope, granted_at) VALUES ('big', 'email_read', 1)")
        connection.executemany(
            "INSERT INTO folders (id, account_id, name, raw_name, delimiter) VALUES (?, 1, ?, ?, '/')",
            [(number, name, name.encode()) for number, name in enumerate(FOLDERS, 1)],
        )
        documents.set_merging(connection, False)
        batch: list[Letter] = []
        for one in letters(count):
            batch.append(one)
            if len(batch) == 5_000:
                _insert(connection, batch)
                batch.clear()
        _insert(connection, batch)
        connection.execute(
            """UPDATE folders SET messages = (SELECT count(*) FROM messages WHERE folder_id = folders.id),
               unread = (SELECT count(*) FROM messages WHERE folder_id = folders.id AND flags & 1 = 0)"""
        )
        while documents.tidy(connection, 10_000):
            pass
        connection.execute("INSERT INTO cursors (name, position) VALUES ('index:1', ?)", (count,))
        connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, batch: list[Letter]) -> None:
    pack = zstandard.ZstdCompressor(level=documents.LEVEL).compress
    texts = [
        (one.subject, f"{one.name} {one.address}", one.to, "", one.body, one.filename, one.of_list) for one in batch
    ]
    ids = [(one.date << documents.SHIFT) + one.number % 256 for one in batch]
    rows = sorted(zip(ids, batch, texts, strict=True))
    connection.executemany(
        "INSERT INTO contents (id, digest, size, body) VALUES (?, ?, ?, x'00')",
        [(one.number + 1, one.number.to_bytes(32, "big"), one.size) for one in batch],
    )
    connection.executemany(
        """INSERT INTO messages (id, folder_id, uid, content_id, flags, internaldate, size, created_at)
           VALUES (?1, ?2, ?1, ?1, ?3, ?4, ?5, 0)""",
        [(one.number + 1, one.folder + 1, one.flags, one.date, one.size) for one in batch],
    )
    connection.executemany(
        "INSERT INTO envelopes VALUES (?, ?, ?, ?, ?, ?, ?, '', ?)",
        [
            (
                one.number + 1,
                one.date,
                f"<{one.number}@x>",
                one.subject,
                one.name,
                one.address,
                one.to,
                one.filename != "",
            )
            for one in batch
        ],
    )
    connection.executemany(
        "INSERT INTO documents (id, content_id, thread_id, version, traits) VALUES (?, ?, ?, 1, ?)",
        [
            (ident, one.number + 1, one.number // 3, bool(one.of_list) + 2 * bool(one.filename))
            for ident, one, _ in rows
        ],
    )
    connection.executemany(
        'INSERT INTO words (rowid, subject, "from", "to", cc, body, filename, list) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        [(ident, *said) for ident, _, said in rows],
    )
    connection.executemany(
        "INSERT INTO document_texts (id, text) VALUES (?, ?)",
        [(ident, pack("\0".join(said).encode())) for ident, _, said in rows],
    )
    connection.executemany(
        """INSERT INTO attachments (content_id, number, name, type, size, digest, start, end, encoding)
           VALUES (?, 1, ?, 'application/pdf', 100, x'00', 0, 0, '')""",
        [(one.number + 1, one.filename) for one in batch if one.filename],
    )


def maildir(folder: Path, count: int) -> None:
    """The same messages as files of one Maildir; the folder they are in is told by X-Folder only."""
    for place in ("cur", "new", "tmp"):
        (folder / place).mkdir(parents=True)
    for one in letters(count):
        head = (
            f"From: {one.name} <{one.address}>\nTo: {one.to}\nSubject: {one.subject}\nMessage-ID: <{one.number}@x>\n"
            f"Date: {formatdate(one.date)}\n"
        )
        if one.of_list:
            head += f"List-Id: {one.of_list}\n"
        body = f"\n{one.body}\n"
        if one.filename:
            head += "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
            body = (
                f"\n--b\n\n{one.body}\n--b\nContent-Type: application/pdf\n"
                f"Content-Disposition: attachment; filename={one.filename}\n\nx\n--b--\n"
            )
        letters_of = "".join(letter for bit, letter in ((4, "F"), (2, "R"), (1, "S")) if one.flags & bit)
        (folder / "cur" / f"{one.number}.x:2,{letters_of}").write_text(head + body)
