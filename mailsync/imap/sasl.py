"""What a client says to sign in, by SASL mechanism (RFC 4422). Pure, and shown by nothing: no repr holds a secret.

    PLAIN        RFC 4616      NUL user NUL password
    LOGIN        no standard   user, then password, each asked for
    XOAUTH2      Google, Microsoft   user=USER ^A auth=Bearer TOKEN ^A ^A
    OAUTHBEARER  RFC 7628      n,a=USER, ^A host=HOST ^A port=PORT ^A auth=Bearer TOKEN ^A ^A

A server that refuses a token says why in one more challenge, and says NO when that was answered: with an empty line
for XOAUTH2, with ^A for OAUTHBEARER (RFC 7628 section 3.2.3). For the others a challenge too many is answered by `*`,
which cancels (RFC 3501 section 6.2.2).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import field

from mailsync.errors import ProtocolError
from mailsync.record import record

_TOKEN = re.compile(r"[!-~]+")
_STATUS = re.compile(r"[A-Za-z0-9_]{1,40}")


@record
class Exchange:
    """One attempt of one mechanism. `at_once`: what it says first may go with the command (RFC 4959)."""

    mechanism: str
    _unsaid: list[bytes] = field(repr=False)
    _farewell: bytes | None = field(default=None, repr=False)
    """What a report of the refusal is answered with; None cancels."""
    at_once: bool = True
    refused: bool = field(default=False, init=False)
    """The server has reported that it refuses."""
    status: str = field(default="", init=False)
    """And why: `401`, `invalid_token` and the like; "" when it did not say."""
    said: list[str] = field(default_factory=list, init=False, repr=False)
    """The lines that hold a secret, as they were sent."""

    def first(self) -> bytes:
        """The initial response."""
        return self._say()

    def answer(self, challenge: bytes) -> bytes:
        """The line, without its end, that answers a challenge (`challenge` is what stood behind the `+`)."""
        if self._unsaid:
            return self._say()
        again, self.refused = self.refused, True
        if self._farewell is None or again:
            return b"*"
        self.status = _status(challenge)
        return base64.b64encode(self._farewell)

    def _say(self) -> bytes:
        line = base64.b64encode(self._unsaid.pop(0))
        self.said.append(line.decode())
        return line


def plain(username: str, password: str) -> Exchange:
    """PLAIN; ProtocolError for what it cannot carry."""
    _without_nul(username, password)
    return Exchange("PLAIN", [b"\0%s\0%s" % (username.encode(), password.encode())])


def login(username: str, password: str) -> Exchange:
    """LOGIN, where the server speaks first."""
    _without_nul(username, password)
    return Exchange("LOGIN", [username.encode(), password.encode()], at_once=False)


def xoauth2(username: str, token: str) -> Exchange:
    """XOAUTH2; ProtocolError for a user name or a token that would be read as something else."""
    _fit(username, token)
    return Exchange("XOAUTH2", [f"user={username}\1auth=Bearer {token}\1\1".encode()], b"")


def oauthbearer(username: str, token: str, host: str, port: int) -> Exchange:
    """OAUTHBEARER to `host` and `port` as they were connected to; ProtocolError as for `xoauth2`."""
    _fit(username, token)
    name = username.replace("=", "=3D").replace(",", "=2C")  # RFC 5801 section 4
    return Exchange("OAUTHBEARER", [f"n,a={name},\1host={host}\1port={port}\1auth=Bearer {token}\1\1".encode()], b"\1")


def _without_nul(*texts: str) -> None:
    if any("\0" in text for text in texts):
        raise ProtocolError("a NUL byte cannot be sent in a user name or password", retry="never")


def _fit(username: str, token: str) -> None:
    if re.search(r"[\x00-\x1f\x7f]", username):
        raise ProtocolError("a control character cannot be sent in a user name", retry="never")
    if not _TOKEN.fullmatch(token):
        raise ProtocolError(
            "the access token holds characters that no token has", hint="look at what prints it", retry="never"
        )


def _status(challenge: bytes) -> str:
    """The status of an error report (RFC 7628 section 3.2.2; Google's form has numbers), "" where there is none."""
    import json  # most servers refuse nobody

    try:
        report = json.loads(base64.b64decode(challenge, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return ""
    status = str(report.get("status", "")) if isinstance(report, dict) else ""
    return status if _STATUS.fullmatch(status) else ""
