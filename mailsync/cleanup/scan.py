"""A scan: every rule is asked what it finds, the guard what of it may be touched, and the rest is written down.

    ids of a rule -> a page -> flags, folder, doubts -> read by processes of their own -> guard -> rule -> draft, frozen

It asks no server. Memory goes with the page, and eight bytes for each message that a rule finds; a list that grows is
in the store. A message is on one open list at most: that of the first rule that proposes it.
"""

from __future__ import annotations

import os
import sqlite3
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

from mailsync.cleanup import guard, reading, rules, weighing
from mailsync.cleanup.guard import Facts
from mailsync.cleanup.proposing import Proposal
from mailsync.cleanup.reading import Look
from mailsync.cleanup.rules import Rule
from mailsync.cleanup.weighing import Around
from mailsync.config.actions import parse_all
from mailsync.errors import Interrupted
from mailsync.model import Flag
from mailsync.pipeline import correspondents
from mailsync.pipeline.addressing import identity
from mailsync.pipeline.pool import Pool
from mailsync.privacy.consent import EMAIL_READ
from mailsync.record import record
from mailsync.store import candidates, cleanup_drafts, cleanups, consents
from mailsync.store.candidates import Row
from mailsync.store.database import Store
from mailsync.store.search import Search

if TYPE_CHECKING:
    from mailsync.config.models import Config

PAGE = 400
"""Messages a step: a scan that is cancelled ends with the one it is at."""
LIST = 50
"""Messages that a process is given at a time."""
PROCESSES = 2
NICE = 10
WAIT_SECONDS = 0.1
"""After which it is asked again whether to stop."""
ELSEWHERE = "on another list"
"""Beside the reasons of `guard.REASONS`: somebody has still to decide on it."""


@record
class Found:
    """What came of it: ids of new lists, how many messages were looked at, those spared by reason, and what in a rule
    means nothing here, a line each."""

    cleanups: list[int] = field(default_factory=list)
    looked_at: int = 0
    protected: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)


