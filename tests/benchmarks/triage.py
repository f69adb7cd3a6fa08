"""What comes first among 100,000 and 1,000,000 generated messages, and what it costs to give each its points.

    scored   the stage, microseconds of a message (processor time of this process, SQLite's with it)
    first    from the query to the reasons of the last message, the store open and in memory's reach

`python -m tests.benchmarks.triage [messages...]`
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mailsync.config.models import Config
from mailsync.pipeline import features, triage
from mailsync.pipeline.scorer import Scorer
from mailsync.query.parse import parse
from mailsync.store.database import Store
from tests.benchmarks import zipf
from tests.benchmarks.search import measured, quantiles

SIZES = (100_000, 1_000_000)
DAY = 86400.0
CONFIG = {"accounts": {"big": {"email": zipf.ME, "names": [zipf.word(5).title()], "host": "mail.example"}}}


def notice(connection: sqlite3.Connection) -> None:
    """Features such as half of real mail has; who writes has written by hand, lists and shops do not."""
    chance = random.Random(3)
    usual = [0, 0, features.QUESTION, features.QUESTION, features.DEADLINE, features.INVOICE, features.REPLY]
    by_list = features.LIST | features.BULK
    rows = connection.execute("SELECT id, traits & 1 FROM documents").fetchall()
    connection.executemany(
        "UPDATE documents SET features = ? WHERE id = ?",
        [(chance.choice(usual) | by_list * of_list, number) for number, of_list in rows],
    )


def ask(store: Store, text: str, limit: int, now: float, since: float | None = None) -> int:
    with store.read() as connection:
        query = parse(text) if text else None
        return len(triage.first(connection, query, limit, now, since=since, addresses={}))


def main(arguments: Sequence[str] = ()) -> None:
    for size in [int(one) for one in arguments if one.isdecimal()] or list(SIZES):
        with tempfile.TemporaryDirectory(prefix="mailsync-triage-") as name:
            zipf.store(Path(name), size)
            store = Store.open(Path(name), create=False)
            store.write(notice).result()
            scorer = Scorer(store, Config.model_validate(CONFIG))
            started = time.process_time()
            while scorer.step():
                continue
            print(f"{size:,} messages: scored in {(time.process_time() - started) / size * 1e6:.0f} us each")
            now = float(zipf.END)
            for title, text, limit, since in (
                ("the first 10", "", 10, None),
                ("of today", "", 10, now - DAY),
                ("unread", "is:unread", 10, None),
                ("about a usual word", zipf.word(300), 10, None),
                ("about a common word", zipf.word(2), 10, None),
                ("the first 300", "", 300, None),
            ):
                times = measured(partial(ask, store, text, limit, now, since))
                print(f"  {title:24} {quantiles(times)}", flush=True)
            store.close()


if __name__ == "__main__":
    main(sys.argv[1:])
