"""Random changes to a mailbox by another client, and what a sync after them has to report.

No two letters are alike, and no letter is in two places at a time: whatever is moved, renamed or made anew can be
followed by its bytes. Every third letter has no Message-ID, and is not recognised before it is downloaded.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from mailsync.model import FolderResult, Strategy
from tests.servers.imap_client import ImapClient, quoted
from tests.sync.rig import Held, Truth

KEYWORDS = ["$Forwarded", "$Label1", "NonJunk", "todo"]
SYSTEM = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "\\Deleted"]
NAMES = ["Archive", "Lists/Dev", "Lists/Ünï", "a.b", "old & new", "Tmp"]


@dataclass
class Storm:
    """A client that changes things; `touched` are the folders that it worked on since the last `calm`."""

    client: ImapClient
    random: random.Random
    serial: int = 0
    touched: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    """New names by old ones, for folders that were there at the last `calm`."""

    def calm(self) -> None:
        self.touched.clear()
        self.renamed.clear()

    def blow(self, changes: int) -> None:
        """Make that many changes."""
        for _ in range(changes):
            kind: Callable[[], None] = self.random.choice(
                [self.arrive] * 4
                + [self.reflag] * 5
                + [self.expunge, self.expunge, self.move, self.move, self.rename, self.recreate, self.create]
            )
            kind()

    def letter(self) -> bytes:
        self.serial += 1
        named = b"Message-ID: <%d@storm>\r\n" % self.serial if self.serial % 3 else b""
        return b"Subject: %d\r\n%s\r\n%s\r\n" % (self.serial, named, b"y" * self.random.randrange(3000))

    def some_folder(self) -> str:
        return self.random.choice(sorted(self.client.folders()))

    def some_uids(self, folder: str) -> list[int]:
        uids = self.client.uids(folder)
        return self.random.sample(uids, min(len(uids), self.random.randrange(1, 5)))

    def arrive(self) -> None:
        folder = self.some_folder()
        self.touched.add(folder)
        flags = self.random.sample(SYSTEM + KEYWORDS, self.random.randrange(3))
        for _ in range(self.random.randrange(1, 6)):
            self.client.append(folder, self.letter(), flags)

    def reflag(self) -> None:
        folder = self.some_folder()
        if uids := self.some_uids(folder):
            self.touched.add(folder)
            change = self.random.choice(["+FLAGS", "-FLAGS", "FLAGS"])
            self.client.store(folder, uids, change, *self.random.sample(SYSTEM + KEYWORDS, 2))

    def expunge(self) -> None:
        folder = self.some_folder()
        if uids := self.some_uids(folder):
            self.touched.add(folder)
            self.client.expunge(folder, uids)

    def move(self) -> None:
        folder, target = self.some_folder(), self.some_folder()
        uids = self.some_uids(folder)
        if uids and folder != target:
            self.touched |= {folder, target}
            self.client.store(folder, uids, "+FLAGS", "\\Flagged")
            self.client.command(f"UID MOVE {','.join(map(str, uids))} {quoted(target)}")

    def create(self) -> None:
        missing = [name for name in NAMES if name not in self.client.folders()]
        if missing:
            self.client.create(self.random.choice(missing))

    def rename(self) -> None:
        folders = self.client.folders()
        missing = [name for name in NAMES if name not in folders]
        present = [name for name in NAMES if name in folders]
        if missing and present:
            old, new = self.random.choice(present), self.random.choice(missing)
            self.client.rename(old, new)
            first = next((name for name, now in self.renamed.items() if now == old), old)
            self.renamed[first] = new
            if first == new:  # and back again
                del self.renamed[first]
            self.touched |= {old, new}

    def recreate(self) -> None:
        """The same folder with the same messages, but another folder to IMAP."""
        present = [name for name in NAMES if name in self.client.folders()]
        if present:
            folder = self.random.choice(present)
            self.touched.add(folder)
            stored = self.client.fetch_all(folder)
            self.client.delete(folder)
            self.client.create(folder)
            for one in stored.values():
                self.client.append(folder, one.raw, sorted(one.flags), one.internaldate)


def expected(before: Truth, after: Truth, name: str, known: set[Letter], looked: Strategy) -> FolderResult:
    """What a sync reports for a folder that went from `before` to `after`, when all of `known` was mirrored before.

    `looked` is the strategy where something may differ.
    """
    validity, now = after[name]
    result = FolderResult(name, validity)
    old_validity, old = before.get(name, (None, {}))
    if old_validity is None:
        result.strategy = "first"
        pairs: list[tuple[Held, Held]] = []
    elif old_validity != validity:
        result.strategy = "uidvalidity_reset"
        ours = {letter_of(one): one for one in old.values() if b"Message-ID" in one.raw}
        pairs = [(ours[letter_of(one)], one) for one in now.values() if letter_of(one) in ours]
    else:
        result.strategy = looked
        pairs = [(old[uid], now[uid]) for uid in old.keys() & now.keys()]
    result.deleted = len(old) - len(pairs)
    result.new = len(now) - len(pairs)
    result.changed = sum(mine.flags != theirs.flags for mine, theirs in pairs)
    came = [one for one in now.values() if not any(one is theirs for _, theirs in pairs)]
    result.bytes = sum(len(one.raw) for one in came if letter_of(one) not in known or b"Message-ID" not in one.raw)
    return result


Letter = tuple[bytes, int | None]
"""The bytes of a message and its INTERNALDATE."""


def letter_of(one: Held) -> Letter:
    return one.raw, one.internaldate


def told(result: FolderResult) -> tuple[object, ...]:
    """All of a result that can be foretold, bytes apart."""
    one = result
    return one.name, one.uidvalidity, one.strategy, one.new, one.changed, one.deleted, one.error
