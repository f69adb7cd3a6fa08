"""Mailboxes of tiny messages for the benchmarks, where the number of messages counts and not their bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Message

START = datetime(2019, 1, 1, tzinfo=UTC)
FLAGS = (("\\Seen", 0.9), ("\\Answered", 0.2), ("\\Flagged", 0.03), ("$Forwarded", 0.01))


def tiny(count: int, seed: int = 1) -> Iterator[Message]:
    """`count` messages of about 250 bytes with flags as people have them, oldest first."""
    rng = random.Random(seed)
    for number in range(count):
        when = START + timedelta(minutes=17 * number)
        raw = (
            b"From: Sender %d <s%d@example.org>\r\nTo: Me <me@example.com>\r\nSubject: Message %d\r\nDate: %s\r\n"
            b"Message-ID: <%d.%016x@example.org>\r\n\r\nA line of text, number %d.\r\n"
            % (
                number % 500,
                number % 500,
                number,
                when.strftime("%a, %d %b %Y %H:%M:%S +0000").encode(),
                number,
                rng.getrandbits(64),
                number,
            )
        )
        yield raw, [flag for flag, share in FLAGS if rng.random() < share], when


def fill_many(server: Dovecot, user: str, folders: int, each: int) -> None:
    """Folders `Folder 000` and so on with `each` messages."""
    with server.client(user) as client:
        for number in range(folders):
            name = f"Folder {number:03}"
            client.create(name)
            client.append_many(name, tiny(each, seed=number))
