"""Every mechanism on the wire, with and without an initial response, and every way in which a server can refuse."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from mailsync.errors import (
    ConnectionLost,
    InsecureConnection,
    MailsyncError,
    ProtocolError,
    SignInFailed,
    Throttled,
    Unreachable,
)
from mailsync.imap import auth, sasl
from mailsync.imap.connect import Endpoint, connect
from mailsync.imap.session import Session
from mailsync.privacy.secret import Bearer, Credential, Password
from tests.servers.fake import Command, FakeServer, Link, box

USER = "jörg@example.org"
TOKEN = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg~/+=="
SECRET = "correct horse"
TOKENS = ("XOAUTH2", "OAUTHBEARER")
MECHANISMS = ("PLAIN", "LOGIN", *TOKENS)
REPORTS = {
    "XOAUTH2": {"status": "401", "schemes": "bearer", "scope": "https://mail.example.org/"},
    "OAUTHBEARER": {"status": "invalid_token", "openid-configuration": "https://login.example.org/.well-known/x"},
}
ENDS = {"XOAUTH2": b"", "OAUTHBEARER": b"AQ=="}
"""What a report of the refusal has to be answered with."""


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(1)}) as running:
        yield running


def says(mechanism: str, port: int) -> list[bytes]:
    """What the client has to say, decoded."""
    match mechanism:
        case "PLAIN":
            return [f"\0{USER}\0{SECRET}".encode()]
        case "LOGIN":
            return [USER.encode(), SECRET.encode()]
        case "XOAUTH2":
            return [f"user={USER}\1auth=Bearer {TOKEN}\1\1".encode()]
        case _:
            return [f"n,a={USER},\1host=127.0.0.1\1port={port}\1auth=Bearer {TOKEN}\1\1".encode()]


async def opened(server: FakeServer, mechanism: str, *, initial: bool) -> Session:
    server.capabilities = f"IMAP4rev1 LOGINDISABLED AUTH={mechanism}{' SASL-IR' if initial else ''}"
    credential: Credential = Bearer(TOKEN) if mechanism in TOKENS else Password(SECRET)
    return await Session.open(Endpoint("127.0.0.1", server.port, "none"), USER, credential)


class Exchange:
    """A server's side of AUTHENTICATE: takes what the client has to say, then `ends` it with bytes (None: silence)."""

    def __init__(self, server: FakeServer, mechanism: str, report: object = None, end: bytes | None = b"OK") -> None:
        self.heard: list[bytes] = []
        self.last: bytes | None = None
        """What the report was answered with."""
        self._want = 2 if mechanism == "LOGIN" else 1
        self._prompts = iter((b"+ VXNlcm5hbWU6", b"+ UGFzc3dvcmQ6") if mechanism == "LOGIN" else (b"+",))
        self._report = report
        self._end = end
        server.hooks["AUTHENTICATE"] = self.hook

    async def hook(self, link: Link, command: Command) -> bool:
        self.heard += command.args[1:]
        while len(self.heard) < self._want:
            await link.send(next(self._prompts), b"\r\n")
            self.heard.append(await link.line())
        if self._report is not None:
            text = self._report if isinstance(self._report, bytes) else json.dumps(self._report).encode()
            await link.send(b"+ ", base64.b64encode(text), b"\r\n")
            self.last = await link.line()
        if self._end is None:
            await link.closed()
        elif self._end == b"cut":
            link.cut()
        else:
            await link.send(command.tag.encode(), b" ", self._end, b"\r\n")
        return True


