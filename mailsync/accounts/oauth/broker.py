"""An access token whenever a connection needs one: from the vault, renewed before it ends, once among all processes.

    lasts 300 s or more      handed out; nothing is asked, nothing is locked
    ends                     under the vault's lock: read again (another process may have renewed it), ask the provider,
                             store, then hand out
    refused (invalid_grant)  remembered beside the tokens: LoginNeeded at once, for every process, until a new sign-in

What a provider gives is stored, on disk, before it is used. Killed before, the old record stays. A provider that keeps
refresh tokens (Google) or forgives a repeated use then renews from it as if nothing had happened; a strict one that
rotates them (RFC 9700 section 4.14.2) takes the old token for stolen: one new sign-in is needed, and said once. More
cannot be had: the provider changes its mind before its answer can be anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mailsync.accounts.oauth.presets import DAY, PRESETS
from mailsync.accounts.oauth.token import HELP, WHY, Reason, Tokens, load
from mailsync.errors import LoginNeeded, SignInFailed, Throttled, Unreachable
from mailsync.privacy.secret import Bearer

if TYPE_CHECKING:
    from mailsync.accounts.oauth.client import AnyClient
    from mailsync.accounts.oauth.flow import Answer, Refused
    from mailsync.accounts.vault import Vault
    from mailsync.config.models import AccountConfig

TESTING_SLACK = 3 * 3600.0
TESTING_SEEN = 7 * DAY
"""A sign-in that fails so long after the seven days may well have ended by them, with the machine off since."""
UNUSED_SECONDS = 180 * DAY


def access_token(
    name: str, account: AccountConfig, vault: Vault, *, renew: bool = False, now: Callable[[], float] = time.time
) -> Bearer:
    """An access token of the account `name`.

    `renew`: the mail server has just refused the last one, so another is needed. Blocks for up to a minute: call it in
    a thread. Raises LoginNeeded where only a person can help, Unreachable where the provider cannot be asked,
    SecretsUnavailable, and what a provider's answer deserves.
    """
    known = load(name, vault.token(name))
    if known is not None and not renew and fits(known, account) and known.lasts(now()):
        return Bearer(known.access, known.expires_at)
    with vault.lock(name):
        current = load(name, vault.token(name))
        if current is not None and fits(current, account) and current.lasts(now()):
            renewed_meanwhile = known is None or current.access != known.access
            if renewed_meanwhile or not renew:
                return Bearer(current.access, current.expires_at)
        return _renewed(name, account, vault, current, renew, now)


def fits(tokens: Tokens, account: AccountConfig) -> bool:
    """Whether the tokens are of the application and the provider that config.toml names."""
    oauth = account.oauth
    same_issuer = not oauth.issuer or tokens.issuer.rstrip("/") == oauth.issuer.rstrip("/")
    return same_issuer and tokens.client_id == oauth.client_id


def _renewed(
    name: str, account: AccountConfig, vault: Vault, current: Tokens | None, renew: bool, now: Callable[[], float]
) -> Bearer:
    from mailsync.accounts.oauth.flow import Refused

    own = account.oauth.grant == "client_credentials"
    if not own:
        if current is None:
            raise LoginNeeded(f"{name}: nobody has signed in yet", hint=f"run: mailsync auth login {name}")
        if not fits(current, account):
            raise LoginNeeded(
                f"{name}: the sign-in is for another client_id or issuer", hint=f"run: mailsync auth login {name}"
            )
        if current.refused:
            raise login_needed(name, account, current.refused)
        if not current.refresh:
            if not renew and current.usable(now()):
                return Bearer(current.access, current.expires_at)
            raise _remembered(name, account, vault, current, "expired")
    began = now()
    try:
        tokens = _asked(name, account, current, began)
    except Refused as refused:
        if not refused.over or current is None or own:
            raise SignInFailed(f"{name}: {refused}", hint=refused.hint) from None
        raise _remembered(name, account, vault, current, _reason(account, current, refused, began)) from None
    except Unreachable:
        # This is what the margin is for: the token works for some minutes more.
        if current is not None and not renew and current.usable(now()):
            return Bearer(current.access, current.expires_at)
        raise
    vault.store_token(name, tokens.dump())
    return Bearer(tokens.access, tokens.expires_at)


def _asked(name: str, account: AccountConfig, current: Tokens | None, began: float) -> Tokens:
    """New tokens from the provider; asked twice where the network fails, since an answer may have been lost."""
    from mailsync.accounts.oauth.client import client_for

    with client_for(name, account, current) as client:

        def ask() -> Answer:
            if account.oauth.grant == "client_credentials":
                return client.own(began)
            assert current is not None
            return client.refresh(current.refresh, began)

        try:
            answer = ask()
        except Throttled:
            raise
        except Unreachable:
            answer = ask()
        return kept(client, account, answer, began, current)


def kept(
    client: AnyClient, account: AccountConfig, answer: Answer, began: float, before: Tokens | None = None
) -> Tokens:
    """The record of an answer; what it leaves out stays as it was `before`. Its time runs from `began`, the asking."""
    provider = client.provider
    return Tokens(
        access=answer.access,
        refresh=answer.refresh or (before.refresh if before else ""),
        expires_at=None if answer.seconds is None else began + answer.seconds,
        scopes=answer.scopes or (before.scopes if before else provider.scopes),
        subject=subject(answer) or (before.subject if before else ""),
        obtained_at=began,
        refresh_obtained_at=before.refresh_obtained_at if before else began,
        client_id=account.oauth.client_id,
        issuer=provider.issuer,
        token_endpoint=provider.token,
        revocation_endpoint=provider.revocation,
        secret_in_body=provider.secret_in_body,
    )


def subject(answer: Answer) -> str:
    """Who an ID token speaks of, as a person knows them; "" without one."""
    for claim in ("email", "preferred_username", "upn", "sub"):
        value = answer.claims.get(claim)
        if isinstance(value, str) and value:
            return value[:320]
    return ""


def login_needed(name: str, account: AccountConfig, reason: Reason) -> LoginNeeded:
    """What to tell of a sign-in that is over."""
    preset = PRESETS.get(account.provider)
    login = f"run: mailsync auth login {name}"
    if reason == "testing" and preset is not None:
        return LoginNeeded(f"{name}: {WHY[reason]}", hint=f"{preset.testing_hint} {login}")
    more = HELP.get(reason, "")
    if reason == "revoked":
        more = preset.ended_hint if preset else "it was taken back, or the password changed"
    return LoginNeeded(f"{name}: {WHY[reason]}", hint=f"{login} ({more})" if more else login)


def _remembered(name: str, account: AccountConfig, vault: Vault, current: Tokens, reason: Reason) -> LoginNeeded:
    vault.store_token(name, current.ended(reason).dump())
    return login_needed(name, account, reason)


def _reason(account: AccountConfig, tokens: Tokens, refused: Refused, at: float) -> Reason:
    """Why a provider renews a sign-in no more: it never says so in a way that programs may rely on."""
    if refused.reason:
        return refused.reason
    preset = PRESETS.get(account.provider)
    age = at - tokens.refresh_obtained_at
    if preset is not None and preset.testing_seconds:
        overdue = age - preset.testing_seconds
        if -TESTING_SLACK <= overdue < TESTING_SEEN:
            return "testing"
    if at - tokens.obtained_at >= UNUSED_SECONDS:
        return "unused"
    return "expired" if refused.told_expired else "revoked"