def scan(
    store: Store,
    config: Config,
    account: str,
    now: float,
    *,
    stopping: Callable[[], bool] = lambda: False,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Found:
    """Ask every rule about an account. Blocks; Interrupted when it is to stop. `tell` hears of messages, done and in
    all as far as is known."""
    with _Scan(store, config, account, now, stopping, tell) as one:
        asked = rules.wanted(config)
        for rule in asked:
            one.ask(rule)
        one.forget({rule.name for rule in asked})
        return one.found


def select(
    store: Store,
    config: Config,
    draft: int,
    messages: Sequence[int] | None,
    now: float,
    *,
    stopping: Callable[[], bool] = lambda: False,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Found:
    """Fill the list that a person has begun with `messages`, or with what its query finds; without any it is gone.

    Done by halves, by an engine that was killed, it is done anew; where it was done already, nothing is.
    """
    anew = store.write(lambda connection: cleanup_drafts.empty(connection, draft)).result()
    with store.read() as connection:
        begun = cleanups.get(connection, draft, now)
    if not anew:
        return Found([draft])
    chosen = Rule(begun.rule, begun.title, "query", begun.query, parse_all(begun.actions))
    with _Scan(store, config, begun.account, now, stopping, tell, whole=False) as one:
        one.ask(chosen, draft, messages)
        return one.found


class _Scan:
    """The state of a scan of one account. `whole`: proposals of rules that nobody decided on are made anew."""

    def __init__(
        self,
        store: Store,
        config: Config,
        account: str,
        now: float,
        stopping: Callable[[], bool],
        tell: Callable[[int, int], None],
        *,
        whole: bool = True,
    ) -> None:
        self.found = Found()
        self._store = store
        self._config = config
        self._account = account
        self._now = now
        self._stopping = stopping
        self._tell = tell
        self._whole = whole
        self._done = self._total = 0
        self._taken = _Ids()
        self._looked = _Ids()
        self._spared = _Ids()
        correspondents.catch_up(store, identity(config))
        with store.read() as connection:
            consents.require(connection, account, [EMAIL_READ])
            self._folders = {one.id: one for one in candidates.folders(connection, account)}
            for ident in cleanup_drafts.engaged(connection, account, now, rules=not whole):
                self._taken.add(ident)
        count = min(PROCESSES, os.cpu_count() or 1)
        told = reading.environment(config, now)
        self._pool = Pool(store.path, count, niceness=NICE, entry=reading.ENTRY, told=told)

    def __enter__(self) -> _Scan:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    def ask(self, rule: Rule, draft: int | None = None, messages: Sequence[int] | None = None) -> None:
        """One rule; what it proposes is frozen."""
        proposal = Proposal(self._store, self._account, rule, self._folders, self._now, draft)
        wanted = [one for one in self._folders.values() if rule.looks_into(one.name, one.special_use)]
        places = {one.id: one.special_use for one in wanted}
        with self._store.read() as connection:
            loud = {}
            if rule.kind == "senders":
                loud = candidates.loud(connection, self._account, weighing.LOUD, weighing.LOUD_READ)
            pages = self._pages(connection, rule, messages)
        try:
            for page in pages:
                if self._stopping():
                    raise Interrupted
                self._page(rule, page, places, loud, proposal)
                self._done += len(page)
                self._tell(self._done, self._total)
        except BaseException:
            proposal.discard()
            raise
        self.found.looked_at = len(self._looked)
        number = proposal.freeze()
        if number is not None:
            self.found.cleanups.append(number)

    def forget(self, asked: Collection[str]) -> None:
        """What rules proposed that are asked no more is over."""
        with self._store.read() as connection:
            known = {one.rule for one in cleanups.listing(connection, self._now, account=self._account)}
        for name in known.difference(asked):
            self._store.write(partial(cleanup_drafts.supersede, account=self._account, rule=name)).result()

    def _pages(
        self, connection: sqlite3.Connection, rule: Rule, messages: Sequence[int] | None
    ) -> Iterator[Sequence[int]]:
        """What a rule finds, page by page."""
        if rule.kind == "duplicates":
            groups = candidates.alike(connection, self._account)
            self._total += sum(map(len, groups))
            return _together(groups)
        found = array("q", messages or ())
        if messages is None:
            today = datetime.fromtimestamp(self._now, UTC).date()
            addresses = {name: [one.email, *one.aliases] for name, one in self._config.accounts.items()}
            asked = Search(connection, rule.query, today=today, addresses=addresses, accounts=[self._account])
            for chunk in asked.chunks():
                found.extend(candidates.noticed(connection, chunk, rule.mask) if rule.mask else chunk)
            self.found.unknown += [f"{rule.name}: {line}" for line in asked.unknown]
        self._total += len(found)
        return (found[at : at + PAGE] for at in range(0, len(found), PAGE))

    def _page(
        self,
        rule: Rule,
        page: Sequence[int],
        places: Mapping[int, str],
        loud: Mapping[str, tuple[int, int]],
        proposal: Proposal,
    ) -> None:
        with self._store.read() as connection:
            consents.require(connection, self._account, [EMAIL_READ])
            rows = [row for row in candidates.rows(connection, page) if row.folder_id in places]
        if rule.kind == "senders":
            rows = [row for row in rows if row.sender.lower() in loud]
        facts = {row.id: _facts(row, places[row.folder_id]) for row in rows}
        copies = rule.kind == "duplicates"
        read = [row for row in rows if copies or (self._is_open(row) and guard.by_state(facts[row.id]) is None)]
        looks = self._looks({row.content_id for row in read})
        around = Around(self._now, loud, _kept(rows, looks, self._taken) if copies else {})
        for row in rows:
            if not self._is_open(row):
                if not self._whole and row.id in self._taken:
                    self.found.protected[ELSEWHERE] += 1
                continue
            self._looked.add(row.id)
            why, look = guard.by_state(facts[row.id]), looks.get(row.content_id)
            if why is None:
                why = self._settled(facts[row.id], look)
            if why is not None:
                self._spared.add(row.id)
                self.found.protected[why] += 1
                continue
            weighed = weighing.weighed(rule, row, look, around) if look is not None else None
            if look is not None and weighed is not None:
                self._taken.add(row.id)
                proposal.add(row, look, weighed)
        proposal.flush()

    def _is_open(self, row: Row) -> bool:
        return row.id not in self._taken and row.id not in self._spared

    def _settled(self, facts: Facts, look: Look | None) -> str | None:
        if look is None:
            return guard.UNREADABLE
        return guard.settled(facts, look.reading, self._config.cleanup.keep_important, self._now)

    def _looks(self, contents: Iterable[int]) -> dict[int, Look]:
        """What was read in these contents; one that cannot be read is left out."""
        wanted = sorted(number for number in contents if number)
        for at in range(0, len(wanted), LIST):
            self._pool.submit(wanted[at : at + LIST])
        found: dict[int, Look] = {}
        left = len(wanted)
        while left:
            if self._stopping():
                raise Interrupted
            for number, outcome in self._pool.gather(WAIT_SECONDS):
                left -= 1
                if isinstance(outcome, tuple):
                    found[number] = Look(*outcome)
        return found


def _facts(row: Row, special_use: str) -> Facts:
    return Facts(None, row.digest, row.flags, row.keywords, row.internaldate, special_use, row.doubt)


def _together(groups: Iterable[Sequence[int]]) -> Iterator[Sequence[int]]:
    """Groups in pages that part none of them."""
    page: list[int] = []
    for group in groups:
        if page and len(page) + len(group) > PAGE:
            yield page
            page = []
        page += group
    if page:
        yield page


def _kept(rows: Sequence[Row], looks: Mapping[int, Look], taken: _Ids) -> dict[int, tuple[int, bool]]:
    """Of messages that say the same in one folder, all but the best: the id of that one, and whether it has the same
    bytes. The best is one that somebody flagged, answered or read, and of these the first that came."""
    alike: dict[tuple[int, bytes], list[Row]] = {}
    for row in rows:
        look = looks.get(row.content_id)
        if look is not None and row.id not in taken:
            alike.setdefault((row.folder_id, look.text), []).append(row)
    kept: dict[int, tuple[int, bool]] = {}
    for group in alike.values():
        best = min(group, key=lambda row: (not row.flags & ~Flag.SEEN, not row.flags & Flag.SEEN, row.uid))
        kept |= {row.id: (best.id, row.digest == best.digest) for row in group if row is not best}
    return kept


class _Ids:
    """A set of ids of messages, a bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self._count = 0

    def add(self, ident: int) -> None:
        at, bit = divmod(ident, 8)
        if at >= len(self._bits):
            self._bits.extend(bytes(max(at + 1 - len(self._bits), 4096)))
        self._count += not self._bits[at] >> bit & 1
        self._bits[at] |= 1 << bit

    def __contains__(self, ident: int) -> bool:
        at, bit = divmod(ident, 8)
        return at < len(self._bits) and bool(self._bits[at] >> bit & 1)

    def __len__(self) -> int:
        return self._count
