"""The clean-up rules that mailsync comes with, as data. What they find is judged by `cleanup.guard` like anything else.

`[cleanup.rules.NAME]` replaces what it says of one of these. They are asked in this order, behind the user's own, and a
message belongs to the first that proposes it.
"""

from __future__ import annotations

from typing import Literal

from mailsync.record import record

Kind = Literal["query", "newsletters", "notifications", "promotions", "calendar", "duplicates", "oversize", "senders"]
"""What a rule looks at beyond its query; "query" at nothing."""


@record(frozen=True)
class Shipped:
    """One rule: `query` in the language of `search`, `actions` as in `config.actions`."""

    name: Kind
    title: str
    query: str
    actions: tuple[str, ...]


SHIPPED = (
    Shipped("duplicates", "Copies of a message that is in the same folder", "", ("trash",)),
    Shipped("calendar", "Invitations and their answers, of dates that are over", "older:1m", ("trash",)),
    Shipped("promotions", "Offers that are over", "older:1m", ("trash",)),
    Shipped("notifications", "Notifications that were read", "is:read older:3m", ("trash",)),
    Shipped("newsletters", "Newsletters and list mail older than six months", "older:6m", ("trash",)),
    Shipped("oversize", "Large attachments, which are in the mirror", "larger:5M older:1y has:attachment", ("trash",)),
    Shipped("senders", "Senders of hundreds of messages that are hardly read", "older:3m", ("mark_read", "archive")),
)
UNASKED = ("duplicates",)
"""Those that have no query: what they find is found by comparing."""
DEFAULT_ACTIONS = ("label",)
"""Of a rule of the user's own that names none."""
