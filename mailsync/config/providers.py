"""Providers as data: what `provider = "..."` fills in, and what a person must know to sign in there.

It lives beside the models because a configuration is complete, or an error with a line number, once it is loaded.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal, get_args

from mailsync.record import record

Security = Literal["tls", "starttls", "none"]
Provider = Literal[
    "gmail",
    "office365",
    "outlook",
    "fastmail",
    "icloud",
    "yahoo",
    "aol",
    "gmx",
    "webde",
    "zoho",
    "proton",
    "imap",
]


@record(frozen=True)
class Preset:
    """How to reach a provider's IMAP service."""

    label: str
    """What people call it."""
    host: str
    port: int = 993
    security: Security = "tls"
    domains: tuple[str, ...] = ()
    """Domains of addresses that are the provider's own."""
    mx: tuple[str, ...] = ()
    """How the names of its mail exchangers end: domains of others whose mail it keeps point there."""
    by_domain: dict[str, str] = field(default_factory=dict)
    """Other hosts of the same provider, by the domain of the address."""
    password: bool = True
    """False where no kind of password is accepted any more."""
    local_part: bool = False
    """True where the user name is what stands before the @."""
    hint: str = ""
    """What a refused password usually means there."""
    steps: str = ""
    """What to do before a first sign-in, and in which menu."""


