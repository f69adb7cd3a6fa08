"""What is said to a provider's endpoints, on authlib: authorization code with PKCE, renewal, device code, revocation.

RFC 6749, RFC 7636 (S256 always), RFC 7009, RFC 8628, OpenID Connect Core 1.0. An ID token comes straight from the token
endpoint over TLS, so its claims are checked and not its signature (Core 3.1.3.7 point 6).
"""

from __future__ import annotations

import json
import re
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from authlib.oauth2.client import OAuth2Client  # type: ignore[import-untyped]

from mailsync.accounts.oauth.discovery import Provider
from mailsync.accounts.oauth.http import throttled, told
from mailsync.accounts.oauth.loopback import Expected, word
from mailsync.accounts.oauth.token import Reason
from mailsync.errors import ConfigError, ProtocolError, SignInFailed, Unreachable
from mailsync.text import safe_text

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SKEW_SECONDS = 300.0
"""How far the provider's clock and ours may be apart."""
TOKEN_BYTES = 16 * 1024
_TOKEN = re.compile(r"[\x21-\x7e]+")
TEMPORARY = {"temporarily_unavailable", "server_error"}
_OVER = {"invalid_grant", "interaction_required", "login_required", "consent_required"}
"""OpenID Connect Core 1.0 section 3.1.2.6 has the last three; Microsoft gives them for refresh tokens, too."""


