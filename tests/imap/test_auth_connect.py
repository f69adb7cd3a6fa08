"""Connecting and signing in: no password travels where it should not, and every failure is named for what it is."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from mailsync.errors import (
    CertificateUntrusted,
    ConfigError,
    ConnectionLost,
    InsecureConnection,
    MailsyncError,
    ProtocolError,
    SignInFailed,
    Throttled,
    Unreachable,
)
from mailsync.imap import auth
from mailsync.imap.connect import Endpoint, certificate_ends, connect
from mailsync.imap.session import Session
from mailsync.privacy.secret import Password
from tests.servers import certificates
from tests.servers.dovecot import Dovecot
from tests.servers.fake import FakeServer, Link, box

ODD_PASSWORDS = [
    "plain",
    'quo"te',
    "back\\slash",
    'both \\" and space',
    "",
    "NIL",
    "{5}",
    "{5}\\r\\n",
    "(paren)*%",
    "pässwörd",
    "密码🔑",
    "tab\there",
    "a" * 2000,
    "line\nbreak",
]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(1)}) as running:
        yield running


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an authority of its own and a certificate for 127.0.0.1."""
    directory = tmp_path_factory.mktemp("certificates")
    certificates.make(directory)
    return directory


def presents(directory: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    return context


async def sign_in(port: int, security: str = "none", ca: Path | None = None, password: str = "secret") -> Session:
    endpoint = Endpoint("127.0.0.1", port, security, str(ca / "ca.pem") if ca else "")  # type: ignore[arg-type]
    return await Session.open(endpoint, "alice", Password(password))


# Signing in


@pytest.mark.parametrize(
    ("capabilities", "verbs"),
    [
        ("IMAP4rev1", ["CAPABILITY", "LOGIN", "CAPABILITY"]),
        ("IMAP4rev1 AUTH=PLAIN", ["CAPABILITY", "LOGIN", "CAPABILITY"]),
        ("IMAP4rev1 AUTH=PLAIN LOGINDISABLED", ["CAPABILITY", "AUTHENTICATE", "CAPABILITY"]),
        ("IMAP4rev1 AUTH=PLAIN SASL-IR", ["CAPABILITY", "AUTHENTICATE", "CAPABILITY"]),
        ("imap4REV1 auth=plain sasl-ir", ["CAPABILITY", "AUTHENTICATE", "CAPABILITY"]),
        ("IMAP4rev1 AUTH=PLAINTEXT AUTH=XOAUTH2", ["CAPABILITY", "LOGIN", "CAPABILITY"]),
    ],
)
async def test_the_way_to_sign_in(server: FakeServer, capabilities: str, verbs: list[str]) -> None:
    server.capabilities = capabilities
    session = await sign_in(server.port)
    assert server.verbs() == verbs
    assert server.logins == [("alice", "secret")]
    words = server.commands[1][1].args
    if verbs[1] == "AUTHENTICATE":
        assert words[0] == b"PLAIN"
        secret = base64.b64encode(b"\0alice\0secret")
        assert words[1:] == ([secret] if "sasl-ir" in capabilities.lower() else [])
    session.close()


async def test_a_server_that_knows_no_login_is_asked_by_sasl(server: FakeServer) -> None:
    server.capabilities = "IMAP4rev1 AUTH=PLAIN"

    async def unknown(link: Link, command: object) -> bool:
        await link.send(f"{server.commands[-1][1].tag} BAD what is LOGIN?\r\n".encode())
        return True

    server.hooks["LOGIN"] = unknown
    (await sign_in(server.port)).close()
    assert server.verbs() == ["CAPABILITY", "LOGIN", "AUTHENTICATE", "CAPABILITY"]
    assert server.logins == [("alice", "secret")]


@pytest.mark.parametrize(
    "capabilities", ["IMAP4rev1", "IMAP4rev1 LITERAL+", "IMAP4rev1 LITERAL-", "IMAP4rev1 AUTH=PLAIN"]
)
@pytest.mark.parametrize("password", ODD_PASSWORDS, ids=range(len(ODD_PASSWORDS)))
async def test_any_password_arrives_as_it_is(server: FakeServer, capabilities: str, password: str) -> None:
    server.capabilities = capabilities
    server.password = password
    session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), 'Jörg "x" @ä', Password(password))
    assert server.logins == [('Jörg "x" @ä', password)]
    await session.noop()
    session.close()


async def test_dovecot_takes_them_too(start_dovecot: Callable[..., Dovecot]) -> None:
    """But for those that its file of passwords cannot hold, none at all, and more than LOGIN may carry there."""
    fit = [word for word in ODD_PASSWORDS if 0 < len(word) < 1000 and not set(word) & set("\n\t")]
    users = {f"u{number}": word for number, word in enumerate(fit)}
    server = start_dovecot(users)
    endpoint = Endpoint("127.0.0.1", server.port, "none")
    for capabilities in ("AUTH=PLAIN SASL-IR", "AUTH=PLAIN", "LITERAL+", ""):
        for user, password in users.items():
            protocol, _ = await connect(endpoint)
            answer = await auth.sign_in(protocol, frozenset(capabilities.split()), endpoint, user, Password(password))
            assert answer.status == "OK"
            protocol.fail(ConnectionLost("enough"))


