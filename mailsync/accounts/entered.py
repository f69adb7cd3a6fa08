"""A host and a password as people type and paste them, on every face."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from mailsync.accounts.address import to_ascii
from mailsync.accounts.discover import Candidate
from mailsync.config.checks import is_loopback
from mailsync.config.providers import PRESETS, named, of_host
from mailsync.errors import UsageError

_HOST = re.compile(r"\s*(?:imaps?://)?(\[[0-9a-fA-F:]+\]|[^\s:/@]+)(?::(\d{1,5}))?/?\s*")


def hosts(written: str, *, port: int = 0, security: str = "", provider: str = "") -> list[Candidate]:
    """What is tried at a host that somebody named: `mail.example.com`, also as an address with a port.

    0 and "" for what they did not say. Raises UsageError for what is no host, and for one that the password would
    travel to in the clear.
    """
    match = _HOST.fullmatch(unicodedata.normalize("NFKC", written))
    if match is None:
        raise UsageError(f"{written[:80]!r} is no host name", hint="a name such as imap.example.com")
    host = match[1].strip("[]")
    if not re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]+", host):
        host = to_ascii(host)
    port = port or int(match[2] or 0)
    if port > 65535:
        raise UsageError(f"{port} is no port", hint="993 for TLS, 143 for STARTTLS; leave it out to try both")
    if security == "none" and not is_loopback(host):
        raise UsageError(
            f"security none to {host}: the password would travel in the clear",
            hint="none is for this machine only; leave it out, and TLS or STARTTLS is found",
        )
    known = named(provider) or of_host(host) or "imap"
    preset = PRESETS.get(known)
    auth: Any = "oauth2" if preset is not None and not preset.password else "password"
    ways: list[tuple[int, Any]] = [(993, "tls"), (143, "starttls")]
    if security:
        ways = [(port or (993 if security == "tls" else 143), security)]
    elif port:
        ways = [(port, "starttls")] if port == 143 else [(port, "tls"), (port, "starttls")]
    return [Candidate(host, number, how, "as you said", known, auth=auth) for number, how in ways]


def password(written: str, provider: str) -> tuple[str, str]:
    """A password as it was meant, and what to say about that: app passwords are shown in groups, copies have blanks.

    "" for one that cannot be meant.
    """
    meant = written.strip()
    if provider in ("gmail", "yahoo", "aol") and re.fullmatch(r"[a-z]{4}(?:\s[a-z]{4}){3}", meant):
        return "".join(meant.split()), "the blanks of the app password were left out"
    if not meant:
        return "", "nothing was typed"
    if any(unicodedata.east_asian_width(char) == "F" for char in meant):
        return "", "there are full-width characters in it: switch the input method off and type it again"
    return meant, "the blanks around it were left out" if meant != written else ""
