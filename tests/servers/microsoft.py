"""A stand-in for login.microsoftonline.com, version 2.0, as far as signing in to a mailbox needs it; on loopback, TLS.

It knows one application for desktops (no secret, http://localhost with any port) and one that signs in by itself. Who
sits at the browser is `person`; there is no page, the answer comes at once. Access tokens are opaque, refresh tokens
rotate and work once, so that a second use shows. Every tenant is known but "nowhere.example".
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import ssl
import tempfile
import threading
import time
from base64 import urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.servers import certificates
from tests.servers.process import HOST

SCOPE = "https://outlook.office.com/IMAP.AccessAsUser.All"
OWN_SCOPE = "https://outlook.office365.com/.default"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal accounts."""
WORK = "11111111-2222-3333-4444-555555555555"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CLIENT_ID = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"
OWN_CLIENT_ID = "cccccccc-0000-1111-2222-dddddddddddd"
OWN_SECRET = "~not.a.real-secret~0123456789"


class Problem(Exception):
    """An answer of the token or device endpoint that is an error."""

    def __init__(self, error: str, code: int, text: str = "") -> None:
        super().__init__(error)
        self.document = {
            "error": error,
            "error_description": f"AADSTS{code}: {text or error}. Trace ID: {secrets.token_hex(4)}",
            "error_codes": [code],
        }


