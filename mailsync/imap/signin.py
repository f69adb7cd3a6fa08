"""From a greeting to a session that is ready: sign in, then CAPABILITY, ID and ENABLE in one round trip.

What the server told before the sign-in is forgotten (iCloud's proxy and others tell something else then), so
CAPABILITY is asked again always; where the sign-in's own answer tells them too, nobody waits for that.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mailsync import __version__
from mailsync.imap import quirks
from mailsync.imap.auth import sign_in
from mailsync.imap.line import Line
from mailsync.imap.mailboxes import Listing
from mailsync.imap.protocol import AUTH, Pending
from mailsync.imap.quirks import Quirks
from mailsync.imap.responses import Capability, Code, Enabled, Response, ServerId, Tagged
from mailsync.privacy.secret import Credential


class Introduction:
    """The sign-in on one line. `known` are quirks known beforehand, `settings` what the user has set."""

    def __init__(self, line: Line, known: Quirks, settings: Mapping[str, Any]) -> None:
        self._line = line
        self._known = known
        self._settings = settings
        self._told = False  # the capabilities are known, from whatever answer
        self.listing: Listing | None = None
        """LIST, where it was to be asked as well and could be in the same round trip."""

    async def run(self, username: str, credential: Credential, *, lists: Sequence[bytes] | None = None) -> None:
        """Sign in; `lists`: ask for the folders, too, and for STATUS of those with these raw names.

        Raises SignInFailed, Throttled, InsecureConnection, Unreachable or ProtocolError.
        """
        line = self._line
        if line.protocol.state != AUTH:
            # After STARTTLS the greeting's words are worth nothing: it came in the clear.
            if line.endpoint.security != "starttls":
                self._take_code(line.greeting.code)
            if not self._told:
                await self._answered(self._ask_capabilities())
            line.protocol.listener, listener = self._overhear, line.protocol.listener
            self._told = False
            answer = await sign_in(line.protocol, line.capabilities, line.endpoint, username, credential)
            line.protocol.listener = listener
            self._take_code(answer.code)
        line.states.move("authenticated")
        alone = line.quirks.pipeline < 3
        waiting: list[Pending] = []
        capabilities = self._ask_capabilities()
        if not self._told or alone:
            await self._answered(capabilities)
        if "ID" in line.capabilities:
            waiting.append(self._introduce())
            if alone:
                await line.protocol.finish(waiting[-1])
        if wanted := self._extensions():
            waiting.append(self._enable(wanted))
        if lists is not None and not alone:
            self.listing = Listing(line)
            waiting.append(self.listing.pending)
            waiting += self.listing.ask_status(line, lists[: max(0, line.quirks.pipeline - len(waiting) - 1)])
        if not capabilities.future.done():
            await self._answered(capabilities)
        for pending in waiting:
            await line.protocol.finish(pending)  # a refusal is of no consequence here (RFC 2971 section 3.1)
        self._match()
        line.enabled -= line.quirks.disable

    def _overhear(self, response: Response) -> None:
        """Untagged data around the answer to the sign-in: Gmail tells its capabilities so."""
        if isinstance(response, Capability):
            self._learn(response.names)

    def _take_code(self, code: Code | None) -> None:
        if code is not None and code.name == "CAPABILITY" and code.words():
            self._learn(frozenset(code.words()))

    def _learn(self, names: frozenset[str]) -> None:
        self._told = True
        self._line.learn(names)
        self._match()

    def _match(self) -> None:
        """Quirks by all that is known of the server so far."""
        line = self._line
        matched = quirks.match(line.endpoint.host, line.greeting.text, line.server_id, line.advertised)
        combined = quirks.combine(matched, self._known)
        if "UIDONLY" in line.enabled:
            combined = replace(combined, window=False)  # with it Yahoo shows the whole folder
        line.quirks = quirks.override(combined, self._settings)
        line.learn(line.advertised)

    async def _answered(self, pending: Pending) -> Tagged:
        """The answer to CAPABILITY, and how long it took."""
        line = self._line
        started = time.perf_counter()  # uvloop's own clock stands still within a turn of the loop
        answer = await line.protocol.finish(pending)
        taken = time.perf_counter() - started
        line.round_trip = min(line.round_trip or taken, taken)
        line.check(answer, "CAPABILITY")
        return answer

    def _ask_capabilities(self) -> Pending:
        names: set[str] = set()

        def accept(response: Response) -> bool:
            if isinstance(response, Capability):
                names.update(response.names)
                return True
            return False

        def done(answer: Tagged) -> None:
            if answer.status == "OK":
                self._learn(frozenset(names))

        return self._line.protocol.begin("CAPABILITY", accept=accept, on_tagged=done)

    def _introduce(self) -> Pending:
        """ID with a name and a version, never empty: Exchange and Nemesis reject one of the empty forms."""

        def accept(response: Response) -> bool:
            if isinstance(response, ServerId):
                self._line.server_id = response.fields
                return True
            return False

        text = b'ID ("name" "mailsync" "version" "%s")' % __version__.encode()
        return self._line.protocol.begin("ID", text, accept=accept)

    def _extensions(self) -> list[str]:
        """What to enable: announced, trusted, and of use. Never IMAP4rev2."""
        line = self._line
        if not line.offers("ENABLE"):
            return []
        wanted = [name for name in ("QRESYNC", "CONDSTORE") if line.offers(name)]
        if line.quirks.uidonly and line.offers("UIDONLY"):
            wanted.append("UIDONLY")
        return wanted

    def _enable(self, wanted: list[str]) -> Pending:
        """ENABLE (RFC 5161): only what comes back as ENABLED is, iCloud says OK to QRESYNC without."""

        def accept(response: Response) -> bool:
            if isinstance(response, Enabled):
                self._line.enabled |= response.names & frozenset(wanted)
                if "QRESYNC" in self._line.enabled:
                    self._line.enabled |= {"CONDSTORE"}  # RFC 7162 section 3.2.3
                return True
            return False

        return self._line.protocol.begin("ENABLE", f"ENABLE {' '.join(wanted)}".encode(), accept=accept)