@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 AUTH=PLAIN", "IMAP4rev1 AUTH=PLAIN SASL-IR"])
async def test_a_wrong_password_is_tried_once(server: FakeServer, capabilities: str) -> None:
    server.capabilities = capabilities
    with pytest.raises(SignInFailed, match="wrong") as caught:
        await sign_in(server.port, password="no")
    assert caught.value.exit_code == 3
    assert caught.value.retry == "never"
    assert "app password" in caught.value.hint
    assert server.logins == [("alice", "no")]
    assert "no" not in str(caught.value).split()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("NO [AUTHENTICATIONFAILED] wrong", SignInFailed),
        ("NO [AUTHORIZATIONFAILED] not you", SignInFailed),
        ("NO [EXPIRED] old password", SignInFailed),
        ("NO LOGIN failed.", SignInFailed),
        ("BAD what", SignInFailed),
        ("NO [UNAVAILABLE] LDAP is away", Throttled),
        ("NO [INUSE] later", Unreachable),
        ("NO [SERVERBUG] oops", Unreachable),
        ("NO [LIMIT] too many connections", Throttled),
        ("NO Too many simultaneous connections. (Failure)", Throttled),
        ("BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds", Throttled),
    ],
)
async def test_refusals_have_reasons(server: FakeServer, answer: str, kind: type[MailsyncError]) -> None:
    status, _, text = answer.partition(" ")

    async def refuse(link: Link, command: object) -> bool:
        await link.send(f"{server.commands[-1][1].tag} {status} {text}\r\n".encode())
        return True

    server.hooks["LOGIN"] = refuse
    with pytest.raises(MailsyncError) as caught:
        await sign_in(server.port)
    assert type(caught.value) is kind


async def test_a_refusal_by_a_second_challenge_is_answered(server: FakeServer) -> None:
    """An error report as a challenge: the client cancels, the server says NO (RFC 3501 section 6.2.2)."""

    async def challenge(link: Link, command: object) -> bool:
        await link.send(b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n")
        assert await link.line() == b"*"
        await link.send(server.commands[-1][1].tag.encode(), b" BAD cancelled\r\n")
        return True

    server.capabilities = "IMAP4rev1 AUTH=PLAIN SASL-IR"
    server.hooks["AUTHENTICATE"] = challenge
    with pytest.raises(SignInFailed, match="cancelled"):
        await asyncio.wait_for(sign_in(server.port), 3)


async def test_a_server_that_takes_no_password_here_gets_none(server: FakeServer) -> None:
    server.capabilities = "IMAP4rev1 STARTTLS LOGINDISABLED"
    with pytest.raises(InsecureConnection, match="does not accept passwords"):
        await sign_in(server.port)
    assert server.logins == []
    assert server.verbs() == ["CAPABILITY"]


async def test_a_cut_in_the_middle_is_no_refusal(server: FakeServer) -> None:
    async def cut(link: Link, command: object) -> bool:
        link.cut()
        raise ConnectionError

    server.hooks["LOGIN"] = cut
    with pytest.raises(ConnectionLost):
        await sign_in(server.port)


async def test_nul_in_a_password_is_refused_here(server: FakeServer) -> None:
    with pytest.raises(ProtocolError, match="NUL"):
        await sign_in(server.port, password="a\0b")
    server.capabilities = "IMAP4rev1 AUTH=PLAIN"
    with pytest.raises(ProtocolError, match="NUL"):
        await sign_in(server.port, password="a\0b")
    assert server.logins == []


# Reaching a server


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
async def test_nobody_listens(security: str) -> None:
    with pytest.raises(Unreachable, match="refused the connection") as caught:
        await sign_in(1, security)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "", "x" * 300 + ".example"])
async def test_a_name_that_is_none(host: str) -> None:
    with pytest.raises(MailsyncError) as caught:
        await connect(Endpoint(host, 1, "tls"), 5)
    assert caught.value.exit_code in (1, 4)
    assert "host" in caught.value.hint


async def test_tls_spoken_to_a_server_that_does_not(server: FakeServer) -> None:
    with pytest.raises(Unreachable, match="TLS with"):
        await sign_in(server.port, "tls")
    assert server.logins == []


