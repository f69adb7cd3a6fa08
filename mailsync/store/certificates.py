"""`certificates`: what a folder held, complete, when its last sync ended; one row a folder.

uids_digest      SHA-256, in hex, of the UIDs as canonical IMAP set text: `1:5,9`
contents_digest  SHA-256, in hex, of a line `<chunk> <digest>` for each 256 UIDs that hold bytes (chunk = UID >> 8),
                 where that digest is the SHA-256 of a line `<UID> <SHA-256 of the message>` for each of its
                 messages in ascending order. All in lower-case hex, each line ended by LF.
exceptions       JSON: what is not here and why, as {"kind", "count", "reason", "uids"}; `kind` is `quarantined`,
                 `withheld` or `outside`, `uids` a set as text, cut to "" where it is long
chunks           what each chunk's digest was made from, so that the next certificate only reads what changed
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import compress, count, islice
from operator import sub
from typing import Any, Literal

from mailsync.record import record
from mailsync.store import onestep

CHUNK_BITS = 8
PAGE = 4096
AT_ONCE = 400_000
"""With more contents than this their digests are looked up one by one; it is rare and costs time instead of memory."""
UIDS_TEXT = 400
"""A set of UIDs that is longer as text is left out of an exception; it can be asked for any time."""
_RECORD = struct.Struct(">I8s32s")

Standing = Literal["none", "matches", "outdated", "differs"]
"""How the rows of a folder stand to its certificate. outdated: something was stored or let go since, as it may."""


@record(frozen=True)
class Certificate:
    """A row; `exceptions` and `chunks` as stored."""

    folder_id: int
    uidvalidity: int
    highestmodseq: int | None
    messages: int
    uids_digest: str
    contents_digest: str
    exceptions: str
    chunks: bytes


_COLUMNS = "folder_id, uidvalidity, highestmodseq, messages, uids_digest, contents_digest, exceptions, chunks"


def get(connection: sqlite3.Connection, folder_id: int) -> Certificate | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM certificates WHERE folder_id = ?", (folder_id,)).fetchone()
    return Certificate(*row) if row else None


def draft(connection: sqlite3.Connection, folder_id: int, *, anew: bool = False) -> Certificate | None:
    """The certificate of the rows as they are; None before a folder's first sync has ended.

    Chunks that are as they were when the stored certificate was made are not read again, unless `anew`.
    """
    folder = connection.execute(
        "SELECT uidvalidity, highestmodseq, outside, first_sync_at FROM folders WHERE id = ?", (folder_id,)
    ).fetchone()
    if folder is None or folder[0] is None or folder[3] is None:
        return None
    before = None if anew else get(connection, folder_id)
    known = {number: (mark, digest) for number, mark, digest in _RECORD.iter_unpack(before.chunks)} if before else {}
    uids = array("I")
    chunks = bytearray()
    whole = hashlib.sha256()
    digests = _Digests(connection, at_once=not known)
    lacking = False
    for number, inside, contents in _chunks(connection, folder_id):
        lacking = lacking or 0 in contents
        uids.extend(inside)
        mark = hashlib.blake2b(array("I", inside).tobytes() + array("q", contents).tobytes(), digest_size=8).digest()
        then = known.get(number)
        digest = then[1] if then and then[0] == mark else digests.of(inside, contents)
        chunks += _RECORD.pack(number, mark, digest)
        if any(contents):
            whole.update(b"%d %s\n" % (number, digest.hex().encode()))
    listed = _set_text(uids)
    return Certificate(
        folder_id,
        folder[0],
        folder[1],
        len(uids),
        hashlib.sha256(listed.encode()).hexdigest(),
        whole.hexdigest(),
        json.dumps(exceptions(connection, folder_id, folder[2]) if lacking else _outside(folder[2])),
        bytes(chunks),
    )


def _chunks(connection: sqlite3.Connection, folder_id: int) -> Iterator[tuple[int, list[int], list[int]]]:
    """Each chunk of a folder that has messages: its number, UIDs and content ids (0 for none)."""
    uids: list[int] = []
    contents: list[int] = []
    last, more = 0, True
    while more:
        page: list[list[int]] = json.loads(
            connection.execute(
                """SELECT json_array(json_group_array(uid), json_group_array(content_id)) FROM (
                       SELECT uid, coalesce(content_id, 0) AS content_id FROM messages
                       WHERE folder_id = ? AND uid > ? ORDER BY uid LIMIT ?)""",
                (folder_id, last, PAGE),
            ).fetchone()[0]
        )
        more = len(page[0]) == PAGE
        last = page[0][-1] if more else 0
        uids += page[0]
        contents += page[1]
        start = 0
        while start < len(uids):
            number = uids[start] >> CHUNK_BITS
            end = bisect_left(uids, (number + 1) << CHUNK_BITS, start)
            if end == len(uids) and more:  # the next page may have more of this chunk
                break
            yield number, uids[start:end], contents[start:end]
            start = end
        uids, contents = uids[start:], contents[start:]


class _Digests:
    """The digests of contents by id, read chunk by chunk, or `at_once` from their index.

    A row of `contents` lies in a page of its own beside its bytes, so to look up a digest is to read a page; the index
    holds a hundred in one. 32 bytes are held for each content there is.
    """

    def __init__(self, connection: sqlite3.Connection, *, at_once: bool) -> None:
        self._connection = connection
        self._table: bytearray | None = None
        highest = connection.execute("SELECT coalesce(max(id), 0) FROM contents").fetchone()[0]
        if at_once and highest <= AT_ONCE:
            self._table = bytearray(32 * (highest + 1))
            self._fill(self._table)

    def _fill(self, table: bytearray) -> None:
        last: bytes | None = b""
        while last is not None:
            ids, digests, last = self._connection.execute(
                """SELECT json_group_array(id), group_concat(hex(digest), ''), max(digest) FROM (
                       SELECT id, digest FROM contents WHERE digest > ? ORDER BY digest LIMIT ?)""",
                (last, PAGE),
            ).fetchone()
            data = bytes.fromhex(digests or "")
            for at, number in enumerate(json.loads(ids)):
                table[32 * number : 32 * number + 32] = data[32 * at : 32 * at + 32]

    def of(self, uids: Sequence[int], contents: Sequence[int]) -> bytes:
        """The digest of a chunk."""
        table = self._table
        if table is None:
            rows = onestep.rows(
                self._connection,
                2,
                "SELECT id, lower(hex(digest)) FROM contents WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(contents),),
            )
            found = {row[0]: row[1] for row in rows}
            lines = [f"{uid} {found[one]}\n" for uid, one in zip(uids, contents, strict=True) if one]
        else:
            lines = [
                f"{uid} {table[32 * one : 32 * one + 32].hex()}\n"
                for uid, one in zip(uids, contents, strict=True)
                if one
            ]
        return hashlib.sha256("".join(lines).encode()).digest()


def exceptions(connection: sqlite3.Connection, folder_id: int, outside: str) -> list[dict[str, Any]]:
    """What a folder's mirror lacks on purpose or because it cannot be had; `outside` is the folder's column."""
    rows = onestep.rows(
        connection,
        3,
        """SELECT iif(m.withheld = '', 'quarantined', 'withheld'), m.uid,
                  iif(m.withheld = '', coalesce((SELECT q.error FROM quarantine q WHERE q.folder_id = m.folder_id
                      AND q.uid = m.uid AND q.resolved_at IS NULL ORDER BY q.id DESC LIMIT 1), ''), m.withheld)
           FROM messages m WHERE m.folder_id = ? AND m.content_id IS NULL ORDER BY m.uid""",
        (folder_id,),
    )
    found: dict[tuple[str, str], list[int]] = {}
    for kind, uid, reason in rows:
        found.setdefault((kind, reason), []).append(uid)
    told = [_exception(kind, reason, len(uids), _set_text(uids)) for (kind, reason), uids in sorted(found.items())]
    return told + _outside(outside)


def _outside(uids: str) -> list[dict[str, Any]]:
    return [_exception("outside", "not selected", _count(uids), uids)] if uids else []


def _exception(kind: str, reason: str, count: int, uids: str) -> dict[str, Any]:
    return {"kind": kind, "count": count, "reason": reason, "uids": uids if len(uids) <= UIDS_TEXT else ""}


def _set_text(uids: Sequence[int]) -> str:
    """Ascending UIDs as canonical IMAP set text."""
    if not uids:
        return ""
    breaks = list(compress(count(1), map((1).__ne__, map(sub, islice(uids, 1, None), uids))))
    runs = zip([0, *breaks], [*breaks, len(uids)], strict=True)
    return ",".join(f"{uids[a]}:{uids[b - 1]}" if b - a > 1 else str(uids[a]) for a, b in runs)


def _count(text: str) -> int:
    """How many UIDs canonical IMAP set text names."""
    ends = (part.partition(":") for part in text.split(","))
    return sum(int(high or low) - int(low) + 1 for low, _, high in ends)


def put(connection: sqlite3.Connection, certificate: Certificate, at: float) -> None:
    """Store a certificate. It counts as verified only while it says what the verified one said."""
    values = tuple(getattr(certificate, name) for name in _COLUMNS.split(", "))
    connection.execute(
        f"""INSERT INTO certificates (at, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (folder_id) DO UPDATE SET at = excluded.at, uidvalidity = excluded.uidvalidity,
                highestmodseq = excluded.highestmodseq, messages = excluded.messages,
                exceptions = excluded.exceptions, chunks = excluded.chunks,
                deep = iif(contents_digest = excluded.contents_digest, deep, 0),
                verified_at = iif(uids_digest = excluded.uids_digest AND contents_digest = excluded.contents_digest
                                  AND uidvalidity = excluded.uidvalidity, verified_at, NULL),
                uids_digest = excluded.uids_digest, contents_digest = excluded.contents_digest""",
        (at, *values),
    )


def renew(connection: sqlite3.Connection, folder_ids: Sequence[int], at: float) -> set[int]:
    """These folders are as they were: only the time and HIGHESTMODSEQ move. Those that had a certificate that fits."""
    rows = connection.execute(
        """SELECT f.id, f.highestmodseq, f.outside, c.exceptions
           FROM folders f JOIN certificates c ON c.folder_id = f.id
           WHERE f.id IN (SELECT value FROM json_each(?))
           AND f.uidvalidity = c.uidvalidity AND f.messages = c.messages""",
        (json.dumps(folder_ids),),
    ).fetchall()
    fitting = [(at, modseq, number) for number, modseq, outside, told in rows if _explains(told, outside)]
    connection.executemany("UPDATE certificates SET at = ?, highestmodseq = ? WHERE folder_id = ?", fitting)
    return {number for _, _, number in fitting}


def _explains(told: str, outside: str) -> bool:
    """Stored exceptions tell of the messages that are `outside` now."""
    if not outside and "outside" not in told:
        return True
    return [one for one in json.loads(told) if one["kind"] == "outside"] == _outside(outside)


def forget(connection: sqlite3.Connection, folder_id: int) -> None:
    """Something was changed outside a sync; the next one certifies anew."""
    connection.execute("DELETE FROM certificates WHERE folder_id = ?", (folder_id,))


def note_verified(connection: sqlite3.Connection, folder_id: int, at: float, *, deep: bool) -> None:
    """The mirror was held against the server and was right."""
    connection.execute(
        "UPDATE certificates SET verified_at = ?, deep = ? WHERE folder_id = ?", (at, int(deep), folder_id)
    )


def digest(connection: sqlite3.Connection, account_id: int) -> str:
    """SHA-256, in hex, of a line `<folder id> <UIDVALIDITY> <uids_digest> <contents_digest>` for each certificate of
    an account, by ascending id."""
    rows = connection.execute(
        """SELECT folder_id, c.uidvalidity, uids_digest, contents_digest FROM certificates c
           JOIN folders f ON f.id = folder_id WHERE account_id = ? ORDER BY folder_id""",
        (account_id,),
    )
    lines = "".join(" ".join(map(str, row)) + "\n" for row in rows)
    return hashlib.sha256(lines.encode()).hexdigest()


def standing(connection: sqlite3.Connection, folder_id: int) -> Standing:
    """Every row of a folder, read anew, held against its certificate."""
    stored = get(connection, folder_id)
    if stored is None:
        return "none"
    now = draft(connection, folder_id, anew=True)
    if now is None or (now.uidvalidity, now.messages, now.exceptions) != (
        stored.uidvalidity,
        stored.messages,
        stored.exceptions,
    ):
        return "outdated"
    if (now.uids_digest, now.contents_digest) == (stored.uids_digest, stored.contents_digest):
        return "matches"
    newer = connection.execute(
        """SELECT 1 FROM messages m JOIN certificates c USING (folder_id) WHERE m.folder_id = ? AND m.created_at > c.at
           LIMIT 1""",
        (folder_id,),
    ).fetchone()
    return "outdated" if newer else "differs"
