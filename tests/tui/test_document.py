"""A message as lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mailsync.pipeline import mime
from mailsync.store.listing import Message
from mailsync.tui.document import MODES, SHOWN, Document, Lines, Mode, lines, raw_page
from tests.tui import samples
from tests.tui.prepared import NOW, letter


def message(raw: bytes | None, problem: str = "", withheld: str = "") -> Document:
    return Document.of(Message(1, "home", "INBOX", 7, 3, "$Work", int(NOW), 100, raw, problem, withheld))


def text_of(document: Document, mode: Mode = "text", width: int = 60) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines(document, mode, width))


def test_the_usual_fields_then_the_text() -> None:
    raw = letter("Tides", "Grace <grace@example.net>", 0, body="One\r\n> two\r\n").raw
    shown = text_of(message(raw))
    assert shown.startswith("Tides\n\nFrom     Grace <grace@example.net>\nTo       Ada")
    assert "In       home / INBOX\nFlags    Seen, Answered, $Work\n" in shown
    assert shown.endswith("─\nOne\n> two")
    assert ("> two", "quote") in [piece for line in lines(message(raw), "text", 60) for piece in line]


def test_all_fields_and_the_raw_view() -> None:
    raw = letter("Tides", "Grace <grace@example.net>", 0, headers="X-Odd: yes\r\n").raw
    assert "X-Odd    yes" in text_of(message(raw), "headers")
    assert "X-Odd" not in text_of(message(raw))
    assert text_of(message(raw), "raw", 200).startswith("From: Grace <grace@example.net>\nTo: ")


def test_attachments_are_listed() -> None:
    raw = (
        b'Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/pdf\r\n"
        b'Content-Disposition: attachment; filename="../\x1b[2Ja.pdf"\r\n\r\n1234\r\n--b--\r\n'
    )
    shown = text_of(message(raw))
    assert "application/pdf · 4 B" in shown
    assert "\x1b" not in shown


def test_a_message_without_bytes_says_why() -> None:
    shown = text_of(message(None, "no answer\x1b[2J to FETCH"))
    assert shown.startswith("not fetched: quarantined\n\nno answer\ufffd[2J to FETCH")
    assert "UID 7 of home / INBOX" in " ".join(shown.split())


def test_a_message_that_cannot_be_parsed_says_so_and_is_there_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mime, "LARGEST", 3)
    document = message(b"Subject: s\r\n\r\nbody\r\n")
    assert text_of(document, width=90).startswith("this message cannot be made readable (size: 20 bytes); press r")
    assert "body" in text_of(document, "raw")


def test_a_message_left_on_the_server_says_how_to_have_it() -> None:
    shown = text_of(message(None, withheld="too large"))
    assert shown.startswith("not fetched: too large\n")
    assert shown.endswith("\n  mailsync show 1")


def test_a_book_is_cut_and_says_so() -> None:
    raw = letter("Long", "a@b.example", 0, body="word " * (SHOWN // 4)).raw
    assert "Cut here at 1.0 MB" in text_of(message(raw))
    pages: list[Lines] = []
    start = 0
    while not pages or start:
        page, start = raw_page(raw, start, 60)
        assert len(page) < SHOWN // 200
        pages.append(page)
    assert "Cut here at 1.0 MB" in "".join(text for text, _ in pages[-1][-1])
    assert sum(len(page) for page in pages) > SHOWN / 60


def test_hostile_text_stays_text() -> None:
    raw = letter(samples.HOSTILE_SUBJECT, "Eve <eve@example.com>", 0, body=samples.HOSTILE_BODY).raw
    for mode in MODES:
        shown = text_of(message(raw), mode)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert ("[link=javascript:1]" in shown.replace("\n", "")) is (mode in ("text", "raw"))


@given(st.binary(max_size=400), st.sampled_from(MODES), st.integers(1, 120))
def test_any_bytes_are_lines_of_the_width(raw: bytes, mode: Mode, width: int) -> None:
    for line in lines(message(raw), mode, width):
        assert sum(cell_len(text) for text, _ in line) <= max(width, 20) + 1
