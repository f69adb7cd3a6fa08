"""Providers as data: what `provider = "..."` fills in, and what a person must know to sign in there.

It lives beside the models because a configuration is complete, or an error with a line number, once it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Security = Literal["tls", "starttls", "none"]
Provider = Literal["gmail", "office365", "outlook", "fastmail", "icloud", "yahoo", "gmx", "zoho", "proton", "imap"]


@dataclass(frozen=True, slots=True)
class Preset:
    """How to reach a provider's IMAP service."""

    host: str
    port: int = 993
    security: Security = "tls"
    by_domain: dict[str, str] = field(default_factory=dict)
    """Other hosts of the same provider, by the domain of the address."""
    password: bool = True
    """False where no kind of password is accepted any more."""
    local_part: bool = False
    """True where the user name is what stands before the @."""
    hint: str = ""
    """What a refused password usually means there."""


PRESETS: dict[str, Preset] = {
    "gmail": Preset(
        "imap.gmail.com",
        hint="Gmail wants an app password (Google account, Security, 2-Step Verification), not the account's own",
    ),
    "office365": Preset("outlook.office365.com", password=False),
    "outlook": Preset("outlook.office365.com", password=False),
    "fastmail": Preset(
        "imap.fastmail.com",
        hint="Fastmail wants an app password (Settings, Privacy & Security), not the account's own",
    ),
    "icloud": Preset(
        "imap.mail.me.com",
        local_part=True,
        hint="iCloud wants an app-specific password (account.apple.com), not the account's own",
    ),
    "yahoo": Preset(
        "imap.mail.yahoo.com",
        by_domain={"aol.com": "imap.aol.com"},
        hint="Yahoo wants an app password (Account Security), not the account's own",
    ),
    "gmx": Preset(
        "imap.gmx.net",
        by_domain={"gmx.com": "imap.gmx.com", "web.de": "imap.web.de", "mail.com": "imap.mail.com"},
        hint="allow IMAP in the webmail's settings first; with two-factor sign-in an app password is needed",
    ),
    "zoho": Preset(
        "imap.zoho.com",
        by_domain={"zohomail.eu": "imap.zoho.eu"},
        hint='switch IMAP on in the webmail; European and custom domains have hosts of their own: set "host"',
    ),
    "proton": Preset(
        "127.0.0.1",
        1143,
        "starttls",
        hint="Proton Bridge must run; it shows its own password, and exports its certificate for tls_ca_file",
    ),
}

OAUTH_PROVIDERS = frozenset({"gmail", "office365", "outlook", "fastmail"})
"""Providers whose OAuth2 endpoints are known, so that a client id is enough."""