class Refused(SignInFailed):
    """The token endpoint said no; `error` is its code (RFC 6749 section 5.2)."""

    def __init__(
        self, message: str, error: str, *, told_expired: bool = False, reason: Reason = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.error = error
        self.told_expired = told_expired
        """Its words for people speak of something that expired."""
        self.reason = reason
        """Why, where the provider says so in a way for programs."""

    @property
    def over(self) -> bool:
        """Whether what was asked with is worth nothing any more: only a person's sign-in helps."""
        return self.error in _OVER


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in in a browser: what was asked, to hold against the answer. `url` is for the person alone."""

    url: str = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    expected: Expected


@dataclass(frozen=True, slots=True)
class Device:
    """A sign-in on another device (RFC 8628 section 3.2); `seconds` until it ends, `interval` between questions."""

    device_code: str = field(repr=False)
    user_code: str
    url: str
    seconds: float
    interval: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the token endpoint gave; "" and None for what it left out."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    seconds: float | None
    scopes: tuple[str, ...] | None
    claims: Mapping[str, Any] = field(repr=False)


class _Said(Exception):
    """An error of the token endpoint as authlib hands it on; its own class refuses words that are not ASCII."""

    def __init__(self, error: Any = None, description: Any = None) -> None:
        super().__init__()
        self.error = error
        self.description = description


class Client:
    """An application at a provider. `now` is Unix seconds."""

    def __init__(self, provider: Provider, client_id: str, secret: str, session: httpx.Client) -> None:
        self.provider = provider
        self._id = client_id
        self._session = session
        self._oauth = OAuth2Client(
            session, client_id=client_id, scope=" ".join(provider.scopes) or None, code_challenge_method="S256"
        )
        self._oauth.oauth_error_class = _Said
        self._oauth.register_compliance_hook("access_token_response", self._heard)
        self._form: dict[str, str] = {}
        self._auth: httpx.Auth = httpx.Auth()
        if secret and not provider.secret_in_body:
            # Both are form-encoded before they are joined (RFC 6749 section 2.3.1).
            from urllib.parse import quote_plus

            self._auth = httpx.BasicAuth(quote_plus(client_id), quote_plus(secret))
        else:
            self._form = {"client_id": client_id} | ({"client_secret": secret} if secret else {})

    def authorization(self, redirect_uri: str, login_hint: str) -> Attempt:
        """A new sign-in: state and nonce of 256 bits, a PKCE verifier of 512."""
        if not self.provider.authorization:
            raise ConfigError(f"{self.provider.title} names no sign-in page", hint="set authorization_endpoint")
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        nonce = secrets.token_urlsafe(32) if "openid" in self.provider.scopes else ""
        more = dict(self.provider.parameters) | ({"nonce": nonce} if nonce else {})
        if "@" in login_hint:
            more["login_hint"] = login_hint
        url, _ = self._oauth.create_authorization_url(
            self.provider.authorization, state=state, code_verifier=verifier, redirect_uri=redirect_uri, **more
        )
        expected = Expected(redirect_uri, state, self.provider.issuer, self.provider.names_issuer)
        return Attempt(url, verifier, nonce, expected)

    def exchange(self, attempt: Attempt, code: str, now: float) -> Answer:
        """Tokens for the code of an answer."""
        redirect = attempt.expected.redirect_uri
        given = self._ask(
            "authorization_code", code=code, redirect_uri=redirect, code_verifier=attempt.verifier, scope=None
        )
        return self._answer(given, now, nonce=attempt.nonce)

    def refresh(self, token: str, now: float) -> Answer:
        """New tokens for a refresh token; it may come back changed, or not at all, which means unchanged."""
        return self._answer(self._ask("refresh_token", refresh_token=token, scope=None), now)

    def own(self, now: float) -> Answer:
        """The application's own token (client credentials)."""
        return self._answer(self._ask("client_credentials"), now)

    def device(self) -> Device:
        """Begin a sign-in on another device. Raises ConfigError where the provider has none."""
        url = self.provider.device
        if not url:
            raise ConfigError(f"{self.provider.title} offers no device code", hint="sign in with a browser instead")
        with told(url):
            answer = self._session.post(
                url, data=self._form | {"client_id": self._id, "scope": " ".join(self.provider.scopes)}, auth=self._auth
            )
        document = json_object(answer)
        if "error" in document:
            raise _refusal(self.provider, document["error"], document.get("error_description"))
        try:
            return Device(
                str(document["device_code"]),
                safe_text(str(document["user_code"]), 60),
                safe_text(str(document.get("verification_uri") or document["verification_url"]), 500),
                min(max(float(document["expires_in"]), 1.0), 3600.0),
                min(max(float(document.get("interval", 5)), 1.0), 60.0),
            )
        except (KeyError, ValueError, TypeError):
            raise ProtocolError(f"{self.provider.title} gave no device code that can be used") from None

    def device_tokens(self, device: Device, now: float) -> Answer:
        """Ask whether the person is done; Refused "authorization_pending" or "slow_down" until then."""
        return self._answer(self._ask(DEVICE_GRANT, device_code=device.device_code, scope=None), now)

    def revoke(self, endpoint: str, token: str, hint: str) -> None:
        """End a token at the provider (RFC 7009); `hint` is "refresh_token" or "access_token"."""
        with told(endpoint):
            answer = self._oauth.revoke_token(endpoint, token, hint, body=_encoded(self._form), auth=self._auth)
        if answer.is_error:
            raise Unreachable(f"{self.provider.title} did not end the sign-in (HTTP {answer.status_code})")

    def _ask(self, grant: str, **fields: str | None) -> Mapping[str, Any]:
        with told(self.provider.token):
            try:
                given = self._oauth.fetch_token(
                    self.provider.token, grant_type=grant, auth=self._auth, **self._form, **fields
                )
            except _Said as said:
                raise _refusal(self.provider, said.error, said.description) from None
            except (httpx.HTTPStatusError, ValueError, TypeError, OverflowError, RecursionError):
                raise ProtocolError(
                    f"{self.provider.title}: an answer that cannot be understood", hint="check token_endpoint"
                ) from None
        return dict(given)

    def _heard(self, answer: httpx.Response) -> httpx.Response:
        if busy := throttled(answer):
            raise busy
        return answer

    def _answer(self, given: Mapping[str, Any], now: float, nonce: str = "") -> Answer:
        title = self.provider.title
        if str(given.get("token_type", "Bearer")).lower() != "bearer":
            raise ProtocolError(f"{title}: a token of a kind that mail servers do not take")
        seconds = given.get("expires_in")
        try:
            lifetime = None if seconds is None else max(float(seconds), 0.0)
        except (TypeError, ValueError):
            lifetime = None
        scope = given.get("scope")
        id_token = given.get("id_token")
        return Answer(
            usable(title, given.get("access_token")),
            usable(title, given["refresh_token"]) if given.get("refresh_token") else "",
            lifetime,
            tuple(scope.split()) if isinstance(scope, str) and scope else None,
            self._claims(id_token, now, nonce) if isinstance(id_token, str) else {},
        )

    def _claims(self, id_token: str, now: float, nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token that is for us, of now, and of this sign-in (Core 3.1.3.7)."""
        try:
            payload = id_token.split(".")[1]
            claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
            fits = (
                self.provider.issuer in ("", claims["iss"])
                and self._id in audience
                and claims.get("azp", self._id) == self._id
                and float(claims["exp"]) > now - SKEW_SECONDS
                and (not nonce or claims.get("nonce") == nonce)
            )
        except (ValueError, KeyError, IndexError, TypeError):
            fits = False
        if not fits:
            raise SignInFailed(
                f"{self.provider.title}: the ID token is not for this sign-in",
                hint="check this machine's clock and issuer, then sign in again",
            )
        found: Mapping[str, Any] = claims
        return found


def _encoded(form: Mapping[str, str]) -> str:
    from urllib.parse import urlencode

    return urlencode(form)


def usable(title: str, value: Any) -> str:
    """A token as it may go into SASL: visible ASCII, so that it cannot end its field early (RFC 6750 section 2.1)."""
    if not isinstance(value, str) or len(value) > TOKEN_BYTES or not _TOKEN.fullmatch(value):
        raise ProtocolError(f"{title} gave a token that cannot be used")
    return value


def json_object(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer. Raises Throttled, and ProtocolError where it is none."""
    host = safe_text(answer.url.host, 100)
    if busy := throttled(answer):
        raise busy
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ProtocolError(f"{host}: an answer that is no JSON object (HTTP {answer.status_code})")
    return document


def _refusal(provider: Provider, error: Any, description: Any) -> Refused | Unreachable:
    """An error of the token endpoint, without its words for people: those may name the person."""
    code = word(str(error))
    if code in TEMPORARY:
        return Unreachable(f"{provider.title} cannot answer now ({code})", hint="try again later")
    hint = "sign in again"
    if code in ("invalid_client", "unauthorized_client", "invalid_request"):
        hint = (provider.preset.client_hint if provider.preset else "") or "check client_id and client_secret_command"
    elif code == "invalid_scope":
        hint = "check scopes"
    expired = isinstance(description, str) and "expired" in description.lower()
    return Refused(f"{provider.title} refused: {code}", code, told_expired=expired, hint=hint)
