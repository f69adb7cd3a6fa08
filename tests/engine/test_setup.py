"""What an account is made of: the table that is written, its name, and servers that answer or do not."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mailsync.accounts.address import parse
from mailsync.accounts.discover import Candidate, Sources, of_preset
from mailsync.accounts.records import Records
from mailsync.config.models import AccountConfig
from mailsync.config.providers import PRESETS, of_domain
from mailsync.engine import probing, setup
from mailsync.errors import CertificateUntrusted, InsecureConnection, Unreachable
from mailsync.privacy.secret import Password
from tests.servers.directory import Documents, Names, document, server
from tests.servers.dovecot import Dovecot
from tests.servers.fake import FakeServer, box
from tests.servers.process import HOST

OTHER = Candidate("in.example.org", 993, "tls", "said so")


@pytest.mark.parametrize(
    ("address", "found", "given", "table"),
    [
        ("me@example.org", OTHER, {}, {"host": "in.example.org"}),
        (
            "me@example.org",
            Candidate("in.example.org", 143, "starttls", "", username="me"),
            {"tls_ca_file": "", "password_command": ["pass", "x"]},
            {
                "host": "in.example.org",
                "port": 143,
                "security": "starttls",
                "username": "me",
                "password_command": ["pass", "x"],
            },
        ),
        ("me@gmail.com", None, {"auth": "password", "username": "me@gmail.com"}, {"provider": "gmail"}),
        ("me@gmx.com", None, {}, {"provider": "gmx"}),
        ("me@icloud.com", None, {"username": "me"}, {"provider": "icloud"}),
        (
            "me@hotmail.de",
            None,
            {"auth": "oauth2", "oauth": {"client_id": "x", "tenant": ""}},
            {"provider": "outlook", "oauth": {"client_id": "x"}},
        ),
        (
            "me@example.org",
            Candidate("imappro.zoho.eu", 993, "tls", "", "zoho"),
            {},
            {"provider": "zoho", "host": "imappro.zoho.eu"},
        ),
    ],
)
def test_only_what_differs_is_written(
    address: str, found: Candidate | None, given: dict[str, Any], table: dict[str, Any]
) -> None:
    parsed = parse(address)
    provider = of_domain(parsed.domain)
    if found is None:
        assert provider is not None
        found = of_preset(provider, parsed, "")
    written = setup.table_of(parsed, found, given)
    assert written == {"email": address} | table
    account = AccountConfig.model_validate(written)
    assert (account.host, account.port, account.security) == (found.host, found.port, found.security)


def test_every_preset_becomes_an_account() -> None:
    for provider in PRESETS:
        address = parse("me@example.org")
        found = of_preset(AccountConfig(provider=provider).provider, address, "")  # type: ignore[arg-type]
        account = AccountConfig.model_validate(setup.table_of(address, found, {}))
        assert (account.provider, account.host, account.auth) == (provider, found.host, found.auth)


def test_names() -> None:
    address = parse("Max.Müller@mail.example.co.uk")
    assert setup.suggested(address, "imap", []) == "mail"
    assert setup.suggested(address, "gmail", []) == "gmail"
    assert setup.suggested(address, "gmail", ["Gmail"]) == "gmail-max-m-ller"
    assert setup.suggested(address, "gmail", ["gmail", "gmail-max-m-ller"]) == "gmail-2"


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of somebody who accepts connections and never says a word."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0)))
        yield int(listener.getsockname()[1])


def at(port: int, security: Any = "tls", host: str = "localhost") -> Candidate:
    return Candidate(host, port, security, "a test")


def test_the_first_that_answers_encrypted(dovecot: Dovecot, silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "SECONDS", 5.0)
    monkeypatch.setattr(probing, "GRACE_SECONDS", 0.2)
    ca = str(dovecot.ca_file)
    started = time.monotonic()
    answer = probing.reach([at(silent), at(1), at(dovecot.tls_port), at(dovecot.port, "starttls")], ca)
    assert time.monotonic() - started < 4
    assert (answer.candidate.port, answer.takes_password, answer.takes_token) == (dovecot.tls_port, True, False)
    assert "Dovecot" in answer.greeting
    both = [at(dovecot.port), at(dovecot.port, "starttls")]
    assert probing.reach(both, ca).candidate.security == "starttls"
    assert time.monotonic() - started < 4


def test_from_an_address_to_a_mailbox(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    names, documents = Names(), Documents(tmp_path)
    try:
        records = Records([names.where])
        sources = Sources(records, (f"{documents.base}/own/{{domain}}",), f"{documents.base}/none", documents.ca_file)
        address = parse(f"{fresh_user}@example.org")
        assert [one.host for one in setup.find(address, sources)][:2] == ["imap.example.org", "mail.example.org"]
        names.records[("_imaps._tcp.example.org", "SRV")] = [f"0 0 {dovecot.tls_port} localhost."]
        (foreign,) = setup.find(address, sources)
        assert foreign.foreign
        told = server("localhost", port=str(dovecot.tls_port), user="%EMAILLOCALPART%")
        documents.pages["/own/example.org"] = (200, {}, document(told))
        found = setup.find(address, sources)
    finally:
        names.close()
        documents.shutdown()
        documents.server_close()
    answer = probing.reach(found, str(dovecot.ca_file))
    assert not answer.candidate.foreign
    table = setup.table_of(address, answer.candidate, {"tls_ca_file": str(dovecot.ca_file)})
    account = AccountConfig.model_validate(table)
    assert account.username == fresh_user
    welcome = probing.sign_in(account, Password(dovecot.users[fresh_user]))
    assert (welcome.server, welcome.folders) == ("Dovecot", 1)


def test_what_keeps_them(dovecot: Dovecot, silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "SECONDS", 0.7)
    started = time.monotonic()
    with pytest.raises(Unreachable, match="none of localhost, 127") as caught:
        probing.reach([at(silent), at(silent, "starttls"), at(silent, host=HOST)])
    assert time.monotonic() - started < 3
    assert "--host" in caught.value.hint
    monkeypatch.setattr(probing, "SECONDS", 5.0)
    started = time.monotonic()
    with pytest.raises(CertificateUntrusted):
        probing.reach([at(1), at(dovecot.tls_port), at(dovecot.tls_port, "starttls")])
    assert time.monotonic() - started < 3
    with FakeServer({"INBOX": box(1)}) as plain:
        with pytest.raises(InsecureConnection, match="does not offer STARTTLS"):
            probing.reach([at(plain.port, "starttls", HOST)])
        assert plain.logins == []
