"""Which folder of a server the messages of a mirrored folder go to: names, special uses, hierarchy. Pure.

Back on its own account a folder has its own name. Elsewhere the special use decides, then the path: the prefix that all
folders of an account share ("INBOX.") is none of the path, and its parts are joined as the other server does it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from mailsync.record import record
from mailsync.store.restores import Source

INBOX = "INBOX"
INSTEAD = "_"
"""Stands for a delimiter of the target inside a name, and for an empty name."""


@record(frozen=True)
class Existing:
    """A folder of the target: its decoded name, its name on the wire, its special use or ""."""

    name: str
    raw_name: bytes
    special_use: str


@record
class Target:
    """What is known of the server: its folders, the delimiter (None for a flat one), where its folders begin."""

    folders: Sequence[Existing]
    delimiter: str | None
    prefix: str


def shared_prefix(names: Iterable[str], delimiter: str | None) -> str:
    """`INBOX` and the delimiter, as it is spelt, where every folder but the INBOX begins with that; else ""."""
    others = [name for name in names if name.upper() != INBOX]
    length = len(INBOX + (delimiter or ""))
    heads = {name[:length] for name in others}
    if not delimiter or len(heads) != 1:
        return ""
    (head,) = heads
    return head if head.upper() == INBOX + delimiter.upper() else ""


def place(source: Source, target: Target, *, same: bool) -> tuple[str, bytes | None]:
    """The name of the folder that messages of `source` go to, and its raw name; None for that if it has to be made.

    `same`: the messages go back to the account they are from.
    """
    wish = source.wish or (source.name if same else "")
    if source.wish.startswith("\\"):
        return _by_use(source.wish, target) or (source.wish, None)
    if wish:
        found = _by_name(wish, target)
        if found is not None:
            return found
        if not source.wish and (by_use := _by_use(source.special_use, target)) is not None:
            return by_use
        return (INBOX if wish.upper() == INBOX else wish), None
    if source.name.upper() != INBOX and (by_use := _by_use(source.special_use, target)) is not None:
        return by_use
    name = _joined(_path(source), target)
    return _by_name(name, target) or (name, None)


def parents(name: str, delimiter: str | None) -> list[str]:
    """The folders above one, the uppermost first."""
    parts = name.split(delimiter) if delimiter else [name]
    return [(delimiter or "").join(parts[:count]) for count in range(1, len(parts))]


def _path(source: Source) -> list[str]:
    name = source.name
    if name.upper() != INBOX and source.prefix and name.startswith(source.prefix):
        name = name[len(source.prefix) :]
    return name.split(source.delimiter) if source.delimiter else [name]


def _joined(path: list[str], target: Target) -> str:
    delimiter = target.delimiter
    parts = [part.replace(delimiter, INSTEAD) if delimiter else part for part in path]
    parts = [part or INSTEAD for part in parts]
    if parts[0].upper() == INBOX:
        parts[0] = INBOX
        if len(parts) == 1:
            return INBOX
    joined = (delimiter or INSTEAD).join(parts)
    prefix = target.prefix
    return joined if joined.upper().startswith(prefix.upper()) else prefix + joined


def _by_use(use: str, target: Target) -> tuple[str, bytes] | None:
    for one in target.folders:
        if use and one.special_use.lower() == use.lower():
            return one.name, one.raw_name
    return None


def _by_name(name: str, target: Target) -> tuple[str, bytes] | None:
    for one in target.folders:
        if _plain(one.name, target) == _plain(name, target):
            return one.name, one.raw_name
    return None


def _plain(name: str, target: Target) -> str:
    """Names that are the same folder are equal: INBOX in any case, also as the beginning, and composed characters."""
    head, delimiter, rest = name.partition(target.delimiter) if target.delimiter else (name, "", "")
    head = INBOX if head.upper() == INBOX else head
    return unicodedata.normalize("NFC", head + delimiter + rest)
