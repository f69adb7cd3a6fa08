"""What the audit trail keeps of the syncs of an account: numbers, and a digest of what the mirror then holds.

Every sync that a person asked for; of scheduled ones those that changed something or ended otherwise than the one on
record before, so that a server that cannot be reached for a week is no thousand rows. What was pushed between two
syncs shows in the next one, by its certificates.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mailsync.model import AccountResult
from mailsync.store import audit, certificates


def note(
    connection: sqlite3.Connection, account_id: int, result: AccountResult, outcome: str, at: float, *, scheduled: bool
) -> None:
    """Record a sync that ended with `outcome`: "ok", "partly" where folders failed, or the name of an error type."""
    folders = result.folders + result.cut
    done = {
        name: sum(getattr(folder, name) for folder in folders)
        for name in ("new", "changed", "deleted", "quarantined", "bytes")
    }
    certified = certificates.digest(connection, account_id)
    if scheduled and not any(done.values()):
        before = audit.last(connection, result.name, "sync")
        if before is not None and before.outcome == outcome and certified in before.detail:
            return
    strategies: Mapping[str, Any] = Counter(
        f"strategy_{folder.strategy}" for folder in folders if folder.strategy is not None
    )
    audit.record(
        connection,
        "sync",
        at=at,
        account=result.name,
        outcome=outcome,
        scheduled=scheduled,
        folders=len(folders),
        failed=sum(folder.error is not None for folder in folders),
        certificates=certified,
        **done,
        **strategies,
    )
