"""Accounts at the tests' OpenID provider, and people who sign in there by HTTP steps."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from mailsync.accounts.oauth.login import Login
from mailsync.accounts.oauth.token import Tokens, load
from mailsync.accounts.vault import Vault
from mailsync.config.models import AccountConfig, OAuthConfig
from tests.accounts.oauth.office import Office
from tests.servers.microsoft import Microsoft
from tests.servers.oidc import Browser, Oidc

_numbers = itertools.count(1)
SCOPES = ["openid", "email", "offline_access", "imap"]


class Person:
    """A `Prompt` and whoever reads it.

    `does`: "visit" lets the browser go where the provider sends it, "stop" keeps that address in `ended_at`, "nothing"
    leaves the page alone. `after(person)` runs when the browser has ended.
    """

    def __init__(
        self,
        address: str,
        password: str = "secret",
        *,
        allow: bool = True,
        does: Literal["visit", "stop", "nothing"] = "visit",
        after: Callable[[Person], None] = lambda person: None,
    ) -> None:
        self.address = address
        self.notes: list[str] = []
        self.url = ""
        self.ended_at = ""
        self.page = ""
        self._password = password
        self._allow = allow
        self._does = does
        self._after = after
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def visit(self, url: str, opened: bool) -> None:
        assert not opened
        self._start(url)

    def code(self, user_code: str, url: str, seconds: float) -> None:
        assert 0 < seconds <= 300
        self._start(url, user_code)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def leave(self) -> None:
        """Wait for the browser's end, and raise what went wrong there."""
        if self._thread is not None:
            self._thread.join(10)
            assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure

    def _start(self, url: str, code: str = "") -> None:
        self.url = url
        self._thread = threading.Thread(target=self._go, args=(url, code), daemon=True)
        self._thread.start()

    def _go(self, url: str, code: str) -> None:
        try:
            if self._does != "nothing":
                with Browser() as browser:
                    self.ended_at = browser.sign_in(url, self.address, self._password, allow=self._allow, code=code)
                    if self._does == "visit" and not code:
                        self.page = browser.get(self.ended_at).text
            self._after(self)
        except BaseException as error:
            self._failure = error


class House:
    """An account of a new person at the provider, with a vault."""

    def __init__(self, provider: Oidc, folder: Path) -> None:
        self.provider = provider
        self.address = f"person{next(_numbers)}@example.com"
        provider.make_user(self.address)
        self.vault = Vault(folder / "secrets", "file")
        self.provider_name = "imap"
        self.oauth: dict[str, Any] = {
            "client_id": provider.client_id,
            "client_secret_command": ["echo", provider.client_secret],
            "issuer": provider.issuer,
            "scopes": SCOPES,
        }
        self._seen = len(provider.requests())

    @property
    def account(self) -> AccountConfig:
        return AccountConfig(**self.settings | {"oauth": OAuthConfig(**self.oauth)})

    @property
    def settings(self) -> dict[str, Any]:
        """What config.toml says of the account, besides `oauth`."""
        named = {"email": self.address, "username": self.address, "provider": self.provider_name}
        return named | {"host": "127.0.0.1", "auth": "oauth2"}

    def without_secret(self) -> None:
        """Be the provider's other client: no secret, one redirect address, refresh tokens that stay."""
        del self.oauth["client_secret_command"]
        self.oauth |= {"client_id": self.provider.public_client_id, "redirect_uri": "http://127.0.0.1/callback"}

    def by_itself(self) -> None:
        """Be an application that needs nobody."""
        self.oauth |= {"grant": "client_credentials", "scopes": ["imap"]}

    def login(self, person: Person, **options: object) -> Login:
        given: dict[str, Any] = {"browser": False, "seconds": 10.0} | options
        return Login("work", self.account, self.vault, person, **given)

    def sign_in(self) -> Tokens:
        """Have somebody signed in, a moment ago, by the way that is shorter than `Login`."""
        public = "client_secret_command" not in self.oauth
        given = self.provider.tokens(self.address, tuple(self.oauth["scopes"]), public=public)
        now = time.time()
        self.keep(
            Tokens(
                access=given["access_token"],
                refresh=given.get("refresh_token", ""),
                expires_at=now + given["expires_in"],
                scopes=tuple(given["scope"].split()),
                subject=self.address,
                obtained_at=now,
                refresh_obtained_at=now,
                client_id=self.oauth["client_id"],
                issuer=self.provider.issuer,
                token_endpoint=f"{self.provider.issuer}/token",
                revocation_endpoint=f"{self.provider.issuer}/token/revocation",
            )
        )
        self.asked()
        return self.tokens

    def keep(self, tokens: Tokens) -> None:
        self.vault.store_token("work", tokens.dump())

    @property
    def tokens(self) -> Tokens:
        found = load("work", self.vault.token("work"))
        assert found is not None
        return found

    def asked(self, grant: str = "") -> list[str]:
        """What the token and revocation endpoints were asked since the last time."""
        requests = self.provider.requests()
        new, self._seen = requests[self._seen :], len(requests)
        return [one["grant"] or one["path"] for one in new if not grant or one["grant"] == grant]

    def later(self, seconds: float) -> Callable[[], float]:
        """A clock that is ahead."""
        return lambda: time.time() + seconds


@pytest.fixture
def house(oidc: Oidc, tmp_path: Path) -> House:
    return House(oidc, tmp_path)


@pytest.fixture(scope="session")
def microsoft() -> Iterator[Microsoft]:
    with Microsoft() as authority:
        yield authority


@pytest.fixture
def office(microsoft: Microsoft, tmp_path: Path) -> Office:
    microsoft.reset()
    return Office(microsoft, tmp_path)
