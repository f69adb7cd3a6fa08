"""One POST to leave a list (RFC 8058 section 3.2), to a host that a stranger's message names.

So it goes over verified TLS, to public addresses only: every address of the host is looked at, and the connection is
made to one that was looked at, not to what the name says a moment later. There are no cookies, no credentials, no
proxy, no second request: a redirect is an answer and not followed. What is read of the answer is its status.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from typing import TypeAlias

from mailsync.cleanup.unsubscribe import Target, target
from mailsync.errors import CertificateUntrusted, MailsyncError, ProtocolError, Unreachable

SECONDS = 20.0
"""For all of it."""
HEADER = 16 * 1024
"""Bytes of an answer that are looked at for its status; interim answers come before it."""
BODY = b"List-Unsubscribe=One-Click"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


async def post(address: str) -> int:
    """Send it; the status of the answer, 200 to 299.

    MailsyncError for an address that is not to be used and an answer that is no yes, Unreachable,
    CertificateUntrusted, ProtocolError.
    """
    try:
        where = target(address)
    except ValueError as error:
        raise MailsyncError(f"one click is not possible: {error}") from None
    try:
        async with asyncio.timeout(SECONDS):
            return _judged(where, await _exchange(where, await _resolved(where)))
    except TimeoutError:
        raise Unreachable(f"{where.host} did not answer in time", hint="try again later") from None


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet; those that stand for an IPv4 address are as that is."""
    one: _Address = ipaddress.ip_address(address)
    if isinstance(one, ipaddress.IPv6Address):
        inside = one.ipv4_mapped or one.sixtofour or (one.teredo or (None, None))[1]
        if one in _NAT64:
            inside = ipaddress.IPv4Address(int(one) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(str(inside))
    return one.is_global and not one.is_multicast and not one.is_reserved


def _trusting() -> ssl.SSLContext:
    """TLS that believes the system's authorities."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _resolved(where: Target) -> list[str]:
    """The addresses of the host, all of them public."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
    except OSError:
        raise Unreachable(f"there is no address of {where.host}", hint="try again later") from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not addresses or not all(is_public(one) for one in addresses):
        raise MailsyncError(f"{where.host} is not on the public Internet: nothing is sent there")
    return addresses


async def _exchange(where: Target, addresses: list[str]) -> bytes:
    """What the host says first."""
    reader, writer = await _connected(where, addresses, _trusting())
    port = "" if where.port == 443 else f":{where.port}"
    host = f"[{where.host}]" if ":" in where.host else where.host
    head = (
        f"POST {where.request} HTTP/1.1\r\nHost: {host}{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(BODY)}\r\nUser-Agent: mailsync\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
    try:
        writer.write(head.encode("ascii") + BODY)
        await writer.drain()
        said = b""
        while not _is_told(said) and len(said) < HEADER:
            more = await reader.read(HEADER - len(said))
            if not more:
                break
            said += more
        return said
    except OSError:
        raise Unreachable(f"the connection to {where.host} was lost", hint="try again later") from None
    finally:
        writer.transport.abort()  # whatever else it says, also while it closes, is not waited for


async def _connected(
    where: Target, addresses: list[str], context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    for one in addresses:
        try:
            return await asyncio.open_connection(one, where.port, ssl=context, server_hostname=where.host, limit=HEADER)
        except ssl.SSLCertVerificationError as error:
            told = error.verify_message or "its certificate cannot be verified"
            raise CertificateUntrusted(f"{where.host}: {told}", hint="nothing was sent") from None
        except OSError:
            continue
    raise Unreachable(f"cannot reach {where.host}", hint="try again later")


def _is_told(said: bytes) -> bool:
    """The status line of the final answer is there."""
    with contextlib.suppress(ValueError):
        return _status(said) is not None
    return True


def _status(said: bytes) -> int | None:
    """The status of the final answer (RFC 9110 section 15.2), None before it is there; ValueError for no HTTP."""
    while True:
        line, end, rest = said.partition(b"\r\n")
        if not end:
            return None
        version, _, words = line.partition(b" ")
        number = words[:3]
        if not version.startswith(b"HTTP/1.") or len(number) < 3 or not number.isdigit():
            raise ValueError("no status line")
        status = int(number)
        if status >= 200:
            return status
        _, end, said = rest.partition(b"\r\n\r\n") if not rest.startswith(b"\r\n") else (b"", b"\r\n", rest[2:])
        if not end:
            return None


def _judged(where: Target, said: bytes) -> int:
    try:
        status = _status(said)
    except ValueError:
        status = None
    if status is None:
        raise ProtocolError(f"{where.host}: an answer that is no HTTP", hint="open its page instead")
    if 200 <= status < 300:
        return status
    if 300 <= status < 400:
        raise MailsyncError(f"{where.host} sends on to another page, which is not followed", hint="open it yourself")
    raise MailsyncError(f"{where.host} answers with HTTP {status}", hint="try again later, or open its page")
