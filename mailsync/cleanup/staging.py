"""What a person puts together to be cleared away: messages they chose, or all that a query finds.

It becomes a proposal like any other: the guard goes over it, it is frozen, and somebody has to approve of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mailsync.config import actions
from mailsync.errors import NotFound, UsageError
from mailsync.privacy.consent import EMAIL_READ
from mailsync.query.parse import parse
from mailsync.store import candidates, cleanup_drafts, cleanups, consents, jobs

KIND = "cleanup_scan"
PRIORITY = 10
ATTEMPTS = 3
"""As often as that an engine may be killed over it."""
LONGEST = 20_000
"""Messages that are chosen one by one; beyond that there is a query."""


def stage(
    connection: sqlite3.Connection,
    wanted: Sequence[str],
    at: float,
    *,
    messages: Sequence[int] | None = None,
    query: str = "",
    accounts: Sequence[str] = (),
    title: str = "",
) -> int:
    """Have `messages` (ids of mailsync), or what `query` finds in `accounts`, proposed for the actions `wanted`.

    Returns the id of the job that looks at them; its document names the proposals, one an account, and what the guard
    spared. UsageError for actions that do not go together, QueryError, NotFound where there is nothing, ConsentMissing.
    """
    try:
        todo = [str(one) for one in actions.parse_all(wanted)]
    except ValueError as error:
        raise UsageError(str(error), hint="for example: mark_read archive") from None
    if messages is not None and len(messages) > LONGEST:
        raise UsageError(f"more than {LONGEST:,} messages are chosen", hint="a search may name them all")
    if messages is None:
        parse(query)
    by_account: dict[str, list[int] | None] = (
        dict.fromkeys(accounts) if messages is None else dict(candidates.accounts_of(connection, messages))
    )
    if not by_account:
        raise NotFound("none of these messages is there any more" if messages is not None else "no account is named")
    drafts = []
    for name, ids in by_account.items():
        consents.require(connection, name, [EMAIL_READ])
        called = title or (f"{len(ids):,} chosen messages" if ids is not None else "What a search found")
        draft = cleanup_drafts.draft(connection, name, cleanups.SELECTION, called, todo, at, query)
        drafts.append({"draft": draft, "messages": ids})
    return jobs.insert(connection, KIND, at, params={"drafts": drafts}, priority=PRIORITY, max_attempts=ATTEMPTS)
