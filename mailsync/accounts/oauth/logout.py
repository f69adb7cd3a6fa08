"""Signing out, and what there is to say of a sign-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mailsync.accounts.oauth.broker import fits, login_needed
from mailsync.accounts.oauth.token import Tokens, load
from mailsync.errors import LoginNeeded, MailsyncError

if TYPE_CHECKING:
    from mailsync.accounts.vault import Vault
    from mailsync.config.models import AccountConfig

Revoked = Literal["nothing", "revoked", "not offered", "failed"]
"""What became of the tokens at the provider: none were there, it ended them, it has no way, it could not be asked."""


@dataclass(frozen=True, slots=True)
class State:
    """A sign-in, without its tokens. Times are Unix seconds."""

    signed_in: bool
    subject: str = field(default="", repr=False)
    expires_at: float | None = None
    """When the access token ends; without a person's help there is another if `refreshable`."""
    refreshable: bool = False
    signed_in_at: float | None = None
    renewed_at: float | None = None
    scopes: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""


def state(name: str, account: AccountConfig, vault: Vault, now: float) -> State:
    """What is known of a sign-in here; the provider is not asked. Raises SecretsUnavailable."""
    try:
        tokens = load(name, vault.token(name))
    except LoginNeeded as error:
        return State(False, problem=str(error), hint=error.hint)
    if account.oauth_command:
        return State(True)
    login = f"run: mailsync auth login {name}"
    if tokens is None:
        if account.oauth.grant == "client_credentials":
            return State(True)
        return State(False, problem="nobody has signed in yet", hint=login)
    alone = bool(tokens.refresh) or account.oauth.grant == "client_credentials"
    problem, hint = "", ""
    if tokens.refused:
        ended = login_needed(name, account, tokens.refused)
        problem, hint = str(ended), ended.hint
    elif not fits(tokens, account):
        problem, hint = "the sign-in is for another client_id or issuer", login
    elif not alone and not tokens.usable(now):
        problem, hint = "the sign-in has expired, and the provider gives none that renews itself", login
    return State(
        not problem,
        tokens.subject,
        tokens.expires_at,
        alone,
        tokens.refresh_obtained_at,
        tokens.obtained_at,
        tokens.scopes,
        problem,
        hint,
    )


def sign_out(name: str, account: AccountConfig, vault: Vault) -> Revoked:
    """End a sign-in at the provider where that is possible, and forget it here in any case.

    Raises SecretsUnavailable.
    """
    with vault.lock(name):
        try:
            tokens = load(name, vault.token(name))
        except LoginNeeded:
            tokens = None
        revoked = _end(name, account, tokens)
        vault.forget(name)
    return revoked


def _end(name: str, account: AccountConfig, tokens: Tokens | None) -> Revoked:
    from mailsync.accounts.oauth.client import client_for
    from mailsync.accounts.oauth.flow import Client

    if tokens is None or not (tokens.refresh or tokens.access):
        return "nothing"
    if not tokens.revocation_endpoint:
        return "not offered"
    kind = "refresh_token" if tokens.refresh else "access_token"
    try:
        with client_for(name, account, tokens) as client:
            assert isinstance(client, Client)
            client.revoke(tokens.revocation_endpoint, tokens.refresh or tokens.access, kind)
    except MailsyncError:
        return "failed"
    return "revoked"
