"""What may stand at the cursor of a query: fields, and values of those that have a few. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from mailsync.query.parse import FIELDS
from mailsync.query.tree import State
from mailsync.store.dashboard import Snapshot

MOST = 8
"""Options that are offered."""
_WORD = re.compile(r"""(?:^|[\s(])-?(?:([A-Za-z][A-Za-z_-]*):)?("(?:[^"\\]|\\.)*|[^\s()"]*)$""", re.DOTALL)
_PLAIN = re.compile(r'[^\s()"\\]+')
_AGES = ("1d", "1w", "1m", "1y")
_SIZES = ("100K", "1M", "10M")
_VALUES: dict[str, Sequence[str]] = {
    "is": get_args(State),
    "has": ("attachment",),
    **dict.fromkeys(("before", "after", "on", "older", "newer"), _AGES),
    **dict.fromkeys(("larger", "smaller"), _SIZES),
}


@dataclass(frozen=True, slots=True)
class Completion:
    """Each of `options` may take the place of the characters from `start` to `stop`."""

    start: int
    stop: int
    options: tuple[str, ...]

    def applied(self, text: str) -> tuple[str, int]:
        """The text with the first option, and where the cursor is then: behind it, and a blank if it is a whole one."""
        chosen = self.options[0]
        blank = "" if chosen.endswith(":") or text[self.stop : self.stop + 1].isspace() else " "
        return text[: self.start] + chosen + blank + text[self.stop :], self.start + len(chosen) + len(blank)


def complete(text: str, cursor: int, names: Mapping[str, Sequence[str]]) -> Completion | None:
    """What may stand at the cursor; None for nothing. `names` are the accounts, folders and labels there are."""
    found = _WORD.search(text, 0, cursor)
    if found is None:
        return None
    field, typed = (found[1] or "").lower(), found[2]
    values = names.get(field) or _VALUES.get(field, ()) if field else [f"{name}:" for name in FIELDS]
    wanted = typed.removeprefix('"').casefold()
    if not field and (not wanted or typed.startswith('"')):
        return None
    first = [value for value in values if value.casefold().startswith(wanted)]
    inner = [value for value in values if wanted in value.casefold() and value not in first] if field else []
    options = tuple(value if not field else quoted(value) for value in (first + inner)[:MOST])
    if not options or options == (typed,):
        return None
    return Completion(cursor - len(typed), cursor, options)


def names_in(snapshot: Snapshot) -> dict[str, list[str]]:
    """The values that accounts, folders and labels give to their fields."""
    return {
        "account": [account.name for account in snapshot.accounts],
        "folder": list(dict.fromkeys(folder.name for folder in snapshot.folders)),
        "label": list(dict.fromkeys(label.name for label in snapshot.labels)),
    }


def quoted(value: str) -> str:
    """A value as it is written in a query."""
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
