"""Random histories, a few of every class of server; `make soak` runs many more."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.servers.model import CLASSES
from tests.sync.histories import History

FEW = settings(
    max_examples=6,
    stateful_step_count=14,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("kind", CLASSES)
def test_histories(kind: str) -> None:
    run_state_machine_as_test(type("Histories", (History,), {"kind": kind}), settings=FEW)
