"""What was learned of an account's server, kept in `probes` from one engine to the next.

    server        fingerprint of greeting, ID and capabilities: when it changes, the three below are learned anew
    search        whether SEARCH finds what is there             qresync   whether VANISHED (EARLIER) makes sense
    idle          whether IDLE is accepted
    quirks        which rows of `imap.quirks` matched, with reasons
    tls_not_after when the certificate of its TLS ends, in Unix seconds
    connections   how many the server allows                     line      what the way to it carries
    throttled     the pause the server asked for

A finding that takes something away reads "ESEARCH off: found 0 of 4,028", one that does not "ok: found 4,028 of 4,028".
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import field

from mailsync.imap.connect import certificate_ends
from mailsync.imap.quirks import Quirks
from mailsync.imap.session import Session
from mailsync.record import record
from mailsync.store import accounts, probes, traffic
from mailsync.store.database import Store
from mailsync.store.probes import CERTIFICATE, QUIRKS
from mailsync.sync.line import Line

DAY = 86400.0
PROBED = ("search", "qresync", "idle")
PROBE_SECONDS = 30 * DAY
LINE_SECONDS = 7 * DAY
"""Machines move to other networks."""
CEILING_SECONDS = DAY
_OFF = re.compile(r"([A-Z0-9=+-]+(?:,[A-Z0-9=+-]+)*) off: ")


def off(capabilities: list[str], why: str) -> str:
    """A finding that takes capabilities away."""
    return f"{','.join(capabilities)} off: {why}"


@record
class Knowledge:
    """The findings about one account's server; `load` once, then in step with the store."""

    store: Store
    account: str
    account_id: int
    now: Callable[[], float]
    findings: dict[str, probes.Finding] = field(default_factory=dict)
    received_today: int = 0
    """Bytes on the UTC day of `load`."""
    described: tuple[str, str, str] = ("", "", "")
    """Server, capabilities and line as the account's row tells them."""
    loaded: bool = False

    async def load(self) -> None:
        """Read what is known, once."""
        if self.loaded:
            return
        at = self.now()

        def read(connection: sqlite3.Connection) -> None:
            self.findings = probes.valid(connection, self.account_id, at)
            self.received_today = traffic.received(connection, self.account_id, at)
            self.described = accounts.described(connection, self.account)

        await self.store.aread(read)
        self.loaded = True

    def value(self, name: str) -> str | None:
        """A finding that has not expired."""
        finding = self.findings.get(name)
        return finding.value if finding is not None and finding.expires_at > self.now() else None

    def note(self, found: Mapping[str, str], seconds: float) -> None:
        """Findings that hold for so long from now on; written without waiting."""
        at = self.now()
        until = at + seconds
        self.findings |= {name: probes.Finding(value, at, until) for name, value in found.items()}
        self.store.write(lambda connection: probes.put(connection, self.account_id, found, at, until))

    def forget(self, *names: str) -> None:
        known = [name for name in names if self.findings.pop(name, None) is not None]
        if known:
            self.store.write(lambda connection: probes.forget(connection, self.account_id, known))

    # -- the server --------------------------------------------------------------------------------------------

    @property
    def quirks(self) -> Quirks:
        """What probing took away."""
        disable: set[str] = set()
        reasons = []
        for name in PROBED:
            value = self.value(name) or ""
            if matched := _OFF.match(value):
                disable.update(matched[1].split(","))
                reasons.append(("probe", value))
        return Quirks(disable=frozenset(disable), names=tuple(reasons))

    @property
    def probed(self) -> bool:
        """True when the server was asked what it really does, and is still the same."""
        return all(self.value(name) is not None for name in PROBED)

    def met(self, session: Session) -> None:
        """A session was opened: another server than before has to be learned anew."""
        print_ = fingerprint(session.greeting.text, session.server_id, session.advertised)
        if self.value("server") != print_:
            self.forget(*PROBED)
            self.note({"server": print_}, PROBE_SECONDS)
        quirks = json.dumps(session.quirks.names)
        if self.value(QUIRKS) != quirks:
            self.note({QUIRKS: quirks}, PROBE_SECONDS)
        ends = certificate_ends(session.protocol)
        if ends is None:
            self.forget(CERTIFICATE)
        elif self.value(CERTIFICATE) != f"{ends:.0f}":
            self.note({CERTIFICATE: f"{ends:.0f}"}, PROBE_SECONDS)

    def describe(self, server: str, capabilities: frozenset[str], line: str) -> None:
        """The account's row, where it would change."""
        described = (server, " ".join(sorted(capabilities)), line)
        if described == self.described:
            return
        self.described = described

        def write(connection: sqlite3.Connection) -> None:
            accounts.set_server(connection, self.account, server, capabilities)
            accounts.set_line(connection, self.account, line)

        self.store.write(write)

    def offered(self, capability: str) -> bool:
        """The server announced it when it was met last."""
        return capability in self.described[1].split()

    # -- its limits --------------------------------------------------------------------------------------------

    @property
    def ceiling(self) -> int | None:
        """Connections the server was found to allow."""
        value = self.value("connections") or ""
        number = value.partition(" ")[0]
        return max(int(number), 1) if number.isdecimal() else None

    @property
    def line(self) -> Line:
        value = self.value("line")
        return Line.load(value) if value is not None else Line()

    @property
    def throttled(self) -> probes.Finding | None:
        """The pause that the server asked for, while it lasts."""
        finding = self.findings.get(probes.THROTTLED)
        return finding if finding is not None and finding.expires_at > self.now() else None


_PLAIN = re.compile(r"[A-Za-z()\[\],.;:!-]{1,24}")


def fingerprint(greeting: str, server_id: Mapping[str, str | None], capabilities: frozenset[str]) -> str:
    """What changes when a server is updated or replaced, and not from one connection to the next.

    Greetings name hosts, times and numbers of connections: only words of letters count.
    """
    words = " ".join(word for word in greeting.split() if _PLAIN.fullmatch(word) and "." not in word[:-1])
    about = [server_id.get(key) or "" for key in ("name", "vendor", "version", "os")]
    whole = "\0".join([words, *about, *sorted(capabilities)])
    return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:16]
