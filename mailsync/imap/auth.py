"""Signing in with a password or an access token: which mechanism, and what a refusal means.

    token     OAUTHBEARER where it is offered and the server is not Microsoft's, else XOAUTH2
    password  PLAIN, else the command LOGIN, else the mechanism LOGIN where that command is disabled

One attempt; a refusal is final here, since servers lock out whoever keeps trying. What was sent is in no error, also
where a server repeats it.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial

from mailsync.errors import (
    InsecureConnection,
    MailsyncError,
    SignInFailed,
    Throttled,
    Unreachable,
)
from mailsync.imap import sasl, throttle
from mailsync.imap.connect import Endpoint
from mailsync.imap.encode import Literal, astring, begin_parts
from mailsync.imap.protocol import Pending, Protocol
from mailsync.imap.responses import Tagged
from mailsync.imap.sasl import Exchange
from mailsync.privacy.secret import Bearer, Credential
from mailsync.text import safe_text

TEMPORARY = frozenset({"INUSE", "SERVERBUG", "CONTACTADMIN"})
"""Response codes (RFC 5530) that say the server has a problem, not the password."""
SIGN_IN_SECONDS = 60.0
"""For the whole exchange: directories behind a server may be slow, and who waits is a person."""
REFUSAL_SECONDS = 10.0
"""For the NO behind a refusal that was already told: some servers never say it."""
LINE_LIMIT = 8000
"""Longer commands are not sent in one line (RFC 4959 section 3); servers take 8192 octets (RFC 7162 section 4)."""
_MICROSOFT = (".outlook.com", ".office365.com", ".office365.us", ".outlook.cn", ".hotmail.com", ".live.com")
_USUAL = re.compile(r"[ -~]{1,200}")
_FOR_GOOD = frozenset({"403", "insufficient_scope"})
"""What a token is refused for that another one of the same kind would be refused for, too."""


class NoMailbox(SignInFailed):
    """The server knows who signs in and has no mailbox for them."""

    hint = "check that the account has a mailbox and a licence, and that IMAP is switched on for it"


class TokenRefused(SignInFailed):
    """The server refused the access token."""

    hint = "sign in again: the token has expired or was revoked"
    renewable = True
    """Another token may be accepted."""


async def sign_in(
    protocol: Protocol, capabilities: frozenset[str], endpoint: Endpoint, username: str, credential: Credential
) -> Tagged:
    """Authenticate; the tagged OK on success.

    Raises SignInFailed, TokenRefused, Throttled, Unreachable, ProtocolError, and InsecureConnection before anything
    secret would be sent in the clear.
    """
    _protected(protocol, endpoint, credential)
    secrets = [credential.token if isinstance(credential, Bearer) else credential.text]
    protocol.unsaid = partial(_blanked, secrets=secrets)
    if isinstance(credential, Bearer):
        exchange = _with_token(capabilities, endpoint, username, credential.token)
    elif "AUTH=PLAIN" in capabilities and not _faster_by_login(capabilities, username, credential.text):
        exchange = sasl.plain(username, credential.text)
    elif "LOGINDISABLED" not in capabilities:
        parts: list[bytes | Literal] = [b"LOGIN ", astring(username.encode()), b" ", astring(credential.text.encode())]
        answer = await _bounded(protocol, begin_parts(protocol, "LOGIN", parts, capabilities), None)
        try:
            return _judged(answer, secrets, None)
        except SignInFailed:
            if answer.status != "BAD" or "AUTH=PLAIN" not in capabilities:
                raise
        exchange = sasl.plain(username, credential.text)  # it does not know the command: no password was judged
    elif "AUTH=LOGIN" in capabilities:
        exchange = sasl.login(username, credential.text)
    else:
        raise InsecureConnection(
            "the server does not accept passwords on this connection",
            hint='use security = "tls" or "starttls"; where the provider wants OAuth2, auth = "oauth2"',
        )
    answer = await _exchange(protocol, exchange, initial="SASL-IR" in capabilities)
    secrets += exchange.said
    return _judged(answer, secrets, exchange)


def _faster_by_login(capabilities: frozenset[str], username: str, password: str) -> bool:
    """Without SASL-IR, AUTHENTICATE takes a round trip more than LOGIN, which every server may say that it refuses.

    Only for what LOGIN carries without a doubt (RFC 3501 section 9: a string has no charset).
    """
    refused = not capabilities.isdisjoint({"SASL-IR", "LOGINDISABLED"})
    return not refused and all(map(_USUAL.fullmatch, (username, password)))


def no_mailbox(answer: Tagged) -> NoMailbox | None:
    """The error when the server knows who signs in and has nothing to open for them, else None.

    Exchange says so of any command, some behind an OK to the sign-in.
    """
    if answer.status == "OK" or "authenticated but not connected" not in answer.text.lower():
        return None
    return NoMailbox()


def _protected(protocol: Protocol, endpoint: Endpoint, credential: Credential) -> None:
    """InsecureConnection unless TLS, this machine, or for a password the person's own word protects it."""
    transport = protocol.transport
    if transport is None or transport.get_extra_info("sslcontext") is not None:
        return
    if not isinstance(credential, Bearer) and endpoint.insecure:
        return
    peer = transport.get_extra_info("peername")
    address = str(peer[0]) if isinstance(peer, tuple) else ""
    if not re.match(r"(::ffff:)?127\.|::1$", address):
        what = "an access token" if isinstance(credential, Bearer) else "the password"
        raise InsecureConnection(f"{what} would travel in the clear", hint='use security = "tls" or "starttls"')


