"""Random histories of a server model and its mirror: any class of server, any change, a crash at any commit.

A crash is what a kill leaves: nothing is written from that commit on (or from just after it), whatever was told to
memory is lost, and a fresh store is opened on the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import sqlite3
import tempfile
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from mailsync.store import accounts
from tests.servers.model import GMAIL_FOLDERS
from tests.servers.model_server import ModelServer
from tests.servers.scripted import Command, Link
from tests.sync.rig import ACCOUNT, Rig, Truth, counters_are_exact, differences

FOLDERS = ("INBOX", "Archive", "Lists/Dev", "Ämter")
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "\\Deleted", "\\Draft", "$Label1", "later")
SECONDS = 30.0
Change = tuple[str, int, int, list[int], set[str]]
"""A method of `History`, numbers that choose a folder and another one, numbers that choose messages, flags."""
OFTEN = ("append", "store", "expunge", "move", "copy") * 3
changes = st.tuples(
    st.sampled_from([*OFTEN, "create", "create", "delete", "recreate", "rename", "new_uidvalidity"]),
    st.integers(0, 11),
    st.integers(0, 11),
    st.lists(st.integers(0, 99), min_size=1, max_size=6),
    st.sets(st.sampled_from(FLAGS), max_size=4),
)


class Crashed(Exception):
    """The process is gone."""


class History(RuleBasedStateMachine):
    """`clean` are messages that were never copied and never lost their identity: they keep id and bytes."""

    kind = "full"
    """A class of server."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="mailsync-history-"))
        self.stack = contextlib.ExitStack()
        self.loop = self.stack.enter_context(asyncio.Runner())
        self.written = 0
        self.resets = 0
        """New UIDVALIDITY values since the last good sync: for each a message may be downloaded to see what it is."""
        self.clean: set[str] = set()
        self.ids: dict[str, int] = {}

    @initialize(forgets=st.booleans(), counts=st.tuples(st.integers(0, 40), st.integers(0, 12)))
    def begin(self, forgets: bool, counts: tuple[int, int]) -> None:
        limit = 7 if self.kind == "yahoo" else None
        self.server = self.stack.enter_context(ModelServer(self.kind, limit=limit))
        self.server.forgets = forgets
        self.mail = self.server.mail
        self.gmail = self.kind == "gmail"
        self.rig = Rig(self.directory, self.server.port).__enter__()
        self.mail.create("Archive")
        for name, count in zip(FOLDERS, counts, strict=False):
            self.fill(name, count, {"$Label1"})

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.rig.store.close()
        self.stack.close()
        shutil.rmtree(self.directory)

    # -- what happens on the server ------------------------------------------------------------------------------

    @rule(changes=st.lists(changes, min_size=1, max_size=8))
    def change(self, changes: list[Change]) -> None:
        """A person, another program, or the server itself."""
        for what, *how in changes:
            getattr(self, what)(*how)

    def folder(self, number: int) -> str:
        names = [name for name in FOLDERS if name in self.mail.folders]
        return names[number % len(names)]

    def some(self, name: str, numbers: list[int]) -> list[int]:
        """UIDs of a folder, chosen by numbers."""
        uids = sorted(self.mail.folders[name].messages)
        return sorted({uids[number % len(uids)] for number in numbers}) if uids else []

    def digests(self, name: str, uids: list[int]) -> set[str]:
        messages = self.mail.folders[name].messages
        return {hashlib.sha256(messages[uid].raw).hexdigest() for uid in uids}

    def append(self, one: int, other: int, numbers: list[int], flags: set[str]) -> None:
        del other
        self.fill(self.folder(one), len(numbers), flags)

    def fill(self, name: str, count: int, flags: set[str]) -> None:
        for _ in range(count):
            self.written += 1
            head = f"Message-ID: <{self.written}@example.org>\r\nSubject: {self.written}\r\n\r\n"
            raw = head.encode() + b"x" * (self.written % 97) + b"\r\n"
            self.mail.append(name, raw, flags)
            self.clean.add(hashlib.sha256(raw).hexdigest())

    def store(self, one: int, other: int, numbers: list[int], flags: set[str]) -> None:
        del other
        self.mail.store(self.folder(one), self.some(self.folder(one), numbers), flags)

    def expunge(self, one: int, other: int, numbers: list[int], flags: set[str]) -> None:
        del other, flags
        self.mail.expunge(self.folder(one), self.some(self.folder(one), numbers))

    def move(self, one: int, other: int, numbers: list[int], flags: set[str]) -> None:
        del flags
        source, into = self.folder(one), self.folder(other)
        if source != into:
            self.mail.move(source, self.some(source, numbers), into)

    def copy(self, one: int, other: int, numbers: list[int], flags: set[str]) -> None:
        del flags
        source, uids = self.folder(one), self.some(self.folder(one), numbers)
        self.clean -= self.digests(source, uids)
        self.mail.copy(source, uids, self.folder(other))

    def create(self, one: int, other: int, numbers: list[int], flags: set[str]) -> None:
        del other, numbers, flags
        if FOLDERS[one % 4] not in self.mail.folders:
            self.mail.create(FOLDERS[one % 4])

    def delete(self, one: int, other: int, numbers: list[int], flags: set[str]) -> None:
        del other, numbers, flags
        if self.folder(one) != "INBOX":
            self.mail.delete(self.folder(one))

    def recreate(self, one: int, other: int, numbers: list[int], flags: set[str]) -> None:
        del other, numbers, flags
        name = self.folder(one)
        if name != "INBOX" and not self.gmail:
            self.clean -= self.digests(name, list(self.mail.folders[name].messages))
            self.mail.recreate(name)

    def rename(self, one: int, other: int, numbers: list[int], flags: set[str]) -> None:
        del numbers, flags
        old, new = self.folder(one), FOLDERS[other % 4]
        if old != "INBOX" and new not in self.mail.folders and not self.gmail:
            self.mail.rename(old, new)

    def new_uidvalidity(self, one: int, other: int, numbers: list[int], flags: set[str]) -> None:
        del other, numbers, flags
        self.resets += 1
        self.mail.new_uidvalidity([*GMAIL_FOLDERS][one % 3] if self.gmail else self.folder(one))

    # -- syncs ---------------------------------------------------------------------------------------------------

    @rule(full=st.sampled_from([False, False, False, True]))
    def sync(self, full: bool) -> None:
        """All is equal afterwards, and what was committed was not downloaded again."""
        self.looked_at(self.rig.sync(full=full))
        self.resets = 0
        assert differences(self.mirrored(), self.there()) == []
        with self.rig.store.read() as connection:
            assert counters_are_exact(connection)
            assert not connection.execute(
                """SELECT 1 FROM folders f LEFT JOIN certificates c ON c.folder_id = f.id
                   WHERE f.gone_at IS NULL AND f.messages IS NOT c.messages"""
            ).fetchall()
            now = ids(connection)
        for digest in self.clean & now.keys():
            assert self.ids.setdefault(digest, now[digest]) == now[digest]

    @rule(
        verb=st.sampled_from(["EXAMINE", "UID FETCH", "UID SEARCH", "LIST"]),
        changes=st.lists(changes, min_size=1, max_size=4),
    )
    def sync_while_things_happen(self, verb: str, changes: list[Change]) -> None:
        """Mail comes, goes and changes between a question and the next; the sync may fail, and loses nothing."""

        async def meddle(link: Link, command: Command) -> bool:
            del link, command
            self.server.hooks.pop(verb, None)
            self.change(changes)
            return False

        self.server.hooks[verb] = meddle
        self.looked_at(self.rig.try_sync())
        self.server.hooks.clear()

    @rule(commits=st.integers(0, 9), after=st.booleans())
    def crash(self, commits: int, after: bool) -> None:
        """The process dies before or after one of the next commits, and another one opens the file."""
        store: Any = self.rig.store
        commit, left = store._commit, [commits]

        def dying(connection: sqlite3.Connection, batch: list[tuple[Any, Future[Any], bool]]) -> None:
            if left[0] > 0:
                left[0] -= 1
                commit(connection, batch)
                return
            if left[0] == 0 and after:
                commit(connection, [(function, Future(), durable) for function, _, durable in batch])
            left[0] = -1
            for _, future, _ in batch:
                future.set_exception(Crashed())

        store._commit = dying
        with contextlib.suppress(Crashed):
            self.looked_at(self.rig.try_sync())
        self.rig.store.close()
        self.rig = Rig(self.directory, self.server.port).__enter__()

    def looked_at(self, syncing: Any) -> None:
        """Run a sync. Bytes of what was committed under its UID, or of a clean message, are not asked for again."""
        with self.rig.store.read() as connection:
            stored, held = contents(connection), rows(connection)
            synced = accounts.was_synced(connection, ACCOUNT)  # before that, no folder knows of another's
        self.server.forget_bodies()
        try:
            self.loop.run(asyncio.wait_for(syncing, SECONDS))
        finally:
            again = self.server.bodies.keys() & held
            assert not again, f"downloaded again: {again}"
            doubled = self.clean & stored & self.server.digests.keys() if synced else set()
            assert len(doubled) <= self.resets, f"known, yet downloaded: {len(doubled)}"
        with self.rig.store.read() as connection:
            assert stored <= contents(connection)

    def there(self) -> Truth:
        return {name: one for name, one in self.mail.truth().items() if not self.gmail or name in GMAIL_FOLDERS}

    def mirrored(self) -> Truth:
        return {name: one for name, one in self.rig.mirrored().items() if not self.gmail or name in GMAIL_FOLDERS}


def contents(connection: sqlite3.Connection) -> set[str]:
    return {row[0].hex() for row in connection.execute("SELECT digest FROM contents")}


def rows(connection: sqlite3.Connection) -> set[tuple[str, int, int]]:
    """Folder, UIDVALIDITY and UID of what is held with its bytes."""
    return {
        (row[0], row[1], row[2])
        for row in connection.execute(
            """SELECT f.name, f.uidvalidity, m.uid FROM messages m JOIN folders f ON f.id = m.folder_id
               WHERE m.content_id IS NOT NULL AND f.gone_at IS NULL"""
        )
    }


def ids(connection: sqlite3.Connection) -> dict[str, int]:
    """The id of each message by the digest of its bytes."""
    return {
        row[0].hex(): row[1]
        for row in connection.execute("SELECT c.digest, m.id FROM messages m JOIN contents c ON c.id = m.content_id")
    }
