"""Providers as data: endpoints that are known, and what a person must hear when tokens end there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from mailsync.record import record

if TYPE_CHECKING:
    from mailsync.config.models import AccountConfig

DAY = 86400.0


@record(frozen=True)
class Preset:
    """What is known of a provider without asking it."""

    title: str
    issuer: str
    authorization: str
    token: str
    revocation: str
    mail_scope: str
    """Without it in the answer, the person did not allow mail."""
    scopes: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    """More parameters of the authorization request."""
    secret_in_body: bool = False
    names_issuer: bool = False
    """Whether its answers carry `iss` (RFC 9207)."""
    no_device: str = ""
    """Why a device code does not work there."""
    client_hint: str = ""
    """What a refused application usually means there."""
    ended_hint: str = ""
    """What ends a sign-in there, besides age."""
    testing_seconds: float = 0.0
    """How long a sign-in lasts for an application that its owner has not published."""
    testing_hint: str = ""


PRESETS: dict[str, Preset] = {
    "gmail": Preset(
        title="Google",
        issuer="https://accounts.google.com",
        authorization="https://accounts.google.com/o/oauth2/v2/auth",
        token="https://oauth2.googleapis.com/token",
        revocation="https://oauth2.googleapis.com/revoke",
        mail_scope="https://mail.google.com/",
        scopes=("https://mail.google.com/", "openid", "email"),
        # Google gives a refresh token on first consent only, unless consent is asked for again.
        parameters={"access_type": "offline", "prompt": "consent"},
        secret_in_body=True,
        no_device="Google's device code does not allow mail",
        client_hint="Google gives desktop applications a secret as well: set client_secret_command",
        ended_hint="Google ends a sign-in when the password changes, when access is taken back "
        "(myaccount.google.com/permissions), after six months without use, or at too many sign-ins",
        testing_seconds=7 * DAY,
        testing_hint="Google ends sign-ins of an application in testing after seven days: publish it "
        "(Google Auth Platform, Audience), then",
    ),
    "fastmail": Preset(
        title="Fastmail",
        issuer="https://api.fastmail.com",
        authorization="https://api.fastmail.com/oauth/authorize",
        token="https://api.fastmail.com/oauth/refresh",
        revocation="https://api.fastmail.com/oauth/revoke",
        mail_scope="https://www.fastmail.com/dev/protocol-imap",
        scopes=("https://www.fastmail.com/dev/protocol-imap", "offline_access"),
        names_issuer=True,
        no_device="Fastmail has no device code",
        client_hint="Fastmail registers applications by itself: check client_id",
        ended_hint="it was taken back (Settings, Privacy & Security, Connected apps), or the password changed",
    ),
}

MICROSOFT_HOSTS = ("login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn")


def is_microsoft(account: AccountConfig) -> bool:
    """Whether an account signs in at Microsoft: by its provider, or by the host of an endpoint it names."""
    if account.provider in ("office365", "outlook"):
        return True
    from urllib.parse import urlsplit

    named = (account.oauth.issuer, account.oauth.authorization_endpoint, account.oauth.token_endpoint)
    return any((urlsplit(url).hostname or "") in MICROSOFT_HOSTS for url in named)
