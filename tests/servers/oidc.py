"""The certified oidc-provider (npm) as a throw-away OpenID provider on loopback, and a browser of plain HTTP steps.

`sh tests/servers/ensure.sh oidc` installs it once; the server itself is tests/servers/oidc/server.mjs.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from base64 import urlsafe_b64encode
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx

from tests.servers.process import HOST, Child, free_ports, wait_until

HERE = Path(__file__).resolve().parent / "oidc"
SCOPES = ("openid", "offline_access", "imap")


def library() -> Path:
    """The entry of the installed oidc-provider; RuntimeError says how to get it."""
    digest = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    entry = cache / "mailsync-tests" / f"oidc-{digest}" / "node_modules" / "oidc-provider" / "lib" / "index.js"
    if not entry.exists() or shutil.which("node") is None:
        raise RuntimeError("these tests need an OpenID provider: sh tests/servers/ensure.sh oidc (it needs npm)")
    return entry


class Oidc:
    """A context manager: `with Oidc({"alice@example.com": "secret"}) as provider: ...`.

    `client_id` with `client_secret` (HTTP basic authentication) may do everything: sign people in at any loopback
    address, device code, client credentials, introspection. `public_client_id` has no secret and one registered
    redirect address, http://127.0.0.1/callback with any port. Tokens are opaque; introspection names the person as
    `sub`, `email` and `username`. Access tokens live `access_seconds`. A refresh token of `client_id` works once, its
    second use ends the whole grant; one of `public_client_id` works until it is revoked, as Google's do.
    """

    client_id = "mailsync"
    client_secret = "not-a-real-secret-0123456789"
    public_client_id = "mailsync-public"

    def __init__(
        self,
        users: dict[str, str] | None = None,
        *,
        access_seconds: int = 3600,
        refresh_seconds: int = 86400,
        device_seconds: int = 300,
    ) -> None:
        self.users = dict(users or {"alice@example.com": "secret"})
        (self.port,) = free_ports(1)
        self.issuer = f"http://{HOST}:{self.port}"
        self.introspection_url = f"{self.issuer}/token/introspection"
        self.directory = Path(tempfile.mkdtemp(prefix="mailsync-oidc-"))
        self._options = {
            "port": self.port,
            "rotates": self.client_id,
            "access_seconds": access_seconds,
            "refresh_seconds": refresh_seconds,
            "device_seconds": device_seconds,
            "clients": self._clients(),
        }
        self._child: Child | None = None
        self._http = httpx.Client(base_url=self.issuer, trust_env=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def log(self) -> str:
        """What the server printed so far."""
        path = self.directory / "oidc.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def start(self) -> None:
        """Start; returns when it answers. Started again after `stop` it listens on the same port, knowing no grant."""
        self._child = Child(
            ["node", str(HERE / "server.mjs")],
            env={"OIDC_LIBRARY": str(library()), "OIDC_OPTIONS": json.dumps(self._options), "NODE_OPTIONS": ""},
            log=self.directory / "oidc.log",
        )
        try:
            wait_until(self._answers, 20.0, "the OpenID provider")
        except (RuntimeError, TimeoutError) as error:
            log = self.log
            self.close()
            raise RuntimeError(f"{error}\n{log}") from error
        for address, password in self.users.items():
            self.make_user(address, password)

    def stop(self) -> None:
        """End the server; everything it gave out is forgotten."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def close(self) -> None:
        """Stop and remove everything."""
        self.stop()
        self._http.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def make_user(self, address: str, password: str = "secret") -> None:
        """Somebody who can sign in; their subject, email and user name are the address."""
        self.users[address] = password
        self._control("user", address=address, password=password)

    def revoke(self, address: str) -> None:
        """End every grant of a person, as an administrator would: no token of theirs works any more."""
        self._control("revoke", address=address)

    def plan(self, *, status: int = 0, hold: float = 0.0, hangup: bool = False, **body: Any) -> None:
        """The next answer of the token endpoint: `body` with `status`, or its own after `hold` seconds, or none."""
        self._control("plan", status=status, hold=hold, hangup=hangup, body=json.dumps(body), type="application/json")

    def requests(self, grant: str = "") -> list[dict[str, Any]]:
        """The requests to the token, device, revocation and introspection endpoints so far: path, grant, status."""
        seen: list[dict[str, Any]] = self._http.get("/control/seen").raise_for_status().json()
        return [one for one in seen if not grant or one["grant"] == grant]

    def introspect(self, token: str) -> dict[str, Any]:
        """What the provider says of a token: {"active": false} for one that does not work."""
        answer = self._http.post(
            "/token/introspection", data={"token": token}, auth=(self.client_id, self.client_secret)
        )
        document: dict[str, Any] = answer.raise_for_status().json()
        return document

    def tokens(self, address: str, scopes: tuple[str, ...] = SCOPES, *, public: bool = False) -> dict[str, Any]:
        """Sign a person in, without any code of mailsync: access_token, refresh_token, expires_in, id_token.

        With `public` at the client without a secret.
        """
        verifier = secrets.token_urlsafe(48)
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        client = self.public_client_id if public else self.client_id
        redirect = f"http://{HOST}:1/callback"
        asked = {"client_id": client, "response_type": "code", "redirect_uri": redirect, "prompt": "consent"}
        asked |= {"scope": " ".join(scopes), "code_challenge": challenge, "code_challenge_method": "S256"}
        with Browser() as browser:
            answer = browser.sign_in(f"{self.issuer}/auth?{urlencode(asked)}", address, self.users[address])
        form = {"grant_type": "authorization_code", "redirect_uri": redirect, "code_verifier": verifier}
        form["code"] = parse_qs(urlsplit(answer).query)["code"][0]
        auth = httpx.Auth() if public else httpx.BasicAuth(client, self.client_secret)
        given = self._http.post("/token", data=form | ({"client_id": client} if public else {}), auth=auth)
        document: dict[str, Any] = given.raise_for_status().json()
        return document

    def _control(self, what: str, **said: Any) -> None:
        self._http.post(f"/control/{what}", json=said).raise_for_status()

    def _answers(self) -> bool:
        if self._child is None or not self._child.running:
            raise RuntimeError("the OpenID provider ended at once")
        try:
            return self._http.get("/control/seen").is_success
        except httpx.TransportError:
            return False

    def _clients(self) -> list[dict[str, Any]]:
        device = "urn:ietf:params:oauth:grant-type:device_code"
        grants = ["authorization_code", "refresh_token", device]
        return [
            {
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "application_type": "native",
                "grant_types": [*grants, "client_credentials"],
                "redirect_uris": [f"http://{HOST}/"],
                "any_path": True,
            },
            {
                "client_id": self.public_client_id,
                "token_endpoint_auth_method": "none",
                "application_type": "native",
                "grant_types": grants,
                "redirect_uris": [f"http://{HOST}/callback"],
            },
        ]


