"""The one request that leaves a list, against a real HTTPS server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailsync.cleanup import oneclick
from mailsync.errors import CertificateUntrusted, MailsyncError, ProtocolError, Unreachable
from tests.servers.https_server import HttpsServer

SAID = {
    "/yes": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbye",
    "/empty": b"HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\n",
    "/interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 None\r\n\r\n",
    "/away": b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/yes\r\n\r\n",
    "/gone": b"HTTP/1.1 404 Not Found\r\n\r\n",
    "/busy": b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
    "/mail": b"220 mx.example ESMTP\r\n",
    "/nothing": b"",
    "/endless": b"HTTP/1.1 100 Continue\r\n\r\n" * 5000,
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpsServer]:
    """A server on this machine, whose certificate is believed; this machine counts as the Internet."""
    with HttpsServer(tmp_path, SAID) as one:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        monkeypatch.setattr(oneclick, "is_public", lambda address: True)
        yield one


def ask(server: HttpsServer, path: str, host: str = "127.0.0.1") -> int:
    return asyncio.run(oneclick.post(f"https://{host}:{server.port}{path}"))


def test_the_request_says_that_and_nothing_else(server: HttpsServer) -> None:
    assert ask(server, "/yes?user=4711&list=a%20b#top", "localhost") == 200
    assert server.asked == [
        b"POST /yes?user=4711&list=a%20b HTTP/1.1\r\nHost: localhost:" + str(server.port).encode() + b"\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 26\r\nUser-Agent: mailsync\r\n"
        b"Accept: */*\r\nConnection: close\r\n\r\nList-Unsubscribe=One-Click"
    ]
    assert ask(server, "/empty") == 202
    assert ask(server, "/interim") == 204


@pytest.mark.parametrize(
    ("path", "error", "told"),
    [
        ("/away", MailsyncError, "sends on to another page, which is not followed"),
        ("/gone", MailsyncError, "answers with HTTP 404"),
        ("/busy", MailsyncError, "answers with HTTP 503"),
        ("/mail", ProtocolError, "no HTTP"),
        ("/nothing", ProtocolError, "no HTTP"),
        ("/endless", ProtocolError, "no HTTP"),
    ],
)
def test_other_answers(server: HttpsServer, path: str, error: type[MailsyncError], told: str) -> None:
    with pytest.raises(error, match=told):
        ask(server, path)
    assert len(server.asked) == 1


def test_a_server_that_never_answers(server: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oneclick, "SECONDS", 0.2)
    with pytest.raises(Unreachable, match="did not answer in time"):
        ask(server, "/never")


def test_a_certificate_that_cannot_be_verified(server: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(CertificateUntrusted):
        ask(server, "/yes")
    assert server.asked == []


def test_nothing_is_sent_to_what_is_not_the_internet(server: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1"):
        with pytest.raises(MailsyncError, match="not on the public Internet"):
            ask(server, "/yes", host)
    assert server.asked == []


def test_every_address_of_a_name_counts_and_the_one_that_was_looked_at_is_used(
    server: HttpsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([["127.0.0.1"], ["8.8.8.8", "10.0.0.1"]])
    asked: list[str] = []
    resolve = asyncio.BaseEventLoop.getaddrinfo

    async def lie(loop: asyncio.BaseEventLoop, host: str, port: int, **more: Any) -> Any:
        if host != "shop.example":
            return await resolve(loop, host, port, **more)
        asked.append(host)
        return [(0, 0, 0, "", (address, port)) for address in next(answers)]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", lie)
    with pytest.raises(CertificateUntrusted):  # it is reached, and is not the host that was named
        ask(server, "/yes", "shop.example")
    assert asked == ["shop.example"]
    monkeypatch.setattr(oneclick, "is_public", lambda address: address == "8.8.8.8")
    with pytest.raises(MailsyncError, match="not on the public Internet"):
        ask(server, "/yes", "shop.example")
    assert server.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *((one, True) for one in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")),
        *((one, False) for one in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0")),
        *((one, False) for one in ("100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1")),
        *((one, False) for one in ("::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1")),
        *((one, False) for one in ("64:ff9b::a00:1", "2002:a00:1::", "::ffff:0:0")),
    ],
)
def test_what_is_the_internet(address: str, public: bool) -> None:
    assert oneclick.is_public(address) is public
