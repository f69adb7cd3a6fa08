"""Mailbox names: modified UTF-7 there and back, and how a name goes into a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.imap.names import Literal, decode_name, encode_name, quote_mailbox, quote_string
from mailsync.imap.responses import ListEntry
from tests.imap.test_wire import one

NAMES = {
    "Ünïcode/子": b"&ANw-n&AO8-code/&W1A-",
    "a.b": b"a.b",
    'quote"d': b'quote"d',
    "back\\slash": b"back\\slash",
    "*star": b"*star",
    "%pct": b"%pct",
    "&amp": b"&-amp",
    "~peter/mail/台北/日本語": b"~peter/mail/&U,BTFw-/&ZeVnLIqe-",  # RFC 3501 section 5.1.3
    "Entwürfe": b"Entw&APw-rfe",
    "📥 in": b"&2D3c5Q- in",
    "": b"",
    "&": b"&-",
    "a\tb": b"a&AAk-b",
}


@pytest.mark.parametrize(("name", "raw"), NAMES.items())
def test_known_names(name: str, raw: bytes) -> None:
    assert encode_name(name) == raw
    assert decode_name(raw) == name


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_every_name_there_and_back(name: str) -> None:
    raw = encode_name(name)
    assert raw.isascii()
    assert decode_name(raw) == name


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_every_name_through_a_server(name: str) -> None:
    raw = encode_name(name)
    quoted = quote_mailbox(raw)
    assert isinstance(quoted, bytes)
    response = one(b'* LIST () "/" ' + quoted + b"\r\n")
    assert isinstance(response, ListEntry)
    assert (response.raw_name, response.name) == (raw, name)


@given(st.binary())
def test_no_bytes_are_refused_for_showing(raw: bytes) -> None:
    decode_name(raw).encode()  # no lone surrogates: what is shown can also be stored


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"AT&T", "AT&T"),  # no shift at all
        (b"a&b-c", "a&b-c"),  # not base64 of whole code units
        (b"&AEE-", "&AEE-"),  # printable ASCII may not be coded: were it shown as A, two names would look the same
        (b"&AAA-", "&AAA-"),  # NUL
        (b"&2D0-", "&2D0-"),  # half a surrogate pair
        (b"&U/BTFw-", "&U/BTFw-"),  # a slash belongs to base64, not to modified base64
        (b"x&", "x&"),
        ("é/子".encode(), "é/子"),  # UTF8=ACCEPT, or a server that does not care
        (b"\xff", "ÿ"),
    ],
)
def test_names_that_are_not_modified_utf7(raw: bytes, shown: str) -> None:
    assert decode_name(raw) == shown


def test_a_lone_surrogate_has_no_name() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        encode_name("\ud800")


def test_quoting() -> None:
    assert quote_mailbox(b"INBOX") == b'"INBOX"'
    assert quote_mailbox(b'quote"d') == b'"quote\\"d"'
    assert quote_mailbox(b"back\\slash") == b'"back\\\\slash"'
    assert quote_mailbox(b"") == b'""'
    assert quote_mailbox("é".encode()) == Literal("é".encode())
    assert quote_string(b"a\r\nb") == Literal(b"a\r\nb")


@pytest.mark.parametrize("raw", [b"a\0b", b"a\r\nX LOGOUT", b"a\n", b"\r"])
def test_what_no_name_may_hold(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"NUL|CR or LF"):
        quote_mailbox(raw)
