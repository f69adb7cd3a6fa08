"""An account on a server, its mirror, and the comparison of the two; the oracle is the other client's."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mailsync.config.models import AccountConfig
from mailsync.imap.session import Session
from mailsync.model import AccountResult, FolderResult, flag_names
from mailsync.privacy.secret import Credential, Password
from mailsync.store import accounts, consents, contents, folders
from mailsync.store.database import Store
from mailsync.sync.account import AccountMirror
from mailsync.sync.verify import Verdict, verify_folder
from tests.servers.imap_client import ImapClient, Stored

ACCOUNT = "work"
SCOPES = ["mailbox_access", "email_read"]


def account_config(port: int, user: str = "alice", **options: Any) -> AccountConfig:
    """An account on a loopback server without TLS."""
    return AccountConfig.model_validate(
        {"email": f"{user}@example.org", "username": user, "host": "127.0.0.1", "port": port, "security": "none"}
        | options
    )


@dataclass
class Rig:
    """A store in `directory` and the mirror of one account in it; a context manager.

    `clock` is added to the time the mirror sees; `credential` signs in instead of the password.
    """

    directory: Path
    port: int
    user: str = "alice"
    password: str = "secret"
    options: dict[str, Any] = field(default_factory=dict)
    clock: float = 0.0
    credential: Callable[[bool], Credential] | None = None
    store: Store = field(init=False)
    mirror: AccountMirror = field(init=False)

    def __enter__(self) -> Self:
        self.store = Store.open(self.directory)
        account_id = self.store.write(lambda c: accounts.ensure(c, [(ACCOUNT, self.user)])[ACCOUNT]).result()
        self.store.write(lambda c: consents.grant(c, ACCOUNT, SCOPES, 1.0)).result()
        config = account_config(self.port, self.user, **self.options)
        self.mirror = AccountMirror(
            self.store,
            ACCOUNT,
            account_id,
            config,
            self.credential or (lambda renew: Password(self.password)),
            lambda: time.time() + self.clock,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()

    async def sync(self, *only: str, **options: Any) -> dict[str, FolderResult]:
        """One sync that has to succeed: results by folder name."""
        result = await self.mirror.sync(only, **options)
        assert result.ok, [result.error, *(f"{one.name}: {one.error}" for one in result.folders if one.error)]
        return {folder.name: folder for folder in result.folders}

    async def try_sync(self, **options: Any) -> AccountResult:
        """One sync that may fail."""
        return await self.mirror.sync(**options)

    async def verify(self, folder: str, *, deep: bool = True) -> Verdict:
        """`verify` of one folder."""
        session = await Session.open(self.mirror.endpoint(), self.user, Password(self.password))
        try:
            return await verify_folder(self.store, session, ACCOUNT, self.folders()[folder], deep=deep)
        finally:
            await session.logout()

    def folders(self) -> dict[str, folders.Folder]:
        with self.store.read() as connection:
            return folders.present(connection, self.mirror.account_id)

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Any SQL, committed; its rows."""

        def run(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(statement, values).fetchall()]

        return self.store.write(run).result()

    def uids(self, folder: str) -> list[int]:
        return [
            row[0]
            for row in self.execute(
                "SELECT uid FROM messages m JOIN folders f ON f.id = m.folder_id WHERE f.name = ? ORDER BY uid", folder
            )
        ]

    def raw(self, folder: str) -> dict[int, bytes]:
        """The bytes of every message of a folder; quarantined ones are absent."""
        return {uid: one.raw for uid, one in self.mirrored()[folder][1].items()}

    def mirrored(self) -> Truth:
        """What the mirror holds, in the shape of `truth`."""
        found: Truth = {}
        with self.store.read() as connection:
            for folder in folders.present(connection, self.mirror.account_id).values():
                rows = connection.execute(
                    "SELECT uid, flags, keywords, internaldate, size, content_id FROM messages WHERE folder_id = ?",
                    (folder.id,),
                ).fetchall()
                found[folder.name] = (folder.uidvalidity, {row["uid"]: _held(connection, row) for row in rows})
        return found


@dataclass(frozen=True, slots=True)
class Held:
    """One message as an instant, a set of flags and bytes."""

    raw: bytes
    flags: frozenset[str]
    internaldate: int | None


Truth = dict[str, tuple[int | None, dict[int, Held]]]
"""UIDVALIDITY and messages by UID, by folder name."""


def _held(connection: sqlite3.Connection, row: sqlite3.Row) -> Held:
    raw = contents.load(connection, row["content_id"]) if row["content_id"] is not None else None
    assert raw is None or len(raw) == row["size"]
    return Held(raw or b"", frozenset(flag_names(row["flags"], row["keywords"])), row["internaldate"])


def truth(client: ImapClient) -> Truth:
    """What the server holds in every folder, as it tells the other client."""
    return {
        name: (
            client.status(name)["UIDVALIDITY"],
            {uid: _plain(one) for uid, one in client.fetch_all(name).items()},
        )
        for name in client.folders()
    }


def _plain(one: Stored) -> Held:
    return Held(one.raw, one.flags, int(one.internaldate.timestamp()))


def differences(mirrored: Truth, server: Truth) -> list[str]:
    """How the two differ, a line each; empty when they are equal."""
    found = [f"folder {name!r} only on one side" for name in mirrored.keys() ^ server.keys()]
    for name in mirrored.keys() & server.keys():
        (validity, mine), (their_validity, theirs) = mirrored[name], server[name]
        if validity != their_validity:
            found.append(f"{name!r}: UIDVALIDITY {validity} here, {their_validity} there")
        found += [f"{name!r}: UID {uid} only on one side" for uid in sorted(mine.keys() ^ theirs.keys())]
        for uid in mine.keys() & theirs.keys():
            a, b = mine[uid], theirs[uid]
            found += [f"{name!r}: UID {uid}: bytes differ"] * (a.raw != b.raw)
            found += [f"{name!r}: UID {uid}: {set(a.flags)} here, {set(b.flags)} there"] * (a.flags != b.flags)
            found += [f"{name!r}: UID {uid}: {a.internaldate} {b.internaldate}"] * (a.internaldate != b.internaldate)
    return found


def counters_are_exact(connection: sqlite3.Connection) -> bool:
    """The counters of every folder row agree with its messages."""
    return not connection.execute(
        """SELECT 1 FROM folders f WHERE (f.messages, f.unread, f.bytes) IS NOT (
               SELECT count(*), coalesce(sum(flags & 1 = 0), 0), coalesce(sum(size), 0)
               FROM messages m WHERE m.folder_id = f.id)"""
    ).fetchall()


def assert_equal(rig: Rig, client: ImapClient) -> Truth:
    """Mirror = server, and the counters are exact; gives what the server holds."""
    server = truth(client)
    assert differences(rig.mirrored(), server) == []
    with rig.store.read() as connection:
        assert counters_are_exact(connection)
        counted = {
            row["name"]: (row["messages"], row["unread"], row["bytes"])
            for row in connection.execute("SELECT * FROM folders WHERE gone_at IS NULL")
        }
    assert counted == {
        name: (
            len(messages),
            sum("\\Seen" not in one.flags for one in messages.values()),
            sum(len(one.raw) for one in messages.values()),
        )
        for name, (_, messages) in server.items()
    }
    return server
