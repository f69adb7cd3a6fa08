"""Addresses as people paste them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.accounts.address import KNOWN_DOMAINS, one_apart, parse
from mailsync.errors import UsageError
from mailsync.text import safe_text


@pytest.mark.parametrize(
    ("written", "address", "domain"),
    [
        ("me@example.com", "me@example.com", "example.com"),
        (" Max M. <me@Example.COM>. ", "me@example.com", "example.com"),
        ("mailto:me@example.com?subject=hello", "me@example.com", "example.com"),
        ("ｍｅ＠ｇｍａｉｌ．ｃｏｍ", "me@gmail.com", "gmail.com"),
        ("me＠例え。jp", "me@例え.jp", "xn--r8jz45g.jp"),
        ("„me@web.de“".replace("„", "“"), "me@web.de", "web.de"),
        ("me@example.com,", "me@example.com", "example.com"),
        ("me @ example.com", "me@example.com", "example.com"),
        ("me (at) example.com", "me@example.com", "example.com"),
        ("m\u200be@exam\u00adple.com\u202c", "me@example.com", "example.com"),
        ("ME@EXAMPLE.COM", "me@example.com", "example.com"),
        ("Max.M@example.com", "Max.M@example.com", "example.com"),
        ("me@Müller.de", "me@müller.de", "xn--mller-kva.de"),
        ("o'hara+box@sub.example.co.uk", "o'hara+box@sub.example.co.uk", "sub.example.co.uk"),
        ("me@localhost", "me@localhost", "localhost"),
    ],
)
def test_what_is_meant(written: str, address: str, domain: str) -> None:
    found = parse(written)
    assert (found.text, found.domain, found.tidied) == (address, domain, address != written)
    assert parse(found.text) == parse(address)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "there is no address"),
        ("max", "max has no domain"),
        ("max@", "has no domain"),
        ("@example.com", "has no name before the @"),
        ("a@b.de, c@d.de", "more than one @"),
        ("max mustermann@example.com", "a blank within"),
        ("me@127.0.0.1", "not the name of a domain"),
        ("me@-x.example", "not the name of a domain"),
        ("me@" + "x" * 64 + ".de", "not the name of a domain"),
        ("me@exa\x1bmple.com", "exa\ufffdmple.com is not the name of a domain"),
        ("me@xn--a.de\u0378", "not the name of a domain"),
    ],
)
def test_what_cannot_be_meant(written: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parse(written)
    assert "me@example.com" in caught.value.hint


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *[(slip, "gmail.com") for slip in ("gmail.con", "gmial.com", "gmal.com", "gmaill.com", "gmailcom", "gmail.co")],
        *[("hotmial.com", "hotmail.com"), ("outlok.com", "outlook.com"), ("iclould.com", "icloud.com")],
        *[("yaho.de", "yahoo.de"), ("gmx.con", "gmx.com"), ("fastmial.con", "fastmail.com")],
        # Names of their own, however near.
        *[(real, "") for real in ("mail.com", "ymail.com", "email.com", "aon.at", "me.de", "web.com", "hotmail.be")],
    ],
)
def test_slips_of_well_known_domains(written: str, meant: str) -> None:
    assert parse(f"me@{written}").meant == (f"me@{meant}" if meant else "")


def test_no_well_known_domain_is_a_slip() -> None:
    assert not [domain for domain in KNOWN_DOMAINS if parse(f"me@{domain}").meant]


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_one_apart_is_one_edit(one: str, other: str) -> None:
    edits = {one[:at] + letter + one[at:] for at in range(len(one) + 1) for letter in "abc"}
    edits |= {one[:at] + one[at + 1 :] for at in range(len(one))}
    edits |= {one[:at] + letter + one[at + 1 :] for at in range(len(one)) for letter in "abc"}
    edits |= {one[:at] + one[at + 1] + one[at] + one[at + 2 :] for at in range(len(one) - 1)}
    assert one_apart(one, other) == (other in edits - {one})


@given(st.text(max_size=40))
def test_anything_pasted_is_an_address_or_a_plain_error(written: str) -> None:
    try:
        found = parse(written)
    except UsageError as error:
        told = str(error)
    else:
        told = found.text
        assert found.domain.isascii()
    assert safe_text(told) == told
