"""What a model server holds: folders, messages, their history, and a person's hands on them.

    mail = Mailboxes(CLASSES["full"])
    mail.create("Archive")
    uid = mail.append("INBOX", b"Subject: one\r\n\r\n", ["\\Seen", "$Label1"])
    mail.move("INBOX", [uid], "Archive")

Every change is one step under `lock` and calls `changed`. Names are decoded ones, with `/` between their parts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.sync.rig import Held, Truth

COMMON = "IMAP4rev1 LITERAL+ IDLE ID UIDPLUS SASL-IR"
MODERN = f"{COMMON} ENABLE CONDSTORE ESEARCH LIST-EXTENDED LIST-STATUS SPECIAL-USE UNSELECT MOVE NAMESPACE STATUS=SIZE"
GMAIL_FOLDERS = {"[Gmail]/All Mail": "\\All", "[Gmail]/Spam": "\\Junk", "[Gmail]/Trash": "\\Trash"}
FIRST_DATE = datetime(2024, 2, 1, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ServerClass:
    """A kind of server: what it advertises, and what that does not tell."""

    name: str
    capabilities: str
    expunge_has_modseq: bool = True
    """HIGHESTMODSEQ rises at an expunge; only QRESYNC (RFC 7162 section 3.2) asks for it."""
    view: int | None = None
    """Messages a folder shows, the newest, while UIDONLY is not enabled."""
    limit: int | None = None
    """Messages a command touches at most (RFC 9738)."""

    def has(self, capability: str) -> bool:
        return capability in self.capabilities.split()


CLASSES = {
    one.name: one
    for one in (
        ServerClass("full", f"{MODERN} QRESYNC"),
        ServerClass("condstore", MODERN, expunge_has_modseq=False),
        ServerClass("plain", COMMON),
        ServerClass("objectid", f"{MODERN} QRESYNC OBJECTID"),
        ServerClass("gmail", f"{MODERN} X-GM-EXT-1", expunge_has_modseq=False),
        ServerClass(
            "yahoo",
            f"{COMMON} ENABLE OBJECTID UIDONLY PARTIAL ESEARCH MESSAGELIMIT=40 XYMHIGHESTMODSEQ",
            view=25,
            limit=40,
        ),
    )
}


@dataclass(slots=True)
class ModelMail:
    """A message in a folder. `identity` is its EMAILID and X-GM-MSGID: the same wherever it is moved or copied."""

    raw: bytes
    flags: frozenset[str]
    date: datetime
    identity: int
    modseq: int
    labels: frozenset[str] = frozenset()


@dataclass(slots=True)
class ModelFolder:
    """A folder. One that is deleted, or whose UIDVALIDITY changes, is `gone`, and another takes its name."""

    name: str
    uidvalidity: int
    mailboxid: str
    special_use: str = ""
    uidnext: int = 1
    modseq: int = 1
    messages: dict[int, ModelMail] = field(default_factory=dict)
    expunged: dict[int, int] = field(default_factory=dict)
    """MODSEQ of the expunge, by UID."""
    changes: int = 0
    gone: bool = False


class Mailboxes:
    """The folders of one user of a server of class `kind`, and all that may happen to them."""

    def __init__(self, kind: ServerClass, *, view: int | None = None, limit: int | None = None) -> None:
        self.kind = kind
        self.view = view or kind.view
        self.limit = limit or kind.limit
        self.lock = threading.RLock()
        self.folders: dict[str, ModelFolder] = {}
        self.changed: Callable[[], None] = lambda: None
        self._numbers = 1000
        self.create("INBOX")
        if kind.name == "gmail":
            for name, use in GMAIL_FOLDERS.items():
                self.create(name, use)

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _touch(self, folder: ModelFolder, *, modseq: bool = True) -> int:
        folder.changes += 1
        folder.modseq += modseq
        self.changed()
        return folder.modseq

    # -- folders -----------------------------------------------------------------------------------------------

    def create(self, name: str, special_use: str = "") -> None:
        with self.lock:
            assert name not in self.folders, name
            self.folders[name] = ModelFolder(name, self._next(), f"F{self._next()}", special_use)
            self.changed()

    def delete(self, name: str) -> None:
        with self.lock:
            self.folders.pop(name).gone = True
            self.changed()

    def rename(self, old: str, new: str) -> None:
        """UIDVALIDITY, UIDs and MAILBOXID go with the folder."""
        with self.lock:
            assert new not in self.folders, new
            folder = self.folders.pop(old)
            folder.name = new
            self.folders[new] = folder
            self.changed()

    def recreate(self, name: str) -> None:
        """Delete a folder and make it again with the same messages: another MAILBOXID, UIDVALIDITY and identities."""
        with self.lock:
            old = self.folders[name]
            self.delete(name)
            self.create(name, old.special_use)
            for mail in old.messages.values():
                self._put(self.folders[name], mail.raw, mail.flags, mail.date, self._next(), mail.labels)

    def new_uidvalidity(self, name: str, *, renumber: bool = True) -> None:
        """The server has lost its UIDs: a greater UIDVALIDITY, messages with other UIDs, the same identities."""
        with self.lock:
            old = self.folders[name]
            old.gone = True
            new = self.folders[name] = ModelFolder(name, self._next(), old.mailboxid, old.special_use)
            for uid, mail in old.messages.items():
                new.uidnext = new.uidnext if renumber else uid
                self._put(new, mail.raw, mail.flags, mail.date, mail.identity, mail.labels)
            self.changed()

    # -- messages ----------------------------------------------------------------------------------------------

    def append(
        self,
        name: str,
        raw: bytes,
        flags: Iterable[str] = (),
        date: datetime | None = None,
        labels: Iterable[str] = (),
    ) -> int:
        """A new message; its UID. On a Gmail a message of another folder than the three is one of All Mail too."""
        with self.lock:
            identity = self._next()
            moment = date or FIRST_DATE + timedelta(seconds=identity)
            marks = frozenset(labels)
            if self.kind.name == "gmail" and name not in GMAIL_FOLDERS:
                marks |= {_label(name)}
                self._put(self._all(), raw, frozenset(flags), moment, identity, marks)
                self._spread(identity)
                return self.folders[name].uidnext - 1
            uid = self._put(self.folders[name], raw, frozenset(flags), moment, identity, marks)
            if marks:
                self._spread(identity)
            return uid

    def _put(
        self,
        folder: ModelFolder,
        raw: bytes,
        flags: frozenset[str],
        date: datetime,
        identity: int,
        labels: frozenset[str] = frozenset(),
    ) -> int:
        uid = folder.uidnext
        folder.uidnext += 1
        folder.messages[uid] = ModelMail(raw, flags, date, identity, self._touch(folder), labels)
        return uid

    def store(self, name: str, uids: Iterable[int], flags: Iterable[str]) -> None:
        """Set flags and keywords; on a Gmail they are the message's, whichever folder shows it."""
        with self.lock:
            folder, wanted = self.folders[name], frozenset(flags)
            for uid in uids:
                for place, mail in self._places(folder, uid):
                    if mail.flags != wanted:
                        mail.flags = wanted
                        mail.modseq = self._touch(place)

    def expunge(self, name: str, uids: Iterable[int]) -> None:
        """Gone for good; on a Gmail an expunge in a label's folder takes the label off."""
        with self.lock:
            folder = self.folders[name]
            for uid in list(uids):
                if self.kind.name == "gmail" and name not in GMAIL_FOLDERS:
                    self.label(folder.messages[uid].identity, remove=[_label(name)])
                    continue
                identity = folder.messages[uid].identity
                self._drop(folder, uid)
                if folder.special_use == "\\All":
                    for label in [one for one in self.folders.values() if one.name not in GMAIL_FOLDERS]:
                        for other in [u for u, mail in label.messages.items() if mail.identity == identity]:
                            self._drop(label, other)

    def _drop(self, folder: ModelFolder, uid: int) -> None:
        del folder.messages[uid]
        folder.expunged[uid] = self._touch(folder, modseq=self.kind.expunge_has_modseq)

    def copy(self, source: str, uids: Iterable[int], target: str) -> list[int]:
        """Copies keep their flags, date and identity; the new UIDs."""
        with self.lock:
            mails = [self.folders[source].messages[uid] for uid in uids]
            if self.kind.name == "gmail" and target not in GMAIL_FOLDERS:
                for mail in mails:
                    self.label(mail.identity, add=[_label(target)])
                chosen = {mail.identity for mail in mails}
                return [uid for uid, one in self.folders[target].messages.items() if one.identity in chosen]
            place = self.folders[target]
            return [self._put(place, mail.raw, mail.flags, mail.date, mail.identity, mail.labels) for mail in mails]

    def move(self, source: str, uids: Iterable[int], target: str) -> list[int]:
        with self.lock:
            chosen = list(uids)
            moved = self.copy(source, chosen, target)
            if source != target:
                self.expunge(source, chosen)
            return moved

    # -- Gmail -------------------------------------------------------------------------------------------------

    def _all(self) -> ModelFolder:
        return self.folders["[Gmail]/All Mail"]

    def label(self, identity: int, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Change the labels of a message; of one in All Mail a label with a folder of its name shows it there."""
        with self.lock:
            for place in [self.folders[name] for name in GMAIL_FOLDERS]:
                for mail in place.messages.values():
                    if mail.identity == identity:
                        mail.labels = (mail.labels | frozenset(add)) - frozenset(remove)
                        mail.modseq = self._touch(place)
            self._spread(identity)

    def _spread(self, identity: int) -> None:
        """Let the label folders show what the labels say."""
        for mail in self._all().messages.values():
            if mail.identity != identity:
                continue
            for folder in self.folders.values():
                if folder.name in GMAIL_FOLDERS:
                    continue
                shown = [uid for uid, one in folder.messages.items() if one.identity == identity]
                if _label(folder.name) in mail.labels and not shown:
                    self._put(folder, mail.raw, mail.flags, mail.date, identity, mail.labels)
                elif _label(folder.name) not in mail.labels:
                    for uid in shown:
                        self._drop(folder, uid)
                for uid in shown:
                    if uid in folder.messages:
                        folder.messages[uid].labels = mail.labels
                        folder.messages[uid].modseq = self._touch(folder)

    def _places(self, folder: ModelFolder, uid: int) -> list[tuple[ModelFolder, ModelMail]]:
        mail = folder.messages[uid]
        if self.kind.name != "gmail":
            return [(folder, mail)]
        return [
            (place, one)
            for place in self.folders.values()
            for one in place.messages.values()
            if one.identity == mail.identity
        ]

    # -- the oracle --------------------------------------------------------------------------------------------

    def truth(self) -> Truth:
        """What a mirror of every folder has to hold."""
        with self.lock:
            return {
                name: (
                    folder.uidvalidity,
                    {
                        uid: Held(mail.raw, mail.flags, int(mail.date.timestamp()))
                        for uid, mail in folder.messages.items()
                    },
                )
                for name, folder in self.folders.items()
            }


def _label(name: str) -> str:
    return "\\Inbox" if name == "INBOX" else name
