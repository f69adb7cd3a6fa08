"""Signing in: SASL PLAIN (RFC 4616), with an initial response where SASL-IR (RFC 4959) allows it, else LOGIN.

One attempt; a refusal is final until a person changes something, since servers lock out whoever keeps trying.
"""

from __future__ import annotations

import base64

from mailsync.errors import (
    InsecureConnection,
    MailsyncError,
    ProtocolError,
    SignInFailed,
    Throttled,
    Unreachable,
)
from mailsync.imap import throttle
from mailsync.imap.encode import Literal, astring, begin_parts
from mailsync.imap.protocol import Protocol
from mailsync.imap.responses import Tagged
from mailsync.text import safe_text

TEMPORARY = frozenset({"INUSE", "SERVERBUG", "CONTACTADMIN"})
"""Response codes (RFC 5530) that say the server has a problem, not the password."""


async def sign_in(protocol: Protocol, capabilities: frozenset[str], username: str, password: str) -> Tagged:
    """Authenticate; the tagged OK on success, SignInFailed, Throttled, Unreachable or InsecureConnection if not."""
    if "AUTH=PLAIN" in capabilities:
        answer = await _plain(protocol, username, password, initial="SASL-IR" in capabilities)
    elif "LOGINDISABLED" in capabilities:
        raise InsecureConnection(
            "the server does not accept passwords on this connection", hint='use security = "tls" or "starttls"'
        )
    else:
        answer = await _login(protocol, capabilities, username, password)
    if answer.status != "OK":
        raise _failure(answer)
    return answer


async def _plain(protocol: Protocol, username: str, password: str, *, initial: bool) -> Tagged:
    if "\0" in username + password:
        raise ProtocolError("a NUL byte cannot be sent in a user name or password", retry="never")
    secret = base64.b64encode(b"\0%s\0%s" % (username.encode(), password.encode()))
    if initial:
        line, unsent = b"AUTHENTICATE PLAIN " + secret, []
    else:
        line, unsent = b"AUTHENTICATE PLAIN", [secret]

    def answer_challenge(text: bytes) -> bytes:
        del text
        # A second challenge is an error report; `*` cancels the exchange (RFC 3501 section 6.2.2).
        return (unsent.pop() if unsent else b"*") + b"\r\n"

    return await protocol.finish(protocol.begin("AUTHENTICATE", line, on_continuation=answer_challenge))


async def _login(protocol: Protocol, capabilities: frozenset[str], username: str, password: str) -> Tagged:
    parts: list[bytes | Literal] = [b"LOGIN ", astring(username.encode()), b" ", astring(password.encode())]
    return await protocol.finish(begin_parts(protocol, "LOGIN", parts, capabilities))


def _failure(answer: Tagged) -> MailsyncError:
    code = answer.code.name if answer.code else ""
    text = safe_text(answer.text, 200)
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
    return SignInFailed(
        f"the server refused the sign-in: {text}",
        hint="check username and password; many providers want an app password",
    )
