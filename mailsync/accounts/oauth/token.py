"""What is kept of a sign-in: one JSON document in the vault, versioned; opaque to the vault."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from mailsync.errors import LoginNeeded

VERSION = 1
MARGIN_SECONDS = 300.0
"""A token is renewed this long before it ends, so that it outlives what is begun with it and a clock that is off."""

Reason = Literal[
    "", "expired", "unused", "testing", "revoked", "password", "policy", "consent", "blocked", "licence", "disabled"
]
WHY: dict[Reason, str] = {
    "expired": "the sign-in has expired",
    "unused": "the sign-in has ended, not having been used for months",
    "testing": "the sign-in has ended after seven days",
    "revoked": "the sign-in was ended at the provider",
    "password": "the password changed, or every sign-in was ended",
    "policy": "the organisation asks for a new sign-in",
    "consent": "the application is not allowed to read mail",
    "blocked": "the organisation's rules (Conditional Access) forbid this sign-in",
    "licence": "the organisation has no mailbox service for this account",
    "disabled": "the account is disabled, locked or gone",
}
"""Why a sign-in ended, or came to nothing, in words for a person."""
HELP: dict[Reason, str] = {
    "policy": "a second factor, or a sign-in from time to time, may be asked for",
    "consent": "allow it; where the page wants an administrator, one has to grant IMAP.AccessAsUser.All",
    "blocked": "not with a device code, but in a browser on a device that the organisation knows; else ask its "
    "administrator to allow the application",
    "licence": "an administrator gives the account a licence for Exchange Online",
    "disabled": "ask the organisation's administrator",
}
"""What to do besides signing in."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A sign-in. Times are Unix seconds by this machine's clock."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    """What renews `access`: a refresh token, for Microsoft the cache of msal with one in it. "" where the provider
    gives none: then a person signs in again when `access` ends."""
    expires_at: float | None
    """When `access` ends; None where the provider does not say."""
    scopes: tuple[str, ...]
    subject: str = field(repr=False)
    """Who signed in, as the provider says: an address, a name, or "" where it does not."""
    obtained_at: float
    """When `access` came."""
    refresh_obtained_at: float
    """When the person signed in: a provider that ends sign-ins by age counts from here."""
    client_id: str
    issuer: str
    """"" where config.toml names endpoints alone."""
    token_endpoint: str
    revocation_endpoint: str = ""
    secret_in_body: bool = False
    refused: Reason = ""
    """Why the provider renews it no more: nobody asks again before a new sign-in."""

    def lasts(self, now: float) -> bool:
        """Whether `access` may be handed out: it has its margin to live, and the clock has not gone back."""
        if self.refused or not self.access:
            return False
        if self.expires_at is None:
            return True
        # Short tokens have a short margin: a token of five minutes would otherwise be renewed at every use.
        margin = min(MARGIN_SECONDS, (self.expires_at - self.obtained_at) / 2)
        return self.obtained_at - MARGIN_SECONDS <= now < self.expires_at - margin

    def usable(self, now: float) -> bool:
        """Whether `access` may still be tried where nothing better is to be had."""
        return not self.refused and bool(self.access) and (self.expires_at is None or now < self.expires_at)

    def ended(self, reason: Reason) -> Tokens:
        """The record of a sign-in that is over; what could still be used by mistake goes."""
        return replace(self, access="", refresh="", expires_at=None, refused=reason)

    def dump(self) -> bytes:
        """What the vault keeps."""
        return json.dumps({"version": VERSION, **asdict(self)}).encode("utf-8")


def load(name: str, data: bytes | None) -> Tokens | None:
    """The sign-in of the account `name`, None without one. Raises LoginNeeded for one that cannot be understood."""
    if data is None:
        return None
    try:
        document: dict[str, Any] = json.loads(data)
        if document.pop("version") != VERSION:
            raise ValueError
        document["scopes"] = tuple(document["scopes"])
        return Tokens(**document)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise LoginNeeded(
            f"{name}: the stored sign-in cannot be read (damaged, or of another version)",
            hint=f"run: mailsync auth login {name}",
        ) from None
