"""The autoconfig document (draft-ietf-mailmaint-autoconfig): where a domain, or the public database, says its IMAP is.

Fetched over https alone, so that what it says comes from whoever it is asked of; and hostile all the same: bounded in
size, time, redirects and depth, and refused with a document type, which is where entities are declared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote, urljoin, urlsplit
from xml.parsers import expat

from mailsync.accounts.address import Address, to_ascii
from mailsync.config.providers import Security
from mailsync.errors import MailsyncError, UsageError
from mailsync.record import record

LARGEST = 256 << 10
"""Bytes of a document; those of the public database have some thousands."""
DEPTH = 20
SERVERS_AT_MOST = 20
TEXT_AT_MOST = 1000
REDIRECTS = 3

OWN = (
    "https://autoconfig.{domain}/mail/config-v1.1.xml?emailaddress={address}",
    "https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
)
"""Where a domain publishes its own, in the order of the draft. Only the domain's own server learns the address."""
PUBLIC = "https://autoconfig.thunderbird.net/v1.1/{domain}"
"""The public database; it learns the domain, not the address."""

_SECURITY: dict[str, Security] = {"SSL": "tls", "STARTTLS": "starttls"}


@record(frozen=True)
class Server:
    """An IMAP server as a document names it; `username` is "" where that is the address."""

    host: str
    port: int
    security: Security
    username: str = ""
    oauth2_only: bool = False


async def fetch(template: str, domain: str, address: Address, ca_file: str = "") -> list[Server]:
    """What the document at `template` says for `address`; [] for none, whatever the reason. `ca_file` is for tests."""
    url = template.format(domain=domain, address=quote(address.text, safe="@"))
    return await asyncio.to_thread(_fetch, url, address, ca_file)


def _fetch(url: str, address: Address, ca_file: str) -> list[Server]:
    import httpx

    from mailsync.accounts.oauth import http

    try:
        with http.session(ca_file) as client:
            for _ in range(REDIRECTS + 1):
                if urlsplit(url).scheme != "https":
                    return []
                response = client.get(url, headers={"Accept": "text/xml, application/xml"})
                if not response.is_redirect:
                    return parse(response.content, address) if response.status_code == 200 else []
                url = urljoin(url, response.headers.get("location", ""))
    except (httpx.HTTPError, httpx.InvalidURL, MailsyncError, ValueError):
        return []
    return []


def parse(data: bytes, address: Address) -> list[Server]:
    """The IMAP servers of a document that encrypt, in its order, placeholders filled. ValueError for what is none."""
    if len(data) > LARGEST:
        raise ValueError("too large")
    found = []
    for told in _Reader().read(data)[:SERVERS_AT_MOST]:
        security = _SECURITY.get(_only(told, "socketType"))
        methods = told.get("authentication", [])
        if security is None or (methods and not any(map(_usable, methods))):
            continue
        try:
            host, port = to_ascii(_filled(_only(told, "hostname"), address)), int(_only(told, "port"))
        except (UsageError, ValueError):
            continue
        username = _filled(_only(told, "username"), address)
        if 0 < port < 65536 and username.isprintable():
            only = bool(methods) and not any(map(_is_password, methods))
            found.append(Server(host, port, security, "" if username == address.text else username, only))
    return found


def _only(told: dict[str, list[str]], name: str) -> str:
    return told.get(name, [""])[0].strip()


def _usable(method: str) -> bool:
    return _is_password(method) or method == "OAuth2"


def _is_password(method: str) -> bool:
    return method in ("password-cleartext", "password-encrypted", "plain", "secure")


def _filled(text: str, address: Address) -> str:
    for name, value in (("ADDRESS", address.text), ("LOCALPART", address.local), ("DOMAIN", address.domain)):
        text = text.replace(f"%EMAIL{name}%", value)
    return text


class _Reader:
    """Reads the `incomingServer` elements of type imap: of each the texts of its children, by name."""

    WHERE: Sequence[str] = ("clientConfig", "emailProvider", "incomingServer")

    def __init__(self) -> None:
        self._path: list[str] = []
        self._servers: list[dict[str, list[str]]] = []
        self._server: dict[str, list[str]] | None = None

    def read(self, data: bytes) -> list[dict[str, list[str]]]:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise ValueError("not XML") from error
        return self._servers

    def _doctype(self, *declared: object) -> None:
        raise ValueError("a document type declares entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if len(self._path) > DEPTH:
            raise ValueError("nested too deeply")
        if tuple(self._path) == self.WHERE and attributes.get("type") == "imap":
            self._server = {}
        elif self._server is not None and len(self._path) == len(self.WHERE) + 1:
            self._server.setdefault(name, []).append("")

    def _end(self, name: str) -> None:
        if self._server is not None and len(self._path) == len(self.WHERE):
            self._servers.append(self._server)
            self._server = None
        self._path.pop()

    def _text(self, text: str) -> None:
        if self._server is not None and len(self._path) == len(self.WHERE) + 1:
            texts = self._server[self._path[-1]]
            texts[-1] = (texts[-1] + text)[:TEXT_AT_MOST]
