"""What a clean-up does with a message, as people write it: "mark_read", "label:Receipts", "archive", "move:Old/2024".

    mark_read mark_unread flag unflag label[:NAME] unlabel[:NAME] archive trash move:FOLDER expunge

A label is what the server has for it: a label of Gmail, else a keyword, else a copy in a folder of that name. A message
goes to one place at most, after everything else was done to it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Literal, get_args

from mailsync.record import record

Verb = Literal["mark_read", "mark_unread", "flag", "unflag", "label", "unlabel", "archive", "trash", "move", "expunge"]
VERBS: tuple[Verb, ...] = get_args(Verb)
DEFAULT_LABEL = "Secretary/Auto-Cleaned"
LONGEST = 200
"""Characters of a name."""
_NAMED = frozenset({"label", "unlabel", "move"})
_AWAY = frozenset({"archive", "trash", "move", "expunge"})
_OPPOSITES = {"mark_read": "mark_unread", "flag": "unflag", "label": "unlabel"}
_KEYWORD = re.compile(r"[A-Za-z0-9!#$&'+,\-./:;<=>?@^_`|~\[]+\Z")


@record(frozen=True)
class Action:
    """One thing to do; `name` is that of the label or folder, "" for verbs that have none. `str` writes it down."""

    verb: Verb
    name: str = ""

    def __str__(self) -> str:
        plain = not self.name or (self.verb != "move" and self.name == DEFAULT_LABEL)
        return self.verb if plain else f"{self.verb}:{self.name}"

    @property
    def goes_away(self) -> bool:
        """The message leaves its folder."""
        return self.verb in _AWAY


def parse(text: str) -> Action:
    """One action. ValueError with a sentence for people."""
    word, colon, rest = text.strip().partition(":")
    verb = next((one for one in VERBS if one == word.strip().lower()), None)
    name = rest.strip()
    if verb is None:
        near = difflib.get_close_matches(word.lower(), VERBS, 1)
        meant = f": {near[0]}?" if near else f"; there are {' '.join(VERBS)}"
        raise ValueError(f'"{text[:60]}" is no action{meant}')
    if colon and verb not in _NAMED:
        raise ValueError(f"{verb} takes no name")
    if colon and not name:
        raise ValueError(f"{verb}: has no name after the colon")
    if len(name) > LONGEST or any(ord(one) < 32 or ord(one) == 127 for one in name):
        raise ValueError(f"the name after {verb}: is longer than {LONGEST} characters, or has control characters")
    if verb == "move" and not name:
        raise ValueError("move needs a folder: move:FOLDER")
    return Action(verb, name or (DEFAULT_LABEL if verb in _NAMED else ""))


def parse_all(texts: Iterable[str]) -> tuple[Action, ...]:
    """Actions in the order of carrying them out, each once. ValueError where they contradict each other."""
    actions = list(dict.fromkeys(parse(text) for text in texts))
    if not actions:
        raise ValueError("there is no action")
    away = [one for one in actions if one.goes_away]
    if len(away) > 1:
        raise ValueError(f"a message goes to one place: {away[0]} or {away[1]}")
    for one in actions:
        other = _OPPOSITES.get(one.verb)
        if other and any(that.verb == other and that.name == one.name for that in actions):
            raise ValueError(f"{one} and {other} undo each other")
    return tuple([one for one in actions if not one.goes_away] + away)


def as_keyword(label: str) -> str | None:
    """The label as a keyword (RFC 3501 section 9, `flag-keyword`), with _ for blanks; None where it cannot be one."""
    word = label.replace(" ", "_")
    return word if _KEYWORD.match(word) else None
