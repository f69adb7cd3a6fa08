"""The other client: a small blocking one on the standard library's imaplib, sharing no code with mailsync.

It changes mailboxes behind mailsync's back and is the oracle for what the server really holds.
"""

from __future__ import annotations

import base64
import imaplib
import re
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.servers.process import HOST

Message = tuple[bytes, Sequence[str], datetime | None]
"""Raw bytes, flags and keywords, INTERNALDATE (aware, or None for the server's clock)."""

BATCH_MESSAGES = 200
BATCH_BYTES = 1_000_000


class Refused(Exception):
    """The server said NO or BAD."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a server says of one message."""

    raw: bytes
    flags: frozenset[str]
    internaldate: datetime
    size: int


def encode_name(name: str) -> str:
    """A mailbox name in modified UTF-7 (RFC 3501 section 5.1.3)."""

    def shift(match: re.Match[str]) -> str:
        packed = base64.b64encode(match.group().encode("utf-16-be")).rstrip(b"=")
        return "&" + packed.decode().replace("/", ",") + "-"

    return re.sub(r"[^\x20-\x7e]+", shift, name.replace("&", "&-"))


def decode_name(raw: str) -> str:
    """The inverse of `encode_name`."""

    def unshift(match: re.Match[str]) -> str:
        packed = match.group(1).replace(",", "/")
        return base64.b64decode(packed + "=" * (-len(packed) % 4)).decode("utf-16-be") if packed else "&"

    return re.sub(r"&([^-]*)-", unshift, raw)


def quoted(name: str) -> str:
    """A mailbox name as it goes over the wire: encoded, escaped, in quotes."""
    return '"' + re.sub(r'(["\\])', r"\\\1", encode_name(name)) + '"'


def parse_date(text: str) -> datetime:
    return datetime.strptime(text.strip(), "%d-%b-%Y %H:%M:%S %z")


