"""What Microsoft's errors and odd answers become: a line, a hint, and nothing that was secret."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

import httpx
import pytest

from mailsync.accounts.oauth.aadsts import refused
from mailsync.accounts.oauth.broker import login_needed
from mailsync.accounts.oauth.flow import Refused
from mailsync.accounts.oauth.microsoft import Microsoft, authority_of
from mailsync.config.models import AccountConfig, OAuthConfig
from mailsync.errors import ConfigError, MailsyncError, ProtocolError, SignInFailed, Throttled
from tests.accounts.oauth.office import ALICE, Office
from tests.servers.microsoft import Problem


@pytest.mark.parametrize(
    ("error", "code", "told", "hint"),
    [
        ("invalid_grant", 50173, "the password changed", "auth login work"),
        ("invalid_grant", 700082, "for months", "auth login work"),
        ("invalid_grant", 70043, "asks for a new sign-in", "a second factor"),
        ("interaction_required", 50076, "asks for a new sign-in", "a second factor"),
        ("interaction_required", 999999, "asks for a new sign-in", "a second factor"),
        ("invalid_grant", 65001, "not allowed to read mail", "IMAP.AccessAsUser.All"),
        ("consent_required", 999999, "not allowed to read mail", "IMAP.AccessAsUser.All"),
        ("invalid_grant", 530036, "Conditional Access", "not with a device code"),
        ("invalid_grant", 50057, "disabled", "administrator"),
    ],
)
def test_why_it_is_over(error: str, code: int, told: str, hint: str) -> None:
    refusal = refused(Problem(error, code).document)
    assert isinstance(refusal, Refused)
    assert refusal.over
    found = login_needed("work", AccountConfig(provider="office365"), refusal.reason)
    assert told in str(found)
    assert hint in found.hint
    assert "mailsync auth login work" in found.hint


def test_what_a_refused_application_lacks(office: Office) -> None:
    office.authority.problem = Problem("invalid_client", 7000218, "The app 'x' in 'Contoso'")
    with pytest.raises(SignInFailed, match="not registered as one for desktops") as caught:
        office.sign_in(device_code=True)
    assert "allow public client flows" in caught.value.hint
    assert "Contoso" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    ("error", "code", "told", "hint"),
    [
        ("unauthorized_client", 700016, "does not know the application", "client_id"),
        ("invalid_request", 50194, "not for every kind of account", "oauth.tenant"),
        ("access_denied", 53003, "Conditional Access", "not with a device code"),
        ("invalid_client", 650052, "no mailbox service", "licence"),
        ("invalid_request", 999999, "invalid_request (AADSTS999999)", "login.microsoftonline.com/error?code=999999"),
        ("access_denied", 999999, "the sign-in was refused (AADSTS999999)", "allow access"),
    ],
)
def test_what_a_number_means(error: str, code: int, told: str, hint: str) -> None:
    refusal = refused(Problem(error, code).document)
    assert isinstance(refusal, Refused)
    assert not refusal.over
    assert told in str(refusal)
    assert hint in refusal.hint


def test_refused_in_the_browser(office: Office) -> None:
    office.authority.declines = ("access_denied", "AADSTS90094: An administrator has to allow it. Trace ID: x")
    with pytest.raises(SignInFailed, match="not allowed to read mail") as caught:
        office.sign_in()
    assert "administrator" in caught.value.hint
    assert "was refused" in office.page
    office.authority.declines = ("access_denied", "")
    with pytest.raises(SignInFailed, match=r"^the sign-in was refused$"):
        office.sign_in()


def test_a_directory_that_is_none(office: Office) -> None:
    office.oauth["tenant"] = "nowhere.example"
    with pytest.raises(SignInFailed, match="does not know this directory"):
        office.sign_in()


@pytest.mark.parametrize(
    ("oauth", "authority"),
    [
        ({}, "https://login.microsoftonline.com/common"),
        ({"tenant": "contoso.com"}, "https://login.microsoftonline.com/contoso.com"),
        ({"issuer": "https://login.microsoftonline.us/common/v2.0"}, "https://login.microsoftonline.us/common"),
        (
            {"authorization_endpoint": "https://login.microsoftonline.us/x/oauth2/v2.0/authorize", "tenant": "y"},
            "https://login.microsoftonline.us/y",
        ),
    ],
)
def test_the_authority(oauth: dict[str, Any], authority: str) -> None:
    assert authority_of(AccountConfig(provider="office365", oauth=OAuthConfig(**oauth))) == authority


@pytest.mark.parametrize(
    "oauth", [{"tenant": "a/b"}, {"tenant": "../x"}, {"grant": "client_credentials", "client_secret_command": ["x"]}]
)
def test_no_authority(oauth: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        authority_of(AccountConfig(provider="office365", oauth=OAuthConfig(**oauth)))
    assert caught.value.scope == "account"


@pytest.mark.parametrize(
    "given", [{}, {"error": None}, {"error": {"x": 1}, "error_codes": ["a", -1, True], "error_description": 3}]
)
def test_an_error_that_is_none(given: dict[str, Any]) -> None:
    error = refused(given)
    assert isinstance(error, SignInFailed)
    assert "AADSTS" not in str(error)


def test_nothing_secret_is_told(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """Also where msal itself would log an answer, or quote one in an exception."""
    caplog.set_level(logging.DEBUG)
    office.sign_in()
    office.token(renew=True)
    texts: list[str] = []
    given = office.tokens.access
    for raw in (
        f'{{"access_token": "{given}"',
        f'["{given}"]',
        json.dumps({"token_type": "Bearer", "access_token": f"{given}\x01", "expires_in": 3599}),
        json.dumps({"token_type": "Bearer", "access_token": given, "expires_in": given}),
        json.dumps({"token_type": "Bearer", "access_token": given, "id_token": given, "expires_in": 1}),
    ):
        office.authority.raw = raw.encode()
        error = office.refusal(3400)
        assert type(error) is ProtocolError
        texts += [*traceback.format_exception(error), error.hint]
    office.authority.raw = None
    texts += [repr(office.tokens), caplog.text]
    told = " ".join(texts)
    assert not [secret for secret in office.authority.secrets if secret in told]
    assert ALICE not in told


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(429, headers={"Retry-After": "7"}), Throttled),
        (httpx.Response(503), Throttled),
        (httpx.Response(404), SignInFailed),
        (httpx.Response(403, text="<html>"), ProtocolError),
        (httpx.Response(302, headers={"Location": "https://evil.example/"}), ProtocolError),
        (httpx.Response(200, json={}), ProtocolError),
        (
            httpx.Response(
                200,
                json={"authorization_endpoint": "http://evil.example/x", "token_endpoint": "https://good.example/x"},
            ),
            ProtocolError,
        ),
    ],
)
def test_an_authority_that_describes_itself_badly(answer: httpx.Response, error: type[MailsyncError]) -> None:
    account = AccountConfig(provider="office365", oauth=OAuthConfig(client_id="x"))
    transport = httpx.MockTransport(lambda request: answer)
    with httpx.Client(transport=transport) as session, pytest.raises(MailsyncError) as caught:
        Microsoft(account, "", session).authorization("http://localhost:1", ALICE)
    assert type(caught.value) is error
    assert "evil" not in str(caught.value)
