"""What a provider may answer, and must not: held against a transport that says what a test wants."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from mailsync.accounts.oauth.discovery import Provider
from mailsync.accounts.oauth.flow import Attempt, Client, Refused
from mailsync.accounts.oauth.loopback import Expected
from mailsync.accounts.oauth.presets import PRESETS
from mailsync.errors import ProtocolError, SignInFailed, Throttled, Unreachable

NOW = 1_700_000_000.0
PROVIDER = Provider(
    "Example", "https://a.example", "https://a.example/auth?tenant=1", "https://a.example/token", scopes=("openid",)
)
ATTEMPT = Attempt("", "verifier", "n0nce", Expected("http://127.0.0.1:1/callback", "state"))


def client(
    answer: Callable[[httpx.Request], httpx.Response], provider: Provider = PROVIDER, secret: str = ""
) -> Client:
    return Client(provider, "app", secret, httpx.Client(transport=httpx.MockTransport(answer)))


def saying(status: int = 200, **document: Any) -> Client:
    return client(lambda request: httpx.Response(status, text=json.dumps(document)))


def id_token(**claims: Any) -> str:
    claims = {"iss": PROVIDER.issuer, "aud": "app", "exp": NOW + 60, "nonce": "n0nce", "sub": "1"} | claims
    body = json.dumps({key: value for key, value in claims.items() if value is not None})
    return f"e30.{base64.urlsafe_b64encode(body.encode()).rstrip(b'=').decode()}.c2ln"


def test_the_sign_in_page_is_asked_with_pkce() -> None:
    attempt = saying().authorization("http://127.0.0.1:1/callback", "me@example.com")
    asked = {key: value[0] for key, value in parse_qs(urlsplit(attempt.url).query).items()}
    assert asked["tenant"] == "1"
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert attempt.verifier not in attempt.url
    again = saying().authorization("http://127.0.0.1:1/callback", "")
    assert not {attempt.verifier, attempt.nonce, attempt.expected.state} & {
        again.verifier,
        again.nonce,
        again.expected.state,
    }


@pytest.mark.parametrize(
    ("in_body", "secret", "authorization", "in_form"),
    [
        (False, "", None, {"client_id": "app"}),
        (False, "a:b c", "Basic " + base64.b64encode(b"app:a%3Ab+c").decode(), {}),
        (True, "a:b c", None, {"client_id": "app", "client_secret": "a:b c"}),
    ],
)
def test_how_the_application_shows_who_it_is(
    in_body: bool, secret: str, authorization: str | None, in_form: dict[str, str]
) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"access_token": "t", "token_type": "bearer"})

    provider = Provider("Example", token="https://a.example/token", secret_in_body=in_body, scopes=("imap",))
    client(answer, provider, secret).refresh("r", NOW)
    client(answer, provider, secret).revoke("https://a.example/revoke", "r", "refresh_token")
    for request in seen:
        form = dict(parse_qsl(request.content.decode()))
        assert request.headers.get("authorization") == authorization
        assert {key: form[key] for key in form if key.startswith("client")} == in_form
        assert "r" not in request.url.query.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["app", "another"], "azp": "another"},
        {"exp": NOW - 301},
        {"nonce": "other"},
        {"nonce": None},
        {"aud": None},
    ],
    ids=str,
)
def test_an_id_token_that_is_not_for_this_sign_in(wrong: dict[str, Any]) -> None:
    with pytest.raises(SignInFailed, match="not for this sign-in"):
        saying(access_token="t", token_type="Bearer", id_token=id_token(**wrong)).exchange(ATTEMPT, "c", NOW)


def test_an_id_token_that_is() -> None:
    for claims in ({}, {"aud": ["app"], "azp": "app"}, {"exp": NOW - 299}):
        answer = saying(access_token="t", token_type="Bearer", id_token=id_token(**claims)).exchange(ATTEMPT, "c", NOW)
        assert answer.claims["sub"] == "1"
    # At a renewal nobody asked for a nonce.
    assert saying(access_token="t", id_token=id_token(nonce=None)).refresh("r", NOW).claims["sub"] == "1"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"access_token": 5},
        {"access_token": ""},
        {"access_token": "a\x01auth=Bearer b"},
        {"access_token": "a b"},
        {"access_token": "ä"},
        {"access_token": "a" * 20_000},
        {"access_token": "a", "refresh_token": "b\r\n"},
        {"access_token": "a", "token_type": "mac"},
        {"access_token": "a", "expires_in": "soon"},
        {"access_token": "a", "expires_in": float("inf")},
    ],
    ids=lambda document: str(document)[:40],
)
def test_tokens_that_cannot_be_used(document: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        saying(**document).refresh("r", NOW)


def test_lifetimes() -> None:
    assert saying(access_token="t", expires_in="3600").refresh("r", NOW).seconds == 3600
    assert saying(access_token="t").refresh("r", NOW).seconds is None


def test_answers_that_are_none() -> None:
    def failure(answer: httpx.Response) -> Exception:
        with pytest.raises((ProtocolError, Unreachable)) as caught:
            client(lambda request: answer).refresh("r", NOW)
        return caught.value

    assert isinstance(failure(httpx.Response(200, text="<html>login</html>")), ProtocolError)
    assert isinstance(failure(httpx.Response(200, json=["access_token"])), ProtocolError)
    assert isinstance(failure(httpx.Response(200, text="[" * 200_000)), ProtocolError)
    assert isinstance(failure(httpx.Response(302, headers={"location": "http://evil.example/"})), ProtocolError)
    busy = failure(httpx.Response(429, json={"error": "rate"}, headers={"retry-after": "30"}))
    assert isinstance(busy, Throttled)
    assert busy.resume_after == 30
    assert isinstance(failure(httpx.Response(503, text="down")), Throttled)
    assert type(failure(httpx.Response(400, json={"error": "temporarily_unavailable"}))) is Unreachable


def test_a_refusal_keeps_its_code_and_none_of_its_words() -> None:
    for description in ('Token of "me@example.com" expired', "Ungültig: me@example.com expired", None, 5):
        with pytest.raises(Refused) as caught:
            saying(400, error="invalid_grant", error_description=description).refresh("r", NOW)
        assert caught.value.error == "invalid_grant"
        assert caught.value.told_expired is isinstance(description, str)
        assert "me@" not in f"{caught.value!r} {caught.value.hint}"
    with pytest.raises(Refused) as caught:
        saying(400, error={"me@example.com": 1}).refresh("r", NOW)
    assert caught.value.error == "unknown error"


def test_google_is_asked_for_its_secret() -> None:
    google = Provider("Google", token="https://a.example/token", secret_in_body=True, preset=PRESETS["gmail"])
    with pytest.raises(Refused) as caught:
        client(lambda request: httpx.Response(400, json={"error": "invalid_request"}), google).refresh("r", NOW)
    assert "client_secret_command" in caught.value.hint


def test_nothing_secret_is_shown() -> None:
    attempt = saying().authorization("http://127.0.0.1:1/callback", "me@example.com")
    given = saying(access_token="acc", refresh_token="ref", id_token=id_token(email="me@example.com"))
    answer = given.exchange(Attempt("", "v", "n0nce", ATTEMPT.expected), "c", NOW)
    shown = f"{attempt} {answer}"
    for secret in (attempt.verifier, attempt.nonce, attempt.expected.state, "acc", "ref", "me@"):
        assert secret not in shown.replace("access", "")
