"""The mailbox of the benchmarks: 20,000 messages, about 145 MB, log-normal sizes, some with attachments.

Deterministic. The text is cut out of the corpus, so that it compresses as mail does; attachments are base64 of random
bytes, so that they compress as attachments do.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests import corpus
from tests.servers.imap_client import Message

COUNT = 20_000
START = datetime(2019, 1, 1, tzinfo=UTC)


def _text() -> bytes:
    parts: list[bytes] = []
    size = 0
    for _, raw in corpus.iter_bulk():
        body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2]
        if body.isascii() and b"base64" not in raw and len(body) < 20_000:
            parts.append(body)
            size += len(body)
        if size > 6_000_000:
            break
    return b"".join(parts).replace(b"\0", b"").replace(b"\n", b"\r\n")


def messages(count: int = COUNT, seed: int = 1) -> Iterator[Message]:
    """`count` messages with flags and dates, oldest first."""
    rng = random.Random(seed)
    text = _text()
    for number in range(count):
        when = START + timedelta(minutes=37 * number)
        size = int(min(rng.lognormvariate(7.75, 1.05), 400_000))
        start = rng.randrange(len(text) - size)
        body = text[start : start + size]
        head = (
            b"Return-Path: <s%d@example.org>\r\nReceived: from mx%d.example.org (mx%d.example.org [192.0.2.%d])\r\n"
            b"\tby mail.example.com with ESMTPS id %016x; %s\r\n"
            b"From: Sender %d <s%d@example.org>\r\nTo: Me <me@example.com>\r\nSubject: Message %d about %s\r\n"
            b"Date: %s\r\nMessage-ID: <%d.%08x@example.org>\r\nMIME-Version: 1.0\r\n"
        ) % (
            number % 500,
            number % 7,
            number % 7,
            number % 250,
            rng.getrandbits(64),
            when.strftime("%a, %d %b %Y %H:%M:%S +0000").encode(),
            number % 500,
            number % 500,
            number,
            body[:30].replace(b"\r", b" ").replace(b"\n", b" ").strip() or b"nothing",
            when.strftime("%a, %d %b %Y %H:%M:%S +0000").encode(),
            number,
            rng.getrandbits(32),
        )
        if rng.random() < 0.085:
            attached = base64.encodebytes(rng.randbytes(int(min(rng.lognormvariate(9.7, 0.8), 300_000))))
            raw = (
                head + b'Content-Type: multipart/mixed; boundary="b1"\r\n\r\n--b1\r\n'
                b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body + b"\r\n--b1\r\n"
                b'Content-Type: application/pdf; name="report.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
                b'Content-Disposition: attachment; filename="report.pdf"\r\n\r\n'
                + attached.replace(b"\n", b"\r\n")
                + b"--b1--\r\n"
            )
        else:
            raw = head + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body
        flags = [
            flag for flag, share in (("\\Seen", 0.9), ("\\Answered", 0.2), ("\\Flagged", 0.03)) if rng.random() < share
        ]
        yield raw, flags, when
