"""A server that knows what nobody else should, and says it in every answer; each user name is a way to misbehave.

fine            everything is as it should be
NO LIST         LIST is answered with NO; so BAD, and every other verb
BYE EXAMINE     the connection ends with a BYE in the middle of EXAMINE
junk UID FETCH  lines that cannot be understood come before the answer
ALERT *         an alert before every answer
NO LOGIN        the sign-in is refused, by whatever mechanism
"""

from __future__ import annotations

import base64
import re

from tests.servers.fake import FakeServer
from tests.servers.scripted import Command, Link


class Hostile(FakeServer):
    """`says` is what it says, in UTF-8."""

    says = b""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._users: dict[int, str] = {}

    async def answer(self, link: Link, command: Command) -> None:
        verb = command.verb
        if verb in ("LOGIN", "AUTHENTICATE"):
            self._users[link.number] = await self._user(link, command)
            verb = "LOGIN"
        how, _, where = self._users.get(link.number, "fine").partition(" ")
        if where not in (verb, "*") or (verb == "LOGIN" and where == "*"):
            if verb == "LOGIN":
                await link.ok(command, f"[CAPABILITY {self.capabilities}] welcome")
                return
            return await super().answer(link, command)
        tag = command.tag.encode()
        match how:
            case "NO" | "BAD":
                await link.send(tag, b" %s " % how.encode(), self.says, b"\r\n")
            case "BYE":
                await link.send(b"* BYE ", self.says, b"\r\n")
                link.cut()
            case "ALERT":
                await link.send(b"* OK [ALERT] ", self.says, b"\r\n")
                await super().answer(link, command)
            case "junk":
                await link.send(b"* 1 FETCH (UID ", self.says, b"\r\n* ESEARCH ", self.says, b"\r\n")
                await super().answer(link, command)
            case _:
                raise AssertionError(how)

    async def _user(self, link: Link, command: Command) -> str:
        """Who signs in, by LOGIN, PLAIN, XOAUTH2 or OAUTHBEARER; a refused token is told in a challenge first."""
        if command.verb == "LOGIN":
            return command.args[0].decode()
        initial = command.args[1] if len(command.args) > 1 else b""
        if not initial:
            await link.send(b"+ \r\n")
            initial = await link.line()
        words = base64.b64decode(initial)
        if command.args[0] == b"PLAIN":
            return words.split(b"\0")[1].decode()
        found = re.search(rb"(?:user=|a=)([^\x01,]*)", words)
        assert found is not None
        user = found[1].decode()
        if user.endswith(" LOGIN"):
            await link.send(b"+ ", base64.b64encode(b'{"status":"401","schemes":"%s"}' % self.says), b"\r\n")
            await link.line()
        return user
