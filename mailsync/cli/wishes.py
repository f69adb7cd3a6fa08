"""What `mailsync account add` was told by flags."""

from __future__ import annotations

from dataclasses import field

from mailsync.errors import UsageError
from mailsync.record import record


@record
class Wishes:
    """What the flags say; "" and 0 for what they do not."""

    name: str = ""
    email: str = ""
    provider: str = ""
    host: str = ""
    port: int = 0
    security: str = ""
    username: str = ""
    auth: str = ""
    password_stdin: bool = False
    password_command: str = ""
    consent: list[str] = field(default_factory=list)
    client_id: str = ""
    client_secret_command: str = ""
    issuer: str = ""
    tenant: str = ""
    tls_ca_file: str = ""
    secrets: str = ""
    device_code: bool = False
    no_browser: bool = False
    no_check: bool = False


def missing(flag: str, what: str) -> UsageError:
    """The error for what nobody said and nobody can be asked for."""
    return UsageError(f"{flag} is missing: {what}", hint=f"give {flag}, or run this in a terminal to be asked")
