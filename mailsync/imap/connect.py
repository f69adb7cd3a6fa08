"""From a host and a port to a greeted, encrypted connection, or an error that names what is wrong.

TLS is verified always (there is no switch that turns it off; a private CA can be given). STARTTLS is mandatory or
failure: nothing learned before TLS survives it, a PREAUTH greeting or bytes injected behind the server's OK end it
("Why TLS is better without STARTTLS", USENIX Security 2021; SERVERS: RFC 3501 section 6.2.1, RFC 8314).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Literal

from mailsync.errors import (
    CertificateUntrusted,
    ConfigError,
    InsecureConnection,
    ProtocolError,
    Throttled,
    Unreachable,
)
from mailsync.imap import throttle
from mailsync.imap.protocol import Client, Protocol
from mailsync.imap.responses import Capability, Condition, Response
from mailsync.record import record
from mailsync.text import safe_text

CONNECT_SECONDS = 30.0
"""For DNS, TCP, TLS and the greeting together."""


@record(frozen=True)
class Endpoint:
    """Where a server is and how to get there. `ca_file` is the path of a private CA's certificate, or ''.

    `insecure`: a person allowed that a password goes to another machine in the clear.
    """

    host: str
    port: int
    security: Literal["tls", "starttls", "none"] = "tls"
    ca_file: str = ""
    insecure: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """A verifying TLS 1.2+ context; ConfigError when the CA file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=endpoint.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot use tls_ca_file: {error}", hint="give the path of a PEM file") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def certificate_ends(protocol: Protocol) -> float | None:
    """When the certificate that the server showed ends, in Unix seconds; None for a connection without TLS."""
    shown = protocol.transport.get_extra_info("peercert") if protocol.transport is not None else None
    return float(ssl.cert_time_to_seconds(shown["notAfter"])) if shown else None


def dial(endpoint: Endpoint) -> Client:
    """Begin to connect; ConfigError when the CA file cannot be used."""
    context = tls_context(endpoint) if endpoint.security == "tls" else None
    return Client(endpoint.host, endpoint.port, context)


async def connect(
    endpoint: Endpoint, seconds: float = CONNECT_SECONDS, *, client: Client | None = None
) -> tuple[Protocol, Condition]:
    """A connection that is encrypted as `endpoint` demands, and the greeting of the server behind it.

    `client` is what `dial` gave for the same endpoint, when that was called before. Raises Unreachable,
    CertificateUntrusted, InsecureConnection, Throttled, ProtocolError or ConfigError.
    """
    context = tls_context(endpoint) if endpoint.security == "starttls" else None
    client = client or dial(endpoint)
    with _named(endpoint):
        greeting = await client.connected(seconds)
    protocol = client.protocol
    if greeting.status == "BYE":
        code = greeting.code.name if greeting.code else None
        error = Throttled(
            f"{endpoint} turned us away: {safe_text(greeting.text, 200)}",
            hint="try again later",
            resume_after=throttle.hint(greeting.text, code),
        )
        protocol.fail(error)
        raise error
    if endpoint.security == "starttls":
        assert context is not None
        if greeting.status == "PREAUTH":
            _refuse(protocol, f"{endpoint} greets as already signed in, which rules out STARTTLS")
        with _named(endpoint):
            async with asyncio.timeout(seconds):
                await _start_tls(protocol, endpoint, context)
    return protocol, greeting


async def _start_tls(protocol: Protocol, endpoint: Endpoint, context: ssl.SSLContext) -> None:
    offered: set[str] = set()

    def accept(response: Response) -> bool:
        if isinstance(response, Capability):
            offered.update(response.names)
            return True
        return False

    await protocol.finish(protocol.begin("CAPABILITY", accept=accept))
    if "STARTTLS" not in offered:
        _refuse(protocol, f"{endpoint} does not offer STARTTLS")
    answer = await protocol.finish(protocol.begin("STARTTLS", last_in_segment=True))
    if answer.status != "OK":
        _refuse(protocol, f"{endpoint} refused STARTTLS")
    await protocol.start_tls(context, endpoint.host)


def _refuse(protocol: Protocol, message: str) -> None:
    error = InsecureConnection(message, hint='use security = "tls" and its port, usually 993')
    protocol.fail(error)
    raise error


class _named(contextlib.AbstractContextManager[None]):
    """Turns what asyncio and ssl raise into our errors, naming the server."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        where = self.endpoint
        match error:
            case ssl.SSLCertVerificationError():
                raise CertificateUntrusted(
                    f"the certificate of {where} is not trusted: {error.verify_message}",
                    hint="for a private CA set tls_ca_file; else check the host name",
                ) from error
            case ssl.SSLError():
                raise Unreachable(
                    f"TLS with {where} failed: {error.reason or error}",
                    hint='check port and security: 993 is "tls", 143 is "starttls"',
                ) from error
            case socket.gaierror():
                raise Unreachable(f"no address for {where.host}", hint="check the host name and the network") from error
            case ConnectionRefusedError():
                raise Unreachable(f"{where} refused the connection", hint="check host and port") from error
            case TimeoutError():
                raise Unreachable(f"{where} did not answer in time", hint="check host, port and the network") from error
            case OSError():
                raise Unreachable(
                    f"cannot reach {where}: {error.strerror or error}", hint="check the network"
                ) from error
            case UnicodeError():
                raise ProtocolError(f"{where.host} is not a host name", hint="check host") from error
            case _:
                return
