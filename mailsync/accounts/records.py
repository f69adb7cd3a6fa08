"""What DNS says about a domain's mail: SRV records of IMAP (RFC 6186, RFC 8314) and the mail exchangers.

Nothing is raised: without DNS there are no records, and whoever asks takes the next step. Without DNSSEC an answer is
a hint, not a proof.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mailsync.accounts.address import to_ascii
from mailsync.config.providers import Security
from mailsync.errors import UsageError
from mailsync.record import record

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

TRY_SECONDS = 1.5
"""For one packet; then the next name server is asked."""
ALL_SECONDS = 3.5
RECORDS_AT_MOST = 20


@record(frozen=True)
class Service:
    """Where a domain says its IMAP is: `tls` is `_imaps`, `starttls` is `_imap`."""

    host: str
    port: int
    security: Security


class Records:
    """Asks the name servers of the system, or those given as (address, port)."""

    def __init__(self, servers: Sequence[tuple[str, int]] = ()) -> None:
        self._servers = servers
        self._made: Resolver | None = None

    async def services(self, domain: str) -> list[Service]:
        """The IMAP services of a domain, TLS from the first byte first, then by priority and weight.

        A target of "." says that a service is not offered.
        """
        tls, starttls = await asyncio.gather(
            self._ask(f"_imaps._tcp.{domain}.", "SRV"), self._ask(f"_imap._tcp.{domain}.", "SRV")
        )
        return [*_offered(tls, "tls"), *_offered(starttls, "starttls")]

    async def exchangers(self, domain: str) -> list[str]:
        """The names of a domain's mail exchangers, the preferred first; lower case, no dot at the end."""
        records = sorted(await self._ask(f"{domain}.", "MX"), key=lambda one: (one.preference, str(one.exchange)))
        return [host for record in records if (host := _host(record.exchange))]

    async def _ask(self, name: str, kind: str) -> list[Any]:
        from dns.exception import DNSException

        try:
            answer = await self._resolver().resolve(name, kind, lifetime=ALL_SECONDS, search=False)
        except (DNSException, OSError, ValueError):
            return []
        return list(answer)[:RECORDS_AT_MOST]

    def _resolver(self) -> Resolver:
        from dns.asyncresolver import Resolver
        from dns.nameserver import Do53Nameserver

        if self._made is None:
            self._made = Resolver(configure=not self._servers)
            if self._servers:
                self._made.nameservers = [Do53Nameserver(address, port) for address, port in self._servers]
            self._made.timeout = TRY_SECONDS
        return self._made


def _offered(answer: list[Any], security: Security) -> list[Service]:
    ordered = sorted(answer, key=lambda one: (one.priority, -one.weight, str(one.target)))
    return [Service(host, one.port, security) for one in ordered if one.port and (host := _host(one.target))]


def _host(name: Any) -> str:
    """A name out of a record, "" for "." and for what is no host name."""
    text = str(name).rstrip(".")
    try:
        return to_ascii(text) if text else ""
    except UsageError:
        return ""
