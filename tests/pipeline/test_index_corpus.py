"""Every message of the corpus goes through the index stage, in its processes and under its limits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest

from mailsync.pipeline.runner import Runner
from mailsync.store import accounts, consents, documents, folders, messages
from mailsync.store.database import Store
from tests.corpus import iter_bulk, iter_torture
from tests.pipeline.test_indexer import aside, index
from tests.store.filled import NOW, SCOPES


def mirror(store: Store, raws: Sequence[bytes]) -> None:
    """One folder with these messages and their envelopes."""
    packed = store.codec.pack(list(raws))
    count = len(raws)
    arrivals = messages.Arrivals(
        list(range(1, count + 1)), [0] * count, [""] * count, [1] * count, [None] * count, packed
    )
    store.write(lambda c: accounts.ensure(c, [("work", "me@example.org")])).result()
    store.write(lambda c: consents.grant(c, "work", SCOPES, 1.0)).result()
    store.write(lambda c: folders.upsert(c, 1, [("INBOX", b"INBOX", "/", "", None, None)])).result()
    store.write(lambda c: messages.add(c, 1, arrivals, NOW)).result()
    runner = Runner(store, lambda: NOW)
    while runner.step():
        pass
    runner.close()


@pytest.mark.usefixtures("corpus")
def test_the_whole_corpus(tmp_path: Path) -> None:
    raws = [raw for _, raw in chain(iter_bulk(), iter_torture())]
    with closing(Store.open(tmp_path)) as store:
        mirror(store, raws)
        index(store)
        with store.read() as connection:
            assert aside(connection) == {}
            count = len(set(raws))
            assert count > 5000
            assert documents.progress(connection) == (count, count)
            assert connection.execute("SELECT count(*) FROM words_docsize").fetchone()[0] == count
