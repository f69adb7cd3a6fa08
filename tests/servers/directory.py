"""Where mail is said to be kept: a name server and an https server with documents, both on loopback, both scripted."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.servers import certificates
from tests.servers.process import HOST

SERVER = """<incomingServer type="{kind}"><hostname>{host}</hostname><port>{port}</port>
<socketType>{socket}</socketType><username>{user}</username><authentication>{auth}</authentication></incomingServer>"""


def server(
    host: str = "in.%EMAILDOMAIN%",
    *,
    kind: str = "imap",
    port: str = "993",
    socket: str = "SSL",
    user: str = "%EMAILADDRESS%",
    auth: str = "password-cleartext",
) -> str:
    return SERVER.format(host=host, kind=kind, port=port, socket=socket, user=user, auth=auth)


def document(*servers: str, before: str = "") -> bytes:
    inner = "".join(servers)
    return f'{before}<clientConfig version="1.1"><emailProvider id="x">{inner}</emailProvider></clientConfig>'.encode()


class Names:
    """A name server on loopback: `records` maps (name, type) to lines of data; what is missing does not exist."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.asked: list[str] = []
        self.silent = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self.where: tuple[str, int] = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            question = query.question[0]
            kind = dns.rdatatype.to_text(question.rdtype)
            self.asked.append(str(question.name))
            if self.silent:
                continue
            answer = dns.message.make_response(query)
            lines = self.records.get((str(question.name).rstrip("."), kind))
            if lines is None:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            else:
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *lines))
            self._socket.sendto(answer.to_wire(), sender)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.where)
        self._thread.join(5)
        self._socket.close()


class Documents(http.server.ThreadingHTTPServer):
    """An https server: `pages` maps paths to (status, headers, body), or to seconds of silence."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        certificates.make(folder)
        self.ca_file = str(folder / "ca.pem")
        self.pages: dict[str, tuple[int, dict[str, str], bytes] | float] = {}
        self.asked: list[str] = []
        super().__init__((HOST, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def base(self) -> str:
        return f"https://localhost:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Documents)
        self.server.asked.append(self.path)
        page = self.server.pages.get(self.path.partition("?")[0], (404, {}, b""))
        if isinstance(page, float):
            time.sleep(page)
            return
        status, headers, body = page
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal of the tests."""
