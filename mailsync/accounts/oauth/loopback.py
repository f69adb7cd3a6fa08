"""The answer of a sign-in page: a listener on this machine for the browser, and the same answer pasted by hand.

RFC 8252 section 7.3 and 8.3, RFC 9700 section 4. The listener is at 127.0.0.1, never at another interface, on a port
and path that nobody knows before; for a provider that insists on the name localhost it is at ::1 as well, on the same
port. Whatever else comes along, a favicon, a port scan, a page of another origin that tries addresses (DNS rebinding:
the Host is wrong then), gets a plain refusal and changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from mailsync.errors import MailsyncError, SignInFailed
from mailsync.text import safe_text

HOST = "127.0.0.1"
HOST_6 = "::1"
PORTS_TRIED = 10
HEAD_BYTES = 16 * 1024
HEAD_SECONDS = 10.0
"""Browsers open connections ahead and say nothing on them."""
CONNECTIONS = 32
FIELDS = 30

ARRIVED = "The answer has arrived. mailsync goes on by itself; this page can be closed."
REFUSED = "The sign-in was refused. mailsync says more; this page can be closed."
NOTHING = "Nothing is here."


class NotOurs(ValueError):
    """An address that is not the answer to this sign-in; the text says why, to a person who pasted it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the answer must look like."""

    redirect_uri: str
    state: str = field(repr=False)
    issuer: str = ""
    names_issuer: bool = False
    """The provider always says who it is (RFC 9207), so that an answer without `iss` is somebody else's."""
    refusal: Callable[[str, str], SignInFailed] | None = field(default=None, repr=False)
    """What a no of the provider means: of its `error` and `error_description`."""


def code_in(url: str, expected: Expected) -> str:
    """The authorization code in an answer's address.

    Raises NotOurs for anything that is not the answer to this very sign-in, and SignInFailed where the provider said
    no, or where the answer comes from another provider than the one asked (mix-up, RFC 9700 section 4.4).
    """
    try:
        parts, ours = urlsplit(url), urlsplit(expected.redirect_uri)
        fields = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError:
        raise NotOurs("that is no address") from None
    same_place = (parts.scheme, parts.netloc.lower()) == (ours.scheme, ours.netloc)
    if not same_place or not _same(parts.path or "/", ours.path or "/"):
        raise NotOurs(f"the address must begin with {expected.redirect_uri}")
    answer = dict(fields)
    if len(answer) != len(fields):
        raise NotOurs("the address says something twice")
    if not _same(answer.get("state", ""), expected.state):
        raise NotOurs("the address belongs to another sign-in")
    # From here on the answer is ours: nobody else knows the state.
    issuer = answer.get("iss")
    if expected.issuer and (issuer is not None or expected.names_issuer) and issuer != expected.issuer:
        raise SignInFailed(
            "the answer comes from another provider than the one that was asked",
            hint="sign in again; if it happens again, somebody may be interfering: stop",
        )
    if error := answer.get("error"):
        if expected.refusal is not None:
            raise expected.refusal(error, answer.get("error_description", ""))
        raise SignInFailed(
            "the sign-in was refused" if error == "access_denied" else f"the provider refused: {word(error)}",
            hint="sign in again and allow access" if error == "access_denied" else "check client_id and scopes",
        )
    code = answer.get("code", "")
    if not code:
        raise SignInFailed("the provider's answer holds no code", hint="sign in again")
    return code


def word(error: str) -> str:
    """An error code of a provider (RFC 6749 section 4.1.2.1) as it may be shown, stored and logged."""
    return error if error.isascii() and error.replace("_", "").isalnum() and len(error) <= 40 else "unknown error"


