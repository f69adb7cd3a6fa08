"""Where a provider's endpoints are: config.toml, else a preset, else the provider's own metadata.

OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3. What a document says is believed only for the issuer it
was asked of, and its endpoints must be https; http is for a provider on this machine alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from mailsync.accounts.oauth.http import is_private, throttled, told
from mailsync.accounts.oauth.presets import PRESETS, Preset
from mailsync.config.checks import is_loopback
from mailsync.errors import ConfigError, ProtocolError
from mailsync.text import safe_text

if TYPE_CHECKING:
    import httpx

    from mailsync.config.models import AccountConfig

REDIRECTS = 3
GENERIC_SCOPES = ("openid", "email", "offline_access")
"""Asked of a provider that config.toml says nothing of: who it is, and tokens that can be renewed."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's endpoints and ways; "" is what it does not have."""

    title: str
    issuer: str = ""
    authorization: str = ""
    token: str = ""
    device: str = ""
    revocation: str = ""
    scopes: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    secret_in_body: bool = False
    """The application's secret goes into the body, not into HTTP basic authentication (RFC 6749 section 2.3.1)."""
    names_issuer: bool = False
    """Its answers carry `iss` (RFC 9207): one without it is somebody else's."""
    redirect_uri: str = ""
    """The loopback address that it insists on; "" takes any."""
    preset: Preset | None = None


def provider_for(account: AccountConfig, session: httpx.Client) -> Provider:
    """The provider of an account; asks it for its metadata where config.toml and the presets leave something open.

    Raises Unreachable, ProtocolError for metadata that cannot be used, ConfigError where an endpoint is missing.
    """
    oauth = account.oauth
    preset = None if oauth.issuer or oauth.token_endpoint else PRESETS.get(account.provider)
    if preset is not None:
        found = Provider(
            preset.title,
            preset.issuer,
            preset.authorization,
            preset.token,
            revocation=preset.revocation,
            scopes=preset.scopes,
            parameters=preset.parameters,
            secret_in_body=preset.secret_in_body,
            names_issuer=preset.names_issuer,
            preset=preset,
        )
    elif oauth.issuer:
        found = _described(oauth.issuer, metadata(oauth.issuer, session))
    else:
        found = Provider(safe_text(urlsplit(oauth.token_endpoint).hostname or "", 100))
    scopes = tuple(oauth.scopes) or found.scopes
    parameters = dict(found.parameters)
    if "offline_access" in scopes and not parameters:
        parameters["prompt"] = "consent"  # OpenID Connect Core 1.0 section 11: no offline access without it
    found = replace(
        found,
        authorization=oauth.authorization_endpoint or found.authorization,
        token=oauth.token_endpoint or found.token,
        device=oauth.device_authorization_endpoint or found.device,
        scopes=scopes,
        parameters=parameters,
    )
    if not found.token:
        raise ConfigError(f"{found.title} names no token endpoint", hint="set token_endpoint")
    return found


def metadata(issuer: str, session: httpx.Client) -> dict[str, Any]:
    """The metadata of an issuer. Raises Unreachable, or ProtocolError where there is none that may be believed."""
    parts = urlsplit(issuer)
    base, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    places = (
        f"{base}{path}/.well-known/openid-configuration",
        f"{base}/.well-known/oauth-authorization-server{path}",
    )
    for place in places:
        document = _fetch(place, session)
        if document is None:
            continue
        # The trailing slash is what people get wrong; anything else would be another issuer.
        said = document.get("issuer")
        if not isinstance(said, str) or said.rstrip("/") != issuer.rstrip("/"):
            raise ProtocolError(
                f"{safe_text(parts.netloc, 100)} describes another issuer",
                hint=f"set issuer to what it calls itself: {safe_text(str(said), 200)}",
            )
        return document
    raise ProtocolError(
        f"{safe_text(parts.netloc, 100)} does not describe itself (no OpenID or OAuth metadata)",
        hint="check issuer, or set authorization_endpoint and token_endpoint instead",
    )


def _fetch(url: str, session: httpx.Client) -> dict[str, Any] | None:
    """A JSON object, None where there is none; redirects from https stay https."""
    for _ in range(REDIRECTS + 1):
        with told(url):
            answer = session.get(url, headers={"Accept": "application/json"})
        if not answer.is_redirect:
            break
        try:
            target = urljoin(url, answer.headers.get("location", ""))
            if urlsplit(target).scheme != urlsplit(url).scheme or not is_private(target):
                return None
        except ValueError:
            return None
        url = target
    if busy := throttled(answer):
        raise busy
    if answer.status_code != 200:
        return None
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _described(issuer: str, document: Mapping[str, Any]) -> Provider:
    local = is_loopback(urlsplit(issuer).hostname or "")

    def endpoint(key: str) -> str:
        url = document.get(key)
        if url is None:
            return ""
        if not isinstance(url, str) or not is_private(url) or (not local and urlsplit(url).scheme != "https"):
            raise ProtocolError(
                f"{safe_text(urlsplit(issuer).netloc, 100)} names an address for {key} that is not https",
                hint=f"set {key} yourself if you know better" if key.endswith("n_endpoint") else "",
            )
        return url

    def names(key: str) -> tuple[str, ...] | None:
        value = document.get(key)
        return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else None

    methods = names("token_endpoint_auth_methods_supported")
    known = names("scopes_supported")
    return Provider(
        safe_text(urlsplit(issuer).netloc, 100),
        str(document["issuer"]),
        endpoint("authorization_endpoint"),
        endpoint("token_endpoint"),
        endpoint("device_authorization_endpoint"),
        endpoint("revocation_endpoint"),
        tuple(scope for scope in GENERIC_SCOPES if known is None or scope in known),
        secret_in_body=methods is not None and "client_secret_basic" not in methods,
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )
