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
from mailsync.accounts.oauth.microsoft import Microsoft
from mailsync.accounts.oauth.presets import PRESETS, is_microsoft
from mailsync.accounts.oauth.token import Tokens
from mailsync.text import safe_text

if TYPE_CHECKING:
    from mailsync.config.models import AccountConfig


AnyClient = Client | Microsoft


@contextlib.contextmanager
def client_for(name: str, account: AccountConfig, tokens: Tokens | None = None) -> Iterator[AnyClient]:
    """A client for one errand.

    With the `tokens` of a sign-in nothing is looked up: they are renewed where they came from, also when the
    provider's metadata is out of reach or has changed. (Microsoft's is always looked up.) Runs client_secret_command.
    Raises what `provider_for` and commands raise.
    """
    oauth = account.oauth
    with http.session(account.tls_ca_file) as session:
        if is_microsoft(account):
            # An application for desktops has no secret there, and is refused with one.
            own = oauth.grant == "client_credentials"
            yield Microsoft(account, _secret(name, account) if own else "", session)
            return
        provider = provider_for(account, session) if tokens is None else _as_before(account, tokens)
        yield Client(provider, oauth.client_id, _secret(name, account), session)


def _secret(name: str, account: AccountConfig) -> str:
    argv = account.oauth.client_secret_command
    return command.first_line(name, "client_secret_command", argv, quiet=True) if argv else ""


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
