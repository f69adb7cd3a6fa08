"""The sample mail: the same for the same clock, well formed, and varied enough to show what mail is like."""

from __future__ import annotations

import email
import hashlib
import struct
import zlib
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from email.policy import default
from itertools import islice

import pytest

from mailsync.demo import attachments
from mailsync.demo.arrivals import ANSWERS, arrivals, arrive
from mailsync.demo.compose import flow
from mailsync.demo.mail import SampleAccount, SampleMessage, sample_mail
from mailsync.demo.people import ME, PEOPLE

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
RESERVED = ("example.com", "example.net", "example.org")


@pytest.fixture(scope="module")
def accounts() -> list[SampleAccount]:
    return sample_mail(NOW)


@pytest.fixture(scope="module")
def parsed(accounts: list[SampleAccount]) -> list[tuple[SampleMessage, EmailMessage]]:
    return [(message, parse(message.raw)) for account in accounts for message in account.messages]


def parse(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def digest(accounts: list[SampleAccount]) -> str:
    total = hashlib.sha256()
    for account in accounts:
        for message in account.messages:
            total.update(repr((account.name, message)).encode())
    return total.hexdigest()


def test_the_same_clock_gives_the_same_mail(accounts: list[SampleAccount]) -> None:
    same = NOW.astimezone(timezone(timedelta(hours=9))) + timedelta(microseconds=5)
    assert digest(sample_mail(same)) == digest(accounts)
    assert digest(sample_mail(NOW, seed=2)) != digest(accounts)


def test_there_are_a_few_hundred_messages_over_two_years(accounts: list[SampleAccount]) -> None:
    messages = [message for account in accounts for message in account.messages]
    assert [account.name for account in accounts] == ["personal", "work", "studio"]
    assert 350 <= len(messages) <= 500
    assert max(message.when for message in messages) <= NOW
    assert NOW - min(message.when for message in messages) > timedelta(days=600)
    assert all(message.when.microsecond == 0 for message in messages)


def test_the_folders_are_nested_and_not_only_ascii(accounts: list[SampleAccount]) -> None:
    folders = accounts[0].folders
    assert next(iter(folders)) == "INBOX"
    assert {"Familie/Ömas Rezepte", "旅行/京都", "Newsletters", "Archive/2025", "Bills & Receipts"} <= set(folders)
    assert "Projects/Harbour/Tender" in accounts[1].folders
    assert {name: use for name, use in folders.items() if use} == {
        "Archive": "\\Archive",
        "Drafts": "\\Drafts",
        "Junk": "\\Junk",
        "Sent": "\\Sent",
        "Trash": "\\Trash",
    }


def test_every_message_is_well_formed(parsed: list[tuple[SampleMessage, EmailMessage]]) -> None:
    seen = set()
    for sample, message in parsed:
        defects = [defect for part in message.walk() for defect in part.defects]
        defects += [defect for part in message.walk() for value in part.values() for defect in value.defects]
        assert not defects, (message["Subject"], defects)
        assert b"\n" not in sample.raw.replace(b"\r\n", b"")
        assert max(map(len, sample.raw.split(b"\r\n"))) <= 998
        assert message["Message-ID"] not in seen
        seen.add(message["Message-ID"])
        for part in message.walk():
            if part.get_content_maintype() == "text":
                assert "\ufffd" not in part.get_content()
        sent = message["Date"].datetime
        assert timedelta() <= sample.when - sent < timedelta(minutes=1)


def test_nobody_real_is_in_it(parsed: list[tuple[SampleMessage, EmailMessage]]) -> None:
    for _, message in parsed:
        for header in ("From", "To", "Cc"):
            for address in message[header].addresses if message[header] else ():
                assert address.domain.endswith(RESERVED), address
    assert all(person.email.endswith(RESERVED) for person in [*PEOPLE.values(), *ME.values()])


def test_threads_hang_together(accounts: list[SampleAccount]) -> None:
    replies = 0
    for account in accounts:
        known = set()
        for sample in account.messages:
            message = parse(sample.raw)
            known.add(message["Message-ID"])
            if message["In-Reply-To"]:
                replies += 1
                references = message["References"].split()
                assert references[-1] == message["In-Reply-To"]
                assert set(references) <= known
                assert message["Subject"].strip().startswith("Re: ")
    assert replies > 80


def types(parsed: list[tuple[SampleMessage, EmailMessage]]) -> Iterator[str]:
    for _, message in parsed:
        for part in message.walk():
            yield part.get_content_type()


def test_it_has_what_mail_has(parsed: list[tuple[SampleMessage, EmailMessage]]) -> None:
    kinds = set(types(parsed))
    assert {"text/html", "application/pdf", "image/png", "text/csv", "text/calendar", "multipart/related"} <= kinds
    charsets = {str(part.get_content_charset()) for _, message in parsed for part in message.walk()}
    assert {"utf-8", "iso-8859-1", "iso-2022-jp", "koi8-u"} <= charsets
    flags = {flag for sample, _ in parsed for flag in sample.flags}
    assert {"\\Seen", "\\Answered", "\\Flagged", "\\Draft", "$Recipe", "todo"} <= flags
    assert sum(message["List-Unsubscribe"] is not None for _, message in parsed) > 80
    assert any(b"format=flowed" in sample.raw.replace(b'"', b"") for sample, _ in parsed)
    assert 10 < sum("\\Seen" not in sample.flags for sample, _ in parsed) < 60


def test_new_mail_never_ends(accounts: list[SampleAccount]) -> None:
    now = NOW + timedelta(minutes=5)
    coming = [(name, arrive(letter, now)) for name, letter in islice(arrivals(deepcopy(accounts)), 200)]
    again = [(name, arrive(letter, now)) for name, letter in islice(arrivals(deepcopy(accounts)), 200)]
    assert coming == again
    messages = [parse(sample.raw) for _, sample in coming]
    known = {parse(sample.raw)["Message-ID"] for account in accounts for sample in account.messages}
    assert len({message["Message-ID"] for message in messages} - known) == 200
    assert {sample.folder for _, sample in coming} == {"INBOX"}
    assert {name for name, _ in coming} == {account.name for account in accounts}
    answers = [message for message in messages if message["In-Reply-To"]]
    assert len(answers) >= len(ANSWERS) - 3
    assert all(message["Date"].datetime == now - timedelta(seconds=1) for message in messages)
    assert not [defect for message in messages for part in message.walk() for defect in part.defects]


def test_attachments_are_valid_files() -> None:
    picture = attachments.png("anything")
    width, height = struct.unpack(">II", picture[16:24])
    rows = zlib.decompress(picture[picture.index(b"IDAT") + 4 : picture.index(b"IEND") - 8])
    assert len(rows) == height * (1 + 3 * width)
    document = attachments.pdf("Größe (in \\ Klammern)")
    start = int(document.split(b"startxref\n")[1].split()[0])
    assert document[start:].startswith(b"xref\n0 6\n")
    for number, entry in enumerate(document[start:].split(b"\n")[3:8], 1):
        assert document[int(entry.split()[0]) :].startswith(b"%d 0 obj" % number)


def test_flowed_text_breaks_softly() -> None:
    long = "word " * 40
    lines = flow(f"{long}\nshort\n-- \nme").split("\n")
    assert all(line.endswith(" ") for line in lines[:2])
    assert lines[-3:] == ["short", "-- ", "me"]
    assert max(map(len, lines)) <= 73