# Certificates


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_both_kinds_of_tls_with_a_private_authority(dovecot: Dovecot, fresh_user: str, security: str) -> None:
    port = dovecot.tls_port if security == "tls" else dovecot.port
    endpoint = Endpoint("127.0.0.1", port, security, str(dovecot.ca_file))  # type: ignore[arg-type]
    session = await Session.open(endpoint, fresh_user, Password(dovecot.users[fresh_user]))
    assert "STARTTLS" not in session.capabilities
    ends = certificate_ends(session.protocol)
    assert ends is not None
    assert ends > time.time()
    assert (await session.examine(b"INBOX")).exists == 0
    await session.logout()


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("kind", "words"), [("untrusted", "unable to get|self.signed"), ("host", "mismatch"), ("expired", "expired")]
)
async def test_a_certificate_that_proves_nothing_ends_it(
    security: str, kind: str, words: str, authority: Path, tmp_path: Path
) -> None:
    if kind == "host":
        certificates.make(tmp_path, host="elsewhere.example", address="127.0.0.2")
    elif kind == "expired":
        certificates.make(tmp_path, days="-1")
    else:
        certificates.make(tmp_path)
    trusted = authority if kind == "untrusted" else tmp_path
    context = presents(tmp_path)
    with FakeServer(context=context if security == "tls" else None) as server:
        server.script = offers_starttls(context) if security == "starttls" else None
        with pytest.raises(CertificateUntrusted, match=words) as caught:
            await sign_in(server.port, security, trusted)
        assert caught.value.exit_code == 2
        assert caught.value.retry == "never"
        assert server.logins == []


async def test_an_authority_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("this is no certificate")
    for directory in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match="tls_ca_file"):
            await sign_in(1, "tls", directory)


# STARTTLS


def offers_starttls(
    context: ssl.SSLContext,
    *,
    greeting: bytes = b"* OK ready\r\n",
    offer: bytes = b"IMAP4rev1 STARTTLS",
    answer: bytes = b"OK begin",
    behind: bytes = b"",
    after: Callable[[Link], Awaitable[None]] | None = None,
) -> Callable[[Link], Awaitable[None]]:
    """A server's side of STARTTLS; `behind` is sent in the clear right behind the OK."""

    async def script(link: Link) -> None:
        await link.send(greeting)
        while True:
            command = await link.command()
            if command.verb == "CAPABILITY":
                await link.send(b"* CAPABILITY ", offer, b"\r\n")
                await link.ok(command)
            elif command.verb == "STARTTLS":
                break
            else:
                await link.ok(command, "not yet", "BAD")
        await link.send(command.tag.encode(), b" ", answer, b"\r\n", behind)
        await link.start_tls(context)
        await (after or link.server.serve)(link)

    return script


async def attacked(server: FakeServer, authority: Path, words: str) -> None:
    """The connection is given up at once and nothing secret was said."""
    started = time.monotonic()
    with pytest.raises(InsecureConnection, match=words) as caught:
        await sign_in(server.port, "starttls", authority)
    assert time.monotonic() - started < 5
    assert (caught.value.exit_code, caught.value.retry) == (2, "never")
    assert server.logins == []
    assert not {"LOGIN", "AUTHENTICATE"} & set(server.verbs())


async def test_starttls_forgets_what_was_said_in_the_clear(server: FakeServer, authority: Path) -> None:
    lie = b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED X-LIE] [ALERT] call 555-0100\r\n"
    server.script = offers_starttls(presents(authority), greeting=lie, offer=b"IMAP4rev1 STARTTLS X-LIE")
    session = await sign_in(server.port, "starttls", authority)
    assert "X-LIE" not in session.capabilities
    assert server.verbs() == ["CAPABILITY", "STARTTLS", "CAPABILITY", "LOGIN", "CAPABILITY", "ID"]
    assert (await session.examine(b"INBOX")).exists == 1
    session.close()


@pytest.mark.parametrize(
    "injected",
    [b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", b"A2 OK hello\r\n", b"* PREAUTH hi\r\n", b"half a li", b"\r\n"],
)
async def test_bytes_injected_behind_the_answer(server: FakeServer, authority: Path, injected: bytes) -> None:
    server.script = offers_starttls(presents(authority), behind=injected)
    await attacked(server, authority, "injected")


async def test_starttls_that_is_not_offered(server: FakeServer, authority: Path) -> None:
    await attacked(server, authority, "does not offer STARTTLS")


async def test_starttls_that_is_refused(server: FakeServer, authority: Path) -> None:
    server.script = offers_starttls(presents(authority), answer=b"NO not today")
    await attacked(server, authority, "refused STARTTLS")


async def test_a_greeting_that_rules_tls_out(server: FakeServer, authority: Path) -> None:
    server.greeting = b"* PREAUTH welcome\r\n"
    await attacked(server, authority, "already signed in")


async def test_starttls_without_tls_behind_it(server: FakeServer, authority: Path) -> None:
    async def script(link: Link) -> None:
        await link.send(b"* OK ready\r\n")
        for _ in range(2):
            command = await link.command()
            await link.send(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" if command.verb == "CAPABILITY" else b"")
            await link.ok(command)
        await asyncio.sleep(0.05)
        await link.send(b"* OK hello in the clear\r\n")
        await link.closed()

    server.script = script
    with pytest.raises(Unreachable, match="TLS"):
        await sign_in(server.port, "starttls", authority)
