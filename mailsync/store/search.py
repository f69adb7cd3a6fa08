"""Search over all that was understood of the mirror: pages of hits, their exact number, and whole lists of ids.

A hit is a message: a document and the row of a folder that holds it. Flags, folders, accounts and labels are joined
when a query is asked, so that the index of words does not know of them. The newest come first, by `document second`;
ids of documents are in that order, and FTS5 hands them out backwards, so that a page of any word costs its rows alone.

What is seldom true (a flag, a label, a small folder) would have a search go through all matches of a common word, or
through the whole mailbox. Where an index of messages tells that there are few of them, it begins with these. In
between it looks at the newest `STRETCH` matches first, and only then decides.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from mailsync.query.highlight import END, START, snippet
from mailsync.query.tree import Query
from mailsync.record import record
from mailsync.store import documents, onestep, search_compile
from mailsync.store.documents import SHIFT
from mailsync.store.search_compile import Driver

__all__ = ["END", "START", "Attached", "Hit", "Search", "hits", "ids", "snippet", "snippets", "waiting"]

STRETCH = 5_000
"""Matches, or documents, that are looked at before another way is considered: some 10 ms at worst."""
FEW = 500
"""Messages that are rather looked at at once, one by one: some 10 ms at worst."""
SOME = 2_000
"""Messages that are cheaper looked up in the index one by one (20 to 40 us) than found among all a common word has."""
ONE_BY_ONE = 0.01
"""How much less it costs to have all matches of a word than to look up as many messages one by one."""
GATHERED = 0.5
"""How much less it costs to go through a match, or a document, than to gather and sort a message."""
MANY = 10_000
"""Messages that are gathered and sorted for one page without much thought: some 30 ms."""
CHUNK = 20_000
"""Ids a step of a whole list, as in `listing`; the first one has FIRST_CHUNK."""
FIRST_CHUNK = 500
RANKED = 10_000
"""Matches that are ranked by relevance, the newest; ranking one takes some 2 us."""
WEIGHTS = (8.0, 4.0, 2.0, 1.0, 1.0, 4.0, 2.0)
"""Of the columns of `words` for bm25: a word in the subject says more than one in the body."""
_ORDER = "ORDER BY d.id DESC, m.id"
_IS_MATCH = "AND EXISTS (SELECT 1 FROM words w WHERE w.words MATCH :match AND w.rowid = d.id)"
_MATCHED_ORDER = "ORDER BY w.rowid DESC"
"""The same: FTS5 takes an order of its own rows alone, and without one SQLite sorts all matches. The messages of one
document come by the index `messages_by_content`."""
_JOINED = "documents d CROSS JOIN messages m ON m.content_id = d.content_id"


@record(frozen=True)
class Attached:
    """An attachment of a hit: its name is the sender's and not a path, `size` is in bytes."""

    name: str
    type: str
    size: int
    sha256: str


@record(frozen=True)
class Hit:
    """A message that was found. `date` and `internaldate` in Unix seconds, `date` is the one that search goes by."""

    id: int
    document_id: int
    thread_id: int
    content_id: int
    account: str
    folder: str
    uid: int
    date: int
    internaldate: int | None
    size: int
    flags: int
    keywords: str
    sender: str
    to: str
    subject: str
    attachments: tuple[Attached, ...]


