"""Finding the server of an address: DNS and documents that a stand-in serves, honest and hostile."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.accounts import autoconfig
from mailsync.accounts.address import parse
from mailsync.accounts.discover import Candidate, Sources, discover, guesses
from mailsync.accounts.racing import first, run
from mailsync.accounts.records import Records
from mailsync.config.providers import PRESETS, of_domain, of_exchanger
from tests.servers.directory import Documents, Names, document, server

ADDRESS = parse("me@example.org")


@pytest.fixture
def names() -> Iterator[Names]:
    made = Names()
    yield made
    made.close()


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[Documents]:
    made = Documents(tmp_path)
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def sources(names: Names, documents: Documents) -> Sources:
    own = (f"{documents.base}/own/{{domain}}?emailaddress={{address}}", f"{documents.base}/known/{{domain}}")
    return Sources(Records([names.where]), own, f"{documents.base}/public/{{domain}}", documents.ca_file)


def found(sources: Sources, address: str = "me@example.org") -> list[Candidate]:
    return run(discover(parse(address), sources))


def hosts(sources: Sources, address: str = "me@example.org") -> list[str]:
    return [one.where for one in found(sources, address)]


def test_a_domain_of_a_provider_asks_nobody(sources: Sources, names: Names, documents: Documents) -> None:
    (gmail,) = found(sources, "me@gmail.com")
    assert (gmail.host, gmail.provider, gmail.auth) == ("imap.gmail.com", "gmail", "password")
    (outlook,) = found(sources, "me@hotmail.de")
    assert (outlook.provider, outlook.auth) == ("outlook", "oauth2")
    assert found(sources, "me@web.de")[0].host == "imap.web.de"
    assert not names.asked
    assert not documents.asked


def test_every_preset_says_how_to_get_in() -> None:
    for name, preset in PRESETS.items():
        assert preset.label in preset.steps or name in ("office365", "outlook", "proton"), name
        assert all(of_domain(domain) == name for domain in preset.domains)
        assert all((of_exchanger(f"mx1.{suffix}") or ("",))[0] == name for suffix in preset.mx)


def test_srv_records_by_priority_and_tls_first(sources: Sources, names: Names) -> None:
    names.records[("_imap._tcp.example.org", "SRV")] = ["0 0 143 mail.example.org."]
    names.records[("_imaps._tcp.example.org", "SRV")] = ["20 0 994 b.example.org.", "10 0 993 a.example.org."]
    assert hosts(sources) == ["a.example.org:993", "b.example.org:994", "mail.example.org:143"]
    assert [one.security for one in found(sources)] == ["tls", "tls", "starttls"]
    assert "DNS of example.org" in found(sources)[0].source


def test_a_dot_says_that_a_service_is_not_offered(sources: Sources, names: Names) -> None:
    names.records[("_imaps._tcp.example.org", "SRV")] = ["0 0 0 ."]
    assert found(sources) == []


def test_a_foreign_target_of_dns_alone_comes_last_and_is_to_be_confirmed(
    sources: Sources, names: Names, documents: Documents
) -> None:
    names.records[("_imaps._tcp.example.org", "SRV")] = ["0 0 993 imap.hoster.example."]
    (foreign,) = found(sources)
    assert foreign.foreign
    documents.pages["/public/example.org"] = (200, {}, document(server()))
    assert [(one.host, one.foreign) for one in found(sources)][:1] == [("in.example.org", False)]
    # Who says so over https is believed.
    documents.pages["/own/example.org"] = (200, {}, document(server("imap.hoster.example")))
    assert [(one.host, one.foreign) for one in found(sources)][:1] == [("imap.hoster.example", False)]
    names.records[("_imaps._tcp.example.org", "SRV")] = ["0 0 993 imap.fastmail.com."]
    known = found(sources)[0]
    assert (known.provider, known.foreign) == ("fastmail", False)


def test_mail_exchangers_tell_the_provider(sources: Sources, names: Names, documents: Documents) -> None:
    names.records[("example.org", "MX")] = ["10 alt.aspmx.l.google.com.", "1 aspmx.l.google.com."]
    (google,) = found(sources)
    assert (google.provider, google.host) == ("gmail", "imap.gmail.com")
    assert google.source == "the mail of example.org is kept by Gmail (MX)"
    names.records[("example.org", "MX")] = ["10 mx2.zoho.eu."]
    assert hosts(sources) == ["imappro.zoho.eu:993"]
    names.records[("example.org", "MX")] = ["10 mx00.evil-google.com."]
    assert found(sources) == []
    documents.pages["/public/hoster.example"] = (200, {}, document(server("imap.hoster.example")))
    names.records[("example.org", "MX")] = ["10 mx00.kundenserver.hoster.example."]
    assert hosts(sources) == ["imap.hoster.example:993"]
    assert "/public/hoster.example" in documents.asked
    assert not any("me@" in path for path in documents.asked if path.startswith("/public"))


def test_a_document_with_all_there_is_to_read(sources: Sources, documents: Documents) -> None:
    documents.pages["/known/example.org"] = (
        200,
        {},
        document(
            server(kind="pop3"),
            server(socket="plain", port="143"),
            server(auth="GSSAPI"),
            server("in.%EMAILDOMAIN%", user="%EMAILLOCALPART%", port="143", socket="STARTTLS"),
            server("oauth.example.org", auth="OAuth2"),
            server("b.example.org", port="99999"),
            server("not a host"),
        ),
    )
    assert found(sources) == [
        Candidate("in.example.org", 143, "starttls", SAYS, username="me"),
        Candidate("oauth.example.org", 993, "tls", SAYS, auth="oauth2"),
    ]


SAYS = "example.org publishes it (autoconfig)"
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"\x00" * 1000,
        document(server("&b;.example.org"), before=BOMB),
        document(server(), before='<!DOCTYPE x SYSTEM "file:///etc/passwd">'),
        b"<a>" * 100_000,
        b"<clientConfig>" + b" " * autoconfig.LARGEST,
        document(server())[:-5],
    ],
    ids=["nothing", "html", "zeros", "entities", "external", "deep", "large", "cut off"],
)
def test_hostile_documents_are_none(data: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match=r"XML|declares|deep|large"):
        autoconfig.parse(data, ADDRESS)
    assert time.monotonic() - started < 0.5


def test_a_document_without_end_of_servers_is_cut() -> None:
    assert len(autoconfig.parse(document(*[server(f"h{n}.example.org") for n in range(200)]), ADDRESS)) == 20


def test_answers_that_are_not_believed(sources: Sources, documents: Documents) -> None:
    good = document(server())
    base = documents.base
    for page in (
        (200, {"content-encoding": "gzip"}, gzip.compress(good)),
        (500, {}, good),
        (302, {"location": "http://localhost/plain"}, b""),
        (302, {"location": f"{base}/own/example.org"}, b""),
        (302, {"location": "//"}, b""),
        (200, {}, good + b" " * autoconfig.LARGEST),
    ):
        documents.pages["/own/example.org"] = page
        assert found(sources) == []
    assert documents.asked.count("/own/example.org") == autoconfig.REDIRECTS  # the address is in the first alone
    documents.pages["/own/example.org"] = (302, {"location": f"{base}/elsewhere"}, b"")
    documents.pages["/elsewhere"] = (200, {}, good)
    assert hosts(sources) == ["in.example.org:993"]
    untrusted = Sources(sources.records, sources.own, sources.public)
    assert found(untrusted) == []


def test_silence_ends_in_time(
    sources: Sources, names: Names, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailsync.accounts.discover.SECONDS", 0.6)
    monkeypatch.setattr("mailsync.accounts.discover.GRACE_SECONDS", 0.1)
    names.silent = True
    documents.pages["/own/example.org"] = 3.0
    started = time.monotonic()
    assert found(sources) == []
    assert time.monotonic() - started < 2
    monkeypatch.setattr("mailsync.accounts.discover.SECONDS", 9.0)
    documents.pages["/known/example.org"] = (200, {}, document(server()))
    assert hosts(sources) == ["in.example.org:993"]
    assert time.monotonic() - started < 4


async def test_the_better_answer_gets_a_little_longer() -> None:
    async def after(seconds: float, *answer: str) -> list[str]:
        await asyncio.sleep(seconds)
        return list(answer)

    assert await first([after(0.05, "best"), after(0, "second")], 5, 5) == [["best"], ["second"]]
    assert await first([after(0), after(0.01, "second"), after(9, "third")], 5, 5) == [[], ["second"], []]
    assert await first([after(9, "best"), after(0, "second")], 5, 0.05) == [[], ["second"]]
    assert await first([after(9, "best")], 0.05, 5) == [[]]


def test_guesses_encrypt() -> None:
    assert [(one.host, one.port, one.security) for one in guesses("a.de")] == [
        ("imap.a.de", 993, "tls"),
        ("mail.a.de", 993, "tls"),
        ("a.de", 993, "tls"),
        ("imap.a.de", 143, "starttls"),
        ("mail.a.de", 143, "starttls"),
        ("a.de", 143, "starttls"),
    ]
