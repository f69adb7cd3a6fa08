"""A scripted IMAP server of folders that are what a test says: honest, until it is told how to misbehave.

    with FakeServer({"INBOX": box(3)}) as server:
        server.hooks["UID SEARCH"] = hook     # async hook(link, command) -> True when it has answered
        server.bad[2] = "omit"                # what goes wrong with the message of that UID

What clients sent is in `commands` and `logins`, how often the bytes of a message were asked for in `bodies`.
"""

from __future__ import annotations

import re
import ssl
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from tests.servers.imap_client import encode_name
from tests.servers.scripted import LINE_LIMIT, Command, Hook, Link, ScriptedServer

__all__ = ["LINE_LIMIT", "Box", "Command", "FakeServer", "Fault", "Hook", "Link", "Mail", "box", "letter"]

CAPABILITIES = "IMAP4rev1 LITERAL+ IDLE ID"
Fault = Literal["omit", "kill", "nil", "bare", "split"]
"""omit: no answer at all; kill: the connection ends; nil: `BODY[] NIL`; bare: an answer without the body; split: flags
and body in two answers."""


@dataclass(slots=True)
class Mail:
    """One message of a box; `date` as INTERNALDATE on the wire."""

    raw: bytes
    flags: tuple[str, ...] = ()
    date: str = "01-Feb-2024 03:04:05 +0100"


@dataclass(slots=True)
class Box:
    """A folder; `exists` and `uidnext` are lies where they are set."""

    messages: dict[int, Mail] = field(default_factory=dict)
    uidvalidity: int = 1
    uidnext: int | None = None
    exists: int | None = None
    modseq: int | None = None

    @property
    def count(self) -> int:
        return len(self.messages) if self.exists is None else self.exists

    @property
    def next(self) -> int:
        return max(self.messages, default=0) + 1 if self.uidnext is None else self.uidnext


def box(count: int, *, size: int = 100, uidvalidity: int = 1) -> Box:
    """A box of `count` messages with UIDs from 1 and about `size` bytes each."""
    return Box({uid: Mail(letter(uid, size)) for uid in range(1, count + 1)}, uidvalidity)


def letter(number: int, size: int = 100) -> bytes:
    """A message that differs from all others."""
    return b"Subject: %d\r\n\r\n" % number + b"x" * size + b"\r\n"


class FakeServer(ScriptedServer):
    """A server of `boxes`, by name."""

    def __init__(
        self, boxes: dict[str, Box] | None = None, *, context: ssl.SSLContext | None = None, password: str = "secret"
    ) -> None:
        super().__init__(context=context, password=password)
        self.boxes = {encode_name(name): one for name, one in (boxes or {}).items()}
        self.capabilities = CAPABILITIES
        self.bad: dict[int, Fault] = {}
        self.bodies: Counter[int] = Counter()

    async def answer(self, link: Link, command: Command) -> None:
        """The honest answer to a command."""
        match command.verb:
            case "CAPABILITY":
                await link.send(f"* CAPABILITY {self.capabilities}\r\n".encode())
            case "LOGIN" | "AUTHENTICATE":
                await self.sign_in(link, command)
                return
            case "ID":
                await link.send(b'* ID ("name" "fake" "version" "1")\r\n')
            case "LIST":
                for name in self.boxes:
                    await link.send(b'* LIST (\\HasNoChildren) "/" ', _quoted(name), b"\r\n")
            case "STATUS":
                if (name := command.args[0].decode()) not in self.boxes:
                    await link.ok(command, "[NONEXISTENT] no such folder", "NO")
                    return
                await link.send(b"* STATUS ", _quoted(name), b" (", _status(self.boxes[name]), b")\r\n")
            case "EXAMINE":
                if not await self._examine(link, command):
                    return
            case "UID SEARCH":
                assert link.selected is not None
                uids = " ".join(map(str, link.selected.messages))
                await link.send(f"* SEARCH {uids}\r\n".encode())
            case "UID FETCH" if link.selected is None:
                await link.ok(command, "no folder is open", "BAD")
                return
            case "UID FETCH":
                if not await self._fetch(link, command):
                    return
            case "IDLE":
                await self.idle(link)
            case "LOGOUT":
                await link.send(b"* BYE\r\n")
            case "NOOP":
                pass
            case _:
                await link.ok(command, "what?", "BAD")
                return
        await link.ok(command)

    async def _examine(self, link: Link, command: Command) -> bool:
        link.selected = self.boxes.get(command.args[0].decode())
        if link.selected is None:
            await link.ok(command, "[NONEXISTENT] no such folder", "NO")
            return False
        one = link.selected
        await link.send(
            f"* {one.count} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY {one.uidvalidity}] ok\r\n"
            f"* OK [UIDNEXT {one.next}] ok\r\n".encode(),
            f"* OK [HIGHESTMODSEQ {one.modseq}] ok\r\n".encode() if one.modseq is not None else b"",
        )
        return True

    async def _fetch(self, link: Link, command: Command) -> bool:
        """False when the connection ended in the middle."""
        assert link.selected is not None
        messages = link.selected.messages
        wanted = _numbers(command.args[0].decode(), max(messages, default=0))
        for seq, uid in enumerate(sorted(messages), 1):
            if uid not in wanted:
                continue
            if b"BODY" not in command.text:
                await link.send(_fetched(seq, uid, messages[uid]))
                continue
            self.bodies[uid] += 1
            if self.bad.get(uid) == "kill":
                link.cut()
                return False
            await link.send(_with_body(seq, uid, messages[uid], self.bad.get(uid)))
        return True


def _with_body(seq: int, uid: int, mail: Mail, fault: Fault | None) -> bytes:
    body = b"BODY[] {%d}\r\n%s" % (len(mail.raw), mail.raw)
    match fault:
        case "omit":
            return b""
        case "nil":
            return _fetched(seq, uid, mail, b"BODY[] NIL")
        case "bare":
            return _fetched(seq, uid, mail)
        case "split":
            return _fetched(seq, uid, mail) + b"* %d FETCH (UID %d %s)\r\n" % (seq, uid, body)
    return _fetched(seq, uid, mail, body)


def _fetched(seq: int, uid: int, mail: Mail, more: bytes = b"") -> bytes:
    flags = " ".join(mail.flags).encode()
    date = b' INTERNALDATE "%s"' % mail.date.encode()
    return b"* %d FETCH (UID %d FLAGS (%s)%s%s)\r\n" % (seq, uid, flags, date, b" " + more if more else b"")


def _status(one: Box) -> bytes:
    unseen = sum("\\Seen" not in mail.flags for mail in one.messages.values())
    text = f"MESSAGES {one.count} UIDNEXT {one.next} UIDVALIDITY {one.uidvalidity} UNSEEN {unseen}"
    return (text + (f" HIGHESTMODSEQ {one.modseq}" if one.modseq is not None else "")).encode()


def _numbers(text: str, highest: int) -> set[int]:
    """The numbers of a sequence set that are not above `highest`; `n:*` holds `highest` always."""
    found: set[int] = set()
    for part in text.split(","):
        ends = [highest if end == "*" else int(end) for end in part.split(":")]
        found.update(range(min(ends), min(max(ends), highest) + 1))
    return found


def _quoted(name: str) -> bytes:
    return b'"' + re.sub(r'(["\\])', r"\\\1", name).encode() + b'"'
