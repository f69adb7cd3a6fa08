"""How a list is left: what a message offers, and what has to speak for it before one click is offered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.cleanup.unsubscribe import Offer, Target, offer, target

UNSUBSCRIBE = b"List-Unsubscribe: <mailto:leave@shop.example?subject=u>,\r\n <https://shop.example/u/42?t=a%20b>\r\n"
POST = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
SIGNED = (
    b"DKIM-Signature: v=1; a=rsa-sha256; d=Shop.example; s=k1; bh=abc=;\r\n h=From:Subject:List-Unsubscribe:\r\n"
    b"  List-Unsubscribe-Post; b=dGVz\r\n dA==\r\n"
)
PASSED = (
    b"Authentication-Results: mx.home.example (v1 (x)); spf=fail; dkim=pass (ok) header.d=shop.example header.s=k1\r\n"
)
END = b"From: news@shop.example\r\nSubject: Sale\r\n\r\nBuy\r\n"


def found(*fields: bytes) -> Offer:
    one = offer(b"".join(fields) + END)
    assert one is not None
    return one


def test_all_of_it() -> None:
    assert found(PASSED, SIGNED, UNSUBSCRIBE, POST, b"List-Id: The shop <News.shop.example>\r\n") == Offer(
        post="https://shop.example/u/42?t=a%20b",
        why_not="",
        pages=("https://shop.example/u/42?t=a%20b",),
        mails=("mailto:leave@shop.example?subject=u",),
        list_id="news.shop.example",
        signer="shop.example",
        found="pass",
        found_by="mx.home.example",
    )
    assert offer(SIGNED + POST + END) is None


@pytest.mark.parametrize(
    ("fields", "why_not"),
    [
        ((SIGNED, UNSUBSCRIBE), "it does not offer one click"),
        ((SIGNED, UNSUBSCRIBE, POST, POST), "it does not offer one click"),
        (
            (SIGNED, UNSUBSCRIBE, b"List-Unsubscribe-Post: List-Unsubscribe=Two-Clicks\r\n"),
            "it does not offer one click",
        ),
        ((SIGNED, b"List-Unsubscribe: <https://evil.example/>\r\n", UNSUBSCRIBE, POST), "it names more than one place"),
        (
            (SIGNED, b"List-Unsubscribe: <https://a.example>, <https://b.example>\r\n", POST),
            "it names more than one place",
        ),
        ((SIGNED, b"List-Unsubscribe: <http://shop.example/u>\r\n", POST), "it names no https address"),
        ((SIGNED, b"List-Unsubscribe: https://shop.example/u\r\n", POST), "it names no https address"),
        ((UNSUBSCRIBE, POST), "no signature covers what it offers"),
        ((SIGNED.replace(b"List-Unsubscribe-Post", b"To"), UNSUBSCRIBE, POST), "no signature covers what it offers"),
        ((SIGNED.replace(b"b=dGVz\r\n dA==", b"b="), UNSUBSCRIBE, POST), "no signature covers what it offers"),
        (
            (PASSED.replace(b"dkim=pass", b"dkim=fail"), SIGNED, UNSUBSCRIBE, POST),
            "its signature did not pass (fail), says mx.home.example",
        ),
        (
            (PASSED.replace(b"dkim=pass", b"dkim=fail"), PASSED, SIGNED, UNSUBSCRIBE, POST),
            "its signature did not pass (fail), says mx.home.example",
        ),
        ((SIGNED, b"List-Unsubscribe: <https://me:pw@shop.example/>\r\n", POST), "its address has a user name in it"),
    ],
)
def test_one_click_is_not_offered(fields: tuple[bytes, ...], why_not: str) -> None:
    one = found(*fields)
    assert (one.post, one.why_not) == ("", why_not)


def test_what_the_server_says_of_others_counts_for_nothing() -> None:
    of_another = PASSED.replace(b"header.d=shop.example", b"header.d=other.example").replace(b"pass", b"fail")
    one = found(of_another, SIGNED, UNSUBSCRIBE, POST)
    assert (one.found, one.found_by, bool(one.post)) == ("", "", True)
    by_identity = PASSED.replace(b"header.d=shop.example", b"header.i=@shop.example")
    assert found(by_identity, SIGNED, UNSUBSCRIBE, POST).found == "pass"
    both = PASSED.replace(b"spf=fail", b"dkim=fail header.d=shop.example")
    assert found(both, SIGNED, UNSUBSCRIBE, POST).found == "pass", "one good signature of the domain is enough"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://shop.example", Target("shop.example", 443, "/")),
        ("HTTPS://Shop.Example:8443/a b".replace(" ", "%20"), Target("shop.example", 8443, "/a%20b")),
        ("https://bücher.example/ü?q=ß#part", Target("xn--bcher-kva.example", 443, "/%C3%BC?q=%C3%9F")),
        ("https://192.0.2.1/u", Target("192.0.2.1", 443, "/u")),
        ("https://[2001:db8::1]:444/u", Target("2001:db8::1", 444, "/u")),
    ],
)
def test_where_an_address_leads(address: str, expected: Target) -> None:
    assert target(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        *("http://shop.example/", "ftp://shop.example/", "//shop.example/", "https:///u", "https://", "javascript:x"),
        *("https://a b.example/", "https://shop.example/\r\nX: y", "https://shop_example/", "https://-a.example/"),
        *("https://shop.example:99999/", "https://u@shop.example/", "https://[fe80::1%25eth0]/", "https://a..b/"),
        "https://shop.example/" + "x" * 5000,
    ],
)
def test_addresses_that_are_not_used(address: str) -> None:
    with pytest.raises(ValueError, match=r"its address "):
        target(address)


@given(st.lists(st.sampled_from([UNSUBSCRIBE, POST, SIGNED, PASSED]) | st.binary(max_size=60)), st.binary(max_size=200))
def test_whatever_a_stranger_writes(fields: list[bytes], more: bytes) -> None:
    one = offer(b"\r\n".join([*fields, b"List-Unsubscribe: <https:" + more, END]))
    if one is not None and one.post:
        where = target(one.post)
        assert (where.request + where.host).isascii()
        assert not set(where.request + where.host) & set(" \r\n\t")


def test_a_field_of_parentheses_takes_no_time() -> None:
    assert found(
        b"Authentication-Results: " + b"(" * 100_000 + b")" * 100_000 + b"\r\n", SIGNED, UNSUBSCRIBE, POST
    ).post
    nested = b"mx.home.example " + b"(" * 3000 + b"; dkim=pass header.d=shop.example" + b")" * 3000
    failed = b"Authentication-Results: " + nested + b"; dkim=fail header.d=shop.example\r\n"
    assert found(failed, SIGNED, UNSUBSCRIBE, POST).found == "fail"
