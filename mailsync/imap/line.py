"""One connection: what its server is, what it may be asked, and how a command is run on it.

The rooms of commands (`mailboxes`, `searching`, `notify`, `compress`) are functions on a `Line`; `Session` is the
line with all of them as methods.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mailsync.errors import CommandRefused, MailsyncError, ProtocolError, Throttled
from mailsync.imap import throttle
from mailsync.imap.auth import no_mailbox
from mailsync.imap.connect import Endpoint
from mailsync.imap.protocol import AUTH, SELECTED, Pending, Protocol
from mailsync.imap.quirks import Quirks
from mailsync.imap.responses import Condition, Tagged
from mailsync.imap.states import ConnectionState, States
from mailsync.text import safe_text

if TYPE_CHECKING:
    from mailsync.imap.mailboxes import Mailbox


NOT_THROTTLED = frozenset({"UNAVAILABLE", "INUSE"})
"""Response codes that ask for a pause at sign-in only: one broken folder or message (Yahoo) can be UNAVAILABLE for
ever, and the account goes on without it."""


class Line:
    """One connection and what is known of its server."""

    def __init__(self, protocol: Protocol, endpoint: Endpoint, quirks: Quirks) -> None:
        self.endpoint = endpoint
        self.protocol = protocol
        self.greeting = Condition("", None, "")
        self.advertised: frozenset[str] = frozenset()
        """Capabilities in upper case, as announced last."""
        self.capabilities: frozenset[str] = frozenset()
        """Those that may be used: without what quirks take away and what turned out not to work."""
        self.enabled: frozenset[str] = frozenset()
        """What the server said it has enabled: QRESYNC, CONDSTORE, UIDONLY (RFC 5161)."""
        self.server_id: dict[str, str | None] = {}
        self.quirks = quirks
        self.round_trip = 0.0
        """Seconds from a question to its answer, the shortest seen at sign-in; 0 before."""
        self.mailbox: Mailbox | None = None
        self.retires_at: float | None = None
        """Unix seconds from which another connection should be used: the token that opened this one ends."""
        self.pushed = asyncio.Event()
        """Set when the server told something nobody had asked for."""
        self.states = States(self._told)
        self.without: frozenset[str] = frozenset()
        """What this server refused on this connection though it announces it: capabilities, groups of LIST options."""
        protocol.on_closed = lambda _: self.states.end("error")

    def _told(self, state: ConnectionState) -> None:
        if state in ("authenticated", "selected"):
            self.protocol.state = AUTH if state == "authenticated" else SELECTED

    @property
    def state(self) -> ConnectionState:
        """What the connection is doing."""
        return self.states.now

    @property
    def closed(self) -> MailsyncError | None:
        """Why the session cannot be used any more, or None."""
        return self.protocol.closed

    def remaining(self, at: float) -> float:
        """Seconds for which this connection may still be used; 0 when it is time for another."""
        return math.inf if self.retires_at is None else max(self.retires_at - at, 0.0)

    @property
    def bytes_received(self) -> int:
        """Bytes that came over the line (below COMPRESS, above TLS)."""
        return self.protocol.bytes_received

    @property
    def compressed(self) -> bool:
        """COMPRESS=DEFLATE (RFC 4978) is in effect."""
        return self.protocol.compressed

    def offers(self, *names: str) -> bool:
        """Any of these capabilities may be used."""
        return not self.capabilities.isdisjoint(names)

    def learn(self, names: Iterable[str]) -> None:
        """The server announces these capabilities now."""
        self.advertised = frozenset(name.upper() for name in names)
        self.capabilities = self.advertised - self.quirks.disable - self.without

    def latch_off(self, name: str) -> None:
        """It was announced and does not work: not to be used again on this connection."""
        self.without |= {name}
        self.capabilities -= {name}
        self.enabled -= {name}

    def fail(self, error: MailsyncError) -> MailsyncError:
        """Close the connection for this reason."""
        self.protocol.fail(error)
        return error

    async def ok(self, pending: Pending) -> Tagged:
        """The answer to a command that has to succeed; see `check`."""
        answer = await self.protocol.finish(pending)
        self.check(answer, pending.name)
        return answer

    def misunderstood(self, answer: Tagged) -> bool:
        """BAD, and not because we are too fast: what was asked for has to be asked for otherwise."""
        if answer.status != "BAD" or no_mailbox(answer) is not None:
            return False
        return throttle.hint(answer.text, answer.code.name if answer.code else None) is None

    def check(self, answer: Tagged, name: str) -> None:
        """Raise CommandRefused (NO), ProtocolError (BAD), Throttled or NoMailbox unless the answer is OK."""
        if answer.status == "OK":
            return
        if (error := no_mailbox(answer)) is not None:
            raise error
        text = safe_text(answer.text, 200)
        code = answer.code.name if answer.code else None
        seconds = throttle.hint(answer.text, code)
        if seconds is not None and code not in NOT_THROTTLED:
            raise Throttled(f"the server asks us to slow down: {text}", resume_after=seconds)
        if answer.status == "BAD":
            raise ProtocolError(f"the server does not understand {name}: {text}", scope="folder")
        raise CommandRefused(f"the server refused {name}: {text}")
