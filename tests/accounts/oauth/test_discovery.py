"""Where the endpoints are: presets, config.toml, and the provider's own document when it can be believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mailsync.accounts.oauth.discovery import metadata, provider_for
from mailsync.accounts.oauth.presets import is_microsoft
from mailsync.config.models import AccountConfig, OAuthConfig
from mailsync.errors import ConfigError, ProtocolError, Throttled

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"


def account(provider: str = "imap", **oauth: Any) -> AccountConfig:
    config = OAuthConfig(**({"client_id": "app"} | oauth))
    return AccountConfig(email="me@example.com", host="h", auth="oauth2", provider=provider, oauth=config)  # type: ignore[arg-type]


def web(pages: dict[str, Any]) -> httpx.Client:
    """A network where every address gives its document, or its answer; others are 404."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = pages.get(str(request.url))
        if found is None:
            return httpx.Response(404)
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    return httpx.Client(transport=httpx.MockTransport(answer))


def described(**more: Any) -> dict[str, Any]:
    base = "https://a.example"
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/auth",
        "token_endpoint": f"{base}/token",
        "device_authorization_endpoint": f"{base}/device",
        "revocation_endpoint": f"{base}/revoke",
        "authorization_response_iss_parameter_supported": True,
    } | more


@pytest.fixture
def nowhere() -> Iterator[httpx.Client]:
    with web({}) as session:
        yield session


def test_a_provider_describes_itself() -> None:
    pages = {f"https://a.example{OPENID}": described(scopes_supported=["openid", "offline_access", "other"])}
    found = provider_for(account(issuer="https://a.example/"), web(pages))  # people add the slash
    assert (found.issuer, found.token) == ("https://a.example", "https://a.example/token")
    assert (found.device, found.revocation) == ("https://a.example/device", "https://a.example/revoke")
    assert found.scopes == ("openid", "offline_access")
    assert found.parameters == {"prompt": "consent"}
    assert found.names_issuer
    assert not found.secret_in_body


def test_config_wins() -> None:
    pages = {f"https://a.example{OPENID}": described(token_endpoint_auth_methods_supported=["client_secret_post"])}
    own = account(issuer="https://a.example", token_endpoint="https://b.example/token", scopes=["mail"])
    found = provider_for(own, web(pages))
    assert (found.token, found.authorization) == ("https://b.example/token", "https://a.example/auth")
    assert (found.scopes, dict(found.parameters)) == (("mail",), {})
    assert found.secret_in_body


def test_the_other_place_of_the_document() -> None:
    """RFC 8414 section 3.1 puts the issuer's path behind, OpenID Connect before."""
    document = described(issuer="https://a.example/tenant")
    assert metadata("https://a.example/tenant", web({f"https://a.example{OAUTH}/tenant": document}))
    assert metadata("https://a.example/tenant", web({f"https://a.example/tenant{OPENID}": document}))


def test_redirects_stay_private() -> None:
    def moved(to: str) -> httpx.Client:
        there = httpx.Response(302, headers={"location": to})
        return web({f"https://a.example{OPENID}": there, "https://b.example/x": described(), "http://b.example/x": {}})

    assert metadata("https://a.example", moved("https://b.example/x"))
    for wrong in (
        "http://b.example/x",
        "http://127.0.0.1/x",
        "file:///etc/passwd",
        "https://[",
        f"https://a.example{OPENID}",
    ):
        with pytest.raises(ProtocolError, match="does not describe itself"):
            metadata("https://a.example", moved(wrong))


@pytest.mark.parametrize(
    "document",
    [
        described(issuer="https://evil.example"),
        described(issuer=5),
        described(token_endpoint="http://a.example/token"),
        described(token_endpoint="http://127.0.0.1/token"),  # a remote provider has no business here
        described(authorization_endpoint="javascript:alert(1)"),
        described(token_endpoint=["https://a.example/token"]),
        [described()],
    ],
    ids=lambda document: str(document)[-60:],
)
def test_a_document_that_is_not_believed(document: Any) -> None:
    with pytest.raises(ProtocolError):
        provider_for(account(issuer="https://a.example"), web({f"https://a.example{OPENID}": document}))


def test_a_provider_without_what_is_needed(nowhere: httpx.Client) -> None:
    with pytest.raises(ProtocolError, match="does not describe itself"):
        metadata("https://a.example", nowhere)
    bare = {f"https://a.example{OPENID}": {"issuer": "https://a.example"}}
    with pytest.raises(ConfigError, match="token endpoint"):
        provider_for(account(issuer="https://a.example"), web(bare))
    with pytest.raises(Throttled):
        metadata("https://a.example", web({f"https://a.example{OPENID}": httpx.Response(503)}))


def test_what_is_known_is_not_looked_up(nowhere: httpx.Client) -> None:
    google = provider_for(account("gmail"), nowhere)
    assert google.authorization == "https://accounts.google.com/o/oauth2/v2/auth"
    assert google.scopes[0] == "https://mail.google.com/"
    assert dict(google.parameters) == {"access_type": "offline", "prompt": "consent"}
    assert google.secret_in_body
    assert not google.device
    fastmail = provider_for(account("fastmail"), nowhere)
    assert fastmail.token == "https://api.fastmail.com/oauth/refresh"
    assert dict(fastmail.parameters) == {"prompt": "consent"}
    assert provider_for(account(token_endpoint="https://a.example/token"), nowhere).title == "a.example"


def test_who_is_microsoft() -> None:
    assert is_microsoft(account("office365"))
    assert is_microsoft(account(issuer="https://login.microsoftonline.com/common/v2.0"))
    assert not is_microsoft(account(issuer="https://login.microsoftonline.com.evil.example/"))
    assert not is_microsoft(account("gmail"))