class Browser(httpx.Client):
    """A browser that keeps cookies, follows redirects of the provider and fills its forms."""

    def __init__(self) -> None:
        super().__init__(trust_env=False, timeout=10.0)

    def sign_in(self, url: str, address: str, password: str, *, allow: bool = True, code: str = "") -> str:
        """Visit a page of the provider and do what it asks; gives where it sends the browser in the end.

        That is the redirect address with the answer, which is not visited, or the last page without a form.
        """
        host = urlsplit(url).netloc
        answer = self.get(url)
        for _ in range(20):
            if answer.is_redirect:
                target = urljoin(str(answer.url), answer.headers["location"])
                if urlsplit(target).netloc != host:
                    return target
                answer = self.get(target)
                continue
            form = _Form()
            form.feed(answer.text)
            if not form.found or not answer.is_success:
                return str(answer.url)
            fields = dict(form.fields)
            known = {"login": address, "password": password, "answer": "yes" if allow else "no"}
            known |= {"user_code": code} if code else {}
            fields |= {key: value for key, value in known.items() if key in fields}
            answer = self.post(urljoin(str(answer.url), form.action), data=fields)
        raise AssertionError("the provider asks for ever")


class _Form(HTMLParser):
    """The first form of a page: where it goes and its named fields with their values."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        if tag == "form" and not self.found:
            self.found, self.action = True, given.get("action", "")
        elif tag in ("input", "button") and given.get("name"):
            self.fields.setdefault(given["name"], given.get("value", ""))
