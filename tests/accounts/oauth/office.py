"""An account at the stand-in for Microsoft, and whoever sits at its browser."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mailsync.accounts.oauth.broker import access_token
from mailsync.accounts.oauth.login import Login
from mailsync.accounts.oauth.token import Tokens, load
from mailsync.accounts.vault import Vault
from mailsync.config.models import AccountConfig, OAuthConfig
from mailsync.errors import MailsyncError
from tests.servers.microsoft import CLIENT_ID, OWN_CLIENT_ID, OWN_SECRET, WORK, Microsoft

ALICE = "alice@contoso.example"


class Office:
    """An account of alice at the stand-in, a vault, and her at the browser: a `Prompt`."""

    def __init__(self, authority: Microsoft, folder: Path) -> None:
        self.authority = authority
        self.vault = Vault(folder / "secrets", "file")
        self.address = ALICE
        self.oauth: dict[str, Any] = {"client_id": CLIENT_ID, "issuer": f"https://{authority.host}/common/v2.0"}
        self.notes: list[str] = []
        self.at_page: Callable[[str], None] = self.browse
        self.login: Login | None = None
        self._page = ""
        self._browser: threading.Thread | None = None

    @property
    def page(self) -> str:
        """What the browser shows at the end."""
        assert self._browser is not None
        self._browser.join(10)
        return self._page

    @property
    def settings(self) -> dict[str, Any]:
        named = {"email": self.address, "username": self.address, "provider": "office365", "host": "127.0.0.1"}
        return named | {"auth": "oauth2", "tls_ca_file": self.authority.ca_file}

    @property
    def account(self) -> AccountConfig:
        return AccountConfig(**self.settings, oauth=OAuthConfig(**self.oauth))

    @property
    def tokens(self) -> Tokens:
        found = load("work", self.vault.token("work"))
        assert found is not None
        return found

    def sign_in(self, **options: Any) -> Tokens:
        self.login = Login("work", self.account, self.vault, self, browser=False, seconds=10.0, **options)
        signed = self.login.run()
        assert signed.refreshable
        self.authority.asked.clear()
        return self.tokens

    def token(self, ahead: float = 0.0, *, renew: bool = False) -> str:
        return access_token("work", self.account, self.vault, renew=renew, now=lambda: time.time() + ahead).token

    def refusal(self, ahead: float = 0.0) -> MailsyncError:
        with pytest.raises(MailsyncError) as caught:
            self.token(ahead)
        return caught.value

    def visit(self, url: str, opened: bool) -> None:
        self._browser = threading.Thread(target=self.at_page, args=(url,), daemon=True)
        self._browser.start()

    def code(self, user_code: str, url: str, seconds: float) -> None:
        self.notes.append(f"{user_code} {url} {seconds:g}")

    def note(self, text: str) -> None:
        self.notes.append(text)

    def ended_at(self, url: str) -> str:
        """Where the page sends the browser."""
        parts = urlsplit(url)
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        connection = HTTPSConnection(parts.hostname or "", parts.port, timeout=10, context=context)
        connection.request("GET", f"{parts.path}?{parts.query}")
        place = connection.getresponse().headers["Location"]
        connection.close()
        return place

    def browse(self, url: str) -> None:
        self.go(self.ended_at(url))

    def go(self, place: str, address: str = "127.0.0.1", host: str = "") -> int:
        """The status of a page of ours, reached at `address`; what it shows is `page`."""
        parts = urlsplit(place)
        connection = HTTPConnection(address, parts.port, timeout=10)
        connection.request("GET", f"{parts.path}?{parts.query}", headers={"Host": host or parts.netloc})
        answer = connection.getresponse()
        self._page = answer.read().decode()
        connection.close()
        return answer.status

    def own(self) -> None:
        """Be an application that signs in by itself."""
        self.oauth = {
            "client_id": OWN_CLIENT_ID,
            "client_secret_command": ["echo", OWN_SECRET],
            "issuer": f"https://{self.authority.host}/",
            "tenant": WORK,
            "grant": "client_credentials",
        }