@pytest.mark.parametrize("initial", [True, False], ids=["SASL-IR", "asked"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_what_is_said(server: FakeServer, mechanism: str, initial: bool) -> None:
    """An empty `+` (Yahoo's) is as good as any prompt."""
    exchange = Exchange(server, mechanism)
    (await opened(server, mechanism, initial=initial)).close()
    (command,) = (command for _, command in server.commands if command.verb == "AUTHENTICATE")
    assert command.args[0] == mechanism.encode()
    assert len(command.args) == (2 if initial and mechanism != "LOGIN" else 1)
    assert [base64.b64decode(line, validate=True) for line in exchange.heard] == says(mechanism, server.port)
    assert exchange.last is None


@pytest.mark.parametrize("initial", [True, False], ids=["SASL-IR", "asked"])
@pytest.mark.parametrize("end", [b"NO [AUTHENTICATIONFAILED] wrong", b"BAD what", b"cut", None])
@pytest.mark.parametrize("mechanism", TOKENS)
async def test_a_refusal_that_is_reported_first(
    server: FakeServer, mechanism: str, end: bytes | None, initial: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answered as the mechanism has it; a server that then hangs up or says nothing has refused all the same."""
    monkeypatch.setattr(auth, "REFUSAL_SECONDS", 0.1)
    exchange = Exchange(server, mechanism, REPORTS[mechanism], end)
    with pytest.raises(auth.TokenRefused, match=str(REPORTS[mechanism]["status"])) as caught:
        await asyncio.wait_for(opened(server, mechanism, initial=initial), 3)
    assert exchange.last == ENDS[mechanism]
    assert caught.value.renewable
    assert (caught.value.exit_code, caught.value.retry) == (3, "never")
    assert "sign in again" in caught.value.hint
    assert server.verbs().count("AUTHENTICATE") == 1


@pytest.mark.parametrize("initial", [True, False], ids=["SASL-IR", "asked"])
@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (b"NO [AUTHENTICATIONFAILED] wrong", SignInFailed),
        (b"BAD what", SignInFailed),
        (b"NO User is authenticated but not connected.", SignInFailed),
        (b"NO [UNAVAILABLE] the directory is away", Throttled),
        (b"NO [INUSE] later", Unreachable),
        (b"cut", ConnectionLost),
        (None, Unreachable),
    ],
    ids=["NO", "BAD", "no mailbox", "unavailable", "in use", "cut", "silence"],
)
@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_refusal_at_once(
    server: FakeServer,
    mechanism: str,
    end: bytes | None,
    kind: type[MailsyncError],
    initial: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Microsoft refuses so. A mailbox that is missing is not the token's fault, and silence is nobody's."""
    monkeypatch.setattr(auth, "SIGN_IN_SECONDS", 0.1 if end is None else 5)
    Exchange(server, mechanism, end=end)
    with pytest.raises(kind) as caught:
        await asyncio.wait_for(opened(server, mechanism, initial=initial), 3)
    refusal = end is not None and end.startswith((b"NO [A", b"BAD"))
    assert isinstance(caught.value, auth.TokenRefused) == (refusal and mechanism in TOKENS)
    if end is not None and b"not connected" in end:
        assert "licence" in caught.value.hint
        assert "IMAP is switched on" in caught.value.hint


@pytest.mark.parametrize(
    ("report", "renewable"),
    [
        ({"status": "400"}, True),
        ({"status": 401}, True),
        ({"status": "invalid_request"}, True),
        ({"status": "403", "scope": "mail"}, False),
        ({"status": "insufficient_scope"}, False),
        ({"status": "a b\x1b[2J"}, True),
        ([], True),
        (b"no json", True),
        (b"[" * 100_000, True),
        (b"\xff", True),
    ],
)
async def test_reasons(server: FakeServer, report: Any, renewable: bool) -> None:
    """A scope that is missing is not mended by another token; what cannot be read is a refusal like any other."""
    Exchange(server, "XOAUTH2", report, b"NO refused")
    with pytest.raises(auth.TokenRefused) as caught:
        await opened(server, "XOAUTH2", initial=True)
    assert caught.value.renewable == renewable
    assert ("allow access to mail" in caught.value.hint) == (not renewable)
    assert "\x1b" not in str(caught.value)


async def test_reports_without_end_are_cancelled(server: FakeServer) -> None:
    async def insist(link: Link, command: Command) -> bool:
        lines = []
        for _ in range(4):
            await link.send(b"+ e30=\r\n")
            lines.append(await link.line())
        assert lines == [b"AQ==", b"*", b"*", b"*"]
        await link.ok(command, "enough", "BAD")
        return True

    server.hooks["AUTHENTICATE"] = insist
    with pytest.raises(auth.TokenRefused, match="enough"):
        await opened(server, "OAUTHBEARER", initial=True)


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_server_that_repeats_the_command_betrays_nothing(
    server: FakeServer, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sent = says(mechanism, server.port)
    encoded = [base64.b64encode(text) for text in sent]
    secret = (TOKEN if mechanism in TOKENS else SECRET).encode()
    echo = b" ".join((b"BAD unknown:", *encoded, secret, encoded[-1][:30], b"(" + encoded[-1] + b")"))
    Exchange(server, mechanism, end=echo)
    with pytest.raises(SignInFailed, match="unknown:") as caught:
        await opened(server, mechanism, initial=True)
    told = f"{caught.value!r} {caught.value} {caught.value.hint} {caplog.text}"
    for text in (*encoded, secret, encoded[-1][:30]):
        assert text.decode() not in told


def test_reprs_betray_nothing() -> None:
    exchanges = [
        sasl.plain(USER, SECRET),
        sasl.login(USER, SECRET),
        sasl.xoauth2(USER, TOKEN),
        sasl.oauthbearer(USER, TOKEN, "imap.example.org", 993),
    ]
    for exchange in exchanges:
        line = exchange.first().decode()
        assert not any(text in repr(exchange) for text in (line, SECRET, TOKEN, "ya29", "correct"))


def test_names_are_escaped_as_gs2_has_it() -> None:
    exchange = sasl.oauthbearer("a=b,c@example.org", "t", "imap.example.org", 1143)
    assert base64.b64decode(exchange.first()) == (
        b"n,a=a=3Db=2Cc@example.org,\1host=imap.example.org\1port=1143\1auth=Bearer t\1\1"
    )


@pytest.mark.parametrize(("user", "token"), [("a\1auth=Bearer x", "t"), ("a", "t\1\1"), ("a", "t t"), ("a", "")])
def test_what_would_be_read_as_something_else_is_not_sent(user: str, token: str) -> None:
    with pytest.raises(ProtocolError, match="character") as caught:
        sasl.xoauth2(user, token)
    assert caught.value.retry == "never"
    with pytest.raises(ProtocolError, match="character"):
        sasl.oauthbearer(user, token, "imap.example.org", 993)


@pytest.mark.parametrize(
    ("host", "offered", "used"),
    [
        ("imap.example.org", "AUTH=XOAUTH2 AUTH=OAUTHBEARER AUTH=PLAIN", "OAUTHBEARER"),
        ("imap.example.org", "AUTH=XOAUTH2 AUTH=PLAIN", "XOAUTH2"),
        ("outlook.office365.com", "AUTH=XOAUTH2 AUTH=OAUTHBEARER", "XOAUTH2"),
        ("OUTLOOK.OFFICE365.COM.", "AUTH=XOAUTH2 AUTH=OAUTHBEARER", "XOAUTH2"),
        ("myoutlook.com.example", "AUTH=XOAUTH2 AUTH=OAUTHBEARER", "OAUTHBEARER"),
    ],
)
async def test_which_mechanism_a_token_takes(server: FakeServer, host: str, offered: str, used: str) -> None:
    exchange = Exchange(server, used)
    protocol, _ = await connect(Endpoint("127.0.0.1", server.port, "none"))
    offers = frozenset(f"SASL-IR {offered}".split())
    await auth.sign_in(protocol, offers, Endpoint(host, 993), USER, Bearer(TOKEN))
    assert server.commands[0][1].args[0] == used.encode()
    assert TOKEN.encode() in base64.b64decode(exchange.heard[0])
    protocol.fail(ConnectionLost("enough"))


async def test_a_server_without_a_mechanism_for_tokens_gets_none(server: FakeServer) -> None:
    server.capabilities = "IMAP4rev1 AUTH=PLAIN SASL-IR"
    with pytest.raises(SignInFailed, match="takes no access tokens"):
        await Session.open(Endpoint("127.0.0.1", server.port, "none"), USER, Bearer(TOKEN))
    assert server.verbs() == ["CAPABILITY"]


async def test_a_token_too_long_for_a_line_waits_to_be_asked_for(server: FakeServer) -> None:
    exchange = Exchange(server, "XOAUTH2")
    server.capabilities = "IMAP4rev1 AUTH=XOAUTH2 SASL-IR"
    session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), USER, Bearer("t" * 9000))
    assert server.commands[1][1].args == [b"XOAUTH2"]
    assert base64.b64decode(exchange.heard[0]).endswith(b"t" * 9000 + b"\1\1")
    session.close()


class Elsewhere(asyncio.Transport):
    """A connection to another machine."""

    def __init__(self, *, tls: bool, peer: str) -> None:
        super().__init__({"sslcontext": object() if tls else None, "peername": (peer, 143)})
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        return


@pytest.mark.parametrize("credential", [Password(SECRET), Bearer(TOKEN)], ids=["password", "token"])
@pytest.mark.parametrize(
    ("peer", "tls", "insecure"),
    [("192.0.2.1", False, False), ("192.0.2.1", False, True), ("192.0.2.1", True, False), ("::1", False, False)],
    ids=["far", "far, allowed", "far, encrypted", "near"],
)
async def test_nothing_secret_goes_to_another_machine_in_the_clear(
    server: FakeServer, credential: Credential, peer: str, tls: bool, insecure: bool
) -> None:
    """What the host is called does not count, where the connection goes does; a token never goes, whoever allows it."""
    protocol, _ = await connect(Endpoint("127.0.0.1", server.port, "none"))
    here = protocol.transport
    assert here is not None
    transport = Elsewhere(tls=tls, peer=peer)
    protocol.transport = transport
    endpoint = Endpoint("localhost", 143, "none", insecure=insecure)
    signing = auth.sign_in(protocol, frozenset({"AUTH=XOAUTH2", "SASL-IR"}), endpoint, USER, credential)
    if peer == "::1" or tls or (insecure and isinstance(credential, Password)):
        waiting = asyncio.create_task(signing)
        await asyncio.sleep(0)
        assert transport.written
        waiting.cancel()
        await asyncio.wait([waiting])
    else:
        with pytest.raises(InsecureConnection, match="in the clear"):
            await signing
        assert transport.written == b""
    protocol.transport = here
    protocol.fail(ConnectionLost("enough"))
