"""HTTP with a provider over real sockets: bounded, private, and deaf to the environment."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from mailsync.accounts.oauth import http
from mailsync.errors import CertificateUntrusted, ConfigError, InsecureConnection, ProtocolError, Unreachable
from tests.servers import certificates
from tests.servers.process import free_ports

Serve = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Start a server that does what a function says; gives its port."""
    servers: list[HTTPServer] = []

    def start(what: Serve, context: ssl.SSLContext | None = None) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                what(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def answer(request: BaseHTTPRequestHandler, body: bytes, **headers: str) -> None:
    request.send_response(302 if "Location" in headers else 200)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


def fetch(url: str, ca_file: str = "") -> httpx.Response:
    with http.session(ca_file) as session, http.told(url):
        return session.get(url)


def test_an_answer_that_does_not_end(serve: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BYTES", 1000)
    just, more = (
        serve(lambda request: answer(request, b"x" * 1000)),
        serve(lambda request: answer(request, b"x" * 1001)),
    )
    assert len(fetch(f"http://127.0.0.1:{just}").content) == 1000
    with pytest.raises(ProtocolError, match="an answer over"):
        fetch(f"http://127.0.0.1:{more}")


def test_an_answer_that_dribbles(serve: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the whole does not."""

    def dribble(request: BaseHTTPRequestHandler) -> None:
        answer(request, b"")
        with contextlib.suppress(OSError):
            for _ in range(100):
                request.wfile.write(b"x")
                time.sleep(0.02)

    monkeypatch.setattr(http, "SECONDS", 0.1)
    with pytest.raises(Unreachable, match="in time"):
        fetch(f"http://127.0.0.1:{serve(dribble)}")


def test_an_encoded_answer(serve: Callable[..., int]) -> None:
    asked: list[str | None] = []

    def squeezed(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.headers["Accept-Encoding"])
        answer(request, b"", Content_Encoding="gzip")

    with pytest.raises(ProtocolError, match="encoded"):
        fetch(f"http://127.0.0.1:{serve(squeezed)}")
    assert asked == ["identity"]


def test_nothing_travels_in_the_clear_and_nobody_is_followed(serve: Callable[..., int]) -> None:
    port = serve(lambda request: answer(request, b"", Location="http://example.com/"))
    assert fetch(f"http://127.0.0.1:{port}").status_code == 302
    for url in ("http://example.com/", "http://127.0.0.1.example.com/", "ftp://127.0.0.1/"):
        with pytest.raises(InsecureConnection):
            fetch(url)


def test_the_environment_has_no_say(serve: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (dead,) = free_ports(1)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{dead}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    port = serve(lambda request: answer(request, str(request.headers["Authorization"]).encode()))
    assert fetch(f"http://127.0.0.1:{port}").text == "None"
    with pytest.raises(Unreachable, match=r"cannot reach 127\.0\.0\.1"):
        fetch(f"http://127.0.0.1:{dead}/?code=secret")


def test_certificates(serve: Callable[..., int], tmp_path: Path) -> None:
    certificates.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    url = f"https://127.0.0.1:{serve(lambda request: answer(request, b'{}'), context)}"
    with pytest.raises(CertificateUntrusted) as caught:
        fetch(url)
    assert "tls_ca_file" in caught.value.hint
    assert fetch(url, str(tmp_path / "ca.pem")).json() == {}
    with pytest.raises(ConfigError, match="tls_ca_file"):
        fetch(url, str(tmp_path / "server.key"))
