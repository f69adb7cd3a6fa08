"""Stores as an engine would have left them, at a fixed moment, without an engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailsync.model import AccountState, split_flags
from mailsync.pipeline.runner import Runner
from mailsync.privacy.consent import REQUIRED
from mailsync.store import accounts, activity, consents, folders, messages, quarantine
from mailsync.store.database import Store

NOW = datetime(2025, 3, 12, 14, 2, 11, tzinfo=UTC).timestamp()
"""The present of every prepared store, Unix seconds."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A message for a store: bytes, flag names, and its age in seconds."""

    raw: bytes
    age: float
    flags: tuple[str, ...] = ()


def letter(
    subject: str,
    sender: str,
    age: float,
    *flags: str,
    body: str = "Hello,\r\n\r\nsee you soon.\r\n",
    headers: str = "",
    to: str = "Ada Lovelace <ada@example.org>",
) -> Letter:
    """A message of one plain text part; header values are written as they are, in UTF-8."""
    date = datetime.fromtimestamp(NOW - age, UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    text = (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {date}\r\n"
        f"Message-ID: <{abs(hash_of(subject))}.{int(age)}@example.org>\r\n"
        f"{headers}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}"
    )
    return Letter(text.encode("utf-8", "surrogateescape"), age, flags)


def hash_of(text: str) -> int:
    """A number that is the same in every run, unlike `hash`."""
    number = 7
    for char in text:
        number = (number * 31 + ord(char)) % (1 << 31)
    return number


class Builder:
    """Fills a store table by table, with the same functions that the engine uses."""

    def __init__(self, data_dir: Path) -> None:
        self.store = Store.open(data_dir)
        self._accounts: list[tuple[str, str]] = []

    def account(
        self,
        name: str,
        email: str,
        state: AccountState = "watching",
        *,
        detail: str = "",
        hint: str = "",
        synced: float | None = 2 * MINUTE,
        error: str | None = None,
        error_hint: str = "",
    ) -> int:
        """An account that was last synced `synced` seconds ago; returns its id."""
        self._accounts.append((name, email))
        listed = list(self._accounts)
        ident = self.store.write(lambda connection: accounts.ensure(connection, listed)[name]).result()
        self.store.write(lambda c: accounts.set_state(c, name, state, NOW, detail, hint)).result()
        if synced is not None:
            self.store.write(lambda c: accounts.finish_sync(c, name, NOW - synced, None, "")).result()
        if error is not None:
            self.store.write(lambda c: accounts.finish_sync(c, name, NOW, error, error_hint)).result()
        if state != "needs_consent":
            self.store.write(lambda c: consents.grant(c, name, REQUIRED, NOW)).result()
        return ident

    def folder(
        self,
        account_id: int,
        name: str,
        letters: Sequence[Letter] = (),
        *,
        use: str = "",
        delimiter: str = "/",
        server: int | None = None,
        watch: str = "",
        synced: float | None = 2 * MINUTE,
        next_in: float | None = 3 * MINUTE,
        error: tuple[str, str] | None = None,
        envelopes: bool = True,
    ) -> int:
        """A folder with its messages. `synced` None: its first sync is under way, of `server` messages."""
        wire = name.encode("utf-7").replace(b"+", b"&")
        count = len(letters) if server is None else server
        self.store.write(lambda c: folders.upsert(c, account_id, [(name, wire, delimiter, use, count, None)])).result()
        with self.store.read() as connection:
            ident = folders.present(connection, account_id)[name].id
        self.store.write(lambda c: folders.start_sync(c, ident, 1, count, "first")).result()
        self.fill(ident, letters)
        if synced is not None:
            checkpoint = folders.Checkpoint(1, len(letters) + 1, None, count)
            self.store.write(lambda c: folders.finish_sync(c, ident, checkpoint, "unchanged", NOW - synced)).result()
        self.store.write(lambda c: folders.set_watch(c, ident, watch)).result()
        self.store.write(
            lambda c: c.execute(
                "UPDATE folders SET next_sync_at = ? WHERE id = ?", (NOW + next_in if next_in else None, ident)
            )
        ).result()
        if error is not None:
            self.store.write(lambda c: folders.fail_sync(c, ident, *error)).result()
        if envelopes:
            self.read_envelopes()
        return ident

    def fill(self, folder_id: int, letters: Sequence[Letter], first_uid: int = 1) -> None:
        """More messages for a folder, with UIDs from `first_uid` on."""
        if not letters:
            return
        flags, keywords = zip(*(split_flags(each.flags) for each in letters), strict=True)
        arrivals = messages.Arrivals(
            list(range(first_uid, first_uid + len(letters))),
            list(flags),
            list(keywords),
            [int(NOW - each.age) for each in letters],
            [None] * len(letters),
            self.store.codec.pack([each.raw for each in letters]),
        )
        self.store.write(lambda c: messages.add(c, folder_id, arrivals, NOW)).result()

    def quarantine(self, account_id: int, folder_id: int, uid: int, error: str, age: float = HOUR) -> None:
        """A message that the server lists and does not give."""

        def write(connection: object) -> None:
            messages.add_without_content(connection, folder_id, [(uid, 0, "", int(NOW - age), 48_211)], NOW)  # type: ignore[arg-type]
            quarantine.add(connection, account_id, folder_id, 1, [uid], "fetch", error, NOW)  # type: ignore[arg-type]

        self.store.write(write).result()

    def withheld(self, folder_id: int, uid: int, size: int, age: float = HOUR) -> None:
        """A message that the configuration leaves on the server for its size."""
        self.store.write(
            lambda c: c.execute(
                """INSERT INTO messages (folder_id, uid, flags, internaldate, size, created_at, withheld)
                   VALUES (?, ?, 0, ?, ?, ?, 'too large')""",
                (folder_id, uid, int(NOW - age), size, NOW),
            )
        ).result()
        self.store.write(lambda c: messages.recount(c, folder_id)).result()

    def happened(self, entries: Iterable[tuple[float, str, str, str, int, int, str]]) -> None:
        """Activity, oldest first: (age, account, folder, type, count, bytes, detail)."""
        for age, account, folder, kind, count, size, detail in entries:
            self.store.write(
                lambda c, a=age, n=account, f=folder, k=kind, m=count, b=size, d=detail: activity.add(  # type: ignore[misc]
                    c, NOW - a, n, f, k, count=m, size=b, detail=d
                )
            ).result()

    def read_envelopes(self) -> None:
        """What the pipeline does behind the engine."""
        runner = Runner(self.store, lambda: NOW)
        while runner.step():
            pass
        runner.close()