def _with_token(capabilities: frozenset[str], endpoint: Endpoint, username: str, token: str) -> Exchange:
    microsoft = f".{endpoint.host.lower().rstrip('.')}".endswith(_MICROSOFT)
    if "AUTH=OAUTHBEARER" in capabilities and not microsoft:
        return sasl.oauthbearer(username, token, endpoint.host, endpoint.port)
    if "AUTH=XOAUTH2" in capabilities:
        return sasl.xoauth2(username, token)
    raise SignInFailed("the server takes no access tokens", hint='use a password: auth = "password"')


async def _exchange(protocol: Protocol, exchange: Exchange, *, initial: bool) -> Tagged:
    """AUTHENTICATE; where the refusal was told and its NO does not come, a NO of our own."""
    line = f"AUTHENTICATE {exchange.mechanism}".encode()
    held: list[bytes] = []
    if initial and exchange.at_once:
        response = exchange.first()
        if len(line) + len(response) < LINE_LIMIT:
            line += b" " + response
        else:
            held.append(response)
    deadline = asyncio.timeout(SIGN_IN_SECONDS)

    def answer_challenge(text: bytes) -> bytes:
        if held:
            return held.pop() + b"\r\n"
        told, reply = exchange.refused, exchange.answer(text)
        if exchange.refused and not told:
            deadline.reschedule(protocol.loop.time() + REFUSAL_SECONDS)
        return reply + b"\r\n"

    pending = protocol.begin("AUTHENTICATE", line, on_continuation=answer_challenge)
    try:
        return await _bounded(protocol, pending, deadline)
    except Unreachable:
        if not exchange.refused:
            raise
        return Tagged("", "NO", None, "it said no more")


async def _bounded(protocol: Protocol, pending: Pending, deadline: asyncio.Timeout | None) -> Tagged:
    try:
        async with deadline or asyncio.timeout(SIGN_IN_SECONDS):
            return await protocol.finish(pending)
    except TimeoutError:
        raise Unreachable("the server did not answer the sign-in in time", hint="try again later") from None


def _judged(answer: Tagged, secrets: list[str], exchange: Exchange | None) -> Tagged:
    """The answer when it is OK; raises what it means otherwise."""
    if answer.status != "OK":
        raise no_mailbox(answer) or _failure(answer, _without(answer.text, secrets), exchange)
    return answer


def _failure(answer: Tagged, text: str, exchange: Exchange | None) -> MailsyncError:
    code = answer.code.name if answer.code else ""
    seconds = throttle.hint(answer.text, code)
    if code == "UNAVAILABLE":
        return Throttled(
            f"the server cannot sign anyone in at present: {text}", hint="try again later", resume_after=seconds
        )
    if code not in TEMPORARY and (seconds is not None or "too many" in text.lower()):
        return Throttled(
            f"the server refused the sign-in for now: {text}", hint="try again later", resume_after=seconds
        )
    if code in TEMPORARY:
        return Unreachable(f"the server cannot sign anyone in at present: {text}", hint="try again later")
    if exchange is None or exchange.mechanism not in ("XOAUTH2", "OAUTHBEARER"):
        return SignInFailed(
            f"the server refused the sign-in: {text}",
            hint="check username and password; many providers want an app password",
        )
    status = f" ({exchange.status})" if exchange.status else ""
    error = TokenRefused(f"the server refused the access token{status}: {text}")
    if exchange.status.lower() in _FOR_GOOD:
        error.renewable = False
        error.hint = "the token does not allow IMAP: sign in again and allow access to mail"
    return error


def _without(text: str, secrets: list[str]) -> str:
    """A server's words as one line for people, without what we sent: some repeat the command they did not like."""
    return safe_text(_blanked(text, secrets), 200)


def _blanked(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        if len(secret) > 3:
            text = text.replace(secret, "…")
    words = ("…" if len(word) >= 12 and any(word in secret for secret in secrets) else word for word in text.split(" "))
    return " ".join(words)
