"""Signing in at a real OpenID provider: by browser, by pasting, by device code; and everything a person gets wrong."""

from __future__ import annotations

import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from mailsync.accounts.oauth import device, login
from mailsync.accounts.oauth.client import client_for
from mailsync.accounts.oauth.login import is_account
from mailsync.config.models import AccountConfig, OAuthConfig
from mailsync.errors import Interrupted, MailsyncError, SignInFailed, UsageError
from tests.accounts.oauth.conftest import House, Person


def asked(person: Person) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(person.url).query).items()}


def test_a_browser_signs_in(house: House) -> None:
    person = Person(house.address)
    signed = house.login(person).run()
    person.leave()

    assert signed.subject == house.address
    assert signed.refreshable
    assert set(signed.scopes) == {"openid", "email", "offline_access", "imap"}
    assert signed.expires_at is not None
    assert 3500 < signed.expires_at - time.time() <= 3600
    assert house.provider.introspect(house.tokens.access)["username"] == house.address
    request = asked(person)
    assert request["code_challenge_method"] == "S256"
    assert min(len(request["state"]), len(request["nonce"])) >= 43  # 256 bits
    assert request["login_hint"] == house.address
    assert "this page can be closed" in person.page
    for secret in (house.tokens.access, house.tokens.refresh, house.provider.client_secret, house.address):
        assert secret not in repr(signed) + repr(house.tokens) + person.page


def test_a_client_without_a_secret_at_its_registered_address(house: House) -> None:
    house.without_secret()
    person = Person(house.address)
    house.login(person).run()
    person.leave()
    assert asked(person)["redirect_uri"].endswith("/callback")
    assert house.provider.introspect(house.tokens.access)["active"]


def test_the_address_is_pasted(house: House) -> None:
    """As over ssh, with what a terminal, a mail program and a hurry make of it."""

    def paste(person: Person) -> None:
        for wrong in (
            parse_qs(urlsplit(person.ended_at).query)["code"][0],  # the bare code
            person.url,
            person.ended_at.replace("state=", "state=x"),
            person.ended_at.replace("/callback/", "/callback/x"),
            "",
        ):
            work.paste(wrong)
        work.paste(f"  {person.ended_at[:60]}\r\n  {person.ended_at[60:]}".replace("=", "＝"))

    person = Person(house.address, does="stop", after=paste)
    work = house.login(person)
    assert work.run().subject == house.address
    person.leave()
    assert "whole address" in person.notes[0]
    assert "another sign-in" in person.notes[2]
    assert len(person.notes) == 4
    work.paste(person.ended_at)  # too late: nobody waits


def test_somebody_says_no(house: House) -> None:
    person = Person(house.address, allow=False)
    with pytest.raises(SignInFailed, match="was refused") as caught:
        house.login(person).run()
    person.leave()
    assert "allow access" in caught.value.hint
    assert "refused" in person.page
    assert house.vault.token("work") is None


def test_nobody_comes(house: House) -> None:
    with pytest.raises(SignInFailed, match="nobody signed in within") as caught:
        house.login(Person(house.address, does="nothing"), seconds=0.05).run()
    assert "redirect_uri" in caught.value.hint


def test_the_person_gives_up(house: House) -> None:
    person = Person(house.address, does="nothing", after=lambda person: work.cancel())
    work = house.login(person)
    with pytest.raises(Interrupted):
        work.run()
    person.leave()


def test_somebody_else_signs_in(house: House) -> None:
    house.provider.make_user("mallory@example.com")
    person = Person("mallory@example.com")
    with pytest.raises(SignInFailed, match="somebody else"):
        house.login(person).run()
    person.leave()
    assert house.vault.token("work") is None


@pytest.mark.parametrize(
    ("claims", "fits"),
    [
        ({}, True),
        ({"sub": "248289761001"}, True),
        ({"email": "Me.Too@GoogleMail.com"}, True),
        ({"preferred_username": "metoo"}, True),
        ({"preferred_username": "other"}, True),  # no address: the mail server decides
        ({"email": "alias@example.com"}, True),
        ({"email": "other@example.com", "preferred_username": "me.too@gmail.com"}, True),
        ({"email": "other@gmail.com"}, False),
        ({"upn": "me.too@gmail.com.example"}, False),
    ],
)
def test_who_counts_as_the_account(claims: dict[str, str], fits: bool) -> None:
    account = AccountConfig(email="metoo@gmail.com", aliases=["alias@example.com"], host="h")
    assert is_account(claims, account) is fits


def test_a_device_code(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is asked no faster than it says, slower when it says so, and until the person is done."""
    pauses: list[float] = []
    person = Person(house.address)
    done = threading.Event()

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        if len(pauses) == 4:
            person.leave()
            done.set()
        return False

    house.provider.plan(status=400, error="authorization_pending")
    house.provider.plan(status=400, error="slow_down")
    house.provider.plan(hangup=True)
    work = house.login(person, device_code=True)
    monkeypatch.setattr(work._cancelled, "wait", pause)
    assert work.run().subject == house.address
    assert done.is_set()
    assert pauses == [5, 5, 10, 20]


def test_a_device_code_that_leads_nowhere(house: House) -> None:
    with client_for("work", house.account) as client:
        begun = client.device()
        clock = iter([0.0, 301.0])
        with pytest.raises(SignInFailed, match="in time"):
            device.wait_for(client, begun, lambda seconds: False, lambda: next(clock))
        for error, said in (("expired_token", "in time"), ("access_denied", "refused")):
            house.provider.plan(status=400, error=error)
            with pytest.raises(SignInFailed, match=said):
                device.wait_for(client, begun, lambda seconds: False, time.time)
        with pytest.raises(Interrupted):
            device.wait_for(client, begun, lambda seconds: True, time.time)


def test_an_application_signs_in_by_itself(house: House) -> None:
    house.by_itself()
    signed = house.login(Person("")).run()
    assert signed.refreshable  # nobody has to come back
    assert house.provider.introspect(house.tokens.access)["scope"] == "imap"


def test_ways_that_do_not_exist(house: House) -> None:
    def refusal(account: AccountConfig, device_code: bool = False) -> MailsyncError:
        with pytest.raises(MailsyncError) as caught:
            login.Login("work", account, house.vault, Person(""), device_code=device_code).run()
        return caught.value

    google = AccountConfig(
        email="me@gmail.com", provider="gmail", host="h", auth="oauth2", oauth=OAuthConfig(client_id="x")
    )
    no_device = refusal(google, device_code=True)
    assert isinstance(no_device, UsageError)
    assert "does not allow mail" in str(no_device)
    assert "--no-browser" in no_device.hint
    assert "ssh -L" in no_device.hint
    assert "password" in str(refusal(AccountConfig(email="me@example.com", host="h")))
    command = AccountConfig(email="me@example.com", host="h", auth="oauth2", oauth_command=["token"])
    assert "oauth_command" in str(refusal(command))


def test_no_browser_without_a_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    import webbrowser

    opened: list[str] = []

    def show(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", show)
    monkeypatch.setattr("sys.platform", "linux")
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(variable, raising=False)
    assert login.open_browser("http://a.example") is False
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert login.open_browser("http://b.example") is True
    assert opened == ["http://b.example"]