class Microsoft:
    """A context manager: `with Microsoft() as authority: ...`. Everything public may be set while it runs."""

    def __init__(self) -> None:
        self.reset()
        self.directory = Path(tempfile.mkdtemp(prefix="mailsync-microsoft-"))
        certificates.make(self.directory)
        self.ca_file = str(self.directory / "ca.pem")
        self._codes: dict[str, dict[str, str]] = {}
        self._refresh: dict[str, str] = {}
        self._lock = threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.directory / "server.pem", self.directory / "server.key")
        self._server = ThreadingHTTPServer((HOST, 0), _handler(self))
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.host = f"{HOST}:{self._server.server_address[1]}"

    def reset(self) -> None:
        """Be as at the start; codes and tokens that were given out stay good."""
        self.person = "alice@contoso.example"
        self.declines: tuple[str, str] | None = None
        """error and error_description of the next browser's answer."""
        self.pending = 0
        """How often a device code is answered with authorization_pending."""
        self.hold = 0.0
        """Seconds that the token endpoint takes."""
        self.asked: list[str] = []
        """The grants that the token endpoint was asked for."""
        self.problem: Problem | None = None
        """What the token and device endpoints answer instead."""
        self.raw: bytes | None = None
        """What the token endpoint answers instead, with status 200; b"" hangs up."""
        self.claims: dict[str, str] = {}
        """What ID tokens say instead."""
        self.secrets: list[str] = []
        """Every code and token that was given out."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def configuration(self, tenant: str) -> dict[str, str]:
        base = f"https://{self.host}/{tenant}"
        return {
            "issuer": f"https://{self.host}/{{tenantid}}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes on to; AssertionError for a request that Microsoft would show an error page for."""
        redirect = urlsplit(query["redirect_uri"])
        assert (redirect.scheme, redirect.hostname, redirect.path) == ("http", "localhost", "")
        assert query["client_id"] == CLIENT_ID
        assert query["response_type"] == "code"
        assert set(query["scope"].split()) == {SCOPE, "openid", "profile", "offline_access"}
        assert query["code_challenge_method"] == "S256"
        assert query["code_challenge"]
        assert query["login_hint"]
        if self.declines is not None:
            error, description = self.declines
            answer = {"error": error, "error_description": description, "state": query["state"]}
        else:
            code = self._made("0.AX")
            self._codes[code] = query | {"person": self.person}
            answer = {"code": code, "state": query["state"], "session_state": secrets.token_hex(8)}
        return f"{query['redirect_uri']}/?{urlencode(answer)}"

    def device(self, form: dict[str, str]) -> dict[str, Any]:
        if self.problem is not None:
            raise self.problem
        assert form["client_id"] == CLIENT_ID
        assert SCOPE in form["scope"].split()
        code = self._made("device-")
        self._codes[code] = form | {"person": self.person}
        return {
            "user_code": "ABCD1234",
            "device_code": code,
            "verification_uri": "https://microsoft.com/devicelogin",
            "expires_in": 900,
            "interval": 1,
            "message": "To sign in, use a web browser",
        }

    def token(self, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        time.sleep(self.hold)
        with self._lock:
            self.asked.append(form["grant_type"])
            if self.problem is not None:
                raise self.problem
            return self._granted(tenant, form)

    def _granted(self, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        if form["grant_type"] == "client_credentials":
            if form["client_id"] != OWN_CLIENT_ID or form.get("client_secret") != OWN_SECRET:
                raise Problem("invalid_client", 7000215, "Invalid client secret provided")
            assert form["scope"] == OWN_SCOPE
            assert tenant not in ("common", "organizations", "consumers")
            return {
                "token_type": "Bearer",
                "expires_in": 3599,
                "ext_expires_in": 3599,
                "access_token": self._made("eyJ"),
            }
        assert form["client_id"] == CLIENT_ID
        assert "client_secret" not in form
        nonce = ""
        if form["grant_type"] == "authorization_code":
            asked = self._codes.pop(form["code"], None)
            if asked is None:
                raise Problem("invalid_grant", 54005, "OAuth2 Authorization code was already redeemed")
            assert asked["redirect_uri"] == form["redirect_uri"]
            challenge = urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
            assert asked["code_challenge"] == challenge
            person, nonce = asked["person"], asked["nonce"]
        elif form["grant_type"] == DEVICE_GRANT:
            if self.pending:
                self.pending -= 1
                raise Problem("authorization_pending", 70016)
            if self.declines is not None:
                raise Problem("authorization_declined", 70000)
            person = self._codes.pop(form["device_code"])["person"]
        else:
            assert form["grant_type"] == "refresh_token"
            used = self._refresh.pop(form["refresh_token"], None)
            if used is None:
                raise Problem("invalid_grant", 70000, "Provided grant is invalid or malformed")
            person = used
        return self._tokens(person, nonce)

    def _tokens(self, person: str, nonce: str) -> dict[str, Any]:
        tid = WORK if person.endswith("contoso.example") else PERSONAL
        oid = hashlib.sha256(person.encode()).hexdigest()[:32]
        refresh = self._made("0.AR")
        self._refresh[refresh] = person
        claims = {
            "iss": f"https://{self.host}/{tid}/v2.0",
            "aud": CLIENT_ID,
            "exp": int(time.time()) + 3600,
            "tid": tid,
            "oid": oid,
            "sub": f"sub-{oid}",
            "preferred_username": person,
            "name": "A Person",
        }
        claims |= ({"nonce": nonce} if nonce else {}) | self.claims
        return {
            "token_type": "Bearer",
            "scope": SCOPE,
            "expires_in": 3599,
            "ext_expires_in": 3599,
            "access_token": self._made("eyJ"),
            "refresh_token": refresh,
            "id_token": ".".join(map(_part, ({"typ": "JWT"}, claims, "signature"))),
            "client_info": _part({"uid": oid, "utid": tid}),
        }

    def _made(self, prefix: str) -> str:
        token = prefix + secrets.token_urlsafe(30)
        self.secrets.append(token)
        return token


def _part(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _handler(authority: Microsoft) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            tenant, _, rest = parts.path.lstrip("/").partition("/")
            if rest == "oauth2/v2.0/authorize":
                self.send_response(302)
                self.send_header("Location", authority.authorize(dict(parse_qsl(parts.query))))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif rest == "v2.0/.well-known/openid-configuration" and tenant != "nowhere.example":
                self._send(200, authority.configuration(tenant))
            else:
                self._send(400, {"error": "invalid_tenant", "error_codes": [90002]})

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            tenant, _, rest = urlsplit(self.path).path.lstrip("/").partition("/")
            try:
                if rest == "oauth2/v2.0/devicecode":
                    self._send(200, authority.device(form))
                elif authority.raw is None:
                    self._send(200, authority.token(tenant, form))
                elif authority.raw:
                    self._write(200, authority.raw)
                else:
                    authority.asked.append(form["grant_type"])
                    self.close_connection = True
            except Problem as problem:
                self._send(400, problem.document)

        def _send(self, status: int, document: dict[str, Any]) -> None:
            self._write(status, json.dumps(document).encode())

        def _write(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            return

    return Handler
