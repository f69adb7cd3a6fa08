"""A query as SQL: one FTS5 expression for the words that every hit has, conditions for the rest.

Conditions speak of `d`, a row of `documents`, and `m`, a row of `messages`. Words within them become
`+d.id IN (SELECT rowid FROM words ...)`, bounded by the parameters `low` and `high` as the search itself is, so that
they cost no more than the stretch of documents that is looked at; the sign keeps SQLite from going through that list
for each message.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from mailsync.errors import QueryError
from mailsync.query.highlight import Term, term
from mailsync.query.tree import And, Dated, HasAttachment, Is, Not, Or, Query, Sized, Words, day
from mailsync.record import record
from mailsync.store.documents import SHIFT
from mailsync.store.search_names import Folder, Labelled, Names

LOWEST, HIGHEST = -(1 << 62), 1 << 62
"""Bounds of document ids."""
LARGE = 100_000
"""Bytes from which on messages are in the index `messages_by_size`."""
_LIST, _ATTACHMENTS = 1, 2
_STATES = {
    "read": "m.flags & 1",
    "unread": "m.flags & 1 = 0",
    "answered": "m.flags & 2",
    "flagged": "m.flags & 4",
    "list": f"d.traits & {_LIST}",
}
_NO_LIST = f"d.traits & {_LIST} = 0"
_BITS = {"answered": 2, "flagged": 4}
_EPOCH = date(1970, 1, 1).toordinal()


@record(frozen=True)
class Driver:
    """A condition that an index of messages answers: `sql` selects their ids, `counted` how many rows that may be."""

    sql: str
    counted: str


@record
class Where:
    """What a query comes to. `match` is None where no word is in every hit; `low` and `high` are inclusive.

    `heavy` conditions look words up; `drivers` are other ways to begin, `names` what the names in it came to.
    """

    match: str | None
    conditions: list[str]
    parameters: dict[str, str | int]
    low: int
    high: int
    heavy: bool
    drivers: list[Driver]
    names: Names


class _Matched(NamedTuple):
    """Words alone: what FTS5 finds by `expression`, or everything else."""

    expression: str
    negated: bool


class _Tested(NamedTuple):
    """A condition, and whether it looks words up."""

    sql: str
    heavy: bool


def compiled(
    connection: sqlite3.Connection,
    query: Query | None,
    addresses: Mapping[str, Sequence[str]],
    accounts: Sequence[str] | None,
    today: date,
) -> Where:
    """Raises QueryError, with the column, for words without a letter or digit."""
    return _Compiler(connection, addresses, accounts, today).whole(query)


class _Compiler:
    def __init__(
        self,
        connection: sqlite3.Connection,
        addresses: Mapping[str, Sequence[str]],
        accounts: Sequence[str] | None,
        today: date,
    ) -> None:
        self._names = Names(connection, accounts)
        self._addresses = addresses
        self._today = today
        self._parameters: dict[str, str | int] = {}
        self._labelled: dict[str, Labelled] = {}

    def whole(self, query: Query | None) -> Where:
        matched: list[_Matched] = []
        tested: dict[str, bool] = {}
        drivers: list[Driver] = []
        low, high = LOWEST, HIGHEST
        if not self._names.whole:
            tested[_in_folders(self._names.folders)] = False
            drivers.append(self._of_folders(self._names.folders))
        for part in _parts(query):
            if isinstance(part, Dated):
                first, last = self._stretch(part)
                low, high = max(low, first), min(high, last)
                continue
            if isinstance(part, Is) and part.state == "direct":
                mine = [one for name in self._accounts() for one in self._addresses.get(name, ())]
                if (to_me := _addressed(mine)) is not None:
                    matched.append(_Matched(to_me, negated=False))
                    if len(self._accounts()) == 1:
                        tested[_NO_LIST] = False
                        continue
            found = self._compile(part)
            if isinstance(found, _Matched):
                matched.append(found)
            else:
                tested[found.sql] = found.heavy
                drivers += self._drivers(part)
        match = None
        if matched:
            words = _both(matched)
            if words.negated:
                sql, heavy = self._looked_up(words)
                tested[sql] = heavy
            else:
                match = words.expression
        heavy = any(tested.values())
        return Where(match, [*tested], self._parameters, low, high, heavy, drivers, self._names)

    # -- parts ---------------------------------------------------------------------------------------------------

    def _compile(self, query: Query) -> _Matched | _Tested:
        match query:
            case And(parts):
                return self._joined([self._compile(part) for part in parts], "AND")
            case Or(parts):
                return self._joined([self._compile(part) for part in parts], "OR")
            case Not(part):
                found = self._compile(part)
                if isinstance(found, _Matched):
                    return _Matched(found.expression, not found.negated)
                return _Tested(f"NOT ({found.sql})", found.heavy)
            case Words("account", name):
                return _Tested(_in_folders(self._names.of_account(name)), heavy=False)
            case Words("folder", name):
                return _Tested(_in_folders(self._names.of_folder(name)), heavy=False)
            case Words("label", name):
                return _Tested(self._has_label(self._label(name)), heavy=False)
            case Words():
                return _Matched(_expression(_term(query)), negated=False)
            case HasAttachment():
                return _Tested(f"d.traits & {_ATTACHMENTS}", heavy=False)
            case Is("direct"):
                return self._direct()
            case Is(state):
                return _Tested(_STATES[state], heavy=False)
            case Dated():
                first, last = self._stretch(query)
                return _Tested(f"d.id BETWEEN {first:d} AND {last:d}", heavy=False)
            case Sized(larger, size):
                return _Tested(f"m.size {'>' if larger else '<'} {min(size, HIGHEST):d}", heavy=False)

    def _joined(self, parts: list[_Matched | _Tested], word: str) -> _Matched | _Tested:
        matched = [part for part in parts if isinstance(part, _Matched)]
        tested = [part for part in parts if isinstance(part, _Tested)]
        if matched:
            words = _both(matched) if word == "AND" else _either(matched)
            if not tested:
                return words
            tested.append(self._looked_up(words))
        return _Tested(_balanced([*dict.fromkeys(one.sql for one in tested)], word), any(one.heavy for one in tested))

    def _looked_up(self, words: _Matched) -> _Tested:
        name = self._named(words.expression)
        found = f"SELECT rowid FROM words WHERE words MATCH :{name} AND rowid BETWEEN :low AND :high"
        return _Tested(f"+d.id {'NOT ' * words.negated}IN ({found})", heavy=True)

    def _stretch(self, query: Dated) -> tuple[int, int]:
        """The first and the last document id."""
        begin = (day(query.when, self._today).toordinal() - _EPOCH) * 86400 << SHIFT
        if query.side == "before":
            return LOWEST, begin - 1
        return begin, HIGHEST if query.side == "after" else begin + (86400 << SHIFT) - 1

    def _direct(self) -> _Tested:
        """One of the addresses of the message's account in To or Cc, and no list."""
        found = []
        for account in self._accounts():
            expression = _addressed(self._addresses.get(account, ()))
            if expression is not None:
                mine = _in_folders([folder for folder in self._names.folders if folder.account == account])
                found.append(f"({mine} AND {self._looked_up(_Matched(expression, negated=False)).sql})")
        if not found:
            return _Tested("0", heavy=False)
        return _Tested(f"{_NO_LIST} AND ({_balanced(found, 'OR')})", heavy=True)

    def _accounts(self) -> list[str]:
        return list(dict.fromkeys(folder.account for folder in self._names.folders))

    def _has_label(self, label: Labelled) -> str:
        choices = []
        if label.labels:
            numbers = ", ".join(map(str, label.labels))
            choices.append(
                f"EXISTS (SELECT 1 FROM message_labels l WHERE l.message_id = m.id AND l.label_id IN ({numbers}))"
            )
        if label.keywords:
            choices.append(f"m.keywords IN (SELECT value FROM json_each(:{self._named(json.dumps(label.keywords))}))")
        return f"({' OR '.join(choices)})" if choices else "0"

    def _label(self, name: str) -> Labelled:
        if name not in self._labelled:
            self._labelled[name] = self._names.of_label(name)
        return self._labelled[name]

    def _named(self, value: str) -> str:
        """The name of a parameter of this value."""
        for name, known in self._parameters.items():
            if known == value:
                return name
        name = f"p{len(self._parameters)}"
        self._parameters[name] = value
        return name

    # -- other ways to begin ---------------------------------------------------------------------------------------

    def _drivers(self, part: Query) -> list[Driver]:
        match part:
            case Words("account", name):
                return [self._of_folders(self._names.of_account(name))]
            case Words("folder", name):
                return [self._of_folders(self._names.of_folder(name))]
            case Words("label", name):
                return [self._of_label(self._label(name))]
            case Is("unread"):
                unread = sum(folder.unread for folder in self._names.folders)
                return [Driver(self._by_flags([bits for bits in range(32) if not bits & 1]), str(unread))]
            case Is("answered" | "flagged" as state):
                sql = self._by_flags([bits for bits in range(32) if bits & _BITS[state]])
                return [Driver(sql, f"SELECT count(*) FROM ({sql} LIMIT :most)")]
            case Sized(True, size) if size >= LARGE:
                sql = f"SELECT id FROM messages INDEXED BY messages_by_size WHERE size > {size:d} AND size >= {LARGE}"
                return [Driver(sql, f"SELECT count(*) FROM ({sql} LIMIT :most)")]
            case _:
                return []

    def _of_folders(self, folders: list[Folder]) -> Driver:
        return Driver(
            f"SELECT id FROM messages WHERE folder_id IN ({_numbers(folders)})",
            str(sum(folder.messages for folder in folders)),
        )

    def _of_label(self, label: Labelled) -> Driver:
        numbers = ", ".join(map(str, label.labels))
        sql = f"SELECT message_id AS id FROM message_labels WHERE label_id IN ({numbers})"
        if label.keywords:
            name = self._named(json.dumps(label.keywords))
            sql += f""" UNION SELECT id FROM messages INDEXED BY messages_by_flags
                        WHERE (flags <> 1 OR keywords <> '') AND folder_id IN ({_numbers(self._names.folders)})
                        AND keywords IN (SELECT value FROM json_each(:{name}))"""
        return Driver(sql, str(label.messages))

    def _by_flags(self, values: list[int]) -> str:
        return f"""SELECT id FROM messages INDEXED BY messages_by_flags
                   WHERE (flags <> 1 OR keywords <> '') AND folder_id IN ({_numbers(self._names.folders)})
                   AND flags IN ({", ".join(map(str, values))})"""


