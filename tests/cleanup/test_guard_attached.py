"""What is attached to a message, or written so that it is not seen at once, and speaks to the user."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from mailsync.cleanup import guard
from mailsync.cleanup.guard import never
from mailsync.pipeline.addressing import Identity
from tests.cleanup.letters import LIST_POST, NEWSLETTER, facts, known, letter, multipart

MINE = "From: ann@far.test\nTo: Max <max@example.com>\nSubject: Lunch\n\nShall we?\n"
EVENT = "BEGIN:VCALENDAR\nBEGIN:VEVENT\n{}\nEND:VEVENT\nEND:VCALENDAR"


def _with(type_: str, data: bytes, headers: Mapping[str, str] = NEWSLETTER) -> bytes:
    """A newsletter with a file."""
    lines = f"{type_}\nContent-Transfer-Encoding: base64"
    return multipart(headers, ("text/plain", "See below."), (lines, base64.encodebytes(data).decode()))


@pytest.mark.parametrize(
    "type_",
    [
        "application/octet-stream; name=Lunch.eml",
        "application/eml",
        "message/x-rfc822",
        "message/news",
        "application/octet-stream; name=page.mht",
    ],
)
def test_a_message_whatever_its_type(type_: str) -> None:
    """Also through a list, where a name in a text would not count."""
    for headers in (NEWSLETTER, LIST_POST):
        assert never(facts(_with(type_, MINE.encode(), headers)), known()) == guard.HOLDS
        other = MINE.replace("max@example.com", "bob@far.test").replace("Max", "Bob")
        assert never(facts(_with(type_, other.encode(), headers)), known()) is None


def test_messages_in_a_form_that_is_not_read() -> None:
    assert (
        never(facts(_with("application/vnd.ms-outlook; name=Lunch.msg", b"\xd0\xcf\x11\xe0")), known()) == guard.SEALED
    )
    sealed = letter(NEWSLETTER, "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n")
    assert never(facts(_with("message/rfc822", sealed)), known()) == guard.SEALED


@pytest.mark.parametrize("charset", ["utf-16", "iso-2022-jp", "shift_jis", "utf-7"])
def test_a_text_in_its_character_set(charset: str) -> None:
    raw = _with(f"text/plain; charset={charset}; name=a.txt", "田中太郎様".encode(charset))
    assert never(facts(raw), known()) == guard.NAMED


def test_a_text_that_is_said_to_be_something_else() -> None:
    for type_ in ("application/octet-stream", "application/xhtml+xml", "application/rtf; name=a.rtf"):
        assert never(facts(_with(type_, b"<p>Hi M<b>a</b>x</p>")), known()) == guard.NAMED
    for data in (b"\0\1 Hi Max", b"%PDF-1.4\n\xe2\xe3 Hi Max"):
        assert never(facts(_with("application/octet-stream", data)), known()) is None
    assert never(facts(_with('application/pdf; name="Letter to Max.pdf"', b"\0")), known()) == guard.NAMED


@pytest.mark.parametrize(
    "line",
    [
        'ATTENDEE;CN="Max Example":mailto:team@far.test',
        "DESCRIPTION:Hello\\nMax\\, do come",
        "DESCRIPTION:Hello Ma\n x",
        "ATTENDEE:mailto:max%40example.com",
    ],
)
def test_an_invitation_by_name(line: str) -> None:
    for type_ in ("text/calendar", "application/octet-stream; name=a.ics"):
        assert never(facts(_with(type_, EVENT.format(line).encode())), known()) == guard.NAMED
    assert never(facts(_with("text/calendar", EVENT.format("SUMMARY:Fair").encode())), known()) is None


def test_an_encoding_that_is_not_undone() -> None:
    for encoding in ('"base64"', "x-uuencode"):
        raw = letter(NEWSLETTER, "SGkgTWF4LAo=").replace(b"Encoding: 8bit", f"Encoding: {encoding}".encode())
        assert never(facts(raw), known()) == guard.UNREADABLE


@pytest.mark.parametrize(
    "told", ["田中 太郎 様", "田中\u3000太郎様", "Hi M\U000e0061ax", "Hi M\u180eax", "M\u3164ax, hi"]
)
def test_a_name_with_what_is_not_seen(told: str) -> None:
    assert never(facts(letter(NEWSLETTER, told)), known()) == guard.NAMED


@pytest.mark.parametrize("told", ["max@\u200bexample.com", "max@exam\u00adple.com", "max\uff20example.com"])
def test_an_address_with_what_is_not_seen(told: str) -> None:
    """Written so lest it becomes a link."""
    me = known(me=Identity(frozenset({"max@example.com"})))
    assert never(facts(letter(NEWSLETTER, f"For {told}.")), me) == guard.NAMED
    assert never(facts(letter(NEWSLETTER | {"To": told})), me) == guard.TO