PRESETS: dict[str, Preset] = {
    "gmail": Preset(
        "Gmail",
        "imap.gmail.com",
        domains=("gmail.com", "googlemail.com"),
        mx=("google.com", "googlemail.com"),
        hint="Gmail wants an app password (Google account, Security, 2-Step Verification), not the account's own",
        steps="Gmail wants an app password, not the account's own: myaccount.google.com > Security > turn on 2-Step "
        "Verification > then myaccount.google.com/apppasswords > name it mailsync > copy the 16 letters",
    ),
    "office365": Preset(
        "Microsoft 365",
        "outlook.office365.com",
        mx=("mail.protection.outlook.com", "mx.microsoft"),
        password=False,
        steps="Microsoft accepts no password for IMAP any more: you sign in with a browser, for an application that "
        "you or your organisation registered: entra.microsoft.com > App registrations > New registration > "
        "Mobile and desktop, redirect http://localhost > copy the Application (client) ID",
    ),
    "outlook": Preset(
        "Outlook.com",
        "outlook.office365.com",
        domains=(
            *("outlook.com", "outlook.de", "outlook.fr", "outlook.es", "outlook.it", "outlook.at", "outlook.jp"),
            *("outlook.com.br", "hotmail.com", "hotmail.co.uk", "hotmail.de", "hotmail.fr", "hotmail.es"),
            *("hotmail.it", "live.com", "live.co.uk", "live.de", "live.fr", "live.nl", "msn.com"),
        ),
        mx=("olc.protection.outlook.com",),
        password=False,
        steps="Microsoft accepts no password for IMAP any more: you sign in with a browser, for an application that "
        "you registered: entra.microsoft.com > App registrations > New registration > personal Microsoft accounts, "
        "Mobile and desktop, redirect http://localhost > copy the Application (client) ID. IMAP must be on: "
        "outlook.com > Settings > Mail > Forwarding and IMAP",
    ),
    "fastmail": Preset(
        "Fastmail",
        "imap.fastmail.com",
        domains=("fastmail.com", "fastmail.fm", "fastmail.de", "fastmail.org", "fastmail.net", "sent.com"),
        mx=("messagingengine.com",),
        hint="Fastmail wants an app password (Settings, Privacy & Security), not the account's own",
        steps="Fastmail wants an app password, not the account's own: Settings > Privacy & Security > Manage app "
        "passwords and access > New app password > Mail (IMAP)",
    ),
    "icloud": Preset(
        "iCloud",
        "imap.mail.me.com",
        domains=("icloud.com", "me.com", "mac.com"),
        mx=("mail.icloud.com",),
        local_part=True,
        hint="iCloud wants an app-specific password (account.apple.com), not the account's own",
        steps="iCloud wants an app-specific password, not the account's own: account.apple.com > Sign-In and "
        "Security > App-Specific Passwords > +",
    ),
    "yahoo": Preset(
        "Yahoo",
        "imap.mail.yahoo.com",
        domains=(
            *("yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "yahoo.es", "yahoo.it", "yahoo.ca", "yahoo.in"),
            *("yahoo.co.in", "yahoo.com.br", "yahoo.com.au", "yahoo.co.id", "ymail.com", "rocketmail.com"),
        ),
        mx=("yahoodns.net",),
        by_domain={"aol.com": "imap.aol.com"},
        hint="Yahoo wants an app password (Account Security), not the account's own",
        steps="Yahoo wants an app password, not the account's own: login.yahoo.com/account/security > Generate and "
        "manage app passwords",
    ),
    "aol": Preset(
        "AOL",
        "imap.aol.com",
        domains=("aol.com", "aol.de", "aol.fr", "aol.co.uk", "aim.com", "verizon.net"),
        hint="AOL wants an app password (Account Security), not the account's own",
        steps="AOL wants an app password, not the account's own: login.aol.com/account/security > Generate and manage "
        "app passwords",
    ),
    "gmx": Preset(
        "GMX",
        "imap.gmx.net",
        domains=("gmx.net", "gmx.de", "gmx.at", "gmx.ch", "gmx.com", "gmx.us", "gmx.co.uk", "gmx.fr", "mail.com"),
        mx=("gmx.net", "gmx.com", "mail.com"),
        by_domain={
            **dict.fromkeys(("gmx.com", "gmx.us", "gmx.co.uk", "gmx.fr"), "imap.gmx.com"),
            "web.de": "imap.web.de",
            "mail.com": "imap.mail.com",
        },
        hint="allow IMAP in the webmail's settings first; with two-factor sign-in an app password is needed",
        steps="GMX must be told to allow it first: webmail > E-Mail > Settings > POP3/IMAP > allow access; with "
        "two-factor sign-in an app password is needed: My Account > Security > App passwords",
    ),
    "webde": Preset(
        "WEB.DE",
        "imap.web.de",
        domains=("web.de",),
        mx=("web.de",),
        hint="allow IMAP in the webmail's settings first; with two-factor sign-in an app password is needed",
        steps="WEB.DE must be told to allow it first: webmail > E-Mail > Settings > POP3/IMAP > allow access; with "
        "two-factor sign-in an app password is needed: My Account > Security > App passwords",
    ),
    "zoho": Preset(
        "Zoho",
        "imap.zoho.com",
        domains=("zoho.com", "zohomail.com", "zoho.eu", "zohomail.eu", "zoho.in", "zohomail.in"),
        by_domain={
            **dict.fromkeys(("zoho.eu", "zohomail.eu"), "imap.zoho.eu"),
            **dict.fromkeys(("zoho.in", "zohomail.in"), "imap.zoho.in"),
        },
        hint='switch IMAP on in the webmail; European and custom domains have hosts of their own: set "host"',
        steps="Zoho must be told to allow it first: webmail > Settings > Mail accounts > IMAP access; with two-factor "
        "sign-in an app password is needed: accounts.zoho.com > Security > App passwords",
    ),
    "proton": Preset(
        "Proton Mail Bridge",
        "127.0.0.1",
        1143,
        "starttls",
        domains=("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
        mx=("protonmail.ch",),
        hint="Proton Bridge must run; it shows its own password, and exports its certificate for tls_ca_file",
        steps="Proton is reached through Proton Mail Bridge on this machine: start it > your account > Mailbox "
        "details > copy the password shown there; Settings > Advanced settings > Export TLS certificates, and name "
        "the exported cert.pem with --tls-ca-file",
    ),
}

OAUTH_PROVIDERS = frozenset({"gmail", "office365", "outlook", "fastmail"})
"""Providers whose OAuth2 endpoints are known, so that a client id is enough."""

HOSTS_BY_MX: tuple[tuple[str, str, str], ...] = (
    ("zoho.eu", "zoho", "imappro.zoho.eu"),
    ("zoho.in", "zoho", "imappro.zoho.in"),
    ("zoho.com", "zoho", "imappro.zoho.com"),
)
"""Where a provider keeps other people's domains elsewhere than its own: end of an exchanger's name, provider, host."""


def named(name: str) -> Provider | None:
    """The provider of this name, None where there is none with a preset."""
    return _NAMES[name] if name in PRESETS else None


def of_domain(domain: str) -> Provider | None:
    """The provider whose own domain this is (lower case, A-labels), None for any other domain."""
    return _BY_DOMAIN.get(domain)


def of_host(host: str) -> Provider | None:
    """The provider whose IMAP host this is, None for any other host."""
    return _BY_HOST.get(host)


def of_exchanger(exchanger: str) -> tuple[Provider, str] | None:
    """The provider that keeps the mail behind a mail exchanger (lower case, no dot at the end), and its host."""
    for suffix, name, host in HOSTS_BY_MX:
        if _is_below(exchanger, suffix):
            return _NAMES[name], host
    matches = [(suffix, name) for name, preset in PRESETS.items() for suffix in preset.mx]
    for suffix, name in sorted(matches, key=lambda pair: -len(pair[0])):
        if _is_below(exchanger, suffix):
            return _NAMES[name], PRESETS[name].host
    return None


def _is_below(name: str, suffix: str) -> bool:
    return name == suffix or name.endswith("." + suffix)


_NAMES: dict[str, Provider] = {name: name for name in get_args(Provider)}
_BY_DOMAIN: dict[str, Provider] = {
    domain: _NAMES[name] for name, preset in PRESETS.items() for domain in preset.domains
}
_BY_HOST: dict[str, Provider] = {
    **{host: _NAMES[name] for name, preset in PRESETS.items() for host in preset.by_domain.values()},
    # The first of those that share a host has the last word.
    **{preset.host: _NAMES[name] for name, preset in reversed(PRESETS.items()) if name != "proton"},
}
