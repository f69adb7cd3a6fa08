"""A token for every connection, from a real provider: renewed in time, once, stored before it is used, or given up."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from mailsync.accounts.oauth.broker import access_token
from mailsync.accounts.oauth.logout import sign_out, state
from mailsync.accounts.oauth.presets import DAY
from mailsync.accounts.oauth.token import Tokens, load
from mailsync.errors import LoginNeeded, MailsyncError, SignInFailed, Throttled, Unreachable
from tests.accounts.oauth.conftest import House, Person
from tests.accounts.oauth.processes import child


def lasting(seconds: float) -> Tokens:
    return Tokens("a", "r", seconds, (), "", 0.0, 0.0, "app", "", "https://a.example/token")


def token(house: House, ahead: float = 0.0, *, renew: bool = False) -> str:
    return access_token("work", house.account, house.vault, renew=renew, now=house.later(ahead)).token


def refusal(house: House, ahead: float = 0.0, *, renew: bool = False) -> MailsyncError:
    with pytest.raises(MailsyncError) as caught:
        token(house, ahead, renew=renew)
    return caught.value


def test_renewed_five_minutes_before_it_ends(house: House) -> None:
    first = house.sign_in()
    assert token(house, 3600 - 305) == first.access
    assert house.asked() == []
    second = token(house, 3600 - 295)
    assert second != first.access
    assert house.asked() == ["refresh_token"]
    assert house.provider.introspect(second)["active"]
    assert house.tokens.access == second  # stored
    assert house.tokens.refresh != first.refresh  # rotated
    assert house.tokens.refresh_obtained_at == first.refresh_obtained_at
    assert house.tokens.subject == house.address
    # A clock that has gone back proves nothing any more.
    assert token(house, -3600) != second


def test_a_refused_token_is_not_given_again(house: House) -> None:
    first = house.sign_in().access
    second = token(house, renew=True)
    assert second != first
    assert house.asked() == ["refresh_token"]


def test_two_processes_ask_once(house: House) -> None:
    house.sign_in()
    house.provider.plan(hold=0.2)
    other = child(house, 3400)
    assert other.stdin is not None
    other.stdin.write("go\n")
    other.stdin.flush()
    ours = token(house, 3400)
    assert other.communicate(timeout=20)[0].strip() == ours
    assert house.asked() == ["refresh_token"]


def kill(house: House, moment: str) -> None:
    process = child(house, 3400, killed=moment)
    assert process.communicate("go\n", timeout=20)[0] == ""
    assert process.returncode == -9
    assert house.asked() == ["refresh_token"]


def test_killed_after_storing(house: House) -> None:
    first = house.sign_in()
    kill(house, "after")
    assert house.tokens.access != first.access
    assert token(house, 3400) == house.tokens.access  # found, used, nothing asked
    assert house.asked() == []


def test_killed_before_storing_where_refresh_tokens_stay(house: House) -> None:
    house.without_secret()
    house.sign_in()
    kill(house, "before")
    assert house.provider.introspect(token(house, 3400))["active"]


def test_killed_before_storing_where_they_work_once(house: House) -> None:
    """The provider takes the old token for stolen: one new sign-in, asked for once, and all is well again."""
    house.sign_in()
    kill(house, "before")
    assert isinstance(refusal(house, 3400), LoginNeeded)
    assert isinstance(refusal(house, 3400), LoginNeeded)
    assert house.asked() == ["refresh_token"]
    house.sign_in()
    assert house.provider.introspect(token(house))["active"]


def test_revoked_at_the_provider(house: House) -> None:
    house.sign_in()
    house.provider.revoke(house.address)
    error = refusal(house, renew=True)
    assert isinstance(error, LoginNeeded)
    assert error.exit_code == 3
    assert "ended at the provider" in str(error)
    assert "mailsync auth login work" in error.hint
    # Remembered: neither this process nor another one asks again.
    assert house.asked() == ["refresh_token"]
    for renew in (False, True):
        assert str(refusal(house, renew=renew)) == str(error)
    assert house.asked() == []
    assert state("work", house.account, house.vault, time.time()).problem == str(error)
    house.sign_in()
    assert house.provider.introspect(token(house))["active"]


@pytest.mark.parametrize(
    ("provider", "signed_in", "renewed", "said", "told", "hint"),
    [
        ("gmail", 7 * DAY - 60, 3600, "", "after seven days", "publish it"),
        ("gmail", 9 * DAY, 3 * DAY, "", "after seven days", "publish it"),
        ("gmail", 3 * DAY, 3600, "", "ended at the provider", "password changes"),
        ("gmail", 60 * DAY, 3600, "", "ended at the provider", "myaccount.google.com"),
        ("gmail", 300 * DAY, 200 * DAY, "", "for months", "auth login"),
        ("imap", 7 * DAY, 3600, "", "ended at the provider", "the password changed"),
        ("imap", 30 * DAY, 3600, "refresh token is expired", "has expired", "auth login"),
    ],
)
def test_the_hint_fits(
    house: House, provider: str, signed_in: float, renewed: float, said: str, told: str, hint: str
) -> None:
    now = time.time()
    tokens = replace(lasting(now - 1), client_id=house.oauth["client_id"], issuer=house.provider.issuer)
    tokens = replace(tokens, token_endpoint=f"{house.provider.issuer}/token")
    house.keep(replace(tokens, refresh_obtained_at=now - signed_in, obtained_at=now - renewed))
    house.provider.plan(status=400, error="invalid_grant", error_description=said)
    house.provider_name = provider
    error = refusal(house)
    assert isinstance(error, LoginNeeded)
    assert told in str(error)
    assert hint in error.hint
    assert "mailsync auth login work" in error.hint


def test_a_provider_that_is_away(house: House) -> None:
    """The minutes before the end are for this: what is there is used up, then the provider is needed."""
    first = house.sign_in().access
    for _ in range(2):
        house.provider.plan(hangup=True)
    assert token(house, 3400) == first
    assert house.asked() == ["refresh_token"] * 2
    for _ in range(2):
        house.provider.plan(hangup=True)
    assert type(refusal(house, 3601)) is Unreachable
    house.provider.plan(hangup=True)  # one lost answer is not the end
    assert token(house, 3601) != first
    house.asked()
    house.provider.plan(status=503)
    assert isinstance(refusal(house, renew=True), Throttled)
    assert house.asked() == ["refresh_token"]  # and who is busy is not asked twice


def test_nobody_has_signed_in(house: House) -> None:
    assert isinstance(refusal(house), LoginNeeded)
    house.vault.store_token("work", b'{"version": 99}')
    assert "cannot be read" in str(refusal(house))
    assert house.asked() == []


def test_another_application_than_the_one_that_was_allowed(house: House) -> None:
    house.sign_in()
    right = house.oauth
    house.oauth = right | {"client_id": "another"}
    assert "another client_id" in str(refusal(house))
    house.oauth = right | {"client_secret_command": ["echo", "wrong"]}
    with pytest.raises(SignInFailed, match="invalid_client") as caught:
        house.login(Person(house.address)).run()
    assert "client_secret_command" in caught.value.hint


def test_without_a_refresh_token(house: House) -> None:
    house.oauth["scopes"] = ["openid", "imap"]
    first = house.sign_in()
    assert not first.refresh
    assert token(house, 3500) == first.access
    assert isinstance(refusal(house, 3601), LoginNeeded)
    assert house.asked() == []


def test_an_application_of_its_own(house: House) -> None:
    """Client credentials: nobody signs in, a new token is asked for whenever one ends."""
    house.by_itself()
    first = token(house)
    assert token(house) == first
    later = token(house, 3400)
    assert house.asked() == ["client_credentials"] * 2
    assert house.provider.introspect(later)["scope"] == "imap"


def test_signing_out(house: House) -> None:
    tokens = house.sign_in()
    assert sign_out("work", house.account, house.vault) == "revoked"
    assert not house.provider.introspect(tokens.refresh)["active"]
    assert house.vault.token("work") is None
    assert sign_out("work", house.account, house.vault) == "nothing"
    house.keep(replace(tokens, revocation_endpoint="http://127.0.0.1:9/revoke"))
    assert sign_out("work", house.account, house.vault) == "failed"  # and forgotten all the same
    assert house.vault.token("work") is None


@pytest.mark.parametrize(
    ("lifetime", "good"), [(3600.0, 3299.0), (600.0, 299.0), (60.0, 29.0)], ids=["hour", "minutes", "minute"]
)
def test_a_short_token_has_a_short_margin(lifetime: float, good: float) -> None:
    assert lasting(lifetime).lasts(good)
    assert not lasting(lifetime).lasts(good + 2)
    assert lasting(lifetime).usable(lifetime - 1)


def test_the_record() -> None:
    tokens = lasting(3600.0)
    assert load("work", tokens.dump()) == tokens
    ended = tokens.ended("revoked")
    assert b'"a"' not in ended.dump()
    assert not ended.lasts(0.0)
    for damaged in (b"", b"[]", b"{}", b'{"version": 1}', b"\xff"):
        with pytest.raises(LoginNeeded, match="cannot be read"):
            load("work", damaged)
