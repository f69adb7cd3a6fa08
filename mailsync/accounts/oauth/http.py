"""HTTP with a provider, on httpx: verified, bounded in size and time, and ruled by nobody's environment.

`trust_env` is off: a proxy from the environment would see the requests to a provider on this machine, and .netrc would
add passwords to them; the mail connection beside takes no proxy either. The system's authorities are believed
(SSL_CERT_FILE replaces them, as for every program on OpenSSL), and those of the account's `tls_ca_file`. Redirects are
answers, never followed. Answers are taken as they are: no content codings, since a compressed one has no size.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterator

import httpx

from mailsync import __version__
from mailsync.config.checks import is_loopback
from mailsync.errors import (
    CertificateUntrusted,
    ConfigError,
    InsecureConnection,
    MailsyncError,
    ProtocolError,
    Throttled,
    Unreachable,
)
from mailsync.text import safe_text

CONNECT_SECONDS = 10.0
SECONDS = 20.0
"""For a whole answer; two of them fit into the time for which others wait at the vault's lock."""
BYTES = 256 * 1024
"""Discovery documents take 2 to 8 kB, token answers up to 10 kB."""


def session(ca_file: str = "") -> httpx.Client:
    """A client for one errand; close it. Raises ConfigError for a CA file that cannot be used."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot use tls_ca_file: {error}", hint="give the path of a PEM file") from None
    return httpx.Client(
        transport=_Bounded(context),
        timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
        headers={"User-Agent": f"mailsync/{__version__}", "Accept-Encoding": "identity"},
        follow_redirects=False,
        trust_env=False,
    )


def is_private(url: str) -> bool:
    """True for https, and for http to this machine."""
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return False
    return bool(parts.host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.host)))


@contextlib.contextmanager
def told(url: str) -> Iterator[None]:
    """Failures of HTTP as errors of ours that name the provider's host and nothing else of an address."""
    try:
        host = safe_text(httpx.URL(url).host, 100)
    except httpx.InvalidURL:
        raise ConfigError("an endpoint of the provider is no address", hint="check issuer and the endpoints") from None
    try:
        yield
    except MailsyncError:
        raise
    except httpx.TimeoutException:
        raise Unreachable(f"{host} did not answer in time", hint="check the network, try again later") from None
    except httpx.TransportError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
            cause = cause.__cause__ or cause.__context__
        if cause is not None:
            raise CertificateUntrusted(
                f"{host}: {cause.verify_message or 'its certificate cannot be verified'}",
                hint="a private authority's certificate goes into tls_ca_file",
            ) from None
        raise Unreachable(f"cannot reach {host}", hint="check the network, try again later") from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise ProtocolError(f"{host}: an answer that is no HTTP", hint="check the endpoints") from None


def throttled(answer: httpx.Response) -> Throttled | None:
    """The error for an answer that asks to come back later, None for any other."""
    if answer.status_code != 429 and not answer.is_server_error:
        return None
    after = answer.headers.get("retry-after", "")
    return Throttled(
        f"{safe_text(answer.url.host, 100)} answers with HTTP {answer.status_code}",
        hint="try again later",
        resume_after=float(after) if after.isascii() and after.isdecimal() and len(after) < 6 else None,
    )


class _Bounded(httpx.BaseTransport):
    """Sends to private places only, and gives answers that end."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._inner = httpx.HTTPTransport(verify=context, trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = safe_text(request.url.host, 100)
        if not is_private(str(request.url)):
            raise InsecureConnection(f"{host}: a token would travel in the clear", hint="use an https:// address")
        deadline = time.monotonic() + SECONDS
        response = self._inner.handle_request(request)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            response.close()
            raise ProtocolError(f"{host}: an encoded answer that nobody asked for")
        assert isinstance(response.stream, httpx.SyncByteStream)
        stream = _Stream(response.stream, host, deadline)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )

    def close(self) -> None:
        self._inner.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, host: str, deadline: float) -> None:
        self._inner = inner
        self._host = host
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        total = 0
        for chunk in self._inner:
            total += len(chunk)
            if total > BYTES:
                raise ProtocolError(f"{self._host}: an answer over {BYTES // 1024} KiB")
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("the whole answer takes too long")
            yield chunk

    def close(self) -> None:
        self._inner.close()
