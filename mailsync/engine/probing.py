"""Looking at a server before an account is made of it: does it answer, is it encrypted, what does it take, who gets in.

Nothing is stored, and no secret is sent before the connection is encrypted (or to this machine, where that was asked
for).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from mailsync.accounts.discover import Candidate
from mailsync.accounts.racing import first, run
from mailsync.config.models import AccountConfig
from mailsync.errors import CertificateUntrusted, ConnectionLost, InsecureConnection, MailsyncError, Unreachable
from mailsync.imap.connect import Endpoint, connect
from mailsync.imap.responses import Capability, Response
from mailsync.imap.session import Session
from mailsync.privacy.secret import Credential
from mailsync.record import record
from mailsync.text import safe_text

SECONDS = 7.0
"""For all candidates, side by side."""
GRACE_SECONDS = 1.5
"""How long a better candidate may still answer after a lesser one has."""
_TELLING: tuple[type[MailsyncError], ...] = (CertificateUntrusted, InsecureConnection)
"""What says more than that nobody answered."""


@record(frozen=True)
class Answer:
    """A candidate that answers encrypted (or as asked for), and what it said before anyone signed in."""

    candidate: Candidate
    greeting: str
    capabilities: frozenset[str]

    @property
    def takes_password(self) -> bool:
        """A password can be sent."""
        return "LOGINDISABLED" not in self.capabilities or "AUTH=PLAIN" in self.capabilities

    @property
    def takes_token(self) -> bool:
        return not self.capabilities.isdisjoint(("AUTH=XOAUTH2", "AUTH=OAUTHBEARER"))


@record(frozen=True)
class Welcome:
    """A sign-in that worked: what the server calls itself, and how many folders it shows."""

    server: str
    folders: int


def reach(candidates: Sequence[Candidate], ca_file: str = "") -> Answer:
    """The first of the candidates, by their order, that answers; blocks for SECONDS at most.

    Raises what kept the most telling of them: CertificateUntrusted, InsecureConnection, else Unreachable.
    """
    failures: list[MailsyncError] = []

    async def look(ways: list[Candidate]) -> list[Answer]:
        for candidate in ways:
            try:
                return [await _look(candidate, ca_file)]
            except MailsyncError as error:
                failures.append(error)
                if isinstance(error, _TELLING):
                    break
        return []

    # The ways into one port are tried one after the other: of two, one waits for a greeting that never comes.
    ports: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        ports.setdefault(candidate.where, []).append(candidate)
    answers = run(first([look(ways) for ways in ports.values()], SECONDS, GRACE_SECONDS))
    for answer in answers:
        if answer:
            return answer[0]
    telling = [error for error in failures if isinstance(error, _TELLING)]
    for error in telling or (failures if len(candidates) == 1 else []):
        raise error
    raise Unreachable(
        f"none of {', '.join(dict.fromkeys(safe_text(one.host, 80) for one in candidates))} answers",
        hint="check the network; name the server with --host as your provider tells it",
    )


def sign_in(account: AccountConfig, credential: Credential) -> Welcome:
    """Sign in once and list the folders. Blocks; raises what `Session.open` raises."""
    return run(_sign_in(account, credential))


async def _look(candidate: Candidate, ca_file: str) -> Answer:
    endpoint = Endpoint(candidate.host, candidate.port, candidate.security, ca_file)
    protocol, greeting = await connect(endpoint, SECONDS)
    names: set[str] = set()

    def accept(response: Response) -> bool:
        if isinstance(response, Capability):
            names.update(response.names)
        return isinstance(response, Capability)

    try:
        await protocol.finish(protocol.begin("CAPABILITY", accept=accept))
        with contextlib.suppress(MailsyncError, TimeoutError):
            async with asyncio.timeout(1):
                await protocol.finish(protocol.begin("LOGOUT"))
    finally:
        protocol.fail(ConnectionLost("it was only looked at"))
    return Answer(candidate, safe_text(greeting.text, 200), frozenset(name.upper() for name in names))


async def _sign_in(account: AccountConfig, credential: Credential) -> Welcome:
    endpoint = Endpoint(account.host, account.port, account.security, account.tls_ca_file)
    session = await Session.open(endpoint, account.username, credential, overrides=account.quirks.given())
    try:
        folders = await session.list_folders(status=False)
        told = " ".join(value for key, value in session.server_id.items() if key in ("name", "version") and value)
        return Welcome(safe_text(told or session.greeting.text, 200), len(folders))
    finally:
        await session.logout()
