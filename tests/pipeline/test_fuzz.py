"""A few seconds of what tests/soak/test_parse_fuzz.py does for ten minutes."""

from __future__ import annotations

import itertools

import pytest

from tests.corpus import iter_torture
from tests.pipeline.damage import Watch, damaged


@pytest.mark.usefixtures("corpus")
def test_damaged_mail() -> None:
    messages = [raw for _, raw in iter_torture() if len(raw) < 100_000]
    watch = Watch()
    for number, raw in enumerate(itertools.islice(damaged(messages, seed=5), 500)):
        try:
            watch.parse(raw)
        except Exception as error:
            raise AssertionError(f"number {number}") from error
    print(watch)