class Search:
    """One query on one connection, within one snapshot.

    `addresses` are those of each account that are mine (`is:direct`), `accounts` narrows the search to some; those that
    may not be read are never searched. `today` (UTC) is what ages count from. Raises QueryError for words that have
    neither letter nor digit.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        query: Query | None,
        *,
        today: date,
        addresses: Mapping[str, Sequence[str]],
        accounts: Sequence[str] | None = None,
    ) -> None:
        self._connection = connection
        self._where = search_compile.compiled(connection, query, addresses, accounts, today)
        self._least = self._smallest(self._where.drivers)
        self._few = self._least if self._least is not None and self._least[1] <= MANY else None

    @property
    def unknown(self) -> list[str]:
        """A line for each name of an account, folder or label that means nothing here."""
        return [*self._where.names.unknown]

    @property
    def closed(self) -> list[str]:
        """Accounts that are not searched, since they may not be read."""
        return self._where.names.closed

    @property
    def folders(self) -> int:
        """How many folders are searched."""
        return len(self._where.names.folders)

    def page(self, limit: int, offset: int = 0, *, relevance: bool = False) -> list[int]:
        """Message ids, `limit` of them behind the first `offset`: the newest first, or the most relevant by bm25.

        Relevance is a matter of words: a query without goes by date, and of many matches the newest `RANKED` count.
        """
        where = self._where
        if relevance and where.match is not None:
            return self._ranked(limit, offset)
        few, number = self._least if self._least is not None else (None, 0)
        if where.match is None and few is not None and number <= FEW:
            return self._rows(self._gathered(few), where.low, limit, offset)
        plain = self._matched() if where.match is not None else self._scanned()
        edge = self._edge(STRETCH) if where.match is None or where.conditions else None
        if edge is None:
            return self._rows(plain, where.low, limit, offset)
        estimated = self._estimated(edge)
        likely = number if number > SOME else min(number, (limit + offset) * self._messages() / estimated)
        if few is None or likely > FEW:
            found = self._rows(plain, edge, limit, offset)
            if len(found) == limit:
                return found
        if few is None or number > max(MANY, estimated * GATHERED):
            return self._rows(plain, where.low, limit, offset)
        if where.match is not None and number <= max(SOME, estimated * ONE_BY_ONE):
            return self._looked_up(few, limit, offset)
        return self._rows(self._gathered(few), where.low, limit, offset)

    def count(self) -> int:
        """How many messages there are. It looks at every match: about 1 us each, 1 s for a million."""
        where, few = self._where, self._few
        if where.match is None and self._least is not None:
            few = self._least if self._least[1] < GATHERED * self._messages() else None
        if few is not None:
            source = self._gathered(few[0], one_by_one=few[1] <= FEW)
        else:
            source = self._matched() if where.match is not None else self._scanned()
        row = self._connection.execute(f"SELECT count(*) {source}", self._bound(where.low, where.high)).fetchone()
        return int(row[0])

    def chunks(self) -> Iterator[array[int]]:
        """All message ids, the newest first: few at first, then `CHUNK` at a time."""
        where = self._where
        if self._few is not None:
            source = self._gathered(self._few[0], one_by_one=self._few[1] <= FEW)
            yield self._ids(source, where.low, where.high, -1)
            return
        by_match = where.match is not None and not where.heavy
        source = self._matched() if where.match is not None else self._scanned()
        high, size = where.high, FIRST_CHUNK
        while high >= where.low:
            edge = self._edge(size, high, of_words=by_match)
            found = self._ids(source, where.low if edge is None else edge, high, -1)
            if found:
                yield found
            if edge is None:
                return
            high, size = edge - 1, CHUNK

    # -- ways to go --------------------------------------------------------------------------------------------------

    def _matched(self) -> str:
        return f"""FROM words w CROSS JOIN documents d ON d.id = w.rowid
                   CROSS JOIN messages m ON m.content_id = d.content_id
                   WHERE w.words MATCH :match AND w.rowid BETWEEN :low AND :high {self._conditions()}"""

    def _scanned(self) -> str:
        return f"FROM {_JOINED} WHERE d.id BETWEEN :low AND :high {self._conditions()}"

    def _gathered(self, driver: Driver, *, one_by_one: bool = False, words: bool = True) -> str:
        words_too = ""
        if self._where.match is not None and words:
            words_too = (
                _IS_MATCH
                if one_by_one
                else "AND +d.id IN (SELECT rowid FROM words WHERE words MATCH :match AND rowid BETWEEN :low AND :high)"
            )
        return f"""FROM ({driver.sql}) f CROSS JOIN messages m ON m.id = f.id
                   CROSS JOIN documents d ON d.content_id = m.content_id
                   WHERE d.id BETWEEN :low AND :high {self._conditions()} {words_too}"""

    def _looked_up(self, driver: Driver, limit: int, offset: int) -> list[int]:
        """The newest first, no further than needed. What has a LIMIT is neither merged with what is around it nor
        gone through twice, so that its order stays."""
        sorted_out = f"SELECT m.id AS id, d.id AS document_id {self._gathered(driver, words=False)} {_ORDER} LIMIT -1"
        return self._column(
            f"""SELECT d.message_id FROM (SELECT id AS message_id, document_id AS id FROM ({sorted_out})) d
                WHERE 1 {_IS_MATCH} LIMIT :limit OFFSET :offset""",
            self._where.low,
            limit=limit,
            offset=offset,
        )

    def _ranked(self, limit: int, offset: int) -> list[int]:
        weights = ", ".join(map(str, WEIGHTS))
        ranked = f"""SELECT m.id AS id, d.id AS document_id, bm25(words, {weights}) AS rank {self._matched()}
                     {_MATCHED_ORDER} LIMIT :ranked"""
        return self._column(
            f"""SELECT id FROM (SELECT id, document_id, rank FROM ({ranked})
                ORDER BY rank, document_id DESC, id LIMIT :limit OFFSET :offset)""",
            self._where.low,
            limit=limit,
            offset=offset,
            ranked=max(RANKED, limit + offset),
        )

    def _conditions(self) -> str:
        return "".join(f" AND {one}" for one in self._where.conditions)

    def _smallest(self, drivers: Sequence[Driver]) -> tuple[Driver, int] | None:
        """The driver with the fewest rows, and how many; those that count do so up to `MANY`."""
        best: tuple[Driver, int] | None = None
        for driver in drivers:
            if driver.counted.isdecimal():
                number = int(driver.counted)
            else:
                most = self._where.parameters | {"most": MANY + 1}
                number = self._connection.execute(f"SELECT ({driver.counted})", most).fetchone()[0]
                if number > MANY:
                    continue
            if best is None or number < best[1]:
                best = driver, number
        return best

    def _edge(self, size: int, high: int | None = None, *, of_words: bool | None = None) -> int | None:
        """The id of the document that `size` of those that are looked at are not older than; None if there are less."""
        where = self._where
        by_words = where.match is not None if of_words is None else of_words
        source = (
            "SELECT rowid FROM words WHERE words MATCH :match AND rowid BETWEEN :low AND :high ORDER BY rowid DESC"
            if by_words
            else "SELECT id FROM documents WHERE id BETWEEN :low AND :high ORDER BY id DESC"
        )
        row = self._connection.execute(
            f"{source} LIMIT 1 OFFSET {size - 1:d}", self._bound(where.low, where.high if high is None else high)
        ).fetchone()
        return int(row[0]) if row else None

    def _messages(self) -> int:
        return sum(folder.messages for folder in self._where.names.folders)

    def _estimated(self, edge: int) -> float:
        """How many matches there may be, as the newest `STRETCH`, which end at `edge`, lie over time."""
        oldest, newest = self._connection.execute(
            "SELECT (SELECT min(id) FROM documents), (SELECT max(id) FROM documents)"
        ).fetchone()
        oldest, newest = max(oldest, self._where.low), min(newest, self._where.high)
        return float(STRETCH * (newest - oldest) / max(newest - edge, 1))

    # -- rows --------------------------------------------------------------------------------------------------------

    def _rows(self, source: str, low: int, limit: int, offset: int) -> list[int]:
        return self._column(
            f"SELECT m.id {_ordered(source)} LIMIT :limit OFFSET :offset", low, limit=limit, offset=offset
        )

    def _ids(self, source: str, low: int, high: int, limit: int) -> array[int]:
        return array(
            "q",
            onestep.column(
                self._connection, f"SELECT m.id {_ordered(source)} LIMIT :limit", self._bound(low, high, limit=limit)
            ),
        )

    def _column(self, sql: str, low: int, **more: int) -> list[int]:
        return onestep.column(self._connection, sql, self._bound(low, self._where.high, **more))

    def _bound(self, low: int, high: int, **more: int) -> dict[str, str | int]:
        match = {} if self._where.match is None else {"match": self._where.match}
        return {**self._where.parameters, **match, "low": low, "high": high, **more}


def _ordered(source: str) -> str:
    return f"{source} {_MATCHED_ORDER if source.startswith('FROM words w ') else _ORDER}"


def ids(
    connection: sqlite3.Connection,
    query: Query | None,
    *,
    today: date,
    addresses: Mapping[str, Sequence[str]],
    accounts: Sequence[str] | None = None,
) -> array[int]:
    """The ids of all messages that a query finds, the newest first: see `Search`."""
    found = array("q")
    for chunk in Search(connection, query, today=today, addresses=addresses, accounts=accounts).chunks():
        found.extend(chunk)
    return found


def hits(connection: sqlite3.Connection, wanted: Sequence[int]) -> list[Hit]:
    """What is told of these messages, in their order; those that are gone or not indexed are left out."""
    if not wanted:
        return []
    chosen = ",".join(str(int(ident)) for ident in wanted)
    carried: dict[int, list[Attached]] = {}
    for ident, *attached in onestep.rows(
        connection,
        5,
        f"""SELECT m.id, t.name, t.type, t.size, lower(hex(t.digest)) FROM messages m
            JOIN attachments t ON t.content_id = m.content_id WHERE m.id IN ({chosen}) ORDER BY m.id, t.number""",
    ):
        carried.setdefault(ident, []).append(Attached(*attached))
    found = {}
    for row in onestep.rows(
        connection,
        15,
        f"""SELECT m.id, d.id, d.thread_id, d.content_id, a.name, f.name, m.uid, d.id >> {SHIFT}, m.internaldate,
                   m.size, m.flags, m.keywords,
                   coalesce(iif(e.from_name = '', e.from_addr, trim(e.from_name || ' <' || e.from_addr || '>')), ''),
                   coalesce(e.to_text, ''), coalesce(e.subject, '')
            FROM messages m JOIN documents d ON d.content_id = m.content_id JOIN folders f ON f.id = m.folder_id
            JOIN accounts a ON a.id = f.account_id LEFT JOIN envelopes e ON e.content_id = d.content_id
            WHERE m.id IN ({chosen})""",
    ):
        found[row[0]] = Hit(*[*row, tuple(carried.get(row[0], ()))])
    return [found[ident] for ident in wanted if ident in found]


def snippets(connection: sqlite3.Connection, found: Sequence[Hit], query: Query | None) -> list[str]:
    """The snippet of each hit, see `snippet`; harmless only once `safe_text` has seen it."""
    if not found:
        return []
    texts = documents.texts(connection, {hit.document_id for hit in found})
    return [snippet(texts[hit.document_id], query) if hit.document_id in texts else "" for hit in found]


def waiting(connection: sqlite3.Connection) -> int:
    """How many contents nobody has looked at yet, and cannot be found."""
    position, newest = connection.execute(
        """SELECT coalesce((SELECT position FROM cursors WHERE name LIKE 'index:%'), 0),
                  coalesce((SELECT max(id) FROM contents), 0)"""
    ).fetchone()
    if newest <= position:
        return 0
    row = connection.execute(
        """SELECT count(*) FROM contents c WHERE id > ?
           AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.content_id = c.id)""",
        (position,),
    ).fetchone()
    return int(row[0])