class Listener:
    """`async with Listener(...) as listener`: it listens at once, and answers nothing but refusals before `expect`.

    `registered` is a redirect address that a provider insists on, as http://127.0.0.1/callback; its port counts only
    when it names one.
    """

    def __init__(self, registered: str = "") -> None:
        parts = urlsplit(registered or f"http://{HOST}/callback/{secrets.token_urlsafe(16)}")
        self._host = parts.hostname or HOST
        self._port = parts.port or 0
        self._path = parts.path
        self._servers: list[asyncio.Server] = []
        self._expected: Expected | None = None
        self._code: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._handlers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        try:
            await self._listen()
        except OSError as error:
            self._close()
            raise MailsyncError(
                f"cannot listen on {HOST}: {safe_text(error.strerror or type(error).__name__)}",
                hint="free the port that redirect_uri names, or paste the address by hand: --no-browser",
            ) from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        self._code.cancel()

    @property
    def redirect_uri(self) -> str:
        """Where the browser is to be sent."""
        return f"http://{self._host}:{self._port}{self._path}"

    def expect(self, expected: Expected) -> asyncio.Future[str]:
        """Take this answer from now on; the code, or SignInFailed, comes with the future."""
        self._expected = expected
        return self._code

    async def _listen(self) -> None:
        """Listen at 127.0.0.1, and for the name localhost at ::1, too: a browser may try that first."""
        tries = 1 if self._port else PORTS_TRIED
        while True:
            tries -= 1
            server = await asyncio.start_server(self._serve, HOST, self._port, limit=HEAD_BYTES)
            self._servers.append(server)
            port = int(server.sockets[0].getsockname()[1])
            try:
                if self._host == "localhost":
                    self._servers.append(await asyncio.start_server(self._serve, HOST_6, port, limit=HEAD_BYTES))
            except OSError as error:
                # Whoever has that port at ::1 would get the answer. Without IPv6 there is nobody.
                if error.errno == errno.EADDRINUSE:
                    self._close()
                    if tries:
                        continue
                    raise
            self._port = port
            return

    def _close(self) -> None:
        while self._servers:
            self._servers.pop().close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        code: str | SignInFailed | None = None
        try:
            if len(self._handlers) >= CONNECTIONS:
                return
            self._handlers.add(task)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
                async with asyncio.timeout(HEAD_SECONDS):
                    status, text, code = self._judge(await reader.readuntil(b"\r\n\r\n"))
                    writer.write(_page(status, text))
                    await writer.drain()
        finally:
            self._handlers.discard(task)
            writer.close()
            # After the page has left: what waits for the code ends this listener.
            if isinstance(code, SignInFailed) and not self._code.done():
                self._code.set_exception(code)
            elif isinstance(code, str) and not self._code.done():
                self._code.set_result(code)

    def _judge(self, head: bytes) -> tuple[str, str, str | SignInFailed | None]:
        """Status, page, and what ended the sign-in, if this did."""
        request, *lines = head.decode("latin-1").split("\r\n")
        method, _, rest = request.partition(" ")
        target, _, version = rest.partition(" ")
        hosts = [line.partition(":")[2].strip().lower() for line in lines if line.lower().startswith("host:")]
        if not version.startswith("HTTP/1.") or hosts != [f"{self._host}:{self._port}"]:
            return "400 Bad Request", NOTHING, None
        if method != "GET":
            return "405 Method Not Allowed", NOTHING, None
        if self._expected is None or not target.startswith("/"):
            return "404 Not Found", NOTHING, None
        try:
            code = code_in(f"http://{hosts[0]}{target}", self._expected)
        except NotOurs:
            return "404 Not Found", NOTHING, None
        except SignInFailed as error:
            return "200 OK", REFUSED, error
        return "200 OK", ARRIVED, code


def _page(status: str, text: str) -> bytes:
    """A page of ours; nothing of the request is in it."""
    body = (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>mailsync</title>'
        f'<body style="font-family: sans-serif; margin: 3em"><p>{text}</p></body></html>'
    ).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def _same(one: str, other: str) -> bool:
    """Equal, in a time that does not tell how much of it."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
