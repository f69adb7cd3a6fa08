"""The way to an approval for every front end: what a person is warned of, and that they said they know it.

What an approval needs beside that is asked in `store.cleanup_decisions`; the executor holds the list against the
breaker once more.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from mailsync.cleanup import breaker
from mailsync.errors import UsageError
from mailsync.store import cleanup_decisions, cleanup_runs

if TYPE_CHECKING:
    from mailsync.config.models import Config


def excess(connection: sqlite3.Connection, config: Config, cleanup_id: int, at: float) -> list[str]:
    """Why a list is more than is usual for its folders, in sentences; empty when it is not."""
    return breaker.excess(cleanup_runs.measures(connection, cleanup_id, at), config.cleanup.max_share)


def approve(
    connection: sqlite3.Connection,
    config: Config,
    cleanup_id: int,
    shown: str,
    at: float,
    *,
    large: bool = False,
    typed: str = "",
) -> int:
    """`cleanup_decisions.approve`, but UsageError as well for a list beyond the breaker's measure, unless `large`."""
    beyond = excess(connection, config, cleanup_id, at)
    if beyond and not large:
        raise UsageError(f"this is more than is usual ({beyond[0]})", hint="say that it is meant: --large")
    return cleanup_decisions.approve(connection, cleanup_id, shown, at, large=bool(beyond), typed=typed)