def _parts(query: Query | None) -> Iterable[Query]:
    """What all has to hold."""
    if isinstance(query, And):
        for part in query.parts:
            yield from _parts(part)
    elif query is not None:
        yield query


def _numbers(folders: Iterable[Folder]) -> str:
    return ", ".join(str(folder.id) for folder in folders)


def _in_folders(folders: Sequence[Folder]) -> str:
    return f"m.folder_id IN ({_numbers(folders)})"


def _balanced(conditions: Sequence[str], word: str) -> str:
    """Conditions joined as a tree that is no deeper than it must be: SQLite takes 1,000 levels."""
    if len(conditions) == 1:
        return f"({conditions[0]})"
    middle = len(conditions) // 2
    return f"({_balanced(conditions[:middle], word)} {word} {_balanced(conditions[middle:], word)})"


# -- words -----------------------------------------------------------------------------------------------------------


def _term(words: Words) -> Term:
    found = term(words)
    if not found.words:
        raise QueryError(
            "there is no letter or digit to look for", words.column, hint="punctuation and most symbols are not indexed"
        )
    return found


def _expression(one: Term) -> str:
    """For FTS5: made of words alone, so that nothing in it can be an operator or a quotation mark."""
    column = "" if one.place == "text" else f'"{one.place}" : '
    return f'{column}"{" ".join(one.words)}"{" *" * one.prefix}'


