"""The rules that a scan asks, in their order: the user's own, then those that mailsync comes with. Pure.

A rule names messages; whether one of them may be touched is for `guard` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailsync.config import actions
from mailsync.config.actions import Action
from mailsync.config.cleanup_rules import DEFAULT_ACTIONS, SHIPPED, Kind
from mailsync.pipeline import features
from mailsync.query.parse import parse
from mailsync.query.tree import Query
from mailsync.record import record

if TYPE_CHECKING:
    from mailsync.config.models import Config

MASKS: dict[Kind, int] = {
    "newsletters": features.LIST | features.BULK,
    "notifications": features.NOTIFICATION | features.AUTOMATIC,
    "promotions": features.PROMOTION,
    "calendar": features.CALENDAR,
}
"""What the index must have noticed of a message: one of these bits."""
_NOT_LOOKED_THROUGH = frozenset({"\\Trash", "\\Junk", "\\Sent", "\\Drafts"})
_PLACES = {"trash": "\\Trash", "archive": "\\Archive"}


@record(frozen=True)
class Rule:
    """What a rule looks for, and what is to be done with it; `text` is its query as it is written."""

    name: str
    title: str
    kind: Kind
    text: str
    actions: tuple[Action, ...]

    @property
    def query(self) -> Query | None:
        """None finds everything."""
        return parse(self.text) if self.text else None

    @property
    def mask(self) -> int:
        """Bits of `pipeline.features`, one of which a message must have; 0 for no matter which."""
        return MASKS.get(self.kind, 0)

    def looks_into(self, name: str, special_use: str) -> bool:
        """Messages of this folder may be proposed: they are not where they would go."""
        if self.kind != "query" and special_use in _NOT_LOOKED_THROUGH:
            return False
        last = self.actions[-1]
        return not (_PLACES.get(last.verb) == special_use or (last.verb == "move" and last.name == name))


def wanted(config: Config) -> list[Rule]:
    """The rules that are asked."""
    given = config.cleanup.rules
    shipped = {one.name: one for one in SHIPPED}
    found = [
        Rule(name, one.title or name, "query", one.query, actions.parse_all(one.actions or DEFAULT_ACTIONS))
        for name, one in given.items()
        if one.enabled and name not in shipped
    ]
    for base in SHIPPED:
        one = given.get(base.name)
        if one is None:
            found.append(Rule(base.name, base.title, base.name, base.query, actions.parse_all(base.actions)))
        elif one.enabled:
            text, done = one.query or base.query, actions.parse_all(one.actions or base.actions)
            found.append(Rule(base.name, one.title or base.title, base.name, text, done))
    return found
