"""Scores by the configuration as it is now, for a command that shows them where nobody runs an engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mailsync.errors import OwnedElsewhere
from mailsync.pipeline.terms import terms
from mailsync.store import scores
from mailsync.store.database import Store
from mailsync.store.lock import EngineLock

if TYPE_CHECKING:
    from mailsync.config.models import Config


def catch_up(config: Config, store: Store, data_dir: Path) -> None:
    """Have every document that the index has scored; it blocks. Another process's engine is left to do it.

    No engine is started for it: that would do whatever waits in the queue.
    """
    with store.read() as connection:
        if not scores.is_work(connection, terms(config).stamp):
            return
    lock = EngineLock(data_dir)
    try:
        lock.acquire()
    except OwnedElsewhere:
        return
    try:
        from mailsync.pipeline.scorer import Scorer

        scorer = Scorer(store, config)
        while scorer.step():
            continue
    finally:
        lock.release()