def _addressed(addresses: Iterable[str]) -> str | None:
    """To or Cc (or Bcc) has one of these addresses: its words, one behind the other.

    An address that goes on before or behind them at a dot is taken for it, too: x.me@example.com for me@example.com.
    """
    found = [term(Words("text", address, phrase=True)).words for address in addresses]
    phrases = [f'"{" ".join(words)}"' for words in dict.fromkeys(found) if words]
    return f'{{"to" cc}} : ({" OR ".join(phrases)})' if phrases else None


def _both(parts: Sequence[_Matched]) -> _Matched:
    positive = [*dict.fromkeys(part.expression for part in parts if not part.negated)]
    negative = [*dict.fromkeys(part.expression for part in parts if part.negated)]
    if not positive:
        return _Matched(_chain(negative, "OR"), negated=True)
    return _Matched(_without(_chain(positive, "AND"), _chain(negative, "OR")), negated=False)


def _either(parts: Sequence[_Matched]) -> _Matched:
    positive = [*dict.fromkeys(part.expression for part in parts if not part.negated)]
    negative = [*dict.fromkeys(part.expression for part in parts if part.negated)]
    if not negative:
        return _Matched(_chain(positive, "OR"), negated=False)
    return _Matched(_without(_chain(negative, "AND"), _chain(positive, "OR")), negated=True)


def _chain(expressions: Sequence[str], word: str) -> str:
    return expressions[0] if len(expressions) == 1 else f"({f' {word} '.join(expressions)})" if expressions else ""


def _without(found: str, left_out: str) -> str:
    return f"({found} NOT {left_out})" if left_out else found
