"""From an address alone to the servers that may be its own, the most trustworthy first, each with where it is from.

    preset        the domain is a provider's own
    SRV           the domain's DNS names a server below the domain itself, or a known provider's     RFC 6186, RFC 8314
    autoconfig    the domain's own document, over https
    MX            the domain's mail exchangers belong to a known provider
    database      the public database of autoconfig documents, over https
    SRV, foreign  the domain's DNS names somebody else's server: a person has to confirm it          RFC 6186 section 6
    guesses       imap.DOMAIN, mail.DOMAIN, DOMAIN: whether they answer is for the caller to find out

Nobody signs in here, and nothing is ever tried in the clear.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import field
from typing import Literal

from mailsync.accounts import autoconfig
from mailsync.accounts.address import Address
from mailsync.accounts.racing import first
from mailsync.accounts.records import Records, Service
from mailsync.config.providers import PRESETS, Preset, Provider, Security, of_domain, of_exchanger, of_host
from mailsync.record import record, replace

SECONDS = 4.0
"""For everything that is asked about a domain, side by side."""
GRACE_SECONDS = 1.5
"""How long a better source may still answer after a lesser one has."""


@record(frozen=True)
class Candidate:
    """A server that may be the one of an address. `source` says in plain words how it was found."""

    host: str
    port: int
    security: Security
    source: str
    provider: Provider = "imap"
    username: str = ""
    """Who signs in; "" for the address, or what the provider makes of it."""
    auth: Literal["password", "oauth2"] = "password"
    foreign: bool = False
    """DNS alone says so, and it is somebody else's: the password goes there only if a person confirms it."""

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


@record(frozen=True)
class Sources:
    """Whom to ask. `ca_file` and other places than the usual are for tests, and for networks with their own."""

    records: Records = field(default_factory=Records)
    own: Sequence[str] = autoconfig.OWN
    public: str = autoconfig.PUBLIC
    ca_file: str = ""


def of_preset(provider: Provider, address: Address, source: str) -> Candidate:
    """What a provider's preset says for an address."""
    preset = PRESETS[provider]
    host = preset.by_domain.get(address.domain, preset.host)
    return Candidate(host, preset.port, preset.security, source, provider, auth=_auth(preset))


def guesses(domain: str) -> list[Candidate]:
    """Likely hosts of a domain: TLS from the first byte everywhere before STARTTLS anywhere."""
    hosts = [f"imap.{domain}", f"mail.{domain}", domain]
    return [
        Candidate(host, port, security, f"{host} answers")
        for port, security in ((993, _TLS), (143, _STARTTLS))
        for host in hosts
    ]


_TLS: Security = "tls"
_STARTTLS: Security = "starttls"


async def discover(address: Address, sources: Sources | None = None) -> list[Candidate]:
    """Servers that are named for an address, the most trustworthy first; [] where nobody names any.

    Takes SECONDS at most. What failed or came too late is left out.
    """
    provider = of_domain(address.domain)
    if provider is not None:
        return [of_preset(provider, address, f"known for {address.domain}")]
    if "." not in address.domain:
        return []
    sources = sources or Sources()
    services = asyncio.create_task(sources.records.services(address.domain))
    exchangers = asyncio.create_task(sources.records.exchangers(address.domain))
    asked = [
        _services(services, address, foreign=False),
        *(_own(template, sources, address) for template in sources.own),
        _exchangers(exchangers, address),
        _public(sources, address.domain, address),
        _public_of_exchanger(sources, exchangers, address),
        _services(services, address, foreign=True),
    ]
    try:
        answers = await first(asked, SECONDS, GRACE_SECONDS)
    finally:
        services.cancel()
        exchangers.cancel()
    found = [candidate for answer in answers for candidate in answer]
    unique: dict[tuple[str, int], Candidate] = {}
    for candidate in found:
        unique.setdefault((candidate.host, candidate.port), candidate)
    return list(unique.values())


async def _services(services: asyncio.Task[list[Service]], address: Address, *, foreign: bool) -> list[Candidate]:
    found = [_service(one, address) for one in await asyncio.shield(services)]
    return [one for one in found if one.foreign == foreign]


def _service(service: Service, address: Address) -> Candidate:
    source = f"the DNS of {address.domain} names it (SRV)"
    provider = of_host(service.host)
    if provider is not None:
        return replace(of_preset(provider, address, source), host=service.host)
    own = service.host == address.domain or service.host.endswith("." + address.domain)
    return Candidate(service.host, service.port, service.security, source, foreign=not own)


async def _own(template: str, sources: Sources, address: Address) -> list[Candidate]:
    servers = await autoconfig.fetch(template, address.domain, address, sources.ca_file)
    return [_document(server, f"{address.domain} publishes it (autoconfig)") for server in servers]


async def _public(sources: Sources, domain: str, address: Address) -> list[Candidate]:
    servers = await autoconfig.fetch(sources.public, domain, address, sources.ca_file)
    return [_document(server, f"the public autoconfig database has it for {domain}") for server in servers]


def _document(server: autoconfig.Server, source: str) -> Candidate:
    provider = of_host(server.host) or "imap"
    preset = PRESETS.get(provider)
    auth: Literal["password", "oauth2"] = "oauth2" if server.oauth2_only else "password"
    return Candidate(
        server.host,
        server.port,
        server.security,
        source,
        provider,
        "" if preset is not None and preset.local_part else server.username,
        _auth(preset) if preset is not None else auth,
    )


async def _exchangers(exchangers: asyncio.Task[list[str]], address: Address) -> list[Candidate]:
    for exchanger in await asyncio.shield(exchangers):
        if (match := of_exchanger(exchanger)) is not None:
            provider, host = match
            source = f"the mail of {address.domain} is kept by {PRESETS[provider].label} (MX)"
            return [replace(of_preset(provider, address, source), host=host)]
    return []


async def _public_of_exchanger(
    sources: Sources, exchangers: asyncio.Task[list[str]], address: Address
) -> list[Candidate]:
    """The database by the domain of the mail exchanger: many keep other people's domains as they keep their own."""
    names = await asyncio.shield(exchangers)
    if not names or of_exchanger(names[0]) is not None:
        return []
    labels = names[0].split(".")
    for length in (3, 2):
        domain = ".".join(labels[-length:])
        if len(labels) > length and domain != address.domain and (found := await _public(sources, domain, address)):
            return found
    return []


def _auth(preset: Preset) -> Literal["password", "oauth2"]:
    return "password" if preset.password else "oauth2"