class ImapClient:
    """One signed-in connection; a context manager that logs out."""

    def __init__(
        self,
        port: int,
        user: str,
        password: str,
        *,
        host: str = HOST,
        ca_file: Path | None = None,
        starttls: bool = False,
    ) -> None:
        context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
        self._imap: imaplib.IMAP4
        if context and not starttls:
            self._imap = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=60)
        else:
            self._imap = imaplib.IMAP4(host, port, timeout=60)
        self._tag = 0
        try:
            if context and starttls:
                self._imap.starttls(context)
            self._imap.login(user, password)
        except (OSError, imaplib.IMAP4.error):
            self._imap.shutdown()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Log out, or at least hang up."""
        try:
            self._imap.logout()
        except (OSError, imaplib.IMAP4.error):
            self._imap.shutdown()

    # Asking

    def command(self, line: str) -> list[bytes]:
        """Any command without literals; gives the untagged lines, raises Refused."""
        self._tag += 1
        tag = f"X{self._tag}".encode()
        self._imap.send(tag + b" " + line.encode("utf-8") + b"\r\n")
        return self._answer(tag)[0]

    def capabilities(self) -> set[str]:
        words = b" ".join(line for line in self.command("CAPABILITY") if line.startswith(b"* CAPABILITY"))
        return set(words.decode().split()[2:])

    def folders(self) -> dict[str, frozenset[str]]:
        """Decoded names of all folders that can be selected, with their LIST attributes."""
        found = {}
        for item in _checked(self._imap.list()):
            head, literal = item if isinstance(item, tuple) else (item, None)
            match = re.match(rb'\(([^)]*)\) (?:NIL|"(?:\\?.)") (.*)$', head or b"", re.DOTALL)
            if match is None:
                continue
            name = match.group(2) if literal is None else literal
            if literal is None and name.startswith(b'"'):
                name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
            attributes = frozenset(match.group(1).decode().split())
            if not attributes & {"\\Noselect", "\\NonExistent"}:
                found[decode_name(name.decode("ascii"))] = attributes
        return found

    def status(self, folder: str) -> dict[str, int]:
        """MESSAGES, UNSEEN, UIDNEXT and UIDVALIDITY of a folder."""
        data = _checked(self._imap.status(quoted(folder), "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"))
        return {key.decode(): int(value) for key, value in re.findall(rb"([A-Z]+) (\d+)", data[-1].rpartition(b"(")[2])}

    def uids(self, folder: str) -> list[int]:
        self.examine(folder)
        data = _checked(self._imap.uid("SEARCH", "ALL"))
        return sorted(int(word) for word in (data[0] or b"").split())

    def examine(self, folder: str) -> None:
        _checked(self._imap.select(quoted(folder), readonly=True))

    def fetch_all(self, folder: str) -> dict[int, Stored]:
        """Every message of a folder by UID, without touching a flag."""
        self.examine(folder)
        if not self.uids(folder):
            return {}
        data = _checked(self._imap.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))
        found = {}
        for index, item in enumerate(data):
            if not isinstance(item, tuple):
                continue
            tail = data[index + 1] if index + 1 < len(data) else b""
            items = item[0] + (tail if isinstance(tail, bytes) else b"")
            uid, flags, date, size = (
                _item(rb"UID (\d+)", items),
                _item(rb"FLAGS \(([^)]*)\)", items),
                _item(rb'INTERNALDATE "([^"]*)"', items),
                _item(rb"RFC822.SIZE (\d+)", items),
            )
            kept = frozenset(flag for flag in flags.split() if flag.lower() != "\\recent")
            found[int(uid)] = Stored(item[1], kept, parse_date(date), int(size))
        return found

    # Changing

    def create(self, folder: str) -> None:
        _checked(self._imap.create(quoted(folder)))

    def rename(self, folder: str, new: str) -> None:
        self.examine("INBOX")
        _checked(self._imap.rename(quoted(folder), quoted(new)))

    def delete(self, folder: str) -> None:
        self.examine("INBOX")  # servers hang up on whoever has the deleted folder selected
        _checked(self._imap.delete(quoted(folder)))

    def append(self, folder: str, raw: bytes, flags: Sequence[str] = (), when: datetime | None = None) -> int:
        """Add one message exactly as it is; gives its UID (0 where the server has no UIDPLUS)."""
        return self.append_many(folder, [(raw, flags, when)])[0]

    def append_many(self, folder: str, messages: Iterable[Message]) -> list[int]:
        """Add messages byte for byte, a batch a command (RFC 3502) where the server can; gives their UIDs."""
        capabilities = self.capabilities()
        literal = b"+" if "LITERAL+" in capabilities else b""
        at_once = BATCH_MESSAGES if "MULTIAPPEND" in capabilities and literal else 1
        uids: list[int] = []
        batch: list[Message] = []
        for message in messages:
            batch.append(message)
            if len(batch) >= at_once or sum(len(raw) for raw, _, _ in batch) > BATCH_BYTES:
                uids += self._append(folder, batch, literal)
                batch = []
        return uids + self._append(folder, batch, literal) if batch else uids

    def store(self, folder: str, uids: Sequence[int], change: str, *flags: str) -> None:
        """Change flags: `change` is `+FLAGS`, `-FLAGS` or `FLAGS`."""
        _checked(self._imap.select(quoted(folder)))
        _checked(self._imap.uid("STORE", ",".join(map(str, uids)), change, f"({' '.join(flags)})"))

    def expunge(self, folder: str, uids: Sequence[int]) -> None:
        """Remove messages for good."""
        self.store(folder, uids, "+FLAGS.SILENT", "\\Deleted")
        _checked(self._imap.expunge())

    def _append(self, folder: str, batch: Sequence[Message], literal: bytes) -> list[int]:
        self._tag += 1
        tag = f"X{self._tag}".encode()
        parts = [tag, b" APPEND ", quoted(folder).encode()]
        for raw, flags, when in batch:
            if flags:
                parts.append(b" (" + " ".join(flags).encode() + b")")
            if when is not None:
                parts.append(b" " + when.astimezone(when.tzinfo or UTC).strftime('"%d-%b-%Y %H:%M:%S %z"').encode())
            parts.append(b" {%d%s}\r\n" % (len(raw), literal))
            if not literal:
                self._imap.send(b"".join(parts))
                parts = []
                line = self._imap.readline()
                if not line.startswith(b"+"):
                    raise Refused(line.decode("utf-8", "replace").strip())
            parts.append(raw)
        self._imap.send(b"".join([*parts, b"\r\n"]))
        code = re.search(rb"\[APPENDUID \d+ ([\d:,]+)\]", self._answer(tag)[1])
        return _numbers(code.group(1).decode()) if code else [0] * len(batch)

    def _answer(self, tag: bytes) -> tuple[list[bytes], bytes]:
        lines = []
        while not (line := self._imap.readline()).startswith(tag + b" "):
            if not line:
                raise ConnectionError("the server hung up")
            lines.append(line.rstrip(b"\r\n"))
        if not line.startswith(tag + b" OK"):
            raise Refused(line.decode("utf-8", "replace").strip())
        return lines, line


def _checked(answer: tuple[str, list[Any]]) -> list[Any]:
    """The data of an imaplib answer that is OK."""
    if answer[0] != "OK":
        raise Refused(str(answer[1]))
    return answer[1]


def _item(pattern: bytes, items: bytes) -> str:
    match = re.search(pattern, items)
    if match is None:
        raise Refused(f"no {pattern!r} in {items!r}")
    return match.group(1).decode()


def _numbers(text: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        numbers += range(int(first), int(last or first) + 1)
    return numbers
