"""Each message is looked at again just before something is done to it: on the server, and its copy in the mirror.

It has to be there under its UID, with its Message-ID and size, and not be marked \\Deleted since; the mirror's bytes
have to have their digest; and the judge, who knows what is never touched, must have nothing against it. Pure, but for
`own`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from typing import Literal, Protocol

from mailsync.imap import gmail
from mailsync.imap.responses import Fetch
from mailsync.imap.session import Session
from mailsync.model import Flag, split_flags
from mailsync.record import record
from mailsync.store import restorable
from mailsync.store.cleanup_places import Place
from mailsync.store.cleanup_runs import PLACED, Row
from mailsync.store.database import Store
from mailsync.sync import identity, internaldate

MESSAGE_ID = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"
Judgement = Literal["go", "gone", "skipped", "other", "unseen"]
"""`other`: it is not the message of the list; `unseen`: the server does not show it."""


class Judge(Protocol):
    """Knows what is not touched even though it is on the list."""

    def learn(self, store: Store) -> None:
        """Bring what the judge knows up to date; blocks."""

    def spared(self, connection: sqlite3.Connection, read: Sequence[tuple[Row, bytes]]) -> dict[int, str]:
        """Why, by what they say and by what the mirror knows of them; by the number of the row, of those that are."""

    def state(self, row: Row, flags: int, keywords: tuple[str, ...]) -> str:
        """Why, by the flags that a message has now; "" for nothing."""


@record(frozen=True)
class Own:
    """The mirror's copy of a message: its Message-ID, None where nothing can be believed of it any more, and its size.
    `why` it is not touched, "" where it may be."""

    message_id: bytes | None
    size: int
    why: str


@record(frozen=True)
class Shown:
    """A message as the server shows it; `size` is None where it may be of other bytes than those it gives."""

    flags: int
    keywords: tuple[str, ...]
    labels: tuple[str, ...] | None
    internaldate: int | None
    size: int | None
    message_id: bytes


def items(session: Session) -> str:
    """What is asked for."""
    labels = f" {gmail.LABELS}" if session.offers("X-GM-EXT-1") else ""
    return f"UID FLAGS INTERNALDATE RFC822.SIZE{labels} {MESSAGE_ID}"


def read(answer: Fetch | None, session: Session) -> Shown | None:
    """An answer, where it tells all that has to be known."""
    if answer is None or answer.flags is None:
        return None
    header = answer.section("BODY[HEADER.FIELDS")
    labels = gmail.labels(answer)
    if header is None or (labels is None and session.offers("X-GM-EXT-1")):
        return None
    flags, keywords = split_flags(answer.flags)
    size = answer.size if session.quirks.honest_size else None
    date = internaldate.parse(answer.internaldate)
    return Shown(flags, tuple(keywords.split()), labels, date, size, identity.message_id(header))


def own(connection: sqlite3.Connection, rows: Sequence[Row], judge: Judge | None) -> dict[int, Own]:
    """The mirror's copies, by the number of the row."""
    found: dict[int, Own] = {}
    read: list[tuple[Row, bytes]] = []
    for row in rows:
        raw = restorable.raw(connection, row.digest)
        if raw is None:
            found[row.number] = Own(None, 0, "the mirror has not its bytes any more")
        elif sha256(raw).digest() != row.digest:
            found[row.number] = Own(None, 0, "the mirror's copy is damaged")
        else:
            read.append((row, raw))
    spared = judge.spared(connection, read) if judge is not None else {}
    return found | {
        row.number: Own(identity.message_id(raw), len(raw), spared.get(row.number, "")) for row, raw in read
    }


def verdict(row: Row, shown: Shown | None, mine: Own, judge: Judge | None) -> tuple[Judgement, str]:
    """Whether a row may be carried out, and if not, why. What a row that was begun has changed is no reason against it.

    Without a judge, as for an undo, it only has to be the message: what was appended again may have other bytes. So it
    is where the message has arrived already.
    """
    if shown is None:
        return "unseen", "the server does not show it"
    if mine.message_id is not None and mine.message_id != shown.message_id:
        return "other", "another message: its Message-ID is not that of the list"
    if judge is None or row.step == PLACED:
        return (
            ("go", "") if mine.message_id or _alike(row, shown) else ("other", "another message, by its size and date")
        )
    if shown.size is not None and mine.message_id is not None and shown.size != mine.size:
        return "other", f"another message: it has {shown.size:,} bytes, not {mine.size:,}"
    if mine.why:
        return "skipped", mine.why
    flags = shown.flags & ~_given(row)
    if flags & Flag.DELETED:
        return "skipped", "marked \\Deleted since"
    why = judge.state(row, flags, shown.keywords)
    return ("skipped", why) if why else ("go", "")


def _alike(row: Row, shown: Shown) -> bool:
    """What a message without a Message-ID is known by, beside its UID: one of its size and its date, at least."""
    date = row.before.internaldate if row.before is not None else None
    return shown.size in (None, row.size) or shown.internaldate == date


def _given(row: Row) -> int:
    """Flags that a row which was begun may have given itself."""
    if row.state != "begun" or row.before is None:
        return 0
    after = int(Flag.DELETED) | (row.after.flags if row.after is not None else 0)
    return after & ~row.before.flags


def now(row: Row, shown: Shown, folder: bytes, uidvalidity: int, uid: int) -> Place:
    """Where a message is, and what it is now."""
    copies = row.before.copies if row.before is not None else ()
    return Place(
        folder, uidvalidity, uid, shown.flags, tuple(sorted(shown.keywords)), shown.labels, shown.internaldate, copies
    )
