"""An honest IMAP server over `Mailboxes`, of one of the classes of servers there are.

    with ModelServer("condstore") as server:
        server.mail.append("INBOX", letter(1))

What it was asked is in `commands`, which bodies it gave in `bodies`; `hooks` may answer in its place (see
`scripted`). Everything a command answers is taken from one moment, and what happened meanwhile is told after it.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mailsync.imap.uidset import UidSet
from tests.servers import model_changes, model_fetch, model_search
from tests.servers.imap_client import decode_name, encode_name, parse_date
from tests.servers.model import CLASSES, Mailboxes, ModelFolder
from tests.servers.scripted import Command, Link, ScriptedServer, Word

KEPT = "\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*"


@dataclass(slots=True)
class Opened:
    """A folder as a link knows it: the UIDs it was told of in their order, and how far."""

    folder: ModelFolder
    uids: list[int]
    modseq: int
    changes: int


@dataclass(slots=True)
class Client:
    """What the server knows of a link."""

    opened: Opened | None = None
    enabled: set[str] = field(default_factory=set)


class ModelServer(ScriptedServer):
    """A context manager; `mail` is what it serves. With `forgets` it tells QRESYNC clients every UID it lacks, with
    `silent` nobody where messages were moved or copied to."""

    def __init__(
        self,
        kind: str = "full",
        *,
        view: int | None = None,
        limit: int | None = None,
        context: ssl.SSLContext | None = None,
        password: str = "secret",
    ) -> None:
        super().__init__(context=context, password=password)
        self.mail = Mailboxes(CLASSES[kind], view=view, limit=limit)
        self.mail.changed = lambda: self.soon(self._tell_idlers) if self._loop is not None else None
        self.capabilities = CLASSES[kind].capabilities
        self.bodies: Counter[tuple[str, int, int]] = Counter()
        """How often the bytes of a message were given, by folder, UIDVALIDITY and UID."""
        self.digests: Counter[str] = Counter()
        """The same, by SHA-256 of the bytes."""
        self.forgets = self.silent = False
        self._clients: dict[int, Client] = {}

    def client(self, link: Link) -> Client:
        return self._clients.setdefault(link.number, Client())

    def offered(self) -> frozenset[str]:
        return frozenset(self.capabilities.split())

    def forget_bodies(self) -> None:
        """Count from here."""
        self.bodies.clear()
        self.digests.clear()

    async def answer(self, link: Link, command: Command) -> None:
        client = self.client(link)
        if command.verb in ("LOGIN", "AUTHENTICATE"):
            await self.sign_in(link, command)
            return
        if command.verb == "IDLE":
            link.say(self._news(client))
            await self.idle(link)
            await link.ok(command)
            return
        try:
            with self.mail.lock:
                lines, text = self._lines(link, client, command)
                lines += self._news(client)
        except (ValueError, IndexError) as error:
            await link.ok(command, f"{error}", "BAD")
            return
        except LookupError:
            await link.ok(command, "[NONEXISTENT] no such folder", "NO")
            return
        await link.send(lines, f"{command.tag} OK {text}\r\n".encode())

    def _lines(self, link: Link, client: Client, command: Command) -> tuple[bytes, str]:
        """The untagged lines and the text of the tagged OK."""
        offered = self.offered()
        match command.verb:
            case "CAPABILITY":
                return f"* CAPABILITY {self.capabilities}\r\n".encode(), "done"
            case "ID" if "ID" in offered:
                return b'* ID ("name" "model" "version" "1")\r\n', "done"
            case "NAMESPACE" if "NAMESPACE" in offered:
                return b'* NAMESPACE (("" "/")) NIL NIL\r\n', "done"
            case "ENABLE" if "ENABLE" in offered:
                return self._enable(client, command), "done"
            case "LIST":
                return self._list(command.words()), "done"
            case "STATUS":
                name, items = command.words()
                assert isinstance(name, bytes)
                folder = self.mail.folders[decode_name(name.decode())]
                return self._status(folder, _names(items)), "done"
            case "SELECT" | "EXAMINE":
                mode = "WRITE" if command.verb == "SELECT" else "ONLY"
                return self._open(client, command), f"[READ-{mode}] opened"
            case "CREATE":
                self.mail.create(_decoded(command.args[0]))
                return b"", "made"
            case "APPEND":
                return b"", self._append(command)
            case "SUBSCRIBE":
                return b"", "done"
            case verb if verb in model_changes.VERBS:
                return model_changes.change(self.mail, _open_of(client).folder, command, silent=self.silent)
            case "UID SEARCH":
                return self._search(client, command)
            case "UID FETCH":
                return self._fetch(client, command)
            case "CLOSE" | "UNSELECT":
                client.opened = None
                return b"", "closed"
            case "NOOP" | "CHECK":
                return b"", "done"
            case "LOGOUT":
                return b"* BYE\r\n", "done"
        raise ValueError(f"what is {command.verb}?")

    def _enable(self, client: Client, command: Command) -> bytes:
        if client.opened is not None:
            raise ValueError("ENABLE with an open folder")
        known = {"CONDSTORE", "QRESYNC", "UIDONLY"} & self.offered()
        enabled = [name for name in command.text.decode().upper().split() if name in known]
        client.enabled.update(enabled, ["CONDSTORE"] if "QRESYNC" in enabled else [])
        return f"* ENABLED {' '.join(enabled)}\r\n".encode()

    # -- folders -----------------------------------------------------------------------------------------------

    def _list(self, words: list[Word]) -> bytes:
        offered = self.offered()
        if len(words) > 2 and "LIST-EXTENDED" not in offered and "LIST-STATUS" not in offered:
            raise ValueError("LIST takes two arguments")
        items: list[str] = []
        if len(words) > 2:
            options = words[-1]
            assert isinstance(options, list)
            for at, option in enumerate(options):
                if option == b"STATUS":
                    items = _names(options[at + 1])
        lines = b""
        for name, folder in self.mail.folders.items():
            use = f" {folder.special_use}" if folder.special_use else ""
            lines += f'* LIST (\\HasNoChildren{use}) "/" {_quoted(name)}\r\n'.encode()
            if items:
                lines += self._status(folder, items)
        return lines

    def _status(self, folder: ModelFolder, items: list[str]) -> bytes:
        offered = self.offered()
        mails = folder.messages.values()
        values = {
            "MESSAGES": len(mails),
            "UIDNEXT": folder.uidnext,
            "UIDVALIDITY": folder.uidvalidity,
            "UNSEEN": sum("\\Seen" not in mail.flags for mail in mails),
            "RECENT": 0,
        }
        if "CONDSTORE" in offered:
            values["HIGHESTMODSEQ"] = folder.modseq
        if "STATUS=SIZE" in offered:
            values["SIZE"] = sum(len(mail.raw) for mail in mails)
        told = [f"MAILBOXID ({folder.mailboxid})" for item in items if item == "MAILBOXID" and "OBJECTID" in offered]
        unknown = [item for item in items if item not in values and item != "MAILBOXID"]
        if unknown or (not told and "MAILBOXID" in items):
            raise ValueError(f"unknown STATUS items {unknown}")
        told += [f"{item} {values[item]}" for item in items if item in values]
        return f"* STATUS {_quoted(folder.name)} ({' '.join(told)})\r\n".encode()

    def _open(self, client: Client, command: Command) -> bytes:
        name, *more = command.words()
        assert isinstance(name, bytes)
        closed = b"* OK [CLOSED] closed\r\n" if client.opened and "QRESYNC" in client.enabled else b""
        client.opened = None
        folder = self.mail.folders[decode_name(name.decode())]
        offered = self.offered()
        options = more[0] if more else []
        assert isinstance(options, list)
        shown = sorted(folder.messages)
        if self.mail.view is not None and "UIDONLY" not in client.enabled:
            shown = shown[-self.mail.view :]
        lines = [
            f"{len(shown)} EXISTS",
            "0 RECENT",
            "FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
            f"OK [PERMANENTFLAGS ({KEPT if command.verb == 'SELECT' else ''})] kept",
            f"OK [UIDVALIDITY {folder.uidvalidity}] valid",
            f"OK [UIDNEXT {folder.uidnext}] next",
        ]
        if offered & {"CONDSTORE", "XYMHIGHESTMODSEQ"}:  # Yahoo tells it and cannot be asked about it
            lines.append(f"OK [HIGHESTMODSEQ {folder.modseq}] highest")
        if "OBJECTID" in offered:
            lines.append(f"OK [MAILBOXID ({folder.mailboxid})] id")
        told = closed + b"".join(f"* {line}\r\n".encode() for line in lines)
        client.opened = Opened(folder, shown, folder.modseq, folder.changes)
        if options and options[0] == b"QRESYNC":
            if "QRESYNC" not in client.enabled:
                raise ValueError("QRESYNC is not enabled")
            told += self._resync(client, client.opened, options[1])
        elif options and (options != [b"CONDSTORE"] or "CONDSTORE" not in offered):
            raise ValueError("unknown parameter")
        elif options:
            client.enabled.add("CONDSTORE")
        return told

    def _resync(self, client: Client, opened: Opened, arguments: Word) -> bytes:
        """VANISHED (EARLIER) and FETCH since a MODSEQ (RFC 7162 section 3.2.5)."""
        assert isinstance(arguments, list)
        folder = opened.folder
        validity, modseq, *known = (word.decode() for word in arguments if isinstance(word, bytes))
        if int(validity) != folder.uidvalidity:
            return b""
        told = self._vanished(folder, int(modseq), UidSet.parse(known[0]) if known else None)
        items = [model_fetch.Item("FLAGS"), model_fetch.Item("MODSEQ")]
        return told + b"".join(
            self._fetched(client, opened, uid, items)
            for uid in opened.uids
            if folder.messages[uid].modseq > int(modseq)
        )

    def _vanished(self, folder: ModelFolder, modseq: int, known: UidSet | None) -> bytes:
        if self.forgets:
            gone = UidSet([(1, folder.uidnext - 1)] if folder.uidnext > 1 else []) - UidSet.from_uids(folder.messages)
        else:
            gone = UidSet.from_uids(uid for uid, at in folder.expunged.items() if at > modseq)
        if known is not None:
            gone &= known
        return f"* VANISHED (EARLIER) {gone}\r\n".encode() if gone else b""

    def _append(self, command: Command) -> str:
        """Store messages (RFC 3501 section 6.3.11, RFC 3502); the text of the OK."""
        name, *words = command.words()
        assert isinstance(name, bytes)
        folder = _decoded(name)
        uids, flags, date = [], list[str](), None
        for word in words:
            if isinstance(word, list):
                flags = [flag.decode() for flag in word if isinstance(flag, bytes)]
            elif any(word is literal for literal in command.literals):
                uids.append(self.mail.append(folder, word, flags, date))
                flags, date = [], None
            else:
                date = parse_date(word.decode())
        told = f"[APPENDUID {self.mail.folders[folder].uidvalidity} {UidSet.from_uids(uids)}] "
        return f"{told if 'UIDPLUS' in self.offered() else ''}taken"

    # -- messages ----------------------------------------------------------------------------------------------

    def _search(self, client: Client, command: Command) -> tuple[bytes, str]:
        opened = _open_of(client)
        words = command.words()
        wanted: list[str] | None = None
        options: list[str] = []
        if words[0] == b"RETURN":
            if "ESEARCH" not in self.offered():
                raise ValueError("no ESEARCH here")
            names = _names(words[1])
            options = [name for name in names if re.fullmatch(r"-?\d+:-?\d+", name)]
            wanted = [name for name in names if name not in options]
            words = words[2:]
        if words[0] == b"CHARSET":
            words = words[2:]
        uids = [uid for uid in opened.uids if uid in opened.folder.messages]
        test = model_search.parse(words, uids)
        found = [uid for seq, uid in enumerate(uids, 1) if test(seq, uid, opened.folder.messages[uid])]
        found, text = self._limited(found)
        if wanted is not None:
            return model_search.esearch(command.tag, found, wanted, options), text
        return f"* SEARCH{''.join(f' {uid}' for uid in found)}\r\n".encode(), text

    def _fetch(self, client: Client, command: Command) -> tuple[bytes, str]:
        opened = _open_of(client)
        question = model_fetch.parse(command.text, self.offered())
        uids = [uid for uid in opened.uids if uid in opened.folder.messages]
        chosen = UidSet.parse(question.uids, star=uids[-1] if uids else 1)
        found = [uid for uid in uids if uid in chosen]
        told = b""
        if question.changed_since is not None:
            client.enabled.add("CONDSTORE")
            found = [uid for uid in found if opened.folder.messages[uid].modseq > question.changed_since]
            if question.vanished:
                told = self._vanished(opened.folder, question.changed_since, chosen)
        if question.partial is not None:
            low, high = sorted(abs(int(end)) for end in question.partial.split(":"))
            backwards = question.partial.startswith("-")
            found = sorted(found[::-1][low - 1 : high]) if backwards else found[low - 1 : high]
        found, text = self._limited(found)
        for uid in found:
            if question.has_body:
                self.bodies[opened.folder.name, opened.folder.uidvalidity, uid] += 1
                self.digests[hashlib.sha256(opened.folder.messages[uid].raw).hexdigest()] += 1
        return told + b"".join(self._fetched(client, opened, uid, question.items) for uid in found), text

    def _limited(self, found: list[int]) -> tuple[list[int], str]:
        """The newest of `found` up to the limit (RFC 9738), and the text of the OK."""
        limit = self.mail.limit
        if limit is None or len(found) <= limit:
            return found, "done"
        found = found[-limit:]
        return found, f"[MESSAGELIMIT {limit} {found[0]}] not all"

    def _fetched(self, client: Client, opened: Opened, uid: int, items: Iterable[model_fetch.Item]) -> bytes:
        own = "\\Inbox" if opened.folder.name == "INBOX" else opened.folder.name
        attributes = model_fetch.told(uid, opened.folder.messages[uid], list(items), own)
        if "UIDONLY" in client.enabled:
            return b"* %d UIDFETCH %s\r\n" % (uid, attributes)
        return b"* %d FETCH %s\r\n" % (bisect_right(opened.uids, uid), attributes)

    # -- news --------------------------------------------------------------------------------------------------

    def _news(self, client: Client) -> bytes:
        """What happened in the open folder since the link was last told; BYE when the folder is gone."""
        with self.mail.lock:
            opened = client.opened
            if opened is None or (opened.folder.changes == opened.changes and not opened.folder.gone):
                return b""
            folder = opened.folder
            if folder.gone:
                return b"* BYE the folder is gone\r\n"
            gone = [uid for uid in opened.uids if uid not in folder.messages]
            told = b""
            if gone and client.enabled & {"QRESYNC", "UIDONLY"}:
                told += f"* VANISHED {UidSet.from_uids(gone)}\r\n".encode()
            elif gone:
                told += b"".join(b"* %d EXPUNGE\r\n" % (bisect_right(opened.uids, uid)) for uid in reversed(gone))
            left = [uid for uid in opened.uids if uid in folder.messages]
            new = sorted(uid for uid in folder.messages if uid > (opened.uids[-1] if opened.uids else 0))
            changed = [uid for uid in left if folder.messages[uid].modseq > opened.modseq]
            client.opened = Opened(folder, left + new, folder.modseq, folder.changes)
            if new:
                told += b"* %d EXISTS\r\n" % len(client.opened.uids)
            items = [model_fetch.Item("FLAGS")] + [model_fetch.Item("MODSEQ")] * ("CONDSTORE" in client.enabled)
            return told + b"".join(self._fetched(client, client.opened, uid, items) for uid in changed)

    def _tell_idlers(self) -> None:
        for link in self.links:
            if link.idling and link.open:
                news = self._news(self.client(link))
                link.say(news)
                if news.startswith(b"* BYE"):
                    link.cut()


def _decoded(raw: bytes) -> str:
    return decode_name(raw.decode())


def _open_of(client: Client) -> Opened:
    if client.opened is None:
        raise ValueError("no folder is open")
    return client.opened


def _names(words: Word) -> list[str]:
    """The atoms of a list, in upper case."""
    assert isinstance(words, list)
    return [word.decode().upper() for word in words if isinstance(word, bytes)]


def _quoted(name: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", encode_name(name))
    return f'"{escaped}"'
