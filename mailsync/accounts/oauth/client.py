"""The client of an account: its application, at its provider, with its secret."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mailsync.accounts import command
from mailsync.accounts.oauth import http
from mailsync.accounts.oauth.discovery import Provider, provider_for
from mailsync.accounts.oauth.flow import Client
from mailsync.accounts.oauth.presets import PRESETS, is_microsoft
from mailsync.accounts.oauth.token import Tokens
from mailsync.errors import CredentialMissing
from mailsync.text import safe_text

if TYPE_CHECKING:
    from mailsync.config.models import AccountConfig


@contextlib.contextmanager
def client_for(name: str, account: AccountConfig, tokens: Tokens | None = None) -> Iterator[Client]:
    """A client for one errand.

    With the `tokens` of a sign-in nothing is looked up: they are renewed where they came from, also when the
    provider's metadata is out of reach or has changed. Runs client_secret_command. Raises what `provider_for` and
    commands raise, and CredentialMissing for an account at Microsoft: those are not signed in this way.
    """
    oauth = account.oauth
    if is_microsoft(account):
        raise CredentialMissing(
            f"{name}: this version does not sign in at Microsoft by itself",
            hint=f"set oauth_command in [accounts.{name}] to a program that prints an access token",
        )
    with http.session(account.tls_ca_file) as session:
        provider = provider_for(account, session) if tokens is None else _as_before(account, tokens)
        secret = ""
        if oauth.client_secret_command:
            secret = command.first_line(name, "client_secret_command", oauth.client_secret_command, quiet=True)
        yield Client(provider, oauth.client_id, secret, session)


def _as_before(account: AccountConfig, tokens: Tokens) -> Provider:
    preset = None if account.oauth.issuer or account.oauth.token_endpoint else PRESETS.get(account.provider)
    endpoint = account.oauth.token_endpoint or tokens.token_endpoint
    return Provider(
        preset.title if preset else safe_text(urlsplit(endpoint).netloc, 100),
        tokens.issuer,
        token=endpoint,
        revocation=tokens.revocation_endpoint,
        scopes=tokens.scopes,
        secret_in_body=tokens.secret_in_body,
        preset=preset,
    )
