"""Signing in at Microsoft and staying signed in, through msal, against a stand-in of the authority's endpoints."""

from __future__ import annotations

import threading
import time

import pytest

from mailsync.accounts.oauth.login import Login
from mailsync.accounts.oauth.logout import sign_out, state
from mailsync.errors import Interrupted, LoginNeeded, SignInFailed, Unreachable
from tests.accounts.oauth.office import ALICE, Office
from tests.accounts.oauth.processes import child
from tests.servers.microsoft import SCOPE, Problem


def test_signed_in_with_a_browser(office: Office) -> None:
    tokens = office.sign_in()
    assert "has arrived" in office.page
    assert tokens.subject == ALICE
    assert tokens.scopes == (SCOPE,)
    assert office.token() == tokens.access
    assert office.authority.asked == []
    known = state("work", office.account, office.vault, time.time())
    assert known.signed_in
    assert known.refreshable
    assert known.subject == ALICE
    assert sign_out("work", office.account, office.vault) == "not offered"
    assert office.vault.token("work") is None
    assert isinstance(office.refusal(), LoginNeeded)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_localhost_is_both_addresses_of_this_machine(office: Office, address: str) -> None:
    """Where a browser takes the name localhost to is its own business."""

    def browse(url: str) -> None:
        place = office.ended_at(url)
        assert place.startswith("http://localhost:")
        statuses.append(office.go(place, address, host="rebound.example"))
        statuses.append(office.go(place, address))

    statuses: list[int] = []

    office.at_page = browse
    office.sign_in()
    assert "has arrived" in office.page
    assert statuses == [400, 200]


def test_the_address_is_pasted(office: Office) -> None:
    def paste(url: str) -> None:
        assert office.login is not None
        place = office.ended_at(url)
        office.login.paste(place.replace("state=", "state=x"))
        office.login.paste(f"  {place}\n")

    office.at_page = paste
    assert office.sign_in().subject == ALICE
    assert office.notes == ["not the address that is waited for: the address belongs to another sign-in"]


def test_device_code(office: Office) -> None:
    office.authority.pending = 1
    tokens = office.sign_in(device_code=True)
    assert office.notes == ["ABCD1234 https://microsoft.com/devicelogin 900"]
    assert tokens.subject == ALICE
    assert office.token(3400) != tokens.access


def test_device_code_given_up(office: Office) -> None:
    office.authority.pending = 1000
    login = Login("work", office.account, office.vault, office, device_code=True)
    timer = threading.Timer(0.3, login.cancel)
    timer.start()
    with pytest.raises(Interrupted):
        login.run()
    timer.join()
    assert office.vault.token("work") is None


def test_a_personal_account(office: Office) -> None:
    office.address = office.authority.person = "bob@outlook.example"
    first = office.sign_in()
    assert first.subject == "bob@outlook.example"
    assert office.token(3400) != first.access


def test_somebody_else(office: Office) -> None:
    office.authority.person = "carol@contoso.example"
    with pytest.raises(SignInFailed, match="somebody else") as caught:
        office.sign_in()
    assert "aliases of [accounts.work]" in caught.value.hint
    assert office.vault.token("work") is None


def test_renewed_in_silence(office: Office) -> None:
    first = office.sign_in()
    assert office.token(3200) == first.access
    second = office.token(3400)
    assert second != first.access
    assert office.token(renew=True) not in (first.access, second)
    assert office.authority.asked == ["refresh_token"] * 2
    assert office.tokens.refresh_obtained_at == first.refresh_obtained_at
    assert office.tokens.subject == ALICE


def test_two_processes_use_a_refresh_token_once(office: Office) -> None:
    """Its second use would be refused: what the first process got is what the second one finds."""
    office.sign_in()
    office.authority.hold = 0.2
    other = child(office, 3400)
    assert other.stdin is not None
    other.stdin.write("go\n")
    other.stdin.flush()
    ours = office.token(3400)
    assert other.communicate(timeout=20)[0].strip() == ours
    assert office.authority.asked == ["refresh_token"]
    office.authority.hold = 0.0
    assert office.token(2 * 3400) != ours


def test_a_rotated_refresh_token_survives_a_kill(office: Office) -> None:
    first = office.sign_in()
    process = child(office, 3400, killed="after")
    assert process.communicate("go\n", timeout=20)[0] == ""
    assert process.returncode == -9
    assert office.tokens.access != first.access
    assert office.token(3400) == office.tokens.access  # found, used, nothing asked
    assert office.authority.asked == ["refresh_token"]
    assert office.token(renew=True)  # and what it was renewed with is the new one, too
    assert office.authority.asked == ["refresh_token"] * 2


def test_an_application_by_itself(office: Office) -> None:
    office.own()
    first = office.sign_in().access  # nobody has to, but may
    assert office.token() == first
    assert office.token(3400) != first
    assert office.authority.asked == ["client_credentials"]
    assert state("work", office.account, office.vault, time.time()).signed_in
    office.oauth["client_secret_command"] = ["echo", "the-id-of-the-secret"]
    error = office.refusal(2 * 3400)
    assert type(error) is SignInFailed
    assert "AADSTS7000215" in str(error)
    assert "its value, not its id" in error.hint


def test_a_sign_in_that_is_over(office: Office) -> None:
    office.sign_in()
    office.authority.problem = Problem("interaction_required", 50076, "alice needs a second factor")
    found = office.refusal(3400)
    assert isinstance(found, LoginNeeded)
    assert "alice" not in str(found)
    # Remembered: nobody asks again, and nothing that could be used is left.
    assert str(office.refusal()) == str(found)
    assert office.authority.asked == ["refresh_token"]
    assert state("work", office.account, office.vault, time.time()).problem == str(found)
    assert office.authority.secrets[-1] not in (office.vault.token("work") or b"").decode()
    office.authority.problem = None
    office.sign_in()
    assert office.token(3400)


def test_an_authority_that_is_away(office: Office) -> None:
    first = office.sign_in().access
    office.authority.raw = b""
    assert office.token(3400) == first  # the minutes before the end are for this
    assert office.authority.asked == ["refresh_token"] * 2
    assert type(office.refusal(3700)) is Unreachable
    office.authority.raw = None
    office.authority.problem = Problem("temporarily_unavailable", 90033)
    assert type(office.refusal(3700)) is Unreachable
    office.authority.problem = None
    assert office.token(3700) != first
    office.oauth["issuer"] = "https://127.0.0.1:9/common/v2.0"
    with pytest.raises(Unreachable):
        office.sign_in()


@pytest.mark.parametrize("claims", [{"nonce": "of another sign-in"}, {"aud": "another application"}])
def test_an_id_token_of_another_sign_in(office: Office, claims: dict[str, str]) -> None:
    office.authority.claims = claims
    with pytest.raises(SignInFailed, match="ID token is not for"):
        office.sign_in()
    assert office.vault.token("work") is None
