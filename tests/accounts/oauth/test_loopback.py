"""The listener for the browser's answer: what is ours gets through, whatever else comes along changes nothing."""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlsplit

import pytest

from mailsync.accounts.oauth import loopback
from mailsync.accounts.oauth.loopback import Expected, Listener, NotOurs, code_in
from mailsync.errors import MailsyncError, SignInFailed

STATE = "s" * 43
ISSUER = "https://login.example.com"


async def send(port: int, head: str) -> str:
    """What the listener answers to these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode("latin-1"))
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer.decode("latin-1")


def get(target: str, host: str) -> str:
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"


async def test_strays_change_nothing() -> None:
    async with Listener() as listener:
        ours = urlsplit(listener.redirect_uri)
        port, host, path = ours.port or 0, ours.netloc, ours.path
        right = f"{path}?code=c0de&state={STATE}"
        assert ours.hostname == "127.0.0.1"
        assert path.startswith("/callback/")
        assert len(path) > 30
        assert "404" in await send(port, get(right, host))  # nothing is expected yet
        code = listener.expect(Expected(listener.redirect_uri, STATE, ISSUER))
        _, silent = await asyncio.open_connection("127.0.0.1", port)  # a browser that connects ahead
        strays = {
            get("/favicon.ico", host): "404",
            get("/", host): "404",
            get(f"{path}/x?code=evil&state={STATE}", host): "404",
            get(f"{path}?code=evil&state={STATE}x", host): "404",
            get(f"{path}?code=evil", host): "404",
            get(f"{path}?code=evil&code=c0de&state={STATE}", host): "404",
            get(right, "localhost.evil.example"): "400",  # DNS rebinding
            get(right, f"127.0.0.1:{port + 1}"): "400",
            get(right, f"{host}\r\nHost: {host}"): "400",
            f"GET {right} HTTP/1.1\r\n\r\n": "400",
            f"POST {right} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n": "405",
            f"HEAD {right} HTTP/1.1\r\nHost: {host}\r\n\r\n": "405",
            f"GET http://evil.example{right} HTTP/1.1\r\nHost: {host}\r\n\r\n": "404",
            "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n": "400",  # a port scan that tries TLS
            get("/" + "x" * (2 * loopback.HEAD_BYTES), host): "",
        }
        for request, status in strays.items():
            answer = await send(port, request)
            assert answer[9:12] == status, request
            assert "evil" not in answer
        assert not code.done()

        answer = await send(port, get(right, host))
        assert answer.startswith("HTTP/1.1 200")
        assert "Referrer-Policy: no-referrer" in answer
        assert "c0de" not in answer
        assert await asyncio.wait_for(code, 1) == "c0de"
        silent.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_refusal_is_shown_without_its_words() -> None:
    async with Listener() as listener:
        ours = urlsplit(listener.redirect_uri)
        code = listener.expect(Expected(listener.redirect_uri, STATE))
        words = quote("<script>alert(1)</script>\x1b[2J")
        target = f"{ours.path}?error={words}&error_description={words}&state={STATE}"
        answer = await send(ours.port or 0, get(target, ours.netloc))
        assert "script>" not in answer
        with pytest.raises(SignInFailed, match="unknown error") as caught:
            await code
        assert "script" not in str(caught.value)


async def test_an_address_that_was_registered() -> None:
    async with Listener("http://localhost/cb") as listener:
        port = urlsplit(listener.redirect_uri).port
        assert listener.redirect_uri == f"http://localhost:{port}/cb"
        code = listener.expect(Expected(listener.redirect_uri, STATE))
        await send(port or 0, get(f"/cb?code=c0de&state={STATE}", f"localhost:{port}"))
        assert await code == "c0de"
        with pytest.raises(MailsyncError, match="cannot listen"):
            async with Listener(f"http://127.0.0.1:{port}/cb"):
                pass


async def test_whoever_has_the_other_localhost_gets_nothing() -> None:
    """The name may lead a browser to ::1 first: what listens there would be given the code."""
    other = await asyncio.start_server(lambda reader, writer: writer.close(), "::1", 0)
    port = other.sockets[0].getsockname()[1]
    with pytest.raises(MailsyncError, match="cannot listen"):
        async with Listener(f"http://localhost:{port}/cb"):
            pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    other.close()


def test_the_answer_of_another_provider() -> None:
    """RFC 9207: a mix-up is no stray but an end, since only the provider that was asked knows the state."""
    address = "http://127.0.0.1:1/callback"
    answer = f"{address}?code=c0de&state={STATE}"
    optional, always = Expected(address, STATE, ISSUER), Expected(address, STATE, ISSUER, names_issuer=True)
    assert code_in(answer, optional) == "c0de"
    assert code_in(f"{answer}&iss={quote(ISSUER)}", always) == "c0de"
    for mixed_up, expected in ((f"{answer}&iss=https://evil.example", optional), (answer, always)):
        with pytest.raises(SignInFailed, match="another provider"):
            code_in(mixed_up, expected)
    with pytest.raises(SignInFailed, match="no code"):
        code_in(f"{address}?state={STATE}", optional)
    for stray in ("http://[", f"https{answer[4:]}", answer.replace("127.0.0.1", "localhost"), f"{address}#{answer}"):
        with pytest.raises(NotOurs):
            code_in(stray, optional)
